//! Brings a map up to date: files that changed are read again, those that are gone are taken out, and what an
//! editor has open counts as the editor has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use super::walk::{Stamp, walk};
use super::{File, Map, Skipped, Tagged, hash};
use crate::workspace::{Buffer, RelPath, Snapshot};

/// Largest file whose names are read, in bytes.
const MOST_BYTES: u64 = 1_000_000;
/// Longest lines, on average in bytes, that somebody wrote.
const LONG_LINES: usize = 300;
/// Files that are read before what they hold is put into the map for others to see.
const TOGETHER: usize = 512;

/// Files up to which one thread finds out what changed: several wait for each other in whole milliseconds.
const FEW: usize = 2000;

/// Brings the map of the snapshot's workspace up to date. The lock is held only to compare and to put in what
/// was read. `false`: it was stopped; what was done until then stays.
pub fn refresh(map: &RwLock<Map>, snapshot: &Snapshot, stopped: impl Fn() -> bool + Sync) -> bool {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let is_small = map.read().unwrap_or_else(PoisonError::into_inner).by_path.len() < FEW;
    let found = walk(snapshot.root(), if is_small { 1 } else { threads }, &stopped);
    if stopped() {
        return false;
    }
    let changed = map.write().unwrap_or_else(PoisonError::into_inner).compare(found, snapshot.overlay());
    for some in changed.chunks(TOGETHER) {
        let read = read_all(snapshot.root(), some, threads, &stopped);
        let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
        read.into_iter().for_each(|file| map.put(file));
        if stopped() {
            return false;
        }
    }
    let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
    map.lay(snapshot.overlay());
    true
}

impl Map {
    /// Whether what an editor has open is as the map has it. What is not in the map by now is ignored, secret or
    /// of no known language.
    pub(in crate::context) fn knows(&self, overlay: &BTreeMap<RelPath, Buffer>) -> bool {
        overlay.iter().all(|(path, buffer)| self.has(path, buffer))
    }

    /// Takes in what an editor has open.
    pub(in crate::context) fn lay(&mut self, overlay: &BTreeMap<RelPath, Buffer>) {
        for (path, buffer) in overlay {
            if !self.has(path, buffer) {
                self.insert(file(path.clone(), None, buffer.text.as_bytes()));
            }
        }
    }

    fn has(&self, path: &RelPath, buffer: &Buffer) -> bool {
        self.id(path).is_none_or(|id| self.file(id).hash == hash(buffer.text.as_bytes()))
    }

    /// Takes out what was not found; of what was found, gives that which is new or was changed.
    fn compare(&mut self, found: Vec<(RelPath, Stamp)>, overlay: &BTreeMap<RelPath, Buffer>) -> Vec<(RelPath, Stamp)> {
        let mut seen = vec![false; self.files.len()];
        let mut changed = Vec::new();
        for (path, stamp) in found {
            let known = self.id(&path);
            known.into_iter().for_each(|id| seen[id as usize] = true);
            let is_same = known.is_some_and(|id| self.file(id).stamp == Some(stamp) || overlay.contains_key(&path));
            if !is_same {
                changed.push((path, stamp));
            }
        }
        let gone = self.files.iter().zip(seen).filter(|(_, seen)| !seen).filter_map(|(file, _)| file.as_ref());
        let gone: Vec<RelPath> = gone.map(|file| file.path.clone()).collect();
        gone.iter().for_each(|path| self.remove(path));
        changed
    }

    /// Puts a file in that was read from disk; if only its stamp is new, that.
    fn put(&mut self, file: File) {
        let id = self.id(&file.path);
        match id.and_then(|id| self.files[id as usize].as_mut()) {
            Some(known) if known.hash == file.hash && known.skipped == file.skipped => {
                known.stamp = file.stamp;
                self.changed.store(true, Ordering::Relaxed);
            }
            _ => self.insert(file),
        }
    }
}

/// What could be read until it was stopped.
fn read_all(root: &Path, files: &[(RelPath, Stamp)], threads: usize, stopped: impl Fn() -> bool + Sync) -> Vec<File> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        let mut own = Vec::new();
        while !stopped()
            && let Some((path, stamp)) = files.get(next.fetch_add(1, Ordering::Relaxed))
        {
            own.push(read(root, path, *stamp));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    };
    if files.len() == 1 {
        work();
    } else {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    }
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn read(root: &Path, path: &RelPath, stamp: Stamp) -> File {
    let skipped =
        |why| File { path: path.clone(), stamp: Some(stamp), hash: 0, skipped: Some(why), tagged: Tagged::default() };
    if stamp.size() > MOST_BYTES {
        return skipped(Skipped::NotWritten);
    }
    match std::fs::read(path.under(root)) {
        Ok(text) => file(path.clone(), Some(stamp), &text),
        Err(_) => skipped(Skipped::NotText),
    }
}

fn file(path: RelPath, stamp: Option<Stamp>, text: &[u8]) -> File {
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let is_written = text.len() as u64 <= MOST_BYTES && (text.len() < 4096 || text.len() / lines <= LONG_LINES);
    let (skipped, tagged) = match (is_written, std::str::from_utf8(text)) {
        (false, _) => (Some(Skipped::NotWritten), Tagged::default()),
        (_, Err(_)) => (Some(Skipped::NotText), Tagged::default()),
        (true, Ok(text)) => {
            let language = baton_grammars::by_path(path.as_str().as_ref());
            (None, language.map(|language| Tagged::of(language, text)).unwrap_or_default())
        }
    };
    File { path, stamp, hash: hash(text), skipped, tagged }
}
