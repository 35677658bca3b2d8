//! A whole answer: from one worker, or from a run of the engine.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ask::{Ask, marked};
use super::failure::Failure;
use super::prepared::Prepared;
use super::state::State;
use super::turn::Happening;
use crate::conversation::Call;
use crate::run::{CallError, Ending, Event, Kind, Outcome, Said, Usage};
use crate::task::Task;

/// A whole answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub text: String,
    pub calls: Vec<Call>,
    pub ending: Ending,
    /// The worker that wrote it.
    pub worker: String,
    /// What it used.
    pub usage: Usage,
    /// What planning and all other steps used.
    pub orchestration: Usage,
    /// How it came about: `usage.baton`.
    pub baton: Value,
}

impl Answer {
    /// US dollars for all of it.
    pub fn usd(&self) -> f64 {
        self.usage.usd + self.orchestration.usd
    }
}

/// Has one worker answer.
pub(super) async fn direct(
    state: &State,
    worker: &str,
    prepared: &Prepared,
    ask: Ask,
    run: &str,
    sender: &mpsc::UnboundedSender<Happening>,
    cancel: &CancellationToken,
) -> Result<Answer, Failure> {
    let deadline = tokio::time::Instant::now() + prepared.budget.time.min(Duration::from_secs(86_400));
    let on_said = |said: Said<'_>| {
        let _ = sender.send(match said {
            Said::Words(text) => Happening::Words(text.to_owned()),
            Said::Thoughts(text) => Happening::Thought(text.to_owned()),
        });
    };
    let called = state.engine.direct(worker, ask.conversation, prepared.budget.usd, deadline, cancel, on_said).await;
    let usage = called.as_ref().map_or_else(CallError::usage, |reply| reply.usage);
    state.metrics.used(worker, usage);
    let reply = called.map_err(|error| match error {
        CallError::TooLong { why, .. } => Failure::too_long(why),
        CallError::TooExpensive { why } => Failure::too_expensive(why),
        CallError::Cancelled { .. } => Failure::upstream("cancelled"),
        CallError::Failed { why, .. } if tokio::time::Instant::now() >= deadline => Failure::late(why),
        CallError::Failed { why, .. } => Failure::upstream(why),
    })?;
    let calls = reply.calls.into_iter().map(|call| Call { id: marked(worker, &call.id), ..call }).collect();
    Ok(Answer {
        text: reply.text,
        calls,
        ending: reply.ending,
        worker: worker.to_owned(),
        usage,
        orchestration: Usage::default(),
        baton: json!({"run": run, "worker": worker, "usd": usage.usd, "estimated": reply.estimated}),
    })
}

/// Has the conductor decide.
pub(super) async fn conducted(
    state: &Arc<State>,
    prepared: Prepared,
    ask: Ask,
    run: String,
    sender: &mpsc::UnboundedSender<Happening>,
    cancel: CancellationToken,
) -> Result<Answer, Failure> {
    let Prepared { budget, tier, depth, allowed, .. } = prepared;
    let task = Task { depth: Some(depth), run: Some(run), ..Task::of(ask.conversation, tier, budget, allowed) };
    let (events, mut heard) = mpsc::unbounded_channel();
    let engine = state.engine.clone();
    let run = engine.run(task, events, cancel);
    tokio::pin!(run);
    let tell = |event: Event| {
        let happening = match event {
            Event::Said { text, .. } => Happening::Words(text),
            Event::Thought { text, .. } => Happening::Thought(text),
            event => Happening::Progress(event.to_string()),
        };
        let _ = sender.send(happening);
    };
    let outcome = loop {
        tokio::select! {
            biased;
            Some(event) = heard.recv() => tell(event),
            outcome = &mut run => break outcome,
        }
    };
    while let Ok(event) = heard.try_recv() {
        tell(event);
    }
    outcome.steps.iter().for_each(|step| state.metrics.used(&step.worker, step.usage));
    answered(outcome, budget.time)
}

/// An outcome as an answer.
fn answered(outcome: Outcome, time: Duration) -> Result<Answer, Failure> {
    let Some(at) = outcome.answered.filter(|_| outcome.kind == Kind::NoChange) else {
        return Err(unanswered(&outcome, time));
    };
    let step = &outcome.steps[at];
    let all = outcome.usage;
    let orchestration = Usage {
        tokens_in: all.tokens_in.saturating_sub(step.usage.tokens_in),
        tokens_cached: all.tokens_cached.saturating_sub(step.usage.tokens_cached),
        tokens_out: all.tokens_out.saturating_sub(step.usage.tokens_out),
        usd: (all.usd - step.usage.usd).max(0.0),
    };
    let worker = step.worker.clone();
    let calls = outcome.turn.0.iter().map(|call| Call { id: marked(&worker, &call.id), ..call.clone() }).collect();
    let steps: Vec<Value> = outcome
        .steps
        .iter()
        .map(|step| {
            let Usage { tokens_in, tokens_out, usd, .. } = step.usage;
            json!({"worker": step.worker, "role": step.role, "status": step.status, "ms": step.ms,
                   "tokens_in": tokens_in, "tokens_out": tokens_out, "usd": usd})
        })
        .collect();
    let conductor = &outcome.conductor;
    let baton = json!({
        "run": outcome.run,
        "worker": worker,
        "usd": all.usd,
        "tier": conductor.name,
        "conductor": conductor.model,
        "why": conductor.why,
        "steps": steps,
    });
    Ok(Answer {
        text: outcome.answer.unwrap_or_default(),
        calls,
        ending: outcome.turn.1,
        usage: step.usage,
        worker: worker.clone(),
        orchestration,
        baton,
    })
}

/// Why there is no answer; `time`: what it might take.
fn unanswered(outcome: &Outcome, time: Duration) -> Failure {
    let with = |begins: &str| outcome.steps.iter().any(|step| step.status.starts_with(begins));
    let tried: Vec<String> = outcome
        .steps
        .iter()
        .filter(|step| step.status.contains(": "))
        .map(|step| step.status.split_once(": ").map_or("", |(_, why)| why).to_owned())
        .collect();
    let why = if tried.is_empty() { outcome.message.clone() } else { tried.join("; ") };
    match outcome.kind {
        // Whether the call or the run notices first is chance.
        _ if Duration::from_millis(outcome.ms) >= time => {
            Failure::late("there was no answer in the time that it may take; raise budget.max_seconds")
        }
        _ if with("error: ") => Failure::upstream(why),
        _ if with("too long: ") || why.contains(" tokens do not fit its ") => Failure::too_long(why),
        _ if with("too expensive: ") || why.contains(" is more than the ") => Failure::too_expensive(why),
        _ => Failure::upstream(why),
    }
}
