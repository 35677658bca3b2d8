//! One run while it goes on: what its steps share, and what is known so far.

use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::delegate::{Checks, DECLINED, Made, NO_ANSWER, out_of_reach};
use super::{ConductorRecord, Engine, Event, Kind, Outcome, StepRecord};
use crate::conductor::mini::{self, Need};
use crate::context::{Earlier, Mapping};
use crate::patch;
use crate::pool::{Budget, Facts, REPAIR, TOOLCHAIN, Usage};
use crate::task::{Goal, Task};
use crate::toolchain::Wanted;
use crate::verify::Baseline;
use crate::workflow::{Access, Role, Step};

/// How long a token is, for an estimate that no model was asked for.
const BYTES_PER_TOKEN: usize = 4;
/// The status of a step that was planned and that nobody has begun.
pub(crate) const NOT_BEGUN: &str = "not begun";
/// The status of a step that has not ended; it stays so where the run was stopped.
pub(crate) const CANCELLED: &str = "cancelled";

/// How a run ends, and the sentence that says why.
pub(super) type End = (Kind, String);

/// One run while it goes on. Steps that run at once share it; nothing in it waits.
pub(super) struct Course<'a> {
    pub engine: &'a Engine,
    pub task: &'a Task,
    /// Stops all that was started for the run.
    pub stop: CancellationToken,
    pub started: Instant,
    /// The map of the workspace, while it is brought up to date; none where nobody is asked.
    pub mapping: OnceLock<Mapping>,
    /// What may still be spent.
    pub money: Budget,
    /// Whether words of an answer were told of as they came.
    pub spoken: AtomicBool,
    events: UnboundedSender<Event>,
    known: Mutex<Known>,
}

struct Known {
    /// What remains of it when the run is stopped is still true.
    outcome: Outcome,
    /// What each planned step brought, once it has ended.
    made: Vec<Option<Arc<Made>>>,
}

/// What a step sees of one that came before.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The earlier step's number, from 1.
    pub number: usize,
    /// What it was asked to do.
    pub subtask: String,
    /// What it brought.
    pub made: Arc<Made>,
}

impl Seen {
    /// What a prompt shows of it; nothing where nothing was written.
    pub fn shown(&self) -> Option<Earlier<'_>> {
        Some(Earlier { number: self.number, subtask: &self.subtask, reply: self.made.reply.as_deref()? })
    }
}

impl<'a> Course<'a> {
    pub fn new(
        engine: &'a Engine,
        task: &'a Task,
        events: UnboundedSender<Event>,
        stop: CancellationToken,
        started: Instant,
    ) -> Self {
        let money = Budget::new(task.budget.usd);
        let known = Mutex::new(Known { outcome: Outcome::failed(""), made: Vec::new() });
        Self {
            engine,
            task,
            stop,
            started,
            mapping: OnceLock::new(),
            money,
            spoken: AtomicBool::new(false),
            events,
            known,
        }
    }

    pub fn tell(&self, event: Event) {
        // Nobody may be listening, which is the listener's own affair.
        let _ = self.events.send(event);
    }

    /// Looks at what is known so far, or changes it.
    pub fn outcome<R>(&self, look: impl FnOnce(&mut Outcome) -> R) -> R {
        look(&mut self.known().outcome)
    }

    /// What is known in the end.
    pub fn into_outcome(self) -> Outcome {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).outcome
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes steps that were decided on, and tells of them; their places in the run, from 0. In `steps` they are counted
    /// from the first of them.
    pub fn plan(&self, conductor: ConductorRecord, depth: usize, mut steps: Vec<Step>) -> Range<usize> {
        let Known { outcome, made } = &mut *self.known();
        let first = made.len();
        for step in &mut steps {
            if let Access::Steps(numbers) = &mut step.access {
                numbers.iter_mut().for_each(|number| *number += first);
            }
        }
        made.extend(steps.iter().map(|_| None));
        let why = &conductor.why;
        let planned = steps.iter().map(|step| StepRecord { why: why.clone(), ..StepRecord::planned(step, depth) });
        outcome.steps.extend(planned);
        outcome.workflow.steps.extend(steps.iter().cloned());
        // Who asks for tests besides does not decide the run.
        if ["", &conductor.name].contains(&outcome.conductor.name.as_str()) {
            outcome.conductor.clone_from(&conductor);
        }
        self.tell(Event::Planned { conductor, depth, first: first + 1, steps });
        first..made.len()
    }

    /// The step at this place.
    pub fn step(&self, at: usize) -> Step {
        self.known().outcome.workflow.steps[at].clone()
    }

    /// Notes that a step begins.
    pub fn begin(&self, at: usize) {
        let Known { outcome, .. } = &mut *self.known();
        outcome.steps[at].status = CANCELLED.into();
        outcome.steps[at].began_ms = Some(self.started.elapsed().as_millis() as u64);
        let worker = outcome.steps[at].worker.clone();
        self.tell(Event::StepStarted { number: at + 1, worker });
    }

    /// Notes what a step used and how it ended.
    pub fn end(&self, at: usize, status: &str, usage: Usage, ms: u64) {
        let Known { outcome, .. } = &mut *self.known();
        outcome.usage.add(usage);
        let step = &mut outcome.steps[at];
        (step.usage, step.ms, step.status) = (usage, ms, status.to_owned());
        self.tell(Event::StepEnded { number: at + 1, status: status.to_owned(), usage, ms });
    }

