//! The one place where SQL meets a database: macros that run the same text on either, and
//! inserts of many rows. An insert is the same table, columns and conflict clause on either; only
//! how its rows are handed over differs, see [`Insert`].
use crate::database::Transaction;
use crate::error::StoreError;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

/// Runs `$body` with `$pool` bound to the pool of whichever database it is.
#[macro_export]
macro_rules! on_either {
    ($database:expr, $pool:ident => $body:expr) => {
        match $database {
            $crate::Database::Sqlite { read: $pool, .. } => $body,
            $crate::Database::Postgres { pool: $pool } => $body,
        }
    };
}

/// The same for a transaction.
#[macro_export]
macro_rules! in_either {
    ($transaction:expr, $connection:ident => $body:expr) => {
        match $transaction {
            $crate::database::Transaction::Sqlite(t) => {
                let $connection = &mut **t;
                $body
            }
            $crate::database::Transaction::Postgres(t) => {
                let $connection = &mut **t;
                $body
            }
        }
    };
}

/// A column value; the only kinds there are.
#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    MaybeText(Option<String>),
    Integer(i64),
    MaybeInteger(Option<i64>),
    Blob(Vec<u8>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}
impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Value::MaybeText(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}
impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Value::MaybeInteger(number)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(bytes)
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::MaybeText(Some(text)) => Some(text),
            _ => None,
        }
    }
    fn number(&self) -> Option<i64> {
        match self {
            Value::Integer(number) | Value::MaybeInteger(Some(number)) => Some(*number),
            _ => None,
        }
    }
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Text(text) | Value::MaybeText(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Integer(number) | Value::MaybeInteger(Some(number)) => ValueRef::Integer(*number),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
            Value::MaybeText(None) | Value::MaybeInteger(None) => ValueRef::Null,
        }))
    }
}

/// Rows a statement on an asynchronous SQLite pool. Any number would never stay prepared.
const CHUNKS: [usize; 4] = [64, 16, 4, 1];

/// A table to insert into. On PostgreSQL, where a statement is a round trip, all rows go as one
/// array a column, and where they can those of all tables go [together]; on SQLite row by row or in chunks.
#[derive(Clone, Copy, Debug)]
pub struct Insert {
    pub table: &'static str,
    pub columns: &'static [&'static str],
    /// What follows the values, such as an ON CONFLICT clause.
    pub tail: &'static str,
}

impl Insert {
    fn text(&self, rows: usize) -> &'static str {
        type Texts = Mutex<HashMap<(&'static str, &'static str, usize), &'static str>>;
        static TEXTS: OnceLock<Texts> = OnceLock::new();
        let texts = TEXTS.get_or_init(Mutex::default);
        let mut texts = texts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // One leak a table and chunk size, for the life of the process.
        texts.entry((self.table, self.tail, rows)).or_insert_with(|| self.build(rows).leak())
    }

    fn build(&self, rows: usize) -> String {
        let width = self.columns.len();
        if rows == 0 {
            return self.of_arrays(1);
        }
        let one = |row: usize| {
            let marks: Vec<String> = (0..width).map(|c| format!("${}", row * width + c + 1)).collect();
            format!("({})", marks.join(","))
        };
        let values: Vec<String> = (0..rows).map(one).collect();
        format!("INSERT INTO {} ({}) VALUES {} {}", self.table, self.columns.join(","), values.join(","), self.tail)
    }

    /// Its rows are arrays, one a column, in the parameters from `first` on.
    fn of_arrays(&self, first: usize) -> String {
        let marks: Vec<String> = (first..first + self.columns.len()).map(|n| format!("${n}")).collect();
        let (columns, marks) = (self.columns.join(","), marks.join(","));
        format!("INSERT INTO {} ({columns}) SELECT * FROM UNNEST({marks}) {}", self.table, self.tail)
    }

    /// Binds rows as arrays, one a column.
    fn bind<'q>(&self, mut query: Query<'q>, rows: &'q [Vec<Value>]) -> Query<'q> {
        for column in 0..self.columns.len() {
            let values = || rows.iter().filter_map(|row| row.get(column));
            query = match values().next() {
                Some(Value::Integer(_) | Value::MaybeInteger(_)) => {
                    query.bind(values().map(Value::number).collect::<Vec<Option<i64>>>())
                }
                Some(Value::Blob(_)) => query.bind(values().map(Value::bytes).collect::<Vec<Option<&[u8]>>>()),
                _ => query.bind(values().map(Value::text).collect::<Vec<Option<&str>>>()),
            };
        }
        query
    }

    /// Inserts all rows; each must have one value a column.
    pub async fn run(&self, transaction: &mut Transaction, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        match transaction {
            Transaction::Sqlite(transaction) => self.run_in_chunks(transaction, rows).await,
            Transaction::Postgres(transaction) => self.run_as_arrays(transaction, rows).await,
        }
    }

    async fn run_in_chunks(
        &self,
        connection: &mut sqlx::SqliteConnection,
        mut rows: &[Vec<Value>],
    ) -> Result<(), StoreError> {
        for size in CHUNKS {
            while rows.len() >= size {
                let (chunk, rest) = rows.split_at(size);
                let mut query = sqlx::query(self.text(size));
                for value in chunk.iter().flatten() {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::MaybeText(text) => query.bind(text),
                        Value::Integer(number) => query.bind(number),
                        Value::MaybeInteger(number) => query.bind(number),
                        Value::Blob(bytes) => query.bind(bytes),
                    };
                }
                query.execute(&mut *connection).await?;
                rows = rest;
            }
        }
        Ok(())
    }

    async fn run_as_arrays(&self, connection: &mut sqlx::PgConnection, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        // Zero rows stands for the text with arrays.
        self.bind(sqlx::query(self.text(0)), rows).execute(connection).await?;
        Ok(())
    }

    /// The same where a statement is a call and not a round trip: row by row.
    pub fn run_here(&self, transaction: &rusqlite::Transaction<'_>, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = transaction.prepare_cached(self.text(1))?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// PostgreSQL: rows of several tables, each once, in one statement. Outside a transaction that is one by itself: one
/// round trip, where each table, the begin and the commit would be one each. `guard` is a statement that returns a row
/// where the rows may be written, with `numbers` as its first parameters; `false` where it returns none, and nothing is
/// written then.
pub async fn together(
    connection: &mut sqlx::PgConnection,
    guard: &str,
    numbers: &[i64],
    tables: &[(Insert, Vec<Vec<Value>>)],
) -> Result<bool, StoreError> {
    let tables = || tables.iter().filter(|(_, rows)| !rows.is_empty());
    let mut text = format!("WITH guard AS ({guard})");
    let mut first = numbers.len() + 1;
    for (insert, _) in tables() {
        text += &format!(", {}_rows AS ({})", insert.table, insert.of_arrays(first));
        first += insert.columns.len();
    }
    // Whatever the guard says all of it is carried out: without a row the division undoes it.
    text += " SELECT 1 / COUNT(*) FROM guard";
    let query = numbers.iter().fold(sqlx::query(constant(text)), |query, number| query.bind(*number));
    let query = tables().fold(query, |query, (insert, rows)| insert.bind(query, rows));
    match query.execute(connection).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DIVISION_BY_ZERO) => Ok(false),
        other => other.map(|_| true).map_err(StoreError::from),
    }
}

/// The code of PostgreSQL's manual, appendix A.
const DIVISION_BY_ZERO: &str = "22012";

/// Marks a text that was put together from constants of this crate.
pub fn constant(text: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(text)
}
