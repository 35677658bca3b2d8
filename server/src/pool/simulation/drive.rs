//! A run over the pool, as the engine makes one: decide, ask, accept or go on, within time and money, until somebody
//! stops it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Sabotage;
use super::scenario::{Order, Scenario, Stop};
use super::world::World;
use crate::conductor::mini::{self, Known, Need};
use crate::pool::{Bounds, Budget, CallError, Facts, Llm, why_not};
use crate::task::{Allowed, Goal};

/// Most turns of a run.
const TURNS: usize = 5;
/// How long a run that was stopped may take to end what it started.
const GRACE: Duration = Duration::from_secs(2);

/// A run about to be made.
pub(super) struct Drive<'a> {
    pub world: &'a World,
    pub scenario: &'a Scenario,
    pub pool: &'a [Llm],
    pub budget: &'a Budget,
    told: Mutex<Vec<Told>>,
}

/// Something that happened; times since the start.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// A call came back.
    Returned {
        worker: usize,
        at: Duration,
        /// Its last request, if it made any.
        exchange: Option<usize>,
        /// Its text, or what it said instead.
        result: Result<String, CallError>,
        /// What it says that it used.
        usd: f64,
    },
    /// The run ended.
    Ended { at: Duration, how: How },
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    Accepted,
    NobodyLeft,
    TurnsUsedUp,
    OutOfTime,
    Cancelled,
    Abandoned,
}

impl<'a> Drive<'a> {
    pub fn new(world: &'a World, scenario: &'a Scenario, pool: &'a [Llm], budget: &'a Budget) -> Self {
        Self { world, scenario, pool, budget, told: Mutex::default() }
    }

    /// All that was told.
    pub fn into_told(self) -> Vec<Told> {
        self.told.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole run. It has exactly one end.
    pub async fn run(&self) {
        let Scenario { time, stop: by, framed, .. } = self.scenario;
        let stop = CancellationToken::new();
        let deadline = Instant::now() + *time;
        let ended = {
            let work = self.turns(deadline, &stop);
            tokio::pin!(work);
            let user = async {
                match by {
                    Some((after, how)) => {
                        tokio::time::sleep(*after).await;
                        *how
                    }
                    None => std::future::pending().await,
                }
            };
            let framed = async {
                match framed {
                    true => tokio::time::sleep_until(deadline).await,
                    false => std::future::pending().await,
                }
            };
            let (why, goes_on) = tokio::select! {
                biased;
                ended = &mut work => (ended, false),
                how = user => match how {
                    Stop::Cancel => (How::Cancelled, true),
                    Stop::Abandon => (How::Abandoned, false),
                },
                () = framed => (How::OutOfTime, true),
            };
            if self.world.sabotage != Some(Sabotage::DeafToCancel) {
                stop.cancel();
            }
            if goes_on {
                let _ = tokio::time::timeout(GRACE, work).await;
            }
            why
        };
        let times = if self.world.sabotage == Some(Sabotage::TwoEnds) { 2 } else { 1 };
        for _ in 0..times {
            self.told().push(Told::Ended { at: self.world.since_start(), how: ended });
        }
    }

    async fn turns(&self, deadline: Instant, stop: &CancellationToken) -> How {
        let mut failed: Vec<String> = Vec::new();
        while failed.len() < TURNS {
            let asked = self.next(&failed);
            if asked.is_empty() {
                return How::NobodyLeft;
            }
            let replies = join_all(asked.iter().map(|worker| self.ask(*worker, deadline, stop))).await;
            if stop.is_cancelled() {
                return How::Cancelled;
            }
            if Instant::now() >= deadline {
                return How::OutOfTime;
            }
            if replies.into_iter().any(|reply| reply && self.world.chance(self.scenario.accepts)) {
                return How::Accepted;
            }
            failed.extend(asked.iter().map(|worker| self.pool[*worker].name().to_owned()));
        }
        How::TurnsUsedUp
    }

    /// Who is asked next, as places in the pool.
    fn next(&self, failed: &[String]) -> Vec<usize> {
        let Scenario { order, at_once, policy, allowed, .. } = self.scenario;
        if *order == Order::Blind {
            return (failed.len()..self.pool.len()).take(*at_once).collect();
        }
        let facts = self.pool.iter().map(Llm::facts);
        let facts: Vec<Facts> = facts.filter(|facts| why_not(facts, policy, allowed).is_none()).collect();
        let need = Need {
            goal: Goal::Fix,
            failing_tests: true,
            judged: true,
            verifier: mini::TESTS.into(),
            tools_may_know: false,
            prompt_tokens: self.scenario.read(),
            failed: failed.to_vec(),
            unanswered: Vec::new(),
            thoughts: 0,
            turns_left: TURNS - failed.len(),
            attempts: mini::ATTEMPTS,
            usd_left: self.budget.left(),
        };
        let ranked = mini::rank(&facts, &need, &Known::default()).into_iter().take(*at_once);
        ranked.filter_map(|choice| self.pool.iter().position(|llm| llm.name() == choice.worker)).collect()
    }

    /// One call; whether it brought a reply.
    async fn ask(&self, worker: usize, deadline: Instant, stop: &CancellationToken) -> bool {
        let mut allowed = &self.scenario.allowed;
        let (anybody, unlimited) = (Allowed::default(), Budget::new(f64::MAX));
        let (mut budget, mut until) = (self.budget, deadline);
        match self.world.sabotage {
            Some(Sabotage::NoPolicy) => allowed = &anybody,
            Some(Sabotage::NoBudget) => budget = &unlimited,
            Some(Sabotage::NoDeadline) => until = deadline + Duration::from_secs(3600),
            _ => {}
        }
        let before = self.world.requests();
        let bounds = Bounds { deadline: until, cancel: stop, budget, allowed };
        let result = self.pool[worker].call(&self.scenario.prompt, |_| {}, bounds).await;
        let usage = result.as_ref().map_or_else(CallError::usage, |reply| reply.usage);
        let exchange = self
            .world
            .exchanges(|exchanges| (before..exchanges.len()).rev().find(|at| exchanges[*at].worker == worker));
        let replied = result.is_ok();
        let result = result.map(|reply| reply.text);
        let at = self.world.since_start();
        self.told().push(Told::Returned { worker, at, exchange, result, usd: usage.usd });
        replied
    }

    fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
