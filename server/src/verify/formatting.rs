//! Laying a patch out as the project does, where its formatter says that the files were so before.
//!
//! A formatter reads a text and writes a text, in the sandbox. What it writes is part of a patch from then on, with
//! everything that a patch has to pass: the gate, the parse and the tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use baton_grammars::Formatter;
use globset::Glob;
use tokio_util::sync::CancellationToken;

use super::command::names;
use super::{Limits, Sandbox, Shadow, Verifier};
use crate::patch::{self, Edit, Patch};
use crate::workspace::{RelPath, Snapshot};

/// How long a formatter may take for one file.
const WALL: Duration = Duration::from_secs(10);

impl Verifier {
    /// The patch as the project's formatters lay it out; files that were not formatted before, or whose formatter
    /// is not there or fails, stay as the patch has them. `None`: nothing is laid out differently.
    pub async fn formatted(&self, patch: &Patch, cancel: &CancellationToken) -> Option<Patch> {
        let sandbox = self.sandbox()?;
        let formatters: Vec<_> =
            patch.files().keys().filter_map(|path| Some((path, find(self.snapshot(), path)?))).collect();
        if formatters.is_empty() {
            return None;
        }
        let shadow = self.take(&self.unsaved).await.ok()?;
        let mut laid_out = patch.clone();
        for (path, formatter) in formatters {
            let place = Place { sandbox, shadow: &shadow, path, formatter: &formatter, limits: self.limits(), cancel };
            if let Some((old, new)) = place.formatted(self.snapshot(), &patch.files()[path]).await {
                laid_out.insert(path.clone(), vec![Edit { range: 0..old.len(), text: new }]).ok()?;
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
    /// The text before the patch, and the formatted one after it.
    async fn formatted(&self, snapshot: &Snapshot, edits: &[Edit]) -> Option<(Arc<str>, String)> {
        let old = snapshot.read(self.path).ok()?;
        let new = patch::apply(&old, edits)?;
        let is_formatted = self.run(&old).await? == *old;
        let formatted = if is_formatted { self.run(&new).await? } else { return None };
        (formatted != new).then_some((old, formatted))
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

/// The formatter that the project uses for this file.
fn find(snapshot: &Snapshot, path: &RelPath) -> Option<Formatter> {
    let language = baton_grammars::by_path(Path::new(path.as_str()))?;
    let mut above = Path::new(path.as_str()).ancestors().skip(1).map(Path::to_owned);
    above.find_map(|directory| {
        let mut formatters = language.facts.formatter.iter();
        formatters.find(|formatter| is_used(snapshot, &directory, formatter)).cloned()
    })
}

fn is_used(snapshot: &Snapshot, directory: &Path, formatter: &Formatter) -> bool {
    let names = names(snapshot, directory);
    let is_there = |pattern: &String| {
        let matcher = Glob::new(pattern).map(|glob| glob.compile_matcher());
        matcher.is_ok_and(|matcher| names.iter().any(|name| matcher.is_match(name)))
    };
    let holds = |(name, text): (&String, &String)| {
        let path = directory.join(name).to_str().and_then(|path| RelPath::new(path).ok());
        names.contains(name)
            && path.and_then(|path| snapshot.read(&path).ok()).is_some_and(|found| found.contains(text.as_str()))
    };
    formatter.when.iter().any(is_there) || formatter.when_inside.iter().any(holds)
}
