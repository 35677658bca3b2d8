//! A ledger in a PostgreSQL server, shared by several processes. Its calls are made on a thread of its own, so that they
//! may be waited for from anywhere; none is waited for longer than a few seconds, whatever the server does.

use std::str::FromStr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Column, ConnectOptions, Connection, Error, Executor, PgConnection, Postgres, Row as _, TypeInfo};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout_at;

use super::schema;
use super::statements::{Row, Statements, Value};
use crate::config::LedgerOptions;

/// Connections that are kept for the next call. Calls take milliseconds, so more are seldom needed at once.
const KEPT: usize = 2;
/// How long a kept connection may take to say that it still lives.
const ALIVE: Duration = Duration::from_secs(1);

/// A server, contacted by the first call and again by every call after it was gone.
pub(super) struct Server {
    /// What it is called in messages: database and place, nothing secret.
    pub(super) place: String,
    options: PgConnectOptions,
    patience: Duration,
    kept: Mutex<Vec<PgConnection>>,
}

/// One connection, for one call.
pub(super) struct Session {
    /// Gone after the first failure: the server undoes what was not committed.
    connection: Option<PgConnection>,
    until: Instant,
    patience: Duration,
}

impl Server {
    /// The server of this address. Whatever is not in it comes from libpq's variables and password file.
    pub(super) fn new(url: &str, options: &LedgerOptions, patience: Duration) -> Result<Self> {
        let mut connect = PgConnectOptions::from_str(url).map_err(said).context("`ledger.url` cannot be used")?;
        if let Some(name) = &options.password_env {
            let password = std::env::var(name)
                .map_err(|_| anyhow!("the variable {name} that should hold the ledger's password is not set"))?;
            connect = connect.password(&password);
        }
        if connect.get_application_name().is_none() {
            connect = connect.application_name("baton");
        }
        let host = connect.get_socket().map_or_else(|| connect.get_host().into(), |path| path.display().to_string());
        let port = if host.starts_with('/') { String::new() } else { format!(":{}", connect.get_port()) };
        let database = connect.get_database().unwrap_or(connect.get_username());
        let place = format!("{database} on PostgreSQL at {host}{port}");
        Ok(Self { place, options: connect.disable_statement_logging(), patience, kept: Mutex::default() })
    }

    pub(super) fn reading<T>(&self, read: impl FnOnce(&mut dyn Statements) -> Result<T>) -> Result<T> {
        let mut session = self.session()?;
        let done = read(&mut session)?;
        self.keep(session);
        Ok(done)
    }

    /// All of it, or nothing.
    pub(super) fn writing<T>(&self, write: impl FnOnce(&mut dyn Statements) -> Result<T>) -> Result<T> {
        let mut session = self.session()?;
        session.batch("BEGIN")?;
        let done = write(&mut session)?;
        session.batch("COMMIT")?;
        self.keep(session);
        Ok(done)
    }

    fn session(&self) -> Result<Session> {
        let (patience, until) = (self.patience, Instant::now() + self.patience);
        let kept = self.lock().pop();
        if kept.is_some() {
            let mut session = Session { connection: kept, until: until.min(Instant::now() + ALIVE), patience };
            if session.on_server(|connection| connection.ping().boxed()).is_ok() {
                session.until = until;
                return Ok(session);
            }
        }
        let mut session = self.bare(until)?;
        schema::prepare_server(&mut session)?;
        Ok(session)
    }

    /// A new connection, whatever the tables are.
    pub(super) fn bare(&self, until: Instant) -> Result<Session> {
        let (options, patience) = (self.options.clone(), self.patience);
        let connection = waited_for(until, patience, async move { PgConnection::connect_with(&options).await })?;
        let mut session = Session { connection: Some(connection), until, patience };
        // What this process no longer waits for, the server need not do either.
        let millis = patience.as_millis();
        session.batch(&format!(
            "SET statement_timeout = {millis}; SET idle_in_transaction_session_timeout = {millis}; \
             SET client_min_messages = warning"
        ))?;
        Ok(session)
    }

