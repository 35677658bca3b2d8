//! Edits as a value: read from a reply, gated, minimised, applied to text. No IO but through a Snapshot.

mod anchor;
mod block;
mod call;
mod diff;
#[cfg(test)]
mod fuzz;
mod gate;
mod hunks;
mod minimise;
mod named;
mod nearest;
mod place;
mod protected;
mod read;
mod search_replace;
#[cfg(test)]
mod tests;
mod whole;

pub use anchor::Hint;
pub use block::{Block, Reach};
pub use diff::diff;
pub use gate::{Asks, gate};
pub use minimise::{edits, minimise};
pub use protected::{holds_secrets, is_loaded_by_tests, is_test};
pub use read::{blocks, read};
pub use whole::fenced;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::workspace::{ReadError, RelPath, Snapshot};

/// Edits by byte range against the texts of one Snapshot, and what becomes of the files themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Patch {
    files: BTreeMap<RelPath, Change>,
}

/// What becomes of one file. Its text changes by edits whatever its fate is: a new file has edits of the empty text,
/// one that goes has those that empty it, one that moves those of its old text. So who only works on texts needs to
/// know one case, and who moves files need not know texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In order and apart from each other.
    pub edits: Vec<Edit>,
    /// What becomes of the file.
    pub fate: Fate,
}

/// What becomes of a file beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum Fate {
    /// It stays where it is.
    #[default]
    Kept,
    /// It is a new one.
    Created,
    /// It goes.
    Deleted,
    /// It gets this name.
    Moved(RelPath),
}

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Bytes of the old text.
    pub range: Range<usize>,
    /// What stands there afterwards.
    pub text: String,
}

/// Why a reply or a patch cannot be used, in words for the worker that wrote it and for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(pub String);

impl Patch {
    /// Adds the change of one file; its edits must be in order, in range and apart from each other.
    pub fn insert(&mut self, path: RelPath, change: impl Into<Change>) -> Result<(), Problem> {
        let change = change.into();
        if change.edits.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
            return Err(Problem(format!("edits of {path} overlap")));
        }
        if !(change.edits.is_empty() && change.fate == Fate::Kept) {
            self.files.insert(path, change);
        }
        Ok(())
    }

    /// The files it changes, by the names they have before.
    pub fn files(&self) -> &BTreeMap<RelPath, Change> {
        &self.files
    }

    /// The names that no file may have before it is applied.
    pub fn new_names(&self) -> impl Iterator<Item = &RelPath> {
        self.files.iter().filter_map(|(path, change)| match &change.fate {
            Fate::Created => Some(path),
            Fate::Moved(to) => Some(to),
            Fate::Kept | Fate::Deleted => None,
        })
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl From<Vec<Edit>> for Change {
    fn from(edits: Vec<Edit>) -> Self {
        Self { edits, fate: Fate::Kept }
    }
}

impl Change {
    /// The text that its edits are for.
    pub fn before(&self, path: &RelPath, snapshot: &Snapshot) -> Result<Arc<str>, ReadError> {
        if self.fate == Fate::Created { Ok("".into()) } else { snapshot.read(path) }
    }

    /// Every name that the file has, before or after.
    pub fn names<'a>(&'a self, path: &'a RelPath) -> impl Iterator<Item = &'a RelPath> {
        std::iter::once(path).chain(self.name(path).filter(move |name| *name != path))
    }

    /// The name of the file afterwards, if there is one.
    pub fn name<'a>(&'a self, path: &'a RelPath) -> Option<&'a RelPath> {
        match &self.fate {
            Fate::Kept | Fate::Created => Some(path),
            Fate::Moved(to) => Some(to),
            Fate::Deleted => None,
        }
    }
}

/// `text` with `edits` made; `None` where they do not fit the text.
pub fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        new.push_str(text.get(at..edit.range.start)?);
        text.get(edit.range.clone())?;
        new.push_str(&edit.text);
        at = edit.range.end;
    }
    new.push_str(text.get(at..)?);
    Some(new)
}
