//! The demo on a simulated clock: within 180 virtual seconds the whole chain has been seen, two
//! runs are the same to the byte, and every credit can be computed again from what is published.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::{micro, nano, units};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The virtual time in which the demo must have shown everything.
const WITHIN: i64 = 180;

async fn history(admin: &Api) -> anyhow::Result<Vec<Value>> {
    admin.list("/v1/swap_history").await
}

#[tokio::test]
async fn everything_is_seen_within_three_minutes() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    admin.advance(WITHIN).await?;
    let receipts = admin.list("/v1/receipts").await?;
    let delivered =
        |r: &Value| r["lines"].as_array().is_some_and(|l| l.iter().any(|line| line["delivered"].as_i64() > Some(0)));
    ensure!(receipts.iter().any(delivered), "no settled delivery: {receipts:?}");
    let swaps = history(&admin).await?;
    ensure!(swaps.iter().any(|s| s["state"] == "done" && s["node_from"] != s["node_to"]), "no completed move");
    let refused = swaps.iter().find(|s| s["reason"] == "shadow_mismatch").context("no refused shadow run")?;
    assert_eq!(refused["state"], "aborted");
    assert!(refused["difference_count"].as_i64() > Some(0), "{refused}");
    let id = refused["id"].as_str().unwrap_or_default();
    let differences = admin.get(&format!("/v1/swaps/{id}/diffs")).await?.ok()?;
    assert_eq!(differences["count"], refused["difference_count"]);
    let late = sim.api("operator")?.post(&format!("/v1/swaps/{id}/cancel"), &json!({ "reason": "too late" })).await?;
    assert_eq!((late.status, late.code().as_str()), (409, "swap_ended"), "{}", late.text);
    let log = sim.server.log();
    assert!(!log.contains("ERROR"), "the server logged errors:\n{log}");
    let launch = sim.server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

#[tokio::test]
async fn no_round_of_the_demo_is_void_and_a_job_goes_elsewhere_and_home() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    // an errand begins every seven slots, is there two slots later, and lasts two
    admin.advance(720).await?;
    let rounds = admin.list("/v1/rounds").await?;
    assert!(rounds.len() > 5, "{} rounds", rounds.len());
    let void: Vec<String> =
        rounds.iter().filter(|r| r["state"] == "void").map(|r| format!("{} ({})", r["number"], r["reason"])).collect();
    assert!(void.is_empty(), "{} of {} rounds are void: {void:?}", void.len(), rounds.len());
    let swaps = history(&admin).await?;
    let elsewhere = |s: &&Value| s["state"] == "done" && s["pool_from"] != s["pool_to"];
    let home = |out: &Value| {
        let back = (&out["instance"], &out["pool_to"], &out["pool_from"]);
        swaps.iter().filter(elsewhere).any(|s| (&s["instance"], &s["pool_from"], &s["pool_to"]) == back)
    };
    ensure!(swaps.iter().filter(elsewhere).any(home), "no job has gone to another pool and come home: {swaps:?}");
    Ok(())
}

/// What a run leaves behind that must be the same in every other run: everything that the API
/// shows, and what the doctor says, the head of the journal's hash chain with it.
async fn fingerprint() -> anyhow::Result<String> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    for _ in 0..4 {
        admin.advance(60).await?;
    }
    let mut prints = Vec::new();
    for path in ["/v1/bids", "/v1/offers", "/v1/rounds", "/v1/awards", "/v1/receipts", "/v1/swaps"] {
        prints.extend(admin.list(path).await?.iter().map(Value::to_string));
    }
    prints.push(admin.get("/v1/finance/ledger.csv").await?.text);
    let doctor = sim.server.stop().await?.run("doctor").await?;
    assert_eq!(doctor.code, Some(0), "{}{}", doctor.stdout, doctor.stderr);
    assert!(doctor.stdout.contains("chain head"), "{}", doctor.stdout);
    prints.push(doctor.stdout);
    Ok(prints.join("\n"))
}

#[tokio::test]
async fn two_runs_are_the_same_to_the_byte() -> anyhow::Result<()> {
    let (one, two) = (fingerprint().await?, fingerprint().await?);
    let different = one.lines().zip(two.lines()).find(|(a, b)| a != b);
    assert_eq!(different, None);
    assert_eq!(one.len(), two.len());
    Ok(())
}

/// A CSV row by its column names.
fn rows(text: &str) -> anyhow::Result<Vec<BTreeMap<String, String>>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<Vec<BTreeMap<String, String>>, _> = reader.deserialize().collect();
    Ok(rows?)
}

