//! What one backend has answered, and what still waits there: bounded in memory.
use super::{Level, REMEMBERED};
use crate::lock;
use crate::shadow::latency::Latencies;
use hyper::StatusCode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// When a backend had all of a request; empty until then. What a client takes to send is no time of the backend.
pub(crate) type SentAt = Arc<OnceLock<Instant>>;

/// Requests without an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting {
    pub(crate) requests: u64,
    /// How long those have waited whose latency counts.
    pub(crate) latencies: Vec<Duration>,
}

/// Requests and their latencies. Those that waited in the front count without one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) latencies: Latencies,
}

impl Part {
    pub(crate) fn add(&mut self, is_error: bool, micros: Option<u64>) {
        self.requests += 1;
        self.errors += u64::from(is_error);
        micros.into_iter().for_each(|micros| self.latencies.add(micros));
    }

    pub(crate) fn level(&self) -> Level {
        let Self { requests, errors, latencies } = self;
        Level { requests: *requests, errors: *errors, p95_micros: latencies.percentiles().p95_micros }
    }
}

/// What a backend has answered.
#[derive(Debug, Default)]
pub(crate) struct Served(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    /// The latest requests: [`REMEMBERED`] at most, and as many before them.
    latest: Part,
    earlier: Part,
    /// Requests that wait for the head of their answer; without a time those whose latency does not count.
    waiting: BTreeMap<u64, Option<SentAt>>,
    next: u64,
}

impl Record {
    fn add(&mut self, is_error: bool, micros: Option<u64>) {
        if self.latest.requests >= REMEMBERED {
            self.earlier = std::mem::take(&mut self.latest);
        }
        self.latest.add(is_error, micros);
    }
}

impl Served {
    /// Counts from now on.
    pub(crate) fn begin(&self) {
        let mut record = lock(&self.0);
        (record.latest, record.earlier) = (Part::default(), Part::default());
    }

    /// The requests that are remembered, and those that wait.
    pub(crate) fn read(&self) -> (Part, Waiting) {
        let record = lock(&self.0);
        let mut part = record.earlier.clone();
        part.requests += record.latest.requests;
        part.errors += record.latest.errors;
        part.latencies.add_all(&record.latest.latencies);
        let since = record.waiting.values().filter_map(|sent| sent.as_ref()?.get());
        let requests = u64::try_from(record.waiting.len()).unwrap_or(u64::MAX);
        (part, Waiting { requests, latencies: since.map(Instant::elapsed).collect() })
    }

    /// An answer that was counted as good has broken off.
    pub(crate) fn break_off(&self) {
        let mut record = lock(&self.0);
        let Record { latest, earlier, .. } = &mut *record;
        if let Some(part) = [latest, earlier].into_iter().find(|part| part.errors < part.requests) {
            part.errors += 1;
        }
    }
}

/// A request that waits for the head of its answer. Dropped, its client has given it up: it took that long at least.
pub(crate) struct Asked {
    served: Arc<Served>,
    number: u64,
    /// Nothing where its latency does not count.
    sent: Option<SentAt>,
    is_answered: bool,
}

impl Asked {
    /// `was_held`: it waited in the front, and says little of how long the backend takes.
    pub(crate) fn new(served: &Arc<Served>, was_held: bool, sent: SentAt) -> Self {
        let sent = Some(sent).filter(|_| !was_held);
        let mut record = lock(&served.0);
        let number = record.next;
        record.next += 1;
        record.waiting.insert(number, sent.clone());
        drop(record);
        Self { served: served.clone(), number, sent, is_answered: false }
    }

    /// The status of its answer; nothing where there was none.
    pub(crate) fn end(mut self, status: Option<StatusCode>) {
        let is_error = status.is_none_or(|status| status.is_server_error());
        self.is_answered = true;
        lock(&self.served.0).add(is_error, self.micros());
    }

    fn micros(&self) -> Option<u64> {
        let since = self.sent.as_ref()?.get()?;
        Some(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut record = lock(&self.served.0);
        record.waiting.remove(&self.number);
        if let Some(micros) = self.micros().filter(|_| !self.is_answered) {
            record.latest.latencies.add(micros);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> SentAt {
        Arc::new(OnceLock::from(Instant::now()))
    }

    #[test]
    fn only_the_latest_requests_are_remembered() {
        let served = Arc::new(Served::default());
        for number in 0..3 * REMEMBERED {
            let status = if number < REMEMBERED { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
            Asked::new(&served, false, sent()).end(Some(status));
        }
        let (part, waiting) = served.read();
        assert_eq!((part.requests, part.errors, waiting.requests), (2 * REMEMBERED, 0, 0));
        assert_eq!(part.latencies.total(), 2 * REMEMBERED);
        served.begin();
        assert_eq!(served.read().0.level(), Level::default());
    }

    #[test]
    fn errors_are_answers_of_500_none_and_broken_ones() {
        let served = Arc::new(Served::default());
        for status in [Some(StatusCode::NOT_FOUND), Some(StatusCode::OK), Some(StatusCode::INTERNAL_SERVER_ERROR), None]
        {
            Asked::new(&served, false, sent()).end(status);
        }
        assert_eq!((served.read().0.requests, served.read().0.errors), (4, 2));
        (0..9).for_each(|_| served.break_off());
        assert_eq!((served.read().0.requests, served.read().0.errors), (4, 4));
    }

    #[test]
    fn a_request_waits_until_it_ends_or_is_given_up() {
        let served = Arc::new(Served::default());
        let (asked, held) = (Asked::new(&served, false, sent()), Asked::new(&served, true, sent()));
        let uploading = Asked::new(&served, false, SentAt::default());
        let waiting = served.read().1;
        assert_eq!((waiting.requests, waiting.latencies.len()), (3, 1), "the other two have no latency yet");
        uploading.end(Some(StatusCode::OK));
        drop(asked);
        held.end(Some(StatusCode::OK));
        let (part, waiting) = served.read();
        assert_eq!((part.requests, part.latencies.total(), waiting.requests), (2, 1, 0), "the latency is of the first");
    }
}
