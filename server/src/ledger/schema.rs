//! The tables, and how a ledger of an older Baton becomes one of today's.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::postgres::Session;
use super::statements::Statements;

/// Step `n` takes a ledger from version `n` to `n + 1`. Steps are added, never changed: some user's
/// ledger is at every one of them. They are in SQLite's words; [`for_server`] makes PostgreSQL's of them.
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
    for step in missing(steps, version(&change)?, "move the file away")? {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(change.commit()?)
}

/// The steps from this version on; `instead` is what to do, other than using the Baton that knows more of them.
fn missing<'s>(steps: &'s [&'s str], from: usize, instead: &str) -> Result<&'s [&'s str]> {
    let Some(missing) = steps.get(from..) else {
        let known = steps.len();
        bail!("a newer Baton wrote it (version {from}, this one knows {known}); use that one, or {instead}");
    };
    Ok(missing)
}

fn version(connection: &Connection) -> Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// What holds others back while one process changes the tables: "baton" in ASCII.
const LOCK: u64 = 0x62_61_74_6f_6e;

/// Brings the tables of a server up to date; of processes that come at once, one does it and the others wait.
pub fn prepare_server(session: &mut Session) -> Result<()> {
    migrate_server(session, STEPS)
}

fn migrate_server(session: &mut Session, steps: &[&str]) -> Result<()> {
    if server_version(session)? == Some(steps.len()) {
        return Ok(());
    }
    session.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
    // Another process may have been here while we waited.
    let from = server_version(session)?;
    if from.is_none() {
        session.batch("CREATE TABLE ledger (version BIGINT NOT NULL); INSERT INTO ledger VALUES (0)")?;
    }
    for step in missing(steps, from.unwrap_or_default(), "name another database")? {
        session.batch(&for_server(step))?;
    }
    session.batch(&format!("UPDATE ledger SET version = {}; COMMIT", steps.len()))
}

/// `None` before the first step. SQLite keeps this number by itself.
fn server_version(session: &mut Session) -> Result<Option<usize>> {
    // The catalogue itself: `to_regclass` would repeat what it found before we waited for the lock.
    let sql = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'ledger' AND pg_table_is_visible(oid)";
    if session.row(sql, &[])?.whole(0)? == 0 {
        return Ok(None);
    }
    let version = session.row("SELECT version FROM ledger", &[])?.whole(0)?;
    Ok(Some(usize::try_from(version).unwrap_or(usize::MAX)))
}

/// The same tables by PostgreSQL's names for what they are made of; it is as strict as SQLite is asked to be.
fn for_server(step: &str) -> String {
    let words = [
        (" INTEGER", " BIGINT"),
        (" REAL", " DOUBLE PRECISION"),
        (" BLOB", " BYTEA"),
        (" STRICT, WITHOUT ROWID;", ";"),
        (" STRICT;", ";"),
    ];
    words.iter().fold(step.to_owned(), |step, (from, to)| step.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SERVER, on_server};
    use super::super::{PATIENCE, Store};
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

    #[test]
    fn the_tables_of_a_server_are_those_of_a_file() {
        let url = SERVER.database();
        on_server(&url).count().unwrap();
        let of_server = SERVER.sql(
            &url,
            "SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name != 'ledger'
             ORDER BY table_name, ordinal_position",
        );
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection, Duration::ZERO).unwrap();
        let sql = "SELECT tables.name || ' ' || columns.name || ' ' || columns.type || ' ' || CASE \"notnull\" OR pk WHEN 0 THEN 'YES' ELSE 'NO' END
                   FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
                   WHERE tables.name NOT LIKE 'sqlite%' ORDER BY tables.name, cid";
        let mut rows = connection.prepare(sql).unwrap();
        let of_file: Vec<String> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let names = [("INTEGER", "bigint"), ("REAL", "double precision"), ("BLOB", "bytea"), ("TEXT", "text")];
        let of_file = names.iter().fold(of_file.join("\n"), |all, (from, to)| all.replace(from, to));
        assert_eq!(of_server, of_file);
    }

    #[test]
    fn an_older_ledger_on_a_server_gets_the_missing_steps_and_keeps_what_it_has() {
        let url = SERVER.database();
        let ledger = on_server(&url);
        let Store::Server(server) = &ledger.0 else { panic!("it is a server") };
        let mut session = server.bare(Instant::now() + PATIENCE).unwrap();
        migrate_server(&mut session, &STEPS[..1]).unwrap();
        session
            .batch("INSERT INTO runs VALUES ('old', 1, 0.5, 2, '{}'); INSERT INTO steps VALUES ('old', 1, 'w', 'worker', 'verified', 1, 2, 3, 0.25, 4)")
            .unwrap();
        assert_eq!(ledger.stats(0).unwrap().workers[0].solved, 1);
        assert_eq!(SERVER.sql(&url, "SELECT version FROM ledger"), STEPS.len().to_string());
    }

    #[test]
    fn a_step_that_fails_changes_nothing_on_a_server() {
        let url = SERVER.database();
        let ledger = on_server(&url);
        let Store::Server(server) = &ledger.0 else { panic!("it is a server") };
        let old = "CREATE TABLE old (x INTEGER);";
        migrate_server(&mut server.bare(Instant::now() + PATIENCE).unwrap(), &[old]).unwrap();
        assert!(
            migrate_server(&mut server.bare(Instant::now() + PATIENCE).unwrap(), &[old, "DROP TABLE old;", "not SQL;"])
                .is_err()
        );
        assert_eq!(SERVER.sql(&url, "SELECT version, (SELECT count(*) FROM old) FROM ledger"), "1|0");
    }

    #[test]
    fn a_newer_ledger_on_a_server_is_left_alone() {
        let url = SERVER.database();
        SERVER.sql(&url, "CREATE TABLE ledger (version BIGINT NOT NULL); INSERT INTO ledger VALUES (99)");
        let error = format!("{:#}", on_server(&url).count().unwrap_err());
        let newer = "a newer Baton wrote it (version 99, this one knows 2); use that one, or name another database";
        assert!(error.ends_with(newer), "{error}");
    }

    #[test]
    fn processes_that_come_at_once_change_the_tables_once() {
        let url = SERVER.database();
        let start = std::sync::Barrier::new(6);
        // A step that cannot be done twice.
        let steps = ["CREATE TABLE old (x INTEGER);", "INSERT INTO old VALUES (7);"];
        std::thread::scope(|threads| {
            for _ in 0..6 {
                threads.spawn(|| {
                    let ledger = on_server(&url);
                    let Store::Server(server) = &ledger.0 else { panic!("it is a server") };
                    let mut session = server.bare(Instant::now() + PATIENCE).unwrap();
                    start.wait();
                    migrate_server(&mut session, &steps).unwrap();
                });
            }
        });
        assert_eq!(SERVER.sql(&url, "SELECT x FROM old"), "7");
    }
}
