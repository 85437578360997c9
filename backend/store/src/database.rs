//! Opening a database: which kind, its pools, its migrations, and who may write.
use crate::error::StoreError;
use crate::journal::check_rules;
use crate::lookups::Lookups;
use crate::on_either;
use crate::reach::Reach;
use crate::sqlite_writer::SqliteWriter;
use sqlx::ConnectOptions as _;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// One database of either kind. On SQLite `write` has a single connection.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres { pool: PgPool },
}

/// A transaction on either kind.
pub enum Transaction {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Transaction {
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(t) => t.commit().await?,
            Transaction::Postgres(t) => t.commit().await?,
        }
        Ok(())
    }
}

impl Database {
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            Database::Sqlite { write, .. } => Transaction::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Database::Postgres { pool } => Transaction::Postgres(pool.begin().await?),
        })
    }
    /// The same database with one connection, which reads all that it reads in one transaction.
    async fn into_snapshot(self) -> Result<Database, StoreError> {
        Ok(match self {
            Database::Sqlite { write, read } => {
                read.close().await;
                sqlx::query("BEGIN").execute(&write).await?;
                // The first read decides what all of them see.
                sqlx::query("SELECT 1 FROM sqlite_master LIMIT 1").fetch_optional(&write).await?;
                Database::Sqlite { read: write.clone(), write }
            }
            Database::Postgres { pool } => {
                let one = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
                let one = one.acquire_timeout(BUSY).connect_with((*pool.connect_options()).clone()).await?;
                pool.close().await;
                sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&one).await?;
                Database::Postgres { pool: one }
            }
        })
    }
    pub fn kind(&self) -> &'static str {
        match self {
            Database::Sqlite { .. } => "sqlite",
            Database::Postgres { .. } => "postgres",
        }
    }
    pub async fn close(&self) {
        match self {
            Database::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Database::Postgres { pool } => pool.close().await,
        }
    }
}

/// The observations' database; a type of its own, so that it can't be mistaken for the market's.
#[derive(Clone, Debug)]
pub struct Observations(pub Database);

/// Everything that is stored, opened, migrated and locked.
#[derive(Debug)]
pub struct Store {
    pub market: Database,
    /// On SQLite the one connection that writes the market; `None` on PostgreSQL and for readers.
    pub(crate) writer: Option<SqliteWriter>,
    pub(crate) lookups: Lookups,
    pub observations: Observations,
    /// Held for the life of the process: a second one on the same data exits at once.
    _locks: Vec<File>,
    pub lease: Option<Lease>,
    pub(crate) reach: Reach,
}

/// The right to write on PostgreSQL: an epoch that every transaction checks.
#[derive(Debug)]
pub struct Lease {
    pub holder: String,
    pub epoch: i64,
    /// Holds the lock by which others see that this process lives, and extends the lease; `None` while it is cut off.
    pub(crate) session: Mutex<Option<sqlx::PgConnection>>,
    pub(crate) writing: Mutex<Option<Writing>>,
}

/// The connection that wrote last, and when. To borrow one for each batch, and to give it back, is a round trip each.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) connection: PoolConnection<sqlx::Postgres>,
    pub(crate) used: Instant,
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Address {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Address {
    /// `DATABASE_URL` where it is set, else the file of the data directory.
    pub fn choose(url: Option<&str>, data: &Path) -> Result<Address, StoreError> {
        match url {
            None | Some("") => Ok(Address::Sqlite(data.join("headroom.db"))),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Address::Postgres(url.to_owned()))
            }
            Some(url) => match url.strip_prefix("sqlite://") {
                Some(path) if !path.is_empty() => Ok(Address::Sqlite(PathBuf::from(path))),
                _ => Err(StoreError::Address(hide_password(url))),
            },
        }
    }
}

/// An address without its password, for messages.
pub fn hide_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => match url[scheme + 3..at].find(':') {
            Some(colon) => format!("{}:***{}", &url[..scheme + 3 + colon], &url[at..]),
            None => url.to_owned(),
        },
        _ => url.to_owned(),
    }
}

