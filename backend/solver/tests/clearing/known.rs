//! Books of `../shared/data/market` with known outcomes.

use crate::books::cleared;
use flate2::read::GzDecoder;
use headroom_market::clearing::book;
use headroom_market::clearing::outcome::Mode;
use serde_json::Value;
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

/// The bytes of a file, unpacked.
fn bytes(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|end| end != "gz") {
        return packed;
    }
    let mut plain = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).expect("a gzip file");
    plain
}

fn nano(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<9}").parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn worked_cases_are_cleared_as_derived() {
    let Some(folder) = folder("worked") else { return };
    let names =
        std::fs::read_dir(&folder).expect("a folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut count = 0;
    for name in names.filter_map(|name| name.strip_suffix(".book.json").map(String::from)) {
        let expected: Value =
            serde_json::from_slice(&bytes(&folder.join(format!("{name}.expect.json")))).expect("JSON");
        let read = book::read(&bytes(&folder.join(format!("{name}.book.json"))));
        if let Some(pointers) = expected["refused_book"].as_array() {
            let faults = read.err().unwrap_or_else(|| panic!("{name} is not refused"));
            assert!(
                pointers.iter().all(|pointer| faults.iter().any(|fault| fault.pointer == *pointer)),
                "{name}: {faults:?}"
            );
            continue;
        }
        let book = read.unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        let mode = if expected["mode"] == "welfare" { Mode::Welfare } else { Mode::Market };
        let outcome = cleared(&book, mode);
        let welfare = nano(expected["welfare"].as_str().expect("a number"));
        assert!((outcome.welfare_nano - welfare).abs() <= 1_000, "{name}: welfare {}", outcome.welfare_nano);
        for row in expected["prices"].as_array().into_iter().flatten() {
            let product = book.products.iter().position(|product| {
                let key = &product.key;
                row["pool"] == key.pool && row["resource"] == key.resource && row["slot"] == key.slot
            });
            let price = outcome.prices_nano[product.unwrap_or_else(|| panic!("{name}: {row}"))];
            assert!((price - nano(row["price"].as_str().expect("a price"))).abs() <= 1, "{name}: {row}, not {price}");
        }
        count += 1;
    }
    assert!(count >= 29, "only {count} worked cases");
}

#[test]
fn combinatorial_auctions_reach_known_optima() {
    let Some(folder) = folder("cats") else { return };
    let table = String::from_utf8(bytes(&folder.join("optimum.tsv"))).expect("text");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    let column = rows[0].iter().position(|name| *name == "optimal_welfare").expect("a column");
    let is_short = |row: &[&str]| {
        let is_few = row[3].parse::<usize>().is_ok_and(|orders| orders <= 500);
        (row[0].starts_with("2atom-") && is_few) || row[0] == "3atom_nodom-100-100-0002"
    };
    for row in rows[1..].iter().filter(|row| is_short(row)) {
        let book = book::read(&bytes(&folder.join(format!("{}.book.json.gz", row[0])))).expect("a book");
        let outcome = cleared(&book, Mode::Welfare);
        assert_eq!(outcome.welfare_nano, nano(row[column]), "{}", row[0]);
    }
}

#[test]
fn an_auction_day_has_its_published_prices() {
    let Some(folder) = folder("italy") else { return };
    let expected: Value =
        serde_json::from_slice(&bytes(&folder.join("italy-2025-04-05.expect.json.gz"))).expect("JSON");
    let book = book::read(&bytes(&folder.join("italy-2025-04-05.book.json.gz"))).expect("a book");
    let outcome = cleared(&book, Mode::Market);
    for row in expected["prices"].as_array().into_iter().flatten() {
        let is_it = |key: &book::ProductKey| {
            row["pool"] == key.pool && row["resource"] == key.resource && row["slot"] == key.slot
        };
        let product = book.products.iter().position(|product| is_it(&product.key)).expect("a product");
        let wanted = row["price"].as_str().map(nano);
        assert!(wanted.is_none_or(|wanted| (outcome.prices_nano[product] - wanted).abs() <= 1), "{row}");
    }
}
