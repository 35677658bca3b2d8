//! Policies that need no conductor: what any conductor must be compared with.

use anyhow::{Result, bail};

use super::recorded::{Recording, Task};
use super::replay::{Seen, Table};
use crate::conductor::dice::Dice;

/// Most workers of a static cascade that is searched for.
const LONGEST: usize = 3;

/// Decides about one task after the other.
pub trait Policy {
    /// Calls workers and says whose answer is given. What it saw of this task it may use for later ones.
    fn play(&mut self, task: &Task, table: &mut Table<'_>) -> Result<Seen>;
}

/// The policy of this name, but for those of [`super::conducted`], which need an encoder.
pub fn named(name: &str, train: &Recording<bool>) -> Result<Box<dyn Policy>> {
    Ok(match name {
        "single" => Box::new(Cascade(vec![train.best()])),
        "cheapest" => Box::new(Cascade(vec![train.cheapest()])),
        "random" => Box::new(Random { dice: Dice::of(0), workers: train.workers.len() }),
        "fanout" => Box::new(Fanout::of(train)),
        "best-of-3" => bail!(
            "the recording has one try of each worker at each task, so what best-of-3 of one worker does is not known; \
             record three tries to compare with it"
        ),
        _ => match name.strip_prefix("cascade:") {
            Some(workers) => {
                let workers = workers.split('>').map(|worker| train.worker(worker.trim()));
                Box::new(Cascade(workers.collect::<Result<_>>()?))
            }
            None => bail!(
                "there is no policy `{name}`; there are mini, single, cheapest, random, cascade:A>B>C, fanout and best-of-3"
            ),
        },
    })
}

/// One after the other until the verifier accepts; if it never does, the last one's answer.
pub struct Cascade(pub Vec<usize>);

impl Policy for Cascade {
    fn play(&mut self, _: &Task, table: &mut Table<'_>) -> Result<Seen> {
        let mut last = None;
        for worker in &self.0 {
            let seen = table.call(*worker);
            if seen.accepted {
                return Ok(seen);
            }
            last = Some(seen);
        }
        last.map_or_else(|| bail!("a cascade needs a worker"), Ok)
    }
}

/// Anybody, one call.
struct Random {
    dice: Dice,
    workers: usize,
}

impl Policy for Random {
    fn play(&mut self, _: &Task, table: &mut Table<'_>) -> Result<Seen> {
        Ok(table.call(self.dice.below(self.workers)))
    }
}

/// Everybody at once, as a mixture of agents does it: the answer is that of the strongest whom the verifier accepts, else of the
/// strongest. What an aggregator would make of all answers is not recorded.
pub struct Fanout {
    order: Vec<usize>,
}

impl Fanout {
    /// Of everybody.
    pub fn of(train: &Recording<bool>) -> Self {
        Self { order: strongest_first(train) }
    }
}

impl Policy for Fanout {
    fn play(&mut self, _: &Task, table: &mut Table<'_>) -> Result<Seen> {
        let all: Vec<Seen> = self.order.iter().map(|worker| table.call(*worker)).collect();
        Ok(all.iter().find(|seen| seen.accepted).copied().unwrap_or(all[0]))
    }
}

fn strongest_first(train: &Recording<bool>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..train.workers.len()).collect();
    order.sort_by(|a, b| train.success(*b).total_cmp(&train.success(*a)));
    order
}

/// Of all cascades of at most three workers that cost no more than `share` of the best single worker on the training set,
/// the one that solves most of it; of equals the cheapest. The best single worker where there is none.
pub fn best_cascade(train: &Recording<bool>, share: f64) -> Vec<usize> {
    let cap = share * train.usd(train.best());
    let mut best = (f64::NEG_INFINITY, 0.0, vec![train.best()]);
    // Whoever is called first is called for every task, so a first one that is too dear has no cascade.
    let begun = (0..train.workers.len()).filter(|first| train.usd(*first) <= cap);
    let mut open: Vec<Vec<usize>> = begun.map(|first| vec![first]).collect();
    for _ in 0..LONGEST {
        for workers in &open {
            let (solved, usd) = on_training(train, workers);
            if usd <= cap && (solved > best.0 || solved == best.0 && usd < best.1) {
                best = (solved, usd, workers.clone());
            }
        }
        open = open.iter().flat_map(|workers| longer(workers, train.workers.len())).collect();
    }
    best.2
}

fn longer(workers: &[usize], all: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..all).filter(|worker| !workers.contains(worker)).map(move |worker| [workers, &[worker]].concat())
}

/// The share that a cascade solves, and its mean cost.
fn on_training(train: &Recording<bool>, workers: &[usize]) -> (f64, f64) {
    let (mut solved, mut usd) = (0, 0.0);
    for task in 0..train.tasks.len() {
        let mut cost = 0.0;
        let mut right = false;
        for worker in workers {
            let outcome = train.outcome(task, *worker);
            cost += outcome.usd;
            right = outcome.solved;
            if outcome.accepted {
                break;
            }
        }
        solved += usize::from(right);
        usd += cost;
    }
    (solved as f64 / train.tasks.len() as f64, usd / train.tasks.len() as f64)
}
