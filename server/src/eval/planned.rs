//! Tier ultra on the bench: the embedded conductor writes real plans over whom the heads would ask; what a recording holds of the
//! steps is turned over as a run would do them. Steps that see nothing of each other are all paid; the first answer that the
//! verifier accepts ends the rest; after a plan in vain there is one more, as in a run. Thinking aloud is paid like a call and changes nothing.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::conducted::{Mind, described, need, pool};
use super::policies::Policy;
use super::recorded::{Recording, Task};
use super::replay::{Seen, Table};
use crate::conductor::baseline::MAX_STEPS;
use crate::conductor::mini::Need;
use crate::conductor::ultra::{Before, Plan, Planner, Question};
use crate::pool::Facts;
use crate::workflow::{Access, Role, Step};

/// Plans for one task at most: the first and, by the default of `conductor.depth`, one that corrects it.
const PLANS: usize = 2;

/// The longest that a plan may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The conductor, and whose chances it is shown.
pub struct Planned<M> {
    mind: M,
    planner: Planner,
    runtime: Runtime,
    pool: Vec<Facts>,
    workers: Vec<String>,
    verifier: String,
    cheapest: usize,
    spent: Vec<Duration>,
}

impl<M: Mind> Planned<M> {
    /// Of the workers of `train`, judged by this verifier.
    pub fn by(mind: M, planner: Planner, train: &Recording<bool>, verifier: &str) -> Result<Self> {
        // The process of the planner is kept between tasks, and so is what waits for it.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (pool, workers, verifier) = (pool(train), train.workers.clone(), verifier.to_owned());
        let (cheapest, spent) = (train.cheapest(), Vec::new());
        Ok(Self { mind, planner, runtime, pool, workers, verifier, cheapest, spent })
    }

    /// How long each plan took, the shortest first.
    pub fn spent(mut self) -> Vec<Duration> {
        self.spent.sort();
        self.spent
    }

    /// A plan over those who were not called yet; `None`: there is nobody, or nothing more is to be done.
    fn plan(&mut self, task: &Task, need: &Need, seen: &[Seen], before: bool) -> Result<Option<Vec<Step>>> {
        let called = |name: &str| seen.iter().any(|seen| self.workers[seen.worker] == name);
        let ranked = self.mind.rank(need);
        let choices: Vec<_> = ranked.into_iter().filter(|choice| !called(&choice.worker)).collect();
        let stakes = self.mind.stakes(need);
        if choices.is_empty() {
            return Ok(None);
        }
        let before = before.then(|| Before { reply: String::new(), report: "No change passed.".into() });
        let (workers, description) = (self.pool.clone(), described(task));
        let question = Question { description, workers, max_steps: MAX_STEPS, need: need.clone(), before };
        let (started, cancel) = (Instant::now(), CancellationToken::new());
        let planned = self.planner.plan_over(&question, choices, stakes, started + PATIENCE, &cancel);
        let planned = self.runtime.block_on(planned).map_err(|no| anyhow!("task {}: {no}", task.id))?;
        self.spent.push(started.elapsed());
        Ok(match planned.plan {
            Plan::Workflow(workflow) => Some(workflow.steps),
            Plan::Accept => None,
        })
    }

    /// Does the steps; the answer that was accepted, if one was.
    fn execute(&self, steps: &[Step], need: &mut Need, table: &mut Table<'_>) -> Option<Seen> {
        let mut at = 0;
        while at < steps.len() {
            let together = 1 + steps[at + 1..].iter().take_while(|step| step.access == Access::None).count();
            let mut accepted = None;
            for step in &steps[at..at + together] {
                let Some(worker) = self.workers.iter().position(|name| *name == step.worker) else { continue };
                // The same answer would come again.
                if table.seen().iter().any(|seen| seen.worker == worker) {
                    continue;
                }
                let seen = table.call(worker);
                match (step.role, seen.accepted) {
                    (Role::Worker, true) => accepted = accepted.or(Some(seen)),
                    (Role::Worker, false) => need.failed.push(step.worker.clone()),
                    (Role::Thinker | Role::Verifier, _) => {}
                }
            }
            if accepted.is_some() {
                return accepted;
            }
            at += together;
        }
        None
    }
}

impl<M: Mind> Policy for Planned<M> {
    fn play(&mut self, task: &Task, table: &mut Table<'_>) -> Result<Seen> {
        self.mind.begin(task)?;
        let mut need = need(task, &self.verifier);
        let mut answer = None;
        for number in 0..PLANS {
            let Some(steps) = self.plan(task, &need, table.seen(), number > 0)? else { break };
            answer = self.execute(&steps, &mut need, table);
            if answer.is_some() {
                break;
            }
        }
        if table.seen().is_empty() {
            table.call(self.cheapest);
        }
        // Nobody was accepted: the strongest of them may be right all the same.
        let strength = |seen: &&Seen| self.pool[seen.worker].supposed();
        let strongest = table.seen().iter().max_by(|a, b| strength(a).total_cmp(&strength(b))).copied();
        let answer = answer.or(strongest).ok_or_else(|| anyhow!("task {}: nobody was called", task.id))?;
        self.mind.end(table.seen());
        Ok(answer)
    }
}
