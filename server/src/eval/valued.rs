//! Tier mini's decision with other figures: in place of declared strengths corrected by similar tasks, the chances that
//! [`super::value`] gives. A refusal changes them for everybody, so the decision is not told of it a second time. It learns from
//! the training set alone.

use anyhow::Result;

use super::conducted::{Mind, pool};
use super::recorded::{Recording, Task};
use super::ridge::Ridge;
use super::texts::Vectors;
use super::value::{Able, Belief, explain};
use crate::conductor::mini::{self, Choice, Need};
use crate::pool::Facts;

/// The workers, and what is believed of the task at hand.
pub struct Valued {
    pool: Vec<Facts>,
    able: Vec<Able>,
    ridge: Ridge,
    vectors: Vectors,
    /// The shares of right and of wrong answers that the verifier refuses.
    refusals: (f64, f64),
    belief: Option<Belief>,
}

impl Valued {
    /// Fits the model.
    pub fn new(train: &Recording<bool>, vectors: Vectors) -> Result<Self> {
        let outcomes = |task: usize| (0..train.workers.len()).map(move |worker| train.outcome(task, worker));
        let solved = |task: usize| outcomes(task).map(|outcome| outcome.solved).collect();
        let solved: Vec<Vec<bool>> = (0..train.tasks.len()).map(solved).collect();
        let (able, difficulties) = explain(&solved);
        let read: Result<Vec<Vec<f32>>> = train.tasks.iter().map(|task| Ok(vectors.of(task)?.to_vec())).collect();
        let ridge = Ridge::fit(&read?, &difficulties);
        let refused = |right: bool| {
            let all = (0..train.tasks.len()).flat_map(outcomes).filter(|outcome| outcome.solved == right);
            let (refused, all) =
                all.fold((0.5, 1.0), |(no, all), outcome| (no + f64::from(u8::from(!outcome.accepted)), all + 1.0));
            refused / all
        };
        Ok(Self { pool: pool(train), able, ridge, vectors, refusals: (refused(true), refused(false)), belief: None })
    }
}

impl Mind for Valued {
    fn begin(&mut self, task: &Task) -> Result<()> {
        self.belief = Some(Belief::read(&self.ridge, self.vectors.of(task)?));
        Ok(())
    }

    fn rank(&self, need: &Need) -> Vec<Choice> {
        let Some(belief) = &self.belief else { return Vec::new() };
        let facts = |(facts, able): (&Facts, &Able)| Facts { strength: belief.chance(*able), ..facts.clone() };
        let pool: Vec<Facts> = self.pool.iter().zip(&self.able).map(facts).collect();
        mini::rank(&pool, &Need { failed: Vec::new(), ..need.clone() }, &[])
    }

    fn refused(&mut self, worker: usize) {
        if let Some(belief) = &mut self.belief {
            belief.refused(self.able[worker], self.refusals.0, self.refusals.1);
        }
    }
}
