//! The record of runs: what `baton runs` shows and what the conductor learns from. It is a file by SQLite, or tables of a
//! PostgreSQL server that several processes share; both are asked in the same words. No run depends on it: every error
//! here is a sentence that the run passes on and survives.

mod past;
mod postgres;
mod record;
mod schema;
mod sqlite;
mod statements;
mod stats;
mod write;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use crate::run::Texts;
pub use past::{PastAttempt, PastRun};
pub use record::{Embedding, Neighbour, Row, RunRecord, hash, new_id};
pub use stats::{Stats, Strongest, WorkerStats};

use crate::config::{Config, LedgerOptions};
use postgres::Server;
use sqlite::File;
use statements::Statements;

/// How long a call waits for another process that holds the file, or for the server. Calls take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open ledger. Every call blocks for milliseconds, at worst for five seconds.
pub struct Ledger(Store);

enum Store {
    File(File),
    Server(Box<Server>),
}

impl Ledger {
    /// The ledger of this configuration. A file is made if need be; a server is contacted by the first call only, so that
    /// one which is away for a while is used again when it is back.
    pub fn of(config: &Config) -> Result<Self> {
        match &config.ledger.url {
            Some(url) => Self::shared(url, &config.ledger, PATIENCE),
            None => Self::open(&config.places.ledger_file),
        }
    }

    /// The same for who only looks: `None` where no run has made the file yet.
    pub fn existing(config: &Config) -> Result<Option<Self>> {
        let is_there = config.ledger.url.is_some() || config.places.ledger_file.exists();
        is_there.then(|| Self::of(config)).transpose()
    }

    /// Opens the file, made with its folder if need be, readable by its owner only.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_within(path, PATIENCE)
    }

    fn open_within(path: &Path, busy: Duration) -> Result<Self> {
        let file = File::open(path, busy).with_context(|| cannot_be_used(&path.display().to_string()))?;
        Ok(Self(Store::File(file)))
    }

    fn shared(url: &str, options: &LedgerOptions, patience: Duration) -> Result<Self> {
        let server = Server::new(url, options, patience).with_context(|| cannot_be_used("on PostgreSQL"))?;
        Ok(Self(Store::Server(Box::new(server))))
    }

    /// Which ledger it is, in words; without a password.
    pub fn place(&self) -> String {
        match &self.0 {
            Store::File(file) => file.path.display().to_string(),
            Store::Server(server) => server.place.clone(),
        }
    }

    /// How many runs are recorded.
    pub fn count(&self) -> Result<u64> {
        self.reading(|on| on.row("SELECT count(*) FROM runs", &[])?.count(0))
    }

    /// The newest runs, newest first.
    pub fn list(&self, limit: usize) -> Result<Vec<RunRecord>> {
        let sql = "SELECT record FROM runs ORDER BY started DESC, id DESC LIMIT $1";
        self.reading(|on| records(on.rows(sql, &[limit.into()])?))
    }

    /// The run with this identifier, or the only one whose identifier begins so. `Err` when several do.
    pub fn get(&self, id: &str) -> Result<Option<RunRecord>> {
        // The shortest first: the whole of one may be the beginning of another.
        let sql = "SELECT record FROM runs WHERE substr(id, 1, length($1)) = $1 ORDER BY length(id) LIMIT 2";
        let found = self.reading(|on| records(on.rows(sql, &[id.into()])?))?;
        if found.len() > 1 && found[0].id != id {
            bail!("several runs begin with `{id}`; `baton runs` lists them");
        }
        Ok(found.into_iter().next())
    }

    /// What was kept of a run's prompts and replies, by the steps' numbers; nothing unless the user said so then.
    pub fn texts(&self, id: &str) -> Result<Vec<(usize, Texts)>> {
        self.reading(|on| {
            let rows = on.rows("SELECT step, prompt, reply FROM texts WHERE run = $1 ORDER BY step", &[id.into()])?;
            let texts = rows.into_iter().map(|mut row| {
                let number = usize::try_from(row.whole(0)?).unwrap_or_default();
                Ok((number, Texts { prompt: row.text(1)?, reply: row.text(2)? }))
            });
            texts.collect()
        })
    }

    /// US dollars of the runs started since midnight, local time.
    pub fn spent_today(&self) -> Result<f64> {
        self.reading(|on| {
            let sql = "SELECT coalesce(sum(usd), 0.0) FROM runs WHERE started >= $1";
            on.row(sql, &[sqlite::midnight()?.into()])?.real(0)
        })
    }

    fn reading<T>(&self, read: impl FnOnce(&mut dyn Statements) -> Result<T>) -> Result<T> {
        let done = match &self.0 {
            Store::File(file) => file.reading(read),
            Store::Server(server) => server.reading(read),
        };
        done.with_context(|| format!("the ledger {} cannot be read", self.place()))
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ledger").field(&self.place()).finish()
    }
}

fn records(rows: Vec<statements::Row>) -> Result<Vec<RunRecord>> {
    rows.into_iter().map(|mut row| Ok(serde_json::from_str(&row.text(0)?)?)).collect()
}

fn cannot_be_used(place: &str) -> String {
    format!("the ledger {place} cannot be used; Baton works without it, but will not learn")
}

#[cfg(test)]
mod tests;
