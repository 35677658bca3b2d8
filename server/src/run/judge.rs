//! The judgement of what steps bring, and what becomes of the run by it.

use tokio::sync::OnceCell;

use super::Event;
use super::course::Course;
use super::delegate::Made;
use crate::conductor::Reading;
use crate::patch::{self, Patch};
use crate::verify::{Checked, Verdict, Verifier, Written};

/// Judges the patches of one run, one after the other.
pub(super) struct Judge<'a> {
    pub course: &'a Course<'a>,
    pub verifier: &'a Verifier,
    /// What the conductor knows of the task; none where nobody else may be asked for tests.
    pub reading: Option<&'a Reading>,
    /// Tests that a worker was asked for, once it was.
    pub tests: OnceCell<Option<Written>>,
}

/// What was found of a patch; what it says of the run is in the outcome already.
pub(super) enum Judged {
    /// It passed; the report.
    Verified(String),
    /// Nothing could judge it; it is what the run has to propose. The report.
    Open(String),
    /// It was refused, and somebody else may try; the report.
    Refused(String),
    /// The run was stopped meanwhile.
    Stopped,
}

impl<'a> Judge<'a> {
    pub fn new(course: &'a Course<'a>, verifier: &'a Verifier, reading: Option<&'a Reading>) -> Self {
        Self { course, verifier, reading, tests: OnceCell::new() }
    }

    /// Judges what a step brought, which is patched up by what was found.
    pub async fn of_step(&self, at: usize, mut made: Made) -> (usize, Made, Judged) {
        let Some(patch) = made.patch.take() else { unreachable!("who brought no patch is not judged") };
        let author = self.course.step(at).worker;
        let judged = self.judge(patch, Some(&author)).await;
        match &judged {
            Judged::Verified(_) => made.status = "verified".into(),
            Judged::Open(_) => made.status = "unverified".into(),
            Judged::Refused(report) => {
                made.status = "rejected".into();
                made.report = Some(report.clone());
            }
            Judged::Stopped => {}
        }
        (at, made, judged)
    }

    /// Judges a patch. `author`: who made it, so that somebody else may be asked for tests.
    pub async fn judge(&self, patch: Patch, author: Option<&str>) -> Judged {
        let Self { course, verifier, .. } = self;
        let (task, stop) = (course.task, &course.stop);
        let patch = patch::minimise(&patch, &task.snapshot);
        let gated = |patch: &Patch| patch::gate(patch, &task.snapshot, task.goal).ok();
        let asks = gated(&patch).unwrap_or_default();
        let formatted = verifier.formatted(&patch, stop).await;
        // What is only laid out is nothing more to ask for.
        let patch = formatted.filter(|laid_out| gated(laid_out).as_ref() == Some(&asks)).unwrap_or(patch);
        course.tell(Event::Checking(verifier.describe()));
        let mut checked = verifier.check(&patch, stop).await;
        if let (Some(reading), Some(author)) = (self.reading, author) {
            checked = self.by_tests(reading, author, &patch, checked).await;
        }
        if stop.is_cancelled() {
            return Judged::Stopped;
        }
        let Checked { verdict, verified, .. } = checked;
        course.tell(Event::Judged(verdict.clone()));
        let diff = patch::diff(&patch, &task.snapshot);
        let report = verdict.report().report.clone();
        course.outcome(|outcome| match (&verdict, verified) {
            (Verdict::Passed(_), Some(verified)) => {
                (outcome.verdict, outcome.diff, outcome.asks) = (Some(verdict), diff, asks);
                (outcome.verified, outcome.proposal) = (Some(verified), None);
                Judged::Verified(report)
            }
            (Verdict::Unknown(_), _) => {
                (outcome.verdict, outcome.diff, outcome.asks) = (Some(verdict), diff, asks);
                outcome.proposal = Some(patch);
                Judged::Open(report)
            }
            _ => {
                // What an earlier step proposes keeps its own verdict.
                if outcome.proposal.is_none() {
                    outcome.verdict = Some(verdict);
                }
                Judged::Refused(report)
            }
        })
    }
}
