//! The worked cases beside the repository (`../shared/data/market/worked`): welfare, prices and
//! awards as derived by hand, and reference outcomes that the checker has to accept. Without the
//! folder the tests say so and pass.
use headroom_market::clearing::book::Fraction;
use headroom_market::clearing::rational::{Rat, parse_exact};
use headroom_market::clearing::{Limits, Mode, NoProposal, Outcome, clear, parse, verify};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let f = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/market/worked");
    if !f.is_dir() {
        println!("SKIP worked cases: ../shared missing");
        return None;
    }
    Some(f)
}

fn cases(f: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(f)
        .expect("the folder can be read")
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".book.json").map(String::from))
        .collect();
    names.sort();
    names
}

fn read(f: &Path, name: &str) -> String {
    std::fs::read_to_string(f.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn exact(v: &Value) -> Rat {
    v.as_str().and_then(parse_exact).unwrap_or_else(|| panic!("{v} is not a number"))
}

fn mode(e: &Value) -> Mode {
    if e["mode"] == "welfare" { Mode::Welfare } else { Mode::Market }
}

#[test]
fn worked_cases_are_cleared_as_derived() {
    let Some(f) = folder() else { return };
    for name in cases(&f).into_iter() {
        let book = parse(&read(&f, &format!("{name}.book.json"))).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let e: Value = serde_json::from_str(&read(&f, &format!("{name}.expect.json"))).expect("an expectation");
        let out = clear(&book, mode(&e), &NoProposal, &Limits::default()).unwrap_or_else(|x| panic!("{name}: {x}"));
        let out = verify(&book, out, mode(&e)).unwrap_or_else(|b| panic!("{name}: {b:?}")).into_inner();
        let micro = Rat::ratio(1, 1_000_000);
        assert!((&out.welfare.0 - &exact(&e["welfare"])).abs() <= micro, "{name}: welfare {}", out.welfare.0);
        for p in e["prices"].as_array().into_iter().flatten() {
            let row = out
                .prices
                .iter()
                .find(|r| r.pool == p["pool"] && r.resource == p["resource"] && p["slot"] == r.slot)
                .unwrap_or_else(|| panic!("{name}: no price for {p}"));
            for (key, v) in [("price", Some(row.price)), ("low", row.low), ("high", row.high)] {
                if let (Some(want), Some(v)) = (p.get(key).filter(|w| !w.is_null()), v) {
                    let got = Rat::ratio(v.0.into(), 1_000_000_000);
                    assert!(
                        (&got - &exact(want)).abs() <= Rat::ratio(1, 1_000_000_000),
                        "{name}: {key} {got}, expected {want}"
                    );
                }
            }
        }
        for a in e["awards"].as_array().into_iter().flatten() {
            let Some(want) = a["quantities"].as_array() else {
                continue;
            };
            let award = out
                .awards
                .iter()
                .find(|w| a["order"] == w.order.as_str())
                .unwrap_or_else(|| panic!("{name}: {} lost", a["order"]));
            let got: i64 = award.quantities.iter().map(|q| q.quantity).sum();
            let sum: i64 = want.iter().filter_map(|q| q[3].as_i64()).sum();
            assert_eq!(got, sum, "{name}: quantities of {}", award.order);
        }
        for r in e["refused"].as_array().into_iter().flatten() {
            let refused = out.refused.iter().find(|x| r["order"] == x.order.as_str());
            let refused = refused.unwrap_or_else(|| panic!("{name}: {} should be refused", r["order"]));
            let said = serde_json::to_value(refused.reason).expect("a reason");
            let reasons = r["reasons"].as_array().into_iter().flatten();
            assert!(reasons.clone().count() == 0 || reasons.clone().any(|x| *x == said), "{name}: {r} is told {said}");
        }
    }
}

#[test]
fn reference_outcomes_are_accepted_and_changed_ones_are_not() {
    let Some(f) = folder() else { return };
    for name in cases(&f).into_iter() {
        let book = parse(&read(&f, &format!("{name}.book.json"))).expect("a book");
        let out: Outcome =
            serde_json::from_str(&read(&f, &format!("reference/{name}.outcome.json"))).expect("an outcome");
        let mode = out.mode;
        verify(&book, out.clone(), mode).unwrap_or_else(|b| panic!("{name}: {b:?}"));
        let mut worse = out;
        worse.welfare = Fraction(&worse.welfare.0 + &Rat::int(1_000_000_000));
        assert!(verify(&book, worse, mode).is_err(), "{name}");
    }
}
