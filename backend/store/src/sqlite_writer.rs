//! The one connection that writes the market on SQLite, on a thread of its own.
//!
//! A statement through an asynchronous pool costs two changes of thread. A batch has dozens of
//! statements and one answer, so it goes to the thread as one job: one change there, one back. From there it goes on to
//! the thread that waits for the disk, without anybody between them: on few cores each change costs as much as a bid.
use crate::checkpoint;
use crate::error::StoreError;
use crate::flushed::{Flushed, Written};
use crate::under_way::UnderWay;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Prepared statements that are kept: one a table and purpose, with room.
const STATEMENTS: usize = 128;

#[derive(Debug)]
pub struct SqliteWriter {
    /// `None` after `close`.
    running: Mutex<Option<Running>>,
    pub(crate) flushed: Flushed,
}

#[derive(Debug)]
struct Running {
    jobs: mpsc::Sender<Job>,
    /// What is written and not on the disk yet.
    flushes: mpsc::Sender<Written>,
    threads: [JoinHandle<()>; 3],
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
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // The first statement that reads opens the log.
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
        let flushed = Flushed::of(path)?;
        let (mut checkpoints, copier) = checkpoint::checkpoints(&connection, path, busy, &flushed)?;
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map_err(|source| StoreError::Directory { path: path.display().to_string(), source })
        };
        let (jobs, queue) = mpsc::channel::<Job>();
        let write = move || {
            let mut connection = connection;
            for job in queue {
                job(&mut connection);
                checkpoints.after(&connection);
            }
        };
        let (flushes, written) = mpsc::channel();
        let disk = flushed.clone();
        let threads = [
            spawn("sqlite-writer", Box::new(write))?,
            spawn("sqlite-flusher", Box::new(move || disk.follow(&written)))?,
            spawn("sqlite-copier", Box::new(move || copier.follow()))?,
        ];
        Ok(SqliteWriter { running: Mutex::new(Some(Running { jobs, flushes, threads })), flushed })
    }

    fn job(&self, make: impl FnOnce(&Running) -> Job) -> Result<(), StoreError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().and_then(|r| r.jobs.send(make(r)).ok()).ok_or(StoreError::WriterEnded)
    }

    /// Does `work` on the writer's thread. An error leaves it to `work` what was committed.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, receive) = oneshot::channel();
        self.job(|_| {
            Box::new(move |connection| {
                // Whoever asked may have gone away; what was committed stands.
                let _gone = answer.send(work(connection));
            })
        })?;
        receive.await.map_err(|_| StoreError::WriterEnded)?
    }

    /// The same inside one transaction; it is durable when this returns, and no other job begins before that.
    pub async fn transaction<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let flushed = self.flushed.clone();
        self.run(move |connection| {
            let (result, number) = written(connection, &flushed, work)?;
            flushed.flush(number).map_err(StoreError::Flush)?;
            Ok(result)
        })
        .await
    }

    /// A transaction whose successor may be written while this one is on its way to the disk, if they may `overlap`. `then`
    /// is done once it is written, on the writer's thread.
    pub fn begin<T>(
        &self,
        overlap: bool,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(T) + Send + 'static,
    ) -> UnderWay {
        let (under_way, told) = UnderWay::new();
        let flushed = self.flushed.clone();
        // Where the writer has ended, dropping `told` says so.
        let _ended = self.job(|running| {
            let flushes = running.flushes.clone();
            Box::new(move |connection| match written(connection, &flushed, work) {
                Ok((result, number)) => {
                    then(result);
                    if overlap {
                        let _ended = flushes.send(Written { number, durable: told.written() });
                    } else {
                        told.durable(flushed.flush(number).map_err(StoreError::Flush));
                    }
                }
                Err(error) => told.failed(error),
            })
        });
        under_way
    }

    /// What runs, to be ended; nothing where the log has to be kept: the last connection that closes would copy it, and remove
    /// it if the disk seems to take it now.
    fn take(&self) -> Option<Running> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.flushed.has_failed() {
            std::mem::forget(running);
            return None;
        }
        running
    }

    /// Lets the jobs before this call finish, then closes the connection.
    pub async fn close(&self) {
        if let Some(Running { jobs, flushes, threads }) = self.take() {
            drop((jobs, flushes));
            // A panic of a thread has been reported when it happened.
            let _ended = tokio::task::spawn_blocking(move || threads.map(JoinHandle::join)).await;
        }
    }
}

impl Drop for SqliteWriter {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Writes a transaction; it has the number that is to be flushed.
fn written<T>(
    connection: &mut Connection,
    flushed: &Flushed,
    work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError>,
) -> Result<(T, u64), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    let number = flushed.show();
    let committed = transaction.commit();
    if committed.is_err() {
        // What was not committed nobody sees, so nobody is to wait for it either.
        flushed.flush(number).map_err(StoreError::Flush)?;
    }
    committed?;
    Ok((result, number))
}
