//! Tests from a worker, where nothing else can judge what another worker made.

use std::time::Instant;

use super::delegate::{Delegation, Made};
use super::turns::Turns;
use super::{Event, StepRecord};
use crate::conductor::{Decision, Reading};
use crate::context;
use crate::patch::{Patch, Problem};
use crate::pool::{Llm, REPAIR, TOOLCHAIN, Usage};
use crate::verify::{Checked, Place, Verifier, Written};

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
        let (made, written) = delegation.write_tests(llm, &place).await;
        let ms = started.elapsed().as_millis() as u64;
        self.outcome.usage.add(made.usage);
        self.tell(Event::StepEnded { number, status: made.status.clone(), usage: made.usage, ms });
        let (worker, role) = (step.worker, step.role);
        self.outcome.steps.push(StepRecord { worker, role, ms, usage: made.usage, status: made.status });
        written
    }
}

impl Delegation<'_> {
    /// Asks a language model for a file of tests; once more if its reply could not be used.
    async fn write_tests(&self, llm: &Llm, place: &Place) -> (Made, Option<Written>) {
        let failed = |why: String, usage: Usage| (Made::error(why, usage), None);
        let context = match self.context(llm.prompt_budget(), Some(place)).await {
            Ok(context) => context,
            Err(why) => return failed(why, Usage::default()),
        };
        for withheld in &context.withheld {
            self.note(format!("withheld from {}: {withheld}", llm.name()));
        }
        let mut used = Usage::default();
        let mut ask = context.prompt;
        for attempt in 1..=2 {
            let reply = match self.call(llm, &ask).await {
                Ok(reply) => reply,
                Err(error) => {
                    used.add(error.usage());
                    return failed(error.to_string(), used);
                }
            };
            used.add(reply.usage);
            let problems = match Written::read(llm.name(), place, &reply.text) {
                Ok(written) => {
                    let made = Made { status: WROTE.into(), usage: used, ..Made::default() };
                    return (made, Some(written));
                }
                Err(problems) => problems,
            };
            if attempt == 2 {
                return (Made::refused(&problems, used), None);
            }
            let why = problems.first().map_or(String::new(), Problem::to_string);
            self.note(format!("its tests cannot be used, so it is asked once more: {why}"));
            ask = context::correction(&ask, &reply.text, &problems, llm.prompt_budget());
        }
        unreachable!("the second attempt returns")
    }
}
