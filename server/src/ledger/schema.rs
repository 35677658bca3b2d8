//! The tables, and how a ledger of an older Baton becomes one of today's.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// Step `n` takes a ledger from version `n` to `n + 1`. Steps are added, never changed: some user's
/// ledger is at every one of them.
const STEPS: &[&str] = &[
    "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        started INTEGER NOT NULL, -- milliseconds since 1970
        usd REAL NOT NULL,
        ms INTEGER NOT NULL,
        record TEXT NOT NULL -- the whole of it, as JSON
    ) STRICT;
    CREATE INDEX runs_started ON runs (started);
    CREATE TABLE steps (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        number INTEGER NOT NULL, -- from 1
        worker TEXT NOT NULL,
        role TEXT NOT NULL,
        status TEXT NOT NULL,
        solved INTEGER, -- absent where it says nothing of the worker
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        usd REAL NOT NULL,
        ms INTEGER NOT NULL,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE embeddings (
        run TEXT NOT NULL UNIQUE REFERENCES runs ON DELETE CASCADE,
        model TEXT NOT NULL,
        vector BLOB NOT NULL -- f32, little-endian
    ) STRICT;
",
    "
    ALTER TABLE runs ADD COLUMN policy TEXT NOT NULL DEFAULT ''; -- empty where the conductor decided
    ALTER TABLE steps ADD COLUMN depth INTEGER NOT NULL DEFAULT 0; -- level of recursion
    ALTER TABLE steps ADD COLUMN began_ms INTEGER; -- from the run's start; absent in runs of earlier versions
    ALTER TABLE steps ADD COLUMN tokens_cached INTEGER NOT NULL DEFAULT 0; -- of tokens_in
    ALTER TABLE steps ADD COLUMN prompt_hash TEXT NOT NULL DEFAULT '';
    ALTER TABLE steps ADD COLUMN access TEXT; -- as JSON; absent where no plan says it
    CREATE TABLE texts (
        run TEXT NOT NULL,
        step INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        reply TEXT NOT NULL,
        PRIMARY KEY (run, step),
        FOREIGN KEY (run, step) REFERENCES steps (run, number) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
",
];

/// Sets a fresh connection up and brings the tables up to date.
pub fn prepare(connection: &mut Connection, busy: Duration) -> Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // A power cut may cost the last runs, never the file.
    connection.pragma_update(None, "synchronous", "normal")?;
    write_ahead(connection, busy)?;
    migrate(connection, STEPS)
}

/// Readers and a writer at once. Kept in the file, so it is set once; SQLite does not wait for others here.
fn write_ahead(connection: &Connection, busy: Duration) -> Result<()> {
    let patience = Instant::now() + busy;
    loop {
        let set = connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()));
        match set {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if matches!(error.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                    && Instant::now() < patience =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return Ok(other?),
        }
    }
}

fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<()> {
    if version(connection)? == steps.len() {
        return Ok(());
    }
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been here while we waited.
    let from = version(&change)?;
    let Some(missing) = steps.get(from..) else {
        bail!(
            "a newer Baton wrote it (version {from}, this one knows {}); use that one, or move the file away",
            steps.len()
        );
    };
    for step in missing {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(change.commit()?)
}

fn version(connection: &Connection) -> Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_ledger_gets_the_missing_steps_and_keeps_what_it_has() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE old (x); INSERT INTO old VALUES (7);";
        migrate(&mut connection, &[first]).unwrap();
        let grown =
            [first, "ALTER TABLE old ADD COLUMN y DEFAULT 8;", "CREATE TABLE new AS SELECT x + y AS z FROM old;"];
        migrate(&mut connection, &grown).unwrap();
        migrate(&mut connection, &grown).unwrap();
        assert_eq!(connection.query_row("SELECT z FROM new", [], |row| row.get(0)), Ok(15));
        assert_eq!(version(&connection).unwrap(), 3);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE old (x);";
        migrate(&mut connection, &[first]).unwrap();
        assert!(migrate(&mut connection, &[first, "DROP TABLE old;", "not SQL;"]).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert_eq!(connection.query_row("SELECT count(*) FROM old", [], |row| row.get(0)), Ok(0));
    }

    #[test]
    fn a_newer_ledger_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = prepare(&mut connection, Duration::ZERO).unwrap_err().to_string();
        assert_eq!(error, "a newer Baton wrote it (version 99, this one knows 2); use that one, or move the file away");
    }
}
