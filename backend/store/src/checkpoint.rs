//! When the log goes into the database, on SQLite.
//!
//! SQLite does it in the COMMIT that makes the log long, and nothing else is written for a tenth of a second. So another
//! connection copies the bulk while writing goes on. What came meanwhile is little, and the writer copies that itself
//! between two transactions: only when all is copied does the log begin anew.
//!
//! SQLite flushes the database when all is copied. Where that fails, the system says so once and a second flush would
//! seem to succeed, so nothing is copied again: the log stays whole until a start reads it.
use crate::error::StoreError;
use crate::flushed::Flushed;
use rusqlite::Connection;
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Pages in the log before they go into the database: 64 MiB. A page that many batches change
/// is then written there once and not every few batches.
const LONG: i64 = 16_384;
/// Pages that the writer copies itself: a few milliseconds.
const SHORT: i64 = 1024;
/// Times that the bulk is copied before the writer does the rest, however much it is.
const TURNS: usize = 8;

thread_local! {
    /// Pages in the log after the last transaction of the connection of this thread.
    static PAGES: Cell<i64> = const { Cell::new(0) };
}

/// The writer's side.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    ask: mpsc::Sender<()>,
    copied: Arc<AtomicBool>,
    flushed: Flushed,
    asked: bool,
    /// Pages at which it is time for the next.
    next: i64,
}

/// The side that copies the bulk.
#[derive(Debug)]
pub(crate) struct Copier {
    connection: Connection,
    asked: mpsc::Receiver<()>,
    copied: Arc<AtomicBool>,
    flushed: Flushed,
}

/// `connection` writes the database at `path`; whoever has the first part uses it on the thread of that connection.
pub(crate) fn checkpoints(
    connection: &Connection,
    path: &Path,
    busy: Duration,
    flushed: &Flushed,
) -> Result<(Checkpoints, Copier), StoreError> {
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.wal_hook(Some(|_, pages| {
        PAGES.set(i64::from(pages));
        Ok(())
    }));
    let copying = Connection::open(path)?;
    copying.busy_timeout(busy)?;
    // It flushes the log before it copies. The database is flushed by whoever reaches the end of the log, mostly the writer.
    copying.pragma_update(None, "synchronous", "NORMAL")?;
    let (ask, asked) = mpsc::channel();
    let copied = Arc::<AtomicBool>::default();
    let copier = Copier { connection: copying, asked, copied: copied.clone(), flushed: flushed.clone() };
    Ok((Checkpoints { ask, copied, flushed: flushed.clone(), asked: false, next: LONG }, copier))
}

impl Checkpoints {
    /// After each transaction of the connection.
    pub(crate) fn after(&mut self, connection: &Connection) {
        let pages = PAGES.get();
        if self.asked {
            if self.copied.swap(false, Ordering::SeqCst) {
                self.asked = false;
                // Somebody may read what is in the log, which then goes on; the next time is not the next transaction.
                self.next = LONG.max(pages + SHORT);
                // What failed is told, and tried again where it may be.
                let _left = copy(connection, &self.flushed);
            }
        } else if pages >= self.next {
            // The other thread ends after this one.
            self.asked = self.ask.send(()).is_ok();
        } else if pages < LONG {
            self.next = LONG;
        }
    }
}

impl Copier {
    /// Until nobody can ask any more.
    pub(crate) fn follow(&self) {
        while self.asked.recv().is_ok() {
            for _ in 0..TURNS {
                match copy(&self.connection, &self.flushed) {
                    Some(left) if left > SHORT => {}
                    // What failed the writer tries itself, if it may be tried again.
                    Some(_) | None => break,
                }
            }
            self.copied.store(true, Ordering::SeqCst);
        }
    }
}

