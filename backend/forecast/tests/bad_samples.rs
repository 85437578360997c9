//! Samples and files that are wrong: refused with their place, or left out and counted, and never a
//! forecast that is not a number.
use headroom_forecast::stream::{Capacities, Fault, Options, Summary, read_capacities, run_csv};
use headroom_forecast::{Forecaster, LEVELS, Settings};
use proptest::prelude::*;

/// A file of one series.
fn file(values: impl Iterator<Item = String>) -> String {
    (0..).zip(values).fold("entity,t,cpu\n".to_owned(), |text, (t, value)| text + &format!("a,{t},{value}\n"))
}

/// A daily wave of 288 steps around 300, with `special` in place of the value at step 400.
fn wave(special: &str) -> String {
    let value = |t: u32| (300.0 + 200.0 * (f64::from(t) / 45.8).sin() + f64::from(t * 7919 % 31)).round().to_string();
    file((0..600).map(|t| if t == 400 { special.to_owned() } else { value(t) }))
}

fn forecast(text: &str, capacity: Option<f64>) -> (Summary, String, String) {
    let capacities = capacity.map(|c| (("a".to_owned(), "cpu".to_owned()), c)).into_iter().collect::<Capacities>();
    let options = Options { capacities, risk: Some(0.9), every: 1, ..Options::default() };
    let (mut out, mut risk) = (Vec::new(), Vec::new());
    let summary = run_csv(text.as_bytes(), &options, &mut out, Some(&mut risk)).expect("a good file");
    (summary, String::from_utf8(out).expect("text"), String::from_utf8(risk).expect("text"))
}

fn refused(text: &str) -> String {
    let options = Options { risk: Some(0.9), ..Options::default() };
    let mut risk = Vec::new();
    run_csv(text.as_bytes(), &options, Vec::new(), Some(&mut risk)).expect_err("a bad file").to_string()
}

#[test]
fn a_sample_beyond_all_measure_is_refused_with_its_place() {
    for absurd in ["1e150", "1e200", "-1e150", "1e400", "inf", "NaN"] {
        let said = refused(&wave(absurd));
        assert!(said.starts_with(&format!("line 402, column 3 (cpu): \"{absurd}\" is ")), "{said}");
    }
}

#[test]
fn the_largest_samples_have_finite_forecasts() {
    let values = ["1e30", "0", "3", "1e-30", "1e29", "", "7"].map(str::to_owned);
    let (_, out, risk) = forecast(&file(values.into_iter().cycle().take(400)), None);
    for cell in out.lines().chain(risk.lines()).skip(1).flat_map(|line| line.split(',').skip(2)) {
        assert!(cell.parse::<f64>().map_or(cell.starts_with(['h', 'l', 'p', 't']), f64::is_finite), "{cell}");
    }
}

#[test]
fn a_sample_above_the_capacity_is_as_if_missing() {
    let (summary, out, risk) = forecast(&wave("1000000"), Some(1_000.0));
    let (blank, without, risk_without) = forecast(&wave(""), Some(1_000.0));
    assert_eq!((out, risk), (without, risk_without));
    assert_eq!(blank.left_out, []);
    let left = &summary.left_out[0];
    assert_eq!((left.fault, left.count, left.place.line, left.place.column), (Fault::AboveCapacity, 1, 402, 3));
    assert!(summary.warnings()[0].starts_with("1 sample was left out: it is 1000000 in line 402, column 3 (cpu)"));
    let (summary, _, _) = forecast(&wave("1000"), Some(1_000.0));
    assert_eq!(summary.left_out, [], "all of the capacity may be in use");
}

#[test]
fn a_negative_sample_is_as_if_missing() {
    let (summary, out, _) = forecast(&wave("-5"), None);
    assert_eq!(out, forecast(&wave(""), None).1);
    assert_eq!((summary.left_out[0].fault, summary.left_out[0].count), (Fault::Negative, 1));
}

#[test]
fn a_sample_far_beyond_all_others_is_as_if_missing() {
    let (summary, out, _) = forecast(&wave("1000000"), None);
    assert_eq!(out, forecast(&wave(""), None).1);
    assert_eq!((summary.left_out[0].fault, summary.left_out[0].place.line), (Fault::FarBeyond, 402));
}

