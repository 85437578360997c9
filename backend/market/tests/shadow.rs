//! Shadow runs against live runs: rules, merging, and the tolerance rule against two oracles.
use headroom_market::shadow::{Bound, Comparison, PositionRecord, Rules, Verdict, compare};
use num_rational::BigRational;
use num_traits::Signed;
use proptest::prelude::*;

fn bound(text: &str) -> Bound {
    text.parse().expect("a bound")
}

fn tolerance(absolute: &str, relative: &str) -> Rules {
    Rules::Tolerance { absolute: bound(absolute), relative: bound(relative), ignore: Vec::new() }
}

fn record(position: u64, words: &[f64], state: &str, latency: u64) -> PositionRecord {
    PositionRecord {
        position,
        output: words.iter().flat_map(|w| w.to_le_bytes()).collect(),
        state: Some(state.to_owned()),
        latency_micros: latency,
    }
}

#[test]
fn only_positions_that_both_have_are_compared() {
    let live = [record(4, &[1.0], "a", 0), record(5, &[1.0], "b", 0)];
    let shadow = [record(3, &[9.0], "x", 0), record(5, &[1.0], "b", 0)];
    let c = compare(&live, &shadow, &Rules::default(), 8);
    assert_eq!((c.positions_compared, c.first_position, c.differences_total), (1, Some(5), 0));
    assert_eq!(c.verdict(1, false), Verdict::Pass);
    assert_eq!(c.verdict(2, false), Verdict::Running);
    assert_eq!(c.verdict(2, true), Verdict::Inconclusive);
}

#[test]
fn each_rule_judges_the_same_pair_its_own_way() {
    let live = [record(1, &[100.0, 5.0], "a", 100)];
    let shadow = [record(1, &[100.4, 5.0], "b", 300)];
    let exact = compare(&live, &shadow, &Rules::default(), 8);
    let fields: Vec<_> = exact.differences.iter().map(|d| d.field.as_str()).collect();
    assert_eq!(fields, ["output.0", "state"]);

    let ignore = Rules::Exact { ignore: vec!["output.0".into(), "state".into()] };
    assert_eq!(compare(&live, &shadow, &ignore, 8).differences_total, 0);

    let loose = tolerance("0", "0.005");
    assert_eq!(compare(&live, &shadow, &loose, 8).differences_total, 0);
    let tight = tolerance("0", "0.001");
    let c = compare(&live, &shadow, &tight, 8);
    assert_eq!((c.differences_total, c.differences[0].shadow.as_str()), (1, "100.4"));

    let speed = |slack| Rules::PerformanceOnly { slower_percent: 50, slack_micros: slack };
    assert_eq!(compare(&live, &shadow, &speed(0), 8).verdict(1, false), Verdict::Fail);
    assert_eq!(compare(&live, &shadow, &speed(150), 8).verdict(1, false), Verdict::Pass);
}

#[test]
fn merging_stretches_equals_comparing_the_whole() {
    let live: Vec<_> = (0..40).map(|p| record(p, &[p as f64], "s", p)).collect();
    let shadow: Vec<_> = (0..40).map(|p| record(p, &[if p % 3 == 0 { -1.0 } else { p as f64 }], "s", 2 * p)).collect();
    for rules in [Rules::default(), Rules::PerformanceOnly { slower_percent: 10, slack_micros: 1 }] {
        let whole = compare(&live, &shadow, &rules, 5);
        let mut parts = Comparison::default();
        for range in [0..7, 7..8, 8..40] {
            parts.merge(compare(&live[range.clone()], &shadow[range], &rules, 5), &rules, 5);
        }
        assert_eq!(parts, whole);
    }
}

fn is_near(live: f64, shadow: f64, absolute: &str, relative: &str) -> bool {
    let rules = tolerance(absolute, relative);
    compare(&[record(1, &[live], "", 0)], &[record(1, &[shadow], "", 0)], &rules, 0).differences_total == 0
}

/// How a number is written into a difference.
fn shown(value: f64) -> String {
    let (live, shadow) = ([record(1, &[value], "", 0)], [record(1, &[f64::NAN, 0.0], "", 0)]);
    let c = compare(&live, &shadow, &tolerance("0", "0"), 8);
    c.differences.into_iter().find(|d| d.field == "output.0").expect("they differ").live
}

#[test]
fn the_edges_of_doubles() {
    let least = f64::from_bits(1);
    assert!(is_near(0.0, -0.0, "0", "0"));
    assert!(!is_near(0.0, least, "0", "0") && is_near(0.0, least, "0.000000000000000001", "0"));
    assert!(is_near(least, -least, "0", "2") && !is_near(least, -least, "0", "1.999"));
    assert!(is_near(f64::MAX, -f64::MAX, "0", "2") && !is_near(f64::MAX, -f64::MAX, "1000", "1.999"));
    // at the bound itself: 0.5 is exact in both worlds
    assert!(is_near(1.0, 1.5, "0.5", "0") && !is_near(1.0, 1.5, "0.4999999999999999999", "0"));
    // 0.1 + 0.2 is further from 0.3 than one part in 2^54, and a float could not tell
    assert!(!is_near(0.3, 0.1 + 0.2, "0.00000000000000005", "0"));
    // the rule is relative to the live run
    assert!(is_near(100.0, 90.0, "0", "0.1") && !is_near(90.0, 100.0, "0", "0.1"));
}

