//! Whether the database can be reached, and the waiting while it can't (PostgreSQL).
//!
//! Whatever is tried again may have been done the time before: to read and to extend the lease does no harm twice, and a
//! batch is looked for in the journal first. The journal takes each number once, so a late copy of a batch is refused.
use crate::error::StoreError;
use std::time::Duration;
use tokio::sync::watch;

/// The pause after the first failure; each further one is twice as long, up to the longest.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Reach {
    away: watch::Sender<bool>,
}

impl Default for Reach {
    fn default() -> Self {
        Reach { away: watch::Sender::new(false) }
    }
}

impl Reach {
    pub(crate) fn is_away(&self) -> bool {
        *self.away.borrow()
    }

    /// Returns once the database is away.
    pub(crate) async fn gone(&self) {
        // The sender is here, so the channel is open.
        let mut away = self.away.subscribe();
        let _closed = away.wait_for(|away| *away).await.is_err();
    }

    fn set(&self, now: bool) -> bool {
        self.away.send_if_modified(|away| std::mem::replace(away, now) != now)
    }

    /// Does `work`, again and again while the database is away.
    pub(crate) async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        work: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        let mut pause = SHORTEST;
        loop {
            match work().await {
                Err(error) if error.passes() => {
                    if self.set(true) {
                        tracing::error!(%error, "the database is away: nothing is taken until it is back");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
                done => {
                    if done.is_ok() && self.is_away() && self.set(false) {
                        tracing::warn!("the database is back, and the market goes on");
                    }
                    return done;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn work_is_tried_until_the_database_is_back() {
        let (reach, tries) = (Reach::default(), AtomicUsize::new(0));
        let work = || async {
            match tries.fetch_add(1, Ordering::Relaxed) {
                0..2 => Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut)),
                tries => Ok(tries),
            }
        };
        let (done, ()) = tokio::join!(reach.patiently(work), reach.gone());
        assert_eq!((done.expect("it is back"), reach.is_away()), (2, false));
    }

    #[tokio::test]
    async fn work_that_is_refused_for_good_is_tried_once() {
        let (reach, tries) = (Reach::default(), AtomicUsize::new(0));
        let work = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(StoreError::LeaseLost(1))
        };
        let error = reach.patiently(work).await.expect_err("it is refused");
        assert!(matches!(error, StoreError::LeaseLost(1)), "{error}");
        assert_eq!((tries.load(Ordering::Relaxed), reach.is_away()), (1, false));
    }
}
