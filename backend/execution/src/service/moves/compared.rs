//! The front's report of a shadow run in the words of the saga: pure.

use headroom_front::{Report, Rules, Verdict};
use headroom_market::shadow::{Comparison, Difference};

/// The report for the saga. Positions are numbers of requests since the shadow run began.
///
/// The saga fails a run for a single difference, and passes it by a number of its own. The operator's rules may allow
/// some and ask for more, so nothing counts as compared, or as different, before the front has its verdict.
pub(super) fn comparison(report: &Report, rules: &Rules) -> Comparison {
    let (live, shadow) = (&report.original_latency, &report.copy_latency);
    let mut comparison = Comparison {
        live_latency_sum_micros: live.p50_micros.saturating_mul(report.compared),
        shadow_latency_sum_micros: shadow.p50_micros.saturating_mul(report.compared),
        live_latency_max_micros: live.max_micros,
        shadow_latency_max_micros: shadow.max_micros,
        ..Comparison::default()
    };
    if matches!(report.verdict, Verdict::Undecided { .. }) {
        return comparison;
    }
    comparison.positions_compared = report.compared;
    comparison.first_position = (report.compared > 0).then_some(1);
    comparison.last_position = (report.compared > 0).then_some(report.requests);
    let Verdict::Failed { reasons } = &report.verdict else { return comparison };
    if report.different_requests > rules.max_differences {
        comparison.differences_total = report.differences_total;
        comparison.differences = report.differences.iter().map(difference).collect();
        return comparison;
    }
    // Then the copy is too slow. Told as a difference, it is seen among the differences.
    comparison.too_slow = true;
    comparison.differences_total = 1;
    comparison.differences = vec![Difference {
        position: report.requests,
        field: "latency".to_owned(),
        live: format!("95th percentile {} µs", live.p95_micros),
        shadow: reasons.join("; "),
    }];
    comparison
}

fn difference(found: &headroom_front::Difference) -> Difference {
    Difference {
        position: found.number,
        field: format!("{} of {} {}", found.differs, found.method, found.path),
        live: found.original.clone(),
        shadow: found.copy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_front::{Differs, Percentiles};
    use headroom_market::shadow::Verdict as Asked;

    fn report(different: u64, verdict: Verdict) -> Report {
        let differs = headroom_front::Difference {
            number: 7,
            method: "GET".into(),
            path: "/a".into(),
            differs: Differs::Status,
            original: "200".into(),
            copy: "500".into(),
        };
        Report {
            copy: ([127, 0, 0, 1], 1).into(),
            is_mirroring: true,
            requests: 12,
            compared: 10,
            different_requests: different,
            differences_total: different,
            differences: vec![differs; usize::try_from(different).expect("few")],
            not_mirrored: Default::default(),
            waiting: 0,
            original_latency: Percentiles::default(),
            copy_latency: Percentiles::default(),
            verdict,
        }
    }

    #[test]
    fn an_undecided_run_has_compared_nothing_for_the_saga() {
        let undecided = comparison(&report(0, Verdict::Undecided { lacking: vec![] }), &Rules::default());
        assert_eq!(undecided.verdict(1, false), Asked::Running);
        let passed = comparison(&report(0, Verdict::Passed), &Rules::default());
        assert_eq!((passed.verdict(10, false), passed.verdict(11, false)), (Asked::Pass, Asked::Running));
    }

    #[test]
    fn differences_that_the_rules_allow_do_not_count() {
        let rules = Rules { max_differences: 1, ..Rules::default() };
        assert_eq!(comparison(&report(1, Verdict::Passed), &rules).verdict(1, false), Asked::Pass);
        let failed = comparison(&report(2, Verdict::Failed { reasons: vec![] }), &rules);
        assert_eq!((failed.verdict(1, false), failed.differences_total), (Asked::Fail, 2));
        let first = &failed.differences[0];
        assert_eq!((first.position, first.field.as_str(), first.live.as_str()), (7, "status of GET /a", "200"));
    }

    #[test]
    fn a_copy_that_is_too_slow_fails_with_both_latencies() {
        let slow = Verdict::Failed { reasons: vec!["the copy's 95th percentile is 9 µs".into()] };
        let slow = comparison(&report(0, slow), &Rules::default());
        assert_eq!((slow.verdict(100, false), slow.too_slow), (Asked::Fail, true));
        assert_eq!(slow.differences[0].field, "latency");
    }
}
