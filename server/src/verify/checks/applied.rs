//! A check where it applies to a patch: the directory it starts in, the files it is for, and its commands.

use std::path::{Path, PathBuf};

use baton_grammars::{Check, CheckKind, Language};
use globset::Glob;

use super::chosen::{Choices, chosen};
use super::compile_commands;
use crate::patch::Patch;
use crate::verify::tool::{self, Signs};
use crate::verify::verdict::Level;
use crate::workspace::{RelPath, Snapshot};

/// Where a check finds the cache that is kept for it.
pub(super) const CACHE: &str = "/run/baton-cache";

/// One check where it applies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Applied {
    /// The check.
    pub(super) check: Check,
    /// Where it starts, relative to the workspace.
    pub(super) directory: PathBuf,
    /// The files it is run for, as they are named before the patch and after it; both empty where it checks the
    /// whole project.
    pub(super) before: Vec<RelPath>,
    pub(super) after: Vec<RelPath>,
}

/// What a run before any patch is known by: the check, its directory and the files it is for.
pub(super) type Key = (String, PathBuf, Vec<RelPath>);

/// A file of the patch by its two names; of the focus, which need not be in it, both are the same.
struct Touched {
    before: Option<RelPath>,
    after: Option<RelPath>,
}

/// The checks that apply to a patch, or to the focus alone; compilers before linters.
pub(super) fn applied(snapshot: &Snapshot, choices: &Choices, focus: &RelPath, patch: &Patch) -> Vec<Applied> {
    let mut touched: Vec<Touched> = Vec::new();
    for (path, change) in patch.files() {
        let is_there = snapshot.read(path).is_ok();
        touched.push(Touched { before: is_there.then(|| path.clone()), after: change.name(path).cloned() });
    }
    // A manifest has no checks of its own; the project that the task is about has.
    if !patch.files().contains_key(focus) && snapshot.read(focus).is_ok() {
        touched.push(Touched { before: Some(focus.clone()), after: Some(focus.clone()) });
    }
    let mut found: Vec<Applied> = Vec::new();
    for kind in [CheckKind::Compile, CheckKind::Lint] {
        for file in &touched {
            let Some(name) = file.after.as_ref().or(file.before.as_ref()) else { continue };
            let Some(language) = baton_grammars::by_path(Path::new(name.as_str())) else { continue };
            for (check, directory) in for_file(snapshot, choices, language, kind, name) {
                note(&mut found, check, directory, file);
            }
        }
    }
    found
}

/// The checks of one kind that are for a file, each with the directory it starts in.
fn for_file(
    snapshot: &Snapshot,
    choices: &Choices,
    language: &Language,
    kind: CheckKind,
    path: &RelPath,
) -> Vec<(Check, PathBuf)> {
    let mut found: Vec<(Check, PathBuf)> = Vec::new();
    for check in chosen(language, choices).into_iter().filter(|check| check.kind == kind) {
        if (check.last_resort && !found.is_empty()) || !is_for(&check, path) {
            continue;
        }
        let signs = signs(&check);
        let directory = if signs.are_none() { Some(PathBuf::new()) } else { signs.nearest(snapshot, path) };
        let Some(directory) = directory else { continue };
        let lacks_entry = is_compile_command(&check) && compile_commands::command(snapshot, &directory, path).is_none();
        if !lacks_entry && !found.iter().any(|(other, _)| other.name == check.name) {
            found.push((check, directory));
        }
    }
    found
}

fn note(found: &mut Vec<Applied>, check: Check, directory: PathBuf, file: &Touched) {
    let is_same = |other: &&mut Applied| other.check.name == check.name && other.directory == directory;
    let is_whole = !names_files(&check);
    let at = match found.iter_mut().find(is_same) {
        Some(at) => at,
        None => {
            found.push(Applied { check, directory, before: Vec::new(), after: Vec::new() });
            found.last_mut().expect("it was put there")
        }
    };
    if !is_whole {
        at.before.extend(file.before.clone());
        at.after.extend(file.after.clone());
    }
}

/// What shows that a project uses the check.
pub(super) fn signs(check: &Check) -> Signs<'_> {
    Signs { when: &check.when, inside: &check.when_inside }
}

fn is_for(check: &Check, path: &RelPath) -> bool {
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let matches = |pattern: &String| Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name));
    check.files.is_empty() || check.files.iter().any(matches)
}

fn is_compile_command(check: &Check) -> bool {
    check.command == ["{compile_command}"]
}

fn names_files(check: &Check) -> bool {
    is_compile_command(check) || check.command.iter().any(|word| word.contains("{path}") || word == "{paths}")
}

impl Applied {
    /// The rung that it is.
    pub(super) fn level(&self) -> Level {
        match self.check.kind {
            CheckKind::Compile => Level::Checked,
            CheckKind::Lint => Level::Linted,
        }
    }

    /// What its baseline is known by.
    pub(super) fn key(&self) -> Key {
        (self.check.name.clone(), self.directory.clone(), self.before.clone())
    }

    /// The name of the cache that is kept for it; tools that share a program share what it keeps.
    pub(super) fn cache(&self) -> String {
        let program = self.check.command[0].rsplit('/').next().unwrap_or_default();
        format!("{program} in {}", self.directory.display())
    }

    /// The program that this machine lacks.
    pub(super) fn missing(&self, root: &Path) -> Option<&str> {
        let first = self.check.command.first().map(String::as_str).filter(|word| !word.starts_with('{'));
        let mut needed = first.into_iter().chain(self.check.needs.iter().map(String::as_str));
        needed.find(|name| tool::program(root, &self.directory, name).is_none())
    }

    /// The variables of its environment.
    pub(super) fn env(&self) -> impl Iterator<Item = (&str, String)> {
        self.check.env.iter().map(|(name, value)| (name.as_str(), value.replace("{cache}", CACHE)))
    }

    /// The commands for these files, as run inside; none where there is nothing to check.
    pub(super) fn commands(&self, snapshot: &Snapshot, files: &[RelPath]) -> Vec<Vec<String>> {
        let root = snapshot.root();
        let inside = |path: &RelPath| root.join(path.as_str()).display().to_string();
        if is_compile_command(&self.check) {
            let command = |path| compile_commands::command(snapshot, &self.directory, path);
            return files.iter().filter_map(command).collect();
        }
        let argv = |files: &[RelPath]| -> Vec<String> {
            let mut argv = Vec::new();
            for word in &self.check.command {
                match files.first() {
                    _ if word == "{paths}" => argv.extend(files.iter().map(inside)),
                    Some(file) => argv.push(word.replace("{path}", &inside(file)).replace("{cache}", CACHE)),
                    None => argv.push(word.replace("{cache}", CACHE)),
                }
            }
            if let Some(program) = tool::program(root, &self.directory, &argv[0]) {
                argv[0] = program;
            }
            argv
        };
        if !names_files(&self.check) {
            return vec![argv(&[])];
        }
        if self.check.command.iter().any(|word| word == "{paths}") {
            return if files.is_empty() { Vec::new() } else { vec![argv(files)] };
        }
        files.chunks(1).map(argv).collect()
    }
}
