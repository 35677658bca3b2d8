//! Which tools a project shows signs of using, and where their programs are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use globset::{Glob, GlobMatcher};

use super::toolchains::{has_program, is_program};
use crate::workspace::{RelPath, Snapshot};

/// What shows that a project uses a tool.
#[derive(Clone, Copy)]
pub(super) struct Signs<'a> {
    /// File names or globs; `a/b` looks in `a`.
    pub(super) when: &'a [String],
    /// The same, of files that count only if they contain the text; a text after a line break only where a line begins.
    pub(super) inside: &'a BTreeMap<String, String>,
}

impl Signs<'_> {
    /// The nearest directory, at the file's or above it, in which one of them lies.
    pub(super) fn nearest(&self, snapshot: &Snapshot, path: &RelPath) -> Option<PathBuf> {
        above(path).find(|directory| self.lie_in(snapshot, directory)).map(Path::to_owned)
    }

    /// Whether one of them lies in this directory.
    pub(super) fn lie_in(&self, snapshot: &Snapshot, directory: &Path) -> bool {
        self.first(snapshot, directory).is_some()
    }

    /// The first of them in this directory.
    pub(super) fn first(&self, snapshot: &Snapshot, directory: &Path) -> Option<RelPath> {
        let holds = |path: &RelPath, text: &str| {
            let is_in =
                |found: &str| found.contains(text) || text.strip_prefix('\n').is_some_and(|t| found.starts_with(t));
            snapshot.read(path).is_ok_and(|found| is_in(&found))
        };
        let mut there = self.when.iter().flat_map(|pattern| matching(snapshot, directory, pattern));
        let inside = || {
            let mut signs = self.inside.iter().flat_map(|(pattern, text)| {
                matching(snapshot, directory, pattern).into_iter().filter(move |path| holds(path, text))
            });
            signs.next()
        };
        there.next().or_else(inside)
    }

    /// Whether this file is one that could be such a sign, wherever it lies.
    pub(super) fn include(&self, path: &RelPath) -> bool {
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        let last = |pattern: &String| pattern.rsplit('/').next().and_then(matcher);
        self.when.iter().chain(self.inside.keys()).filter_map(last).any(|matcher| matcher.is_match(name))
    }

    /// Whether there are none: then every project uses the tool.
    pub(super) fn are_none(&self) -> bool {
        self.when.is_empty() && self.inside.is_empty()
    }
}

/// The program that a command in `directory` means: the project's own of that name if its dependencies hold one, else
/// the name itself for the sandbox to find; `None` if this machine has none.
pub(super) fn program(root: &Path, directory: &Path, name: &str) -> Option<String> {
    let dependencies: BTreeSet<&String> =
        baton_grammars::all().iter().flat_map(|language| &language.facts.dependencies).collect();
    let mut own = directory.ancestors().flat_map(|above| {
        let bins =
            dependencies.iter().flat_map(|dependency| [".bin", "bin"].map(|bin| Path::new(dependency).join(bin)));
        bins.map(|bin| root.join(above).join(bin).join(name)).collect::<Vec<_>>()
    });
    match own.find(|path| is_program(path)) {
        Some(own) => Some(own.display().to_string()),
        None => has_program(root, &root.join(directory), name).then(|| name.to_owned()),
    }
}

/// The directories that hold a file, the nearest first; the last is the root.
fn above(path: &RelPath) -> impl Iterator<Item = &Path> {
    Path::new(path.as_str()).ancestors().skip(1)
}

fn matcher(pattern: &str) -> Option<GlobMatcher> {
    Glob::new(pattern).ok().map(|glob| glob.compile_matcher())
}

/// Whether something that a pattern means lies in a directory.
pub(super) fn lies_in(snapshot: &Snapshot, directory: &Path, pattern: &str) -> bool {
    !matching(snapshot, directory, pattern).is_empty()
}

/// What lies in a directory of the workspace, unsaved files included.
fn names(snapshot: &Snapshot, home: &Path) -> BTreeSet<String> {
    let on_disk = std::fs::read_dir(snapshot.root().join(home)).into_iter().flatten().flatten();
    let mut names: BTreeSet<String> = on_disk.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let unsaved = snapshot.overlay().keys().filter_map(|path| Path::new(path.as_str()).strip_prefix(home).ok());
    names.extend(unsaved.filter_map(|path| path.iter().next()?.to_str().map(str::to_owned)));
    names
}

/// What a pattern means in a directory, unsaved files included.
fn matching(snapshot: &Snapshot, directory: &Path, pattern: &str) -> Vec<RelPath> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let Some(matcher) = matcher(name) else { return Vec::new() };
    let directory = if folder.is_empty() { directory.to_owned() } else { directory.join(folder) };
    let found = names(snapshot, &directory).into_iter().filter(|name| matcher.is_match(name));
    found.filter_map(|name| RelPath::new(directory.join(name).to_str()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{Signs, program};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    #[test]
    fn signs_are_looked_for_upwards_in_folders_and_in_unsaved_text() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [("Cargo.toml", "[lints]\n"), ("in/a.toml", ""), (".ci/flows/x.yml", "run: cargo clippy\n")]
        {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), text).unwrap();
        }
        let path = |path: &str| RelPath::new(path).unwrap();
        let unsaved = BTreeMap::from([(path("in/deep/on.cfg"), Buffer { text: "[tool]".into(), version: 1 })]);
        let snapshot = Snapshot::new(dir.path().to_owned(), unsaved);
        let found = |when: &[&str], inside: &[(&str, &str)]| {
            let when: Vec<String> = when.iter().map(|name| (*name).to_owned()).collect();
            let inside = inside.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            let signs = Signs { when: &when, inside: &inside };
            signs.nearest(&snapshot, &path("in/deep/x.rs")).map(|directory| directory.display().to_string())
        };
        assert_eq!(found(&["Cargo.toml"], &[]).as_deref(), Some(""));
        assert_eq!(found(&["*.toml"], &[]).as_deref(), Some("in"));
        assert_eq!(found(&[], &[(".ci/flows/*", "cargo clippy")]).as_deref(), Some(""));
        assert_eq!(found(&[], &[("on.cfg", "[tool]")]).as_deref(), Some("in/deep"));
        assert_eq!(found(&["none", "deep/none"], &[("Cargo.toml", "clippy")]), None);
    }

    #[test]
    fn a_projects_own_program_goes_before_the_machines() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("node_modules/.bin");
        fs::create_dir_all(&bin).unwrap();
        for (name, mode) in [("sh", 0o755), ("notes", 0o644)] {
            fs::write(bin.join(name), "").unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let found = |name| program(dir.path(), Path::new("packages/a"), name);
        assert_eq!(found("sh"), Some(bin.join("sh").display().to_string()));
        assert_eq!(found("cat").as_deref(), Some("cat"));
        assert_eq!((found("notes"), found("no-such-program")), (None, None));
    }
}
