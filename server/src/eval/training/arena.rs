//! What a policy's numbers are worth: the decision of tier mini, played on recorded tasks that the heads beside them were not
//! fitted to. Whether the verifier accepts an answer is a matter of chance, so in place of the one word that was recorded its
//! expectation is taken; decisions depend on refusals alone, so the calls until then are the whole story.

use std::sync::Arc;

use anyhow::Result;

use super::Recorded;
use super::fit::{Solved, explain};
use crate::conductor::heads::telling::Telling;
use crate::conductor::heads::{Beginning, Heads, Policy, Reliability};
use crate::conductor::mini::{self, Known, Need};
use crate::eval::conducted::{Mind, need, told};
use crate::eval::headed::{Headed, prices};
use crate::eval::texts::Vectors;
use crate::pool::Facts;

/// Into so many parts tasks are divided; each is played by what the others teach.
const FOLDS: usize = 5;

/// Tasks to be played, by recording.
pub struct Arena {
    recordings: Vec<Vec<Held>>,
    /// What the best single worker of each recording solves and costs.
    best: Vec<(f64, f64)>,
    verifier: Reliability,
}

/// A task that the heads beside it do not know.
struct Held {
    heads: Arc<Heads>,
    telling: Telling,
    known: Known,
    pool: Vec<Facts>,
    need: Need,
    outcomes: Vec<(bool, f64)>,
}

/// What came of playing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Played {
    /// The share of right answers.
    pub right: f64,
    /// The cost, in that of the best single worker.
    pub cost: f64,
}

impl Arena {
    /// Fits heads to each part's others. `done` is told of each part.
    pub fn new(
        recorded: &[Recorded],
        vectors: &Vectors,
        like: &Heads,
        verifier: &str,
        done: impl Fn(),
    ) -> Result<Self> {
        let mut recordings: Vec<Vec<Held>> = recorded.iter().map(|_| Vec::new()).collect();
        for fold in 0..FOLDS {
            let learned: Vec<Recorded> = recorded.iter().map(|of| of.only(|at| at % FOLDS != fold)).collect();
            let heads = Arc::new(fitted(&learned, vectors, like)?);
            for ((of, learned), held) in recorded.iter().zip(&learned).zip(&mut recordings) {
                let mut headed = Headed::new(learned, vectors.clone(), heads.clone(), verifier)?;
                for (at, task) in of.tasks.iter().enumerate().filter(|(at, _)| at % FOLDS == fold) {
                    headed.begin(task)?;
                    let prices = prices(task, &headed);
                    let (known, pool) = headed.known();
                    let priced =
                        pool.iter().zip(prices).map(|(facts, usd)| mini::priced(&facts.name, facts.supposed(), usd));
                    let outcomes = (0..of.workers.len()).map(|worker| of.outcome(at, worker));
                    held.push(Held {
                        heads: heads.clone(),
                        telling: told(task, vectors)?,
                        known: Known { neighbours: Vec::new(), ..known.clone() },
                        pool: priced.collect(),
                        need: need(task, verifier),
                        outcomes: outcomes.map(|outcome| (outcome.solved, outcome.usd)).collect(),
                    });
                }
            }
            done();
        }
        let best = recorded.iter().map(|of| (of.success(of.best()), of.usd(of.best()))).collect();
        Ok(Self { recordings, best, verifier: like.verifier(verifier) })
    }

    /// Plays every task by these numbers; a figure for each recording.
    pub fn play(&self, policy: &Policy) -> Vec<Played> {
        let of = |(held, (_, usd)): (&Vec<Held>, &(f64, f64))| {
            let mut last: Option<(&Arc<Heads>, Arc<Heads>)> = None;
            let (mut right, mut cost) = (0.0, 0.0);
            for task in held {
                // Tasks of one part stand one after the other and share their heads.
                let heads = match &last {
                    Some((of, heads)) if Arc::ptr_eq(of, &task.heads) => heads.clone(),
                    _ => Arc::new(Heads { policy: *policy, ..(*task.heads).clone() }),
                };
                last = Some((&task.heads, heads.clone()));
                let played = self.play_one(task, heads);
                (right, cost) = (right + played.0, cost + played.1);
            }
            let all = held.len() as f64;
            Played { right: right / all, cost: cost / all / usd }
        };
        self.recordings.iter().zip(&self.best).map(of).collect()
    }

