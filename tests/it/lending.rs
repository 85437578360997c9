//! Lending by default, and what automatic orders say of what decided them, with real programs.
use crate::common::{Sim, healthy, lends_nothing, small_pool, steady_module};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "small";

/// What it says of lending is `strategy`; without one it says nothing.
async fn register(sim: &Sim, name: &str, strategy: Option<Value>) -> anyhow::Result<(Api, Value)> {
    let api = sim.trader("100").await?;
    let steady = steady_module(sim, &api).await?;
    let mut workload = json!({ "name": name, "module": steady, "pool": POOL,
        "baseline": { "cpu_milli": 240, "mem_mib": 64 }, "floor": { "cpu_milli": 50, "mem_mib": 64 },
        "limit": { "cpu_milli": 600, "mem_mib": 64 } });
    if let Some(strategy) = strategy {
        workload["strategy"] = strategy;
    }
    let made = api.post_with_key("/v1/instances", name, &workload).await?.ok()?;
    Ok((api, made))
}

fn quantity(order: &Value) -> i64 {
    order["resources"]["cpu_milli"].as_i64().unwrap_or_default()
}

fn micro(value: &Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or_default()
}

#[tokio::test]
async fn what_says_nothing_of_lending_lends_at_the_reserve_price_and_its_offers_say_why() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    small_pool(&admin, POOL, &["small-a"]).await?;
    let slot_seconds = Rhythm::of(&admin).await?.slot_seconds;
    let (lender, made) = register(&sim, "lends", None).await?;
    let by_default = json!({ "minimum_price": { "cpu_milli": "0.000000000" }, "at_least_reserve_price": true });
    assert_eq!(made["strategy"]["auto_offer"], by_default, "{made}");
    assert_eq!(made["strategy"]["auto_bid"], Value::Null, "nothing is bought for it: {made}");
    let (silent, made) = register(&sim, "keeps", Some(lends_nothing())).await?;
    assert_eq!(made["strategy"]["auto_offer"], Value::Null, "{made}");
    // Strategies are read and set as ever.
    let strategy = format!("/v1/instances/{}/strategy", made["id"].as_str().unwrap_or_default());
    silent.put_over("*", &strategy, &json!({ "auto_offer": by_default })).await?.ok()?;
    assert_eq!(silent.get(&strategy).await?.ok()?["auto_offer"], by_default);
    silent.put_over("*", &strategy, &json!({})).await?.ok()?;
    assert_eq!(silent.get(&strategy).await?.ok()?["auto_offer"], Value::Null, "what is left out is off");
    // A minimum of its own, and a strategy that says nothing of lending.
    let own = json!({ "auto_offer": { "minimum_price": { "cpu_milli": "0.002" } } });
    let (_, made) = register(&sim, "dear", Some(own)).await?;
    assert_eq!(made["strategy"]["auto_offer"], json!({ "minimum_price": { "cpu_milli": "0.002000000" } }), "{made}");
    let (buyer, buys) = register(&sim, "buys", Some(json!({ "move_fee": "1" }))).await?;
    assert_eq!((&buys["strategy"]["auto_offer"], &buys["strategy"]["move_fee"]), (&by_default, &json!("1.000000")));

    // Once enough slots have been seen.
    let mut offers = Vec::new();
    for _ in 0..30 {
        admin.advance(slot_seconds).await?;
        offers = lender.list("/v1/offers?status=open").await?;
        if !offers.is_empty() {
            break;
        }
    }
    let offer = offers.iter().max_by_key(|o| o["window"]["start_at"].to_string()).context("nothing is offered")?;
    let grounds = &offer["grounds"];
    let input = &grounds["inputs"]["cpu_milli"];
    let kept = input["needed"].as_i64().unwrap_or_default().max(50);
    let already = input["already"].as_i64().unwrap_or_default();
    assert_eq!((&grounds["rule"], &grounds["strategy_version"]), (&json!("auto_offer"), &json!(1)), "{offer}");
    assert_eq!(grounds["forecast"]["model"], "online-experts", "{offer}");
    let seen_until = grounds["forecast"]["seen_until"].as_str().unwrap_or_default();
    ensure!(!seen_until.is_empty() && seen_until <= offer["created_at"].as_str().unwrap_or_default(), "{offer}");
    assert_eq!((&input["baseline"], &input["floor"]), (&json!(240), &json!(50)), "{offer}");
    assert_eq!((&input["price"], &offer["origin"]), (&json!("0.000500000"), &json!("auto_offer")), "{offer}");
    assert_eq!(quantity(offer), 240 - kept - already, "{offer}");
    assert_eq!(micro(&offer["limit"]), i128::from(quantity(offer)) * 500, "at the pool's reserve price: {offer}");
    let path = format!("/v1/offers/{}", offer["id"].as_str().unwrap_or_default());
    assert_eq!(lender.get(&path).await?.ok()?["grounds"], *grounds);
    ensure!(silent.list("/v1/offers").await?.is_empty(), "who has opted out lends nothing");

    // Lenders come before the operator where both ask the same.
    let order = json!({ "instance": buys["id"], "window": offer["window"], "resources": { "cpu_milli": 20 },
        "pools": [{ "pool": POOL }], "limit": "1", "resell": "never" });
    let bid = buyer.post_with_key("/v1/bids", "bid", &order).await?.id()?;
    assert_eq!(buyer.get(&format!("/v1/bids/{bid}")).await?.ok()?["grounds"], Value::Null, "a person placed it");
    admin.advance(slot_seconds).await?;
    let awards = lender.list("/v1/awards").await?;
    let lent: i64 =
        awards.iter().flat_map(|a| a["lines"].as_array()).flatten().filter_map(|l| l["quantity"].as_i64()).sum();
    ensure!(lent > 0 && awards.iter().all(|a| a["kind"] == "lent"), "{awards:?}");

    // The demo's workloads bid and lend by strategies of their own.
    let tenant = sim.api("tenant")?;
    let placed = [tenant.list("/v1/bids").await?, tenant.list("/v1/offers").await?].concat();
    let automatic = placed.iter().filter(|o| o["origin"] == "auto_bid" || o["origin"] == "auto_offer");
    ensure!(automatic.clone().count() > 0, "{placed:?}");
    for order in automatic {
        let grounds = &order["grounds"];
        let inputs = grounds["inputs"].as_object().context("inputs")?;
        let names: Vec<_> = order["resources"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
        assert_eq!(inputs.keys().collect::<Vec<_>>(), names, "{order}");
        ensure!(
            order["origin"] != "auto_bid" || grounds["chance"].is_string() || grounds["proceeds"].is_string(),
            "{order}"
        );
    }
    healthy(&sim.server.stop().await?).await
}
