//! What happens in a run, as it happens. `Display` is the line that people read.

use std::fmt;

use super::ConductorRecord;
use crate::pool::Usage;
use crate::verify::Verdict;
use crate::workflow::Step;

/// One change of state.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something is being prepared; the words say what.
    Preparing(String),
    /// The tests' state before anything was changed.
    Baseline {
        /// Tests that pass.
        passed: usize,
        /// Tests that fail.
        failed: usize,
        /// The command that was run.
        command: String,
    },
    /// The conductor decided.
    Planned {
        /// Who decided, and why.
        conductor: ConductorRecord,
        /// How often the conductor has seen an answer of its own in this run and planned again.
        depth: usize,
        /// The number of the first step, from 1.
        first: usize,
        /// The steps that it decided on.
        steps: Vec<Step>,
    },
    /// A step began; counted from 1.
    StepStarted {
        /// Its number.
        number: usize,
        /// The worker's name.
        worker: String,
    },
    /// A step goes on: text as it is streamed, or a count of what was tried.
    StepProgress {
        /// Its number.
        number: usize,
        /// In words.
        text: String,
    },
    /// Words of the answer to a conversation, as they come.
    Said {
        /// The number of the step whose worker says them.
        number: usize,
        /// The words.
        text: String,
    },
    /// What a worker thinks aloud in a conversation, which is no part of the answer.
    Thought {
        /// The number of its step.
        number: usize,
        /// Its words.
        text: String,
    },
    /// Something about a step that stays worth knowing: what was kept from a worker, what was asked again.
    Note {
        /// Its number.
        number: usize,
        /// In words.
        text: String,
    },
    /// A step ended.
    StepEnded {
        /// Its number.
        number: usize,
        /// `patch`, `prose`, `no_fix`, `declined`, `error: …`.
        status: String,
        /// What it used.
        usage: Usage,
        /// Milliseconds.
        ms: u64,
    },
    /// A patch is being checked.
    Checking(String),
    /// A patch was judged.
    Judged(Verdict),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing(what) => write!(f, "{what}"),
            Self::Baseline { passed, failed, command } => {
                write!(f, "before: {failed} failed, {passed} passed ({command})")
            }
            Self::Planned { conductor: ConductorRecord { model, why, .. }, steps, .. } if steps.len() == 1 => {
                write!(f, "{model} chose {} as {:?}: {why}", steps[0].worker, steps[0].role)
            }
            Self::Planned { conductor: ConductorRecord { model, why, .. }, depth, first, steps } => {
                let again = if *depth > 0 { format!(" anew (depth {depth})") } else { String::new() };
                write!(f, "{model} planned {} steps{again}: {why}", steps.len())?;
                (*first..).zip(steps).try_for_each(|(number, step)| {
                    write!(f, "\n  {number}. {} as {:?}: {}", step.worker, step.role, step.subtask)
                })
            }
            Self::StepStarted { number, worker } => write!(f, "step {number}: {worker} begins"),
            Self::StepProgress { number, text }
            | Self::Note { number, text }
            | Self::Said { number, text }
            | Self::Thought { number, text } => write!(f, "step {number}: {text}"),
            Self::StepEnded { number, status, usage, ms } => write!(
                f,
                "step {number}: {status} ({ms} ms, {} tokens in, {} out, ${:.4})",
                usage.tokens_in, usage.tokens_out, usage.usd
            ),
            Self::Checking(what) => write!(f, "checking: {what}"),
            Self::Judged(verdict) => {
                let report = verdict.report();
                let word = match verdict {
                    Verdict::Passed(_) => "passed",
                    Verdict::Failed(_) => "failed",
                    Verdict::Unknown(_) => "could not be judged",
                };
                write!(f, "verdict: {word} ({})", report.climbed())
            }
        }
    }
}
