//! Tier mini as users have it, on the bench: heads, and a record of what workers did, which begins with the training set and
//! goes on with what the verifier says of test tasks. Workers may come and go meanwhile.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;

use super::conducted::{Mind, need, pool, told};
use super::recorded::{Recording, Task};
use super::replay::Seen;
use super::texts::Vectors;
use crate::conductor::NEAREST;
use crate::conductor::dice::Dice;
use crate::conductor::heads::declared::Declared;
use crate::conductor::heads::record::{Attempt, Past, Record};
use crate::conductor::heads::telling::Telling;
use crate::conductor::heads::{Heads, Reliability};
use crate::conductor::mini::{self, Choice, Known, Need, Stakes};
use crate::ledger::Neighbour;
use crate::pool::Facts;

/// What the conductor of users knows.
pub struct Headed {
    heads: Arc<Heads>,
    pool: Vec<Facts>,
    /// Whose word acceptance is, by the name of its column.
    verifier: String,
    /// Who is not there while these test tasks are played.
    absent: Vec<(usize, Range<usize>)>,
    vectors: Vectors,
    record: Record,
    /// What was paid, for the same tasks.
    paid: Vec<Paid>,
    exploration: f64,
    dice: Dice,
    /// How many test tasks have been played.
    played: usize,
    present: Vec<Facts>,
    telling: Option<Telling>,
    known: Known,
}

/// What calls for a task cost.
struct Paid {
    vector: Vec<f32>,
    calls: Vec<(usize, bool, f64)>,
}

impl Headed {
    /// With everything that the training set knows.
    pub fn new(train: &Recording<bool>, vectors: Vectors, heads: Arc<Heads>, verifier: &str) -> Result<Self> {
        Self::of_history(train, vectors, heads, verifier, None)
    }

    /// As [`Headed::new`], but of this worker nothing is known, and this strength is declared of it.
    pub fn not_knowing(
        train: &Recording<bool>,
        vectors: Vectors,
        heads: Arc<Heads>,
        verifier: &str,
        (worker, strength): (usize, Option<f64>),
    ) -> Result<Self> {
        Self::of_history(train, vectors, heads, verifier, Some((worker, strength)))
    }

    fn of_history(
        train: &Recording<bool>,
        vectors: Vectors,
        heads: Arc<Heads>,
        verifier: &str,
        unknown: Option<(usize, Option<f64>)>,
    ) -> Result<Self> {
        let mut pool = pool(train);
        if let Some((worker, strength)) = unknown {
            pool[worker].strength = strength;
        }
        let known = Known { heads: heads.clone(), ..Known::default() };
        let mut headed = Self {
            present: pool.clone(),
            heads,
            pool,
            verifier: verifier.to_owned(),
            absent: Vec::new(),
            vectors,
            record: Record::default(),
            paid: Vec::new(),
            exploration: 0.0,
            dice: Dice::of(0),
            played: 0,
            telling: None,
            known,
        };
        for (at, task) in train.tasks.iter().enumerate() {
            let others = (0..train.workers.len()).filter(|worker| unknown.is_none_or(|(of, _)| of != *worker));
            let calls: Vec<(usize, bool, f64)> = others
                .map(|worker| (worker, train.outcome(at, worker).solved, train.outcome(at, worker).usd))
                .collect();
            let telling = told(task, &headed.vectors)?;
            headed.remember(telling, &calls, Reliability::TRUTH);
        }
        Ok(headed)
    }

    /// Trying workers out for this share of what calls cost, by chance of this seed.
    pub fn exploring(self, exploration: f64, seed: u64) -> Self {
        Self { exploration, dice: Dice::of(seed), ..self }
    }

    /// Without this worker while these test tasks are played.
    pub fn without(mut self, worker: usize, tasks: Range<usize>) -> Self {
        self.absent.push((worker, tasks));
        self
    }

