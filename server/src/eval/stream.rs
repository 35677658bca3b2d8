//! What tier mini makes of a pool that changes while it works: a worker of which nothing is known joins, one leaves, or one
//! becomes worse and nobody says so. Beside it the same decision is played by who knows of the change in advance.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::conducted::Conducted;
use super::headed::Headed;
use super::measure::Measured;
use super::recorded::{Hidden, Recording, Split};
use super::replay::{Decision, play};
use super::score::{Scored, score};
use super::texts::Vectors;
use crate::conductor::heads::Heads;

/// So many tasks together show how a worker is used.
const WINDOW: usize = 20;
/// A worker is used as it should be where its calls differ from those of who knows by no more than this share, of all tasks.
const NEAR: f64 = 0.1;

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The worker is new: of it nothing is known, and before it was not there.
    Joins,
    /// The worker is there no more.
    Leaves,
    /// The worker answers as the cheapest one does, at its own price.
    Degrades,
}

impl Change {
    /// By its name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "joins" => Self::Joins,
            "leaves" => Self::Leaves,
            "degrades" => Self::Degrades,
            _ => bail!("there is no change `{name}`; there are joins, leaves and degrades"),
        })
    }
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What changes.
    pub change: Change,
    /// Of whom, by its place.
    pub worker: usize,
    /// Before which test task.
    pub at: usize,
    /// The strength that is declared of who joins, if any.
    pub declared: Option<f64>,
    /// The share of cost for trying workers out.
    pub exploration: f64,
    /// One play for each.
    pub seeds: Vec<u64>,
    /// Whose word acceptance is.
    pub verifier: String,
}

/// What came of it, from the change on.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Right answers, less those of who knows, over all seeds.
    pub right: Measured,
    /// Cost, less that of who knows, in the cost of who knows.
    pub cost: f64,
    /// For each seed: tasks until the worker is used as who knows uses it; `None`: never.
    pub until: Vec<Option<usize>>,
    /// Calls of the worker a task, of the learner and of who knows.
    pub calls: (f64, f64),
    /// How evenly first calls go to workers, in bits, of the learner and of who knows; 0 where all go to one.
    pub entropy: (f64, f64),
}

/// Plays the scene.
pub fn tell(split: &Split, vectors: &Vectors, heads: &Arc<Heads>, scene: &Scene) -> Result<Story> {
    let Scene { change, worker, at, .. } = *scene;
    if at >= split.test.tasks.len() {
        bail!("there are {} test tasks, so nothing can change before task {at}", split.test.tasks.len());
    }
    let (train, whole) = (&split.train, || Headed::new(&split.train, vectors.clone(), heads.clone(), &scene.verifier));
    let changed;
    let (test, knowing) = match change {
        Change::Joins => (&split.test, whole()?.without(worker, 0..at)),
        Change::Leaves => (&split.test, whole()?.without(worker, 0..usize::MAX)),
        Change::Degrades => {
            changed = split.test.degraded(worker, train.cheapest(), at);
            let told = train.degraded(worker, train.cheapest(), 0);
            (&changed, Headed::new(&told, vectors.clone(), heads.clone(), &scene.verifier)?)
        }
    };
    let name = train.workers[worker].as_str();
    let known = played(knowing, split, test, scene)?;
    let (mut right, mut usd, mut until, mut calls, mut entropies) = (Vec::new(), Vec::new(), Vec::new(), 0.0, 0.0);
    for seed in &scene.seeds {
        let learner = match change {
            Change::Joins => {
                let unknown = (worker, scene.declared);
                let new = Headed::not_knowing(train, vectors.clone(), heads.clone(), &scene.verifier, unknown)?;
                new.without(worker, 0..at)
            }
            Change::Leaves => whole()?.without(worker, at..usize::MAX),
            Change::Degrades => whole()?,
        };
        let learned = played(learner.exploring(scene.exploration, *seed), split, test, scene)?;
        right.extend(learned.scored.iter().zip(&known.scored).map(|(own, other)| own.right - other.right));
        usd.extend(learned.scored.iter().zip(&known.scored).map(|(own, other)| own.usd - other.usd));
        let (own, other) = (used(&learned.decisions, name), used(&known.decisions, name));
        until.push(settles(&own, &other));
        calls += mean(&own) / scene.seeds.len() as f64;
        entropies += entropy(&learned.decisions) / scene.seeds.len() as f64;
    }
    let paid = mean(&known.scored.iter().map(|scored| scored.usd).collect::<Vec<_>>());
    Ok(Story {
        right: Measured::of(&right),
        cost: mean(&usd) / paid,
        until,
        calls: (calls, mean(&used(&known.decisions, name))),
        entropy: (entropies, entropy(&known.decisions)),
    })
}

