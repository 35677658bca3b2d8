//! Policies beside each other: those that were played, and the baselines that always stand beside them.

use anyhow::Result;

use super::measure::{Measured, mean};
use super::policies::{Cascade, Fanout, Policy, best_cascade};
use super::recorded::Split;
use super::replay::{Decision, play};
use super::score::{Scored, chance, oracle, score};

/// The costs, as shares of the best single worker's, within which the best cascade is searched for.
const SHARES: [f64; 3] = [1.0, 0.5, 0.25];

/// What a line is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It was played, and claims are made of it.
    Played,
    /// What it is compared with.
    Baseline,
    /// Nobody can reach it.
    Bound,
}

/// A policy's line.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// What it is there for.
    pub part: Part,
    /// By task.
    pub scored: Vec<Scored>,
}

impl Line {
    fn column(&self, of: impl Fn(&Scored) -> f64) -> Vec<f64> {
        self.scored.iter().map(of).collect()
    }

    /// The share of right answers.
    pub fn right(&self) -> Measured {
        Measured::of(&self.column(|task| task.right))
    }

    /// US dollars a task.
    pub fn usd(&self) -> f64 {
        mean(&self.column(|task| task.usd))
    }

    /// Calls a task.
    pub fn calls(&self) -> f64 {
        mean(&self.column(|task| task.calls))
    }

    /// How many more right answers than `other`, task by task.
    pub fn more_right(&self, other: &Self) -> Measured {
        self.less(other, |task| task.right)
    }

    /// How many more US dollars than `other`, task by task.
    pub fn more_usd(&self, other: &Self) -> Measured {
        self.less(other, |task| task.usd)
    }

    fn less(&self, other: &Self, of: impl Fn(&Scored) -> f64) -> Measured {
        let pairs = self.scored.iter().zip(&other.scored);
        Measured::of(&pairs.map(|(own, others)| of(own) - of(others)).collect::<Vec<_>>())
    }
}

/// The baselines, the best single worker first, then what was played.
pub fn compare(split: &Split, played: Vec<(String, Vec<Decision>)>) -> Result<Vec<Line>> {
    let train = &split.train;
    let name = |worker: usize| train.workers[worker].as_str();
    let (best, cheapest) = (train.best(), train.cheapest());
    let mut lines = vec![
        line(split, format!("best single (by train): {}", name(best)), &mut Cascade(vec![best]))?,
        line(split, format!("cheapest: {}", name(cheapest)), &mut Cascade(vec![cheapest]))?,
        Line { name: "random (expected)".into(), part: Part::Baseline, scored: chance(&split.test)? },
        Line { name: "every worker, any right (oracle)".into(), part: Part::Bound, scored: oracle(&split.test)? },
    ];
    let mut cascades: Vec<(Vec<usize>, String)> = Vec::new();
    for share in SHARES {
        let cascade = best_cascade(train, share);
        match cascades.iter_mut().find(|(known, _)| *known == cascade) {
            Some((_, shares)) => *shares += &format!(", ≤{share}×"),
            None => cascades.push((cascade, format!("≤{share}×"))),
        }
    }
    for (cascade, shares) in cascades {
        let workers: Vec<&str> = cascade.iter().map(|worker| name(*worker)).collect();
        let title = format!("static cascade {shares} ({})", workers.join(" > "));
        lines.push(line(split, title, &mut Cascade(cascade))?);
    }
    lines.push(line(split, format!("fan-out to all {}", train.workers.len()), &mut Fanout::of(train))?);
    for (name, decisions) in played {
        lines.push(Line { name, part: Part::Played, scored: score(&decisions, &split.test)? });
    }
    Ok(lines)
}

/// Every worker alone.
pub fn alone(split: &Split) -> Result<Vec<Line>> {
    let workers = split.train.workers.iter().enumerate();
    workers.map(|(worker, name)| line(split, name.clone(), &mut Cascade(vec![worker]))).collect()
}

fn line(split: &Split, name: String, policy: &mut dyn Policy) -> Result<Line> {
    Ok(Line { name, part: Part::Baseline, scored: score(&play(policy, &split.test)?, &split.test)? })
}
