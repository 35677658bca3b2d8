//! One turn of a conversation while it goes on: what a request asks of the engine, and what comes of it bit by bit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ask::{Ask, DIRECT, mark, marked};
use super::failure::Failure;
use super::models::Model;
use super::state::State;
use crate::conversation::Call;
use crate::ledger::new_id;
use crate::run::{CallError, Ending, Event, Kind, Outcome, Said, Usage};
use crate::task::{Allowed, Budget, Task, Tier};

/// How long nothing may happen before it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(8);

/// What happens in a turn.
#[derive(Debug)]
pub(super) enum Happening {
    /// Something that is no part of the answer, in a line.
    Progress(String),
    /// A worker thinks aloud.
    Thought(String),
    /// Words of the answer, as they come.
    Words(String),
    /// It is over.
    End(Box<Result<Answer, Failure>>),
}

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

/// A turn that goes on. Dropped, it is called off, with every connection that was made for it.
pub(super) struct Turn {
    /// The identifier of its run.
    pub run: String,
    happenings: mpsc::UnboundedReceiver<Happening>,
    /// What comes to the answer; gone once it has.
    work: Option<Work>,
    waits_for: String,
    speaks: bool,
    since: tokio::time::Instant,
    _called_off: DropGuard,
}

type Work = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// What a request comes to, once it is known who can take part.
struct Prepared {
    model: Model,
    budget: Budget,
    tier: Tier,
    depth: usize,
    allowed: Allowed,
}

impl Turn {
    /// Starts what is asked for; nothing is sent to anybody if that is not possible.
    pub fn start(state: &Arc<State>, ask: Ask) -> Result<Self, Failure> {
        let prepared = Prepared::of(state, &ask)?;
        let run = new_id(super::now_ms());
        let (sender, happenings) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let called_off = cancel.clone().drop_guard();
        let (state, id, waits_for) = (state.clone(), run.clone(), prepared.model.name());
        let work: Work = match prepared.model.clone() {
            // Without a task of its own: handing every word from one to the other takes longer than the rest of it.
            Model::Direct(worker) => {
                Box::pin(async move { direct(&state, &worker, &prepared, ask, &id, &sender, &cancel).await })
            }
            // It goes on when the client has left, to its end and into the ledger.
            Model::Conducted(_) => {
                let run = tokio::spawn(async move { conducted(&state, prepared, ask, id, &sender, cancel).await });
                Box::pin(async move { run.await.unwrap_or_else(|_| Err(Failure::upstream("Baton gave this turn up"))) })
            }
        };
        Ok(Self {
            run,
            happenings,
            work: Some(work),
            waits_for,
            speaks: false,
            since: tokio::time::Instant::now(),
            _called_off: called_off,
        })
    }

    /// What happens next; nothing more after the end. Where nothing does for long, that is said.
    pub async fn next(&mut self) -> Option<Happening> {
        let until = tokio::time::Instant::now() + SILENCE;
        loop {
            let happening = match tokio::time::timeout_at(until, self.happened()).await {
                Ok(happening) => happening,
                Err(_) => {
                    let (seconds, last) = (self.since.elapsed().as_secs(), &self.waits_for);
                    return Some(Happening::Progress(format!("{seconds} s so far; the last that happened: {last}")));
                }
            };
            match &happening {
                Some(Happening::Progress(line)) => {
                    line.lines().next().unwrap_or_default().clone_into(&mut self.waits_for);
                    // Who reads the answer wants to know no more of how it came about.
                    if self.speaks {
                        continue;
                    }
                }
                Some(Happening::Words(_)) => self.speaks = true,
                _ => {}
            }
            return happening;
        }
    }

    /// The whole answer, once it is there.
    pub async fn whole(self) -> Result<Answer, Failure> {
        let Self { work, happenings, _called_off, .. } = self;
        // Nobody wants to know how it comes about.
        drop(happenings);
        match work {
            Some(work) => work.await,
            None => Err(Failure::upstream("Baton gave this turn up")),
        }
    }

    async fn happened(&mut self) -> Option<Happening> {
        let work = self.work.as_mut()?;
        let ended = tokio::select! {
            biased;
            Some(happening) = self.happenings.recv() => return Some(happening),
            ended = work => ended,
        };
        // What happened before the end comes before it.
        match self.happenings.try_recv() {
            Ok(happening) => {
                self.work = Some(Box::pin(std::future::ready(ended)));
                Some(happening)
            }
            Err(_) => {
                self.work = None;
                Some(Happening::End(Box::new(ended)))
            }
        }
    }
}

