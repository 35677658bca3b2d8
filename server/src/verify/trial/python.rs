//! Judging by a warm Python interpreter on every lane: what it is asked, and what its answers mean.

use std::time::Duration;

use futures::future::join_all;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::warm::{Answer, Ask, Leash, Lost, Setup, TestRun, Warm};
use crate::repair::{Judgement, TestTrace, Trace};

/// Processor seconds of one test in the trace; tracing itself slows a test down.
const TRACE_LIMIT: f64 = 1.5;
/// Wall clock of the whole trace.
const TRACE_WALL: Duration = Duration::from_secs(60);
/// How often a lane's driver is started again without an answer in between before the lane gives up.
const RESTARTS: usize = 20;

/// Makes the command of one lane's driver, ready to spawn, and what holds it while it runs.
pub(super) type Start = Box<dyn Fn() -> (Command, Option<Leash>) + Send + Sync>;

/// The lanes and what they are to run.
pub(super) struct Python {
    setup: Setup,
    plan: Plan,
    lanes: Vec<Lane>,
}

struct Lane {
    start: Start,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    warm: Option<Warm>,
    starts: usize,
}

/// What every candidate is judged by.
#[derive(Debug, Clone, Default, PartialEq)]
struct Plan {
    /// The tests in the order in which they are run: those to mend first, the quickest first.
    order: Vec<String>,
    /// How many of them failed before.
    targets: usize,
    /// Processor seconds of one test.
    limit: f64,
    /// Whether judging by exchanged code is sound for this file.
    is_hot: bool,
}

impl Python {
    /// Traces the original text on the first lane and makes the plan. An error is a sentence.
    pub async fn open(setup: Setup, starts: Vec<Start>) -> Result<(Self, Trace), String> {
        let lanes = starts.into_iter().map(|start| Lane { start, state: Mutex::default() }).collect::<Vec<_>>();
        let mut python = Self { setup, plan: Plan::default(), lanes };
        let lost = |_: Lost| "the test framework could not be started with its own arguments".to_owned();
        // Starting an interpreter takes most of a second: the others start while the first one traces.
        let answer = join_all(python.lanes.iter().enumerate().map(|(at, lane)| python.first(lane, at == 0))).await;
        let answer = answer.into_iter().next().unwrap_or(Err(Lost)).map_err(lost)?;
        if answer.end == "done" && !answer.loaded {
            return Err("the tests do not import the file themselves".to_owned());
        }
        let (plan, trace) = read(answer);
        python.plan = plan;
        join_all(python.lanes.iter().map(|lane| python.ready(lane))).await;
        Ok((python, trace))
    }

    /// Starts a lane's driver; the tracing one answers with the trace.
    async fn first(&self, lane: &Lane, is_tracing: bool) -> Result<Answer, Lost> {
        let mut state = lane.state.lock().await;
        let mut warm = Warm::start((lane.start)(), &self.setup).await?;
        let mut answer = Answer::default();
        if is_tracing {
            answer = warm.ask(Ask { op: "trace", limit: TRACE_LIMIT, ..Ask::default() }, TRACE_WALL).await?;
        }
        state.warm = Some(warm);
        Ok(answer)
    }

    async fn ready(&self, lane: &Lane) {
        let mut state = lane.state.lock().await;
        if let Some(warm) = &mut state.warm
            && self.instruct(warm).await.is_err()
        {
            state.warm = None;
        }
    }

    /// How many candidates can be judged at once.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Judges `text` on a lane.
    pub async fn judge(&self, lane: usize, text: &str, patience: Option<Duration>) -> Judgement {
        let lane = &self.lanes[lane % self.lanes.len()];
        let mut state = lane.state.lock().await;
        let limit = patience.map_or(self.plan.limit, |patience| patience.as_secs_f64());
        for is_hot in [self.plan.is_hot, false] {
            let Some(answer) = self.ask(lane, &mut state, text, is_hot, limit).await else { return Judgement::Broken };
            if answer.end == "cold" && is_hot {
                continue;
            }
            let judgement = self.meaning(&answer);
            // What passes by exchanged code must also pass when it is imported.
            if judgement != Judgement::Passed || !is_hot {
                return judgement;
            }
        }
        Judgement::Broken
    }

