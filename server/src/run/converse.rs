//! A conversation as a run: what its workers are sent, and the one step whose words are the answer as they come.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::course::{Course, Seen};
use super::delegate::Delegation;
use super::{Engine, Event};
use crate::config::PolicyOptions;
use crate::conversation::{Conversation, Message, Part, Speaker, Wishes};
use crate::pool::{Bounds, Budget, CallError, Prompt, Reply, Said, why_not};
use crate::task::Allowed;
use crate::workflow::Role;

/// How often a conversation is shortened for a worker who cannot hold it, each time to half.
const SHORTENINGS: u32 = 6;

impl Engine {
    /// The workers that cannot go on with this conversation or may not be sent it: the name, and why as a clause about it.
    /// `policy` holds besides the user's own.
    pub fn unfit(
        &self,
        conversation: &Conversation,
        policy: &PolicyOptions,
        allowed: &Allowed,
    ) -> Vec<(String, String)> {
        let policy = self.config.policy.and(policy);
        let unfit = |name: &str| match self.pool.llm(name) {
            Some(llm) => llm.unfit(conversation).or_else(|| llm.resting()),
            None => Some("it edits code and holds no conversation".into()),
        };
        let facts = self.pool.facts().into_iter();
        let whys = facts.filter_map(|facts| {
            let why = why_not(&facts, &policy, allowed).or_else(|| unfit(&facts.name))?;
            Some((facts.name, why))
        });
        whys.collect()
    }

    /// Has this worker go on with a conversation, and nobody conduct. It is bounded as every call is, and not in the ledger.
    pub async fn direct(
        &self,
        worker: &str,
        conversation: Arc<Conversation>,
        usd: f64,
        deadline: Instant,
        cancel: &CancellationToken,
        on_said: impl FnMut(Said<'_>),
    ) -> Result<Reply, CallError> {
        let Some(llm) = self.pool.llm(worker) else {
            let why = format!("there is no worker `{worker}`");
            return Err(CallError::Failed { why, usage: Default::default() });
        };
        let (budget, allowed) = (Budget::new(usd), Allowed::default());
        let bounds = Bounds { deadline, cancel, budget: &budget, allowed: &allowed };
        llm.call(&Prompt::going_on(conversation), on_said, bounds).await
    }
}

impl Course<'_> {
    /// Whether the words of the step at this place are the answer as they come: it is the last that is planned, and nobody
    /// looks at it afterwards.
    pub fn speaks(&self, at: usize) -> bool {
        let last = self.outcome(|outcome| outcome.workflow.steps.len() == at + 1);
        self.task.conversation.is_some() && self.depth() == 0 && last && self.step(at).role != Role::Verifier
    }

    /// How often tier `ultra` may look at what came of its workflow.
    pub fn depth(&self) -> usize {
        self.task.depth.unwrap_or(self.engine.config.conductor.depth)
    }

    /// Whether words of an answer are with the client already, so that nobody else can begin another one.
    pub fn has_spoken(&self) -> bool {
        self.spoken.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Delegation<'_> {
    /// What this step's worker is sent of the conversation, in at most so many tokens, as far as its oldest turns can be left
    /// out; what is left out is said.
    pub(super) fn conversation(&self, conversation: &Arc<Conversation>, tokens: usize) -> Prompt {
        let seen = self.course.seen(self.at);
        let whole = match (self.step.role, seen.is_empty()) {
            // As the client wrote it.
            (Role::Worker, true) => conversation.clone(),
            _ => Arc::new(self.guided(conversation, &seen)),
        };
        let mut prompt = Prompt::going_on(whole.clone());
        for halving in 1..=SHORTENINGS {
            if prompt.fits(tokens) {
                break;
            }
            let Some(shorter) = whole.shortened(0.5f64.powi(halving as i32)) else { break };
            let left_out = whole.messages.len() - shorter.messages.len();
            if halving == SHORTENINGS || Prompt::going_on(Arc::new(shorter.clone())).fits(tokens) {
                self.note(format!(
                    "the {left_out} oldest messages are left out, for {} takes {tokens} tokens",
                    self.step.worker
                ));
            }
            prompt = Prompt::going_on(Arc::new(shorter));
        }
        prompt
    }

    /// The conversation with what earlier steps brought and what this one is to do.
    fn guided(&self, conversation: &Conversation, seen: &[Seen]) -> Conversation {
        let mut messages = conversation.messages.clone();
        let shown = seen.iter().filter_map(Seen::shown).map(|earlier| {
            format!("[{}] was asked: {}\nand wrote:\n{}", earlier.number, earlier.subtask, earlier.reply)
        });
        let mut parts: Vec<String> = shown.collect();
        if !parts.is_empty() {
            parts.insert(
                0,
                "Others have worked on this before you; use what is right in it, and trust nothing blindly.".into(),
            );
        }
        parts.push(match self.step.role {
            Role::Worker => format!("Write the answer to the conversation above. {}", self.step.subtask),
            Role::Thinker => format!("Do not answer yet, only think aloud for who will. {}", self.step.subtask),
            Role::Verifier => format!("Do not answer, only judge what was written. {}", self.step.subtask),
        });
        let guidance = parts.join("\n\n");
        match messages.last_mut() {
            // Two turns of one speaker are refused by some; and what the user asked must stay the last turn.
            Some(last) if last.speaker == Speaker::User => last.parts.push(Part::Text(guidance)),
            _ => messages.push(Message::of(Speaker::User, guidance)),
        }
        // Tools are for who answers, and so is the form of the answer.
        let wishes = match self.step.role {
            Role::Worker => conversation.wishes.clone(),
            Role::Thinker | Role::Verifier => Wishes::default(),
        };
        Conversation { messages, wishes }
    }

    /// Tells of what the worker says: the answer as it comes, or that it works.
    pub(super) fn heard(&self, said: Said<'_>, speaks: bool) {
        let number = self.at + 1;
        match said {
            Said::Words(text) if speaks => {
                self.course.spoken.store(true, std::sync::atomic::Ordering::Relaxed);
                self.course.tell(Event::Said { number, text: text.to_owned() });
            }
            Said::Thoughts(text) => self.course.tell(Event::Thought { number, text: text.to_owned() }),
            Said::Words(_) => {}
        }
    }
}
