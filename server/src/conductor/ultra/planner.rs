//! Who writes the plans: a generative model in a child process, or one behind an API.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::NoPlan;
use crate::conductor::host::{Chat, HostError, Message, Writer, Writers};
use crate::config::{ConductorOptions, PolicyOptions};
use crate::pool::{Bounds, Budget, CallError, ConfigProblem, Llm, Prompt, Usage};
use crate::task::Allowed;

/// Tokens of a plan at most.
const MAX_TOKENS: usize = 1024;

/// A plan's author.
#[derive(Debug)]
pub enum Planner {
    /// The generative GGUF that is compiled in.
    Embedded(Arc<Writer>),
    /// A GGUF.
    Local(Arc<Writer>),
    /// A model behind an API.
    Remote(Box<Llm>),
}

/// What one try is given besides the prompt.
pub(super) struct Limits<'a> {
    pub money: &'a Budget,
    pub deadline: Instant,
    pub cancel: &'a CancellationToken,
}

/// What one try wrote.
pub(super) struct Draft {
    pub text: String,
    pub usage: Usage,
}

/// Why a try wrote nothing.
pub(super) enum Blank {
    /// The prompt is too long; a shorter one may do.
    Length(String),
    /// Nothing helps.
    Never(NoPlan),
}

impl From<NoPlan> for Blank {
    fn from(no: NoPlan) -> Self {
        Self::Never(no)
    }
}

impl Planner {
    /// The planner that is configured, one behind an API before a file; else the embedded one.
    pub fn of(options: &ConductorOptions, policy: &PolicyOptions, writers: &Writers) -> Result<Self, ConfigProblem> {
        if let Some(remote) = &options.remote {
            return Ok(Self::Remote(Box::new(Llm::new(remote, policy)?)));
        }
        let of_file = options.generator.as_ref().and_then(|path| writers.at(path)).map(Self::Local);
        Ok(of_file.unwrap_or_else(|| Self::Embedded(writers.embedded())))
    }

    /// The model's name, as it is shown and recorded.
    pub fn name(&self) -> &str {
        match self {
            Self::Embedded(writer) | Self::Local(writer) => writer.name(),
            Self::Remote(llm) => llm.model(),
        }
    }

    /// Whether it was trained to read questions in brief.
    pub(super) fn reads_briefs(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Writes one plan; the temperature and the grammar hold for a local model only.
    pub(super) async fn draft(
        &self,
        prompt: &Prompt,
        grammar: &str,
        (temperature, seed): (f32, u64),
        limits: &Limits<'_>,
    ) -> Result<Draft, Blank> {
        match self {
            Self::Embedded(writer) | Self::Local(writer) => {
                let mut messages = vec![Message::new("system", &*prompt.system), Message::new("user", &*prompt.user)];
                messages.retain(|message| !message.content.is_empty());
                let chat = Chat {
                    fixed: messages.len() - 1,
                    messages,
                    grammar: Some(grammar.to_owned()),
                    temperature,
                    seed,
                    max_tokens: MAX_TOKENS.min(writer.context() / 4),
                };
                let written = writer.write(&chat, |_| {}, limits.cancel);
                let written = tokio::time::timeout_at(limits.deadline.into(), written).await.map_err(|_| late())?;
                let written = written.map_err(of_host)?;
                let (tokens_in, tokens_out) = (written.tokens_in as u64, written.tokens_out as u64);
                let usage = Usage { tokens_in, tokens_cached: written.reused as u64, tokens_out, usd: 0.0 };
                Ok(Draft { text: written.text, usage })
            }
            Self::Remote(llm) => {
                // A task chooses workers; where its text may go at all is the policy's to say.
                let allowed = Allowed::default();
                let (deadline, cancel, budget) = (limits.deadline.into(), limits.cancel, limits.money);
                let answer = llm.call(prompt, |_| {}, Bounds { deadline, cancel, budget, allowed: &allowed }).await;
                match answer {
                    Ok(reply) => Ok(Draft { text: reply.text, usage: reply.usage }),
                    Err(CallError::Cancelled { .. }) => Err(NoPlan::Cancelled.into()),
                    Err(CallError::TooLong { why, .. }) => Err(Blank::Length(why)),
                    Err(CallError::TooExpensive { why } | CallError::Failed { why, .. }) => {
                        Err(NoPlan::Unavailable(why).into())
                    }
                }
            }
        }
    }
}

fn late() -> NoPlan {
    NoPlan::Unavailable(
        "the conductor had written no plan when the time was used up; raise max_seconds, or set a smaller \
         conductor.generator"
            .into(),
    )
}

fn of_host(error: HostError) -> Blank {
    match error {
        HostError::Cancelled => NoPlan::Cancelled.into(),
        HostError::Length(why) => Blank::Length(why),
        error @ HostError::Model { .. } => {
            NoPlan::Unavailable(format!("{error}; set conductor.generator to a generative GGUF")).into()
        }
        error => NoPlan::Unavailable(error.to_string()).into(),
    }
}
