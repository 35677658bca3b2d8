//! Training of the heads of tier mini: a supervised start, then a search for the policy's numbers on the real objective, right
//! answers at a cost. The same input gives the same file, to the byte.

mod arena;
mod evolution;
mod fit;
mod ledger;
mod ridge;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::recorded::{Recording, verifiers};
use super::texts::Vectors;
use crate::conductor::heads::telling::{FACTS, Reader};
use crate::conductor::heads::{Beginning, Heads, Policy, Reliability, Trained};

use arena::{Arena, Played, fitted};
use evolution::Evolution;
pub use ledger::adapted;

/// A recording of which everything is known.
pub type Recorded = Recording<bool>;

/// Candidates of a round, and rounds (TRINITY, arXiv 2512.04695: some 32, at most 60).
const POPULATION: usize = 32;
/// Right answers that are given up for one more unit of the best single worker's cost, within the limit and beyond it.
const THRIFT: f64 = 0.02;
const EXCESS: f64 = 1.0;
/// Tasks to come may be harder than those that are known, and then cost more: heads of one half of a recording spent up to a
/// quarter more on the next one. So much of the limit is used.
const HEADROOM: f64 = 0.8;
/// Points that a number costs for each squared unit by which it leaves where it began: what makes no difference stays.
const HELD: f64 = 0.0005;
/// What is counted of a result at a task that does not resemble the one at hand.
const ELSEWHERE: [f64; 2] = [1.0, 0.3];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of the search.
    pub seed: u64,
    /// What a task may cost, in the cost of the best single worker.
    pub cost: f64,
    /// Rounds of the search.
    pub rounds: usize,
    /// Whose word acceptance is while policies are compared, by the name of its column.
    pub verifier: String,
    /// The file name of the encoder that made the vectors.
    pub encoder: String,
}

/// What came of it.
pub struct Training {
    /// The heads.
    pub heads: Heads,
    /// What there is to say, in lines.
    pub report: String,
}

/// How far training has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// One more of these many fits is done.
    Fitted(usize),
    /// One more round of the search is done, and the best has this many right answers at this cost.
    Searched(f64, f64),
}

/// How often the verifiers of these folders accept right and wrong answers, by their names.
pub fn reliabilities(folders: &[PathBuf], before: Option<usize>) -> Result<BTreeMap<String, Reliability>> {
    let mut names: Vec<Vec<String>> = Vec::new();
    for folder in folders {
        names.push(verifiers(folder)?);
    }
    let shared = names.first().cloned().unwrap_or_default().into_iter();
    let shared = shared.filter(|name| names.iter().all(|others| others.contains(name)));
    let mut reliabilities = BTreeMap::new();
    for name in shared {
        let recorded: Result<Vec<Recorded>> = folders.iter().map(|of| Recorded::read(of, &name, before)).collect();
        reliabilities.insert(name, reliability(&recorded?));
    }
    Ok(reliabilities)
}

fn reliability(recorded: &[Recorded]) -> Reliability {
    let share = |right: bool| {
        let all = recorded.iter().flat_map(|of| {
            (0..of.tasks.len()).flat_map(move |task| (0..of.workers.len()).map(move |worker| of.outcome(task, worker)))
        });
        let (accepted, all) = all
            .filter(|outcome| outcome.solved == right)
            .fold((0.5, 1.0), |(yes, all), outcome| (yes + f64::from(u8::from(outcome.accepted)), all + 1.0));
        accepted / all
    };
    let right: f64 = share(true);
    Reliability { right, wrong: share(false).min(0.95 * right) }
}

/// Trains heads on these recordings. `done` is told of every step.
pub fn train(
    recorded: &[Recorded],
    verifiers: BTreeMap<String, Reliability>,
    vectors: &Vectors,
    settings: &Settings,
    done: impl Fn(Stage),
) -> Result<Training> {
    let tasks: usize = recorded.iter().map(|of| of.tasks.len()).sum();
    if tasks < 20 {
        bail!("{tasks} tasks are too few to train on; at least 20 are needed");
    }
    let mut like = plain(recorded, verifiers, settings);
    let mut fits = Vec::new();
    for elsewhere in ELSEWHERE {
        let candidate = Heads { beginning: Beginning { elsewhere, ..like.beginning }, ..like.clone() };
        let arena =
            Arena::new(recorded, vectors, &candidate, &settings.verifier, || done(Stage::Fitted(5 * ELSEWHERE.len())))?;
        fits.push((arena.surprise(), elsewhere, arena));
    }
    let surprises: Vec<String> = fits.iter().map(|(nats, elsewhere, _)| format!("{elsewhere}: {nats:.4}")).collect();
    let Some((surprise, elsewhere, arena)) = fits.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)) else {
        bail!("there is nothing to choose from");
    };
    like.beginning.elsewhere = elsewhere;
    let begun = arena.play(&like.policy);
    let found = search(&arena, &like.policy, settings, &done);
    let ended = arena.play(&found);
    like.policy = found;
    let heads = fitted(recorded, vectors, &like)?;
    let mut report = format!("{} tasks, {} workers\n", heads.trained.tasks, heads.trained.workers);
    report += &format!(
        "difficulty: spread {:.2}, read with an error of {:.2}; slope {:.2} (spread {:.2})\n",
        heads.difficulty.spread, heads.difficulty.error, heads.beginning.slope, heads.beginning.slope_spread
    );
    let tests = heads.verifier(&settings.verifier);
    report += &format!(
        "verifier {}: accepts {:.3} of right and {:.3} of wrong answers\n",
        settings.verifier, tests.right, tests.wrong
    );
    report += &format!(
        "an outcome surprises by {surprise:.4} nats (counting what is elsewhere as {})\n",
        surprises.join(", ")
    );
    report += "on tasks that were left out, by expectation (right answers at the cost of the best single worker):\n";
    for (at, of) in recorded.iter().enumerate() {
        let said = |played: &Played| format!("{:.1} % at {:.2}", 100.0 * played.right, played.cost);
        let (best, begun, ended) = (&arena.best()[at], &begun[at], &ended[at]);
        report += &format!(
            "  {}: best single {}; before the search {}; after it {}\n",
            name(of),
            said(best),
            said(begun),
            said(ended)
        );
    }
    report += &format!("policy: {}\n", serde_json::to_string(&heads.policy)?);
    Ok(Training { heads, report })
}

