//! A ledger in a file of this machine, by SQLite: for one user and all of their windows.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql, TransactionBehavior};

use super::schema;
use super::statements::{Row, Statements, Value};

/// The open file.
pub(super) struct File {
    pub(super) path: PathBuf,
    connection: Mutex<Connection>,
    busy: Duration,
}

impl File {
    /// Opens the file, made with its folder if need be, readable by its owner only. Another process may hold it so long
    /// before a call is given up.
    pub(super) fn open(path: &Path, busy: Duration) -> Result<Self> {
        let connection = connect(path, busy).map_err(|error| said(error, busy))?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection), busy })
    }

    pub(super) fn reading<T>(&self, read: impl FnOnce(&mut dyn Statements) -> Result<T>) -> Result<T> {
        read(&mut Direct(&self.lock())).map_err(|error| said(error, self.busy))
    }

    /// All of it, or nothing.
    pub(super) fn writing<T>(&self, write: impl FnOnce(&mut dyn Statements) -> Result<T>) -> Result<T> {
        let written = || -> Result<T> {
            let mut connection = self.lock();
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = write(&mut Direct(&change))?;
            change.commit()?;
            Ok(done)
        };
        written().map_err(|error| said(error, self.busy))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Direct<'a>(&'a Connection);

impl Direct<'_> {
    fn prepared(&self, sql: &str, values: &[Value]) -> Result<CachedStatement<'_>> {
        let mut statement = self.0.prepare_cached(sql)?;
        for (at, value) in values.iter().enumerate() {
            // To SQLite these are names.
            let name = format!("${}", at + 1);
            let index = statement.parameter_index(&name)?.with_context(|| format!("{name} has no place"))?;
            statement.raw_bind_parameter(index, value)?;
        }
        Ok(statement)
    }
}

impl Statements for Direct<'_> {
    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.prepared(sql, values)?;
        let columns = statement.column_count();
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(Row((0..columns).map(|at| value(row.get_ref(at)?)).collect::<Result<_>>()?));
        }
        Ok(rows)
    }

    fn change(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        Ok(self.prepared(sql, values)?.raw_execute()? as u64)
    }

    fn of_record(&self, field: &str) -> String {
        format!("record ->> '$.{field}'")
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Whole(number) => number.to_sql(),
            Self::Real(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Bytes(bytes) => bytes.to_sql(),
        }
    }
}

fn value(found: ValueRef<'_>) -> Result<Value> {
    Ok(match found {
        ValueRef::Null => Value::Text(None),
        ValueRef::Integer(number) => Value::Whole(Some(number)),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(Some(std::str::from_utf8(text)?.to_owned())),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
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

/// When today began, in milliseconds since 1970: SQLite knows this machine's time zone, and a server may be in another.
pub(super) fn midnight() -> Result<i64> {
    let sql = "SELECT 1000 * CAST(strftime('%s', 'now', 'localtime', 'start of day', 'utc') AS INTEGER)";
    Ok(Connection::open_in_memory()?.query_row(sql, [], |row| row.get(0))?)
}
