//! What is written and what is on the disk, on SQLite.
//!
//! SQLite can wait for the disk in COMMIT. Then nothing else is written meanwhile, and both cores are idle for a third of
//! the time. So it does not wait there (`synchronous=NORMAL`): the frames of a transaction are in the log, and the log is
//! flushed here while the next transaction is written. The frames' checksums follow from each other, so what a power
//! failure leaves is always what was written up to some transaction; the log is flushed by SQLite itself before its
//! pages go into the database, and before it begins anew.
use crate::error::StoreError;
use std::fs::File;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use tokio::sync::{oneshot, watch};

/// The log, and how far it has got.
#[derive(Clone, Debug)]
pub(crate) struct Flushed {
    log: Arc<File>,
    /// Transactions that readers may see.
    shown: Arc<AtomicU64>,
    /// A flush has failed, of the log or of the database: the system says so once, and later ones would seem to succeed.
    failed: Arc<AtomicBool>,
    /// The log could not be copied into the database when that was tried last.
    grows: Arc<AtomicBool>,
    /// Transactions that are on the disk.
    durable: Arc<watch::Sender<u64>>,
}

/// A transaction that is written, and who waits until it is on the disk: readers see it, and a power failure may still
/// take it back.
#[derive(Debug)]
pub(crate) struct Written {
    pub number: u64,
    pub durable: oneshot::Sender<Result<(), StoreError>>,
}

impl Flushed {
    /// The log beside an open database.
    pub(crate) fn of(database: &Path) -> Result<Flushed, StoreError> {
        // SQLite follows links: the log is beside the file itself.
        let mut path = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned()).into_os_string();
        path.push("-wal");
        let path = PathBuf::from(path);
        let log =
            File::open(&path).map_err(|source| StoreError::Directory { path: path.display().to_string(), source })?;
        Ok(Flushed {
            log: Arc::new(log),
            shown: Arc::default(),
            failed: Arc::default(),
            grows: Arc::default(),
            durable: Arc::new(watch::Sender::new(0)),
        })
    }

    /// The number of the next transaction, which is about to be seen.
    pub(crate) fn show(&self) -> u64 {
        self.shown.fetch_add(1, Ordering::SeqCst) + 1
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

    /// Until transactions up to this one are on the disk; they are written. After an error nobody knows what is: the
    /// caller must end the process.
    pub(crate) fn flush(&self, number: u64) -> Result<(), Error> {
        if self.has_failed() {
            return Err(Error::other("an earlier flush has failed"));
        }
        if let Err(error) = self.log.sync_data() {
            self.fail();
            return Err(error);
        }
        // Of two that were flushed at once either may end first.
        self.durable.send_if_modified(|durable| {
            let later = number > *durable;
            *durable = (*durable).max(number);
            later
        });
        Ok(())
    }

    /// The disk has refused what was copied into the database: nothing more is acknowledged, and the process ends.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_grows(&self, grows: bool) {
        self.grows.store(grows, Ordering::SeqCst);
    }

    pub(crate) fn grows(&self) -> bool {
        self.grows.load(Ordering::SeqCst)
    }

    /// Whether the log has to be kept as it is: a start finds in it what may be missing elsewhere.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Flushes what comes until nobody can send more: all that is written by then at once.
    pub(crate) fn follow(&self, queue: &mpsc::Receiver<Written>) {
        while let Ok(first) = queue.recv() {
            let all: Vec<Written> = std::iter::once(first).chain(queue.try_iter()).collect();
            let newest = all.iter().map(|written| written.number).max().unwrap_or_default();
            let flushed = self.flush(newest);
            for Written { durable, .. } in all {
                let result = flushed.as_ref().map_err(|error| Error::new(error.kind(), error.to_string()));
                // Whoever asked may have gone away; what is on the disk stands.
                let _gone = durable.send(result.copied().map_err(StoreError::Flush));
            }
        }
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
        flushed.flush(first).expect("the disk is there");
        assert!(!is_durable(&flushed).await, "the second is seen, too");
        let told = {
            let flushed = flushed.clone();
            tokio::spawn(async move { flushed.wait().await })
        };
        flushed.flush(second).expect("the disk is there");
        told.await.expect("whoever waits is woken");
        assert!(is_durable(&flushed).await);
    }

    /// A flush takes all that is written: the second says it of the first as well, and the first takes nothing back.
    #[tokio::test]
    async fn a_later_one_stands_for_those_before_it() {
        let (_directory, flushed) = log();
        let (first, second) = (flushed.show(), flushed.show());
        flushed.flush(second).expect("the disk is there");
        assert!(is_durable(&flushed).await);
        flushed.flush(first).expect("the disk is there");
        assert!(is_durable(&flushed).await);
    }

    /// The system tells a failed write once: whoever flushes after that must not believe it.
    #[tokio::test]
    async fn after_a_failed_flush_none_succeeds() {
        let (_directory, flushed) = log();
        let first = flushed.show();
        flushed.fail();
        assert!(flushed.flush(first).is_err());
        assert!(flushed.flush(flushed.show()).is_err());
        let (durable, told) = oneshot::channel();
        let (send, queue) = mpsc::channel();
        send.send(Written { number: flushed.show(), durable }).expect("the queue is here");
        drop(send);
        flushed.follow(&queue);
        assert!(matches!(told.await, Ok(Err(StoreError::Flush(_)))));
    }

    /// Everybody who waits is told, also where one flush stands for many, and whoever is gone disturbs nobody.
    #[tokio::test]
    async fn all_that_is_written_is_flushed_at_once() {
        let (_directory, flushed) = log();
        let (send, queue) = mpsc::channel();
        let mut told: Vec<_> = (0..3)
            .map(|_| {
                let (durable, told) = oneshot::channel();
                send.send(Written { number: flushed.show(), durable }).expect("the queue is here");
                told
            })
            .collect();
        drop((told.remove(0), send));
        flushed.follow(&queue);
        for told in told {
            assert!(matches!(told.await, Ok(Ok(()))));
        }
        assert!(is_durable(&flushed).await);
    }

    #[test]
    fn without_a_log_nothing_is_opened() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = Flushed::of(&directory.path().join("a.db")).expect_err("no log").to_string();
        assert!(error.contains("a.db-wal"), "{error}");
    }
}