/// How long a writer waits for a lock before it says so.
const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Opens for writing: locks, migrates.
    pub async fn open(address: &Address, data: &Path) -> Result<Store, StoreError> {
        make_private(data).map_err(|source| directory(data, source))?;
        let own = data.join(LOCK);
        let mut locks = vec![lock(&own, data)?];
        let (market, observations) = match address {
            Address::Sqlite(path) => {
                let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                // A mistyped path must not begin a market of its own.
                if !parent.is_dir() {
                    return Err(StoreError::NoDirectory(parent.display().to_string()));
                }
                // A database elsewhere has a lock of its own: that of the directory whose database it would be.
                let beside = beside(path)?;
                if std::fs::canonicalize(&own).ok().as_deref() != Some(&beside) {
                    locks.push(lock(&beside, path)?);
                }
                let beside = path.with_file_name("observations.db");
                let market = open_sqlite(path, SqliteSynchronous::Full, false).await;
                let market = market.map_err(|error| of_file(path, error))?;
                let observations = open_sqlite(&beside, SqliteSynchronous::Normal, false).await;
                (market, observations.map_err(|error| of_file(&beside, error))?)
            }
            Address::Postgres(url) => (open_postgres(url, "public").await?, open_postgres(url, "observations").await?),
        };
        check_rules(&market).await?;
        migrate(&market, &observations, address).await?;
        let (writer, lease) = match (&market, address) {
            (Database::Sqlite { write, .. }, Address::Sqlite(path)) => {
                // It has migrated and has no more to do.
                write.close().await;
                (Some(SqliteWriter::open(path, BUSY).map_err(|error| of_file(path, error))?), None)
            }
            (Database::Postgres { pool }, _) => (None, Some(crate::lease::acquire(pool, data).await?)),
            (Database::Sqlite { .. }, Address::Postgres(url)) => return Err(StoreError::Address(hide_password(url))),
        };
        let (observations, lookups) = (Observations(observations), Lookups::default());
        let reach = Reach::default();
        let store = Store { market, writer, lookups, observations, _locks: locks, lease, reach };
        store.read_lookups().await?;
        store.read_seen();
        Ok(store)
    }

    /// Ends what is under way and closes every connection.
    pub async fn close(&self) {
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
        if let Some(lease) = &self.lease {
            lease.writing.lock().await.take();
        }
        self.market.close().await;
        self.observations.0.close().await;
    }

    /// Opens for reading only (`doctor`, `replay`): no lock, no migration. What is read is the market as it is now, also
    /// where it goes on meanwhile.
    pub async fn open_read_only(address: &Address) -> Result<Store, StoreError> {
        let (market, observations) = match address {
            Address::Sqlite(path) => {
                if !path.exists() {
                    return Err(StoreError::NoMarket(path.display().to_string()));
                }
                let beside = path.with_file_name("observations.db");
                let market = open_sqlite(path, SqliteSynchronous::Full, true).await;
                let market = market.map_err(|error| of_file(path, error))?;
                let observations = open_sqlite(&beside, SqliteSynchronous::Normal, true).await;
                (market, observations.map_err(|error| of_file(&beside, error))?)
            }
            Address::Postgres(url) => (open_postgres(url, "public").await?, open_postgres(url, "observations").await?),
        };
        check_rules(&market).await?;
        check_version(&market).await?;
        let market = market.into_snapshot().await?;
        let (observations, lookups) = (Observations(observations), Lookups::default());
        let reach = Reach::default();
        Ok(Store { market, writer: None, lookups, observations, _locks: Vec::new(), lease: None, reach })
    }
}

static SQLITE_MARKET: Migrator = sqlx::migrate!("../../migrations/sqlite/market");
static POSTGRES_MARKET: Migrator = sqlx::migrate!("../../migrations/postgres/market");

/// A reader migrates nothing, so it can't read what an earlier version has left.
async fn check_version(market: &Database) -> Result<(), StoreError> {
    let migrations = match market {
        Database::Sqlite { .. } => &SQLITE_MARKET,
        Database::Postgres { .. } => &POSTGRES_MARKET,
    };
    let newest = migrations.iter().map(|m| m.version).max().unwrap_or(0);
    let text = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    let found: Result<(i64,), _> = on_either!(market, pool => sqlx::query_as(text).fetch_one(pool).await);
    match found {
        Ok((version,)) if version < newest => Err(StoreError::Older),
        // What is no database of ours says so itself.
        _ => Ok(()),
    }
}

/// Makes a directory that is not there yet, for nobody else to look into: orders of all members are in it.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn directory(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Directory { path: path.display().to_string(), source }
}

/// The lock of a data directory.
const LOCK: &str = "headroom.lock";

/// The lock of a database file, whatever name of it leads there; `headroom.db` has that of its directory.
fn beside(database: &Path) -> Result<PathBuf, StoreError> {
    let found = std::fs::canonicalize(database).or_else(|_| {
        let parent = database.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::canonicalize(parent).map(|parent| parent.join(database.file_name().unwrap_or_default()))
    });
    found.map(|found| found.with_extension("lock")).map_err(|source| directory(database, source))
}

/// Takes a lock; `whose` is what the message names.
fn lock(path: &Path, whose: &Path) -> Result<File, StoreError> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(|e| directory(whose, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked(whose.display().to_string())),
        Err(std::fs::TryLockError::Error(source)) => Err(directory(whose, source)),
    }
}

