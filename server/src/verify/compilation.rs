//! How a project compiles one of its files of C or C++, as its compilation database says (`compile_commands.json`).

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::toolchains::normal;
use crate::workspace::{RelPath, Snapshot};

/// One entry, as the format's specification has it.
#[derive(Deserialize)]
struct Entry {
    directory: PathBuf,
    file: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    command: String,
}

/// How one file is compiled.
#[derive(Debug, PartialEq)]
pub(super) struct Compilation {
    /// Where the command runs, and what its relative paths are relative to; absolute.
    pub(super) directory: PathBuf,
    /// The compiler and its arguments.
    pub(super) words: Vec<String>,
}

impl Compilation {
    /// From the first database in one of these directories, or in the usual build directory in it, that has the file.
    pub(super) fn find<'a>(
        snapshot: &Snapshot,
        directories: impl IntoIterator<Item = &'a Path>,
        path: &RelPath,
    ) -> Option<Self> {
        let file = path.under(snapshot.root());
        let places = directories.into_iter().flat_map(|directory| [directory.to_owned(), directory.join("build")]);
        let mut found = places.filter_map(|place| {
            let database = RelPath::new(place.join("compile_commands.json").to_str()?).ok()?;
            Self::read(&snapshot.read(&database).ok()?, &file)
        });
        found.next()
    }

    /// What a database says of a file.
    pub(super) fn read(database: &str, file: &Path) -> Option<Self> {
        let entries: Vec<Entry> = serde_json::from_str(database).ok()?;
        let is_wanted = |entry: &Entry| normal(&entry.directory.join(&entry.file)) == file;
        let Entry { directory, arguments, command, .. } = entries.into_iter().find(is_wanted)?;
        let words = if arguments.is_empty() { shlex::split(&command)? } else { arguments };
        Some(Self { directory: normal(&directory), words })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::Compilation;
    use crate::workspace::{Buffer, RelPath, Snapshot};

    #[test]
    fn a_file_is_found_in_the_first_database_that_has_it() {
        let entry = |file: &str, flag: &str| {
            format!(r#"[{{"directory": "/w/out/../out", "file": "../{file}", "command": "cc '{flag}' -c"}}]"#)
        };
        let databases = [
            ("src/compile_commands.json", "no database".to_owned()),
            ("src/build/compile_commands.json", entry("other.c", "-Dno")),
            ("compile_commands.json", entry("src/a.c", "-Da b")),
            ("build/compile_commands.json", entry("src/a.c", "-Dlate")),
        ];
        let path = |path: &str| RelPath::new(path).unwrap();
        let buffer = |text: &String| Buffer { text: text.as_str().into(), version: 1 };
        let unsaved: BTreeMap<_, _> = databases.iter().map(|(name, text)| (path(name), buffer(text))).collect();
        let snapshot = Snapshot::new("/w".into(), unsaved);
        let find = |file| Compilation::find(&snapshot, [Path::new("src"), Path::new("")], &path(file));
        let words = ["cc", "-Da b", "-c"].map(str::to_owned).to_vec();
        assert_eq!(find("src/a.c"), Some(Compilation { directory: "/w/out".into(), words }));
        assert_eq!(find("src/b.c"), None);
    }
}
