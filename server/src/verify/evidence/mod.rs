//! What speaks for or against a patch beyond the tests that were given: what the changed functions do on many inputs, before
//! and after, and whether any test notices small changes of the changed lines.
//!
//! Given tests accept much that is wrong. What is gathered here never makes a refused patch pass: it makes one that passed
//! fail, or leaves it unverified.

mod changed;
mod examples;
mod interpreter;
mod mutants;
mod observe;
pub(super) mod reach;
mod weigh;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub(super) use examples::{command, given, is_documented, is_example, left_out};
pub(super) use interpreter::Interpreter;
pub(super) use reach::reaching;
pub(super) use weigh::Weight;

use self::mutants::Mutant;
use self::observe::Compared;
use self::weigh::Noticed;
use super::reaching::Reaching;
use super::results::{Results, TestStatus};
use super::verdict::{Level, Rung, RungEnd};
use super::{TestCommand, Texts, Verifier, VerifyError};
use crate::patch::Patch;
use crate::workspace::RelPath;

/// Most mutants, and the time for all of them.
const MUTANTS: usize = 6;
const MUTANTS_WALL: Duration = Duration::from_secs(20);

/// What the tests said of a patch that they let pass.
pub(super) struct Tested<'a> {
    /// The patch.
    pub patch: &'a Patch,
    /// The workspace with it.
    pub texts: &'a Arc<Texts>,
    /// Every test, with it.
    pub after: &'a Results,
    /// Whether something that failed before passes now, or a compiler or linter no longer finds what it found.
    pub fixed: bool,
    /// The tests that reach the patch, where they can be run alone.
    pub few: Option<&'a Reaching>,
}

impl Verifier {
    /// Looks at a patch that the tests let pass, as far as it matters; each look is a rung.
    pub(super) async fn gather(
        &self,
        tested: &Tested<'_>,
        rungs: &mut Vec<Rung>,
        cancel: &CancellationToken,
    ) -> Result<Weight, VerifyError> {
        let mut weight = Weight::Accept;
        if weigh::behaviour_matters(self.goal(), tested.fixed) {
            weight = self.behaves(tested.patch, tested.texts, rungs, cancel).await;
        }
        if !tested.fixed {
            let started = Instant::now();
            let found = self.noticed(tested, cancel).await?;
            let found = found.map(|found| found.map(|found| (weigh::mutants(&found), found.to_string())));
            rungs.extend(found.as_ref().map(|found| rung("mutants of the change", found, started)));
            weight = weight.and(found.and_then(Result::ok).map_or(Weight::Accept, |(weight, _)| weight));
        }
        if cancel.is_cancelled() { Err(VerifyError::Cancelled) } else { Ok(weight) }
    }

    /// Compares what the changed functions do without the patch and with it; a rung, where they can be called.
    pub(super) async fn behaves(
        &self,
        patch: &Patch,
        texts: &Arc<Texts>,
        rungs: &mut Vec<Rung>,
        cancel: &CancellationToken,
    ) -> Weight {
        let Some((focus, functions)) = changed::functions(patch, self.snapshot(), texts) else { return Weight::Accept };
        let started = Instant::now();
        let documented = examples::written(self.snapshot(), &focus);
        let found = observe::compare(self, &focus, &functions, &documented, (&self.unsaved, texts), cancel).await;
        let found = found.map(|found| (weigh::behaviour(self.goal(), &found), found.to_string()));
        rungs.push(rung("behaviour before and after", &found, started));
        found.map_or(Weight::Accept, |(weight, _)| weight)
    }

    /// What these tests, which take about `ms` milliseconds, notice of mutants of the changed lines.
    pub(super) async fn noticed_alone(
        &self,
        command: &TestCommand,
        ms: u64,
        tested: &Tested<'_>,
        cancel: &CancellationToken,
    ) -> Result<Noticed, VerifyError> {
        let mutants = changed::mutants(tested.patch, self.snapshot(), tested.texts, MUTANTS);
        let way = Way { suites: vec![command], ms, names: tested.after.tests.keys().collect() };
        self.noticed_by(&way, &mutants, tested, Instant::now(), cancel).await
    }

