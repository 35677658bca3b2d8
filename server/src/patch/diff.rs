//! A patch as a unified diff, as people read it and `git apply` takes it.

use std::time::Duration;

use similar::TextDiff;

use super::{Patch, apply};
use crate::workspace::Snapshot;

/// The unified diff of all files of `patch`, with `a/` and `b/` before their names; empty without a change.
pub fn diff(patch: &Patch, snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (path, edits) in patch.files() {
        let Ok(old) = snapshot.read(path) else { continue };
        let Some(new) = apply(&old, edits) else { continue };
        let lines = TextDiff::configure().timeout(Duration::from_secs(2)).diff_lines(&*old, &*new);
        let headers = (format!("a/{path}"), format!("b/{path}"));
        text.push_str(&lines.unified_diff().header(&headers.0, &headers.1).to_string());
    }
    text
}
