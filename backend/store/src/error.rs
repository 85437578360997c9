//! Faults of the store, each with the next step for the person who sees it.
use crate::journal::RULE_VERSION;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database answered: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("the database can't be reached: {0}. Check that it runs, and its address")]
    Unreachable(sqlx::Error),
    #[error(
        "the journal of the database ends at row {found}, and row {known} is the last that this process knows: another process has written to it, or an older copy has taken its place. Nothing was written. A start goes on from what is there, and `headroom doctor` checks it"
    )]
    OtherJournal { known: i64, found: i64 },
    #[error("the database answered: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(
        "the log of the database can't be written to the disk: {0}. Check the disk and its free space, then restart"
    )]
    Flush(std::io::Error),
    #[error("the thread that writes the database has ended; restart to see what is stored")]
    WriterEnded,
    #[error("the migrations failed: {0}. If this database belongs to a newer version, use that version")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(
        "the database was last used by an earlier version of this program. Start it once with this one (`headroom up`), or read it with that version"
    )]
    Older,
    #[error(
        "the data was written under the rules of another version ({found}, here {RULE_VERSION}), which this program can't read: start with a new --data directory (or DATABASE_URL), and keep the program that wrote the old one to read it"
    )]
    OtherRules { found: i64 },
    #[error("`{0}` is not a database address. Use sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME in DATABASE_URL")]
    Address(String),
    #[error(
        "cannot use the data directory {path}: {source}. Check that it exists, is writable and has free space, or choose another with --data"
    )]
    Directory { path: String, source: std::io::Error },
    #[error(
        "another program has locked {path} ({said}): nothing could be written for 10 s. End what holds it, a shell of SQLite or a backup with an open transaction, then start again. Nothing was changed"
    )]
    Busy { path: String, said: String },
    #[error(
        "{path} is damaged ({said}): what is stored can't be read to its end, so nothing more was checked. Nothing was changed. Restore a backup"
    )]
    Unreadable { path: String, said: String },
    #[error("the directory {0} of DATABASE_URL does not exist. Create it, or correct the path")]
    NoDirectory(String),
    #[error("there is no market: {0} does not exist. Give the directory that `headroom up --data` was started with")]
    NoMarket(String),
    #[error(
        "another process uses {0}. Stop it first, or choose another: a data directory with --data, a database with DATABASE_URL"
    )]
    Locked(String),
    #[error("another process writes to this database: {holder}. Stop it first, or use another database")]
    Leased { holder: String },
    #[error("the database was opened for reading only")]
    ReadOnly,
    #[error("this process lost the lease of the market: its epoch {0} is no longer the present one")]
    LeaseLost(i64),
    #[error(
        "{path} is damaged or not a database of Headroom ({said}). Nothing was changed. Restore a backup, or copy the directory and run `headroom doctor --data COPY` to see what can be read"
    )]
    Damaged { path: String, said: String },
    #[error(
        "{path} is damaged or not a database of Headroom ({said}). Nothing was changed. It holds telemetry, forecasts and sign-ins, and nothing of the market's own: restore a backup of it, or move it away with its -wal and -shm and start again. Everybody signs in again then, and what was measured of the slots under way is lost"
    )]
    DamagedObservations { path: String, said: String },
    #[error(
        "cannot open {path}: {said}. It must be a file that this user may read, in a directory where it may make others; a server must also be allowed to write both"
    )]
    Closed { path: String, said: String },
    #[error(
        "cannot write {path}: {said}. Give this user the right to write the file, its -wal and -shm and its directory, then start again"
    )]
    Unwritable { path: String, said: String },
    #[error(
        "nothing may be written beside {0}, and its log holds what is not in it yet. Copy the directory to where this user may write, and look at the copy with --data COPY"
    )]
    Sealed(String),
    #[error("row {id} of {table} cannot be read: {reason}. Run `headroom doctor`")]
    Corrupt { table: String, id: String, reason: String },
    #[error("compressing the archive failed: {0}")]
    Archive(std::io::Error),
    #[error("Redis answered: {0}")]
    Redis(#[from] redis::RedisError),
}

/// The first digits of PostgreSQL's codes (its manual, appendix A) that speak of its state and not of what was asked: connection,
/// sign-in, state of a transaction, deadlock, resources, locks, an operator, the system.
const PASSING: [&str; 8] = ["08", "25", "28", "40", "53", "55", "57", "58"];

impl StoreError {
    /// Whether the same may succeed later: the database is away, or has no room or time.
    pub fn passes(&self) -> bool {
        match self {
            StoreError::Unreachable(_) | StoreError::Sql(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            StoreError::Sql(sqlx::Error::Database(fault)) => {
                let is_passing = |code: &str| code.len() == 5 && PASSING.iter().any(|class| code.starts_with(class));
                fault
                    .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                    .is_some_and(|fault| is_passing(fault.code()))
            }
            _ => false,
        }
    }
}