    async fn ask(&self, lane: &Lane, state: &mut State, text: &str, hot: bool, limit: f64) -> Option<Answer> {
        let wall = Duration::from_secs_f64((20.0 + limit * 2.0 * self.plan.order.len() as f64).min(120.0));
        // A driver can be lost to a question that was given up before, so a candidate gets a second one, not a third.
        for _ in 0..2 {
            if state.warm.is_none() {
                if state.starts > RESTARTS {
                    return None;
                }
                state.starts += 1;
                state.warm = self.begin(lane).await.ok();
            }
            let Some(warm) = state.warm.as_mut() else { continue };
            match warm.ask(Ask { op: "judge", text, hot, limit, ..Ask::default() }, wall).await {
                Ok(answer) => {
                    state.starts = 0;
                    return Some(answer);
                }
                Err(Lost) => state.warm = None,
            }
        }
        None
    }

    async fn begin(&self, lane: &Lane) -> Result<Warm, Lost> {
        let mut warm = Warm::start((lane.start)(), &self.setup).await?;
        self.instruct(&mut warm).await?;
        Ok(warm)
    }

    /// Tells a driver the plan and lets it collect the tests.
    async fn instruct(&self, warm: &mut Warm) -> Result<(), Lost> {
        let wall = Duration::from_secs_f64(self.setup.warm_wall + 10.0);
        if !self.plan.order.is_empty() {
            warm.ask(Ask { op: "plan", order: &self.plan.order, ..Ask::default() }, wall).await?;
        }
        if self.plan.is_hot {
            warm.ask(Ask { op: "warm", ..Ask::default() }, wall).await?;
        }
        Ok(())
    }

    fn meaning(&self, answer: &Answer) -> Judgement {
        if !answer.hung.is_empty() || answer.end == "hung" {
            return Judgement::Slow;
        }
        let all = if self.plan.order.is_empty() { 1 } else { self.plan.order.len() };
        match answer.end.as_str() {
            "done" if answer.failed.is_empty() && answer.passed >= all => Judgement::Passed,
            "done" | "died" => Judgement::Failed { mended: answer.passed.min(self.plan.targets) },
            _ => Judgement::Broken,
        }
    }
}

/// The plan and the trace that follow from how the tests ran on the original text.
fn read(answer: Answer) -> (Plan, Trace) {
    if answer.end == "broken" || answer.tests.is_empty() {
        // The file (or a test) does not even load: everything has to pass, whatever it will be called.
        let tests = vec![TestTrace { passed: false, ..TestTrace::default() }];
        let plan = Plan { order: Vec::new(), targets: 1, limit: 1.0, is_hot: false };
        return (plan, Trace { tests, ..Trace::default() });
    }
    let reaches = |test: &&TestRun| !test.lines.is_empty() || !test.frames.is_empty();
    let fails = |test: &&TestRun| matches!(test.status.as_str(), "failed" | "hung");
    let mut targets: Vec<&TestRun> = answer.tests.iter().filter(fails).filter(reaches).collect();
    // A test that hung is asked last: until then most wrong candidates are gone.
    targets.sort_by(|a, b| (a.status == "hung").cmp(&(b.status == "hung")).then(a.ms.total_cmp(&b.ms)));
    let passing: Vec<&TestRun> = answer.tests.iter().filter(|test| test.status == "passed").collect();
    let slowest = answer.tests.iter().filter(|test| test.status != "hung").map(|test| test.ms).fold(0.0, f64::max);
    let order = targets.iter().chain(&passing).map(|test| test.id.clone()).collect();
    let plan = Plan { order, targets: targets.len(), limit: 0.15 + 6.0 * slowest / 1000.0, is_hot: !answer.early };
    let traced = |test: &&TestRun| TestTrace {
        passed: test.status == "passed",
        lines: test.lines.clone(),
        frames: test.frames.clone(),
    };
    let tests = targets.iter().chain(&passing).map(traced).collect();
    (plan, Trace { tests, attributes: answer.words, kinds: answer.kinds })
}

#[cfg(test)]
mod tests;
