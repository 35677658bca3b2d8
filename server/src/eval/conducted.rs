//! Tier mini on the bench: the decision itself is [`crate::conductor::mini`], asked again after every refusal, as a run asks it; what
//! a recording does not hold is left out. Time is not recorded: every call is taken to last as long as mini supposes of a
//! model that it does not know. Nor is what would come of thinking aloud, and nobody is called twice for a task, for the same
//! answer would come again. A budget there is none.

use anyhow::Result;

use super::policies::Policy;
use super::recorded::{Kind, Recording, Task};
use super::replay::{Seen, Table};
use super::texts::Vectors;
use crate::conductor::heads::telling::{Sort, Telling, facts};
use crate::conductor::mini::{self, Choice, Need, Stakes};
use crate::conductor::opening;
use crate::pool::Facts;
use crate::task::Goal;

/// What a conductor knows, and how it has the decision made by that.
pub trait Mind {
    /// Takes up a task.
    fn begin(&mut self, task: &Task) -> Result<()>;
    /// Everybody that is worth asking now, the best first.
    fn rank(&mut self, need: &Need) -> Vec<Choice>;
    /// What it weighs chances and money with.
    fn stakes(&self, need: &Need) -> Stakes;
    /// What was seen of the task. All but the last were refused.
    fn end(&mut self, _seen: &[Seen]) {}
}

/// A policy by such a mind.
pub struct Conducted<M> {
    mind: M,
    workers: Vec<String>,
    verifier: String,
    cheapest: usize,
    unwilling: usize,
}

/// What the encoder reads of a task.
pub fn described(task: &Task) -> String {
    format!("{} {}\n", opening(goal(task)), task.text)
}

/// The workers as the decision takes them: of declared strengths that are their success on the training set, and calls
/// that cost as they did there.
pub fn pool(train: &Recording<bool>) -> Vec<Facts> {
    let facts = |worker: usize| mini::priced(&train.workers[worker], train.success(worker), train.usd(worker));
    (0..train.workers.len()).map(facts).collect()
}

/// What a decision about a task goes by before anybody was called.
pub fn need(task: &Task, verifier: &str) -> Need {
    Need {
        goal: goal(task),
        failing_tests: goal(task) == Goal::Fix,
        judged: true,
        verifier: verifier.to_owned(),
        tools_may_know: false,
        prompt_tokens: 0,
        failed: Vec::new(),
        unanswered: Vec::new(),
        thoughts: 1,
        turns_left: mini::MAX_TURNS,
        attempts: 1,
        usd_left: f64::INFINITY,
    }
}

/// A task's words as the heads take them.
pub fn told(task: &Task, vectors: &Vectors) -> Result<Telling> {
    let sort = Sort { goal: goal(task), language: task.language.clone() };
    Ok(Telling { vector: vectors.of(task)?.to_vec(), facts: Some(facts(&described(task))), sort })
}

fn goal(task: &Task) -> Goal {
    match task.kind {
        Kind::Fix => Goal::Fix,
        Kind::Write => Goal::Edit,
    }
}

impl<M: Mind> Conducted<M> {
    /// Of the workers of `train`, judged by this verifier.
    pub fn by(mind: M, train: &Recording<bool>, verifier: &str) -> Self {
        let (workers, verifier) = (train.workers.clone(), verifier.to_owned());
        Self { mind, workers, verifier, cheapest: train.cheapest(), unwilling: 0 }
    }

    /// For how many tasks it would have asked nobody. The cheapest was called for them: without a call there is no answer to score.
    pub fn unwilling(&self) -> usize {
        self.unwilling
    }

    /// Whoever comes first of those who were asked, or of those who were not.
    fn first(&mut self, need: &Need, seen: &[Seen], asked: bool) -> Option<usize> {
        let choices = self.mind.rank(need);
        let place = |choice: &Choice| self.workers.iter().position(|name| *name == choice.worker);
        let places: Vec<usize> = choices.iter().filter_map(place).collect();
        places.into_iter().find(|worker| seen.iter().any(|seen| seen.worker == *worker) == asked)
    }

    /// Calls one after the other; the answer, if there was a call.
    fn conduct(&mut self, need: &mut Need, table: &mut Table<'_>) -> Option<Seen> {
        while let Some(worker) = self.first(need, table.seen(), false) {
            let seen = table.call(worker);
            if seen.accepted {
                return Some(seen);
            }
            need.failed.push(self.workers[worker].clone());
            need.turns_left -= 1;
        }
        // Nobody was accepted: the one most likely to be right all the same.
        let need = Need { failed: Vec::new(), turns_left: 1, ..need.clone() };
        let strongest = self.first(&need, table.seen(), true);
        let of = |worker: usize| table.seen().iter().find(|seen| seen.worker == worker);
        strongest.and_then(of).or(table.seen().last()).copied()
    }
}

impl<M: Mind> Policy for Conducted<M> {
    fn play(&mut self, task: &Task, table: &mut Table<'_>) -> Result<Seen> {
        self.mind.begin(task)?;
        let mut need = need(task, &self.verifier);
        let answer = self.conduct(&mut need, table).unwrap_or_else(|| {
            self.unwilling += 1;
            table.call(self.cheapest)
        });
        self.mind.end(table.seen());
        Ok(answer)
    }
}
