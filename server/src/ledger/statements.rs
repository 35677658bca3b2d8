//! What the ledger asks of a database, whichever it is: a statement with values, and the rows that come of it. Statements
//! are written once, in the words that SQLite and PostgreSQL share; their values are `$1`, `$2` and so on.

use anyhow::{Context, Result, bail};

/// A value on its way into a statement or out of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A number without a fraction; SQLite has no other truth.
    Whole(Option<i64>),
    Real(f64),
    /// What a row has none of, whatever it would be, is none of these too.
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// An open database, for one call of the ledger's.
pub(super) trait Statements {
    /// Does it and has its rows.
    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>>;

    /// Does it and says how many rows are new or changed.
    fn change(&mut self, sql: &str, values: &[Value]) -> Result<u64>;

    /// A field of a run's record as a text, in this database's own words.
    fn of_record(&self, field: &str) -> String;

    /// The one row of a statement that always has one.
    fn row(&mut self, sql: &str, values: &[Value]) -> Result<Row> {
        self.rows(sql, values)?.pop().context("a row is missing")
    }
}

/// A row; columns are counted from 0.
#[derive(Debug)]
pub(super) struct Row(pub Vec<Value>);

impl Row {
    pub(super) fn whole(&self, at: usize) -> Result<i64> {
        self.maybe_whole(at)?.with_context(|| format!("column {at} is empty"))
    }

    pub(super) fn maybe_whole(&self, at: usize) -> Result<Option<i64>> {
        match &self.0[at] {
            Value::Whole(number) => Ok(*number),
            Value::Text(None) => Ok(None),
            other => bail!("column {at} is no whole number but {other:?}"),
        }
    }

    /// What can never be below 0.
    pub(super) fn count(&self, at: usize) -> Result<u64> {
        Ok(self.whole(at)?.unsigned_abs())
    }

    pub(super) fn real(&self, at: usize) -> Result<f64> {
        match &self.0[at] {
            Value::Real(number) => Ok(*number),
            other => bail!("column {at} is no number with a fraction but {other:?}"),
        }
    }

    pub(super) fn text(&mut self, at: usize) -> Result<String> {
        match &mut self.0[at] {
            Value::Text(Some(text)) => Ok(std::mem::take(text)),
            other => bail!("column {at} is no text but {other:?}"),
        }
    }

    pub(super) fn bytes(&self, at: usize) -> Result<&[u8]> {
        match &self.0[at] {
            Value::Bytes(bytes) => Ok(bytes),
            other => bail!("column {at} is no bytes but {other:?}"),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(Some(number))
    }
}

/// A database's numbers have a sign; a server may claim any number of tokens.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Whole(None), Self::from)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
