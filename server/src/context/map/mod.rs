//! The map of a workspace: which file defines a name, which files use it, and so which files are near a task.
//!
//! The idea is aider's repository map (aider.chat/docs/repomap.html): files are linked by the names that one
//! defines and another uses, and PageRank that starts from the task says which of them matter to it. The map
//! holds no text, and only the neighbourhood of a task is ever drawn as a graph (`rank`), so a query takes the
//! same time in a large repository and a change costs no more than the file that was changed.

mod rank;
mod refresh;
mod store;
mod tagged;
mod walk;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use baton_grammars::Language;

use crate::workspace::RelPath;

pub(super) use rank::COMMON;
pub use refresh::refresh;
pub(super) use store::place;
pub(super) use tagged::{Definition, Tagged, hash};

use tagged::Name;
use walk::Stamp;

/// The number of a file within one map; numbers of files that are gone are used again.
pub(super) type FileId = u32;

/// The map of one workspace.
#[derive(Debug, Default)]
pub struct Map {
    files: Vec<Option<File>>,
    by_path: HashMap<RelPath, FileId>,
    defined: HashMap<Name, Vec<FileId>>,
    used: HashMap<Name, Vec<FileId>>,
    /// Whether something is different from what is on disk as its cache.
    changed: AtomicBool,
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub(super) path: RelPath,
    /// `None`: the text is an editor's, and another than that on disk.
    stamp: Option<Stamp>,
    /// Of its text.
    pub(super) hash: u64,
    /// Why it was not read.
    skipped: Option<Skipped>,
    pub(super) tagged: Tagged,
}

/// Why a file has no names in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Skipped {
    /// It is larger than 1 MB, or its lines are so long that nobody wrote them.
    NotWritten,
    /// It cannot be read as text.
    NotText,
}

/// A map in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files whose names are known.
    pub files: usize,
    /// Files that are too large or minified.
    pub not_written: usize,
    /// Files that could not be read as text.
    pub not_text: usize,
    /// Definitions.
    pub definitions: usize,
    /// Uses.
    pub uses: usize,
}

impl Map {
    /// What it holds.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for file in self.files.iter().flatten() {
            match file.skipped {
                None => summary.files += 1,
                Some(Skipped::NotWritten) => summary.not_written += 1,
                Some(Skipped::NotText) => summary.not_text += 1,
            }
            summary.definitions += file.tagged.definitions.len();
            summary.uses += file.tagged.uses.len();
        }
        summary
    }

    /// The number of a file.
    pub(super) fn id(&self, path: &RelPath) -> Option<FileId> {
        self.by_path.get(path).copied()
    }

    /// A file; the number must be of this map.
    pub(super) fn file(&self, id: FileId) -> &File {
        self.files[id as usize].as_ref().unwrap_or_else(|| unreachable!("file {id} is gone, and so is every use of it"))
    }

    /// The files that define a name which a file uses: those of its own language, where there are some.
    pub(super) fn definers(&self, name: Name, user: FileId) -> Vec<FileId> {
        let all = self.defined.get(&name).map_or(&[][..], Vec::as_slice);
        let language = self.file(user).language();
        let own: Vec<FileId> = all.iter().copied().filter(|id| self.file(*id).language() == language).collect();
        if own.is_empty() { all.to_vec() } else { own }
    }

    /// The files that use a name.
    pub(super) fn users(&self, name: Name) -> &[FileId] {
        self.used.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The files that define a name, of any language.
    pub(super) fn defining(&self, name: &str) -> &[FileId] {
        self.defined.get(&hash(name.as_bytes())).map_or(&[], Vec::as_slice)
    }

    /// Puts a file in, in place of what was known of it.
    fn insert(&mut self, file: File) {
        self.remove(&file.path);
        let has_free = self.by_path.len() < self.files.len();
        let free = if has_free { self.files.iter().position(Option::is_none) } else { None };
        let id = free.unwrap_or(self.files.len()) as FileId;
        for (name, _) in file.tagged.used(0..usize::MAX) {
            self.used.entry(name).or_default().push(id);
        }
        for name in file.tagged.defined() {
            self.defined.entry(name).or_default().push(id);
        }
        self.by_path.insert(file.path.clone(), id);
        match self.files.get_mut(id as usize) {
            Some(place) => *place = Some(file),
            None => self.files.push(Some(file)),
        }
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Takes a file out, if it is there.
    fn remove(&mut self, path: &RelPath) {
        let Some(id) = self.by_path.remove(path) else { return };
        let Some(file) = self.files[id as usize].take() else { return };
        for (name, _) in file.tagged.used(0..usize::MAX) {
            take(&mut self.used, name, id);
        }
        for name in file.tagged.defined() {
            take(&mut self.defined, name, id);
        }
        self.changed.store(true, Ordering::Relaxed);
    }
}

impl File {
    fn language(&self) -> Option<&'static Language> {
        baton_grammars::by_path(self.path.as_str().as_ref())
    }
}

fn take(index: &mut HashMap<Name, Vec<FileId>>, name: Name, id: FileId) {
    if let Some(files) = index.get_mut(&name) {
        files.retain(|other| *other != id);
        if files.is_empty() {
            index.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests;
