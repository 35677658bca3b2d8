//! The models that are compiled in, and their copies on disk: llama.cpp loads files only. The bytes are
//! touched by the child process alone, so they never become resident in the server.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A model that is compiled in.
pub struct Embedded {
    /// Its file name, as it is shown and recorded.
    pub name: &'static str,
    bytes: &'static [u8],
    /// Of the bytes; the model's card has it too.
    sha256: &'static str,
}

/// Turns texts into vectors.
pub static ENCODER: Embedded = Embedded {
    name: "minilm-l6-v2.q8_0.gguf",
    bytes: include_bytes!("../../../../models/minilm-l6-v2.q8_0.gguf"),
    sha256: "d32d72352cdb852fd8c2c953a722be4e04233a680f50203720e667008fb39741",
};

/// Writes the plans of tier ultra.
pub static NANO: Embedded = Embedded {
    name: "baton-conductor-nano.gguf",
    bytes: include_bytes!("../../../../models/baton-conductor-nano.gguf"),
    sha256: "065c31f314e5333dd5dd22d2039c7c991bec4edddaa9c1e660e32cddd7fe60ad",
};

impl Embedded {
    /// Where its file is below `cache_dir`.
    pub fn path(&self, cache_dir: &Path) -> PathBuf {
        cache_dir.join("models").join(self.name)
    }

    /// That file, written unless it is there already, whole and unchanged. An `Err` is a sentence for the user.
    pub fn materialise(&self, cache_dir: &Path) -> Result<PathBuf, String> {
        lay_down(&cache_dir.join("models"), self.name, self.bytes, self.sha256)
    }
}

/// Writes beside the destination and renames, so that another process sees the whole file or none.
fn lay_down(folder: &Path, name: &str, bytes: &[u8], sha256: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    if is_intact(&path, bytes.len() as u64, sha256) {
        return Ok(path);
    }
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // Some file systems report that they are full only here.
        file.as_file().sync_data()?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
            "no space for the conductor's model ({} MB) in {}: free some, or set XDG_CACHE_HOME to another disk",
            bytes.len().div_ceil(1_000_000),
            folder.display()
        ),
        _ => format!(
            "cannot write the conductor's model into {}: {error}; make it writable, or set XDG_CACHE_HOME",
            folder.display()
        ),
    })?;
    Ok(path)
}

fn is_intact(path: &Path, size: u64, sha256: &str) -> bool {
    let Ok(mut file) = std::fs::File::open(path) else { return false };
    if !file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == size) {
        return false;
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return hex(&hash.finalize()) == sha256,
            Ok(n) => hash.update(&buffer[..n]),
            Err(_) => return false,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_bytes_are_those_of_the_model_card() {
        let cards = [include_str!("../../../../models/README.md"), include_str!("../../../../models/CONDUCTOR.md")];
        for (model, card) in [&ENCODER, &NANO].into_iter().zip(cards) {
            assert_eq!(hex(&Sha256::digest(model.bytes)), model.sha256, "{}", model.name);
            assert!(card.contains(model.sha256), "{}", model.name);
        }
    }

    #[test]
    fn a_damaged_copy_is_replaced_and_a_good_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let sum = hex(&Sha256::digest(b"weights"));
        let lay = || lay_down(folder.path(), "m.gguf", b"weights", &sum).unwrap();
        let path = lay();
        let written = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(lay(), path);
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written, "a good copy is not written again");
        for damage in ["weighty", "short", "much longer than before", ""] {
            std::fs::write(&path, damage).unwrap();
            lay();
            assert_eq!(std::fs::read(&path).unwrap(), b"weights", "after {damage:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let error = lay_down(Path::new("/proc/baton"), "m.gguf", b"weights", "").unwrap_err();
        assert!(error.starts_with("cannot write the conductor's model into /proc/baton: "), "{error}");
    }
}