#[test]
fn what_is_not_finite_is_near_its_own_kind_only() {
    let other_nan = f64::from_bits(f64::NAN.to_bits() | 1);
    assert!(is_near(f64::NAN, other_nan, "0", "0"));
    assert!(is_near(f64::INFINITY, f64::INFINITY, "0", "0"));
    for (a, b) in [(f64::INFINITY, f64::NEG_INFINITY), (f64::INFINITY, 1.0), (f64::NAN, 1.0), (f64::NAN, f64::INFINITY)]
    {
        assert!(!is_near(a, b, "1000", "1000") && !is_near(b, a, "1000", "1000"), "{a} {b}");
    }
    // without a tolerance bytes are compared, whatever they mean
    let c = compare(&[record(1, &[f64::NAN], "", 0)], &[record(1, &[other_nan], "", 0)], &Rules::default(), 8);
    assert_eq!(c.differences_total, 1);
}

#[test]
fn a_part_of_a_word_is_no_number() {
    let live = PositionRecord { output: vec![0; 12], ..record(1, &[], "", 0) };
    let shadow = PositionRecord { output: vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], ..live.clone() };
    let c = compare(&[live], &[shadow], &tolerance("1000", "1000"), 8);
    assert_eq!((c.differences_total, c.differences[0].shadow.as_str()), (1, "01000000"));
}

#[test]
fn bounds_are_decimals_of_zero_or_more() {
    let rules: Rules = serde_json::from_str(r#"{"rule":"tolerance","absolute":"0.5","relative":"0"}"#).expect("rules");
    assert_eq!(rules, tolerance("0.5", "0"));
    assert_eq!(serde_json::from_str::<Rules>(&serde_json::to_string(&rules).expect("JSON")).expect("rules"), rules);
    for wrong in [r#""-1""#, "0.5", r#""x""#, r#""NaN""#, r#""""#] {
        let text = format!(r#"{{"rule":"tolerance","absolute":{wrong},"relative":"0"}}"#);
        assert!(serde_json::from_str::<Rules>(&text).is_err(), "{wrong}");
    }
}

/// Any bits, numbers of everyday size, and the neighbours of both.
fn pair() -> impl Strategy<Value = (f64, f64)> {
    let any = any::<u64>().prop_map(f64::from_bits);
    let everyday = (-1_000_000_i64..1_000_000, 1_i64..1_000).prop_map(|(a, b)| a as f64 / b as f64);
    let near = |v: f64, by: i64| f64::from_bits(v.to_bits().wrapping_add_signed(by));
    let one = prop_oneof![any, everyday.clone()];
    (one, everyday, -40_i64..40, 0..3).prop_map(move |(a, b, by, how)| match how {
        0 => (a, b),
        1 => (a, near(a, by)),
        _ => (b, near(b, by)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    /// Rationals from the standard conversion, and the formula as it is written down.
    #[test]
    fn the_bound_holds_exactly((l, s) in pair(), a in 0_u64..100_000, r in 0_u64..100_000, digits in 0_u32..18) {
        prop_assume!(l.is_finite() && s.is_finite());
        let text = |n: u64| format!("{}.{:017}", 0, n * 10_u64.pow(digits.min(12)));
        let decimal = |n: u64| {
            BigRational::new((n * 10_u64.pow(digits.min(12))).into(), 100_000_000_000_000_000_u64.into())
        };
        let exact = |v: f64| BigRational::from_float(v).expect("finite");
        let expected = (exact(l) - exact(s)).abs() <= decimal(a) + decimal(r) * exact(l).abs();
        prop_assert_eq!(is_near(l, s, &text(a), &text(r)), expected);
    }

    /// Where floats are nowhere near the bound, they say the same.
    #[test]
    fn floats_agree_away_from_the_bound((l, s) in pair(), a in 0_u32..1_000, r in 0_u32..1_000) {
        let (absolute, relative) = (f64::from(a) / 1e6, f64::from(r) / 1e6);
        let (apart, most) = ((l - s).abs(), absolute + relative * l.abs());
        prop_assume!(apart.is_finite() && most.is_finite() && (apart - most).abs() > 1e-9 * (apart + most));
        prop_assert_eq!(is_near(l, s, &format!("0.{a:06}"), &format!("0.{r:06}")), apart <= most);
    }

    /// Differences show a double as everybody else prints it.
    #[test]
    fn numbers_are_shown_as_the_standard_library_does((l, s) in pair()) {
        for v in [l, s].into_iter().filter(|v| !v.is_nan()) {
            prop_assert_eq!(shown(v), v.to_string());
        }
    }
}
