//! Draws, with real programs: more in the middle of a slot, by hand and by a strategy, paid for as long as it is there.
use crate::common::{Sim, healthy, small_pool, steady_member};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "small";

fn micro(value: &Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or_default()
}

async fn in_force(api: &Api, id: &str) -> anyhow::Result<i64> {
    let instance = api.get(&format!("/v1/instances/{id}")).await?.ok()?;
    instance["in_force"]["cpu_milli"].as_i64().context("limit in force")
}

/// A market on which small pool's prices are in force, five seconds into a slot.
async fn begun() -> anyhow::Result<(Sim, Api, i64)> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    small_pool(&admin, POOL, &["small-a"]).await?;
    let rhythm = Rhythm::of(&admin).await?;
    admin.advance(rhythm.first_open() + 4 * rhythm.slot_seconds - rhythm.now + 5).await?;
    Ok((sim, admin, rhythm.slot_seconds))
}

#[tokio::test]
async fn what_is_free_is_had_within_seconds_and_paid_for_as_long_as_it_is_there() -> anyhow::Result<()> {
    let (sim, admin, slot_seconds) = begun().await?;
    let (owner, id) = steady_member(&sim, POOL, 400, 128).await?;
    let (other, _) = steady_member(&sim, POOL, 100, 128).await?;
    let route = format!("/v1/instances/{id}/draws");
    let offered = owner.get(&route).await?.ok()?;
    let of = |name: &str| offered["data"].as_array().into_iter().flatten().find(|o| o["resource"] == name).cloned();
    let cpu = of("cpu_milli").context("no CPU")?;
    assert_eq!((&cpu["quantity"], &cpu["price"], &cpu["code"]), (&json!(500), &json!("0.000500000"), &Value::Null));
    let memory = of("mem_mib").context("no memory")?;
    ensure!(memory["quantity"].as_i64().is_some_and(|n| n > 0) != memory["code"].is_string(), "{memory}");

    // Wrong input, and what is somebody else's.
    assert_eq!(other.get(&route).await?.status, 404);
    let wanted = json!({ "resource": "cpu_milli", "quantity": 300 });
    assert_eq!(other.post_with_key(&route, "theirs", &wanted).await?.status, 404);
    for (body, status, code) in [
        (json!({ "resource": "cpu_milli", "quantity": 0 }), 422, "quantity_out_of_range"),
        (json!({ "resource": "cpu_milli", "quantity": 1, "highest_price": "0.0001" }), 409, "draw_too_dear"),
        (json!({ "resource": "gpu_milli", "quantity": 1000 }), 422, "resource_not_enforced"),
    ] {
        let refused = owner.post_with_key(&route, code, &body).await?;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{body}: {}", refused.text);
    }

    // It moves money: a repetition without a key would buy twice.
    let unkeyed = owner.post(&route, &wanted).await?;
    assert_eq!((unkeyed.status, unkeyed.code().as_str()), (400, "idempotency_key_required"), "{}", unkeyed.text);

    // 300 for the rest of the slot, once however often it is asked for.
    let before = owner.get("/v1/balance").await?.ok()?;
    let drawn = owner.post_with_key(&route, "more", &wanted).await?.ok()?;
    assert_eq!((&drawn["quantity"], &drawn["price"]), (&json!(300), &json!("0.000500000")), "{drawn}");
    assert_eq!(owner.post_with_key(&route, "more", &wanted).await?.ok()?, drawn);
    let after = owner.get("/v1/balance").await?.ok()?;
    assert_eq!(micro(&before["available"]) - micro(&after["available"]), 150_000, "for all of the slot, at first");
    admin.advance(3).await?;
    assert_eq!(in_force(&owner, &id).await?, 700);
    let order = drawn["order"].as_str().context("order")?;
    let placed = owner.get(&format!("/v1/bids/{order}")).await?.ok()?;
    assert_eq!((&placed["origin"], &placed["status"]), (&json!("draw"), &json!("filled")), "{placed}");
    let swaps = owner.list("/v1/swaps").await?;
    let swap = swaps.iter().find(|s| s["instance"] == id.as_str()).context("no swap")?;
    let why = owner.get(&format!("/v1/swaps/{}/explain", swap["id"].as_str().unwrap_or_default())).await?.ok()?;
    ensure!(why["because"][0]["kind"] == "drawn", "{why}");

    // It ends with its slot, and is charged for the time that it was there.
    admin.advance(slot_seconds).await?;
    assert_eq!(in_force(&owner, &id).await?, 400);
    admin.advance(slot_seconds).await?;
    let receipts = owner.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order).context("no receipt")?;
    let delivered = receipt["lines"][0]["delivered"].as_i64().context("delivered")?;
    ensure!((200..300).contains(&delivered), "eight to twelve ticks of twelve: {receipt}");
    assert_eq!(micro(&receipt["amount"]), i128::from(delivered) * 500, "{receipt}");
    assert_eq!(receipt["cause"], "drawn_in_slot", "{receipt}");
    let statement = owner.get("/v1/statements").await?.ok()?;
    assert_eq!(micro(&statement["difference"]), 0, "{statement}");
    let summary = admin.get("/v1/finance/summary").await?.ok()?;
    assert_eq!(summary["sum"].as_str().and_then(|s| units(s, 6)).unwrap_or_default(), 0, "{summary}");

    // Stopped while its swap is under way it gets nothing more, and stops when that has ended.
    owner.post_with_key(&route, "last", &wanted).await?.ok()?;
    let stop = owner.post(&format!("/v1/instances/{id}/stop"), &json!({})).await?.ok()?;
    assert_eq!((&stop["state"], &stop["stop_requested"]), (&json!("running"), &json!(true)), "{stop}");
    let refused = owner.post_with_key(&route, "yet more", &wanted).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "instance_not_running"), "{}", refused.text);
    admin.advance(10).await?;
    let stopped = owner.get(&format!("/v1/instances/{id}")).await?.ok()?;
    assert_eq!((&stopped["state"], &stopped["stop_requested"]), (&json!("stopped"), &Value::Null), "{stopped}");
    healthy(&sim.server.stop().await?).await
}

