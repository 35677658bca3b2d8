//! Tests from a worker, where nothing else can judge what another worker made.

use std::time::Instant;

use super::delegate::Delegation;
use super::turns::Turns;
use super::{Event, StepRecord};
use crate::conductor::{Decision, Reading};
use crate::patch::Patch;
use crate::pool::{REPAIR, TOOLCHAIN};
use crate::verify::{Checked, Verifier, Written};

/// The status of a step that brought tests.
const WROTE: &str = "tests";

impl Turns<'_> {
    /// Judges a patch of `author` that nothing else could judge by tests that somebody else writes; where nobody can, the
    /// verdict stays as it is. They are asked for once in a run, and serve for every patch that their writer did not make.
    pub(super) async fn judge_by_tests(
        &mut self,
        verifier: &Verifier,
        reading: &Reading,
        author: &str,
        patch: &Patch,
        checked: Checked,
    ) -> Checked {
        if !checked.lacks_tests || !self.engine.config.verify.written_tests {
            return checked;
        }
        if self.tests.is_none() {
            let written = self.ask_for_tests(verifier, reading, author).await;
            self.tests = Some(written);
        }
        match self.tests.iter().flatten().find(|written| written.worker() != author) {
            Some(written) => verifier.judge_by(written, patch, checked, &self.stop).await,
            None => checked,
        }
    }

    async fn ask_for_tests(&mut self, verifier: &Verifier, reading: &Reading, author: &str) -> Option<Written> {
        let facts = self.engine.pool.facts().into_iter();
        let models: Vec<_> = facts.filter(|facts| ![REPAIR, TOOLCHAIN].contains(&facts.name.as_str())).collect();
        // With nobody else there is nothing to say: most have one model.
        if models.iter().all(|facts| facts.name == author) {
            return None;
        }
        let place = match verifier.place_for_tests() {
            Ok(place) => place,
            Err(why) => {
                self.tell(Event::Preparing(format!("no worker is asked for tests: {why}")));
                return None;
            }
        };
        let (step, why) = match reading.tester(author, &models, &self.need(None)) {
            Decision::Delegate { step, why } => (step, why),
            Decision::Stop { why } => {
                self.tell(Event::Preparing(format!("no worker is asked for tests: {why}")));
                return None;
            }
        };
        let llm = self.engine.pool.llm(&step.worker)?;
        let number = self.plan(reading, &step, why);
        let started = Instant::now();
        let delegation = Delegation { turns: self, step: &step, number, checks: None, earlier: &[] };
        let read = |reply: &str| Written::read(llm.name(), &place, reply);
        let (mut made, written) = delegation.asked(llm, Some(&place), read).await;
        if written.is_some() {
            made.status = WROTE.into();
        }
        let ms = started.elapsed().as_millis() as u64;
        self.outcome.usage.add(made.usage);
        self.tell(Event::StepEnded { number, status: made.status.clone(), usage: made.usage, ms });
        let (worker, role) = (step.worker, step.role);
        self.outcome.steps.push(StepRecord { worker, role, ms, usage: made.usage, status: made.status });
        written
    }
}