    /// Notes what a step brought, once it is judged; from now on later steps may see it.
    pub fn brought(&self, at: usize, made: Made) {
        let Known { outcome, made: all } = &mut *self.known();
        outcome.steps[at].status.clone_from(&made.status);
        all[at] = Some(Arc::new(made));
    }

    /// Whether all that the step may see is there.
    pub fn is_ready(&self, at: usize) -> bool {
        let Known { outcome, made } = &*self.known();
        let access = &outcome.workflow.steps[at].access;
        (0..at).filter(|earlier| access.sees(at, *earlier)).all(|earlier| made[earlier].is_some())
    }

    /// What the step may see.
    pub fn seen(&self, at: usize) -> Vec<Seen> {
        let Known { outcome, made } = &*self.known();
        let steps = &outcome.workflow.steps;
        let seen = (0..at).filter(|earlier| steps[at].access.sees(at, *earlier));
        let seen = seen.filter_map(|earlier| Some((earlier, made[earlier].clone()?)));
        seen.map(|(at, made)| Seen { number: at + 1, subtask: steps[at].subtask.clone(), made }).collect()
    }

    /// What was found of what the step brought.
    pub fn report(&self, at: usize) -> Option<String> {
        self.known().made[at].as_ref()?.report.clone()
    }

    /// The place of the last of these steps whose reply says anything, and what it brought; who only judged has no say.
    pub fn last_reply(&self, steps: Range<usize>) -> Option<(usize, Arc<Made>)> {
        let Known { outcome, made } = &*self.known();
        let spoken = |at: usize| {
            let made = made[at].as_ref()?;
            let says = made.reply.as_ref().is_some_and(|reply| !reply.trim().is_empty()) || !made.turn.0.is_empty();
            (outcome.workflow.steps[at].role != Role::Verifier && says).then(|| (at, made.clone()))
        };
        steps.rev().find_map(spoken)
    }

    /// Whether a fix is asked for, and neither the user nor a test says of what.
    pub fn nothing_wrong(&self, checks: Option<Checks<'_>>) -> bool {
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
    pub fn tools_may_know(&self, checks: Checks<'_>) -> bool {
        let asked = self.outcome(|outcome| outcome.steps.iter().any(|step| step.worker == TOOLCHAIN));
        let tools = || checks.verifier.tools(&self.task.focus.diagnostics);
        let takes_part = self.engine.config.toolchain.enabled && !asked;
        takes_part
            && self.wanted(checks.baseline).is_some_and(|wanted| tools().iter().any(|tool| tool.may_know(wanted)))
    }

    /// What a decision goes by now.
    pub fn need(&self, checks: Option<Checks<'_>>) -> Need {
        let focus = self.task.snapshot.read(&self.task.focus.path).map_or(0, |text| text.len());
        let baseline = checks.and_then(|checks| checks.baseline);
        let (failed, unanswered, thoughts) = self.outcome(|outcome| {
            // That no tool has a fix says nothing of how hard the task is.
            let done = outcome.steps.iter().filter(|step| ![DECLINED, NOT_BEGUN].contains(&step.status.as_str()));
            let done = done.filter(|step| out_of_reach(&step.status).is_none());
            let thoughts = done.clone().filter(|step| step.role == Role::Thinker).count();
            let failed: Vec<_> = done.filter(|step| step.role == Role::Worker).collect();
            let unanswered = (0..failed.len()).filter(|at| failed[*at].status.starts_with(NO_ANSWER)).collect();
            (failed.iter().map(|step| step.worker.clone()).collect::<Vec<String>>(), unanswered, thoughts)
        });
        Need {
            goal: self.task.goal,
            failing_tests: baseline.is_some_and(|baseline| baseline.failed > 0),
            judged: baseline.is_some(),
            verifier: mini::TESTS.into(),
            tools_may_know: checks.is_some_and(|checks| self.tools_may_know(checks)),
            prompt_tokens: (focus + self.task.instruction.len()) / BYTES_PER_TOKEN,
            turns_left: mini::MAX_TURNS.saturating_sub(failed.len() + thoughts),
            failed,
            unanswered,
            thoughts,
            attempts: mini::ATTEMPTS,
            usd_left: self.money.left(),
        }
    }

    /// The workers that can take part in this task: the search has one answer, and needs a failing test; the tools
    /// are asked once; and where nothing is known to be wrong nobody else is.
    pub fn workers(&self, need: &Need, checks: Option<Checks<'_>>) -> Vec<Facts> {
        let searchable = need.goal == Goal::Fix && need.failing_tests && !need.failed.iter().any(|name| name == REPAIR);
        let nothing_wrong = self.nothing_wrong(checks);
        let unasked = self.outcome(|outcome| {
            let steps = outcome.steps.iter().filter(|step| out_of_reach(&step.status).is_some());
            steps.map(|step| step.worker.clone()).collect::<Vec<_>>()
        });
        let can = |facts: &Facts| match facts.name.as_str() {
            _ if unasked.contains(&facts.name) => false,
            TOOLCHAIN => need.tools_may_know,
            REPAIR => searchable,
            _ => !nothing_wrong,
        };
        let pool = &self.engine.pool;
        let mut workers: Vec<Facts> = pool.eligible(&self.task.allowed).into_iter().filter(can).collect();
        // Who is left alone for now would only say so; where no other model is there it may.
        let resting = pool.resting();
        let awake = |facts: &Facts| !resting.contains(&facts.name);
        if workers.iter().any(|facts| awake(facts) && pool.llm(&facts.name).is_some()) {
            workers.retain(awake);
        }
        workers
    }
}

pub(super) fn cancelled() -> End {
    (Kind::Cancelled, "cancelled; nothing was changed".into())
}
