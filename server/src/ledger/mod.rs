//! The record of runs, in SQLite: what `baton runs` shows and what the conductor learns from.
//! Several servers may use one file at once. No run depends on it: every error here is a sentence
//! that the run passes on and survives.

mod record;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, TransactionBehavior, params};

pub use record::{Embedding, Neighbour, RunRecord, hash, new_id};

/// How many of the newest runs are compared with a task. Older ones say little of today's workers.
const NEWEST: usize = 2_000;

/// How long another process may hold the file before we give up. Writes take milliseconds.
const BUSY: Duration = Duration::from_secs(5);

/// An open ledger. Every call blocks for milliseconds, at worst for five seconds.
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Ledger {
    /// Opens the file, made with its folder if need be, readable by its owner only.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = connect(path).with_context(|| {
            format!("the ledger {} cannot be used; Baton works without it, but will not learn", path.display())
        })?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Adds a run, or replaces the one with its identifier.
    pub fn record(&self, run: &RunRecord) -> Result<()> {
        let written = || -> Result<()> {
            let mut connection = self.lock();
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change.execute("DELETE FROM runs WHERE id = ?1", [&run.id])?;
            change.execute(
                "INSERT INTO runs (id, started, usd, ms, record) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![run.id, run.started as i64, run.usd, run.ms as i64, serde_json::to_string(run)?],
            )?;
            for (number, step) in (1..).zip(&run.steps) {
                change.execute(
                    "INSERT INTO steps (run, number, worker, role, status, solved, tokens_in, tokens_out, usd, ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    params![
                        run.id,
                        number,
                        step.worker,
                        serde_json::to_value(step.role)?.as_str(),
                        step.status,
                        record::solved(step),
                        step.usage.tokens_in as i64,
                        step.usage.tokens_out as i64,
                        step.usage.usd,
                        step.ms as i64
                    ],
                )?;
            }
            if let Some(Embedding { model, vector }) = &run.embedding {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                change.execute(
                    "INSERT INTO embeddings (run, model, vector) VALUES (?1, ?2, ?3)",
                    params![run.id, model, bytes],
                )?;
            }
            Ok(change.commit()?)
        };
        written().with_context(|| format!("the run was not recorded in {}", self.path.display()))
    }

    /// How many runs are recorded.
    pub fn count(&self) -> Result<u64> {
        let count: i64 = self.lock().query_row("SELECT count(*) FROM runs", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The newest runs, newest first.
    pub fn list(&self, limit: usize) -> Result<Vec<RunRecord>> {
        let connection = self.lock();
        let mut rows = connection.prepare("SELECT record FROM runs ORDER BY started DESC, id DESC LIMIT ?1")?;
        let records = rows.query_map([limit as i64], |row| row.get::<_, String>(0))?;
        records.map(|record| Ok(serde_json::from_str(&record?)?)).collect()
    }

    /// The run with this identifier, or the only one whose identifier begins so. `Err` when several do.
    pub fn get(&self, id: &str) -> Result<Option<RunRecord>> {
        let connection = self.lock();
        let mut rows =
            connection.prepare("SELECT id, record FROM runs WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2")?;
        let found = rows.query_map([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        match found.as_slice() {
            [] => Ok(None),
            [(_, record)] => Ok(Some(serde_json::from_str(record)?)),
            _ => bail!("several runs begin with `{id}`; `baton runs` lists them"),
        }
    }

    /// What workers did with the `k` past tasks that resemble this one most, nearest first.
    pub fn neighbours(&self, task: &Embedding, k: usize) -> Result<Vec<Neighbour>> {
        let connection = self.lock();
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
        let mut steps = connection.prepare_cached(
            "SELECT worker, solved, usd, ms FROM steps WHERE run = ?1 AND solved IS NOT NULL ORDER BY number",
        )?;
        let mut neighbours = Vec::new();
        for (cosine, run) in nearest {
            let mut after = 0;
            let mut steps = steps.query([run])?;
            while let Some(step) = steps.next()? {
                let solved = step.get(1)?;
                let (worker, usd, ms) = (step.get(0)?, step.get(2)?, step.get(3)?);
                neighbours.push(Neighbour { cosine, worker, solved, after, usd, ms });
                after += u32::from(!solved);
            }
        }
        Ok(neighbours)
    }

    /// US dollars of the runs started since midnight, local time.
    pub fn spent_today(&self) -> Result<f64> {
        let total = self.lock().query_row(
            "SELECT total(usd) FROM runs
             WHERE started >= 1000 * CAST(strftime('%s', 'now', 'localtime', 'start of day', 'utc') AS INTEGER)",
            [],
            |row| row.get(0),
        )?;
        Ok(total)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ledger").field(&self.path).finish()
    }
}

fn connect(path: &Path) -> Result<Connection> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // SQLite would make it readable by everybody; its companion files take the mode of this one.
    drop(options.open(path)?);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    schema::prepare(&mut connection)?;
    Ok(connection)
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

#[cfg(test)]
mod tests;