    /// What the tests notice of mutants of the changed lines; `None` where nothing can be mutated.
    async fn noticed(
        &self,
        tested: &Tested<'_>,
        cancel: &CancellationToken,
    ) -> Result<Option<Result<Noticed, String>>, VerifyError> {
        let mutants = changed::mutants(tested.patch, self.snapshot(), tested.texts, MUTANTS);
        if mutants.is_empty() {
            return Ok(None);
        }
        let whole = self.baseline(cancel).await?;
        let mut ways = Vec::new();
        if let Some(few) = tested.few {
            let names = tested.after.tests.keys();
            ways.push(Way {
                suites: std::iter::once(&few.command).chain(&self.examples).collect(),
                ms: few.ms,
                names: names.filter(|name| few.before.tests.contains_key(*name) || is_example(name)).collect(),
            });
        }
        // Tests that reach the change may be more than those that speak of it.
        if tested.few.is_none() || whole.cut.is_none() {
            ways.push(Way {
                suites: self.suites().collect(),
                ms: whole.ms,
                names: tested.after.tests.keys().collect(),
            });
        }
        let (started, mut noticed) = (Instant::now(), Noticed::default());
        for way in &ways {
            noticed = match self.noticed_by(way, &mutants, tested, started, cancel).await {
                Ok(noticed) => noticed,
                Err(VerifyError::Cancelled) => return Err(VerifyError::Cancelled),
                Err(why) => return Ok(Some(Err(why.to_string()))),
            };
            if noticed.noticed.is_some() {
                break;
            }
        }
        let slow = || Err("the tests take too long to be run again for each".to_owned());
        Ok(Some(if noticed.made == 0 { slow() } else { Ok(noticed) }))
    }

    /// What of the mutants is noticed one way.
    async fn noticed_by(
        &self,
        way: &Way<'_>,
        mutants: &[(RelPath, Mutant)],
        tested: &Tested<'_>,
        started: Instant,
        cancel: &CancellationToken,
    ) -> Result<Noticed, VerifyError> {
        let passes = |name: &&String| tested.after.tests.get(*name) == Some(&TestStatus::Passed);
        let passing: Vec<&String> = way.names.iter().copied().filter(passes).collect();
        let (once, mut noticed) = (Duration::from_millis(way.ms), Noticed::default());
        for (path, mutant) in mutants {
            let left = MUTANTS_WALL.saturating_sub(started.elapsed());
            if left < once * 2 {
                break;
            }
            let mut texts = (**tested.texts).clone();
            texts.insert(path.clone(), Some(mutant.text.as_str().into()));
            let suites = way.suites.iter().copied();
            let (_, results) = self.run_suites(suites, &Arc::new(texts), left, cancel).await?;
            noticed.made += 1;
            if passing.iter().any(|name| results.tests.get(*name) != Some(&TestStatus::Passed)) {
                // One shows that the tests reach the change; the rest would only say how well.
                noticed.noticed = Some(weigh::place(path, mutant));
                break;
            }
            noticed.survivor.get_or_insert_with(|| weigh::place(path, mutant));
        }
        Ok(noticed)
    }
}

/// Tests that a mutant may be noticed by.
struct Way<'a> {
    suites: Vec<&'a TestCommand>,
    /// Milliseconds that they take.
    ms: u64,
    names: Vec<&'a String>,
}

fn rung(name: &str, found: &Result<(Weight, String), String>, started: Instant) -> Rung {
    let (end, reason) = match found {
        Ok((Weight::Accept, reason)) => (RungEnd::Passed, reason),
        Ok((Weight::Doubt(_), reason)) => (RungEnd::Doubted, reason),
        Ok((Weight::Refuse(_), reason)) => (RungEnd::Failed, reason),
        Err(why) => (RungEnd::NotRun, why),
    };
    Rung::new(name, Level::Tested, end, started.elapsed().as_millis() as u64).because(reason)
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.differing {
            0 => write!(f, "the same in {} calls", self.calls),
            count => write!(f, "different in {count} of {} calls", self.calls),
        }
    }
}

impl fmt::Display for Noticed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.noticed {
            None => write!(f, "no test notices any of {}", self.made),
            Some(_) => write!(f, "a test notices"),
        }
    }
}