/// A workload that has lent what it turns out to need has it from what is free, if its strategy says so.
#[tokio::test]
async fn a_strategy_draws_when_its_workload_needs_more() -> anyhow::Result<()> {
    let (sim, admin, slot_seconds) = begun().await?;
    let (lender, lends) = steady_member(&sim, POOL, 600, 128).await?;
    let (buyer, buys) = steady_member(&sim, POOL, 100, 128).await?;
    let strategy = format!("/v1/instances/{lends}/strategy");
    for (draws, pointer, code) in [
        (json!({ "mem_mib": "0.001" }), "/draws/mem_mib", "draws_by_hand_only"),
        (json!({ "cpu_milli": "-0.001" }), "/draws/cpu_milli", "price_out_of_range"),
    ] {
        let refused = lender.put_over("*", &strategy, &json!({ "draws": draws })).await?;
        assert_eq!((refused.code().as_str(), refused.pointers()), (code, vec![pointer.to_owned()]), "{}", refused.text);
    }
    let set = lender.put_over("*", &strategy, &json!({ "draws": { "cpu_milli": "0.0006" } })).await?.ok()?;
    assert_eq!(set["strategy"]["draws"]["cpu_milli"], "0.000600000");
    // It lends 500 of its 600 firmly, though it will need 450; 300 of the node are nobody's.
    let rhythm = Rhythm::of(&lender).await?;
    let order = |instance: &str, limit: &str| {
        json!({ "instance": instance, "window": rhythm.window(1, 1), "resources": { "cpu_milli": 500 },
            "pools": [{ "pool": POOL }], "limit": limit, "resell": "never" })
    };
    lender.post_with_key("/v1/offers", "offer", &order(&lends, "0.000001")).await?.id()?;
    buyer.post_with_key("/v1/bids", "bid", &order(&buys, "50")).await?.id()?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now - 1).await?;
    assert_eq!(in_force(&lender, &lends).await?, 600, "before its slot");
    admin.advance(25).await?;
    let (has, bought) = (in_force(&lender, &lends).await?, in_force(&buyer, &buys).await?);
    ensure!(bought == 600 && (350..=400).contains(&has), "{has} and {bought}");
    let bids = lender.list("/v1/bids").await?;
    ensure!(bids.iter().all(|b| b["origin"] == "draw") && !bids.is_empty(), "{bids:?}");
    admin.advance(2 * slot_seconds).await?;
    let receipts = lender.list("/v1/receipts").await?;
    let drawn = receipts.iter().filter(|r| r["side"] == "bid");
    ensure!(drawn.clone().count() > 0 && drawn.clone().all(|r| micro(&r["amount"]) > 0), "{receipts:?}");
    healthy(&sim.server.stop().await?).await
}