    fn keep(&self, session: Session) {
        let mut kept = self.lock();
        if kept.len() < KEPT {
            kept.extend(session.connection);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Does statements that have no values and no rows.
    pub(super) fn batch(&mut self, sql: &str) -> Result<()> {
        let sql = sql.to_owned();
        self.on_server(move |connection| {
            async move { connection.execute(sqlx::raw_sql(&sql)).await.map(|_| ()) }.boxed()
        })
    }

    fn on_server<T, W>(&mut self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        let mut connection = self.connection.take().context("its connection has failed")?;
        let (connection, done) = waited_for(self.until, self.patience, async move {
            let done = work(&mut connection).await?;
            Ok((connection, done))
        })?;
        self.connection = Some(connection);
        Ok(done)
    }
}

impl Statements for Session {
    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.on_server(move |connection| {
            let work = async move {
                let found = bound(&sql, values).fetch_all(connection).await?;
                found
                    .iter()
                    .map(|row| Ok(Row((0..row.len()).map(|at| value(row, at)).collect::<Result<_, _>>()?)))
                    .collect()
            };
            work.boxed()
        })
    }

    fn change(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.on_server(move |connection| {
            async move { Ok(bound(&sql, values).execute(connection).await?.rows_affected()) }.boxed()
        })
    }

    fn of_record(&self, field: &str) -> String {
        // It reads no JSON that has the one character in it, wherever that is.
        format!(r"CAST(replace(record, '\u0000', '\u003f') AS json) ->> '{field}'")
    }
}

/// Does the work on the ledgers' own thread: the caller's may be one on which nothing can be waited for.
fn waited_for<T: Send + 'static>(
    until: Instant,
    patience: Duration,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T> {
    static RUNTIME: LazyLock<std::io::Result<Runtime>> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).thread_name("ledger").enable_all().build());
    let runtime = RUNTIME.as_ref().map_err(|error| anyhow!("no thread could be started for it: {error}"))?;
    let (answer, answered) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Nobody is left to tell only where the caller has panicked.
        let _ = answer.send(timeout_at(until.into(), work).await);
    });
    match answered.recv() {
        Ok(Ok(done)) => done.map_err(said),
        Ok(Err(_)) => bail!("it did not answer within {} s", patience.as_secs_f64()),
        Err(_) => bail!("its answer could not be read"),
    }
}

fn bound(sql: &str, values: Vec<Value>) -> Query<'_, Postgres, PgArguments> {
    values.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Whole(number) => query.bind(number),
        Value::Real(number) => query.bind(number),
        // The one character that PostgreSQL has no text with; a model may write it all the same.
        Value::Text(text) => query.bind(text.map(|text| text.replace('\0', "\u{fffd}"))),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

fn value(row: &PgRow, at: usize) -> Result<Value, Error> {
    Ok(match row.column(at).type_info().name() {
        "INT8" => Value::Whole(row.try_get(at)?),
        "BOOL" => Value::Whole(row.try_get::<Option<bool>, _>(at)?.map(i64::from)),
        "FLOAT8" => Value::Real(row.try_get(at)?),
        "TEXT" => Value::Text(row.try_get(at)?),
        "BYTEA" => Value::Bytes(row.try_get(at)?),
        other => return Err(Error::Protocol(format!("a column of type {other}"))),
    })
}

/// The error in words that say what to do. No address and no password is in any of them.
fn said(error: Error) -> anyhow::Error {
    match error {
        Error::Io(error) => anyhow!("it cannot be reached: {error}"),
        Error::Tls(error) => anyhow!("there is no safe connection to it: {error}"),
        Error::Configuration(error) => anyhow!("{error}"),
        Error::Database(error) => {
            let message = error.message();
            match error.code().as_deref() {
                Some("28P01" | "28000") => anyhow!("it refuses the user or the password: {message}"),
                Some("3D000") => anyhow!("{message}; make it with `createdb`"),
                Some("42501") => anyhow!("{message}; its tables are for a user who may use them, and make them once"),
                Some("57014") => anyhow!("it took too long: {message}"),
                _ => anyhow!("{message}"),
            }
        }
        error => anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests;