#[test]
fn a_rise_that_lasts_is_believed_from_its_second_sample_on() {
    let risen = file((0..200).map(|t| if t < 100 { format!("{}", t % 5 + 1) } else { format!("{}", 5_000 + t) }));
    let (summary, out, _) = forecast(&risen, None);
    assert_eq!((summary.left_out[0].count, summary.left_out[0].place.line), (1, 102));
    let last = out.lines().last().and_then(|line| line.split(',').nth(6)).and_then(|cell| cell.parse::<f64>().ok());
    assert!(last.is_some_and(|median| (4_500.0..5_500.0).contains(&median)), "{last:?}");
}

#[test]
fn a_column_without_a_name_of_its_own_is_refused() {
    assert_eq!(
        refused("entity,t,cpu,mem,cpu\na,1,2,3,4\n"),
        "line 1, column 5: a metric needs a name of its own, and \"cpu\" is also column 3"
    );
    assert!(refused("entity,t,t\na,1,2\n").starts_with("line 1, column 3"));
    assert_eq!(refused("entity,t,cpu,\na,1,2,3\n"), "line 1, column 4: a metric needs a name");
    assert_eq!(refused("entity,t,cpu\na,1\n"), "line 2: 2 cells, where the header has 3");
}

#[test]
fn times_that_are_no_steps_are_refused() {
    let times = |of: fn(i64) -> i64| {
        (0..50).fold("entity,t,cpu\n".to_owned(), |text, n| text + &format!("a,{},{}\n", of(n), n % 7))
    };
    for seconds in [times(|n| 1_764_000_000 + 300 * n), times(|n| 1_764_000_000 + 300 * n + n / 7 % 3)] {
        let said = refused(&seconds);
        assert!(said.starts_with("line 3, column 2 (t): rows are usually 300 steps of 300 s apart"), "{said}");
    }
    assert!(refused(&times(|n| 1_764_000_000_000 + 300_000 * n)).contains("300000 steps of 300 s apart"));
    assert!(refused("entity,t,cpu\na,1.5,2\n").starts_with("line 2, column 2 (t): \"1.5\" is not a whole number"));
    assert!(refused("entity,t,cpu\na,9223372036854775807,2\n").contains("is not a whole number of steps"));
    assert!(refused(&(times(|n| n) + "a,9000000,1\n")).starts_with("line 52, column 2 (t): a has 9000001 steps"));
    let (summary, _, _) = forecast(&times(|n| 5 * n), None);
    assert!(summary.warnings()[0].starts_with("rows are usually 5 steps apart"), "{:?}", summary.warnings());
    let gaps = times(|n| if n < 25 { n } else { n + 400 });
    assert_eq!(forecast(&gaps, None).0.warnings(), [""; 0], "a long gap is normal");
}

#[test]
fn capacities_are_read_as_strictly() {
    let refused = |text: &str| read_capacities(text.as_bytes()).expect_err("a bad file").to_string();
    assert!(refused("a,cpu,1000\n").starts_with("line 1: the header has to be entity,metric,capacity"));
    assert!(
        refused("entity,metric,capacity\na,cpu,-1\n").starts_with("line 2, column 3 (capacity): \"-1\" is negative")
    );
    let twice = refused("entity,metric,capacity\na,cpu,1\nb,cpu,1\na,cpu,2\n");
    assert!(twice.starts_with("line 4, column 3 (capacity): cpu of a is in line 2 already"), "{twice}");
    let capacities = read_capacities("entity,metric,capacity\na,cpu,500\na,spelt,1\n".as_bytes()).expect("a good file");
    let options = Options { capacities, ..Options::default() };
    let summary = run_csv(wave("1").as_bytes(), &options, Vec::new(), None).expect("a good file");
    assert_eq!(summary.unused_capacities, 1);
    assert!(summary.warnings().iter().any(|w| w.starts_with("1 capacities are of series")));
}

proptest! {
    #[test]
    fn forecasts_are_finite_and_rise_whatever_comes(
        samples in prop::collection::vec((any::<f64>(), 0_u32..3, any::<bool>()), 1..120),
        capacity in prop::option::of(0.0_f64..1e31),
    ) {
        let mut forecaster = Forecaster::new(Settings { slot_seconds: 300, capacity });
        for (slot, (wild, kind, censored)) in (0..).zip(samples) {
            let value = [wild, (wild.to_bits() % 1_000) as f64, 0.0][kind as usize];
            forecaster.observe(slot, value, censored);
            for quantiles in forecaster.forecast(&LEVELS, 6) {
                prop_assert!(quantiles.values.is_sorted() && quantiles.values.iter().all(|v| v.is_finite() && *v >= 0.0));
            }
            let chance = forecaster.probability_above(value.abs().min(1e30), 6);
            prop_assert!(chance.is_none_or(|p| (0.0..=1.0).contains(&p)));
        }
    }
}
