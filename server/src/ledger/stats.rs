//! What the record says of each worker, and what the runs would have cost with the strongest one alone.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::Ledger;
use super::statements::{Row, Statements, Value};
use crate::pool::{REPAIR, TOOLCHAIN};

/// Attempts that a model must have made before it can be called the strongest.
const ENOUGH: u64 = 5;

/// The figures of all runs since some time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The workers; who made most attempts first.
    pub workers: Vec<WorkerStats>,
    /// How many runs there were.
    pub runs: u64,
    /// In how many of them somebody made an attempt.
    pub runs_with_attempts: u64,
    /// US dollars, over all runs.
    pub usd: f64,
    /// US dollars, over the runs with attempts.
    pub usd_with_attempts: f64,
    /// What the strongest model alone would have cost; `None` where no model made enough attempts.
    pub strongest: Option<Strongest>,
    /// Attempts that a model must have made before it can be called the strongest.
    pub attempts_needed: u64,
}

/// What is known of one worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WorkerStats {
    /// Its name.
    pub worker: String,
    /// Edits that were asked of it and judged.
    pub attempts: u64,
    /// How many of them passed.
    pub solved: u64,
    /// The share of them, 0 to 1; `None` without attempts.
    pub success: Option<f64>,
    /// Other steps it took: thoughts, answers, tests, and what came to no judgement.
    pub others: u64,
    /// US dollars in all.
    pub usd: f64,
    /// US dollars of all its steps for each that passed; `None` where none did.
    pub usd_per_success: Option<f64>,
    /// Seconds that half of its steps took at most; of those that came to an end.
    pub median_seconds: Option<f64>,
    /// Seconds that nine of ten took at most.
    pub p90_seconds: Option<f64>,
    /// Tokens read.
    pub tokens_in: u64,
    /// Of these, what came from a server's cache.
    pub tokens_cached: u64,
    /// Tokens written.
    pub tokens_out: u64,
}

/// An estimate: the runs that had attempts, each done with one attempt of the strongest model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strongest {
    /// Of the models with enough attempts the one with the highest success.
    pub worker: String,
    /// Its success, 0 to 1.
    pub success: f64,
    /// What one of its attempts cost on average, in US dollars.
    pub usd_per_attempt: f64,
    /// That, once for each run.
    pub estimated_usd: f64,
    /// How much less was paid; negative where it was more.
    pub saved_usd: f64,
}

/// One step as it is counted.
struct Counted {
    worker: String,
    solved: Option<bool>,
    ended: bool,
    usd: f64,
    ms: u64,
    tokens_in: u64,
    tokens_cached: u64,
    tokens_out: u64,
}

impl Stats {
    /// Of no runs.
    pub fn none() -> Self {
        figures(&[], (0, 0.0), (0, 0.0))
    }
}

impl Ledger {
    /// The figures of the runs started since then, in milliseconds since 1970, UTC.
    pub fn stats(&self, since: u64) -> Result<Stats> {
        self.reading(|on| {
            let since = [since.into()];
            let runs = "SELECT count(*), coalesce(sum(usd), 0.0) FROM runs WHERE started >= $1";
            let attempted = format!("{runs} AND id IN (SELECT run FROM steps WHERE solved IS NOT NULL)");
            let mut total = |sql: &str| on.row(sql, &since).and_then(|row| Ok((row.whole(0)?, row.real(1)?)));
            let (all, attempted) = (total(runs)?, total(&attempted)?);
            Ok(figures(&counted(on, &since)?, all, attempted))
        })
    }
}

fn counted(on: &mut dyn Statements, since: &[Value]) -> Result<Vec<Counted>> {
    // Who was not asked, or had nothing to try, took no step.
    let rows = on.rows(
        "SELECT worker, solved, status != 'cancelled', steps.usd, steps.ms, tokens_in, tokens_cached, tokens_out
         FROM steps JOIN runs ON id = run
         WHERE started >= $1 AND status NOT IN ('declined', 'not begun')",
        since,
    )?;
    let step = |mut row: Row| {
        Ok(Counted {
            worker: row.text(0)?,
            solved: row.maybe_whole(1)?.map(|solved| solved != 0),
            ended: row.whole(2)? != 0,
            usd: row.real(3)?,
            ms: row.count(4)?,
            tokens_in: row.count(5)?,
            tokens_cached: row.count(6)?,
            tokens_out: row.count(7)?,
        })
    };
    rows.into_iter().map(step).collect()
}

