//! What was compared so far, and the verdict on it: pure.
use super::allow::HeldBack;
use super::compare::{Differs, Found};
use super::latency::{Latencies, Percentiles, most_allowed};
use super::rules::Rules;
use serde::{Deserialize, Serialize};

/// What a shadow run has shown so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Where the copy is reached.
    pub copy: std::net::SocketAddr,
    /// Whether requests are still mirrored. A switch ends that and leaves the report.
    pub is_mirroring: bool,
    /// Requests that came since the shadow run began.
    pub requests: u64,
    /// Requests that both have answered, or that the copy alone has not.
    pub compared: u64,
    /// Compared requests with a difference.
    pub different_requests: u64,
    /// Differences of all compared requests, at most eight a request.
    pub differences_total: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Requests that were not compared, by reason.
    pub not_mirrored: NotMirrored,
    /// Requests that wait for the copy.
    pub waiting: u64,
    /// From sending a request to the end of its answer, without the time that the client takes to read.
    pub original_latency: Percentiles,
    /// The same of the copy.
    pub copy_latency: Percentiles,
    /// What follows.
    pub verdict: Verdict,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The request's number since the shadow run began, from 1.
    pub number: u64,
    /// The method.
    pub method: String,
    /// Path and query, at most 200 characters.
    pub path: String,
    /// What is not the same.
    pub differs: Differs,
    /// The original's value, at most 200 characters.
    pub original: String,
    /// The copy's value, at most 200 characters.
    pub copy: String,
}

/// Requests that were not compared, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMirrored {
    /// Held back by their method.
    pub method: u64,
    /// Held back by their path.
    pub path: u64,
    /// They ask for another protocol and became a tunnel.
    pub upgrade: u64,
    /// The request's body is over the bound.
    pub request_too_large: u64,
    /// The original's answer is over the bound.
    pub answer_too_large: u64,
    /// The rule reads JSON, and the original's answer is compressed in a way that is not read, or is too large without it.
    pub compressed: u64,
    /// The original did not answer to the end, or the client left before.
    pub unfinished: u64,
    /// The queue to the copy was full.
    pub overflow: u64,
}

/// What the comparison says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// The copy answers as the original does.
    Passed,
    /// It does not.
    Failed {
        /// Sentences with the figures.
        reasons: Vec<String>,
    },
    /// There is too little to say.
    Undecided {
        /// Sentences with what there has to be yet.
        lacking: Vec<String>,
    },
}

/// Why a request was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Held(HeldBack),
    Upgrade,
    RequestTooLarge,
    AnswerTooLarge,
    Compressed,
    Unfinished,
    Overflow,
}

/// A request as the log of differences names it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) number: u64,
    pub(crate) method: String,
    pub(crate) path: String,
}

/// What one comparison brought.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) found: Vec<Found>,
    pub(crate) original_micros: u64,
    /// Nothing where the copy gave no answer.
    pub(crate) copy_micros: Option<u64>,
}

/// Everything that a report is made of; grows with each request.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) requests: u64,
    compared: u64,
    different_requests: u64,
    differences_total: u64,
    differences: Vec<Difference>,
    not_mirrored: NotMirrored,
    original: Latencies,
    copy: Latencies,
    unanswered: u64,
}

impl Record {
    pub(crate) fn skip(&mut self, reason: Reason) {
        let skipped = &mut self.not_mirrored;
        let count = match reason {
            Reason::Held(HeldBack::Method) => &mut skipped.method,
            Reason::Held(HeldBack::Path) => &mut skipped.path,
            Reason::Upgrade => &mut skipped.upgrade,
            Reason::RequestTooLarge => &mut skipped.request_too_large,
            Reason::AnswerTooLarge => &mut skipped.answer_too_large,
            Reason::Compressed => &mut skipped.compressed,
            Reason::Unfinished => &mut skipped.unfinished,
            Reason::Overflow => &mut skipped.overflow,
        };
        *count += 1;
    }

    pub(crate) fn add(&mut self, request: &Named, compared: Compared, most_logged: usize) {
        self.compared += 1;
        self.original.add(compared.original_micros);
        match compared.copy_micros {
            Some(micros) => self.copy.add(micros),
            None => self.unanswered += 1,
        }
        self.different_requests += u64::from(!compared.found.is_empty());
        for found in compared.found {
            self.differences_total += 1;
            if self.differences.len() < most_logged {
                self.differences.push(Difference {
                    number: request.number,
                    method: request.method.clone(),
                    path: request.path.clone(),
                    differs: found.differs,
                    original: found.original,
                    copy: found.copy,
                });
            }
        }
    }

