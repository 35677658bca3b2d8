//! One step: from the conductor's delegation to a gated patch, or to what was said instead.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Event;
use super::course::{CANCELLED, Course, Seen};
use crate::context::{self, Context, Earlier, NewTests, Unsendable};
use crate::conversation::Call;
use crate::patch::{self, Asks, Edit, Patch, Problem};
use crate::pool::{Bounds, CallError, Ending, Llm, Prompt, REPAIR, Reply, Said, TOOLCHAIN, Usage};
use crate::repair::{self, Limits, Target};
use crate::task::Goal;
use crate::toolchain;
use crate::verify::{Baseline, Place, Trial, Verifier};
use crate::workflow::{Role, Step};

/// The status of a step whose worker had nothing to try: no attempt was made.
pub(super) const DECLINED: &str = "declined";

/// How the status of a step begins whose worker cannot take what it would have to be sent.
pub(super) const TOO_LONG: &str = "too long: ";

/// How the status of a step begins whose worker's answer could cost more than is left.
pub(super) const TOO_EXPENSIVE: &str = "too expensive: ";

/// How the status of a step begins whose worker gave no answer at all.
pub(super) const NO_ANSWER: &str = "error: ";

/// Why a step's worker could not be asked for money or for length, by its status: nothing was tried, and trying again
/// would be no different.
pub(super) fn out_of_reach(status: &str) -> Option<&str> {
    status.strip_prefix(TOO_LONG).or_else(|| status.strip_prefix(TOO_EXPENSIVE))
}

/// How long a prompt waits for the map of the workspace.
const MAP_WAIT: Duration = Duration::from_millis(1500);

/// What judges this run's patches.
#[derive(Clone, Copy)]
pub(super) struct Checks<'a> {
    pub verifier: &'a Verifier,
    /// The tests before any change; `None` where no tests can be run.
    pub baseline: Option<&'a Baseline>,
    /// What fails before any change: the tests; where none can be run, what compilers complain of.
    pub report: Option<&'a str>,
}

/// One step about to be done.
pub(super) struct Delegation<'a> {
    pub course: &'a Course<'a>,
    pub step: &'a Step,
    /// Its place in the run, from 0.
    pub at: usize,
    pub checks: Option<Checks<'a>>,
    /// Stops this step.
    pub stop: &'a CancellationToken,
}

/// What a step brought.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// A patch that passed the gate.
    pub patch: Option<Patch>,
    /// What was written, for the steps that may see it.
    pub reply: Option<String>,
    /// Of a conversation: the tools that it calls, and how it ended.
    pub turn: (Vec<Call>, Ending),
    /// `patch`, `prose`, `no_fix`, `declined`, `refused`, `too long: …`, `too expensive: …`, `error: …`; `verified`, `unverified` or `rejected` once judged.
    pub status: String,
    /// Why it was refused, for whoever tries next.
    pub report: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// The last prompt that was made for its worker.
    pub prompt: Option<Prompt>,
}