async fn open_sqlite(path: &Path, synchronous: SqliteSynchronous, read_only: bool) -> Result<Database, StoreError> {
    // The text of a slow statement says nothing to who reads the log.
    let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
    // Who only reads leaves the log of a crashed server where it is.
    if read_only {
        return match connect_sqlite(options.clone().read_only(true)).await {
            // Even a reader of a log writes beside it, which it can't where nothing may be written.
            Err(StoreError::Sql(fault)) if may_not_write(&fault) => match std::fs::metadata(log_of(path)) {
                Ok(log) if log.len() > 0 => Err(StoreError::Sealed(path.display().to_string())),
                _ => connect_sqlite(options.read_only(true).immutable(true)).await,
            },
            opened => opened,
        };
    }
    connect_sqlite(options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(synchronous)).await
}

/// The log beside a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// `SQLITE_READONLY` and `SQLITE_CANTOPEN`, with whatever is in their upper bits.
fn may_not_write(fault: &sqlx::Error) -> bool {
    let code = fault.as_database_error().and_then(|e| e.code()?.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 8 | 14))
}

async fn connect_sqlite(options: SqliteConnectOptions) -> Result<Database, StoreError> {
    let options =
        options.busy_timeout(BUSY).foreign_keys(true).pragma("cache_size", "-16000").statement_cache_capacity(200);
    // A connection that were opened anew would leave the transaction of a reader.
    let write = SqlitePoolOptions::new().max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
    let write = write.connect_with(options.clone()).await?;
    sqlx::query("SELECT 1 FROM sqlite_master LIMIT 1").fetch_optional(&write).await?;
    let reading = options.pragma("query_only", "1").pragma("cache_size", "-4000");
    let read = SqlitePoolOptions::new().max_connections(4).min_connections(0).connect_lazy_with(reading);
    Ok(Database::Sqlite { write, read })
}

/// A file that may not be written is opened all the same, and refuses what comes first: an order, or a sign-in.
async fn may_write(path: &Path, database: &SqlitePool) -> Result<(), StoreError> {
    let mut transaction = database.begin().await.map_err(|fault| of_file(path, fault.into()))?;
    // To begin a transaction that writes is not refused.
    let written = sqlx::query("CREATE TABLE may_write (row_number INTEGER)").execute(&mut *transaction).await;
    transaction.rollback().await?;
    written.map(|_| ()).map_err(|fault| of_file(path, fault.into()))
}

/// What SQLite says of a file, with the file and the next step.
pub fn of_file(path: &Path, error: StoreError) -> StoreError {
    let said = match &error {
        StoreError::Sql(fault) => fault.to_string(),
        StoreError::Sqlite(fault) => fault.to_string(),
        StoreError::Migrate(fault) => fault.to_string(),
        _ => return error,
    };
    let path_text = path.display().to_string();
    let says = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    if says(&["not a database", "malformed"]) {
        return match path.file_name().is_some_and(|name| name == "observations.db") {
            true => StoreError::DamagedObservations { path: path_text, said },
            false => StoreError::Damaged { path: path_text, said },
        };
    }
    if says(&["unable to open database file"]) {
        return StoreError::Closed { path: path_text, said };
    }
    if says(&["database is locked"]) {
        return StoreError::Busy { path: path_text, said };
    }
    if says(&["readonly database"]) {
        return StoreError::Unwritable { path: path_text, said };
    }
    error
}

async fn open_postgres(url: &str, schema: &'static str) -> Result<Database, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Address(hide_password(url)))?;
    let options = options.options([("search_path", schema)]);
    let opened = PgPoolOptions::new().max_connections(6).acquire_timeout(BUSY).connect_with(options.clone()).await;
    let pool = match opened {
        // What it was that it tried again and again it does not say.
        Err(sqlx::Error::PoolTimedOut) => {
            let again = tokio::time::timeout(Duration::from_secs(2), options.connect()).await;
            return Err(again.ok().and_then(Result::err).unwrap_or(sqlx::Error::PoolTimedOut).into());
        }
        opened => opened?,
    };
    if schema != "public" {
        sqlx::query("CREATE SCHEMA IF NOT EXISTS observations").execute(&pool).await?;
    }
    Ok(Database::Postgres { pool })
}

