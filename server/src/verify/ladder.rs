//! The ladder: what judges a patch, rung by rung, the cheap first. A rung that refuses it is the last one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::checks::Climbed;
use super::evidence::{Tested, Weight, is_documented, left_out};
use super::results::{TestStatus, shortened};
use super::verdict::{Level, MOST_REPORT, REACHING, Report, Rung, RungEnd, TESTS, Verdict};
use super::{
    Baseline, CHECK_AT_LEAST, CHECK_FACTOR, Checked, Texts, Verifier, VerifyError, forgery, formatting, judge, parse,
};
use crate::patch::Patch;
use crate::task::Goal;

impl Verifier {
    /// Judges a patch: it parses no worse, compilers and linters find nothing that they did not find before, it leaves
    /// the tests be, breaks none that passed, and fixes what it touches of those that failed.
    ///
    /// Where no test can be run, a compiler or linter that is content proves little (see `checks/proof.rs`): the
    /// verdict is then Unknown, with the rungs that were passed, unless the patch made an error of theirs go that was
    /// there before.
    pub async fn check(&self, patch: &Patch, cancel: &CancellationToken) -> Checked {
        let mut rungs = Vec::new();
        let mut lacks_tests = false;
        let mut verdict = self.climb(patch, &mut rungs, &mut lacks_tests, cancel).await;
        verdict.report_mut().rungs = rungs;
        Checked::of(patch, verdict, lacks_tests)
    }

    /// The rungs in their order; each that was stood on is noted, and whether further tests could decide.
    async fn climb(
        &self,
        patch: &Patch,
        rungs: &mut Vec<Rung>,
        lacks_tests: &mut bool,
        cancel: &CancellationToken,
    ) -> Verdict {
        let started = Instant::now();
        let parsed = parse::parse(patch, self.snapshot());
        let end = if parsed.is_ok() { RungEnd::Passed } else { RungEnd::Failed };
        rungs.push(Rung::new("parse", Level::Parsed, end, millis(started)));
        let patched = match parsed {
            Ok(patched) => patched,
            Err(refused) => return refused,
        };
        let texts =
            Arc::new(self.unsaved.iter().map(|(path, text)| (path.clone(), text.clone())).chain(patched).collect());
        if let Some(why) = self.displaced(patch, cancel).await {
            rungs.push(Rung::new("module names", Level::Parsed, RungEnd::Failed, 0));
            return Verdict::Failed(Report::new(Level::Parsed, why));
        }
        rungs.extend(self.missing_formatters(patch));
        let climbed = match self.climb_checks(patch, &texts, rungs, cancel).await {
            Ok(Climbed { refused: Some(report), .. }) => return Verdict::Failed(report),
            Ok(climbed) => climbed,
            Err(why) => return unknown(rungs, why.to_string()),
        };
        let Climbed { remarks, proof, clears, .. } = climbed;
        let tested = self.climb_tests(patch, &texts, clears, rungs, cancel).await;
        // Without tests a refactoring can still be seen to do something else.
        if matches!(&tested, Err(untested) if untested.provable)
            && self.goal() == Goal::Refactor
            && self.request.evidence
            && let Weight::Refuse(why) = self.behaves(patch, &texts, rungs, cancel).await
        {
            return Verdict::Failed(Report::new(Level::Tested, why));
        }
        let mut verdict = match tested {
            Ok(verdict) => {
                *lacks_tests = matches!(verdict, Verdict::Unknown(_));
                forgery::doubted(verdict, patch, self.snapshot())
            }
            // What the tests cannot judge, a compiler that complained before may have.
            Err(Untested { why, provable }) => {
                if !rungs.iter().any(|rung| rung.name == TESTS) {
                    rungs.push(Rung::new(TESTS, Level::Tested, RungEnd::NotRun, 0).because(&why));
                }
                match proof.filter(|_| provable) {
                    Some(proof) => {
                        let report = shortened(&format!("{proof}\n{why}"), MOST_REPORT);
                        return Verdict::Passed(Report::new(reached(rungs), report));
                    }
                    None => {
                        *lacks_tests = provable;
                        unknown(rungs, why)
                    }
                }
            }
        };
        let report = verdict.report_mut();
        if !remarks.is_empty() {
            report.report = shortened(&format!("{}\n{}", report.report, remarks.join("\n")), MOST_REPORT);
        }
        verdict
    }

