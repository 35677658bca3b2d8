//! Tests that a worker wrote for a task before it saw anybody's patch. They are asked for only where nothing that was given can
//! judge one, and count only as far as the code without the patch bears them out: for a fix or an edit those that fail
//! there, for a refactoring those that pass there. (Tests written by a model from the task alone: CodeT, arXiv 2207.10397.)
//!
//! They are foreign code: they run in the sandbox, at a path that is new there, and can only decide a verdict that is open.

mod place;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

pub use place::Place;

use super::evidence::Tested;
use super::results::{Results, TestStatus, shortened};
use super::verdict::{Level, MOST_REPORT, Report, Rung, RungEnd, Verdict};
use super::{CHECK_AT_LEAST, Checked, Texts, Verifier, VerifyError, forgery, judge};
use crate::patch::{self, Patch, Problem};
use crate::task::Goal;

/// Most bytes of a file of tests.
const MOST_BYTES: usize = 64 * 1024;

/// Tests that a worker wrote.
#[derive(Debug, Clone)]
pub struct Written {
    worker: String,
    place: Place,
    text: Arc<str>,
}

/// What came of the tests that count.
#[derive(Debug)]
enum Said {
    /// None counts, for this reason.
    Nothing(String),
    /// All of so many that count pass with the patch.
    Pass(usize),
    /// They pass, and notice nothing of what was changed.
    Blind(String),
    /// Some of so many that count fail with the patch: those, and what they say.
    Fail(usize, Vec<String>, Results),
}

impl Written {
    /// Reads the file of tests in a worker's reply; what is wrong with it is said to the worker.
    pub fn read(worker: &str, place: &Place, reply: &str) -> Result<Self, Vec<Problem>> {
        let wrong = |why: String| Err(vec![Problem(why)]);
        let Some(text) = patch::fenced(reply).into_iter().max_by_key(String::len) else {
            return wrong("there is no fenced block with the file of tests in it".into());
        };
        if text.len() > MOST_BYTES {
            return wrong(format!("the file of tests is longer than {MOST_BYTES} bytes"));
        }
        let Some(language) = baton_grammars::by_path(Path::new(place.path.as_str())) else {
            return wrong(format!("Baton has no parser for {}", place.path));
        };
        let Some(tree) = language.parse(&text) else { return wrong("the tests take too long to parse".into()) };
        if let Some(error) = language.syntax_errors(&tree).first() {
            return wrong(format!("the tests do not parse: line {}", error.row + 1));
        }
        let allowed = language.facts.new_tests.as_ref().map(|new| new.frameworks.as_slice()).unwrap_or_default();
        let means = forgery::means(language, &text).filter(|means| !allowed.contains(means)).collect::<Vec<_>>();
        if let Some(means) = means.first() {
            return wrong(format!("the tests use `{means}`, with which they could decide their own result"));
        }
        Ok(Self { worker: worker.to_owned(), place: place.clone(), text: text.into() })
    }

    /// Who wrote them.
    pub fn worker(&self) -> &str {
        &self.worker
    }
}

impl Verifier {
    /// Judges a patch that nothing given could judge by tests that somebody wrote who did not make it. The verdict stays as
    /// it is unless some of them count; a further rung says what came of them.
    pub async fn judge_by(
        &self,
        written: &Written,
        patch: &Patch,
        checked: Checked,
        cancel: &CancellationToken,
    ) -> Checked {
        let started = Instant::now();
        let said = self.said_by(written, patch, cancel).await.unwrap_or_else(|e| Said::Nothing(e.to_string()));
        let Checked { mut verdict, .. } = checked;
        let goal = self.goal();
        let were = if goal == Goal::Refactor { "passed" } else { "failed" };
        let report = verdict.report_mut();
        let (end, reason) = match &said {
            Said::Nothing(why) => (RungEnd::NotRun, why.clone()),
            Said::Blind(why) => (RungEnd::Doubted, why.clone()),
            Said::Pass(count) => {
                (RungEnd::Passed, format!("{count} of them {were} without the change, and all of these pass with it"))
            }
            Said::Fail(count, failing, _) => {
                let end = if goal == Goal::Refactor { RungEnd::Failed } else { RungEnd::Doubted };
                (end, format!("{} of the {count} that {were} without the change fail with it", failing.len()))
            }
        };
        let rung = Rung::new(format!("tests by {}", written.worker), Level::Tested, end, millis(started));
        report.rungs.push(rung.because(&reason));
        let mut report = Report { level: Level::Tested, ..report.clone() };
        let verdict = match said {
            Said::Nothing(_) | Said::Blind(_) => verdict,
            Said::Pass(count) => {
                report.passed += count;
                report.report = format!("tests were written by {}: {reason}", written.worker);
                forgery::doubted(Verdict::Passed(report), patch, self.snapshot())
            }
            Said::Fail(_, failing, results) => {
                report.failed += failing.len();
                let told = judge::list(&failing.iter().collect::<Vec<_>>(), &results);
                report.report =
                    shortened(&format!("tests were written by {}: {reason}:\n{told}", written.worker), MOST_REPORT);
                if goal == Goal::Refactor { Verdict::Failed(report) } else { Verdict::Unknown(report) }
            }
        };
        Checked::of(patch, verdict, false)
    }

