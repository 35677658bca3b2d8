//! The files that a map is made of: what git and `.batonignore` leave, of a language that is known.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ignore::{WalkBuilder, WalkState};
use serde::{Deserialize, Serialize};

use crate::context::ignored;
use crate::patch::holds_secrets;
use crate::workspace::RelPath;

/// Most files of a map; what comes after them is left out.
const MOST_FILES: usize = 200_000;

/// What the system says of a file: the same if it was not touched in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stamp {
    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Self {
            size: found.len(),
            modified_ns: ns(found.mtime(), found.mtime_nsec()),
            changed_ns: ns(found.ctime(), found.ctime_nsec()),
        }
    }
}

/// Every file with its stamp; nothing behind links. `stopped` ends it early, with what was found.
pub(super) fn walk(root: &Path, threads: usize, stopped: impl Fn() -> bool + Sync) -> Vec<(RelPath, Stamp)> {
    let gathered = Mutex::new(Vec::new());
    let mut builder = WalkBuilder::new(root);
    ignored::rules(&mut builder).hidden(true).threads(threads).filter_entry(|entry| {
        let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
        !(is_dir && entry.depth() > 0 && entry.file_name().to_str().is_none_or(holds_dependencies))
    });
    builder.build_parallel().run(|| {
        let mut batch = Batch { found: Vec::new(), gathered: &gathered };
        let stopped = &stopped;
        Box::new(move |entry| {
            if stopped() {
                return WalkState::Quit;
            }
            let Ok(entry) = entry else { return WalkState::Continue };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) || baton_grammars::by_path(entry.path()).is_none()
            {
                return WalkState::Continue;
            }
            let Ok(path) = RelPath::within(root, entry.path()) else { return WalkState::Continue };
            if let Some(stamp) = entry.metadata().ok().filter(|_| !holds_secrets(&path)) {
                batch.found.push((path, Stamp::from(&stamp)));
            }
            WalkState::Continue
        })
    });
    let mut found = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    if found.len() > MOST_FILES {
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        found.truncate(MOST_FILES);
    }
    found
}

/// Whether a directory of this name holds what others wrote, in a language's own way.
fn holds_dependencies(name: &str) -> bool {
    baton_grammars::all().iter().any(|language| language.facts.dependencies.iter().any(|own| own == name))
}

/// What one thread found; handed over when the thread is done.
struct Batch<'a> {
    found: Vec<(RelPath, Stamp)>,
    gathered: &'a Mutex<Vec<(RelPath, Stamp)>>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.found);
    }
}
