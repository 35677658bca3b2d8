//! An immutable view of the workspace: unsaved buffers laid over the files on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::RelPath;

/// Largest file that is read as text, in bytes.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// The workspace at one moment. A clone costs one `Arc`. A file is read from disk once and then
/// stays as it was read, so everything in a run sees the same text.
#[derive(Clone)]
pub struct Snapshot(Arc<Inner>);

struct Inner {
    root: PathBuf,
    overlay: BTreeMap<RelPath, Buffer>,
    read: Mutex<BTreeMap<RelPath, Arc<str>>>,
}

/// An open document as the editor has it.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// Its text.
    pub text: Arc<str>,
    /// The editor's version number of that text.
    pub version: i32,
}

/// Why a file has no text for us.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there, or may not be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Within the workspace.
        path: RelPath,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not text.
    #[error("{0} is not UTF-8 text")]
    NotText(RelPath),
    /// It is larger than Baton edits.
    #[error("{0} is larger than 8 MiB; Baton does not edit files of that size")]
    TooLarge(RelPath),
    /// A link on its path leads out of the workspace.
    #[error("{0} leads out of the workspace through a link")]
    Outside(RelPath),
}

impl ReadError {
    /// Whether nothing is there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

impl Snapshot {
    /// A view of `root` (canonical) with unsaved buffers over it.
    pub fn new(root: PathBuf, overlay: BTreeMap<RelPath, Buffer>) -> Self {
        Self(Arc::new(Inner { root, overlay, read: Mutex::default() }))
    }

    /// The workspace folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// The open documents.
    pub fn overlay(&self) -> &BTreeMap<RelPath, Buffer> {
        &self.0.overlay
    }

    /// The version of an open document.
    pub fn version(&self, path: &RelPath) -> Option<i32> {
        self.0.overlay.get(path).map(|buffer| buffer.version)
    }

    /// The text of a file: the editor's, else the disk's as first read in this view.
    pub fn read(&self, path: &RelPath) -> Result<Arc<str>, ReadError> {
        if let Some(buffer) = self.0.overlay.get(path) {
            return Ok(buffer.text.clone());
        }
        let mut read = self.0.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(text) = read.get(path) {
            return Ok(text.clone());
        }
        self.real(path)?;
        let text: Arc<str> = read_text(&self.0.root, path)?.into();
        read.insert(path.clone(), text.clone());
        Ok(text)
    }

    /// The path without links, as the file system sees it; what is not on disk yet stays as it is named.
    pub fn real(&self, path: &RelPath) -> Result<RelPath, ReadError> {
        let absolute = path.under(&self.0.root);
        for above in absolute.ancestors() {
            match above.canonicalize() {
                Ok(found) => {
                    let rest = absolute.strip_prefix(above).unwrap_or(Path::new(""));
                    let real = RelPath::within(&self.0.root, &found.join(rest));
                    return real.map_err(|_| ReadError::Outside(path.clone()));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(ReadError::Io { path: path.clone(), source }),
            }
        }
        Ok(path.clone())
    }

    /// What has this name already, in whatever case it is written, on disk now or open in the editor: some file
    /// systems would take a new file of this name for that one.
    pub fn namesake(&self, path: &RelPath) -> Option<RelPath> {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let open = self.0.overlay.keys().find(|open| same(open.as_str(), path.as_str()));
        if open.is_some() {
            return open.cloned();
        }
        let mut found = vec![self.0.root.clone()];
        for part in path.as_str().split('/') {
            let entries = found.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
            let is_same = |entry: &std::fs::DirEntry| entry.file_name().to_str().is_some_and(|name| same(name, part));
            found = entries.filter(is_same).map(|entry| entry.path()).collect();
        }
        found.first().and_then(|file| RelPath::within(&self.0.root, file).ok())
    }

    /// The files read from disk so far with the text they had: what a run must find unchanged.
    pub fn read_from_disk(&self) -> BTreeMap<RelPath, Arc<str>> {
        self.0.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("root", &self.0.root).field("open", &self.0.overlay.keys()).finish()
    }
}

fn read_text(root: &Path, path: &RelPath) -> Result<String, ReadError> {
    let absolute = path.under(root);
    let failed = |source| ReadError::Io { path: path.clone(), source };
    let found = std::fs::metadata(&absolute).map_err(failed)?;
    // Reading a pipe waits for whoever writes to it.
    if !found.is_file() {
        return Err(ReadError::NotText(path.clone()));
    }
    if found.len() > MAX_FILE {
        return Err(ReadError::TooLarge(path.clone()));
    }
    let bytes = std::fs::read(&absolute).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| ReadError::NotText(path.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{ReadError, Snapshot};
    use crate::workspace::RelPath;

    #[test]
    fn a_link_is_followed_within_the_workspace_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("project");
        fs::create_dir_all(root.join("real")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(root.join("real/a"), "inside").unwrap();
        fs::write(dir.path().join("outside/key"), "secret").unwrap();
        symlink("real/a", root.join("in")).unwrap();
        symlink("../outside/key", root.join("out")).unwrap();
        symlink(dir.path().join("outside"), root.join("out-dir")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let snapshot = Snapshot::new(root, BTreeMap::new());
        let read = |path: &str| snapshot.read(&RelPath::new(path).unwrap());
        assert_eq!(&*read("in").unwrap(), "inside");
        assert!(matches!(read("out"), Err(ReadError::Outside(_))));
        assert!(matches!(read("out-dir/key"), Err(ReadError::Outside(_))));
        assert!(matches!(read("pipe"), Err(ReadError::NotText(_))));
        assert!(read("absent").is_err_and(|error| error.is_absent()));
        let real = |path: &str| snapshot.real(&RelPath::new(path).unwrap());
        assert_eq!(real("real/new/b").unwrap().as_str(), "real/new/b");
        assert!(matches!(real("out-dir/new/b"), Err(ReadError::Outside(_))));
        let namesake = |path: &str| snapshot.namesake(&RelPath::new(path).unwrap()).map(|found| found.to_string());
        assert_eq!(namesake("REAL/A"), Some("real/a".into()));
        assert_eq!(namesake("OUT"), Some("out".into()));
        assert_eq!((namesake("real/b"), namesake("a")), (None, None));
    }
}