    /// The best single worker, for comparison: chosen with all tasks known, so it is flattered.
    pub fn best(&self) -> Vec<Played> {
        self.best.iter().map(|(right, _)| Played { right: *right, cost: 1.0 }).collect()
    }

    /// How surprising the outcomes are to the heads beside them, in nats an outcome.
    pub fn surprise(&self) -> f64 {
        let outcomes = self.recordings.iter().flatten().flat_map(|task| {
            task.pool.iter().zip(&task.outcomes).map(|(facts, (solved, _))| {
                let known = &task.known;
                let able = known.able_of(&facts.name, facts.strength);
                let chance = known.belief.chance(&able, 0.0).clamp(1e-6, 1.0 - 1e-6);
                -if *solved { chance.ln() } else { (1.0 - chance).ln() }
            })
        });
        let outcomes: Vec<f64> = outcomes.collect();
        outcomes.iter().sum::<f64>() / outcomes.len() as f64
    }

    fn play_one(&self, task: &Held, heads: Arc<Heads>) -> (f64, f64) {
        let belief = heads.difficulty.read(&task.telling, heads.policy.wider);
        let known = Known { heads, belief, able: task.known.able.clone(), neighbours: Vec::new() };
        let mut order = mini::order(&task.pool, &task.need, &known);
        if order.is_empty() {
            let cheapest = (0..task.pool.len()).min_by(|a, b| task.pool[*a].usd_out.total_cmp(&task.pool[*b].usd_out));
            order.extend(cheapest);
        }
        let (mut reached, mut right, mut usd) = (1.0, 0.0, 0.0);
        for worker in &order {
            let (solved, cost) = task.outcomes[*worker];
            let accepted = if solved { self.verifier.right } else { self.verifier.wrong };
            usd += reached * cost;
            right += if solved { reached * accepted } else { 0.0 };
            reached *= 1.0 - accepted;
        }
        let chance = |worker: &usize| {
            let facts = &task.pool[*worker];
            known.able.get(&facts.name).map_or(facts.supposed(), |able| known.belief.chance(able, 0.0))
        };
        let answer = order.iter().max_by(|a, b| chance(a).total_cmp(&chance(b)));
        (right + if answer.is_some_and(|worker| task.outcomes[*worker].0) { reached } else { 0.0 }, usd)
    }
}

/// Heads like these, with what the recordings tell of difficulties and of slopes.
pub fn fitted(recorded: &[Recorded], vectors: &Vectors, like: &Heads) -> Result<Heads> {
    let tellings: Vec<Vec<Telling>> =
        recorded.iter().map(|of| of.tasks.iter().map(|task| told(task, vectors)).collect()).collect::<Result<_>>()?;
    let solved = recorded.iter().zip(&tellings).map(|(of, tellings)| Solved {
        tellings: tellings.iter().collect(),
        solved: (0..of.tasks.len())
            .map(|task| (0..of.workers.len()).map(|worker| of.outcome(task, worker).solved).collect())
            .collect(),
    });
    let found = explain(&solved.collect::<Vec<_>>());
    let slopes: Vec<f64> = found.able.iter().flatten().map(|able| able.slope).collect();
    let mean = slopes.iter().sum::<f64>() / slopes.len().max(1) as f64;
    let variance = slopes.iter().map(|slope| (slope - mean).powi(2)).sum::<f64>() / slopes.len().max(1) as f64;
    let beginning = Beginning { slope: mean, slope_spread: variance.sqrt().max(0.1), ..like.beginning };
    Ok(Heads { difficulty: found.reader, beginning, ..like.clone() })
}
