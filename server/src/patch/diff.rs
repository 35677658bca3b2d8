//! A patch as a unified diff, as people read it and `git apply` takes it.

use std::time::Duration;

use similar::TextDiff;

use super::{Fate, Patch, apply};
use crate::workspace::Snapshot;

/// The unified diff of all files of `patch`, with `a/` and `b/` before their names; empty without a change.
pub fn diff(patch: &Patch, snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (path, change) in patch.files() {
        let Ok(old) = change.before(path, snapshot) else { continue };
        let Some(new) = apply(&old, &change.edits) else { continue };
        let lines = TextDiff::configure().timeout(Duration::from_secs(2)).diff_lines(&*old, &*new);
        let name = change.name(path).unwrap_or(path);
        let (mut before, mut after) = (format!("a/{path}"), format!("b/{name}"));
        let absent = || "/dev/null".to_owned();
        let said = match &change.fate {
            Fate::Kept => String::new(),
            Fate::Created => format!("diff --git {before} {after}\nnew file mode 100644\n"),
            Fate::Deleted => format!("diff --git {before} {after}\ndeleted file mode 100644\n"),
            Fate::Moved(to) => format!("diff --git {before} {after}\nrename from {path}\nrename to {to}\n"),
        };
        text.push_str(&said);
        match change.fate {
            Fate::Created => before = absent(),
            Fate::Deleted => after = absent(),
            Fate::Kept | Fate::Moved(_) => {}
        }
        text.push_str(&lines.unified_diff().header(&before, &after).to_string());
    }
    text
}
