//! What one client may take: requests, sign-ins, questions that take long, open streams.
use crate::app::failure::{Done, Failure, too_many};
use crate::app::questions::Questions;
use crate::app::sign_ins::SignIns;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};
use headroom_market::ids::ParticipantId;
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

/// Event streams of one key or user: ten browsers with six tabs each.
const STREAMS: u32 = 64;
/// How many keys' and users' worth of requests and streams all of a participant have together: keys are made faster than
/// limits fill up.
const PARTICIPANT_TIMES: u32 = 8;
type By<Key> = RateLimiter<Key, DashMapStateStore<Key>, DefaultClock, StateInformationMiddleware>;
type Keyed = By<Arc<str>>;

/// Requests a minute of a key or user, and of all of a participant.
struct Requests {
    quota: u32,
    actors: Keyed,
    participants: By<ParticipantId>,
}

/// Streams that are open, by key or user and by participant.
#[derive(Default)]
struct Streams {
    actors: HashMap<Arc<str>, u32>,
    participants: HashMap<ParticipantId, u32>,
}

pub struct Limiter {
    requests: Option<Requests>,
    pub sign_ins: SignIns,
    pub questions: Questions,
    streams: Arc<Mutex<Streams>>,
}

/// An open event stream; dropping it makes room for another.
pub struct StreamSlot {
    streams: Arc<Mutex<Streams>>,
    actor: Arc<str>,
    participant: ParticipantId,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        leave(&mut streams.actors, &self.actor);
        leave(&mut streams.participants, &self.participant);
    }
}

fn leave<Key: Eq + Hash>(open: &mut HashMap<Key, u32>, key: &Key) {
    if let Some(count) = open.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            open.remove(key);
        }
    }
}

/// What the response says of the limit.
#[derive(Clone, Copy, Debug)]
pub struct Remaining {
    pub quota: u32,
    pub left: u32,
}

fn keyed<Key: Clone + Eq + Hash>(a_minute: u32) -> By<Key> {
    let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
    RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>()
}

impl Limiter {
    /// 0 requests a minute switches the limit off.
    pub fn new(requests_a_minute: u32) -> Self {
        let requests = (requests_a_minute > 0).then(|| Requests {
            quota: requests_a_minute,
            actors: keyed(requests_a_minute),
            participants: keyed(requests_a_minute.saturating_mul(PARTICIPANT_TIMES)),
        });
        Self {
            requests,
            sign_ins: SignIns::new(requests_a_minute > 0),
            questions: Questions::new(requests_a_minute > 0),
            streams: Arc::default(),
        }
    }
    /// Counts a request. What is left is that of the key or user, or of the participant where that is less.
    pub fn check(&self, actor: &Arc<str>, participant: ParticipantId) -> Done<Option<Remaining>> {
        let Some(requests) = &self.requests else { return Ok(None) };
        let wait = |until: NotUntil<_>| rate_limited(until.wait_time_from(DefaultClock::default().now()));
        let own = requests.actors.check_key(actor).map_err(wait)?.remaining_burst_capacity();
        let shared = requests.participants.check_key(&participant).map_err(wait)?.remaining_burst_capacity();
        Ok(Some(Remaining { quota: requests.quota, left: own.min(shared) }))
    }
    /// Takes one of the event streams of a key or user, and of its participant.
    pub fn open_stream(&self, actor: &Arc<str>, participant: ParticipantId) -> Done<StreamSlot> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let own = streams.actors.get(actor).copied().unwrap_or_default();
        let shared = streams.participants.get(&participant).copied().unwrap_or_default();
        let all = STREAMS * PARTICIPANT_TIMES;
        let of_whom = match (own >= STREAMS, shared >= all) {
            (true, _) => format!("{STREAMS} event streams are open for this key or user."),
            (_, true) => format!("{all} event streams are open for this participant."),
            _ => {
                *streams.actors.entry(actor.clone()).or_default() += 1;
                *streams.participants.entry(participant).or_default() += 1;
                return Ok(StreamSlot { streams: self.streams.clone(), actor: actor.clone(), participant });
            }
        };
        let detail = format!("{of_whom} Close one; one stream can carry all topics.");
        Err(too_many("too_many_streams", 5, detail))
    }
    /// Forgets actors that have not been seen for a window.
    pub fn sweep(&self) {
        if let Some(requests) = &self.requests {
            requests.actors.retain_recent();
            requests.participants.retain_recent();
        }
        self.sign_ins.sweep();
        self.questions.sweep();
    }
}

pub fn rate_limited(wait: std::time::Duration) -> Failure {
    too_many(
        "rate_limited",
        wait.as_secs() as u32 + 1,
        "Too many requests. Wait for the time in Retry-After; the header RateLimit says how much is left.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::ids::IdSource;
    use headroom_market::time::Timestamp;

    fn participants() -> [ParticipantId; 2] {
        let mut source = IdSource::new(Timestamp::from_micros(0), 1);
        [ParticipantId::next(&mut source), ParticipantId::next(&mut source)]
    }

    #[test]
    fn keys_of_one_participant_share_a_limit() {
        let limiter = Limiter::new(1);
        let [one, two] = participants();
        let taken = |participant, key: u32| {
            let key: Arc<str> = key.to_string().into();
            (0..2).filter(|_| limiter.check(&key, participant).is_ok()).count()
        };
        // A request a key, eight a participant. The next of a participant would be there after 7.5 s.
        assert_eq!((0..8).map(|key| taken(one, key)).collect::<Vec<_>>(), [1; 8]);
        assert_eq!(taken(one, 8), 0, "a ninth key has none");
        assert_eq!(taken(two, 9), 1, "another participant has its own");
    }

    #[test]
    fn streams_are_bounded_by_key_and_by_participant() {
        let limiter = Limiter::new(0);
        let [one, two] = participants();
        let mut open = Vec::new();
        for key in 0..PARTICIPANT_TIMES {
            let key: Arc<str> = key.to_string().into();
            open.extend((0..STREAMS).map(|_| limiter.open_stream(&key, one).expect("there is room")));
            assert!(limiter.open_stream(&key, one).is_err(), "no more for one key");
        }
        let another: Arc<str> = "another".into();
        assert!(limiter.open_stream(&another, one).is_err(), "no more for one participant");
        let _of_two = limiter.open_stream(&another, two).expect("another participant has its own");
        open.pop();
        assert!(limiter.open_stream(&another, one).is_ok(), "what is closed makes room");
    }
}