    /// The tests: the highest rung; `clears`: a check no longer finds what it found. The error is why they cannot judge
    /// the patch.
    async fn climb_tests(
        &self,
        patch: &Patch,
        texts: &Arc<Texts>,
        clears: bool,
        rungs: &mut Vec<Rung>,
        cancel: &CancellationToken,
    ) -> Result<Verdict, Untested> {
        let untested = |why: String, provable: bool| Untested { why, provable };
        let Some(command) = self.suites().next() else { return Err(untested(self.why_no_tests(), true)) };
        if let Some(why) = parse::touches_tests(patch, self.snapshot(), command) {
            return Err(untested(format!("the tests cannot verify a change of the tests: {why}"), false));
        }
        let before = match self.baseline(cancel).await {
            Ok(before) => before,
            Err(e) => return Err(untested(e.to_string(), matches!(e, VerifyError::NoTests(_)))),
        };
        let asked = self.asked(patch, before, cancel).await.map_err(|e| untested(e.to_string(), false))?;
        let to_mend = |name: &str| self.is_to_mend(name, before);
        if before.cut.is_none()
            && let Some(few) = asked.few.as_deref()
        {
            let ran = self.run_suites([&few.command].into_iter(), texts, self.check_wall(few.ms), cancel).await;
            let (ran, after) = ran.map_err(|e| untested(e.to_string(), false))?;
            let refusal = few.refusal(to_mend, &before.results, &after);
            let end = if refusal.is_some() { RungEnd::Failed } else { RungEnd::Passed };
            rungs.push(Rung::new(REACHING, Level::Tested, end, ran.ms).because(&few.what));
            if let Some(refusal) = refusal {
                return Ok(refusal);
            }
        }
        let ran =
            self.run_suites(asked.suites.iter().map(AsRef::as_ref), texts, self.check_wall(asked.ms), cancel).await;
        let (ran, after) = ran.map_err(|e| untested(e.to_string(), false))?;
        let was = &asked.before;
        // A build that was broken may have hidden that there are no tests.
        let names_none = was.tests.keys().all(|name| name.starts_with('<'));
        if let Some(why) = after.not_run.as_ref().filter(|_| names_none && after.tests.is_empty()) {
            return Err(untested(why.clone(), true));
        }
        let verdict = judge::judge(command.runner, to_mend, was, &after);
        let end = match &verdict {
            Verdict::Passed(_) => RungEnd::Passed,
            Verdict::Failed(_) => RungEnd::Failed,
            Verdict::Unknown(report) => {
                return Err(untested(left_out(&after).unwrap_or(&report.report).to_owned(), true));
            }
        };
        match (&before.cut, &asked.few) {
            (Some(why), Some(few)) => {
                rungs.push(Rung::new(REACHING, Level::Tested, end, ran.ms).because(&few.what));
                rungs.push(Rung::new(TESTS, Level::Tested, RungEnd::NotRun, 0).because(why));
            }
            _ => rungs.push(Rung::new(TESTS, Level::Tested, end, ran.ms)),
        }
        rungs.extend(left_out(&after).map(|why| Rung::new("examples", Level::Tested, RungEnd::NotRun, 0).because(why)));
        let Verdict::Passed(mut report) = verdict else { return Ok(verdict) };
        if let Some(why) = &before.cut {
            report.report = shortened(&format!("{}\nnot all tests were run: {why}", report.report), MOST_REPORT);
        }
        if !self.request.evidence {
            return Ok(Verdict::Passed(report));
        }
        let mends = was
            .tests
            .iter()
            .any(|(name, status)| *status == TestStatus::Failed && after.tests.get(name) == Some(&TestStatus::Passed));
        let fixed = mends || clears;
        let tested = Tested { patch, texts, after: &after, fixed, few: asked.few.as_deref() };
        let weight = self.gather(&tested, rungs, cancel).await;
        Ok(match weight.map_err(|e| Untested { why: e.to_string(), provable: false })? {
            Weight::Accept => Verdict::Passed(report),
            Weight::Doubt(why) => {
                report.report = why;
                Verdict::Unknown(report)
            }
            Weight::Refuse(why) => {
                report.report = why;
                Verdict::Failed(report)
            }
        })
    }

    /// How long tests may take with a patch that took `ms` milliseconds without.
    fn check_wall(&self, ms: u64) -> Duration {
        (Duration::from_millis(ms) * CHECK_FACTOR).max(CHECK_AT_LEAST).min(self.limits().wall)
    }

    /// Whether the task is about this test, which failed before. Documentation can be out of date: what it says has to be
    /// mended only where nothing else says what is wrong.
    fn is_to_mend(&self, name: &str, before: &Baseline) -> bool {
        let fails = |(name, status): (&String, &TestStatus)| *status == TestStatus::Failed && !is_documented(name);
        let is_told = !self.request.instruction.is_empty() || !self.request.diagnostics.is_empty();
        self.goal() == Goal::Fix && !(is_documented(name) && (is_told || before.tests.iter().any(fails)))
    }

    /// The formatters that the project uses on files of the patch and this machine does not have.
    fn missing_formatters(&self, patch: &Patch) -> Vec<Rung> {
        let mut missing: Vec<Rung> = Vec::new();
        for name in patch.files().iter().filter_map(|(path, change)| change.name(path)) {
            let Some(Err(formatter)) = formatting::find(self.snapshot(), name) else { continue };
            let formatter = format!("layout by {formatter}");
            if !missing.iter().any(|rung| rung.name == formatter) {
                missing.push(Rung::new(formatter, Level::Formatted, RungEnd::Missing, 0).because("not installed"));
            }
        }
        missing
    }
}

/// Why the tests say nothing of a patch.
struct Untested {
    why: String,
    /// Whether another rung may prove it: what changes the tests is proven by nothing.
    provable: bool,
}

/// The highest rung that was passed.
fn reached(rungs: &[Rung]) -> Level {
    let passed = rungs.iter().filter(|rung| rung.end == RungEnd::Passed);
    passed.map(|rung| rung.level).max().unwrap_or(Level::Parsed)
}

fn unknown(rungs: &[Rung], why: String) -> Verdict {
    Verdict::Unknown(Report::new(reached(rungs), why))
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}
