//! The offline tools as a person types them: a book is made, cleared, checked, explained, tried on.
use anyhow::Context;
use headroom_tests::server::binary;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

fn headroom(folder: &Path, arguments: &str) -> anyhow::Result<Output> {
    Ok(Command::new(binary()?).current_dir(folder).args(arguments.split_whitespace()).output()?)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn read(path: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// Every order of a round is explained; the limit that is named wins, and a micro-credit less does not.
#[test]
fn a_round_is_cleared_verified_and_explained() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let done = |arguments: &str| -> anyhow::Result<String> {
        let output = headroom(at, arguments)?;
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(text(&output))
    };
    done("generate-book --orders 40 --pools 2 --slots 3 --nodes 2 --seed 3 --out book.json")?;
    done("clear --book book.json --out outcome.json")?;
    done("verify --book book.json --outcome outcome.json")?;
    let (book, outcome) = (read(&at.join("book.json"))?, read(&at.join("outcome.json"))?);
    let refused = outcome["refused"].as_array().context("refused")?;
    let reason_of = |id: &str| refused.iter().find(|r| r["order"] == id).and_then(|r| r["reason"].as_str());
    let (mut lost, mut limits) = (0, BTreeMap::new());
    for (i, order) in book["orders"].as_array().context("orders")?.iter().enumerate() {
        let id = order["id"].as_str().context("an id")?;
        let told = done(&format!("explain --book book.json --outcome outcome.json --order {id}"))?;
        assert!(told.starts_with(&format!("{id} is a")), "{told}");
        assert!(told.contains("faced:"), "{told}");
        let Some(reason) = reason_of(id) else {
            assert!(told.contains("It wins"), "{told}");
            continue;
        };
        lost += 1;
        assert!(told.contains("It wins nothing because") && told.contains(reason), "{told}");
        let Some(limit) = told.split("With a limit of ").nth(1).and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        limits.insert(id, limit.to_owned());
        let micro = (limit.parse::<f64>()? * 1e6).round() as i64;
        let worse = if order["side"] == "bid" { -1 } else { 1 };
        for (by, wins) in [(0, true), (worse, false)] {
            let mut other = book.clone();
            other["orders"][i]["limit"] =
                json!(format!("{}.{:06}", (micro + by) / 1_000_000, (micro + by) % 1_000_000));
            std::fs::write(at.join("other.json"), other.to_string())?;
            done("clear --book other.json --out other-outcome.json")?;
            let awards = read(&at.join("other-outcome.json"))?;
            let won = awards["awards"].as_array().context("awards")?.iter().any(|a| a["order"] == id);
            assert_eq!(won, wins, "{id} with {limit} and {by} micro-credits");
        }
    }
    assert!(lost > 3 && !limits.is_empty(), "{lost} lost, {limits:?}");

    // the same of all losers at once
    for (arguments, searched) in [("", true), (" --seconds 0", false), (" --quick", false)] {
        let table = done(&format!("explain --book book.json --outcome outcome.json --losers{arguments}"))?;
        let rows: Vec<BTreeMap<String, String>> =
            csv::Reader::from_reader(table.as_bytes()).deserialize().collect::<Result<_, _>>()?;
        assert_eq!(rows.len(), lost);
        for (row, refusal) in rows.iter().zip(refused) {
            let id = refusal["order"].as_str().context("an id")?;
            assert_eq!((row["order"].as_str(), row["reason"].as_str()), (id, refusal["reason"].as_str().unwrap_or("")));
            let (limit, quality) = (row["winning_limit"].clone(), row["quality"].as_str());
            match (searched, limits.get(id)) {
                (true, Some(known)) => assert_eq!((&limit, quality), (known, "exact"), "{id}"),
                (true, None) => assert_eq!((limit.as_str(), quality), ("", "none_helps"), "{id}"),
                (false, _) => assert_eq!(quality, if limit.is_empty() { "unknown" } else { "bound" }, "{id}"),
            }
        }
    }
    let both = headroom(at, "explain --book book.json --losers --order o000001")?;
    assert_eq!(both.status.code(), Some(2));
    Ok(())
}

#[test]
fn what_cannot_be_explained_or_tried_says_why() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    for (seed, name) in [(1, "one"), (2, "two")] {
        headroom(at, &format!("generate-book --orders 9 --pools 1 --slots 1 --seed {seed} --out {name}.json"))?;
        headroom(at, &format!("clear --book {name}.json --out {name}-outcome.json"))?;
    }
    let unknown = headroom(at, "explain --book one.json --order o00000")?;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `o000000`?"));
    let foreign = headroom(at, "explain --book one.json --outcome two-outcome.json --order o000001")?;
    assert_eq!(foreign.status.code(), Some(4));
    let told = String::from_utf8_lossy(&foreign.stderr).into_owned();
    assert!(told.contains("outcome of another book") && told.lines().count() == 1, "{told}");
    std::fs::write(at.join("order.json"), r#"{"id":"new","owner":"me","side":"bid","limit":"-1","alternatives":[]}"#)?;
    let refused = headroom(at, "preview --book one.json --order order.json")?;
    assert_eq!(refused.status.code(), Some(4));
    let problem: Value = serde_json::from_slice(&refused.stderr)?;
    let pointers: Vec<&str> =
        problem["errors"].as_array().context("errors")?.iter().filter_map(|e| e["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/limit", "/alternatives"]);
    Ok(())
}

/// A bid and an offer of one workload: the bid would have to be filled at a loss for the offer's sake, which no price allows.
/// `clear` says that the market would have refused one of them, that somebody was left out, and what that may cost.
#[test]
fn clearing_says_whom_it_left_out() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let of_workload = |id: &str, side: &str, limit: &str, quantity: i64, min_fill: &str| {
        json!({ "id": id, "owner": "me", "side": side, "instance": "i", "limit": limit, "min_fill": min_fill,
            "alternatives": [{ "quantities": [["p", "cpu", 0, quantity]] }] })
    };
    let mut book = json!({ "format": "headroom.book/1", "cap": "1000", "alpha": "0", "seed": 451_383_456_412_u64,
        "instances": [{ "id": "i", "owner": "me", "holding": [["p", "cpu", 0, 3000]], "floor": [["p", "cpu", 0, 2280]],
            "max_swap": [["p", "cpu", 0, 3000]] }],
        "orders": [
            { "id": "other", "owner": "them", "side": "offer", "limit": "3900",
              "alternatives": [{ "quantities": [["p", "cpu", 0, 8000]] }] },
            of_workload("own offer", "offer", "7300", 2000, "0"),
            of_workload("own bid", "bid", "35000", 5000, "0.25")] });
    let said = |book: &Value| -> anyhow::Result<String> {
        std::fs::write(at.join("book.json"), book.to_string())?;
        let cleared = headroom(at, "clear --book book.json --out outcome.json")?;
        assert_eq!(cleared.status.code(), Some(0));
        let verified = headroom(at, "verify --book book.json --outcome outcome.json")?;
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
        Ok(String::from_utf8_lossy(&cleared.stderr).into_owned())
    };
    let told = said(&book)?;
    assert!(told.contains("own bid and own offer of me") && told.contains("1 order(s) were left out"), "{told}");
    book["orders"].as_array_mut().context("orders")?.remove(1);
    assert_eq!(said(&book)?, "");
    Ok(())
}