async fn migrate(market: &Database, observations: &Database, address: &Address) -> Result<(), StoreError> {
    match (market, observations) {
        (Database::Sqlite { write, .. }, Database::Sqlite { write: observing, .. }) => {
            let Address::Sqlite(path) = address else { return Err(StoreError::ReadOnly) };
            let beside = path.with_file_name("observations.db");
            SQLITE_MARKET.run(write).await.map_err(|error| of_file(path, error.into()))?;
            let observed = sqlx::migrate!("../../migrations/sqlite/observations").run(observing).await;
            observed.map_err(|error| of_file(&beside, error.into()))?;
            may_write(path, write).await?;
            may_write(&beside, observing).await?;
        }
        (Database::Postgres { pool }, Database::Postgres { pool: observing }) => {
            POSTGRES_MARKET.run(pool).await?;
            sqlx::migrate!("../../migrations/postgres/observations").run(observing).await?;
        }
        _ => return Err(StoreError::Address("two kinds of database".to_owned())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two data directories may name one database: by its path, by a link, or as that of one of them.
    #[tokio::test]
    async fn a_database_has_one_writer_whatever_its_data_directory() {
        let folder = tempfile::tempdir().expect("a directory");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for (first, second) in [
            (folder.path().join("shared.db"), folder.path().join("shared.db")),
            (folder.path().join("shared.db"), folder.path().join("link.db")),
            (one.join("headroom.db"), one.join("headroom.db")),
        ] {
            let store = Store::open(&Address::Sqlite(first.clone()), &one).await.expect("nobody has it");
            if !second.exists() {
                std::os::unix::fs::symlink(&first, &second).expect("a link");
            }
            let address = Address::Sqlite(second);
            let error = Store::open(&address, &two).await.expect_err("somebody has it");
            assert!(matches!(error, StoreError::Locked(_)), "{error}");
            store.close().await;
            drop(store);
            Store::open(&address, &two).await.expect("nobody has it any more").close().await;
        }
    }

    #[tokio::test]
    async fn old_events_are_removed_in_portions_and_new_ones_stay() {
        let folder = tempfile::tempdir().expect("a directory");
        let address = Address::Sqlite(folder.path().join("headroom.db"));
        let store = Store::open(&address, folder.path()).await.expect("a fresh one");
        let event = |id: i64| crate::write::OutboxRow {
            id,
            kind: "order.accepted",
            participant: None,
            object: "bid_1".to_owned(),
            data: "{}".to_owned(),
            created_at: id,
        };
        let batch = crate::write::Batch { outbox: (1..=4100).map(event).collect(), ..Default::default() };
        store.commit(batch).await.expect("the disk is there");
        assert_eq!(store.prune_stream(4001).await.expect("it is there"), 4000);
        assert_eq!(store.prune_stream(4001).await.expect("it is there"), 0);
        assert_eq!(store.prune_stream(9000).await.expect("it is there"), 100);
        store.close().await;
    }

    /// Who examines what a crash has left changes nothing of it.
    #[tokio::test]
    async fn a_reader_leaves_the_log_of_a_crash_as_it_is() {
        let folder = tempfile::tempdir().expect("a directory");
        let (live, left) = (folder.path().join("live"), folder.path().join("left"));
        let store = Store::open(&Address::Sqlite(live.join("headroom.db")), &live).await.expect("a fresh one");
        let row = crate::journal::JournalRow {
            sequence: 1,
            recorded_at: 0,
            actor: "exchange".to_owned(),
            idempotency: None,
            request_hash: None,
            command: "{}".to_owned(),
            events: "[]".to_owned(),
            reply: "{}".to_owned(),
            rule_version: crate::journal::RULE_VERSION,
            chain_hash: String::new(),
        };
        let batch = crate::write::Batch { journal: vec![row], ..Default::default() };
        store.commit(batch).await.expect("the disk is there");
        std::fs::create_dir(&left).expect("a directory");
        let files = ["headroom.db", "headroom.db-wal", "observations.db", "observations.db-wal"];
        for file in files {
            std::fs::copy(live.join(file), left.join(file)).expect("a copy of what is there in the middle of it");
        }
        let bytes = || files.map(|file| std::fs::read(left.join(file)).expect("it is there"));
        let before = bytes();
        assert!(before.iter().all(|file| !file.is_empty()));
        let reader = Store::open_read_only(&Address::Sqlite(left.join("headroom.db"))).await.expect("it can be read");
        assert_eq!(reader.journal_after(0, 10).await.expect("it is read").len(), 1);
        reader.close().await;
        assert!(before == bytes(), "a file was changed");
    }

    #[test]
    fn addresses_are_told_apart_and_passwords_hidden() {
        let data = Path::new("data");
        assert!(matches!(Address::choose(None, data), Ok(Address::Sqlite(p)) if p.ends_with("headroom.db")));
        assert!(matches!(Address::choose(Some("postgres://a@b/c"), data), Ok(Address::Postgres(_))));
        let wrong = Address::choose(Some("mysql://me:secret@host/db"), data).unwrap_err().to_string();
        assert!(wrong.contains("me:***@host") && !wrong.contains("secret"), "{wrong}");
    }
}
