//! So many of something a minute for each asker. What was refused or given up before it was done does not count.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

pub struct Allowance {
    /// For one: a minute's share.
    share: Duration,
    /// Until when the shares that an asker has taken last, if they are used up one after the other.
    used_until: Mutex<HashMap<String, Instant>>,
}

/// One that was taken. It is given back when it is dropped, unless it was used.
#[must_use]
pub struct Taken<'a> {
    from: &'a Allowance,
    asker: Option<String>,
}

impl Allowance {
    pub fn a_minute(number: u32) -> Self {
        Self { share: MINUTE / number.max(1), used_until: Mutex::default() }
    }

    /// Takes one, or says how long to wait.
    pub fn take(&self, asker: String) -> Result<Taken<'_>, Duration> {
        let now = Instant::now();
        let mut used = self.used_until();
        let until = used.get(&asker).copied().unwrap_or(now).max(now) + self.share;
        let wait = until.saturating_duration_since(now + MINUTE);
        if !wait.is_zero() {
            return Err(wait);
        }
        used.insert(asker.clone(), until);
        Ok(Taken { from: self, asker: Some(asker) })
    }

    /// Forgets askers who have all of it again.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.used_until().retain(|_, until| *until > now);
    }

    fn used_until(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.used_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken<'_> {
    /// It counts.
    pub fn use_up(mut self) {
        self.asker = None;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Some(asker) = self.asker.take() else { return };
        if let Some(until) = self.from.used_until().get_mut(&asker) {
            *until -= self.from.share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_ends_and_what_is_given_back_counts_again() {
        let allowance = Allowance::a_minute(3);
        let take = |who: &str| allowance.take(who.to_owned());
        let kept: Vec<_> = (0..3).map(|_| take("one").expect("three a minute")).collect();
        assert!(take("one").is_err_and(|wait| !wait.is_zero()));
        take("two").expect("an allowance of its own").use_up();
        drop(kept);
        for _ in 0..3 {
            take("one").expect("given back").use_up();
        }
        assert!(take("one").is_err(), "used up");
        allowance.sweep();
        assert_eq!(allowance.used_until().len(), 2, "both have used some");
    }
}
