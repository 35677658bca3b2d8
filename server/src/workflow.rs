//! The conductor's plan: ordered steps, each with a worker, a role, a subtask and what it may see.

use serde::{Deserialize, Serialize};

/// Ordered steps. The last non-empty reply is the answer; there is no synthesis call (arXiv 2512.04388).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// In the order in which they are numbered for `access`.
    pub steps: Vec<Step>,
}

/// One delegation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name of the worker in the pool.
    pub worker: String,
    /// What it is asked to be.
    pub role: Role,
    /// What it is asked to do, in words.
    pub subtask: String,
    /// Which earlier steps it sees.
    pub access: Access,
}

/// What a worker is asked to be (TRINITY, arXiv 2512.04695).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Thinks aloud; its reply is never an edit.
    Thinker,
    /// Does the work; its reply is the answer.
    Worker,
    /// Judges the work of others.
    Verifier,
}

/// Which earlier steps a step sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Every earlier step's subtask and reply.
    All,
    /// The task alone.
    None,
}
