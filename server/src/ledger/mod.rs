//! The record of runs, in SQLite: what `baton runs` shows and what the conductor learns from.
//! Several servers may use one file at once. No run depends on it: every error here is a sentence
//! that the run passes on and survives.

mod past;
mod record;
mod schema;
mod stats;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rusqlite::{Connection, ErrorCode};

pub use crate::run::Texts;
pub use past::{PastAttempt, PastRun};
pub use record::{Embedding, Neighbour, Row, RunRecord, hash, new_id};
pub use stats::{Stats, Strongest, WorkerStats};

/// How long another process may hold the file before we give up. Writes take milliseconds.
const BUSY: Duration = Duration::from_secs(5);

/// An open ledger. Every call blocks for milliseconds, at worst for five seconds.
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
    busy: Duration,
}

impl Ledger {
    /// Opens the file, made with its folder if need be, readable by its owner only.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_within(path, BUSY)
    }

    fn open_within(path: &Path, busy: Duration) -> Result<Self> {
        let connection = connect(path, busy).map_err(|error| said(error, busy)).with_context(|| {
            format!("the ledger {} cannot be used; Baton works without it, but will not learn", path.display())
        })?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection), busy })
    }

    /// How many runs are recorded.
    pub fn count(&self) -> Result<u64> {
        self.reading(|connection| {
            let count: i64 = connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// The newest runs, newest first.
    pub fn list(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.reading(|connection| {
            let mut rows = connection.prepare("SELECT record FROM runs ORDER BY started DESC, id DESC LIMIT ?1")?;
            let records = rows.query_map([limit as i64], |row| row.get::<_, String>(0))?;
            records.map(|record| Ok(serde_json::from_str(&record?)?)).collect()
        })
    }

    /// The run with this identifier, or the only one whose identifier begins so. `Err` when several do.
    pub fn get(&self, id: &str) -> Result<Option<RunRecord>> {
        let found = self.reading(|connection| {
            // The shortest first: the whole of one may be the beginning of another.
            let sql = "SELECT record FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY length(id) LIMIT 2";
            let mut rows = connection.prepare(sql)?;
            let found = rows.query_map([id], |row| row.get::<_, String>(0))?;
            found.map(|record| Ok(serde_json::from_str(&record?)?)).collect::<Result<Vec<RunRecord>>>()
        })?;
        if found.len() > 1 && found[0].id != id {
            bail!("several runs begin with `{id}`; `baton runs` lists them");
        }
        Ok(found.into_iter().next())
    }

    /// What was kept of a run's prompts and replies, by the steps' numbers; nothing unless the user said so then.
    pub fn texts(&self, id: &str) -> Result<Vec<(usize, Texts)>> {
        self.reading(|connection| {
            let mut rows = connection.prepare("SELECT step, prompt, reply FROM texts WHERE run = ?1 ORDER BY step")?;
            let texts = rows.query_map([id], |row| {
                let number = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
                Ok((number, Texts { prompt: row.get(1)?, reply: row.get(2)? }))
            })?;
            Ok(texts.collect::<Result<_, _>>()?)
        })
    }

    /// US dollars of the runs started since midnight, local time.
    pub fn spent_today(&self) -> Result<f64> {
        self.reading(|connection| {
            let total = connection.query_row(
                "SELECT total(usd) FROM runs
                 WHERE started >= 1000 * CAST(strftime('%s', 'now', 'localtime', 'start of day', 'utc') AS INTEGER)",
                [],
                |row| row.get(0),
            )?;
            Ok(total)
        })
    }

    fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        read(&self.lock())
            .map_err(|error| said(error, self.busy))
            .with_context(|| format!("the ledger {} cannot be read", self.path.display()))
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

fn connect(path: &Path, busy: Duration) -> Result<Connection> {
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
    connection.busy_timeout(busy)?;
    schema::prepare(&mut connection, busy)?;
    Ok(connection)
}

/// The error in words that say what to do, where SQLite's own do not.
fn said(error: anyhow::Error, busy: Duration) -> anyhow::Error {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let seconds = busy.as_secs_f64();
            anyhow!("another program has held it for more than {seconds} s; end that one")
        }
        Some(ErrorCode::DatabaseCorrupt) => error.context("it is damaged; move the file away to begin a new one"),
        Some(ErrorCode::NotADatabase) => error.context("it is no ledger; move the file away to begin a new one"),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
