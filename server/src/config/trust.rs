//! Which workspaces may run commands and send text. The one check is [`Trust::covers`].

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folders that the user trusts; everything below them is trusted too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    folders: Vec<PathBuf>,
}

impl Trust {
    /// Reads the list; a missing or unreadable one trusts nothing.
    pub fn load(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Self { folders: text.lines().filter(|line| line.starts_with('/')).map(PathBuf::from).collect() }
    }

    /// The same trust and one folder more, for this process only.
    #[must_use]
    pub fn and(mut self, folder: &Path) -> Self {
        self.folders.push(folder.to_owned());
        self
    }

    /// Whether `root` (canonical) is a trusted folder or lies in one.
    pub fn covers(&self, root: &Path) -> bool {
        self.folders.iter().any(|folder| root.starts_with(folder))
    }

    /// Adds `folder` to the list on disk; says whether it was new.
    pub fn add(file: &Path, folder: &Path) -> std::io::Result<bool> {
        if Self::load(file).folders.iter().any(|known| known == folder) {
            return Ok(false);
        }
        let line = folder.to_str().filter(|text| !text.contains('\n')).ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidInput, "the folder's name is not plain text")
        })?;
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut list = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
        list.write_all(format!("{line}\n").as_bytes())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Trust;

    #[test]
    fn trust_covers_a_folder_and_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config/trusted");
        assert!(!Trust::load(&file).covers(Path::new("/p")));
        assert!(Trust::add(&file, Path::new("/p")).unwrap());
        assert!(!Trust::add(&file, Path::new("/p")).unwrap());
        let trust = Trust::load(&file);
        let covered = ["/p", "/p/q", "/pq", "/", "/o"].map(|root| trust.covers(Path::new(root)));
        assert_eq!(covered, [true, true, false, false, false]);
        assert!(trust.and(Path::new("/o")).covers(Path::new("/o/x")));
    }
}