/// The figures; of all runs and of those with attempts: how many, and their US dollars.
fn figures(steps: &[Counted], all: (i64, f64), attempted: (i64, f64)) -> Stats {
    let mut by_worker: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
    for step in steps {
        by_worker.entry(&step.worker).or_default().push(step);
    }
    let mut workers: Vec<WorkerStats> = by_worker.iter().map(|(worker, steps)| of_worker(worker, steps)).collect();
    workers.sort_by_key(|worker| std::cmp::Reverse((worker.attempts, worker.others)));
    let runs_with_attempts = attempted.0.unsigned_abs();
    // The built-in workers cannot take every task.
    let models = by_worker.iter().filter(|(worker, _)| ![REPAIR, TOOLCHAIN].contains(*worker));
    let strongest = models
        .filter_map(|(worker, steps)| {
            let attempts = steps.iter().filter(|step| step.solved.is_some());
            let (count, usd) = attempts.fold((0, 0.0), |(count, usd), step| (count + 1, usd + step.usd));
            let solved = steps.iter().filter(|step| step.solved == Some(true)).count();
            let success = solved as f64 / count as f64;
            (count >= ENOUGH).then(|| (success, count, *worker, usd / count as f64))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map(|(success, _, worker, usd_per_attempt)| {
            let estimated_usd = usd_per_attempt * runs_with_attempts as f64;
            let saved_usd = estimated_usd - attempted.1;
            Strongest { worker: worker.into(), success, usd_per_attempt, estimated_usd, saved_usd }
        });
    Stats {
        workers,
        runs: all.0.unsigned_abs(),
        runs_with_attempts,
        usd: all.1,
        usd_with_attempts: attempted.1,
        strongest,
        attempts_needed: ENOUGH,
    }
}

fn of_worker(worker: &str, steps: &[&Counted]) -> WorkerStats {
    let mut stats = WorkerStats { worker: worker.into(), ..WorkerStats::default() };
    for step in steps {
        stats.attempts += u64::from(step.solved.is_some());
        stats.solved += u64::from(step.solved == Some(true));
        stats.others += u64::from(step.solved.is_none());
        stats.usd += step.usd;
        stats.tokens_in = stats.tokens_in.saturating_add(step.tokens_in);
        stats.tokens_cached = stats.tokens_cached.saturating_add(step.tokens_cached);
        stats.tokens_out = stats.tokens_out.saturating_add(step.tokens_out);
    }
    let share = |whole: f64, of: u64| (of > 0).then(|| whole / of as f64);
    stats.success = share(stats.solved as f64, stats.attempts);
    stats.usd_per_success = share(stats.usd, stats.solved);
    let mut times: Vec<u64> = steps.iter().filter(|step| step.ended).map(|step| step.ms).collect();
    times.sort_unstable();
    stats.median_seconds = quantile(&times, 50);
    stats.p90_seconds = quantile(&times, 90);
    stats
}

/// Seconds that so many in a hundred of these sorted milliseconds are at most: one of them, never in between.
fn quantile(sorted: &[u64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map(|ms| *ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(worker: &str, solved: Option<bool>, usd: f64, ms: u64) -> Counted {
        let (tokens_in, tokens_cached, tokens_out) = (100, 40, 10);
        Counted { worker: worker.into(), solved, ended: true, usd, ms, tokens_in, tokens_cached, tokens_out }
    }

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let to = |n: u64| (1..=n).map(|n| n * 1000).collect::<Vec<_>>();
        assert_eq!((quantile(&[], 50), quantile(&to(1), 90)), (None, Some(1.0)));
        assert_eq!((quantile(&to(10), 50), quantile(&to(10), 90)), (Some(5.0), Some(9.0)));
        assert_eq!((quantile(&to(11), 50), quantile(&to(11), 90)), (Some(6.0), Some(10.0)));
    }

    #[test]
    fn a_worker_is_counted_by_what_was_judged() {
        let steps = [
            attempt("w", Some(true), 0.5, 4_000),
            attempt("w", Some(false), 0.25, 1_000),
            attempt("w", None, 0.25, 2_000),
            Counted { ended: false, ..attempt("w", None, 0.0, 90_000) },
        ];
        let stats = figures(&steps, (9, 1.5), (2, 1.0));
        let expected = WorkerStats {
            worker: "w".into(),
            attempts: 2,
            solved: 1,
            success: Some(0.5),
            others: 2,
            usd: 1.0,
            usd_per_success: Some(1.0),
            median_seconds: Some(2.0),
            p90_seconds: Some(4.0),
            tokens_in: 400,
            tokens_cached: 160,
            tokens_out: 40,
        };
        assert_eq!(stats.workers, [expected]);
        assert_eq!((stats.runs, stats.runs_with_attempts, stats.usd, stats.usd_with_attempts), (9, 2, 1.5, 1.0));
        assert_eq!(stats.strongest, None, "two attempts are not enough");
    }

    #[test]
    fn the_strongest_is_the_model_with_the_highest_success_of_those_that_were_tried_enough() {
        let mut steps = Vec::new();
        let mut worker = |name: &str, solved: usize, failed: usize, usd: f64| {
            steps.extend((0..solved).map(|_| attempt(name, Some(true), usd, 1_000)));
            steps.extend((0..failed).map(|_| attempt(name, Some(false), usd, 1_000)));
        };
        worker("lucky", 4, 0, 0.001);
        worker(REPAIR, 9, 0, 0.0);
        worker("strong", 4, 1, 0.05);
        worker("cheap", 3, 7, 0.01);
        let stats = figures(&steps, (30, 0.4), (20, 0.35));
        let names: Vec<_> = stats.workers.iter().map(|worker| worker.worker.as_str()).collect();
        assert_eq!(names, ["cheap", REPAIR, "strong", "lucky"], "most attempts first");
        let Strongest { worker, success, usd_per_attempt, estimated_usd, saved_usd } = stats.strongest.unwrap();
        assert_eq!((worker.as_str(), success), ("strong", 0.8));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(usd_per_attempt, 0.05) && near(estimated_usd, 1.0) && near(saved_usd, 0.65));
    }

    #[test]
    fn without_runs_nothing_is_claimed() {
        let stats = Stats::none();
        assert_eq!((stats.workers.len(), stats.runs, stats.strongest), (0, 0, None));
    }
}
