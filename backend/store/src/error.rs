//! Faults of the store, each with the next step for the person who sees it.

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database answered: {0}")]
    Sql(#[from] sqlx::Error),
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
