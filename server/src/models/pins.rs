//! What each file was when it was first pulled: a hub, or who has got hold of it, may give something else later.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// `pins.json` in the folder of models: SHA-256 by `owner/name/file`.
#[derive(Debug)]
pub(super) struct Pins {
    file: PathBuf,
    known: BTreeMap<String, String>,
}

impl Pins {
    /// Those of this folder; none where it has no file yet.
    pub(super) fn of(folder: &std::path::Path) -> Result<Self, String> {
        let file = folder.join("pins.json");
        let unread = |why: String| format!("{} cannot be read ({why}); mend it, or move it away", file.display());
        let known = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| unread(error.to_string()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(unread(error.to_string())),
        };
        Ok(Self { file, known })
    }

    /// Compares with what was pinned. `true`: it is the same; `false`: nothing is pinned yet.
    pub(super) fn agree(&self, key: &str, sha256: &str) -> Result<bool, String> {
        match self.known.get(key) {
            None => Ok(false),
            Some(pinned) if pinned == sha256 => Ok(true),
            Some(pinned) => Err(format!(
                "{key} is not what it was when it was first pulled: its SHA-256 is {sha256}, not {pinned}; if it may \
                 have changed, remove its line from {}",
                self.file.display()
            )),
        }
    }

    /// Pins a file; what other processes pinned meanwhile stays.
    pub(super) fn pin(&mut self, key: &str, sha256: &str) -> Result<(), String> {
        let folder = self.file.parent().unwrap_or(std::path::Path::new("."));
        self.known = Self::of(folder)?.known;
        self.known.insert(key.to_owned(), sha256.to_owned());
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, &self.known)?;
            file.write_all(b"\n")?;
            file.as_file().sync_data()?;
            file.persist(&self.file)?;
            Ok(())
        };
        write().map_err(|error| format!("{} cannot be written: {error}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Pins;

    #[test]
    fn what_was_first_stays_the_measure() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pins = Pins::of(folder.path()).expect("none yet");
        let mut others = Pins::of(folder.path()).expect("none yet");
        assert_eq!(pins.agree("o/n/m.gguf", "aa"), Ok(false));
        pins.pin("o/n/m.gguf", "aa").expect("written");
        others.pin("o/n/x.gguf", "bb").expect("written");
        let pins = Pins::of(folder.path()).expect("readable");
        assert_eq!((pins.agree("o/n/m.gguf", "aa"), pins.agree("o/n/x.gguf", "bb")), (Ok(true), Ok(true)));
        let refused = pins.agree("o/n/m.gguf", "cc").expect_err("differs");
        assert!(refused.contains("not aa") && refused.contains("pins.json"), "{refused}");
        std::fs::write(folder.path().join("pins.json"), "{").expect("written");
        assert!(Pins::of(folder.path()).expect_err("broken").contains("move it away"));
    }
}