    /// Runs them without the patch and with it.
    async fn said_by(&self, written: &Written, patch: &Patch, cancel: &CancellationToken) -> Result<Said, VerifyError> {
        let Place { path, command, .. } = &written.place;
        if patch.files().iter().any(|(old, change)| change.names(old).any(|name| name == path)) {
            return Ok(Said::Nothing(format!("the change is about {path} itself")));
        }
        let Ok(patched) = super::parse::parse(patch, self.snapshot()) else {
            return Ok(Said::Nothing("the change does not fit".into()));
        };
        let with = |texts: &mut dyn Iterator<Item = (crate::workspace::RelPath, Option<Arc<str>>)>| {
            let own = [(path.clone(), Some(written.text.clone()))];
            Arc::new(texts.chain(own).collect::<Texts>())
        };
        let unsaved = || self.unsaved.iter().map(|(path, text)| (path.clone(), text.clone()));
        let (without, with) = (with(&mut unsaved()), with(&mut unsaved().chain(patched)));
        let (_, before) = self.run_suite(command, &without, self.limits().wall, cancel).await?;
        // With the patch they may be the first to build it.
        let wall = self.limits().wall.max(CHECK_AT_LEAST);
        let (ran, after) = self.run_suite(command, &with, wall, cancel).await?;
        // Where the runner cannot leave the project's own tests out, they are not counted again.
        let known = |name: &String| self.baseline.get().is_some_and(|baseline| baseline.tests.contains_key(name));
        let own = |results: &Results| -> Vec<String> {
            let names = results.tests.keys().filter(|name| !name.starts_with('<') && !known(name));
            names.filter(|name| !before.unloaded.contains(*name)).cloned().collect()
        };
        let has = |results: &Results, name: &String, status| results.tests.get(name) == Some(&status);
        let mut counted: BTreeSet<String> = if self.goal() == Goal::Refactor {
            own(&before).into_iter().filter(|name| has(&before, name, TestStatus::Passed)).collect()
        } else {
            // What could not even be loaded without the patch has failed there.
            let loads = before.tests.keys().any(|name| !known(name) && has(&before, name, TestStatus::Passed));
            let new = own(&after).into_iter().filter(|name| !loads && !before.tests.contains_key(name));
            own(&before).into_iter().filter(|name| has(&before, name, TestStatus::Failed)).chain(new).collect()
        };
        let fails = |name: &&String| !has(&after, name, TestStatus::Passed);
        if self.goal() == Goal::Refactor && counted.iter().any(|name| fails(&name)) {
            // One that passes now and then says nothing.
            let (_, again) = self.run_suite(command, &without, self.limits().wall, cancel).await?;
            counted.retain(|name| has(&again, name, TestStatus::Passed));
        }
        let failing: Vec<String> = counted.iter().filter(fails).cloned().collect();
        Ok(match counted.len() {
            0 => Said::Nothing(none_counts(self.goal(), &before, &after)),
            count if !failing.is_empty() => Said::Fail(count, failing, after),
            count if self.goal() == Goal::Refactor => {
                let tested = Tested { patch, texts: &with, after: &after, few: None, fixed: false };
                let noticed = self.noticed_alone(command, ran.ms, &tested, cancel).await?;
                if noticed.made > 0 && noticed.noticed.is_none() {
                    Said::Blind(format!("{count} pass without the change and with it, and {noticed}"))
                } else {
                    Said::Pass(count)
                }
            }
            count => Said::Pass(count),
        })
    }
}

fn none_counts(goal: Goal, before: &Results, after: &Results) -> String {
    let word = if goal == Goal::Refactor { "passes" } else { "fails" };
    let why = [before, after].iter().find_map(|results| {
        let first = results.messages.iter().find(|(name, _)| name.starts_with('<')).map(|(_, said)| said.clone());
        results.not_run.clone().or(first)
    });
    let why = why.map(|why| format!(": {}", shortened(&why, 200))).unwrap_or_default();
    format!("none of them {word} without the change{why}")
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}
