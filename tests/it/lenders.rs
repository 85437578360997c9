//! Lenders and their bonds, as they, their buyers and finance see them.
use crate::common::{KEEPER, Sim, healthy, lends_nothing, small_pool, steady_member};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "fra1-gp";

/// A participant with a workload of so much memory.
async fn member(sim: &Sim, credits: &str, module: Option<&str>, memory: i64) -> anyhow::Result<(Api, String)> {
    member_in(POOL, sim, credits, module, memory).await
}

async fn member_in(
    pool: &str,
    sim: &Sim,
    credits: &str,
    module: Option<&str>,
    memory: i64,
) -> anyhow::Result<(Api, String)> {
    let api = sim.trader(credits).await?;
    let me = api.get("/v1/me").await?.ok()?;
    let participant = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let quota = json!({ "quota": { "cpu_milli": 1000, "mem_mib": 2000 } });
    sim.api("admin")?.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let module = match module {
        Some(text) => {
            let headers = [("content-type", "application/wasm")];
            api.send("POST", "/v1/modules?name=keeper", &headers, Some(text.into())).await?.id()?
        }
        None => {
            let modules = api.list("/v1/modules").await?;
            let steady = modules.iter().find(|m| m["name"] == "steady").context("no module steady")?;
            steady["id"].as_str().unwrap_or_default().to_owned()
        }
    };
    let instance = json!({ "name": "batch-1", "module": module, "pool": pool,
        "baseline": { "cpu_milli": 100, "mem_mib": memory }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
        "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    let id = api.post_with_key("/v1/instances", "instance", &instance).await?.id()?;
    Ok((api, id))
}

/// 500 MiB, nearly all that the keeper has.
fn memory_order(instance: &str, window: &Value, limit: &str) -> Value {
    json!({ "instance": instance, "window": window, "resources": { "mem_mib": 500 }, "pools": [{ "pool": POOL }],
        "limit": limit, "resell": "never" })
}

fn micro(value: &Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or_default()
}

/// An offer of 500 MiB that wins, and a workload that does not give them.
#[tokio::test]
async fn a_lender_whose_program_keeps_what_it_lent_pays_up_to_its_bond() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, finance) = (sim.api("admin")?, sim.api("finance")?);
    let (lender, lends) = member(&sim, "100", Some(KEEPER), 704).await?;
    let (buyer, buys) = member(&sim, "100", None, 64).await?;
    admin.advance(10).await?;
    let window = Rhythm::of(&lender).await?.window(0, 1);
    let order = |instance: &str, limit: &str| memory_order(instance, &window, limit);
    let preview = lender.post("/v1/offers/preview", &order(&lends, "0.001")).await?.ok()?;
    ensure!(micro(&preview["bond"]) > 0, "{preview}");
    let offer = lender.post_with_key("/v1/offers", "offer", &order(&lends, "0.001")).await?.id()?;
    let bid = buyer.post_with_key("/v1/bids", "bid", &order(&buys, "50")).await?.id()?;
    let rhythm = Rhythm::of(&lender).await?;
    admin.advance(rhythm.first_open() - rhythm.now - 1).await?;
    let held = lender.get("/v1/balance").await?.ok()?;
    let bond = micro(&held["bond"]);
    let awards = lender.list("/v1/awards").await?;
    let award = awards.iter().find(|a| a["order"] == offer.as_str()).context("the offer did not win")?;
    let lines = award["lines"].as_array().context("lines")?;
    assert!(bond > 0, "{held}");
    assert_eq!(lines.iter().map(|l| micro(&l["bond"])).sum::<i128>(), bond, "it can pay all of it: {award}");
    admin.advance(3 * rhythm.slot_seconds).await?;

    let receipts = lender.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == offer.as_str()).context("no receipt")?;
    let line = &receipt["lines"][0];
    let kept = line["kept"].as_i64().unwrap_or(0);
    ensure!(kept > 0 && receipt["cause"] == "kept_by_program", "{receipt}");
    let dearer = units(line["imbalance_price"].as_str().unwrap_or_default(), 9).context("imbalance price")?
        - units(line["price"].as_str().unwrap_or_default(), 9).context("price")?;
    ensure!(dearer >= 0, "{receipt}");
    let paid = micro(&receipt["imbalance"]);
    let owed = dearer * i128::from(kept) / 1000;
    ensure!(paid > 0 && (paid - owed.min(bond)).abs() <= 1, "{paid} of {owed}, bond {bond}: {receipt}");
    assert_eq!(micro(&receipt["bond"]), bond);
    let after = lender.get("/v1/balance").await?.ok()?;
    assert_eq!(micro(&after["bond"]), 0);
    let proceeds = micro(&receipt["amount"]);
    assert_eq!(micro(&after["available"]), 100_000_000 + proceeds - paid, "{after}");
    let swaps = lender.list("/v1/swap_history").await?;
    ensure!(swaps.iter().any(|s| s["in_use_since"].is_string() && s["reason"] == "memory_in_use"), "{swaps:?}");

    // The same on its statement, in its CSV and for finance.
    let statement = lender.get("/v1/statements").await?.ok()?;
    assert_eq!(micro(&statement["difference"]), 0, "{statement}");
    assert_eq!(micro(&statement["totals"]["imbalances"]), -paid, "{statement}");
    assert_eq!(micro(&statement["totals"]["proceeds"]), proceeds);
    let csv = lender.get("/v1/statements.csv").await?.text;
    let line = csv.lines().find(|l| l.contains(",imbalance,")).context("no line in the CSV")?;
    ensure!(line.contains("kept by the workload's own program"), "{line}");
    let received: i128 = buyer.list("/v1/receipts").await?.iter().map(|r| micro(&r["imbalance"])).sum();
    let buyers = buyer.get("/v1/statements").await?.ok()?;
    assert_eq!(micro(&buyers["totals"]["imbalances"]), received, "{buyers}");
    ensure!(
        received <= paid && buyer.list("/v1/receipts").await?.iter().any(|r| r["order"] == bid.as_str()),
        "{buyers}"
    );
    let summary = finance.get("/v1/finance/summary").await?.ok()?;
    assert_eq!(micro(&summary["sum"]), 0);
    let of = |kind: &str| {
        let kinds = summary["kinds"].as_array().into_iter().flatten();
        kinds.filter(|k| k["kind"] == kind).map(|k| micro(&k["amount"])).sum::<i128>()
    };
    ensure!(of("bond") >= bond && of("imbalance") >= paid + received, "{}", summary["kinds"]);
    let imbalance = summary["accounts"].as_array().into_iter().flatten().find(|a| a["account"] == "exchange/imbalance");
    assert_eq!(imbalance.map(|a| micro(&a["balance"])), Some(0), "nobody is owed any of it");

    // And where prices are read.
    let prices = lender.get(&format!("/v1/pools/{POOL}/prices?resource=mem_mib&interval=slot")).await?.ok()?;
    let points = prices["data"].as_array().context("points")?;
    let settled = points.iter().filter(|p| p["imbalance_price"].is_string());
    let kept_then = settled.clone().any(|p| p["imbalance_volume"].as_i64().is_some_and(|n| n >= kept));
    ensure!(kept_then, "{prices}");
    for point in settled {
        let nano = |name: &str| units(point[name].as_str().unwrap_or_default(), 9);
        ensure!(nano("imbalance_price") >= nano("price"), "{point}");
    }
    healthy(&sim.server.stop().await?).await
}

