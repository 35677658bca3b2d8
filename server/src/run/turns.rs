//! The loop of one run: decide, delegate, judge, until a patch passes or nobody is left to ask.

use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::delegate::{Checks, Delegation, Made};
use super::{ConductorRecord, Engine, Event, Kind, Outcome, StepRecord};
use crate::conductor::mini::Need;
use crate::conductor::{self, Decision};
use crate::context::Mapping;
use crate::patch::{self, Patch};
use crate::pool::{Budget, Facts, REPAIR};
use crate::task::{Goal, Task, Tier};
use crate::verify::{Baseline, Checked, Limits, Request, Verdict, Verifier, VerifyError};

/// Most turns of one run (TRINITY, arXiv 2512.04695: at most five).
const MAX_TURNS: usize = 5;
/// How long a token is, for an estimate that no model was asked for.
const BYTES_PER_TOKEN: usize = 4;

/// One run while it goes on.
pub(super) struct Turns<'a> {
    pub engine: &'a Engine,
    pub task: &'a Task,
    pub events: UnboundedSender<Event>,
    pub stop: CancellationToken,
    pub started: Instant,
    /// The map of the workspace, while it is brought up to date.
    pub mapping: Option<Mapping>,
    /// What may still be spent.
    pub money: Budget,
    /// What is known so far; what remains of it when the run is stopped is still true.
    pub outcome: &'a mut Outcome,
}

/// How a run ends, and the sentence that says why.
type End = (Kind, String);

impl<'a> Turns<'a> {
    pub fn new(
        engine: &'a Engine,
        task: &'a Task,
        events: UnboundedSender<Event>,
        stop: CancellationToken,
        started: Instant,
        outcome: &'a mut Outcome,
    ) -> Self {
        let money = Budget::new(task.budget.usd);
        Self { engine, task, events, stop, started, mapping: None, money, outcome }
    }

    pub fn tell(&self, event: Event) {
        // Nobody may be listening, which is the listener's own affair.
        let _ = self.events.send(event);
    }

    /// The whole run.
    pub async fn run(&mut self, mapping: Mapping) -> End {
        self.mapping = Some(mapping);
        if self.task.goal == Goal::Ask {
            return self.converse(None).await;
        }
        let path = self.task.focus.path.clone();
        if baton_grammars::by_path(path.as_str().as_ref()).is_none() {
            let with_files = baton_grammars::all().iter().filter(|language| !language.facts.extensions.is_empty());
            let known: Vec<&str> = with_files.map(|language| language.facts.name.as_str()).collect();
            return (Kind::Failed, format!("Baton has no parser for {path}; it knows {}", known.join(", ")));
        }
        if let Err(problem) = self.task.snapshot.read(&path) {
            return (Kind::Failed, problem.to_string());
        }
        let verifier = match self.open().await {
            Ok(verifier) => verifier,
            Err(end) => return end,
        };
        let baseline = match verifier.baseline(&self.stop).await {
            Ok(baseline) => Some(baseline),
            Err(VerifyError::NoTests(why)) => {
                self.tell(Event::Preparing(why));
                None
            }
            Err(problem) => return (Kind::Failed, problem.to_string()),
        };
        if let Some(Baseline { passed, failed, command, .. }) = baseline {
            self.tell(Event::Baseline { passed: *passed, failed: *failed, command: command.clone() });
            if *failed == 0 && self.nothing_asked() {
                let message = format!(
                    "all {passed} tests of `{command}` pass; say what to change with --task, or which tests fail with --test"
                );
                return (Kind::NoChange, message);
            }
        }
        self.converse(Some(Checks { verifier: &verifier, baseline })).await
    }

    /// Judges one patch, nothing else.
    pub async fn verify(&mut self, patch: Patch) -> End {
        let verifier = match self.open().await {
            Ok(verifier) => verifier,
            Err(end) => return end,
        };
        match self.judge(&verifier, patch, &mut Made::default()).await {
            Some(end) => end,
            None => {
                (Kind::Stale, "the files changed meanwhile, and with those changes the fix no longer passes".into())
            }
        }
    }

    fn nothing_asked(&self) -> bool {
        let Task { goal, focus, instruction, .. } = self.task;
        *goal == Goal::Fix && instruction.is_empty() && focus.diagnostics.is_empty()
    }

    async fn open(&self) -> Result<Verifier, End> {
        let request = Request {
            snapshot: self.task.snapshot.clone(),
            focus: self.task.focus.path.clone(),
            test: self.task.test.clone(),
            state_dir: self.engine.config.places.cache_dir.clone(),
            limits: Limits::default(),
        };
        let verifier =
            Verifier::open(request, &self.stop).await.map_err(|problem| (Kind::Failed, problem.to_string()))?;
        self.tell(Event::Preparing(verifier.describe()));
        Ok(verifier)
    }

