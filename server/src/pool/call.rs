//! What goes into a call of a language model and what comes out.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Budget, Usage};
use crate::task::Allowed;

/// What a call must stay within.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// When it must have ended, by tokio's clock.
    pub deadline: Instant,
    /// Ends it at once, with its connection.
    pub cancel: &'a CancellationToken,
    /// What it may cost; the call sets aside its worst case and books what it did cost.
    pub budget: &'a Budget,
    /// Which workers its task may go to.
    pub allowed: &'a Allowed,
}

/// What a model is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// How to behave and how to answer.
    pub system: String,
    /// The task.
    pub user: String,
}

/// A whole answer: its end marker was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The model's words.
    pub text: String,
    /// The model's thoughts, cut at 64 KiB: for the record, never part of another prompt.
    pub reasoning: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// Whether the server did not say how many tokens it used, so that `usage` is a quarter of the characters.
    pub estimated: bool,
}

/// Why there is no answer. Whatever text had come is not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The run was cancelled; the connection is closed.
    #[error("cancelled")]
    Cancelled {
        /// What was used until then.
        usage: Usage,
    },
    /// The prompt, or the prompt with the answer, is longer than the worker can take: a shorter one may do.
    #[error("{why}")]
    TooLong {
        /// One sentence that names the worker.
        why: String,
        /// What was used until then.
        usage: Usage,
    },
    /// It was not asked: its answer could cost more than is left.
    #[error("{why}")]
    TooExpensive {
        /// One sentence that names the worker, with the figures.
        why: String,
    },
    /// The worker failed.
    #[error("{why}")]
    Failed {
        /// One sentence that names the worker and what to check.
        why: String,
        /// What was used until then.
        usage: Usage,
    },
}

impl CallError {
    /// What was used although there is no answer.
    pub fn usage(&self) -> Usage {
        match self {
            Self::TooExpensive { .. } => Usage::default(),
            Self::Cancelled { usage } | Self::TooLong { usage, .. } | Self::Failed { usage, .. } => *usage,
        }
    }
}