/// Copies what no reader needs from the log; says how many pages came meanwhile, `None` where it could not.
fn copy(connection: &Connection, flushed: &Flushed) -> Option<i64> {
    if flushed.has_failed() {
        return None;
    }
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], row);
    flushed.set_grows(copied.is_err());
    match copied {
        Ok((there, copied)) => Some(there - copied),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) => {
            flushed.fail();
            tracing::error!(%error, "the disk refused what was copied into the database; the process ends at its next transaction, and a start copies all of it again");
            None
        }
        Err(error) => {
            tracing::error!(%error, "the log could not be copied into the database; it grows until it can");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Duration = Duration::from_secs(10);

    fn database(path: &Path) -> Connection {
        let connection = Connection::open(path).expect("a database");
        connection.pragma_update(None, "journal_mode", "WAL").expect("a log");
        connection.execute_batch("CREATE TABLE texts (text TEXT)").expect("a table");
        connection
    }

    fn flushed(path: &Path) -> Flushed {
        Flushed::of(path).expect("a log")
    }

    fn write(connection: &Connection, pages: i64) {
        let text = "x".repeat(4096 * usize::try_from(pages).expect("few pages"));
        connection.execute("INSERT INTO texts VALUES (?1)", [text]).expect("a row");
    }

    /// The copier's answer, whatever the machine is doing.
    fn wait(checkpoints: &Checkpoints) {
        while !checkpoints.copied.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_long_log_begins_anew_while_writing_goes_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.db");
        let connection = database(&path);
        let (mut checkpoints, copier) =
            checkpoints(&connection, &path, BUSY, &flushed(&path)).expect("a second connection");
        let thread = std::thread::spawn(move || copier.follow());
        write(&connection, LONG / 2);
        checkpoints.after(&connection);
        assert!(!checkpoints.asked, "it is short yet");
        write(&connection, LONG / 2);
        checkpoints.after(&connection);
        assert!(checkpoints.asked);
        write(&connection, 10);
        wait(&checkpoints);
        checkpoints.after(&connection);
        assert!(!checkpoints.asked);
        write(&connection, 1);
        assert!(PAGES.get() < 100, "{} pages: the log has begun anew", PAGES.get());
        checkpoints.after(&connection);
        assert_eq!(checkpoints.next, LONG);
        drop(checkpoints);
        thread.join().expect("it ends with the writer");
        let rows: i64 = connection.query_row("SELECT COUNT(*) FROM texts", [], |row| row.get(0)).expect("a count");
        assert_eq!(rows, 4);
    }

    /// A reader that stays keeps the log: it grows, nobody waits, and it begins anew when the reader has gone.
    #[test]
    fn a_reader_that_stays_stops_nobody() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.db");
        let connection = database(&path);
        let reader = Connection::open(&path).expect("the same database");
        let (mut checkpoints, copier) =
            checkpoints(&connection, &path, BUSY, &flushed(&path)).expect("a second connection");
        let thread = std::thread::spawn(move || copier.follow());
        write(&connection, 1);
        reader.execute_batch("BEGIN; SELECT * FROM texts").expect("it reads");
        write(&connection, LONG);
        checkpoints.after(&connection);
        wait(&checkpoints);
        checkpoints.after(&connection);
        write(&connection, 1);
        let pages = PAGES.get();
        assert!(pages > LONG);
        checkpoints.after(&connection);
        assert!(!checkpoints.asked, "not after every transaction");
        reader.execute_batch("COMMIT").expect("it has read");
        write(&connection, SHORT);
        checkpoints.after(&connection);
        assert!(checkpoints.asked);
        wait(&checkpoints);
        checkpoints.after(&connection);
        write(&connection, 1);
        assert!(PAGES.get() < pages, "{} pages: the log has begun anew", PAGES.get());
        drop(checkpoints);
        thread.join().expect("it ends with the writer");
    }

    /// The system tells a failed flush once: the log must not begin anew because a second one seems to succeed.
    #[test]
    fn nothing_is_copied_after_the_disk_has_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.db");
        let connection = database(&path);
        let flushed = flushed(&path);
        let (mut checkpoints, copier) = checkpoints(&connection, &path, BUSY, &flushed).expect("a second connection");
        let thread = std::thread::spawn(move || copier.follow());
        flushed.fail();
        write(&connection, LONG);
        let pages = PAGES.get();
        checkpoints.after(&connection);
        wait(&checkpoints);
        checkpoints.after(&connection);
        write(&connection, 1);
        assert!(PAGES.get() > pages, "{} pages: the log has begun anew", PAGES.get());
        drop(checkpoints);
        thread.join().expect("it ends with the writer");
    }
}
