//! The compiler's own command for a file of C or C++, from `compile_commands.json`, made to check the syntax only.
//!
//! The commands are the project's own and run in the sandbox as its build would.

use std::path::Path;

use crate::verify::compilation::Compilation;
use crate::workspace::{RelPath, Snapshot};

/// Options that write files, each followed by a name of its own or joined with it.
const WRITING: [&str; 4] = ["-o", "-MF", "-MT", "-MQ"];
const WRITING_ALONE: [&str; 5] = ["-c", "-MD", "-MMD", "-MP", "-save-temps"];

/// The command that compiles `path` and writes nothing; it goes to the directory that its entry names by itself, which
/// is made where it is part of a build that is not there. `None`: there is no entry for the file.
pub(super) fn command(snapshot: &Snapshot, directory: &Path, path: &RelPath) -> Option<Vec<String>> {
    let Compilation { directory, words } = Compilation::find(snapshot, [directory], path)?;
    let mut words = words.into_iter();
    let compiler = words.next()?;
    let mut argv = ["sh", "-c", "mkdir -p \"$0\" && cd \"$0\" && exec \"$@\""].map(str::to_owned).to_vec();
    argv.push(directory.display().to_string());
    argv.push(compiler);
    argv.push("-fsyntax-only".to_owned());
    while let Some(word) = words.next() {
        if WRITING.contains(&word.as_str()) {
            words.next();
            continue;
        }
        let writes = WRITING_ALONE.contains(&word.as_str()) || word.starts_with("-o");
        if !writes {
            argv.push(word);
        }
    }
    Some(argv)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::command;
    use crate::workspace::{Buffer, RelPath, Snapshot};

    #[test]
    fn the_files_own_command_is_found_and_writes_nothing() {
        let database = r#"[
            {"directory": "/w/out", "file": "../src/a.c", "command": "cc -Iinc -DX='a b' -MD -MF a.d -o a.o -c ../src/a.c"},
            {"directory": "/w", "file": "/w/src/b.c", "arguments": ["clang", "-ob.o", "-O2", "-c", "src/b.c"]}
        ]"#;
        let path = |path: &str| RelPath::new(path).unwrap();
        let buffer = Buffer { text: database.into(), version: 1 };
        let snapshot = Snapshot::new("/w".into(), BTreeMap::from([(path("build/compile_commands.json"), buffer)]));
        let found = |file| command(&snapshot, Path::new(""), &path(file)).map(|argv| argv[3..].join("|"));
        assert_eq!(found("src/a.c").as_deref(), Some("/w/out|cc|-fsyntax-only|-Iinc|-DX=a b|../src/a.c"));
        assert_eq!(found("src/b.c").as_deref(), Some("/w|clang|-fsyntax-only|-O2|src/b.c"));
        assert_eq!(found("src/c.c"), None);
    }
}
