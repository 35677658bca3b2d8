//! The conductor's plan: ordered steps, each with a worker, a role, a subtask and what it may see.

mod loose;
mod wire;

use serde::{Deserialize, Serialize};

pub use wire::{Bounds, Plan, PlanProblem};

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

/// Which earlier steps a step sees: their subtasks and replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// All of them.
    All,
    /// The task alone.
    None,
    /// Those of these numbers, counted from 0 in the workflow.
    #[serde(untagged)]
    Steps(Vec<usize>),
}

impl Access {
    /// Whether step `earlier` is seen by step `step`; numbers from 0. No step sees itself or a later one.
    pub fn sees(&self, step: usize, earlier: usize) -> bool {
        earlier < step
            && match self {
                Self::All => true,
                Self::None => false,
                Self::Steps(numbers) => numbers.contains(&earlier),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::Access;

    #[test]
    fn a_step_sees_what_it_may_and_nothing_later() {
        for (access, seen) in
            [(Access::All, vec![0, 1]), (Access::None, vec![]), (Access::Steps(vec![1, 2, 3]), vec![1])]
        {
            assert_eq!((0..4).filter(|earlier| access.sees(2, *earlier)).collect::<Vec<_>>(), seen, "{access:?}");
        }
    }

    #[test]
    fn it_is_written_as_a_word_or_a_list() {
        for (access, written) in
            [(Access::All, r#""all""#), (Access::None, r#""none""#), (Access::Steps(vec![0, 2]), "[0,2]")]
        {
            assert_eq!(serde_json::to_string(&access).ok().as_deref(), Some(written));
            assert_eq!(serde_json::from_str::<Access>(written).ok(), Some(access));
        }
    }
}
