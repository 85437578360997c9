//! The one connection that writes the market on SQLite, on a thread of its own.
//!
//! A statement through an asynchronous pool costs two changes of thread. A batch has dozens of
//! statements and one answer, so it goes to the thread as one job: one change there, one back.
use crate::error::StoreError;
use crate::flushed::{Flushed, Written};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Prepared statements that are kept: one a table and purpose, with room.
const STATEMENTS: usize = 128;

/// Pages in the log before they go into the database: 64 MiB. A page that many batches change
/// is then written there once and not every few batches.
const CHECKPOINT_PAGES: i64 = 16_384;

#[derive(Debug)]
pub struct SqliteWriter {
    /// `None` after `close`.
    running: Mutex<Option<Running>>,
    pub(crate) flushed: Flushed,
}

#[derive(Debug)]
struct Running {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

impl SqliteWriter {
    /// Opens a migrated database.
    pub fn open(path: &Path, busy: Duration) -> Result<SqliteWriter, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(busy)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Each transaction is flushed by `flushed`.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -16_000)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // The first statement that reads opens the log.
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
        let flushed = Flushed::of(path)?;
        let (jobs, queue) = mpsc::channel::<Job>();
        let work = move || {
            let mut connection = connection;
            for job in queue {
                job(&mut connection);
            }
        };
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(work);
        let thread = thread.map_err(|source| StoreError::Directory { path: path.display().to_string(), source })?;
        Ok(SqliteWriter { running: Mutex::new(Some(Running { jobs, thread })), flushed })
    }

    /// Does `work` on the writer's thread. An error leaves it to `work` what was committed.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, receive) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever asked may have gone away; what was committed stands.
            let _gone = answer.send(work(connection));
        });
        {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.as_ref().and_then(|r| r.jobs.send(job).ok()).ok_or(StoreError::WriterEnded)?;
        }
        receive.await.map_err(|_| StoreError::WriterEnded)?
    }

    /// The same inside one transaction, written when `work` succeeds; with `flush` it is durable then, and no other job
    /// begins before that.
    pub async fn transaction<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        flush: bool,
    ) -> Result<(T, Written), StoreError> {
        let flushed = self.flushed.clone();
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            let written = flushed.show();
            let committed = transaction.commit();
            // What was not committed nobody sees, so nobody is to wait for it either.
            if flush || committed.is_err() {
                written.flush()?;
                committed?;
                return Ok((result, Written::durable()));
            }
            Ok((result, written))
        })
        .await
    }

    /// Lets the jobs before this call finish, then closes the connection.
    pub async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { jobs, thread }) = running {
            drop(jobs);
            // A panic of the thread has been reported when it happened.
            let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
