//! The loop of one run: decide, delegate, judge, until a patch passes or nobody is left to ask.

use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::delegate::{Checks, DECLINED, Delegation, Made, seconds};
use super::{ConductorRecord, Engine, Event, Kind, Outcome, StepRecord};
use crate::conductor::mini::Need;
use crate::conductor::{self, Decision, Reading};
use crate::context::Mapping;
use crate::patch::{self, Patch};
use crate::pool::{Budget, Facts, REPAIR, TOOLCHAIN};
use crate::task::{Goal, Task, Tier};
use crate::toolchain::Wanted;
use crate::verify::{Baseline, Checked, Limits, Request, Verdict, Verifier, VerifyError, Written};
use crate::workflow::{Role, Step};

/// Most turns of one run (TRINITY, arXiv 2512.04695: at most five).
const MAX_TURNS: usize = 5;
/// How long a token is, for an estimate that no model was asked for.
const BYTES_PER_TOKEN: usize = 4;
/// The longest that tests are waited for, in seconds.
const DAY: f64 = 86_400.0;

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
    /// Tests that a worker was asked for, once it was.
    pub tests: Option<Option<Written>>,
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
        Self { engine, task, events, stop, started, mapping: None, money, tests: None, outcome }
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
        let (baseline, report) = match verifier.baseline(&self.stop).await {
            Ok(baseline) => (Some(baseline), Some(baseline.report.clone())),
            Err(VerifyError::NoTests(why)) => {
                self.tell(Event::Preparing(why));
                let complaints = verifier.complaints(&self.stop).await;
                if let Some(complaints) = &complaints {
                    self.tell(Event::Preparing(format!("before: {complaints}")));
                }
                (None, complaints)
            }
            Err(problem) => return (Kind::Failed, problem.to_string()),
        };
        let checks = Checks { verifier: &verifier, baseline, report: report.as_deref() };
        let Some(Baseline { passed, failed, command, .. }) = baseline else { return self.converse(Some(checks)).await };
        if let Some(why) = &baseline.and_then(|baseline| baseline.cut.as_ref()) {
            self.tell(Event::Preparing(format!("only the tests that reach {path}: {why}")));
        }
        self.tell(Event::Baseline { passed: *passed, failed: *failed, command: command.clone() });
        if !self.nothing_wrong(Some(checks)) {
            return self.converse(Some(checks)).await;
        }
        // Only the language's own tools may still know something that is wrong.
        if self.tools_may_know(checks) {
            let (kind, message) = self.converse(Some(checks)).await;
            if kind != Kind::Failed {
                return (kind, message);
            }
        }
        let tried = self.outcome.steps.iter().any(|step| step.status != DECLINED);
        let tried = if tried { ", and what the language's own tools would change is no fix" } else { "" };
        let message = format!(
            "all {passed} tests of `{command}` pass{tried}; say what to change with --task, or which tests fail with --test"
        );
        (Kind::NoChange, message)
    }

    /// Judges one patch, nothing else.
    pub async fn verify(&mut self, patch: Patch) -> End {
        let verifier = match self.open().await {
            Ok(verifier) => verifier,
            Err(end) => return end,
        };
        match self.judge(&verifier, patch, &mut Made::default(), None).await {
            Some(end) => end,
            None => {
                (Kind::Stale, "the files changed meanwhile, and with those changes the fix no longer passes".into())
            }
        }
    }

    /// Whether a fix is asked for, and neither the user nor a test says of what.
    fn nothing_wrong(&self, checks: Option<Checks<'_>>) -> bool {
        let Task { goal, focus, instruction, .. } = self.task;
        let nothing_said = *goal == Goal::Fix && instruction.is_empty() && focus.diagnostics.is_empty();
        nothing_said && checks.and_then(|checks| checks.baseline).is_some_and(|baseline| baseline.failed == 0)
    }

    /// What the language's own tools are asked about, if they may know it. Decided without running any: a test that
    /// fails in a program that compiles is not their business.
    pub fn wanted(&self, baseline: Option<&Baseline>) -> Option<Wanted<'a>> {
        let Task { goal, focus, instruction, .. } = self.task;
        match baseline {
            // A fix must make the tests pass as they are.
            _ if *goal != Goal::Fix || patch::is_test(&focus.path) => None,
            _ if !focus.diagnostics.is_empty() => Some(Wanted::Named(&focus.diagnostics)),
            Some(baseline) if baseline.may_not_compile() => Some(Wanted::Errors),
            Some(baseline) if baseline.failed > 0 => None,
            _ => instruction.is_empty().then_some(Wanted::All),
        }
    }

    /// Whether the tools are worth asking, once.
    fn tools_may_know(&self, checks: Checks<'_>) -> bool {
        let asked = self.outcome.steps.iter().any(|step| step.worker == TOOLCHAIN);
        let tools = || checks.verifier.tools(&self.task.focus.diagnostics);
        let takes_part = self.engine.config.toolchain.enabled && !asked;
        takes_part
            && self.wanted(checks.baseline).is_some_and(|wanted| tools().iter().any(|tool| tool.may_know(wanted)))
    }

    async fn open(&self) -> Result<Verifier, End> {
        let request = Request {
            snapshot: self.task.snapshot.clone(),
            focus: self.task.focus.path.clone(),
            goal: self.task.goal,
            instruction: self.task.instruction.clone(),
            evidence: self.engine.config.verify.evidence,
            test: self.task.test.clone(),
            diagnostics: self.task.focus.diagnostics.clone(),
            checks: self.engine.config.checks.clone(),
            state_dir: self.engine.config.places.cache_dir.clone(),
            limits: Limits { wall: seconds(self.engine.config.verify.max_seconds.min(DAY)), ..Limits::default() },
        };
        let verifier =
            Verifier::open(request, &self.stop).await.map_err(|problem| (Kind::Failed, problem.to_string()))?;
        self.tell(Event::Preparing(verifier.describe()));
        Ok(verifier)
    }

    /// Turn by turn: the conductor decides, a worker tries, the verifier judges.
    async fn converse(&mut self, checks: Option<Checks<'_>>) -> End {
        let description = conductor::describe(self.task, checks.and_then(|checks| checks.report));
        let Ok(reading) = self.engine.memory().conductor.read(&description, &self.stop).await else {
            return cancelled();
        };
        self.outcome.embedding = reading.embedding().cloned();
        let mut earlier: Vec<Made> = Vec::new();
        loop {
            let need = self.need(checks);
            let decision = reading.decide(self.task.tier, &self.workers(&need, checks), &need);
            let (step, why) = match decision {
                Decision::Delegate { step, why } => (step, why),
                Decision::Stop { why } => return (Kind::Failed, why),
            };
            let number = self.plan(&reading, &step, why);
            let started = Instant::now();
            let mut made = Delegation { turns: self, step: &step, number, checks, earlier: &earlier }.run().await;
            let ms = started.elapsed().as_millis() as u64;
            self.outcome.usage.add(made.usage);
            self.tell(Event::StepEnded { number, status: made.status.clone(), usage: made.usage, ms });
            let (worker, role) = (step.worker.clone(), step.role);
            let at = self.outcome.steps.len();
            self.outcome.steps.push(StepRecord { worker, role, ms, usage: made.usage, status: made.status.clone() });
            let end = match (made.patch.take(), checks) {
                (Some(patch), Some(checks)) => {
                    let by = Some((&reading, step.worker.as_str()));
                    self.judge(checks.verifier, patch, &mut made, by).await
                }
                _ => None,
            };
            self.outcome.steps[at].status.clone_from(&made.status);
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
            if made.status != DECLINED {
                earlier.push(made);
            }
        }
    }

    /// Notes a step that was decided on, and tells of it; its number, from 1.
    pub(super) fn plan(&mut self, reading: &Reading, step: &Step, why: String) -> usize {
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
        number
    }

    /// What the decision goes by now.
    pub(super) fn need(&self, checks: Option<Checks<'_>>) -> Need {
        let focus = self.task.snapshot.read(&self.task.focus.path).map_or(0, |text| text.len());
        let baseline = checks.and_then(|checks| checks.baseline);
        // That no tool has a fix says nothing of how hard the task is.
        let attempts = self.outcome.steps.iter().filter(|step| step.role == Role::Worker && step.status != DECLINED);
        let failed: Vec<String> = attempts.map(|step| step.worker.clone()).collect();
        Need {
            goal: self.task.goal,
            failing_tests: baseline.is_some_and(|baseline| baseline.failed > 0),
            judged: baseline.is_some(),
            tools_may_know: checks.is_some_and(|checks| self.tools_may_know(checks)),
            prompt_tokens: (focus + self.task.instruction.len()) / BYTES_PER_TOKEN,
            turns_left: MAX_TURNS.saturating_sub(failed.len()),
            failed,
            usd_left: self.money.left(),
        }
    }

    /// The workers that can take part in this task: the search has one answer, and needs a failing test; the tools
    /// are asked once; and where nothing is known to be wrong nobody else is.
    fn workers(&self, need: &Need, checks: Option<Checks<'_>>) -> Vec<Facts> {
        let searchable = need.goal == Goal::Fix && need.failing_tests && !need.failed.iter().any(|name| name == REPAIR);
        let nothing_wrong = self.nothing_wrong(checks);
        let can = |facts: &Facts| match facts.name.as_str() {
            TOOLCHAIN => need.tools_may_know,
            REPAIR => searchable,
            _ => !nothing_wrong,
        };
        self.engine.pool.facts().into_iter().filter(can).collect()
    }

    /// Judges a patch; `None` when it was refused and somebody else may try. `by`: who made it, and what the conductor
    /// knows of the task.
    async fn judge(
        &mut self,
        verifier: &Verifier,
        patch: Patch,
        made: &mut Made,
        by: Option<(&Reading, &str)>,
    ) -> Option<End> {
        let patch = patch::minimise(&patch, &self.task.snapshot);
        let gated = |patch: &Patch| patch::gate(patch, &self.task.snapshot, self.task.goal).ok();
        let asks = gated(&patch).unwrap_or_default();
        let formatted = verifier.formatted(&patch, &self.stop).await;
        // What is only laid out is nothing more to ask for.
        let patch = formatted.filter(|laid_out| gated(laid_out).as_ref() == Some(&asks)).unwrap_or(patch);
        self.tell(Event::Checking(verifier.describe()));
        let mut checked = verifier.check(&patch, &self.stop).await;
        if let Some((reading, author)) = by {
            checked = self.judge_by_tests(verifier, reading, author, &patch, checked).await;
        }
        let Checked { verdict, verified, .. } = checked;
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
