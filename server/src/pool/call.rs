//! What goes into a call of a language model and what comes out.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Budget, Usage};
use crate::conversation::{Call, Conversation};
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// How to behave and how to answer.
    pub system: String,
    /// The task.
    pub user: String,
    /// In place of both: a conversation that is to go on.
    pub conversation: Option<Arc<Conversation>>,
}

/// Tokens that a picture counts for: more than any provider counts of one of usual size.
const IMAGE: usize = 3072;

impl Prompt {
    /// A task, and how to behave.
    pub fn of(system: impl Into<String>, user: impl Into<String>) -> Self {
        Self { system: system.into(), user: user.into(), conversation: None }
    }

    /// A conversation that is to go on.
    pub fn going_on(conversation: Arc<Conversation>) -> Self {
        Self { conversation: Some(conversation), ..Self::default() }
    }

    /// Every text of it.
    pub fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let own = [self.system.as_str().into(), self.user.as_str().into()];
        own.into_iter().chain(self.conversation.iter().flat_map(|conversation| conversation.texts()))
    }

    /// Whether it has at most so many tokens.
    pub fn fits(&self, tokens: usize) -> bool {
        super::overlong::fits(self, tokens)
    }

    /// How many tokens it has, as most tokenizers count.
    pub fn tokens(&self) -> usize {
        super::overlong::tokens(self)
    }

    /// Tokens that are no text.
    pub(super) fn other_tokens(&self) -> usize {
        self.conversation.as_ref().map_or(0, |conversation| {
            // Around every message stands its role.
            8 * conversation.messages.len() + IMAGE * conversation.images()
        })
    }

    /// Tokens that its answer may have, of one who writes `most` at most.
    pub(super) fn most_output(&self, most: usize) -> usize {
        let wished = self.conversation.as_ref().and_then(|conversation| conversation.wishes.max_tokens);
        wished.map_or(most, |wished| wished.min(most))
    }
}

/// What a model has just said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// Words of its answer.
    Words(&'a str),
    /// What it thinks, which is no part of the answer.
    Thoughts(&'a str),
}

/// A listener who wants the words alone.
pub fn words(mut hear: impl FnMut(&str)) -> impl FnMut(Said<'_>) {
    move |said| {
        if let Said::Words(words) = said {
            hear(words);
        }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// The model had said all.
    #[default]
    Whole,
    /// It came to the limit of tokens.
    Limit,
    /// Its provider withheld the rest.
    Withheld,
    /// It called tools.
    Calls,
}

/// A whole answer: its end marker was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The model's words.
    pub text: String,
    /// The tools that it called: only in a conversation.
    pub calls: Vec<Call>,
    /// How it ended: anything but whole only in a conversation.
    pub ending: Ending,
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
