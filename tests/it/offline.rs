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

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command prints that has to end well.
fn done(folder: &Path, arguments: &str) -> anyhow::Result<String> {
    let output = headroom(folder, arguments)?;
    assert_eq!(output.status.code(), Some(0), "{arguments}: {}{}", text(&output), complaint(&output));
    Ok(text(&output))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn list<'v>(value: &'v Value, key: &str) -> anyhow::Result<&'v Vec<Value>> {
    value[key].as_array().with_context(|| key.to_owned())
}

fn has_won(outcome: &Value, id: &str) -> anyhow::Result<bool> {
    Ok(list(outcome, "awards")?.iter().any(|award| award["order"] == id))
}

/// Every order of a round is explained; the limit that is named wins, and a micro-credit less does not.
#[test]
fn a_round_is_cleared_verified_and_explained() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    done(at, "generate-book --orders 40 --pools 2 --slots 3 --nodes 2 --seed 3 --out book.json")?;
    done(at, "clear --book book.json --out outcome.json")?;
    done(at, "verify --book book.json --outcome outcome.json")?;
    let (book, outcome) = (read(&at.join("book.json"))?, read(&at.join("outcome.json"))?);
    let refused = list(&outcome, "refused")?;
    let mut limits = BTreeMap::new();
    for (place, order) in list(&book, "orders")?.iter().enumerate() {
        let id = order["id"].as_str().context("an id")?;
        let told = done(at, &format!("explain --book book.json --outcome outcome.json --order {id}"))?;
        assert!(told.starts_with(&format!("{id} is a")) && told.contains("faced:"), "{told}");
        let refusal = refused.iter().find(|r| r["order"] == id);
        let Some(reason) = refusal.and_then(|r| r["reason"].as_str()) else {
            assert!(told.contains("It wins"), "{told}");
            continue;
        };
        assert!(told.contains("It wins nothing because") && told.contains(reason), "{told}");
        let Some(limit) = told.split("With a limit of ").nth(1).and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        limits.insert(id, limit.to_owned());
        let micro = headroom_tests::money::units(limit, 6).context("an amount")?;
        let worse = if order["side"] == "bid" { -1 } else { 1 };
        for (by, wins) in [(0, true), (worse, false)] {
            let (mut other, limit) = (book.clone(), micro + by);
            other["orders"][place]["limit"] = json!(format!("{}.{:06}", limit / 1_000_000, limit % 1_000_000));
            std::fs::write(at.join("other.json"), other.to_string())?;
            done(at, "clear --book other.json --out other-outcome.json")?;
            let won = has_won(&read(&at.join("other-outcome.json"))?, id)?;
            assert_eq!(won, wins, "{id} with {limit} micro-credits");
        }
    }
    assert!(refused.len() > 3 && !limits.is_empty(), "{} lost, {limits:?}", refused.len());

    // The same of all losers at once.
    for (arguments, searched) in [("", true), (" --quick", false)] {
        let table = done(at, &format!("explain --book book.json --outcome outcome.json --losers{arguments}"))?;
        let rows: Vec<BTreeMap<String, String>> =
            csv::Reader::from_reader(table.as_bytes()).deserialize().collect::<Result<_, _>>()?;
        assert_eq!(rows.len(), refused.len());
        for (row, refusal) in rows.iter().zip(refused) {
            let id = refusal["order"].as_str().context("an id")?;
            assert_eq!((&json!(row["order"]), &json!(row["reason"])), (&refusal["order"], &refusal["reason"]));
            let (limit, quality) = (row["winning_limit"].clone(), row["quality"].as_str());
            match (searched, limits.get(id)) {
                (true, Some(known)) => assert_eq!((&limit, quality), (known, "exact"), "{id}"),
                (true, None) => assert_ne!(quality, "exact", "{id}"),
                (false, _) => assert_eq!(quality, if limit.is_empty() { "unknown" } else { "bound" }, "{id}"),
            }
        }
    }
    Ok(())
}

/// Books of every shape have an outcome that holds; the same arguments give the same bytes, compressed or not.
#[test]
fn generated_books_are_cleared() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    for size in [
        "--orders 0 --pools 1 --slots 1",
        "--orders 80 --pools 1 --slots 1",
        "--orders 150 --pools 3 --slots 6 --nodes 3",
    ] {
        let generate = |name: &str| done(at, &format!("generate-book {size} --seed 8 --out {name}"));
        generate("book.json")?;
        generate("same.json")?;
        generate("packed.json.gz")?;
        let book = std::fs::read(at.join("book.json"))?;
        assert_eq!(book, std::fs::read(at.join("same.json"))?, "{size}");
        done(at, "clear --book book.json --out outcome.json")?;
        done(at, "clear --book packed.json.gz --out packed-outcome.json.gz --threads 2")?;
        done(at, "verify --book packed.json.gz --outcome outcome.json")?;
        done(at, "verify --book book.json --outcome packed-outcome.json.gz")?;
        // Some editors begin a file with a byte order mark: it is the same book.
        std::fs::write(at.join("marked.json"), [b"\xef\xbb\xbf".as_slice(), &book].concat())?;
        assert_eq!(done(at, "clear --book marked.json")?, std::fs::read_to_string(at.join("outcome.json"))?);
    }
    Ok(())
}

