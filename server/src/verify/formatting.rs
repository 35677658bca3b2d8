//! Laying a patch out as the project does, where its formatter says that the files were so before.
//!
//! A formatter reads a text and writes a text, in the sandbox. What it writes is part of a patch from then on, with
//! everything that a patch has to pass: the gate, the parse and the tests.

use std::path::Path;
use std::time::Duration;

use baton_grammars::Formatter;
use tokio_util::sync::CancellationToken;

use super::tool::{self, Signs};
use super::{Limits, Sandbox, Shadow, Verifier};
use crate::patch::{self, Change, Edit, Patch};
use crate::workspace::{RelPath, Snapshot};

/// How long a formatter may take for one file.
const WALL: Duration = Duration::from_secs(10);

impl Verifier {
    /// The patch as the project's formatters lay it out; files that were not formatted before, or whose formatter
    /// is not there or fails, stay as the patch has them. `None`: nothing is laid out differently.
    pub async fn formatted(&self, patch: &Patch, cancel: &CancellationToken) -> Option<Patch> {
        let sandbox = self.sandbox()?;
        let files = patch.files().iter();
        let formatter = |(path, change): (&'_ RelPath, &'_ Change)| {
            let name = change.name(path)?.clone();
            let formatter = find(self.snapshot(), &name)?.ok()?;
            Some((path.clone(), change.clone(), name, formatter))
        };
        let formatters: Vec<_> = files.filter_map(formatter).collect();
        if formatters.is_empty() {
            return None;
        }
        let shadow = self.take(&self.unsaved).await.ok()?;
        let mut laid_out = patch.clone();
        for (path, change, name, formatter) in formatters {
            let (formatter, limits) = (&formatter, self.limits());
            let place = Place { sandbox, shadow: &shadow, path: &name, formatter, limits, cancel };
            let Ok(old) = change.before(&path, self.snapshot()) else { continue };
            if let Some(text) = place.formatted(&old, &change.edits).await {
                let edits = vec![Edit { range: 0..old.len(), text }];
                let kept = laid_out.insert(path, Change { edits, fate: change.fate });
                debug_assert!(kept.is_ok(), "one edit overlaps with none");
            }
        }
        self.give_back(shadow);
        (laid_out != *patch).then(|| patch::minimise(&laid_out, self.snapshot()))
    }
}

/// One file and the formatter that is used on it.
struct Place<'a> {
    sandbox: &'a Sandbox,
    shadow: &'a Shadow,
    path: &'a RelPath,
    formatter: &'a Formatter,
    limits: Limits,
    cancel: &'a CancellationToken,
}

impl Place<'_> {
    /// The text with the edits, formatted; `None` where that changes nothing, or the text was not formatted before.
    async fn formatted(&self, old: &str, edits: &[Edit]) -> Option<String> {
        let new = patch::apply(old, edits)?;
        let is_formatted = self.run(old).await? == old;
        let formatted = if is_formatted { self.run(&new).await? } else { return None };
        (formatted != new).then_some(formatted)
    }

    async fn run(&self, text: &str) -> Option<String> {
        let directory = Path::new(self.path.as_str()).parent().unwrap_or(Path::new(""));
        let cell = self.shadow.cell(directory);
        let inside = cell.root().join(self.path.as_str()).display().to_string();
        let argv: Vec<String> = self.formatter.command.iter().map(|word| word.replace("{path}", &inside)).collect();
        let limits = Limits { wall: WALL, ..self.limits };
        self.sandbox.filter(&cell, &argv, text, &limits, self.cancel).await
    }
}

/// The formatter that the project uses for this file, and whether this machine has it: then its command names the
/// program.
pub(super) fn find(snapshot: &Snapshot, path: &RelPath) -> Option<Result<Formatter, String>> {
    let language = baton_grammars::by_path(Path::new(path.as_str()))?;
    let mut above = Path::new(path.as_str()).ancestors().skip(1);
    let (directory, mut formatter) = above.find_map(|directory| {
        let mut formatters = language.facts.formatter.iter();
        let is_used = |formatter: &&Formatter| {
            Signs { when: &formatter.when, inside: &formatter.when_inside }.lie_in(snapshot, directory)
        };
        Some((directory, formatters.find(is_used)?.clone()))
    })?;
    Some(match tool::program(snapshot.root(), directory, &formatter.command[0]) {
        Some(program) => {
            formatter.command[0] = program;
            Ok(formatter)
        }
        None => Err(formatter.name),
    })
}
