//! What was written to a private tree, place by place, so that it can be told what has to be written anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tree::Seen;
use super::walk::{Item, Stamp};
use crate::workspace::RelPath;

/// Texts laid over the files, by path; `None`: no such file.
pub type Texts = BTreeMap<RelPath, Option<Arc<str>>>;

/// What was written, by path; paths are text, which compares faster than paths do.
pub(super) type Manifest = BTreeMap<String, Kept>;

/// An entry, and whether it is known to stand as it was written.
pub(super) struct Kept {
    pub(super) entry: Entry,
    pub(super) intact: bool,
}

/// What was written at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    Directory,
    Link { target: PathBuf, copy: Stamp },
    File { source: Source, copy: Stamp, settled: bool },
}

/// What a file's content came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Source {
    Disk(Stamp),
    /// A digest of a text.
    Text([u8; 32]),
}

/// What is wanted at a place.
#[derive(Clone, Copy)]
pub(super) enum Want<'a> {
    Directory,
    Link(&'a Path),
    Disk(Stamp),
    Text(&'a str, u32),
}

impl Entry {
    /// Whether what was seen is this, untouched.
    pub(super) fn is(&self, seen: Seen) -> bool {
        match (self, seen) {
            (Self::Directory, Seen::Directory) => true,
            (Self::Link { copy, .. }, Seen::Link(now)) | (Self::File { copy, .. }, Seen::File(now)) => *copy == now,
            _ => false,
        }
    }

    /// Whether it holds a text that was laid over the workspace.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::File { source: Source::Text(_), .. })
    }
}

impl Source {
    /// That of a text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Sha256::digest(text.as_bytes()).into())
    }
}

impl Want<'_> {
    /// Whether it is of the kind that stands there: a file in place of a directory needs more than being written.
    pub(super) fn is_kind_of(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Directory => matches!(self, Self::Directory),
            Entry::Link { .. } => matches!(self, Self::Link(_)),
            Entry::File { .. } => matches!(self, Self::Disk(_) | Self::Text(..)),
        }
    }
}

impl<'a> From<&'a Item> for Want<'a> {
    fn from(item: &'a Item) -> Self {
        match item {
            Item::Directory => Self::Directory,
            Item::File(stamp) => Self::Disk(*stamp),
            Item::Link(target) => Self::Link(target),
        }
    }
}

/// Reads what [`save`] wrote; `None` if it is not there or not whole.
pub(super) fn load(file: &Path) -> Option<Manifest> {
    let entries: Vec<(String, Entry)> = postcard::from_bytes(&fs::read(file).ok()?).ok()?;
    Some(entries.into_iter().map(|(path, entry)| (path, Kept { entry, intact: true })).collect())
}

/// Writes it at once or not at all.
pub(super) fn save(manifest: &Manifest, file: &Path) -> Option<()> {
    let entries: Vec<_> = manifest.iter().map(|(path, kept)| (path, &kept.entry)).collect();
    let new = file.with_extension("new");
    fs::write(&new, postcard::to_allocvec(&entries).ok()?).ok()?;
    fs::rename(&new, file).ok()
}

/// The directories that hold `path`, the outermost first.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
