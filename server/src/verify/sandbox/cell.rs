//! What a command may see and change.

use std::path::{Path, PathBuf};

use super::super::overlay::Overlay;

/// What a command may see and change: one private tree, shown at the workspace's own path.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The private tree on this machine.
    pub(in crate::verify) tree: PathBuf,
    /// The workspace's path, where the tree appears inside.
    pub(in crate::verify) at: PathBuf,
    /// Where the command starts, as seen inside; below `at`.
    pub(in crate::verify) cwd: PathBuf,
    /// Shown read-only: path on this machine, path inside.
    pub(in crate::verify) readable: Vec<(PathBuf, PathBuf)>,
    /// Shown writable, beside the tree: path on this machine, path inside.
    pub(in crate::verify) writable: Vec<(PathBuf, PathBuf)>,
    /// Variables beside the fixed few.
    pub(in crate::verify) env: Vec<(String, String)>,
    /// What is mounted before, where the tree is a view of another; bubblewrap alone can have one.
    pub(in crate::verify) overlay: Option<Overlay>,
}

impl Cell {
    /// Shows one more file or directory of this machine, read-only, at `inside`.
    pub fn readable(mut self, host: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        self.readable.push((host.into(), inside.into()));
        self
    }

    /// Sets one more variable for the command.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where the command starts, as seen inside.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The workspace's path, where the tree appears inside.
    pub fn root(&self) -> &Path {
        &self.at
    }

    /// Everything shown: path on this machine, path inside; what lies deepest inside comes first.
    pub(super) fn shown(&self) -> Vec<(&Path, &Path)> {
        let tree = [(self.tree.as_path(), self.at.as_path())];
        let others =
            self.readable.iter().chain(&self.writable).map(|(host, inside)| (host.as_path(), inside.as_path()));
        let mut shown: Vec<_> = tree.into_iter().chain(others).collect();
        shown.sort_by_key(|(_, inside)| std::cmp::Reverse(inside.components().count()));
        shown
    }
}
