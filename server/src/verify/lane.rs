//! One private tree that a candidate can be laid into and run in, apart from the others.

use std::path::PathBuf;
use std::sync::Arc;

use crate::workspace::RelPath;

use super::VerifyError;
use super::manifest::Texts;
use super::sandbox::Cell;
use super::shadow::Shadow;

/// A private tree of a workspace for judging candidates. Its methods block on the disk.
pub struct Lane {
    pub(super) shadow: Shadow,
    pub(super) unsaved: Arc<Texts>,
    pub(super) directory: PathBuf,
    pub(super) env: Vec<(String, String)>,
}

impl Lane {
    /// Lays `text` over a file of the tree; the file is a new one, so nothing that runs there sees half of it.
    pub fn put(&mut self, path: &RelPath, text: &str) -> Result<(), VerifyError> {
        self.shadow.put(path, text)
    }

    /// The tree as a cell; the command starts where the tests start, with the variables that they need.
    pub fn cell(&self) -> Cell {
        let cell = self.shadow.cell(&self.directory);
        self.env.iter().fold(cell, |cell, (name, value)| cell.env(name, value))
    }

    /// Makes the tree equal to the snapshot again, whatever ran in it. Nothing may be running in it.
    pub fn reset(&mut self) -> Result<(), VerifyError> {
        self.shadow.sync(&self.unsaved).map(drop)
    }
}
