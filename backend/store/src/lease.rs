//! Who may write on PostgreSQL: a row with an epoch that every transaction checks and extends.
//!
//! Times are the database's own, so the clocks of two machines don't matter. A holder that
//! died is succeeded when its lease has run out, or at once where the database knows that it is
//! gone: a session of the holder keeps an advisory lock, and the lock goes with the process. That
//! session alone may be cut off while its process lives, so the lease has to be silent for a
//! heartbeat too. One that only slept finds its epoch gone.
use crate::database::{Database, Lease, Writing};
use crate::error::StoreError;
use crate::sql::{Insert, Value, together};
use crate::write::Ends;
use crate::{Store, in_either};
use sqlx::{ConnectOptions as _, PgPool};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a lease lasts without being extended.
const LEASE_MICROS: i64 = 6_000_000;
/// An idle holder extends it this often.
pub const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// A database that does not answer for as long is away: the lease could run out.
const NO_ANSWER: Duration = Duration::from_secs(4);
/// A successor waits this long for a dead holder's lease to run out.
const PATIENCE: Duration = Duration::from_secs(8);

/// The advisory lock of a holder's session: "headroom" in ASCII. Locks are of one database.
const PRESENCE: i64 = i64::from_be_bytes(*b"headroom");

/// A holder that lives has extended its lease within this time.
const SILENCE: Duration = Duration::from_millis(2_000);

/// A connection that was idle for as long may be gone, as its server may: it is given back, and one that was tried taken.
const LONG_IDLE: Duration = Duration::from_secs(1);

const NOW: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// Takes the lease. A living holder's is waited for, in case it has died and the database has not
/// noticed yet.
pub async fn acquire(pool: &PgPool, data: &Path) -> Result<Lease, StoreError> {
    let holder = format!("process {} with data in {}", std::process::id(), data.display());
    let text = format!(
        "INSERT INTO lease (name, holder, epoch, expires_at) VALUES ('market', $1, 1, {NOW} + $2)
         ON CONFLICT (name) DO UPDATE SET holder = $1, epoch = lease.epoch + 1, expires_at = {NOW} + $2
         WHERE lease.expires_at < {NOW} OR $3 RETURNING epoch"
    );
    let mut session = pool.acquire().await?.detach();
    let started = tokio::time::Instant::now();
    let (mut seen, mut silent_since) = (None, started);
    let mut told = false;
    loop {
        let lock = "SELECT pg_try_advisory_lock($1)";
        let (alone,): (bool,) = sqlx::query_as(lock).bind(PRESENCE).fetch_one(&mut session).await?;
        let expiry = "SELECT expires_at FROM lease WHERE name = 'market'";
        let expires: Option<(i64,)> = sqlx::query_as(expiry).fetch_optional(pool).await?;
        if expires != seen {
            (seen, silent_since) = (expires, tokio::time::Instant::now());
        }
        let gone = alone && silent_since.elapsed() >= SILENCE;
        let query = sqlx::query_as::<_, (i64,)>(crate::sql::constant(text.clone()));
        let query = query.bind(&holder).bind(LEASE_MICROS).bind(gone);
        if let Some((epoch,)) = query.fetch_optional(pool).await? {
            return Ok(Lease { holder, epoch, session: Mutex::new(Some(session)), writing: Mutex::default() });
        }
        if started.elapsed() > PATIENCE {
            let text = "SELECT holder FROM lease WHERE name = 'market'";
            let (holder,): (String,) = sqlx::query_as(text).fetch_one(pool).await?;
            return Err(StoreError::Leased { holder });
        }
        if !std::mem::replace(&mut told, true) {
            let seconds = PATIENCE.as_secs();
            tracing::warn!("another process holds this database's market; waiting up to {seconds} s for it to end");
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn extension() -> String {
    format!("UPDATE lease SET expires_at = {NOW} + $2 WHERE name = 'market' AND epoch = $1")
}

/// Writes rows where the lease is still held, and extends it: whoever lost it can't write, even if it does not know yet.
///
/// Over another connection than the batch before, it looks first at the end of the journal: what was sent over one that broke
/// may be stored, and a copy of the database may have taken its place.
pub(crate) async fn write(
    pool: &PgPool,
    lease: &Lease,
    tables: &[(Insert, Vec<Vec<Value>>)],
    ends: Option<&Ends>,
) -> Result<(), StoreError> {
    let guard = format!("{} RETURNING epoch", extension());
    let mut last = lease.writing.lock().await;
    let recent = last.take().filter(|writing| writing.used.elapsed() < LONG_IDLE);
    let mut connection = match recent {
        Some(writing) => writing.connection,
        None => {
            let mut connection = pool.acquire().await.map_err(unreachable)?;
            let text = "SELECT sequence, chain_hash FROM journal ORDER BY sequence DESC LIMIT 1";
            let end = sqlx::query_as(text).fetch_optional(&mut *connection).await?;
            if ends.map_or(Ok(false), |ends| ends.are_stored(end))? {
                return Ok(());
            }
            connection
        }
    };
    let held = together(&mut connection, &guard, &[lease.epoch, LEASE_MICROS], tables).await?;
    *last = Some(Writing { connection, used: Instant::now() });
    if held { Ok(()) } else { Err(StoreError::LeaseLost(lease.epoch)) }
}

/// Nothing was sent yet, whatever the reason. A pool that is closed stays so.
fn unreachable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolClosed => StoreError::Sql(error),
        error => StoreError::Unreachable(error),
    }
}

/// Extends the lease over the holder's own session, or over a new one where that is cut off. A statement of which nobody knows
/// whether it was carried out does no harm here.
async fn extend(pool: &PgPool, lease: &Lease) -> Result<(), StoreError> {
    let mut place = lease.session.lock().await;
    let over = async |session: &mut sqlx::PgConnection| {
        let query = sqlx::query(crate::sql::constant(extension())).bind(lease.epoch).bind(LEASE_MICROS);
        query.execute(session).await.map(|done| done.rows_affected() == 1)
    };
    let kept = match place.take() {
        Some(mut session) => over(&mut session).await.ok().map(|held| (held, session)),
        None => None,
    };
    let (held, session) = match kept {
        Some(kept) => kept,
        None => {
            let mut session = pool.connect_options().connect().await.map_err(unreachable)?;
            // Another process may hold it by now; then the epoch says so.
            let lock = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(PRESENCE);
            lock.execute(&mut session).await.map_err(unreachable)?;
            (over(&mut session).await.map_err(unreachable)?, session)
        }
    };
    *place = Some(session);
    if held { Ok(()) } else { Err(StoreError::LeaseLost(lease.epoch)) }
}

impl Store {
    /// Extends the lease of an idle market, and sees so whether the database is there; while it is away it waits. Nothing
    /// to do without a lease.
    pub async fn heartbeat(&self) -> Result<(), StoreError> {
        let (Some(lease), Database::Postgres { pool }) = (&self.lease, &self.market) else { return Ok(()) };
        let silent = |_| Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut));
        let beat = || async { tokio::time::timeout(NO_ANSWER, extend(pool, lease)).await.unwrap_or_else(silent) };
        self.reach.patiently(beat).await
    }

    /// Gives the lease back at a graceful stop, so that a successor need not wait.
    pub async fn give_back_lease(&self) -> Result<(), StoreError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let mut transaction = self.market.begin().await?;
        in_either!(&mut transaction, connection => {
            sqlx::query("UPDATE lease SET expires_at = 0 WHERE name = 'market' AND epoch = $1")
                .bind(lease.epoch)
                .execute(connection)
                .await?;
        });
        transaction.commit().await
    }
}
