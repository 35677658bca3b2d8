//! How a run ended, with everything that a person may want to know of it.

use serde::{Deserialize, Serialize};

use super::course::NOT_BEGUN;
use crate::conductor::Reading;
use crate::conversation::Call;
use crate::ledger::Embedding;
use crate::patch::{Asks, Patch};
use crate::pool::{Ending, Usage};
use crate::verify::{Verdict, VerifiedPatch};
use crate::workflow::{Step, Workflow};

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub kind: Kind,
    /// The last judgement, if a patch came so far.
    pub verdict: Option<Verdict>,
    /// The change, when `kind` is `Verified`.
    pub verified: Option<VerifiedPatch>,
    /// The change that nothing could judge, when `kind` is `Unverified`; never applied without a question.
    pub proposal: Option<Patch>,
    /// The files of the change that it may touch only if the user says so, each with why.
    pub asks: Asks,
    /// The change as a unified diff; empty without one.
    pub diff: String,
    /// The answer to a question (goal Ask).
    pub answer: Option<String>,
    /// The place of the step whose worker wrote it, from 0.
    pub answered: Option<usize>,
    /// The tools that it calls, and how it ended: of a conversation.
    pub turn: (Vec<Call>, Ending),
    /// One sentence: why it ended so and what to do.
    pub message: String,
    /// Every step that the conductor planned, in order.
    pub workflow: Workflow,
    /// What became of each.
    pub steps: Vec<StepRecord>,
    /// Who decided, and why.
    pub conductor: ConductorRecord,
    /// What it cost in all.
    pub usage: Usage,
    /// Milliseconds from start to end.
    pub ms: u64,
    /// The run's identifier in the ledger.
    pub run: String,
    /// The task as the conductor's encoder saw it, for the ledger.
    pub embedding: Option<Embedding>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A patch passed the checks.
    Verified,
    /// There is a patch, but nothing stronger than parsing could judge it.
    Unverified,
    /// There was nothing to change, or an answer without an edit was asked for.
    NoChange,
    /// No patch passed.
    Failed,
    /// The user stopped it.
    Cancelled,
    /// The files changed meanwhile and the patch no longer fits.
    Stale,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The worker's name.
    pub worker: String,
    /// What it was asked to be.
    pub role: crate::workflow::Role,
    /// Milliseconds.
    pub ms: u64,
    /// What it used.
    #[serde(flatten)]
    pub usage: Usage,
    /// `verified`, `rejected`, `prose`, `no_fix`, `declined`, `not begun`, `cancelled` or `error: …`.
    pub status: String,
    /// How often the conductor had seen an answer of its own in this run before it planned this step.
    #[serde(default)]
    pub depth: usize,
    /// Milliseconds from the run's start to its own; `None` where it was not begun, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_ms: Option<u64>,
    /// Why this worker, with the figures that the decision went by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The hash of the last prompt that was made for it; empty where none was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt_hash: String,
    /// What was sent and answered: only if the user wants it kept, and only for the ledger.
    #[serde(skip)]
    pub texts: Option<Texts>,
}

/// A worker's last prompt and its reply, as they went over the wire: without what looked like a secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Texts {
    /// What it was sent, the system's part first.
    pub prompt: String,
    /// What it wrote; empty where it did not.
    pub reply: String,
}

impl StepRecord {
    /// A step that nobody has begun.
    pub fn planned(step: &Step, depth: usize) -> Self {
        Self {
            worker: step.worker.clone(),
            role: step.role,
            ms: 0,
            usage: Usage::default(),
            status: NOT_BEGUN.into(),
            depth,
            began_ms: None,
            why: String::new(),
            prompt_hash: String::new(),
            texts: None,
        }
    }
}

/// Who decided, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConductorRecord {
    /// `mini` or `ultra`.
    pub name: String,
    /// The model's file name.
    pub model: String,
    /// The decision in words, with its figures.
    pub why: String,
}

impl ConductorRecord {
    /// A decision of tier `mini`.
    pub fn mini(reading: &Reading, why: String) -> Self {
        Self { name: "mini".into(), model: reading.model().to_owned(), why }
    }
}

impl Outcome {
    /// An end without a patch.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Failed,
            verdict: None,
            verified: None,
            proposal: None,
            asks: Asks::new(),
            diff: String::new(),
            answer: None,
            answered: None,
            turn: Default::default(),
            message: message.into(),
            workflow: Workflow::default(),
            steps: Vec::new(),
            conductor: ConductorRecord::default(),
            usage: Usage::default(),
            ms: 0,
            run: String::new(),
            embedding: None,
        }
    }
}
