//! What goes into a call of a language model and what comes out.

use super::Usage;

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
            Self::Cancelled { usage } | Self::Failed { usage, .. } => *usage,
        }
    }
}
