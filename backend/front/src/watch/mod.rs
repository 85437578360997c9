//! Whether a service answers worse since a switch than before it.
//!
//! Counted is what clients asked for, not what the front itself asks. Integers only.
mod served;

pub(crate) use served::{Asked, Part, SentAt, Served, Waiting};

use crate::shadow::RuleFault;
use crate::shadow::latency::most_allowed;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the 95th percentile leaves out, in per cent.
const SLOWEST_PERCENT: u64 = 5;
/// Longest watch: the state of the move that waits for it lasts 60 seconds.
const MOST_SECONDS: u64 = 30;
/// Requests that are remembered at least, so the most that may be asked for.
pub(crate) const REMEMBERED: u64 = 1_000;

/// Rules of a watch. JSON has the same field names; what it leaves out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchRules {
    /// Seconds after which a watch with fewer requests is over; 30 or less. Default: 10.
    pub seconds: u64,
    /// Requests that have to be answered before that; 1 to 1,000. With fewer before the switch, latencies are not compared.
    /// Default: 50.
    pub min_requests: u64,
    /// Percentage points by which the share of errors may be higher. Default: 5.
    pub max_error_points: u64,
    /// The 95th percentile may be this many per cent of the one before, plus the allowance. Default: 200.
    pub latency_percent: u32,
    /// Milliseconds that it may be beyond `latency_percent`. Default: 250.
    pub latency_allowance_millis: u64,
}

impl Default for WatchRules {
    fn default() -> Self {
        let (latency_percent, latency_allowance_millis) = (200, 250);
        Self { seconds: 10, min_requests: 50, max_error_points: 5, latency_percent, latency_allowance_millis }
    }
}

impl WatchRules {
    /// Looks for rules that mean nothing.
    ///
    /// # Errors
    /// The first fault, in the order of the fields.
    pub fn check(&self) -> Result<(), RuleFault> {
        match self {
            Self { seconds, .. } if *seconds > MOST_SECONDS => Err(RuleFault::Most("seconds", MOST_SECONDS)),
            Self { min_requests: 0, .. } => Err(RuleFault::Zero("min_requests")),
            Self { min_requests, .. } if *min_requests > REMEMBERED => Err(RuleFault::Most("min_requests", REMEMBERED)),
            Self { max_error_points, .. } if *max_error_points > 100 => Err(RuleFault::Most("max_error_points", 100)),
            Self { latency_percent: 0, .. } => Err(RuleFault::Zero("latency_percent")),
            _ => Ok(()),
        }
    }
}

/// How a service has answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Requests that were answered, or could not be.
    pub requests: u64,
    /// Of those, with 500 or more, broken off, or without an answer.
    pub errors: u64,
    /// 95 % of the answers began in at most this many microseconds; 0 while there is none.
    pub p95_micros: u64,
}

/// What a watch has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Too little was answered to say.
    Undecided,
    /// Nothing is worse than it may be.
    Passed,
    /// Sentences with the counts.
    Worse(Vec<String>),
}

/// A watch so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The latest 1,000 to 2,000 requests before the switch.
    pub before: Level,
    /// Those since the switch.
    pub after: Level,
    /// What the rules say of both.
    pub outcome: Outcome,
}

/// Compares by the rules.
pub(crate) fn compare(before: &Part, after: &Part, waiting: &Waiting, rules: &WatchRules, is_over: bool) -> Watched {
    let [level_before, level_after] = [before.level(), after.level()];
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut reasons = Vec::new();

    // Not yet over, too many errors are those that `min_requests` may not have.
    let of = if is_over { after.requests } else { after.requests.max(rules.min_requests) };
    let too_many = |errors: u64| errors > most_errors(before, of, rules.max_error_points);
    if too_many(after.errors) {
        let (points, Level { requests, errors, .. }) = (rules.max_error_points, level_before);
        reasons.push(format!(
            "{} of {} requests since the switch have failed, {errors} of {requests} before; {points} % more may",
            after.errors, after.requests
        ));
    }

    // A few requests have no 95th percentile.
    let most = most_allowed(level_before.p95_micros, rules.latency_percent, rules.latency_allowance_millis);
    let is_known = before.latencies.total() >= rules.min_requests;
    let waits_long = |waited: &&Duration| waited.as_micros() > u128::from(most);
    let slow = after.latencies.above(most) + count(waiting.latencies.iter().filter(waits_long).count());
    let of = (after.latencies.total() + count(waiting.latencies.len())).max(rules.min_requests);
    let too_slow = |slow: u64| is_known && slow > of * SLOWEST_PERCENT / 100;
    if too_slow(slow) {
        let (now, earlier) = (level_after.p95_micros, level_before.p95_micros);
        reasons.push(format!(
            "{slow} requests since the switch took longer than the {most} µs that 95 % may take: the 95th percentile is \
             {now} µs, {earlier} µs before"
        ));
    }

    // Each request that still waits may yet fail, or be slow.
    let open = waiting.requests;
    let is_enough = after.requests >= rules.min_requests && !too_many(after.errors + open) && !too_slow(slow + open);
    let outcome = match reasons.is_empty() {
        false => Outcome::Worse(reasons),
        true if is_over || is_enough => Outcome::Passed,
        true => Outcome::Undecided,
    };
    Watched { before: level_before, after: level_after, outcome }
}

