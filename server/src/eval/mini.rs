//! Tier mini on the bench: the decision itself is [`crate::conductor::mini`]; here it is told what a recording knows.
//!
//! A worker's declared strength is its success on the training set, a call's price its mean cost there. Similar tasks come from the
//! training set, and from earlier test tasks with what the verifier said of them. Time is not recorded: every call is taken to last as
//! long as mini supposes of a model that it does not know. Thinking aloud is left out, for what would come of it is not
//! recorded, and nobody is called twice for a task, for the same answer would come again.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::policies::Policy;
use super::recorded::{Kind, Recording, Task};
use super::replay::{Seen, Table};
use crate::conductor::mini::{self, Need};
use crate::conductor::{NEAREST, opening};
use crate::ledger::Neighbour;
use crate::pool::Facts;
use crate::task::Goal;

/// The conductor, and what it learned so far.
pub struct Mini {
    pool: Vec<Facts>,
    cheapest: usize,
    /// By task.
    vectors: BTreeMap<String, Vec<f32>>,
    past: Vec<Past>,
    unwilling: usize,
}

/// A task that was done.
struct Past {
    vector: Vec<f32>,
    attempts: Vec<Attempt>,
}

/// What the record of a run would have of a step.
struct Attempt {
    worker: usize,
    solved: bool,
    usd: f64,
    after: u32,
}

/// What the encoder reads of a task.
pub fn described(task: &Task) -> String {
    format!("{} {}\n", opening(goal(task)), task.text)
}

fn goal(task: &Task) -> Goal {
    match task.kind {
        Kind::Fix => Goal::Fix,
        Kind::Write => Goal::Edit,
    }
}

impl Mini {
    /// `vectors` are of every task of both sets, by their names.
    pub fn new(train: &Recording<bool>, vectors: BTreeMap<String, Vec<f32>>) -> Result<Self> {
        let fact = |worker: usize| mini::priced(&train.workers[worker], train.success(worker), train.usd(worker));
        let pool = (0..train.workers.len()).map(fact).collect();
        let mut mini = Self { pool, cheapest: train.cheapest(), vectors, past: Vec::new(), unwilling: 0 };
        for (at, task) in train.tasks.iter().enumerate() {
            let attempts = (0..train.workers.len()).map(|worker| {
                let outcome = train.outcome(at, worker);
                // Everybody was given every task, so nobody was given it for another's failure.
                Attempt { worker, solved: outcome.solved, usd: outcome.usd, after: 0 }
            });
            let vector = mini.vector(task)?;
            mini.past.push(Past { vector, attempts: attempts.collect() });
        }
        Ok(mini)
    }

    /// For how many tasks it would have asked nobody. The cheapest was called for them: without a call there is no answer to score.
    pub fn unwilling(&self) -> usize {
        self.unwilling
    }

    fn vector(&self, task: &Task) -> Result<Vec<f32>> {
        self.vectors.get(&task.id).cloned().with_context(|| format!("task {} was not embedded", task.id))
    }

    /// What workers did with the past tasks that resemble this one most, as the ledger tells it.
    fn neighbours(&self, vector: &[f32]) -> Vec<Neighbour> {
        let cosine = |past: &Past| f64::from(past.vector.iter().zip(vector).map(|(x, y)| x * y).sum::<f32>());
        let mut nearest: Vec<(f64, &Past)> = self.past.iter().map(|past| (cosine(past), past)).collect();
        nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
        nearest.truncate(NEAREST);
        let of = |(cosine, past): &(f64, &Past)| {
            let neighbour = |attempt: &Attempt| Neighbour {
                cosine: *cosine,
                worker: self.pool[attempt.worker].name.clone(),
                solved: attempt.solved,
                after: attempt.after,
                usd: attempt.usd,
                ms: 1000.0 * mini::MODEL_SECONDS,
            };
            past.attempts.iter().map(neighbour).collect::<Vec<_>>()
        };
        nearest.iter().flat_map(of).collect()
    }

    /// Whom to ask next, who was not asked yet.
    fn next(&self, need: &Need, neighbours: &[Neighbour]) -> Option<usize> {
        let ranked = mini::rank(&self.pool, need, neighbours);
        let fresh = ranked.into_iter().find(|choice| !need.failed.contains(&choice.worker))?;
        self.pool.iter().position(|facts| facts.name == fresh.worker)
    }

    /// Of those who were refused the one most likely to be right all the same.
    fn strongest(&self, refused: &[Seen], need: &Need, neighbours: &[Neighbour]) -> Option<Seen> {
        let asked: Vec<Facts> = refused.iter().map(|seen| self.pool[seen.worker].clone()).collect();
        let need = Need { failed: Vec::new(), turns_left: 1, ..need.clone() };
        let strongest = mini::rank(&asked, &need, neighbours).into_iter().next()?;
        refused.iter().find(|seen| self.pool[seen.worker].name == strongest.worker).copied()
    }
}

impl Policy for Mini {
    fn play(&mut self, task: &Task, table: &mut Table<'_>) -> Result<Seen> {
        let vector = self.vector(task)?;
        let neighbours = self.neighbours(&vector);
        let mut need = Need {
            goal: goal(task),
            failing_tests: goal(task) == Goal::Fix,
            judged: true,
            tools_may_know: false,
            prompt_tokens: 0,
            failed: Vec::new(),
            thoughts: 1,
            turns_left: mini::MAX_TURNS,
            usd_left: f64::INFINITY,
        };
        let mut answer = None;
        while let Some(worker) = self.next(&need, &neighbours) {
            let seen = table.call(worker);
            if seen.accepted {
                answer = Some(seen);
                break;
            }
            need.failed.push(self.pool[worker].name.clone());
            need.turns_left -= 1;
        }
        let refused = table.seen();
        let answer = match answer.or_else(|| self.strongest(refused, &need, &neighbours)).or(refused.last().copied()) {
            Some(answer) => answer,
            None => {
                self.unwilling += 1;
                table.call(self.cheapest)
            }
        };
        let attempts = table.seen().iter().zip(0..).map(|(seen, after)| {
            // All before the last one were refused.
            Attempt { worker: seen.worker, solved: seen.accepted, usd: seen.usd, after }
        });
        self.past.push(Past { vector, attempts: attempts.collect() });
        Ok(answer)
    }
}
