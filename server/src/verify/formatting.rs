//! Laying a patch out as the project does, where its formatter says that the files were so before.
//!
//! A formatter reads a text and writes a text, in the sandbox. What it writes is part of a patch from then on, with
//! everything that a patch has to pass: the gate, the parse and the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baton_grammars::Formatter;
use globset::Glob;
use tokio_util::sync::CancellationToken;

use super::command::names;
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
            let formatter = find(self.snapshot(), &name)?;
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

/// The formatter that the project uses for this file.
fn find(snapshot: &Snapshot, path: &RelPath) -> Option<Formatter> {
    let language = baton_grammars::by_path(Path::new(path.as_str()))?;
    let mut above = Path::new(path.as_str()).ancestors().skip(1).map(Path::to_owned);
    above.find_map(|directory| {
        let mut formatters = language.facts.formatter.iter();
        let is_used =
            |formatter: &&Formatter| sign(snapshot, &directory, &formatter.when, &formatter.when_inside).is_some();
        formatters.find(is_used).cloned()
    })
}

/// The file in a folder of the workspace that shows that a tool is in use there: one of a name in `when`, or of a
/// name in `when_inside` with a text in it.
pub(super) fn sign(
    snapshot: &Snapshot,
    directory: &Path,
    when: &[String],
    when_inside: &BTreeMap<String, String>,
) -> Option<PathBuf> {
    let names = names(snapshot, directory);
    let is_there = |pattern: &String| {
        let matcher = Glob::new(pattern).ok()?.compile_matcher();
        names.iter().find(|name| matcher.is_match(name))
    };
    let holds = |(name, text): (&String, &String)| {
        let path = RelPath::new(directory.join(name).to_str()?).ok()?;
        let holds = || snapshot.read(&path).is_ok_and(|found| found.contains(text.as_str()));
        names.get(name).filter(|_| holds())
    };
    let found = when.iter().find_map(is_there).or_else(|| when_inside.iter().find_map(holds));
    found.map(|name| directory.join(name))
}