#[test]
fn what_cannot_be_cleared_explained_or_tried_says_why() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    for (seed, name) in [(1, "one"), (2, "two")] {
        done(at, &format!("generate-book --orders 9 --pools 1 --slots 1 --seed {seed} --out {name}.json"))?;
        done(at, &format!("clear --book {name}.json --out {name}-outcome.json"))?;
    }
    let unknown = headroom(at, "explain --book one.json --order o00000")?;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(complaint(&unknown).contains("did you mean `o000000`?"));
    let both = headroom(at, "explain --book one.json --losers --order o000001")?;
    assert_eq!(both.status.code(), Some(2));
    let foreign = headroom(at, "explain --book one.json --outcome two-outcome.json --order o000001")?;
    assert_eq!(foreign.status.code(), Some(4));
    let told = complaint(&foreign);
    assert!(told.contains("outcome of another book") && told.lines().count() == 1, "{told}");
    std::fs::write(at.join("order.json"), r#"{"id":"new","owner":"me","side":"bid","limit":"-1","alternatives":[]}"#)?;
    let refused = headroom(at, "preview --book one.json --order order.json")?;
    assert_eq!(refused.status.code(), Some(4));
    let problem: Value = serde_json::from_slice(&refused.stderr)?;
    let mut pointers: Vec<&str> = list(&problem, "errors")?.iter().filter_map(|e| e["pointer"].as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/alternatives", "/limit"]);
    // Version 0.1 had another format: every command says so in one sentence.
    std::fs::write(at.join("old.json"), r#"{ "format": "headroom.book/1", "cap": "3000", "seed": 7, "orders": [] }"#)?;
    for command in ["clear", "verify --outcome one-outcome.json", "explain --losers", "preview --order order.json"] {
        let old = headroom(at, &format!("{command} --book old.json"))?;
        let told = complaint(&old);
        assert_eq!((old.status.code(), told.lines().count()), (Some(4), 1), "{command}: {told}");
        assert!(told.contains("version 0.1") && told.contains("headroom.book/2"), "{told}");
    }
    Ok(())
}

/// A preview tells what clearing the book with the order gives.
#[test]
fn a_preview_is_what_clearing_gives() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    done(at, "generate-book --orders 30 --pools 1 --slots 1 --seed 5 --out book.json")?;
    let mut book = read(&at.join("book.json"))?;
    let order = json!({"id": "mine", "owner": "me", "side": "bid", "limit": "900",
        "alternatives": [{"quantities": [["pool-00", "cpu_milli", 0, 2500]]}]});
    std::fs::write(at.join("order.json"), order.to_string())?;
    let told = done(at, "preview --book book.json --order order.json")?;
    book["orders"].as_array_mut().context("orders")?.push(order);
    std::fs::write(at.join("with.json"), book.to_string())?;
    done(at, "clear --book with.json --out outcome.json")?;
    let outcome = read(&at.join("outcome.json"))?;
    let award = list(&outcome, "awards")?.iter().find(|a| a["order"] == "mine").context("it wins")?;
    let money = award["money"].as_str().context("money")?.trim_end_matches('0').trim_end_matches('.');
    let wins = format!("It wins all of it: 2,500 pool-00/cpu_milli/0; it pays {money} credits.");
    assert!(told.contains(&wins) && told.contains("With it in the book"), "{told}");
    Ok(())
}

/// Room that is given already counts; a full node has a premium, and a changed outcome is told.
#[test]
fn a_full_node_has_a_premium_that_the_check_knows() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let bid = |id: &str, limit: &str| {
        json!({ "id": id, "owner": id, "side": "bid", "limit": limit, "node": "n1",
            "alternatives": [{ "quantities": [["a", "cpu_milli", 0, 2]] }] })
    };
    let mut book = json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0,
            "supply": [{ "quantity": 9, "reserve": "1" }, { "quantity": 0, "reserve": "2" }] }],
        "nodes": [{ "id": "n1", "pool": "a", "capacity": { "cpu_milli": 7 }, "committed": [["cpu_milli", 0, 5]] }],
        "orders": [bid("high", "16"), bid("low", "10")],
    });
    std::fs::write(at.join("book.json"), book.to_string())?;
    let output = headroom(at, "clear --book book.json --out outcome.json --time")?;
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    assert!(
        ["read ", "build ", "solve ", "verify "].iter().all(|part| complaint(&output).contains(part)),
        "{output:?}"
    );
    let mut outcome = read(&at.join("outcome.json"))?;
    assert_eq!(outcome["premiums"][0]["premium"], "4.000000000");
    done(at, "verify --book book.json --outcome outcome.json")?;
    let told = done(at, "explain --book book.json --outcome outcome.json --order low --quick")?;
    assert!(told.contains("premium of node n1, which is full"), "{told}");
    outcome["premiums"][0]["premium"] = json!("3");
    std::fs::write(at.join("outcome.json"), outcome.to_string())?;
    let output = headroom(at, "verify --book book.json --outcome outcome.json")?;
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains("V5"), "{}", text(&output));
    book["orders"][1]["node"] = json!("n9");
    std::fs::write(at.join("book.json"), book.to_string())?;
    let output = headroom(at, "clear --book book.json --out outcome.json")?;
    assert_eq!(output.status.code(), Some(4));
    assert!(complaint(&output).contains("/orders/1/node"), "{output:?}");
    Ok(())
}