/// Where a lender keeps what it lent its buyer has what is free on their node all the same, from the beginning of its slot.
#[tokio::test]
async fn a_buyer_has_what_is_free_while_its_lender_keeps_the_rest() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    small_pool(&admin, "single", &["single-a"]).await?;
    let (lender, lends) = member_in("single", &sim, "100", Some(KEEPER), 704).await?;
    let (buyer, buys) = member_in("single", &sim, "100", None, 64).await?;
    // Until its reserve price is in force the pool sells nothing.
    let late = Rhythm::of(&buyer).await?;
    admin.advance(late.first_open() + 4 * late.slot_seconds - late.now).await?;
    let rhythm = Rhythm::of(&buyer).await?;
    let order = |instance: &str, mem_mib: i64, limit: &str| {
        json!({ "instance": instance, "window": rhythm.window(1, 1), "resources": { "mem_mib": mem_mib },
            "pools": [{ "pool": "single" }], "limit": limit, "resell": "never" })
    };
    lender.post_with_key("/v1/offers", "offer", &order(&lends, 200, "0.000001")).await?.id()?;
    let bid = buyer.post_with_key("/v1/bids", "bid", &order(&buys, 400, "50")).await?.id()?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now + 10).await?;
    let route = format!("/v1/instances/{buys}");
    let has = buyer.get(&route).await?.ok()?;
    assert_eq!(
        has["in_force"]["mem_mib"],
        64 + 1000 - 704 - 64,
        "232 are free, and the rest of 400 is not given: {has}"
    );
    admin.advance(2 * rhythm.slot_seconds).await?;
    let receipts = buyer.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == bid.as_str()).context("no receipt")?;
    // The lender's program is ended 10 s after its limit went down, as it gives nothing back: three ticks of five seconds
    // with what was free, nine with all of it.
    assert_eq!(receipt["lines"][0]["delivered"], (3 * 232 + 9 * 400) / 12, "{receipt}");
    healthy(&sim.server.stop().await?).await
}

