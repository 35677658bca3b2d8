//! Tests from a worker, where nothing else can judge what another worker made.

use std::time::Instant;

use super::delegate::Delegation;
use super::judge::Judge;
use super::{ConductorRecord, Event};
use crate::conductor::{Decision, Reading};
use crate::patch::Patch;
use crate::pool::{REPAIR, TOOLCHAIN};
use crate::verify::{Checked, Written};

/// The status of a step that brought tests.
const WROTE: &str = "tests";

impl Judge<'_> {
    /// Judges a patch of `author` that nothing else could judge by tests that somebody else writes; where nobody can, the
    /// verdict stays as it is. They are asked for once in a run, and serve for every patch that their writer did not make.
    pub(super) async fn by_tests(&self, reading: &Reading, author: &str, patch: &Patch, checked: Checked) -> Checked {
        let course = self.course;
        if !checked.lacks_tests || !course.engine.config.verify.written_tests {
            return checked;
        }
        let tests = self.tests.get_or_init(|| self.ask_for_tests(reading, author)).await;
        match tests.as_ref().filter(|written| written.worker() != author) {
            Some(written) => self.verifier.judge_by(written, patch, checked, &course.stop).await,
            None => checked,
        }
    }

    async fn ask_for_tests(&self, reading: &Reading, author: &str) -> Option<Written> {
        let course = self.course;
        let facts = course.engine.pool.eligible(&course.task.allowed).into_iter();
        let models: Vec<_> = facts.filter(|facts| ![REPAIR, TOOLCHAIN].contains(&facts.name.as_str())).collect();
        // With nobody else there is nothing to say: most have one model.
        if models.iter().all(|facts| facts.name == author) {
            return None;
        }
        let nobody = |why: String| course.tell(Event::Preparing(format!("no worker is asked for tests: {why}")));
        let place = match self.verifier.place_for_tests() {
            Ok(place) => place,
            Err(why) => {
                nobody(why);
                return None;
            }
        };
        let (step, why) = match reading.tester(author, &models, &course.need(None)) {
            Decision::Delegate { step, why } => (step, why),
            Decision::Stop { why } => {
                nobody(why);
                return None;
            }
        };
        let llm = course.engine.pool.llm(&step.worker)?;
        let at = course.plan(ConductorRecord::mini(reading, why), 0, vec![step.clone()]).start;
        course.begin(at);
        let started = Instant::now();
        let delegation = Delegation { course, step: &step, at, checks: None, stop: &course.stop };
        let read = |reply: &str| Written::read(llm.name(), &place, reply);
        let (mut made, written) = delegation.asked(llm, Some(&place), read).await;
        if written.is_some() {
            made.status = WROTE.into();
        }
        course.end(at, &made.status, made.usage, started.elapsed().as_millis() as u64);
        course.keep(at, &made);
        // Nobody sees the tests: who knows them could write code that passes these alone.
        let (status, usage) = (made.status, made.usage);
        course.brought(at, super::delegate::Made { status, usage, ..Default::default() });
        written
    }
}
