//! Models as GGUF files on this machine: which there are, and fetching one from a hub when the user asks for it.
//!
//! Nothing else in Baton downloads anything. hf-hub, the library for it, is not used (1.0 was looked at): its tree has some
//! 300 crates, among them a second provider of cryptography that is built from C.

mod hub;
mod name;
mod pins;
mod pull;

use std::path::{Path, PathBuf};

pub use hub::{ENDPOINT, Hub};
pub use name::Name;
pub use pull::{Pulled, pull};

/// The folder of model files below the cache.
pub fn folder(cache_dir: &Path) -> PathBuf {
    cache_dir.join("models")
}

/// A model file and its size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
}

/// The model files in `folder`, in order of their paths.
pub fn local(folder: &Path) -> Vec<Local> {
    let mut found = Vec::new();
    // What a pull makes is at most so deep; a link to somewhere else is not followed.
    let mut folders = vec![(folder.to_owned(), 6)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let is_model = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
            if kind.is_dir() && depth > 0 {
                folders.push((path, depth - 1));
            } else if kind.is_file() && is_model {
                let bytes = entry.metadata().map_or(0, |meta| meta.len());
                found.push(Local { path, bytes });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[cfg(test)]
mod tests {
    use super::{Local, local};

    #[test]
    fn model_files_are_found_and_parts_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("o--n/q4")).expect("a new folder");
        for path in ["one.gguf", "o--n/q4/two.GGUF", "o--n/three.gguf.part", "pins.json"] {
            std::fs::write(at(path), "GGUF").expect("a new file");
        }
        std::os::unix::fs::symlink("/", at("root")).expect("a link");
        let model = |path: &str| Local { path: at(path), bytes: 4 };
        assert_eq!(local(folder.path()), [model("o--n/q4/two.GGUF"), model("one.gguf")]);
        assert_eq!(local(&at("nowhere")), []);
    }
}