/// It has lent 300 of 400 by hand, and needs 300: what is missing is bought back with the next forecast, before the slot begins.
#[tokio::test]
async fn automatic_bids_buy_back_what_was_lent_and_is_needed() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    small_pool(&admin, "single", &["single-a"]).await?;
    let (lender, lends) = steady_member(&sim, "single", 400, 64).await?;
    let (buyer, buys) = steady_member(&sim, "single", 300, 64).await?;
    let strategy = json!({ "auto_bid": { "shortage_cost": { "cpu_milli": "0.01" } } });
    lender.put_over("*", &format!("/v1/instances/{lends}/strategy"), &strategy).await?.ok()?;
    // Until its reserve price is in force the pool sells nothing.
    let late = Rhythm::of(&buyer).await?;
    admin.advance(late.first_open() + 4 * late.slot_seconds - late.now).await?;
    let rhythm = Rhythm::of(&buyer).await?;
    let order = |instance: &str, limit: &str| {
        json!({ "instance": instance, "window": rhythm.window(2, 1), "resources": { "cpu_milli": 300 },
            "pools": [{ "pool": "single" }], "limit": limit, "resell": "never" })
    };
    let offer = lender.post_with_key("/v1/offers", "offer", &order(&lends, "0.000001")).await?.id()?;
    buyer.post_with_key("/v1/bids", "bid", &order(&buys, "50")).await?.id()?;
    admin.advance(rhythm.first_open() + 2 * rhythm.slot_seconds - rhythm.now + 10).await?;
    let has = |api: Api, id: String| async move {
        let instance = api.get(&format!("/v1/instances/{id}")).await?.ok()?;
        instance["in_force"]["cpu_milli"].as_i64().with_context(|| instance.to_string())
    };
    let (lender_has, buyer_has) = (has(lender.clone(), lends).await?, has(buyer.clone(), buys).await?);
    assert_eq!(buyer_has, 600, "what it bought stays its own");
    ensure!((300..400).contains(&lender_has), "{lender_has} of 400, of which 300 are lent");
    admin.advance(2 * rhythm.slot_seconds).await?;
    let receipts = lender.list("/v1/receipts").await?;
    let (lent, bought): (Vec<Value>, Vec<Value>) = receipts.into_iter().partition(|r| r["order"] == offer.as_str());
    let all = |receipts: &[Value]| !receipts.is_empty() && receipts.iter().all(|r| micro(&r["credit_note"]) == 0);
    ensure!(all(&lent) && all(&bought), "all of both was delivered: {lent:?} {bought:?}");
    healthy(&sim.server.stop().await?).await
}

/// The same lender without money: it owes, may not bid, and is free of it once it was granted enough.
#[tokio::test]
async fn who_can_not_pay_owes_and_bids_no_more_until_it_has_paid() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let (lender, lends) = member(&sim, "0.000001", Some(KEEPER), 704).await?;
    let (buyer, buys) = member(&sim, "100", None, 64).await?;
    admin.advance(10).await?;
    let window = Rhythm::of(&lender).await?.window(0, 1);
    let order = |instance: &str, limit: &str| memory_order(instance, &window, limit);
    lender.post_with_key("/v1/offers", "offer", &order(&lends, "0.000001")).await?.id()?;
    buyer.post_with_key("/v1/bids", "bid", &order(&buys, "50")).await?.id()?;
    let rhythm = Rhythm::of(&lender).await?;
    admin.advance(rhythm.first_open() - rhythm.now + 2 * rhythm.slot_seconds).await?;
    let owing = lender.get("/v1/balance").await?.ok()?;
    let owed = micro(&owing["arrears"]);
    assert!(owed > 0, "{owing}");
    assert_eq!(micro(&owing["available"]), 0, "all that it had is paid first");
    let statement = lender.get("/v1/statements").await?.ok()?;
    assert_eq!((micro(&statement["arrears"]), micro(&statement["difference"])), (owed, 0), "{statement}");

    let bid = |window: &Value| json!({ "window": window, "resources": { "cpu_milli": 10 }, "pools": [{ "pool": POOL }], "limit": "0.000001" });
    let refused = lender.post_with_key("/v1/bids", "refused", &bid(&late_window(&lender).await?)).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "in_arrears"), "{}", refused.text);
    let me = lender.get("/v1/me").await?.ok()?;
    let participant =
        me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?.to_owned();
    let grant = json!({ "amount": "10" });
    admin.post_with_key(&format!("/v1/participants/{participant}/grants"), "grant", &grant).await?.ok()?;
    let before = lender.get("/v1/balance").await?.ok()?;
    assert_eq!(micro(&before["arrears"]), owed, "they are collected when a slot is settled");
    admin.advance(2 * rhythm.slot_seconds).await?;
    let after = lender.get("/v1/balance").await?.ok()?;
    let statement = lender.get("/v1/statements").await?.ok()?;
    assert_eq!(micro(&after["arrears"]), 0, "{after}");
    assert_eq!(micro(&statement["totals"]["arrears"]), owed, "{statement}");
    assert_eq!(micro(&statement["difference"]), 0, "{statement}");
    let csv = lender.get("/v1/statements.csv").await?.text;
    assert!(csv.lines().any(|l| l.contains(",arrears,")), "{csv}");
    lender.post_with_key("/v1/bids", "accepted", &bid(&late_window(&lender).await?)).await?.id()?;
    healthy(&sim.server.stop().await?).await
}

/// A slot that is open for a while.
async fn late_window(api: &Api) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(Rhythm::of(api).await?.late_window())?)
}
