//! Steps of swaps that are under way. A step may have to wait for a workload's program; the market does not wait for it.
use headroom_market::ids::SwapId;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the market waits for a step of a command that has just begun: most of them take less.
pub const PATIENCE: Duration = Duration::from_millis(100);
/// The same of a module, whose step has a bound: while it stands still between two states it must not wait for a tick.
pub const MODULE_PATIENCE: Duration = Duration::from_secs(5);

/// By swap; one step of each at a time.
pub struct Steps<T>(BTreeMap<SwapId, JoinHandle<Option<T>>>);

impl<T> Default for Steps<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Send + 'static> Steps<T> {
    /// Forgets what is under way for swaps that have ended; what it comes to is an old message.
    pub fn keep(&mut self, present: &BTreeSet<SwapId>) {
        self.0.retain(|swap, _| present.contains(swap));
    }

    /// Takes the next step of a swap, or looks at the one that is under way. `None` if it has to wait, also for its
    /// program after `patience`.
    pub async fn take<F>(&mut self, swap: SwapId, patience: Duration, next: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let (mut step, patience) = match self.0.remove(&swap) {
            Some(begun) => (begun, Duration::ZERO),
            None => (tokio::spawn(next()), patience),
        };
        match tokio::time::timeout(patience, &mut step).await {
            // Whatever panics in a step is told by who steps.
            Ok(ended) => ended.ok().flatten(),
            Err(_) => {
                self.0.insert(swap, step);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn who_waits_for_a_program_keeps_nobody_and_is_not_begun_twice() {
        let (slow, quick) = (SwapId::from_raw(1), SwapId::from_raw(2));
        let mut steps = Steps::default();
        let (answer, answered) = oneshot::channel();
        assert_eq!(steps.take(slow, PATIENCE, || async { answered.await.ok() }).await, None);
        assert_eq!(steps.take(quick, PATIENCE, || async { Some(2) }).await, Some(2));
        assert_eq!(steps.take(slow, PATIENCE, || async { unreachable!("one step at a time") }).await, None);
        answer.send(1).expect("it waits");
        let mut result = None;
        while result.is_none() {
            tokio::task::yield_now().await;
            result = steps.take(slow, PATIENCE, || async { unreachable!("one step at a time") }).await;
        }
        assert_eq!(result, Some(1));
        assert_eq!(steps.take(slow, PATIENCE, || async { Some(3) }).await, Some(3), "the next one");
        assert_eq!(steps.take(quick, PATIENCE, std::future::pending).await, None);
        steps.keep(&[slow].into());
        assert_eq!(steps.take(quick, PATIENCE, || async { Some(4) }).await, Some(4), "its swap had ended");
    }
}
