//! Books with answers that are known from elsewhere, beside the repository (`../shared/data/market`):
//! real auction days with their published prices (`italy`), combinatorial auctions with the optima
//! of another solver (`cats`). Without the folders the tests say so and pass.
use flate2::read::GzDecoder;
use headroom_market::clearing::rational::{Rat, parse_exact};
use headroom_market::clearing::{Limits, Mode, Outcome, clear, parse, verify};
use headroom_solver::MixedInteger;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/market").join(name);
    if !folder.is_dir() {
        println!("SKIP {name}: ../shared missing");
        return None;
    }
    Some(folder)
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    GzDecoder::new(file).read_to_string(&mut text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text
}

fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let mut names: Vec<String> =
        files.filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".book.json.gz").map(String::from)).collect();
    names.sort();
    names
}

fn cleared(folder: &Path, name: &str, mode: Mode) -> Outcome {
    let book =
        parse(&unpacked(&folder.join(format!("{name}.book.json.gz")))).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let outcome = clear(&book, mode, &MixedInteger::OFFLINE, &Limits::default());
    let outcome = outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
    verify(&book, outcome, mode).unwrap_or_else(|b| panic!("{name}: {b:?}")).into_inner()
}

fn exact(text: &str) -> Rat {
    parse_exact(text).unwrap_or_else(|| panic!("{text} is not a number"))
}

#[test]
fn ten_auction_days_have_the_published_prices() {
    let Some(folder) = folder("italy") else { return };
    for name in names(&folder) {
        let outcome = cleared(&folder, &name, Mode::Market);
        let expected: Value =
            serde_json::from_str(&unpacked(&folder.join(format!("{name}.expect.json.gz")))).expect("JSON");
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let micro = Rat::ratio(1, 1_000_000);
        assert!((&outcome.welfare.0 - &exact(&text(&expected["welfare"]))).abs() <= micro, "{name}: welfare");
        let tolerance = exact(&text(&expected["price_tolerance"]));
        let prices = expected["prices"].as_array().expect("prices");
        assert_eq!(prices.len(), 168, "{name}: seven zones and 24 hours");
        for p in prices {
            let ours = outcome.prices.iter().find(|o| p["pool"] == o.pool && p["slot"] == o.slot);
            let ours = ours.unwrap_or_else(|| panic!("{name}: no price of {p}"));
            let difference = &Rat::ratio(ours.price.0.into(), 1_000_000_000) - &exact(&text(&p["published"]));
            assert!(difference.abs() <= tolerance, "{name}: {} for {p}", ours.price.0);
        }
    }
}

#[test]
fn combinatorial_auctions_reach_the_known_optima() {
    let Some(folder) = folder("cats") else { return };
    let table = std::fs::read_to_string(folder.join("optimum.tsv")).expect("a table of optima");
    let mut compared = 0;
    for line in table.lines().skip(1) {
        let mut columns = line.split('\t');
        let (name, optimum) = (columns.next().expect("a name"), columns.nth(3).expect("an optimum"));
        let outcome = cleared(&folder, name, Mode::Welfare);
        let difference = &outcome.welfare.0 - &exact(optimum);
        assert!(difference.abs() <= Rat::ratio(1, 1_000_000), "{name}: {} and not {optimum}", outcome.welfare.0);
        compared += 1;
    }
    assert_eq!(compared, names(&folder).len());
}