fn sum(rows: &[BTreeMap<String, String>], kind: &str) -> i128 {
    rows.iter().filter(|r| r["kind"] == kind).filter_map(|r| units(&r["amount"], 6)).map(i128::abs).sum()
}

/// The pool of a name in a book, where what may be taken back is of a node: `POOL@NODE~recallable`.
fn book_pool(name: &Value) -> Option<String> {
    let name = name.as_str()?;
    let Some((pool, node)) = name.split_once('@') else { return Some(name.to_owned()) };
    Some(format!("{pool}{}", &node[node.find('~')?..]))
}

/// Whether a round has the price of a line: the pool's, or with the premium of a full node.
fn is_published(outcome: &Value, line: &Value) -> bool {
    let rows = |name: &str| outcome[name].as_array().cloned().unwrap_or_default();
    rows("prices").iter().any(|p| {
        let is_of =
            book_pool(&p["pool"]) == line["pool"].as_str().map(str::to_owned) && p["resource"] == line["resource"];
        let premiums =
            rows("premiums").into_iter().filter(|m| m["resource"] == p["resource"] && m["slot"] == p["slot"]);
        let mut premiums = premiums.map(|m| nano(&m["premium"])).chain([0]);
        is_of && premiums.any(|premium| nano(&p["price"]) + premium == nano(&line["price"]))
    })
}

#[tokio::test]
async fn statements_are_what_was_delivered_at_published_prices() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, finance) = (sim.api("admin")?, sim.api("finance")?);
    admin.advance(900).await?;
    let receipts = admin.list("/v1/receipts").await?;
    let awards = admin.list("/v1/awards").await?;
    ensure!(!receipts.is_empty() && !awards.is_empty(), "nothing was traded");
    let mut outcomes: BTreeMap<i64, Value> = BTreeMap::new();
    let (mut paid, mut credited) = (0i128, 0i128);
    for receipt in &receipts {
        let round = receipt["round"].as_i64().context("round")?;
        // What is drawn in the middle of a slot has no round: its price is what scarcity costs then.
        let drawn = round == 0;
        assert_eq!(drawn, receipt["cause"] == "drawn_in_slot", "{receipt}");
        if !drawn && let Entry::Vacant(unread) = outcomes.entry(round) {
            let outcome = admin.get(&format!("/v1/rounds/{round}/result")).await?.ok()?;
            unread.insert(outcome);
        }
        let mut amount = 0;
        for line in receipt["lines"].as_array().context("lines")? {
            let published = outcomes.get(&round).is_some_and(|outcome| is_published(outcome, line));
            ensure!(published || drawn, "round {round} has not published the price of {line}");
            let delivered = i128::from(line["delivered"].as_i64().unwrap_or(0));
            let awarded = i128::from(line["awarded"].as_i64().unwrap_or(0));
            ensure!(delivered <= awarded, "{line}");
            // Of a seller on a full node the premium counts by what was delivered there.
            let premium = &line["premium"];
            let there = premium["delivered"].as_i64().map_or(delivered, i128::from);
            let exact = nano(&line["price"]) * delivered
                + if premium.is_null() { 0 } else { nano(&premium["price"]) * (there - delivered) };
            // Rounding to micro-credits may go either way by one unit, never further.
            ensure!((micro(&line["amount"]) * 1000 - exact).abs() <= 1000, "{line} is not price × delivered");
            amount += micro(&line["amount"]);
        }
        ensure!((amount - micro(&receipt["amount"])).abs() <= 1, "{receipt} does not add up");
        if receipt["side"] == "bid" {
            paid += micro(&receipt["amount"]);
            credited += micro(&receipt["credit_note"]);
        }
    }
    let ledger = rows(&finance.get("/v1/finance/ledger.csv").await?.text)?;
    let summary = finance.get("/v1/finance/summary").await?.ok()?;
    assert_eq!(micro(&summary["sum"]), 0, "money was made or lost");
    for kind in summary["kinds"].as_array().context("kinds")? {
        let name = kind["kind"].as_str().unwrap_or_default();
        assert_eq!(sum(&ledger, name), micro(&kind["amount"]), "the CSV's total of {name}");
        let member = |account: &str| account.split('/').next().filter(|owner| *owner != "exchange").map(str::to_owned);
        let crossing = ledger.iter().filter(|l| l["kind"] == name && member(&l["debit"]) != member(&l["credit"]));
        let (mut from, mut to) = (0, 0);
        for line in crossing {
            let amount = units(&line["amount"], 6).context("amount")?;
            from += member(&line["debit"]).map_or(0, |_| amount);
            to += member(&line["credit"]).map_or(0, |_| amount);
        }
        let told = (micro(&kind["from_participants"]), micro(&kind["to_participants"]));
        assert_eq!(told, (from, to), "what left members and came to them as {name}");
    }
    assert_eq!(sum(&ledger, "credit_note"), credited, "credit notes in the ledger and on receipts");
    // What is charged is either delivered, credited, or still in escrow for slots to come.
    let escrow: i128 = summary["accounts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|a| a["account"].as_str().is_some_and(|n| n == "exchange/escrow"))
        .map(|a| micro(&a["balance"]))
        .sum();
    let difference = sum(&ledger, "charge") - credited - escrow - paid;
    ensure!(
        difference == 0,
        "Σ charges − credit notes − escrow = {} and Σ price × delivered = {paid}",
        paid + difference
    );
    reconciles(&finance, &admin, &ledger).await?;
    let participants = admin.list("/v1/participants").await?;
    for participant in participants.iter().filter(|p| p["platform"] != true) {
        let id = participant["id"].as_str().unwrap_or_default();
        let statement = finance.get(&format!("/v1/statements?participant={id}")).await?.ok()?;
        assert_eq!(micro(&statement["difference"]), 0, "{statement}");
        let csv = rows(&finance.get(&format!("/v1/statements.csv?participant={id}")).await?.text)?;
        let moved: i128 = csv.iter().filter_map(|r| units(&r["amount"], 6)).sum();
        assert_eq!(micro(&statement["opening"]) + moved, micro(&statement["closing"]), "the CSV of {id}");
        for (name, kind) in
            [("charges", "charge"), ("credit_notes", "credit_note"), ("proceeds", "proceeds"), ("granted", "grant")]
        {
            assert_eq!(micro(&statement["totals"][name]), sum(&csv, kind), "{name} of {id}");
        }
        let fees: i128 =
            csv.iter().filter(|r| r["kind"] == "reservation_fee").filter_map(|r| units(&r["amount"], 6)).sum();
        assert_eq!(micro(&statement["totals"]["reservation_fees"]), fees, "fees of {id}");
        let paid: i128 =
            csv.iter().filter(|r| r["kind"] == "compensation").filter_map(|r| units(&r["amount"], 6)).sum();
        assert_eq!(micro(&statement["totals"]["compensations"]), paid, "compensations of {id}");
        let summed = summary["participants"].as_array().into_iter().flatten().find(|p| p["participant"] == id);
        assert_eq!(summed.map(|p| &p["totals"]), Some(&statement["totals"]), "the summary's totals of {id}");
    }
    healthy(&sim.server.stop().await?).await
}

