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
pub use gate::gate;
pub use minimise::minimise;
pub use protected::holds_secrets;
pub use read::{blocks, read};

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use crate::workspace::RelPath;

/// Edits by byte range against the texts of one Snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Patch {
    files: BTreeMap<RelPath, Vec<Edit>>,
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
    /// Adds the edits of one file; they must be in order, in range and apart from each other.
    pub fn insert(&mut self, path: RelPath, edits: Vec<Edit>) -> Result<(), Problem> {
        if edits.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
            return Err(Problem(format!("edits of {path} overlap")));
        }
        if !edits.is_empty() {
            self.files.insert(path, edits);
        }
        Ok(())
    }

    /// The files it changes, each with its edits in order.
    pub fn files(&self) -> &BTreeMap<RelPath, Vec<Edit>> {
        &self.files
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
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