/// Some editors begin a file with a byte order mark: it is the same book.
#[test]
fn a_byte_order_mark_is_no_fault() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    headroom(at, "generate-book --orders 9 --pools 1 --slots 1 --seed 1 --out book.json")?;
    let book = std::fs::read_to_string(at.join("book.json"))?;
    std::fs::write(at.join("marked.json"), format!("\u{feff}{book}"))?;
    let outcomes = ["book", "marked"].map(|name| headroom(at, &format!("clear --book {name}.json")));
    let [plain, marked] = outcomes;
    assert_eq!(text(&plain?), text(&marked?));
    Ok(())
}

/// A preview tells what clearing the book with the order gives.
#[test]
fn a_preview_is_what_clearing_gives() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    headroom(at, "generate-book --orders 30 --pools 1 --slots 1 --seed 5 --out book.json")?;
    let mut book = read(&at.join("book.json"))?;
    let order = json!({"id": "mine", "owner": "me", "side": "bid", "limit": "900",
        "alternatives": [{"quantities": [["pool-00", "cpu_milli", 0, 2500]]}]});
    std::fs::write(at.join("order.json"), order.to_string())?;
    let told = text(&headroom(at, "preview --book book.json --order order.json")?);
    book["orders"].as_array_mut().context("orders")?.push(order);
    std::fs::write(at.join("with.json"), book.to_string())?;
    headroom(at, "clear --book with.json --out outcome.json")?;
    let outcome = read(&at.join("outcome.json"))?;
    let award =
        outcome["awards"].as_array().context("awards")?.iter().find(|a| a["order"] == "mine").context("it wins")?;
    let money = award["money"].as_str().context("money")?.trim_end_matches('0').trim_end_matches('.');
    assert!(
        told.contains(&format!("It wins all of it: 2,500 pool-00/cpu_milli/0; it pays {money} credits.")),
        "{told}"
    );
    assert!(told.contains("With it in the book:"), "{told}");
    Ok(())
}

/// A book of the second edition is cleared with the premium of a full node, and a changed outcome is told.
#[test]
fn a_second_edition_book_is_cleared_and_verified() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let bid = |id: &str, limit: &str| {
        json!({ "id": id, "owner": id, "side": "bid", "limit": limit, "node": "n1",
            "alternatives": [{ "quantities": [["a", "cpu_milli", 0, 2]] }] })
    };
    let mut book = json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [{ "quantity": 9, "reserve": "1" }] }],
        "nodes": [{ "id": "n1", "pool": "a", "capacity": { "cpu_milli": 2 } }],
        "orders": [bid("high", "16"), bid("low", "10")],
    });
    std::fs::write(at.join("book.json"), book.to_string())?;
    let output = headroom(at, "clear --book book.json --out outcome.json --time")?;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("solve"), "{output:?}");
    let mut outcome = read(&at.join("outcome.json"))?;
    assert_eq!(outcome["format"], "headroom.outcome/2");
    assert_eq!(outcome["premiums"][0]["premium"], "4.000000000");
    assert_eq!(headroom(at, "verify --book book.json --outcome outcome.json")?.status.code(), Some(0));
    outcome["premiums"][0]["premium"] = json!("3");
    std::fs::write(at.join("outcome.json"), outcome.to_string())?;
    let output = headroom(at, "verify --book book.json --outcome outcome.json")?;
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains("V5"), "{}", text(&output));
    book["orders"][1]["node"] = json!("n9");
    std::fs::write(at.join("book.json"), book.to_string())?;
    let output = headroom(at, "clear --book book.json --out outcome.json")?;
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/orders/1/node"), "{output:?}");
    Ok(())
}
