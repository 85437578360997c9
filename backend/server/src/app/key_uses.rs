//! When each API key was last used, to the minute: whoever cleans up keys has to know which ones nobody needs.
//!
//! Kept in memory and written now and then: a request is not worth a write, and a crash forgets a minute of it.
use headroom_market::ids::KeyId;
use headroom_market::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError, RwLock};

/// A use within so many seconds of the last one that is known says nothing new.
const GRAIN_SECONDS: i64 = 60;

#[derive(Default)]
pub struct KeyUses {
    /// By the id of the key, in seconds.
    last: RwLock<BTreeMap<String, i64>>,
    /// Those that have not been written yet.
    unwritten: Mutex<BTreeSet<String>>,
}

impl KeyUses {
    /// What was written before.
    pub fn of(rows: Vec<(String, i64)>) -> Self {
        Self { last: RwLock::new(rows.into_iter().collect()), unwritten: Mutex::default() }
    }

    /// Somebody was let in; of others than keys nothing is kept.
    pub fn note(&self, actor: &str, now: Timestamp) {
        let seconds = now.seconds();
        let known = |last: &BTreeMap<String, i64>| last.get(actor).is_some_and(|at| seconds - at < GRAIN_SECONDS);
        if !actor.starts_with(KeyId::PREFIX) || known(&self.last.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        self.last.write().unwrap_or_else(PoisonError::into_inner).insert(actor.to_owned(), seconds);
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).insert(actor.to_owned());
    }

    pub fn of_key(&self, key: KeyId) -> Option<Timestamp> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.get(&key.to_string()).map(|seconds| Timestamp::from_seconds(*seconds))
    }

    /// What is to be written; it counts as written from then on.
    pub fn take_unwritten(&self) -> Vec<(String, i64)> {
        let keys = std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner));
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        keys.into_iter().filter_map(|key| last.get(&key).map(|at| (key, *at))).collect()
    }

    /// Puts back what could not be written.
    pub fn put_back(&self, rows: Vec<(String, i64)>) {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).extend(rows.into_iter().map(|(key, _)| key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_kept_to_the_minute_and_written_once() {
        let uses = KeyUses::of(vec![("key_01m89psmrcenf9h91pq4gbeckt".to_owned(), 1_000)]);
        let key: KeyId = "key_01m89psmrcenf9h91pq4gbeckt".parse().expect("an id");
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        uses.note(&key.to_string(), Timestamp::from_seconds(1_059));
        assert_eq!((uses.of_key(key), uses.take_unwritten()), (at(1_000), Vec::new()));
        uses.note(&key.to_string(), Timestamp::from_seconds(1_060));
        uses.note("usr_01m89psmrcenf9h91pq4gbeckt", Timestamp::from_seconds(1_060));
        let rows = uses.take_unwritten();
        assert_eq!((uses.of_key(key), rows.clone()), (at(1_060), vec![(key.to_string(), 1_060)]));
        assert_eq!(uses.take_unwritten(), Vec::new());
        uses.put_back(rows.clone());
        assert_eq!(uses.take_unwritten(), rows);
    }
}
