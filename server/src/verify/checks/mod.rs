//! The rungs between parsing and the tests: compilers, type checkers and the linters that the project configured,
//! each compared with what it said before the patch.

mod applied;
mod chosen;
mod compile_commands;
mod finding;
mod judge;
mod proof;
mod reader;
mod said;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use chosen::Choices;
pub use finding::{Finding, Severity};

use self::applied::{Applied, CACHE, Key, applied};
use self::judge::Judged;
use self::reader::Place;
use self::said::Said;
use super::results::shortened;
use super::verdict::{Level, MOST_REPORT, Report, Rung, RungEnd};
use super::{CHECK_AT_LEAST, CHECK_FACTOR, End, Limits, Texts, Verifier, VerifyError};
use crate::patch::Patch;
use crate::workspace::RelPath;

/// Bytes of output that are read: compilers repeat the source with every message.
const OUTPUT: usize = 8 << 20;

/// What the checks said before any patch, by what they were run for.
#[derive(Default)]
pub(super) struct Baselines(Mutex<BTreeMap<Key, Arc<Said>>>);

/// What the checks say of a patch.
#[derive(Default)]
pub(super) struct Climbed {
    /// The report of the one that refused it; nothing after it was run.
    pub(super) refused: Option<Report>,
    /// Lines on what the task is about and the checks say of it now.
    pub(super) remarks: Vec<String>,
    /// Whether one of them no longer finds something that it found.
    pub(super) clears: bool,
    /// What they prove where no test can: errors that the task is about are gone.
    pub(super) proof: Option<String>,
}

impl Verifier {
    /// Runs the checks that apply to a patch, the cheap first, up to one that refuses it; `texts` are the workspace's
    /// with the patch. Every check that applies becomes a rung, those that cannot be run too.
    pub(super) async fn climb_checks(
        &self,
        patch: &Patch,
        texts: &Arc<Texts>,
        rungs: &mut Vec<Rung>,
        cancel: &CancellationToken,
    ) -> Result<Climbed, VerifyError> {
        let mut applied = self.applied(patch);
        let snapshot = self.snapshot();
        // A check of files that go has nothing to run for.
        applied.retain(|applied| !applied.commands(snapshot, &applied.after).is_empty());
        let before = self.check_baselines(&applied, cancel).await?;
        let mut climbed = Climbed::default();
        for (applied, before) in applied.iter().zip(before) {
            let level = applied.level();
            let unchecked = match (applied.missing(self.root()), &before) {
                (Some(program), _) if program == applied.check.command[0] => Some("not installed".to_owned()),
                (Some(program), _) => Some(format!("{program} is not installed")),
                (None, said) => said.absent.map(str::to_owned),
            };
            if let Some(why) = unchecked {
                rungs.push(Rung::new(&applied.check.name, level, RungEnd::Missing, 0).because(why));
                continue;
            }
            let factor = (Duration::from_millis(before.ms) * CHECK_FACTOR).max(CHECK_AT_LEAST);
            let wall = factor.min(self.limits().wall);
            let after = match before.hung {
                true => Said::clone(&before),
                false => self.hear(applied, &applied.after, texts, wall, cancel).await?,
            };
            let judged = Judged::new(&applied.check.name, patch, &before, &after);
            let proof = proof::of(&applied.check, &judged.found, patch, snapshot, &self.request.diagnostics);
            climbed.clears |= !judged.found.gone.is_empty();
            climbed.remarks.extend(judged.remarks(&self.request.diagnostics));
            if let Err(Some(why)) = &proof {
                climbed.remarks.push(format!("{why}, so what {} no longer finds proves nothing", applied.check.name));
            }
            climbed.proof = climbed.proof.take().or(proof.ok());
            let (rung, refused) = judged.into_rung(level, after.ms);
            rungs.push(rung);
            if let Some(why) = refused {
                climbed.refused = Some(Report::new(level, shortened(&why, MOST_REPORT)));
                break;
            }
        }
        Ok(climbed)
    }

    /// What the compilers say of the project around the focus before any patch; `None`: nothing, or they cannot be run.
    pub async fn complaints(&self, cancel: &CancellationToken) -> Option<String> {
        let mut applied = self.applied(&Patch::default());
        applied.retain(|applied| applied.level() == Level::Checked);
        let said = self.check_baselines(&applied, cancel).await.ok()?;
        let focus = self.request.focus.as_str();
        let mut lines = Vec::new();
        for (applied, said) in applied.iter().zip(said) {
            let mut findings = said.findings.clone();
            findings.sort_by_key(|finding| finding.file != focus);
            if !findings.is_empty() {
                let (list, _) = finding::list(&findings, MOST_REPORT / 2);
                lines.push(format!("{} finds {}:\n{list}", applied.check.name, finding::count(&findings)));
            }
        }
        (!lines.is_empty()).then(|| shortened(&lines.join("\n"), MOST_REPORT))
    }

    /// The names of the checks around the focus that this machine can run, in the order in which they are.
    pub(super) fn check_names(&self) -> Vec<String> {
        let applied = self.applied(&Patch::default()).into_iter();
        let there = applied.filter(|applied| applied.missing(self.root()).is_none());
        there.map(|applied| applied.check.name).collect()
    }

    fn applied(&self, patch: &Patch) -> Vec<Applied> {
        let applies = self.confined.is_none();
        let all = || applied(self.snapshot(), &self.request.checks, &self.request.focus, patch);
        if applies { all() } else { Vec::new() }
    }

    /// What each of them said before any patch; each is run once. Those that cannot be started said nothing.
    async fn check_baselines(
        &self,
        applied: &[Applied],
        cancel: &CancellationToken,
    ) -> Result<Vec<Arc<Said>>, VerifyError> {
        let known = || self.check_baselines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new =
            |applied: &&Applied| !known().contains_key(&applied.key()) && applied.missing(self.root()).is_none();
        for applied in applied.iter().filter(is_new) {
            let wall = self.limits().wall;
            let said = self.hear(applied, &applied.before, &self.unsaved, wall, cancel).await?;
            known().insert(applied.key(), Arc::new(said));
        }
        Ok(applied.iter().map(|applied| known().get(&applied.key()).cloned().unwrap_or_default()).collect())
    }

    /// Runs one check for these files of a workspace with these texts and reads what it says.
    async fn hear(
        &self,
        applied: &Applied,
        files: &[RelPath],
        texts: &Arc<Texts>,
        wall: Duration,
        cancel: &CancellationToken,
    ) -> Result<Said, VerifyError> {
        let Ok(sandbox) = &self.sandbox else { return Ok(Said::default()) };
        let shadow = self.take(texts).await?;
        let cache = applied.cache();
        let mut cell = shadow.cell_with(&applied.directory, Some((&cache, CACHE)), self.leaves(texts));
        for (name, value) in applied.env() {
            cell = cell.env(name, value);
        }
        let limits = Limits { wall, output: OUTPUT, ..self.limits() };
        let place = Place { root: self.root(), directory: &applied.directory };
        let mut said = Said::default();
        for argv in applied.commands(self.snapshot(), files) {
            let ran = sandbox.run(&cell, &argv, &limits, cancel).await;
            if ran.end == End::Cancelled {
                self.give_back(shadow);
                return Err(VerifyError::Cancelled);
            }
            said.add(Said::read(&applied.check, place, &ran));
        }
        self.give_back(shadow);
        Ok(said)
    }
}