    /// What is known of the task that was taken up, and who can be asked.
    pub fn known(&self) -> (&Known, &[Facts]) {
        (&self.known, &self.present)
    }

    /// What is known of all workers at a task that resembles none.
    pub fn placed(&self) -> BTreeMap<String, f64> {
        let (able, _) = self.record.learn(&self.heads, &Declared::of(&self.pool), |_| 1.0);
        let ordinary = self.heads.anything();
        able.into_iter().map(|(name, able)| (name, ordinary.chance(&able, 0.0))).collect()
    }

    fn remember(&mut self, telling: Telling, calls: &[(usize, bool, f64)], verifier: Reliability) {
        let attempt = |(worker, accepted, _): &(usize, bool, f64)| Attempt {
            worker: self.pool[*worker].name.clone(),
            accepted: *accepted,
            verifier,
            again: 0,
        };
        self.paid.push(Paid { vector: telling.vector.clone(), calls: calls.to_vec() });
        let attempts = calls.iter().map(attempt).collect();
        self.record.push(Past { telling, attempts }, &self.heads);
    }

    /// What workers did with the past tasks that resemble this one most, as the ledger tells it.
    fn neighbours(&self, vector: &[f32]) -> Vec<Neighbour> {
        let cosine = |paid: &Paid| f64::from(paid.vector.iter().zip(vector).map(|(x, y)| x * y).sum::<f32>());
        let mut nearest: Vec<(f64, &Paid)> = self.paid.iter().map(|paid| (cosine(paid), paid)).collect();
        nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
        nearest.truncate(NEAREST);
        let of = |(cosine, paid): &(f64, &Paid)| {
            let neighbour = |(after, (worker, solved, usd)): (u32, &(usize, bool, f64))| Neighbour {
                cosine: *cosine,
                worker: self.pool[*worker].name.clone(),
                solved: *solved,
                after,
                usd: *usd,
                ms: 1000.0 * mini::MODEL_SECONDS,
            };
            (0..).zip(&paid.calls).map(neighbour).collect::<Vec<_>>()
        };
        nearest.iter().flat_map(of).collect()
    }
}

impl Mind for Headed {
    fn begin(&mut self, task: &Task) -> Result<()> {
        let telling = told(task, &self.vectors)?;
        let gone = |worker: &usize| self.absent.iter().any(|(of, tasks)| of == worker && tasks.contains(&self.played));
        self.present = (0..self.pool.len()).filter(|worker| !gone(worker)).map(|at| self.pool[at].clone()).collect();
        self.known = Known {
            heads: self.heads.clone(),
            belief: self.heads.difficulty.read(&telling, self.heads.policy.wider),
            able: self.record.able(&telling, &self.heads, &Declared::of(&self.present)),
            neighbours: self.neighbours(&telling.vector),
        };
        self.telling = Some(telling);
        Ok(())
    }

    fn rank(&mut self, need: &Need) -> Vec<Choice> {
        let mut choices = mini::rank(&self.present, need, &self.known);
        if need.turns_left == mini::MAX_TURNS {
            let tried = mini::tried_out(&self.present, need, &self.known, self.exploration, &mut self.dice);
            choices.splice(0..0, tried);
        }
        choices
    }

    fn stakes(&self, need: &Need) -> Stakes {
        mini::stakes(&self.present, need, &self.known)
    }

    fn end(&mut self, seen: &[Seen]) {
        self.played += 1;
        let calls: Vec<_> = seen.iter().map(|seen| (seen.worker, seen.accepted, seen.usd)).collect();
        let verifier = self.heads.verifier(&self.verifier);
        if let Some(telling) = self.telling.take() {
            self.remember(telling, &calls, verifier);
        }
    }
}

/// What each call for a task is expected to cost by what is known of it, in US dollars, in the order of the pool.
pub fn prices(task: &Task, headed: &Headed) -> Vec<f64> {
    let (known, pool) = headed.known();
    mini::prices(pool, &need(task, &headed.verifier), known)
}