fn search(arena: &Arena, from: &Policy, settings: &Settings, done: &impl Fn(Stage)) -> Policy {
    let start = numbers(from);
    let score = |at: &[f64]| {
        let played = arena.play(&policy(at, from));
        let worth = |of: &Played| of.right - THRIFT * of.cost - EXCESS * (of.cost - HEADROOM * settings.cost).max(0.0);
        let moved: f64 = at.iter().zip(&start).map(|(at, start)| (at - start).powi(2)).sum();
        played.iter().map(worth).sum::<f64>() / played.len() as f64 - HELD * moved
    };
    let mut evolution = Evolution::new(settings.seed, &start, 0.5, POPULATION);
    let mut best = (score(&start), start.clone());
    for _ in 0..settings.rounds {
        let asked = evolution.ask();
        let scores = at_once(&asked, &score);
        evolution.tell(&asked, &scores);
        for (numbers, score) in asked.iter().zip(&scores) {
            if *score > best.0 {
                best = (*score, numbers.clone());
            }
        }
        let played = arena.play(&policy(&best.1, from));
        let mean = |of: fn(&Played) -> f64| played.iter().map(of).sum::<f64>() / played.len() as f64;
        done(Stage::Searched(mean(|of| of.right), mean(|of| of.cost)));
    }
    // The middle of the last candidates is less of a lucky hit than the best of all.
    let middle = evolution.mean().to_vec();
    let lucky = score(&middle) + HELD < best.0;
    policy(if lucky { &best.1 } else { &middle }, from)
}

/// The scores in the order of what was asked, on as many cores as there are.
fn at_once(asked: &[Vec<f64>], score: &(impl Fn(&[f64]) -> f64 + Sync)) -> Vec<f64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = asked.len().div_ceil(cores).max(1);
    std::thread::scope(|threads| {
        let parts: Vec<_> = asked
            .chunks(share)
            .map(|part| threads.spawn(move || part.iter().map(|numbers| score(numbers)).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// The numbers that are searched for, so that each may be anything.
fn numbers(policy: &Policy) -> Vec<f64> {
    vec![policy.calls_solved.ln(), policy.wider.ln(), policy.doubt.ln(), policy.harm.sqrt()]
}

fn policy(numbers: &[f64], like: &Policy) -> Policy {
    // Figures that a person can read say as much.
    let rounded = |number: f64| (number * 1e4).round() / 1e4;
    Policy {
        calls_solved: rounded(numbers[0].clamp(-3.0, 6.0).exp()),
        wider: rounded(numbers[1].clamp(-1.5, 1.5).exp()),
        doubt: rounded(numbers[2].clamp(-2.0, 1.5).exp()),
        harm: rounded(numbers[3].powi(2).min(2.0)),
        ..*like
    }
}

/// Heads as they are before anything is fitted.
fn plain(recorded: &[Recorded], verifiers: BTreeMap<String, Reliability>, settings: &Settings) -> Heads {
    let names: Vec<String> = recorded.iter().map(name).collect();
    Heads {
        format: 2,
        trained: Trained {
            on: names.join(" and "),
            tasks: recorded.iter().map(|of| of.tasks.len()).sum(),
            workers: recorded.iter().map(|of| of.workers.len()).sum(),
            until: recorded
                .iter()
                .filter_map(|of| of.tasks.last())
                .map(|task| task.date.clone())
                .max()
                .unwrap_or_default(),
            encoder: settings.encoder.clone(),
            seed: settings.seed,
        },
        difficulty: Reader {
            mean: 0.0,
            vector: Vec::new(),
            facts: [0.0; FACTS],
            seen: [(0.0, 0.0); FACTS],
            error: 1.0,
            spread: 1.0,
            kinds: BTreeMap::new(),
            languages: BTreeMap::new(),
        },
        beginning: Beginning {
            slope: 1.0,
            slope_spread: 0.3,
            worth: 4.0,
            again: std::f64::consts::LN_2,
            elsewhere: 1.0,
            half_life: 200.0,
        },
        verifiers,
        policy: Policy { usd_solved: 0.5, calls_solved: 8.0, usd_second: 0.0005, harm: 0.0, wider: 1.0, doubt: 1.0 },
        workers: BTreeMap::new(),
        learned_until: 0,
    }
}

fn name(of: &Recorded) -> String {
    of.folder.file_name().unwrap_or(of.folder.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
