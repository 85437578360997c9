//! Which keys were ever used: a filter in memory that may say yes to a new key, and never no to a used one.
//! Nearly every command has new keys, and so needs no lookup in the database.
use crate::database::Database;
use crate::error::StoreError;
use crate::on_either;
use crate::sql::constant;
use fastbloom::BloomFilter;
use std::collections::hash_map::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of new keys so many are looked up all the same.
const FALSE_POSITIVES: f64 = 0.001;
/// Keys in the first filter (470 kB); each further one has room for twice as many.
const FIRST_ROOM: usize = 1 << 18;
/// Rows read at once.
const PAGE: i64 = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Filters>);

#[derive(Debug, Default)]
struct Filters {
    /// The last one has room.
    filters: Vec<BloomFilter<RandomState>>,
    room_left: usize,
    /// Every key of the database is in them.
    complete: bool,
}

impl Filters {
    fn insert(&mut self, key: &str) {
        if self.room_left == 0 {
            self.room_left = FIRST_ROOM << self.filters.len();
            let filter = BloomFilter::with_false_pos(FALSE_POSITIVES).hasher(RandomState::new());
            self.filters.push(filter.expected_items(self.room_left));
        }
        self.room_left -= 1;
        if let Some(filter) = self.filters.last_mut() {
            filter.insert(key);
        }
    }
}

impl Seen {
    fn filters(&self) -> MutexGuard<'_, Filters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert<'k>(&self, keys: impl Iterator<Item = &'k String>) {
        let mut filters = self.filters();
        keys.for_each(|key| filters.insert(key));
    }

    /// Keeps the keys that may have been used before: all of them until the database has been read.
    pub(crate) fn retain_used(&self, keys: &mut Vec<String>) {
        let seen = self.filters();
        if seen.complete {
            keys.retain(|key| seen.filters.iter().any(|filter| filter.contains(key.as_str())));
        }
    }

    /// Reads every key that is written. Those that are written meanwhile are inserted by who writes them.
    pub(crate) async fn read_all(&self, market: &Database) -> Result<(), StoreError> {
        for text in [
            "SELECT request_key FROM request_keys WHERE request_key > $1 ORDER BY request_key LIMIT $2",
            "SELECT client_key FROM client_ids WHERE client_key > $1 ORDER BY client_key LIMIT $2",
        ] {
            let mut last = String::new();
            loop {
                let keys: Vec<(String,)> = on_either!(market, pool => {
                    sqlx::query_as(constant(text.to_owned())).bind(&last).bind(PAGE).fetch_all(pool).await?
                });
                let Some((newest,)) = keys.last() else { break };
                last.clone_from(newest);
                self.insert(keys.iter().map(|(key,)| key));
            }
        }
        self.filters().complete = true;
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn is_complete(&self) -> bool {
        self.filters().complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_keys_are_kept_and_nearly_all_new_ones_are_not_also_beyond_the_first_room() {
        let seen = Seen::default();
        let keys = |kind: &str| (0..FIRST_ROOM + 1000).map(|n| format!("{kind}-{n}")).collect::<Vec<_>>();
        let (used, new) = (keys("used"), keys("new"));
        seen.insert(used.iter());
        let mut unread = new.clone();
        seen.retain_used(&mut unread);
        assert_eq!(unread, new, "what the database holds is not known yet");
        seen.filters().complete = true;
        let (mut kept, mut rest) = (used.clone(), new);
        seen.retain_used(&mut kept);
        seen.retain_used(&mut rest);
        assert_eq!(kept, used);
        assert!(rest.len() < FIRST_ROOM / 200, "{} of the new keys would be looked up", rest.len());
        assert_eq!(seen.filters().filters.len(), 2);
    }
}