    /// Turn by turn: the conductor decides, a worker tries, the verifier judges.
    async fn converse(&mut self, checks: Option<Checks<'_>>) -> End {
        let report = checks.and_then(|checks| checks.baseline).map(|baseline| baseline.report.as_str());
        let description = conductor::describe(self.task, report);
        let Ok(reading) = self.engine.memory().conductor.read(&description, &self.stop).await else {
            return cancelled();
        };
        self.outcome.embedding = reading.embedding().cloned();
        let mut earlier: Vec<Made> = Vec::new();
        loop {
            let need = self.need(checks);
            let decision = reading.decide(self.task.tier, &self.workers(&need), &need);
            let (step, why) = match decision {
                Decision::Delegate { step, why } => (step, why),
                Decision::Stop { why } => return (Kind::Failed, why),
            };
            let name = match self.task.tier {
                Tier::Mini => "mini",
                Tier::Ultra => "ultra",
            };
            let conductor = reading.model().to_owned();
            self.outcome.conductor = ConductorRecord { name: name.into(), model: conductor.clone(), why: why.clone() };
            self.tell(Event::Planned { tier: self.task.tier, conductor, step: step.clone(), why });
            self.outcome.workflow.steps.push(step.clone());
            let number = self.outcome.workflow.steps.len();
            self.tell(Event::StepStarted { number, worker: step.worker.clone() });
            let started = Instant::now();
            let mut made = Delegation { turns: self, step: &step, number, checks, earlier: &earlier }.run().await;
            let ms = started.elapsed().as_millis() as u64;
            self.outcome.usage.add(made.usage);
            self.tell(Event::StepEnded { number, status: made.status.clone(), usage: made.usage, ms });
            let end = match (made.patch.take(), checks) {
                (Some(patch), Some(checks)) => self.judge(checks.verifier, patch, &mut made).await,
                _ => None,
            };
            let (worker, role) = (step.worker.clone(), step.role);
            self.outcome.steps.push(StepRecord { worker, role, ms, usage: made.usage, status: made.status.clone() });
            if self.task.goal == Goal::Ask && made.reply.is_some() {
                self.outcome.answer = made.reply;
                return (Kind::NoChange, format!("answered by {}", step.worker));
            }
            if let Some(end) = end {
                return end;
            }
            if self.stop.is_cancelled() {
                return cancelled();
            }
            earlier.push(made);
        }
    }

    /// What the decision goes by now.
    fn need(&self, checks: Option<Checks<'_>>) -> Need {
        let focus = self.task.snapshot.read(&self.task.focus.path).map_or(0, |text| text.len());
        let baseline = checks.and_then(|checks| checks.baseline);
        Need {
            goal: self.task.goal,
            failing_tests: baseline.is_some_and(|baseline| baseline.failed > 0),
            judged: baseline.is_some(),
            prompt_tokens: (focus + self.task.instruction.len()) / BYTES_PER_TOKEN,
            failed: self.outcome.steps.iter().map(|step| step.worker.clone()).collect(),
            turns_left: MAX_TURNS.saturating_sub(self.outcome.steps.len()),
            usd_left: self.money.left(),
        }
    }

    /// The workers that can take part in this task: the search has one answer, and needs a failing test.
    fn workers(&self, need: &Need) -> Vec<Facts> {
        let searchable = need.goal == Goal::Fix && need.failing_tests && !need.failed.iter().any(|name| name == REPAIR);
        self.engine.pool.facts().into_iter().filter(|facts| facts.name != REPAIR || searchable).collect()
    }

    /// Judges a patch; `None` when it was refused and somebody else may try.
    async fn judge(&mut self, verifier: &Verifier, patch: Patch, made: &mut Made) -> Option<End> {
        let patch = patch::minimise(&patch, &self.task.snapshot);
        let gated = |patch: &Patch| patch::gate(patch, &self.task.snapshot, self.task.goal).ok();
        let asks = gated(&patch).unwrap_or_default();
        let formatted = verifier.formatted(&patch, &self.stop).await;
        // What is only laid out is nothing more to ask for.
        let patch = formatted.filter(|laid_out| gated(laid_out).as_ref() == Some(&asks)).unwrap_or(patch);
        self.tell(Event::Checking(verifier.describe()));
        let Checked { verdict, verified } = verifier.check(&patch, &self.stop).await;
        if self.stop.is_cancelled() {
            return None;
        }
        self.tell(Event::Judged(verdict.clone()));
        let diff = patch::diff(&patch, &self.task.snapshot);
        let report = verdict.report().report.clone();
        self.outcome.verdict = Some(verdict.clone());
        match (verdict, verified) {
            (Verdict::Passed(_), Some(verified)) => {
                made.status = "verified".into();
                self.outcome.diff = diff;
                self.outcome.asks = asks;
                self.outcome.verified = Some(verified);
                Some((Kind::Verified, report))
            }
            (Verdict::Unknown(_), _) => {
                made.status = "unverified".into();
                self.outcome.diff = diff;
                self.outcome.asks = asks;
                self.outcome.proposal = Some(patch);
                Some((Kind::Unverified, report))
            }
            _ => {
                made.status = "rejected".into();
                made.report = Some(report);
                None
            }
        }
    }
}

fn cancelled() -> End {
    (Kind::Cancelled, "cancelled; nothing was changed".into())
}
