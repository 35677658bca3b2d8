//! What is recorded of a run, and what a later run may learn from it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::pool::Usage;
use crate::run::{ConductorRecord, Kind, NOT_BEGUN, StepRecord};
use crate::task::{Goal, Tier};
use crate::verify::Verdict;
use crate::workflow::{Role, Step, Workflow};

/// One run. The user's words are in it only as a hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// From [`new_id`].
    pub id: String,
    /// Milliseconds since 1970, UTC.
    pub started: u64,
    /// The workspace folder.
    pub root: String,
    /// The file in it that the run was about.
    pub path: String,
    /// What kind of answer was wanted.
    pub goal: Goal,
    /// The instruction's hash, from [`hash`]; empty where there was none.
    pub instruction_hash: String,
    /// Which line of conductor decided.
    pub tier: Tier,
    /// Who decided, and why.
    pub conductor: ConductorRecord,
    /// The fixed policy that decided in the conductor's place; empty where the conductor did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Every step that was planned, in order.
    pub workflow: Workflow,
    /// What became of those that came to an end.
    pub steps: Vec<StepRecord>,
    /// What the conductor used to plan, besides the steps.
    #[serde(default)]
    pub planning: Usage,
    /// The last judgement.
    pub verdict: Option<Verdict>,
    /// How it ended.
    pub outcome: Kind,
    /// Why it ended so, in a sentence.
    pub message: String,
    /// US dollars, over all steps and for planning them.
    pub usd: f64,
    /// Milliseconds from start to end.
    pub ms: u64,
    /// The task as the conductor's encoder saw it; kept apart and not shown.
    #[serde(skip)]
    pub embedding: Option<Embedding>,
}

/// One step of a run: as it was planned, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// From 1.
    pub number: usize,
    /// The worker's name.
    pub worker: &'a str,
    /// What it was asked to be.
    pub role: Role,
    /// The level of recursion.
    pub depth: usize,
    /// The plan.
    pub planned: Option<&'a Step>,
    /// What became of it; `None` where nobody began it.
    pub done: Option<&'a StepRecord>,
}

impl RunRecord {
    /// Every step, planned or taken, in order. Records of earlier versions end where the run was stopped.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let (planned, steps) = (&self.workflow.steps, &self.steps);
        let row = |at: usize| {
            let (planned, record) = (planned.get(at), steps.get(at));
            let depth = record.or(steps.last()).map_or(0, |record| record.depth);
            let named = record.map(|record| (&record.worker, record.role));
            let (worker, role) = named.or(planned.map(|step| (&step.worker, step.role)))?;
            let done = record.filter(|record| record.status != NOT_BEGUN);
            Some(Row { number: at + 1, worker, role, depth, planned, done })
        };
        (0..planned.len().max(steps.len())).filter_map(row).collect()
    }
}

/// A text as a vector, comparable with those of the same model only.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The encoder's file name.
    pub model: String,
    /// Of length 1.
    pub vector: Vec<f32>,
}

/// What a worker did with a past task that resembles the one at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// How much the tasks resemble each other: 1 is the same.
    pub cosine: f64,
    /// Whom it was given to.
    pub worker: String,
    /// Whether the checks accepted what it made of it.
    pub solved: bool,
    /// Attempts in that run, by anybody, that had failed before.
    pub after: u32,
    /// US dollars.
    pub usd: f64,
    /// Milliseconds.
    pub ms: f64,
}

/// A new run's identifier: short enough to type, in order of time.
pub fn new_id(started: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut number = u128::from(started) * 36 * 36 + u128::from(rand::random::<u32>() % (36 * 36));
    let mut id = Vec::new();
    while number > 0 {
        id.push(DIGITS[(number % 36) as usize]);
        number /= 36;
    }
    id.iter().rev().map(|digit| *digit as char).collect()
}

/// A text's hash as it is recorded: 16 hexadecimal digits; empty for an empty text.
pub fn hash(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What a step says of its worker: `None` when it says nothing, because it was cancelled, could not
/// be judged, did not reach the worker, or was not asked for an edit.
pub(super) fn solved(step: &StepRecord) -> Option<bool> {
    match (step.role, step.status.as_str()) {
        (Role::Worker, "verified") => Some(true),
        (Role::Worker, "rejected" | "refused" | "no_fix") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_in_order_of_time() {
        let times = [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000, 1_900_000_000_000];
        let ids = times.map(new_id);
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() == 10), "{ids:?}");
    }

    #[test]
    fn a_hash_does_not_tell_the_text() {
        assert_eq!(hash("fix it"), hash("fix it"));
        assert_ne!(hash("fix it"), hash("fix it!"));
        assert_eq!(hash("fix it").len(), 16);
        assert_eq!(hash(""), "");
    }
}
