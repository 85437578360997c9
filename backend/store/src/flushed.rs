//! What is written and what is on the disk, on SQLite.
//!
//! SQLite can wait for the disk in COMMIT. Then nothing else is written meanwhile, and both cores are idle for a third of
//! the time. So it does not wait there (`synchronous=NORMAL`): the frames of a transaction are in the log, and the log is
//! flushed here while the next transaction is written. The frames' checksums follow from each other, so what a power
//! failure leaves is always what was written up to some transaction; the log is flushed by SQLite itself before its
//! pages go into the database, and before it begins anew.
use crate::error::StoreError;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// The log, and how far it has got.
#[derive(Clone, Debug)]
pub(crate) struct Flushed {
    log: Arc<File>,
    /// Transactions that readers may see.
    shown: Arc<AtomicU64>,
    /// A flush has failed: the system says so once, and later ones would seem to succeed.
    failed: Arc<AtomicBool>,
    /// Transactions that are on the disk.
    durable: Arc<watch::Sender<u64>>,
}

/// A transaction that is written: readers see it, and a power failure may still take it back.
#[derive(Debug)]
#[must_use = "nothing may be acknowledged before it is durable"]
pub struct Written(Option<(Flushed, u64)>);

impl Flushed {
    /// The log beside an open database.
    pub(crate) fn of(database: &Path) -> Result<Flushed, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        let path = PathBuf::from(path);
        let log =
            File::open(&path).map_err(|source| StoreError::Directory { path: path.display().to_string(), source })?;
        Ok(Flushed {
            log: Arc::new(log),
            shown: Arc::default(),
            failed: Arc::default(),
            durable: Arc::new(watch::Sender::new(0)),
        })
    }

    /// The next transaction is about to be seen.
    pub(crate) fn show(&self) -> Written {
        let number = self.shown.fetch_add(1, Ordering::SeqCst) + 1;
        Written(Some((self.clone(), number)))
    }

    /// All that could be seen before this call is on the disk.
    pub(crate) async fn wait(&self) {
        let number = self.shown.load(Ordering::SeqCst);
        if *self.durable.borrow() < number {
            let mut durable = self.durable.subscribe();
            // Only a store that was dropped flushes no more.
            let _dropped = durable.wait_for(|durable| *durable >= number).await;
        }
    }
}

impl Written {
    /// Where the database itself has waited for its disk.
    pub(crate) const fn durable() -> Written {
        Written(None)
    }

    /// Until it is on the disk. After an error nobody knows what is: the caller must end the process.
    pub async fn flushed(self) -> Result<(), StoreError> {
        if self.0.is_none() {
            return Ok(());
        }
        tokio::task::spawn_blocking(move || self.flush()).await.map_err(|_| StoreError::WriterEnded)?
    }

    /// The same on this thread.
    pub(crate) fn flush(self) -> Result<(), StoreError> {
        let Some((flushed, number)) = self.0 else { return Ok(()) };
        if flushed.failed.load(Ordering::SeqCst) {
            return Err(StoreError::Flush(std::io::Error::other("an earlier flush has failed")));
        }
        if let Err(error) = flushed.log.sync_data() {
            flushed.failed.store(true, Ordering::SeqCst);
            return Err(StoreError::Flush(error));
        }
        // Of two that were flushed at once either may end first.
        flushed.durable.send_if_modified(|durable| {
            let later = number > *durable;
            *durable = (*durable).max(number);
            later
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn log() -> (tempfile::TempDir, Flushed) {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("a.db");
        std::fs::write(directory.path().join("a.db-wal"), "frames").expect("a log");
        let flushed = Flushed::of(&database).expect("the log is there");
        (directory, flushed)
    }

    /// Whether what is seen now is on the disk; it never is by waiting alone.
    async fn is_durable(flushed: &Flushed) -> bool {
        tokio::time::timeout(Duration::from_millis(20), flushed.wait()).await.is_ok()
    }

    #[tokio::test]
    async fn what_is_seen_is_told_when_it_is_on_the_disk() {
        let (_directory, flushed) = log();
        assert!(is_durable(&flushed).await, "nothing is seen");
        let first = flushed.show();
        let second = flushed.show();
        assert!(!is_durable(&flushed).await);
        first.flushed().await.expect("the disk is there");
        assert!(!is_durable(&flushed).await, "the second is seen, too");
        let told = {
            let flushed = flushed.clone();
            tokio::spawn(async move { flushed.wait().await })
        };
        second.flushed().await.expect("the disk is there");
        told.await.expect("whoever waits is woken");
        assert!(is_durable(&flushed).await);
    }

    /// A flush takes all that is written: the second says it of the first as well, and the first takes nothing back.
    #[tokio::test]
    async fn a_later_one_stands_for_those_before_it() {
        let (_directory, flushed) = log();
        let (first, second) = (flushed.show(), flushed.show());
        second.flush().expect("the disk is there");
        assert!(is_durable(&flushed).await);
        first.flush().expect("the disk is there");
        assert!(is_durable(&flushed).await);
    }

    /// The system tells a failed write once: whoever flushes after that must not believe it.
    #[test]
    fn after_a_failed_flush_none_succeeds() {
        let (_directory, flushed) = log();
        let first = flushed.show();
        flushed.failed.store(true, Ordering::SeqCst);
        assert!(first.flush().is_err());
        assert!(flushed.show().flush().is_err());
    }

    #[test]
    fn without_a_log_nothing_is_opened() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = Flushed::of(&directory.path().join("a.db")).expect_err("no log").to_string();
        assert!(error.contains("a.db-wal"), "{error}");
    }
}