impl Delegation<'_> {
    /// Does the step; whatever goes wrong is in what it made.
    pub async fn run(self) -> Made {
        match self.step.worker.as_str() {
            TOOLCHAIN => self.mend().await,
            REPAIR => self.search().await,
            name => match self.course.engine.pool.llm(name) {
                Some(llm) => self.ask(llm).await,
                None => Made::error(format!("there is no worker `{name}`"), Usage::default()),
            },
        }
    }

    /// The built-in search for a repair, with the tests as judge.
    async fn search(&self) -> Made {
        let Self { stop, course: Course { task, engine, .. }, .. } = self;
        let Some(Checks { verifier, .. }) = self.checks else {
            return Made::error("a search needs tests to judge by".into(), Usage::default());
        };
        let path = &task.focus.path;
        let (Some(language), Ok(text)) = (baton_grammars::by_path(path.as_str().as_ref()), task.snapshot.read(path))
        else {
            return Made::error(format!("{path} cannot be searched"), Usage::default());
        };
        let judge = match Trial::open(verifier, path, stop).await {
            Ok(judge) => judge,
            Err(why) => return Made::error(why, Usage::default()),
        };
        let deadline = self.deadline().min(Instant::now() + seconds(engine.config.repair.max_seconds));
        let progress = |progress: &repair::Progress| self.progress(progress.to_string());
        let target = Target { language, text: &text, focus: task.focus.range.as_ref() };
        match repair::search(target, &judge, Limits { deadline }, progress, stop).await {
            Ok(found) => self.changed(found.edits, found.why),
            Err(nothing) => Made { status: "no_fix".into(), report: Some(nothing.why), ..Made::default() },
        }
    }

    /// The language's own tools, asked for their fixes.
    async fn mend(&self) -> Made {
        let Self { stop, course: Course { task, .. }, .. } = self;
        let path = &task.focus.path;
        let (Some(Checks { verifier, baseline, .. }), Some(language), Ok(text)) =
            (self.checks, baton_grammars::by_path(path.as_str().as_ref()), task.snapshot.read(path))
        else {
            return Made::error(format!("{path} cannot be mended"), Usage::default());
        };
        let Some(wanted) = self.course.wanted(baseline) else {
            return Made { status: DECLINED.into(), ..Made::default() };
        };
        let tools = verifier.tools(&task.focus.diagnostics);
        let runner = verifier.fixing(self.deadline(), stop);
        let target = toolchain::Target { language, text: &text, focus: task.focus.range.as_ref(), wanted };
        let progress = |text| self.progress(text);
        match toolchain::mend(target, &tools, &runner, progress).await {
            Ok(mended) => self.changed(mended.edits, mended.why),
            Err(why) => {
                self.note(why);
                Made { status: DECLINED.into(), ..Made::default() }
            }
        }
    }

    /// What a built-in worker made of the file.
    fn changed(&self, edits: Vec<Edit>, why: String) -> Made {
        let mut patch = Patch::default();
        let gated = patch.insert(self.course.task.focus.path.clone(), edits).map_err(|problem| vec![problem]);
        match gated.and_then(|()| self.gate(&patch)) {
            Ok(_) => Made { patch: Some(patch), reply: Some(why), status: "patch".into(), ..Made::default() },
            Err(problems) => Made::refused(&problems, Usage::default()),
        }
    }

    /// A language model, asked for an answer or an edit.
    async fn ask(&self, llm: &Llm) -> Made {
        let task = self.course.task;
        let read = |reply: &str| match (task.goal, self.step.role) {
            // What is thought or judged aloud is no edit, whatever is in it.
            (Goal::Ask, _) | (_, Role::Thinker | Role::Verifier) => Ok(None),
            (_, Role::Worker) => {
                let patch = patch::read(reply, &task.snapshot, &task.focus.path)?;
                self.gate(&patch).map(|_| Some(patch))
            }
        };
        match self.asked(llm, None, read).await {
            (made, Some(None)) => {
                let status = if self.step.role == Role::Worker { "answered" } else { "prose" };
                Made { status: status.into(), ..made }
            }
            (made, Some(patch)) => Made { patch, status: "patch".into(), ..made },
            (made, None) => made,
        }
    }

    /// Asks a language model, `place`: for tests there, and once more if `read` cannot use its reply as it was. What was
    /// read, where something was; the step's status is then for the caller to say.
    pub(super) async fn asked<T>(
        &self,
        llm: &Llm,
        place: Option<&Place>,
        read: impl Fn(&str) -> Result<T, Vec<Problem>>,
    ) -> (Made, Option<T>) {
        let mut used = Usage::default();
        let mut tokens = llm.prompt_budget();
        let mut first = match self.told(llm, tokens, place).await {
            Ok(prompt) => prompt,
            Err(made) => return (made, None),
        };
        let mut wrong: Option<(String, Vec<Problem>)> = None;
        let mut is_shortened = false;
        loop {
            let again = |(reply, why): &(String, Vec<Problem>)| context::correction(&first, reply, why, tokens);
            let ask = wrong.as_ref().map_or_else(|| first.clone(), again);
            let reply = match self.call(llm, &ask).await {
                Ok(reply) => reply,
                Err(CallError::TooLong { why, usage }) if !is_shortened => {
                    used.add(usage);
                    is_shortened = true;
                    if self.course.task.conversation.is_some() {
                        // It is sent as it is, however much shorter than what there would be room for.
                        tokens = tokens.min(first.tokens());
                    }
                    tokens /= 2;
                    self.note(format!("{why}; it is asked once more, with at most {tokens} tokens"));
                    first = match self.told(llm, tokens, place).await {
                        Ok(prompt) => prompt,
                        Err(made) => return (Made { usage: used, ..made }, None),
                    };
                    continue;
                }
                Err(error) => {
                    used.add(error.usage());
                    let made = match error {
                        CallError::Cancelled { .. } => {
                            Made { status: CANCELLED.into(), usage: used, ..Made::default() }
                        }
                        CallError::TooLong { why, .. } => Made::too_long(&why, used),
                        CallError::TooExpensive { why } => {
                            Made { status: format!("{TOO_EXPENSIVE}{why}"), usage: used, ..Made::default() }
                        }
                        CallError::Failed { why, .. } => Made::error(why, used),
                    };
                    return (made.sent(ask), None);
                }
            };
            used.add(reply.usage);
            if reply.estimated {
                self.note(format!("{} does not count its tokens; their number is estimated", llm.name()));
            }
            let problems = match read(&reply.text) {
                Ok(found) => {
                    let turn = (reply.calls, reply.ending);
                    let made = Made { reply: Some(reply.text), turn, usage: used, ..Made::default() };
                    return (made.sent(ask), Some(found));
                }
                Err(problems) => problems,
            };
            if wrong.is_some() {
                return (Made { reply: Some(reply.text), ..Made::refused(&problems, used) }.sent(ask), None);
            }
            let why = problems.first().map_or(String::new(), Problem::to_string);
            self.note(format!(
                "its reply cannot be used, so it is asked once more: {}",
                why.lines().next().unwrap_or_default()
            ));
            wrong = Some((reply.text, problems));
        }
    }

    /// What a worker is sent that may be sent this many tokens; what is kept from it is said.
    async fn told(&self, llm: &Llm, tokens: usize, place: Option<&Place>) -> Result<Prompt, Made> {
        if let Some(conversation) = &self.course.task.conversation {
            return Ok(self.conversation(conversation, tokens));
        }
        let context = self.context(tokens, place).await?;
        for withheld in &context.withheld {
            self.note(format!("withheld from {}: {withheld}", llm.name()));
        }
        Ok(context.prompt)
    }

    /// What a worker is sent that may be sent this many tokens, `place`: for tests there; else the step has ended.
    async fn context(&self, tokens: usize, place: Option<&Place>) -> Result<Context, Made> {
        let Self { stop, course: Course { task, mapping, .. }, .. } = self;
        let Some(mapping) = mapping.get().cloned() else {
            return Err(Made::error("a patch is judged, nobody is asked".into(), Usage::default()));
        };
        let is_ready = tokio::select! {
            is_ready = mapping.ready(MAP_WAIT) => is_ready,
            () = stop.cancelled() => false,
        };
        if !is_ready {
            self.note(
                "the map of the workspace is not ready, so code in other files may be missing from the prompt".into(),
            );
        }
        let (task, step) = ((*task).clone(), self.step.clone());
        let seen = self.course.seen(self.at);
        let before = seen.iter().rev().find_map(|seen| seen.made.report.clone());
        let report = before.or(self.checks.and_then(|checks| checks.report).map(str::to_owned));
        let place = place.cloned();
        let made = tokio::task::spawn_blocking(move || {
            let command = place.as_ref().map(Place::line).unwrap_or_default();
            let earlier: Vec<Earlier<'_>> = seen.iter().filter_map(Seen::shown).collect();
            mapping.look(&task.snapshot, |map| {
                let (task, step, report, earlier) = (&task, &step, report.as_deref(), &earlier[..]);
                let tests = place.as_ref();
                let tests =
                    tests.map(|place| NewTests { path: &place.path, command: &command, like: place.like.as_ref() });
                context::prompt(context::Request { task, step, report, earlier, tokens, map, tests })
            })
        });
        match made.await {
            Ok(context) => context.map_err(|unsendable| match unsendable {
                Unsendable::TooLarge { .. } => Made::too_long(&unsendable.to_string(), Usage::default()),
                unsendable => Made::error(unsendable.to_string(), Usage::default()),
            }),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// One call, within what is left of the money and the time.
    async fn call(&self, llm: &Llm, prompt: &Prompt) -> Result<Reply, CallError> {
        let Course { task, money, .. } = self.course;
        let (is_conversation, speaks) = (task.conversation.is_some(), self.course.speaks(self.at));
        let mut written = 0;
        let progress = |said: Said<'_>| {
            if is_conversation {
                self.heard(said, speaks);
            }
            if let Said::Words(text) = said
                && !speaks
            {
                written += text.chars().count();
                self.progress(format!("{} has written {written} characters", llm.name()));
            }
        };
        let stop = self.stop.child_token();
        let deadline = self.deadline().into();
        let bounds = Bounds { deadline, cancel: &stop, budget: money, allowed: &task.allowed };
        let mut call = std::pin::pin!(llm.call(prompt, progress, bounds));
        tokio::select! {
            answer = &mut call => answer,
            () = llm.removed().cancelled() => {
                stop.cancel();
                call.await.map_err(|error| CallError::Failed {
                    why: format!("{} was taken out of the pool while it was asked", llm.name()),
                    usage: error.usage(),
                })
            }
        }
    }

    pub(super) fn note(&self, text: String) {
        self.course.tell(Event::Note { number: self.at + 1, text });
    }

    fn progress(&self, text: String) {
        self.course.tell(Event::StepProgress { number: self.at + 1, text });
    }

    /// What must be asked of the user is the edge's to ask, once there is a patch to apply.
    fn gate(&self, patch: &Patch) -> Result<Asks, Vec<Problem>> {
        patch::gate(patch, &self.course.task.snapshot, self.course.task.goal)
    }

    fn deadline(&self) -> Instant {
        self.course.started + self.course.task.budget.time
    }
}

impl Made {
    fn error(why: String, usage: Usage) -> Self {
        Self { status: format!("{NO_ANSWER}{why}"), usage, ..Self::default() }
    }

    fn sent(self, prompt: Prompt) -> Self {
        Self { prompt: Some(prompt), ..self }
    }

    fn too_long(why: &str, usage: Usage) -> Self {
        Self { status: format!("{TOO_LONG}{why}"), usage, ..Self::default() }
    }

    fn refused(problems: &[Problem], usage: Usage) -> Self {
        let report: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self { status: "refused".into(), report: Some(report.join("\n")), usage, ..Self::default() }
    }
}

pub(super) fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
}