/// The most of so many requests that may fail.
fn most_errors(before: &Part, of: u64, points: u64) -> u64 {
    let before_requests = u128::from(before.requests.max(1));
    let share = u128::from(before.errors) * 100 + u128::from(points) * before_requests;
    u64::try_from(u128::from(of) * share / (before_requests * 100)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: u64 = 900_000;

    /// So many answers in 1,000 µs, so many errors among them, and so many more answers that are slow.
    fn part(requests: u64, errors: u64, slow: u64) -> Part {
        let mut part = Part::default();
        for number in 0..requests + slow {
            part.add(number < errors, Some(if number < requests { 1_000 } else { SLOW }));
        }
        part
    }

    fn outcome(before: &Part, after: &Part, waiting: &[Duration], is_over: bool) -> Outcome {
        let requests = u64::try_from(waiting.len()).expect("few");
        let waiting = Waiting { requests, latencies: waiting.to_vec() };
        compare(before, after, &waiting, &WatchRules::default(), is_over).outcome
    }

    fn is_worse(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Worse(_))
    }

    #[test]
    fn a_watch_passes_with_enough_requests_or_at_its_end() {
        let before = part(100, 0, 0);
        assert_eq!(outcome(&before, &part(49, 0, 0), &[], false), Outcome::Undecided);
        assert_eq!(outcome(&before, &part(50, 0, 0), &[], false), Outcome::Passed);
        assert_eq!(outcome(&before, &part(0, 0, 0), &[], true), Outcome::Passed);
        let watched = compare(&before, &part(50, 1, 0), &Waiting::default(), &WatchRules::default(), false);
        assert_eq!(watched.after, Level { requests: 50, errors: 1, p95_micros: 1_000 });
        assert_eq!(watched.before, Level { requests: 100, errors: 0, p95_micros: 1_000 });
    }

    #[test]
    fn errors_fail_it_at_once_beyond_the_points_allowed() {
        let before = part(100, 0, 0);
        assert_eq!(outcome(&before, &part(3, 2, 0), &[], false), Outcome::Undecided, "2 of 50 may");
        let reason = "3 of 3 requests since the switch have failed, 0 of 100 before; 5 % more may";
        assert_eq!(outcome(&before, &part(3, 3, 0), &[], false), Outcome::Worse(vec![reason.to_owned()]));
        assert!(is_worse(&outcome(&before, &part(10, 1, 0), &[], true)), "1 of 10 at the end");
        assert_eq!(outcome(&before, &part(20, 1, 0), &[], true), Outcome::Passed, "1 of 20 is 5 %");
        // What failed as often before does not count.
        assert_eq!(outcome(&part(100, 40, 0), &part(100, 45, 0), &[], false), Outcome::Passed);
        assert!(is_worse(&outcome(&part(100, 40, 0), &part(100, 46, 0), &[], false)));
        assert!(is_worse(&outcome(&Part::default(), &part(3, 3, 0), &[], false)), "nothing was known before");
    }

    #[test]
    fn slow_answers_fail_it_beyond_the_allowance() {
        let before = part(50, 0, 0);
        assert_eq!(outcome(&before, &part(48, 0, 2), &[], false), Outcome::Passed);
        assert!(is_worse(&outcome(&before, &part(0, 0, 3), &[], false)), "3 of 50 are more than 5 %");
        assert_eq!(outcome(&before, &part(0, 0, 2), &[], true), Outcome::Passed, "2 have no 95th percentile");
        assert_eq!(outcome(&part(49, 0, 0), &part(0, 0, 60), &[], false), Outcome::Passed, "too few before");
        assert_eq!(outcome(&part(0, 0, 60), &part(0, 0, 60), &[], false), Outcome::Passed, "as slow as before");
    }

    #[test]
    fn requests_without_an_answer_count_as_they_wait() {
        let (before, waits) = (part(100, 0, 0), |micros| vec![Duration::from_micros(micros); 3]);
        assert!(is_worse(&outcome(&before, &part(10, 0, 0), &waits(252_001), false)), "2 × 1,000 µs and 250 ms");
        assert_eq!(outcome(&before, &part(10, 0, 0), &waits(252_000), false), Outcome::Undecided);
        assert_eq!(outcome(&before, &part(50, 0, 0), &waits(1), false), Outcome::Undecided, "they may yet fail");
        assert_eq!(outcome(&before, &part(60, 0, 0), &waits(1), false), Outcome::Passed, "3 of 60 may");
    }

    #[test]
    fn rules_of_a_watch_that_mean_nothing_are_named() {
        let fault = |change: fn(&mut WatchRules)| {
            let mut rules = WatchRules::default();
            change(&mut rules);
            rules.check().err()
        };
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|r| r.seconds = 31), Some(RuleFault::Most("seconds", 30)));
        assert_eq!(fault(|r| r.min_requests = 0), Some(RuleFault::Zero("min_requests")));
        assert_eq!(fault(|r| r.min_requests = 1_001), Some(RuleFault::Most("min_requests", 1_000)));
        assert_eq!(fault(|r| r.max_error_points = 101), Some(RuleFault::Most("max_error_points", 100)));
        assert_eq!(fault(|r| r.latency_percent = 0), Some(RuleFault::Zero("latency_percent")));
    }
}