/// Whom mini asks first most often, with everything known: of equals the first by name.
pub fn favourite(split: &Split, vectors: &Vectors, heads: &Arc<Heads>, verifier: &str) -> Result<usize> {
    let mind = Headed::new(&split.train, vectors.clone(), heads.clone(), verifier)?;
    let decisions = play(&mut Conducted::by(mind, &split.train, verifier), &split.test)?;
    let firsts = |worker: &String| decisions.iter().filter(|decision| decision.calls[0] == *worker).count();
    let most = split.train.workers.iter().map(firsts).enumerate().max_by_key(|(at, firsts)| (*firsts, usize::MAX - at));
    Ok(most.map_or(0, |(at, _)| at))
}

/// From the change on.
struct Played {
    decisions: Vec<Decision>,
    scored: Vec<Scored>,
}

fn played(mind: Headed, split: &Split, test: &Recording<Hidden>, scene: &Scene) -> Result<Played> {
    let mut decisions = play(&mut Conducted::by(mind, &split.train, &scene.verifier), test)?;
    let mut scored = score(&decisions, test)?;
    Ok(Played { decisions: decisions.split_off(scene.at), scored: scored.split_off(scene.at) })
}

/// For each task, 1 where this worker was called.
fn used(decisions: &[Decision], worker: &str) -> Vec<f64> {
    decisions.iter().map(|decision| f64::from(u8::from(decision.calls.iter().any(|name| name == worker)))).collect()
}

/// After how many tasks a window begins from which on, on the whole, the worker is called as often as by who knows.
fn settles(own: &[f64], other: &[f64]) -> Option<usize> {
    let ends = own.len().saturating_sub(WINDOW);
    (0..=ends).find(|from| {
        let difference = |to: usize| (mean(&own[*from..to]) - mean(&other[*from..to])).abs();
        difference((from + WINDOW).min(own.len())) <= NEAR && difference(own.len()) <= NEAR
    })
}

fn entropy(decisions: &[Decision]) -> f64 {
    let mut firsts: BTreeMap<&str, f64> = BTreeMap::new();
    for decision in decisions {
        *firsts.entry(&decision.calls[0]).or_default() += 1.0 / decisions.len() as f64;
    }
    -firsts.values().map(|share| share * share.log2()).sum::<f64>() + 0.0
}

fn mean(of: &[f64]) -> f64 {
    super::measure::mean(of)
}

impl Story {
    /// In lines.
    pub fn text(&self) -> String {
        let mut until: Vec<usize> = self.until.iter().flatten().copied().collect();
        until.sort_unstable();
        let never = self.until.len() - until.len();
        let median = until.get(self.until.len() / 2);
        let settled = match median {
            Some(tasks) => format!("{tasks} tasks (median of {} plays; {never} never)", self.until.len()),
            None => format!("never in {never} of {} plays", self.until.len()),
        };
        format!(
            "right answers less those of who knows: {:+.1} points ({:+.1} to {:+.1}); cost {:+.1} %\n\
             used as by who knows after {settled}; called for {:.0} % of tasks, by who knows for {:.0} %\n\
             first calls: {:.2} bits, of who knows {:.2}\n",
            100.0 * self.right.mean,
            100.0 * self.right.low,
            100.0 * self.right.high,
            100.0 * self.cost,
            100.0 * self.calls.0,
            100.0 * self.calls.1,
            self.entropy.0,
            self.entropy.1
        )
    }
}

#[cfg(test)]
mod tests;