impl Prepared {
    fn of(state: &State, ask: &Ask) -> Result<Self, Failure> {
        let engine = &state.engine;
        let config = engine.config();
        let mut model = Model::named(&ask.model, state)?;
        let limits = &ask.limits;
        let known = engine.worker_names();
        if let Some(name) = limits.allowed.only.iter().chain(&limits.allowed.never).find(|name| !known.contains(name)) {
            return Err(Failure::of_param(
                "baton",
                format!("there is no worker `{name}`; there are {}", known.join(", ")),
            ));
        }
        let (mut tier, mut depth) = match model {
            Model::Conducted(tier) => (tier, limits.depth.unwrap_or(0)),
            Model::Direct(_) => (Tier::Mini, 0),
        };
        match limits.effort.as_deref() {
            Some("none" | "minimal" | "low") => tier = Tier::Mini,
            Some("high") => tier = Tier::Ultra,
            Some("xhigh") => (tier, depth) = (Tier::Ultra, depth.max(1)),
            _ => {}
        }
        tier = limits.tier.unwrap_or(tier);
        if let Model::Conducted(wanted) = &mut model {
            *wanted = tier;
        }
        let mut allowed = limits.allowed.clone();
        if let Some(stays) = &ask.stays_with
            && let Some(name) = engine.declared().into_iter().map(|(name, _)| name).find(|name| mark(name) == *stays)
        {
            // Who called the tools reads what they gave.
            allowed.only = vec![name];
        }
        if let Model::Direct(worker) = &model {
            allowed.only = vec![worker.clone()];
        }
        let unfit = engine.unfit(&ask.conversation, &limits.policy, &allowed);
        if unfit.len() == engine.declared().len() {
            return Err(nobody(&unfit, &allowed));
        }
        allowed.never.extend(unfit.into_iter().map(|(name, _)| name));
        let lower = |own: f64, wanted: Option<f64>| wanted.map_or(own, |wanted| own.min(wanted));
        let seconds = lower(config.budget.max_seconds, limits.max_seconds);
        let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let budget = Budget { time, usd: lower(config.budget.max_usd, limits.max_usd) };
        Ok(Self { model, budget, tier, depth, allowed })
    }
}

/// Why nobody can take part: of those who could be meant, where somebody is.
fn nobody(unfit: &[(String, String)], allowed: &Allowed) -> Failure {
    let meant = |name: &String| allowed.only.is_empty() || allowed.only.contains(name);
    let whys: Vec<String> =
        unfit.iter().filter(|(name, _)| meant(name)).map(|(name, why)| format!("{name}: {why}")).collect();
    let why = if whys.is_empty() { "there is nobody to ask".to_owned() } else { whys.join("; ") };
    let rests = unfit.iter().any(|(_, why)| why.contains("left alone for"));
    if rests {
        return Failure { status: axum::http::StatusCode::SERVICE_UNAVAILABLE, ..Failure::upstream(why) };
    }
    Failure::bad(format!("no worker can take this request: {why}"))
}

/// Has one worker answer.
async fn direct(
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
async fn conducted(
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
    answered(outcome)
}

/// An outcome as an answer.
fn answered(outcome: Outcome) -> Result<Answer, Failure> {
    let Some(at) = outcome.answered.filter(|_| outcome.kind == Kind::NoChange) else {
        return Err(unanswered(&outcome));
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

/// Why there is no answer.
fn unanswered(outcome: &Outcome) -> Failure {
    let with = |begins: &str| outcome.steps.iter().any(|step| step.status.starts_with(begins));
    let tried: Vec<String> = outcome
        .steps
        .iter()
        .filter(|step| step.status.contains(": "))
        .map(|step| step.status.split_once(": ").map_or("", |(_, why)| why).to_owned())
        .collect();
    let why = if tried.is_empty() { outcome.message.clone() } else { tried.join("; ") };
    match outcome.kind {
        _ if outcome.message.starts_with("no fix passed within") => {
            Failure::late("there was no answer in the time that it may take; raise budget.max_seconds")
        }
        _ if with("error: ") => Failure::upstream(why),
        _ if with("too long: ") || why.contains(" tokens do not fit its ") => Failure::too_long(why),
        _ if with("too expensive: ") || why.contains(" is more than the ") => Failure::too_expensive(why),
        _ => Failure::upstream(why),
    }
}

impl Model {
    /// As it is waited for.
    fn name(&self) -> String {
        match self {
            Self::Conducted(_) => "the conductor reads the question".into(),
            Self::Direct(worker) => format!("{DIRECT}{worker} was asked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn() -> (mpsc::UnboundedSender<Happening>, Turn) {
        let (sender, happenings) = mpsc::unbounded_channel();
        let turn = Turn {
            run: "r".into(),
            happenings,
            work: Some(Box::pin(std::future::pending())),
            waits_for: "w was asked".into(),
            speaks: false,
            since: tokio::time::Instant::now(),
            _called_off: CancellationToken::new().drop_guard(),
        };
        (sender, turn)
    }

    async fn said(turn: &mut Turn) -> String {
        match turn.next().await {
            Some(Happening::Progress(line)) => format!("- {line}"),
            Some(Happening::Words(text) | Happening::Thought(text)) => text,
            other => format!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_silence_is_longer_than_ten_seconds() {
        let (sender, mut turn) = turn();
        let started = tokio::time::Instant::now();
        assert_eq!(said(&mut turn).await, "- 8 s so far; the last that happened: w was asked");
        assert_eq!(started.elapsed(), SILENCE);
        sender.send(Happening::Progress("step 1: w begins".into())).expect("it listens");
        assert_eq!(said(&mut turn).await, "- step 1: w begins");
        assert_eq!(said(&mut turn).await, "- 16 s so far; the last that happened: step 1: w begins");
    }

    #[tokio::test(start_paused = true)]
    async fn between_the_words_of_an_answer_only_silence_is_broken() {
        let (sender, mut turn) = turn();
        for happening in
            [Happening::Words("a".into()), Happening::Progress("step 1: answered".into()), Happening::Words("b".into())]
        {
            sender.send(happening).expect("it listens");
        }
        assert_eq!([said(&mut turn).await, said(&mut turn).await], ["a", "b"]);
        assert_eq!(said(&mut turn).await, "- 8 s so far; the last that happened: step 1: answered");
    }
}
