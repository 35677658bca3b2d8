//! The computed state of a prompt's fixed part, kept on disk: the first plan of a day need not read the rules again.
//! A file is only a copy of what can be computed, so whatever is wrong with one makes it as good as absent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// Files that are kept; each model and each version of the rules has its own.
const FILES: usize = 8;

/// Bytes of all files together; the oldest go first.
const BYTES: u64 = 512 << 20;

/// Bytes of a checksum, which a file begins with.
const SUM: usize = 32;

/// The folder of states.
pub struct Prefixes {
    folder: PathBuf,
    model: String,
}

impl Prefixes {
    /// Those of one model, below `cache_dir`. `fit`: what else a state must fit, such as the context's size.
    pub fn new(cache_dir: &Path, model: &Path, fit: &str) -> Self {
        let meta = std::fs::metadata(model).ok();
        let changed = meta
            .as_ref()
            .and_then(|meta| meta.modified().ok())
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let size = meta.map_or(0, |meta| meta.len());
        Self { folder: cache_dir.join("prefixes"), model: format!("{} {size} {changed:?} {fit}", model.display()) }
    }

    /// The state after `tokens`, if it is there and whole.
    pub fn load(&self, tokens: &[i32]) -> Option<Vec<u8>> {
        let path = self.path(tokens);
        let meta = std::fs::metadata(&path).ok()?;
        if !meta.is_file() || meta.len() > BYTES {
            return None;
        }
        let mut file = std::fs::read(path).ok()?;
        let state = file.split_off(SUM.min(file.len()));
        (Sha256::digest(&state).as_slice() == file).then_some(state)
    }

    /// Keeps the state after `tokens`. A full disk costs nothing but the time that it would have saved.
    pub fn save(&self, tokens: &[i32], state: &[u8]) {
        if state.len() as u64 > BYTES {
            return;
        }
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&Sha256::digest(state))?;
            file.write_all(state)?;
            file.persist(self.path(tokens))?;
            Ok(())
        };
        if write().is_ok() {
            self.prune();
        }
    }

    fn path(&self, tokens: &[i32]) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(self.model.as_bytes());
        for token in tokens {
            hash.update(token.to_le_bytes());
        }
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.state"))
    }

    fn prune(&self) {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let meta = entry.metadata().ok()?;
                Some((meta.modified().ok()?, meta.len(), entry.path()))
            })
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        let mut kept = 0;
        for (at, (_, size, path)) in files.into_iter().enumerate() {
            kept += size;
            if at >= FILES || kept > BYTES {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(folder: &Path) -> Prefixes {
        Prefixes::new(folder, Path::new("/nowhere/model.gguf"), "8192")
    }

    #[test]
    fn a_state_is_found_again_for_the_same_tokens_and_model_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = prefixes(folder.path());
        assert_eq!(kept.load(&[1, 2]), None);
        kept.save(&[1, 2], b"state");
        assert_eq!(kept.load(&[1, 2]).as_deref(), Some(&b"state"[..]));
        assert_eq!(kept.load(&[1, 2, 3]), None);
        assert_eq!(Prefixes::new(folder.path(), Path::new("/nowhere/model.gguf"), "4096").load(&[1, 2]), None);
        assert_eq!(Prefixes::new(folder.path(), Path::new("/nowhere/other.gguf"), "8192").load(&[1, 2]), None);
    }

    #[test]
    fn a_damaged_file_is_as_good_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let kept = prefixes(folder.path());
        kept.save(&[1], b"a long enough state");
        let path = kept.path(&[1]);
        let whole = std::fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..SUM], &whole[..7], b"", &[&whole[..], b"x"].concat()] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(kept.load(&[1]), None);
        }
    }

    #[test]
    fn the_newest_few_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let kept = prefixes(folder.path());
        for token in 0..12 {
            kept.save(&[token], &[0; 100]);
        }
        assert_eq!(std::fs::read_dir(folder.path().join("prefixes")).unwrap().count(), FILES);
        assert!(kept.load(&[11]).is_some());
    }
}
