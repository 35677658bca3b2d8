//! From what workers did to what they can do: past tasks in the order of time, each result weighed by how much its task
//! resembles the one at hand, and by how many results came after it.

use std::collections::BTreeMap;

use super::able::{Able, Result};
use super::belief::Belief;
use super::declared::Declared;
use super::telling::{Sort, Telling};
use super::watch::Watch;
use super::{Heads, Reliability};
use crate::conductor::mini::ATTEMPTS;

/// How much a result counts where the task was in another language, and where another kind of answer was wanted.
const OTHER_LANGUAGE: f64 = 0.5;
const OTHER_KIND: f64 = 0.5;

/// A past task, and what workers did with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Its words.
    pub telling: Telling,
    /// Who tried it.
    pub attempts: Vec<Attempt>,
}

/// What one worker did.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its name.
    pub worker: String,
    /// Whether what it made was accepted.
    pub accepted: bool,
    /// By whom.
    pub verifier: Reliability,
    /// How often it had failed at the same task before it began.
    pub again: u32,
}

/// Past tasks, the oldest first, with what their words tell.
#[derive(Debug, Clone, Default)]
pub struct Record {
    tasks: Vec<(Past, Belief)>,
}

impl Record {
    /// Adds the newest.
    pub fn push(&mut self, past: Past, heads: &Heads) {
        let belief = heads.difficulty.read(&past.telling, 1.0);
        self.tasks.push((past, belief));
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// What the workers can do with a task like this one: those of the pool, and those of which there are results.
    pub fn able(&self, task: &Telling, heads: &Heads, declared: &Declared) -> BTreeMap<String, Able> {
        let mut able = self.learn(heads, declared, |past| weight(past, task, heads)).0;
        let known: BTreeMap<&str, Able> = able.iter().map(|(name, able)| (name.as_str(), *able)).collect();
        let others = declared.names().filter(|name| !known.contains_key(name.as_str()));
        let others: Vec<_> = others.map(|name| (name.clone(), declared.begin(name, heads, &known))).collect();
        able.extend(others);
        able
    }

    /// What those workers can do of which there are results, and what was learned of each task's difficulty.
    pub fn learn(
        &self,
        heads: &Heads,
        declared: &Declared,
        weight: impl Fn(&Telling) -> f64,
    ) -> (BTreeMap<String, Able>, Vec<Belief>) {
        let keep = 0.5f64.powf(1.0 / heads.beginning.half_life);
        let mut beginnings: BTreeMap<&str, Able> = BTreeMap::new();
        let mut able: BTreeMap<&str, Able> = BTreeMap::new();
        let mut watches: BTreeMap<&str, Watch> = BTreeMap::new();
        let mut difficulties = Vec::new();
        for (past, belief) in &self.tasks {
            let weight = weight(&past.telling);
            let mut whole = belief.clone();
            for attempt in &past.attempts {
                let name = attempt.worker.as_str();
                let begins = beginnings.entry(name).or_insert_with(|| declared.begin(name, heads, &able));
                let known = able.entry(name).or_insert(*begins);
                whole.learn(known, attempt.harder(heads), attempt.verifier, attempt.accepted, 1.0);
            }
            for attempt in &past.attempts {
                let (Some(begins), Some(known)) =
                    (beginnings.get(attempt.worker.as_str()), able.get_mut(attempt.worker.as_str()))
                else {
                    continue;
                };
                let harder = attempt.harder(heads);
                // By what the others say of the task; its own word would count twice.
                let others = whole.without(known, harder, attempt.verifier, attempt.accepted);
                let (accepted, verifier) = (attempt.accepted, attempt.verifier);
                known.forget(begins, 1.0 - (1.0 - keep) * weight);
                let expected = verifier.likelihood(others.chance(known, harder), true);
                let watch = watches.entry(attempt.worker.as_str()).or_default();
                watch.learn(known, begins, expected, &others, Result { accepted, verifier, harder, weight });
            }
            difficulties.push(whole);
        }
        (able.into_iter().map(|(name, able)| (name.to_owned(), able)).collect(), difficulties)
    }

    /// The tasks' words.
    pub fn tellings(&self) -> impl Iterator<Item = (&Telling, &Belief)> {
        self.tasks.iter().map(|(past, belief)| (&past.telling, belief))
    }
}

impl Attempt {
    fn harder(&self, heads: &Heads) -> f64 {
        heads.beginning.again * f64::from(self.again.min(ATTEMPTS as u32))
    }
}

/// How much what was done with a past task says of this one.
fn weight(past: &Telling, task: &Telling, heads: &Heads) -> f64 {
    let alike = match past.vector.len() == task.vector.len() {
        true => past.vector.iter().zip(&task.vector).map(|(x, y)| f64::from(x * y)).sum::<f64>().clamp(0.0, 1.0),
        false => 0.0,
    };
    let elsewhere = heads.beginning.elsewhere;
    let Sort { goal, language } = &task.sort;
    let same = |same: bool, other: f64| if same { 1.0 } else { other };
    (elsewhere + (1.0 - elsewhere) * alike * alike)
        * same(past.sort.goal == *goal, OTHER_KIND)
        * same(past.sort.language == *language, OTHER_LANGUAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conductor::dice::Dice;
    use crate::task::Goal;

    fn telling(vector: [f32; 2], language: &str) -> Telling {
        Telling { vector: vector.into(), facts: None, sort: Sort { goal: Goal::Fix, language: language.into() } }
    }

    fn heads() -> Heads {
        (*Heads::shipped()).clone()
    }

    fn past(vector: [f32; 2], language: &str, attempts: &[(&str, bool)]) -> Past {
        let attempt = |(worker, accepted): &(&str, bool)| Attempt {
            worker: (*worker).into(),
            accepted: *accepted,
            verifier: Reliability { right: 0.98, wrong: 0.1 },
            again: 0,
        };
        Past { telling: telling(vector, language), attempts: attempts.iter().map(attempt).collect() }
    }

    fn chance(record: &Record, worker: &str, task: &Telling) -> f64 {
        let heads = heads();
        let able = record.able(task, &heads, &Declared::default());
        heads.anything().chance(&able[worker], 0.0)
    }

    #[test]
    fn what_was_done_with_tasks_like_it_says_most() {
        let heads = heads();
        let mut record = Record::default();
        for _ in 0..20 {
            record.push(past([1.0, 0.0], "python", &[("w", true)]), &heads);
            record.push(past([0.0, 1.0], "python", &[("w", false)]), &heads);
        }
        let (like, unlike) = (telling([1.0, 0.0], "python"), telling([0.0, 1.0], "python"));
        assert!(chance(&record, "w", &like) > 0.6 && chance(&record, "w", &unlike) < 0.4);
        let mut python = Record::default();
        (0..20).for_each(|_| python.push(past([1.0, 0.0], "python", &[("w", true)]), &heads));
        let elsewhere = chance(&python, "w", &telling([1.0, 0.0], "rust"));
        assert!(elsewhere > 0.55 && elsewhere < chance(&python, "w", &like), "another language says less");
    }

    #[test]
    fn solving_what_everybody_solves_says_less_than_solving_what_nobody_else_does() {
        let heads = heads();
        let (mut easy, mut hard) = (Record::default(), Record::default());
        for _ in 0..10 {
            let others = |accepted| [("a", accepted), ("b", accepted), ("c", accepted), ("w", true)];
            easy.push(past([1.0, 0.0], "python", &others(true)), &heads);
            hard.push(past([1.0, 0.0], "python", &others(false)), &heads);
        }
        let task = telling([1.0, 0.0], "python");
        assert!(chance(&hard, "w", &task) > chance(&easy, "w", &task));
        assert!(chance(&hard, "a", &task) < 0.3);
        let (_, difficulties) = hard.learn(&heads, &Declared::default(), |_| 1.0);
        assert!(difficulties[9].moments().0 > heads.difficulty.mean + 0.5);
    }

    #[test]
    fn a_worker_that_changed_is_found_out() {
        let heads = heads();
        let (mut record, mut dice) = (Record::default(), Dice::of(4));
        let task = telling([1.0, 0.0], "python");
        for _ in 0..200 {
            record.push(past([1.0, 0.0], "python", &[("w", dice.share() < 0.9)]), &heads);
        }
        let before = chance(&record, "w", &task);
        for _ in 0..25 {
            record.push(past([1.0, 0.0], "python", &[("w", dice.share() < 0.2)]), &heads);
        }
        let after = chance(&record, "w", &task);
        assert!(before > 0.8 && after < 0.5, "{before} {after}");
    }
}
