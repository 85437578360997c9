//! Lenders who keep what they lent or need it again, as they, their buyers and finance see them.
use crate::common::{KEEPER, Sim, healthy, lends_nothing, small_pool, steady_member};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

/// A participant with a workload of so much memory.
async fn member(sim: &Sim, credits: &str, module: Option<&str>, memory: i64) -> anyhow::Result<(Api, String)> {
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
    let instance = json!({ "name": "batch-1", "module": module, "pool": "single",
        "baseline": { "cpu_milli": 100, "mem_mib": memory }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
        "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    let id = api.post_with_key("/v1/instances", "instance", &instance).await?.id()?;
    Ok((api, id))
}

fn micro(value: &Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or_default()
}

/// Its buyer has what is free on their node from the beginning of the slot, and half the price of what it missed beside its
/// credit note.
#[tokio::test]
async fn a_lender_that_keeps_what_it_lent_pays_its_buyer() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, finance) = (sim.api("admin")?, sim.api("finance")?);
    small_pool(&admin, "single", &["single-a"]).await?;
    let (lender, lends) = member(&sim, "100", Some(KEEPER), 704).await?;
    let (buyer, buys) = member(&sim, "100", None, 64).await?;
    // Until its reserve price is in force the pool sells nothing.
    let late = Rhythm::of(&buyer).await?;
    admin.advance(late.first_open() + 4 * late.slot_seconds - late.now).await?;
    let rhythm = Rhythm::of(&buyer).await?;
    let order = |instance: &str, mem_mib: i64, limit: &str| {
        json!({ "instance": instance, "window": rhythm.window(1, 1), "resources": { "mem_mib": mem_mib },
            "pools": [{ "pool": "single" }], "limit": limit, "resell": "never" })
    };
    let offer = lender.post_with_key("/v1/offers", "offer", &order(&lends, 200, "0.000001")).await?.id()?;
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

    let receipts = lender.list("/v1/receipts").await?;
    let lent = receipts.iter().find(|r| r["order"] == offer.as_str()).context("no receipt")?;
    ensure!(lent["lines"][0]["kept"].as_i64() > Some(0) && lent["cause"] == "kept_by_program", "{lent}");
    let price = units(lent["lines"][0]["price"].as_str().unwrap_or_default(), 9).context("a price")?;
    let paid = micro(&lent["compensation"]);
    assert_eq!(paid, price * (400 - 358) / 2_000, "half the price of what was missed: {lent}");
    ensure!(paid > 0 && micro(&receipt["compensation"]) == paid, "{receipt}");
    // The same on the statements of both, in the CSV and for finance.
    for (api, signed) in [(&lender, -paid), (&buyer, paid)] {
        let statement = api.get("/v1/statements").await?.ok()?;
        let told = (micro(&statement["totals"]["compensations"]), micro(&statement["difference"]));
        assert_eq!(told, (signed, 0), "{statement}");
        let csv = api.get("/v1/statements.csv").await?.text;
        let line = csv.lines().find(|l| l.contains(",compensation,")).context("no line in the CSV")?;
        ensure!(line.contains("kept by its lender's own program") && !line.contains("bid_"), "{line}");
    }
    let summary = finance.get("/v1/finance/summary").await?.ok()?;
    let kinds = summary["kinds"].as_array().into_iter().flatten();
    let sum: i128 = kinds.filter(|k| k["kind"] == "compensation").map(|k| micro(&k["amount"])).sum();
    assert_eq!((sum, micro(&summary["sum"])), (paid, 0), "{summary}");
    let swaps = lender.list("/v1/swap_history").await?;
    ensure!(swaps.iter().any(|s| s["in_use_since"].is_string() && s["reason"] == "memory_in_use"), "{swaps:?}");
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