    /// What the rules say of it.
    pub(crate) fn verdict(&self, rules: &Rules) -> Verdict {
        let mut reasons = Vec::new();
        if self.different_requests > rules.max_differences {
            let Self { different_requests, compared, unanswered, .. } = self;
            let (most, first) = (rules.max_differences, self.differences.first());
            let first =
                first.map_or(String::new(), |d| format!("; the first is {} of {} {}", d.differs, d.method, d.path));
            reasons.push(format!(
                "{different_requests} of {compared} requests differ ({unanswered} without an answer), {most} may{first}"
            ));
        }
        if self.compared < rules.min_compared {
            let lacking = format!("{} of {} requests are compared", self.compared, rules.min_compared);
            return if reasons.is_empty() {
                Verdict::Undecided { lacking: vec![lacking] }
            } else {
                Verdict::Failed { reasons }
            };
        }
        let [original, copy] = [&self.original, &self.copy].map(|l| l.percentiles().p95_micros);
        let most = most_allowed(original, rules.latency_percent, rules.latency_allowance_millis);
        if copy > most {
            reasons.push(format!(
                "the copy's 95th percentile is {copy} µs, the original's {original} µs; {most} µs are allowed"
            ));
        }
        if reasons.is_empty() { Verdict::Passed } else { Verdict::Failed { reasons } }
    }

    pub(crate) fn report(&self, copy: std::net::SocketAddr, is_mirroring: bool, waiting: u64, rules: &Rules) -> Report {
        Report {
            copy,
            is_mirroring,
            requests: self.requests,
            compared: self.compared,
            different_requests: self.different_requests,
            differences_total: self.differences_total,
            differences: self.differences.clone(),
            not_mirrored: self.not_mirrored,
            waiting,
            original_latency: self.original.percentiles(),
            copy_latency: self.copy.percentiles(),
            verdict: self.verdict(rules),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pairs: &[(u64, Option<u64>, bool)], most_logged: usize) -> Record {
        let mut record = Record::default();
        for (number, (original_micros, copy_micros, differs)) in (1..).zip(pairs) {
            let found = Found { differs: Differs::Status, original: "200".into(), copy: "500".into() };
            let found = if *differs { vec![found] } else { Vec::new() };
            let named = Named { number, method: "GET".into(), path: "/a".into() };
            let compared = Compared { found, original_micros: *original_micros, copy_micros: *copy_micros };
            record.add(&named, compared, most_logged);
        }
        record
    }

    fn rules(min_compared: u64, max_differences: u64) -> Rules {
        Rules { min_compared, max_differences, latency_percent: 100, latency_allowance_millis: 1, ..Rules::default() }
    }

    #[test]
    fn too_few_compared_requests_leave_it_undecided() {
        let lacking = vec!["2 of 3 requests are compared".to_owned()];
        let record = record(&[(10, Some(10), false), (10, Some(10), false)], 50);
        assert_eq!(record.verdict(&rules(3, 0)), Verdict::Undecided { lacking });
        assert_eq!(record.verdict(&rules(2, 0)), Verdict::Passed);
    }

    #[test]
    fn one_difference_more_than_allowed_fails_at_once() {
        let record = record(&[(10, Some(10), true), (10, None, true)], 1);
        let reason = "2 of 2 requests differ (1 without an answer), 1 may; the first is status of GET /a";
        assert_eq!(record.verdict(&rules(100, 1)), Verdict::Failed { reasons: vec![reason.to_owned()] });
        assert!(matches!(record.verdict(&rules(100, 2)), Verdict::Undecided { .. }));
        assert_eq!((record.differences.len(), record.differences_total), (1, 2));
    }

    #[test]
    fn a_slow_copy_fails_beyond_the_allowance_alone() {
        assert_eq!(record(&[(100, Some(1_100), false)], 50).verdict(&rules(1, 0)), Verdict::Passed);
        let reason = "the copy's 95th percentile is 1101 µs, the original's 100 µs; 1100 µs are allowed";
        let slow = record(&[(100, Some(1_101), false)], 50);
        assert_eq!(slow.verdict(&rules(1, 0)), Verdict::Failed { reasons: vec![reason.to_owned()] });
    }
}