/// What of a value a schema does not describe, by JSON pointers. Of the schema language that part which the committed
/// schemas use, but for patterns.
fn undescribed(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
        undescribed(root, target, value, at, found);
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let fits = |one: &Value| {
            let mut lacks = Vec::new();
            undescribed(root, one, value, at, &mut lacks);
            lacks.is_empty()
        };
        if !all.iter().any(fits) {
            found.push(at.to_owned());
        }
        return;
    }
    let is = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    let is_among = schema["enum"].as_array().is_none_or(|all| all.contains(value));
    if !is || !is_among || schema.get("const").is_some_and(|only| only != value) {
        found.push(at.to_owned());
    }
    if let (Value::Object(fields), Some(known)) = (value, schema["properties"].as_object()) {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(required.filter(|key| !fields.contains_key(*key)).map(|key| format!("{at}/{key} is missing")));
        for (key, field) in fields {
            match known.get(key) {
                Some(schema) => undescribed(root, schema, field, &format!("{at}/{key}"), found),
                None => found.push(format!("{at}/{key} is unknown")),
            }
        }
    }
    if let Value::Array(items) = value {
        let places = schema["prefixItems"].as_array();
        for (place, item) in items.iter().enumerate() {
            let of_place = places.and_then(|all| all.get(place)).unwrap_or(&schema["items"]);
            undescribed(root, of_place, item, &format!("{at}/{place}"), found);
        }
    }
}

/// The committed schemas describe what is written, and every field of the book's schema is one that `clear` reads.
#[test]
fn the_schemas_describe_books_and_outcomes() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let schema = |name: &str| read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi").join(name));
    done(at, "generate-book --orders 200 --pools 2 --slots 3 --nodes 3 --seed 4 --out book.json")?;
    done(at, "clear --book book.json --out outcome.json")?;
    for name in ["book", "outcome"] {
        let (schema, mut found) = (schema(&format!("headroom.{name}.2.schema.json"))?, Vec::new());
        undescribed(&schema, &schema, &read(&at.join(format!("{name}.json")))?, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
    // A book of empty objects: `clear` says which keys it misses, and those of the schema are known to it.
    let book = schema("headroom.book.2.schema.json")?;
    let fields = book["properties"].as_object().context("properties")?;
    for (list, schema) in fields.iter().filter(|(_, schema)| schema["items"]["properties"].is_object()) {
        let of = |key: &str| schema["items"][key].clone();
        let (known, required) = (of("properties"), of("required"));
        let item: serde_json::Map<String, Value> =
            known.as_object().context("known")?.keys().map(|key| (key.clone(), Value::Null)).collect();
        let mut tried = json!({ "format": "headroom.book/2", "products": [], "orders": [] });
        tried[list.as_str()] = json!([item, {}]);
        std::fs::write(at.join("tried.json"), tried.to_string())?;
        let refused = headroom(at, "clear --book tried.json")?;
        let problem: Value = serde_json::from_slice(&refused.stderr).with_context(|| complaint(&refused))?;
        let errors = problem["errors"].as_array().context("errors")?;
        let told = |detail: &str| -> Vec<&str> {
            errors.iter().filter(|e| e["detail"] == detail).filter_map(|e| e["pointer"].as_str()).collect()
        };
        assert_eq!(told("This key is unknown."), Vec::<&str>::new(), "{list}");
        let mut missing: Vec<String> = required
            .as_array()
            .context("required")?
            .iter()
            .filter_map(Value::as_str)
            .map(|key| format!("/{list}/1/{key}"))
            .collect();
        missing.sort_unstable();
        assert_eq!(told("This key is missing."), missing, "{list}");
    }
    Ok(())
}
