//! What tier mini knows today: declared strengths corrected by similar tasks, which come from the training set, and from
//! earlier test tasks with what the verifier said of them.

use anyhow::Result;

use super::conducted::{Mind, pool};
use super::recorded::{Recording, Task};
use super::replay::Seen;
use super::texts::Vectors;
use crate::conductor::NEAREST;
use crate::conductor::mini::{self, Choice, Need};
use crate::ledger::Neighbour;
use crate::pool::Facts;

/// The workers, what was done before, and what of it resembles the task at hand.
pub struct Similar {
    pool: Vec<Facts>,
    vectors: Vectors,
    past: Vec<Past>,
    vector: Vec<f32>,
    neighbours: Vec<Neighbour>,
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

impl Similar {
    /// With everything that the training set knows.
    pub fn new(train: &Recording<bool>, vectors: Vectors) -> Result<Self> {
        let mut past = Vec::new();
        for (at, task) in train.tasks.iter().enumerate() {
            let attempts = (0..train.workers.len()).map(|worker| {
                let outcome = train.outcome(at, worker);
                // Everybody was given every task, so nobody was given it for another's failure.
                Attempt { worker, solved: outcome.solved, usd: outcome.usd, after: 0 }
            });
            past.push(Past { vector: vectors.of(task)?.to_vec(), attempts: attempts.collect() });
        }
        Ok(Self { pool: pool(train), vectors, past, vector: Vec::new(), neighbours: Vec::new() })
    }

    /// What workers did with the past tasks that resemble this one most, as the ledger tells it.
    fn neighbours(&self) -> Vec<Neighbour> {
        let cosine = |past: &Past| f64::from(past.vector.iter().zip(&self.vector).map(|(x, y)| x * y).sum::<f32>());
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
}

impl Mind for Similar {
    fn begin(&mut self, task: &Task) -> Result<()> {
        self.vector = self.vectors.of(task)?.to_vec();
        self.neighbours = self.neighbours();
        Ok(())
    }

    fn rank(&self, need: &Need) -> Vec<Choice> {
        mini::rank(&self.pool, need, &self.neighbours)
    }

    fn end(&mut self, seen: &[Seen]) {
        let attempts = seen.iter().zip(0..);
        let attempts =
            attempts.map(|(seen, after)| Attempt { worker: seen.worker, solved: seen.accepted, usd: seen.usd, after });
        self.past.push(Past { vector: std::mem::take(&mut self.vector), attempts: attempts.collect() });
    }
}
