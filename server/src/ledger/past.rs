//! What the conductor learns from: what workers did with past tasks, those that resemble the one at hand or all of them in
//! the order of time. Steps that ran at once did not wait for each other, so neither came after the other's failure.

use std::collections::HashMap;

use anyhow::Result;

use super::statements::{Statements, Value};
use super::{Embedding, Ledger, Neighbour};
use crate::task::Goal;

/// How many of the newest runs are looked at. Older ones say little of today's workers.
const NEWEST: usize = 2_000;
/// Those that started after `$2`, with their tasks' vectors by encoder `$1`. By `CROSS JOIN` SQLite begins with the runs, whose
/// index has them in order; by itself it would read every vector there is.
pub(super) const EMBEDDED: &str = "FROM runs CROSS JOIN embeddings WHERE run = id AND model = $1 AND started > $2
    ORDER BY started DESC, id DESC LIMIT $3";

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
        self.reading(|on| neighbours(on, task, k))
    }

    /// The newest runs that started after `since` (milliseconds since 1970, UTC) and were embedded by this model, the oldest
    /// first.
    pub fn history(&self, model: &str, since: u64) -> Result<Vec<PastRun>> {
        self.reading(|on| history(on, model, since))
    }
}

fn history(on: &mut dyn Statements, model: &str, since: u64) -> Result<Vec<PastRun>> {
    let values = [model.into(), since.into(), NEWEST.into()];
    let (path, goal) = (on.of_record("path"), on.of_record("goal"));
    let rows = on.rows(&format!("SELECT id, started, vector, {path}, {goal} {EMBEDDED}"), &values)?;
    let mut attempts = attempts(on, &format!("SELECT id {EMBEDDED}"), &values)?;
    let mut runs = Vec::new();
    for mut row in rows {
        let Some(all) = attempts.remove(&row.text(0)?) else { continue };
        let of = |(at, attempt): (usize, &Attempt)| PastAttempt {
            worker: attempt.worker.clone(),
            accepted: attempt.solved,
            again: before(&all, at, |earlier| earlier.worker == attempt.worker),
        };
        runs.push(PastRun {
            started: row.count(1)?,
            path: row.text(3)?,
            goal: serde_json::from_value(row.text(4)?.into())?,
            model: model.to_owned(),
            vector: row.bytes(2)?.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            attempts: all.iter().enumerate().map(of).collect(),
        });
    }
    runs.reverse();
    Ok(runs)
}

fn neighbours(on: &mut dyn Statements, task: &Embedding, k: usize) -> Result<Vec<Neighbour>> {
    let values = [task.model.as_str().into(), Value::from(-1_i64), NEWEST.into()];
    let rows = on.rows(&format!("SELECT run, vector {EMBEDDED}"), &values)?;
    let mut nearest: Vec<(f64, String)> = Vec::new();
    for mut row in rows {
        if let Some(cosine) = cosine(&task.vector, row.bytes(1)?) {
            nearest.push((cosine, row.text(0)?));
        }
    }
    nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
    nearest.truncate(k);
    if nearest.is_empty() {
        return Ok(Vec::new());
    }
    let named: Vec<String> = (1..=nearest.len()).map(|number| format!("${number}")).collect();
    let names: Vec<Value> = nearest.iter().map(|(_, run)| run.as_str().into()).collect();
    let mut attempts = attempts(on, &named.join(", "), &names)?;
    let mut neighbours = Vec::new();
    for (cosine, run) in nearest {
        let all = attempts.remove(&run).unwrap_or_default();
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

/// Those of these runs, each run's in order. One statement for all of them: a server may be far away.
fn attempts(on: &mut dyn Statements, runs: &str, values: &[Value]) -> Result<HashMap<String, Vec<Attempt>>> {
    let sql = format!(
        "SELECT run, worker, solved, usd, ms, began_ms FROM steps
         WHERE solved IS NOT NULL AND run IN ({runs}) ORDER BY run, number"
    );
    let mut attempts: HashMap<String, Vec<Attempt>> = HashMap::new();
    for mut row in on.rows(&sql, values)? {
        let attempt = Attempt {
            worker: row.text(1)?,
            solved: row.whole(2)? != 0,
            usd: row.real(3)?,
            ms: row.whole(4)? as f64,
            began: row.maybe_whole(5)?.map(|began| began as f64),
        };
        attempts.entry(row.text(0)?).or_default().push(attempt);
    }
    Ok(attempts)
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
