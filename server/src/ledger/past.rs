//! What the conductor learns from: what workers did with past tasks, those that resemble the one at hand or all of them in
//! the order of time. Steps that ran at once did not wait for each other, so neither came after the other's failure.

use anyhow::Result;
use rusqlite::{Connection, params};

use super::{Embedding, Ledger, Neighbour};
use crate::task::Goal;

/// How many of the newest runs are looked at. Older ones say little of today's workers.
const NEWEST: usize = 2_000;

/// A run, as far as workers made attempts in it that were judged.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRun {
    /// Milliseconds since 1970, UTC.
    pub started: u64,
    /// The file that it was about, below its workspace.
    pub path: String,
    /// What was wanted.
    pub goal: Goal,
    /// The encoder's file name.
    pub model: String,
    /// The task as the encoder saw it.
    pub vector: Vec<f32>,
    /// In the order of their steps.
    pub attempts: Vec<PastAttempt>,
}

/// What a worker did.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAttempt {
    /// Its name.
    pub worker: String,
    /// Whether the checks accepted what it made.
    pub accepted: bool,
    /// Attempts of its own at the same task that had failed before this one began.
    pub again: u32,
}

/// A step that says something of its worker.
struct Attempt {
    worker: String,
    solved: bool,
    usd: f64,
    ms: f64,
    /// Milliseconds from the run's start; absent in runs of earlier versions, which took one step after the other.
    began: Option<f64>,
}

impl Attempt {
    fn failed_before(&self, later: &Self) -> bool {
        let ended = self.began.zip(later.began).is_none_or(|(began, later)| began + self.ms <= later);
        !self.solved && ended
    }
}

impl Ledger {
    /// What workers did with the `k` past tasks that resemble this one most, nearest first.
    pub fn neighbours(&self, task: &Embedding, k: usize) -> Result<Vec<Neighbour>> {
        self.reading(|connection| neighbours(connection, task, k))
    }

    /// The newest runs that started after `since` (milliseconds since 1970, UTC) and were embedded by this model, the oldest
    /// first.
    pub fn history(&self, model: &str, since: u64) -> Result<Vec<PastRun>> {
        self.reading(|connection| history(connection, model, since))
    }
}

fn history(connection: &Connection, model: &str, since: u64) -> Result<Vec<PastRun>> {
    let mut rows = connection.prepare_cached(
        "SELECT id, started, vector, record ->> '$.path', record ->> '$.goal' FROM runs JOIN embeddings ON run = id
         WHERE model = ?1 AND started > ?2 ORDER BY started DESC, id DESC LIMIT ?3",
    )?;
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let mut rows = rows.query(params![model, since, NEWEST as i64])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let all = attempts(connection, &row.get::<_, String>(0)?)?;
        if all.is_empty() {
            continue;
        }
        let of = |(at, attempt): (usize, &Attempt)| PastAttempt {
            worker: attempt.worker.clone(),
            accepted: attempt.solved,
            again: before(&all, at, |earlier| earlier.worker == attempt.worker),
        };
        let goal: String = row.get(4)?;
        runs.push(PastRun {
            started: row.get::<_, i64>(1)?.unsigned_abs(),
            path: row.get(3)?,
            goal: serde_json::from_value(goal.into())?,
            model: model.to_owned(),
            vector: row
                .get_ref(2)?
                .as_blob()?
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            attempts: all.iter().enumerate().map(of).collect(),
        });
    }
    runs.reverse();
    Ok(runs)
}

fn neighbours(connection: &Connection, task: &Embedding, k: usize) -> Result<Vec<Neighbour>> {
    let mut rows = connection
        .prepare_cached("SELECT run, vector FROM embeddings WHERE model = ?1 ORDER BY rowid DESC LIMIT ?2")?;
    let mut rows = rows.query(params![task.model, NEWEST as i64])?;
    let mut nearest: Vec<(f64, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(cosine) = cosine(&task.vector, row.get_ref(1)?.as_blob()?) {
            nearest.push((cosine, row.get(0)?));
        }
    }
    nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
    nearest.truncate(k);
    let mut neighbours = Vec::new();
    for (cosine, run) in nearest {
        let all = attempts(connection, &run)?;
        let of = |(at, attempt): (usize, &Attempt)| Neighbour {
            cosine,
            worker: attempt.worker.clone(),
            solved: attempt.solved,
            after: before(&all, at, |_| true),
            usd: attempt.usd,
            ms: attempt.ms,
        };
        neighbours.extend(all.iter().enumerate().map(of));
    }
    Ok(neighbours)
}

fn attempts(connection: &Connection, run: &str) -> Result<Vec<Attempt>> {
    let mut rows = connection.prepare_cached(
        "SELECT worker, solved, usd, ms, began_ms FROM steps WHERE run = ?1 AND solved IS NOT NULL ORDER BY number",
    )?;
    let rows = rows.query_map([run], |row| {
        let (worker, solved, usd) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Attempt { worker, solved, usd, ms: row.get(3)?, began: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many of these had failed when this one began.
fn before(all: &[Attempt], at: usize, of: impl Fn(&Attempt) -> bool) -> u32 {
    all[..at].iter().filter(|earlier| of(earlier) && earlier.failed_before(&all[at])).count() as u32
}

/// Of two vectors of length 1; `None` where the recorded one has another size.
fn cosine(task: &[f32], recorded: &[u8]) -> Option<f64> {
    let (numbers, rest) = recorded.as_chunks::<4>();
    if numbers.len() != task.len() || !rest.is_empty() {
        return None;
    }
    let sum: f32 = task.iter().zip(numbers).map(|(x, bytes)| x * f32::from_le_bytes(*bytes)).sum();
    sum.is_finite().then_some(f64::from(sum))
}