/// In the middle of the ledger, too, the balances of the summary are those of all statements that end then.
async fn reconciles(finance: &Api, admin: &Api, ledger: &[BTreeMap<String, String>]) -> anyhow::Result<()> {
    let middle = ledger.get(ledger.len() / 2).context("a transfer")?["at"].clone();
    let period = format!("from=2020-01-01T00:00:00Z&to={middle}");
    let summary = finance.get(&format!("/v1/finance/summary?{period}")).await?.ok()?;
    assert_eq!(micro(&summary["sum"]), 0, "{middle}");
    let accounts = summary["accounts"].as_array().context("accounts")?;
    for participant in admin.list("/v1/participants").await?.iter().filter(|p| p["platform"] != true) {
        let id = participant["id"].as_str().unwrap_or_default();
        let statement = finance.get(&format!("/v1/statements?participant={id}&{period}")).await?.ok()?;
        let own = accounts.iter().filter(|a| a["participant"] == id).map(|a| micro(&a["balance"])).sum::<i128>();
        assert_eq!(own, micro(&statement["closing"]), "{id} before {middle}");
        // Where one is named the rest is left out.
        let alone = finance.get(&format!("/v1/finance/summary?participant={id}&{period}")).await?.ok()?;
        let of_it = |list: &str| alone[list].as_array().is_some_and(|all| all.iter().all(|a| a["participant"] == id));
        assert!(of_it("accounts") && of_it("participants"), "{alone}");
        let balance = alone["accounts"].as_array().into_iter().flatten().map(|a| micro(&a["balance"])).sum::<i128>();
        assert_eq!((balance, &alone["sum"]), (own, &summary["sum"]), "{id}");
        let lines = finance.get(&format!("/v1/finance/ledger.csv?participant={id}&{period}")).await?.text;
        // As texts, the fraction of a second would be before the second.
        let before = |at: &str| at.trim_end_matches('Z') < middle.trim_end_matches('Z');
        let all = ledger.iter().filter(|l| before(&l["at"]) && (l["debit"].contains(id) || l["credit"].contains(id)));
        assert_eq!(lines.lines().count(), all.count() + 1, "{id} and a head");
    }
    Ok(())
}
