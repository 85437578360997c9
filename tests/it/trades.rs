//! Two workloads on a full node that give each other what they have too much of, if they are of two members.
use crate::common::{Sim, healthy, lends_nothing, steady_module};
use anyhow::Context;
use headroom_tests::Api;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "small";

/// A pool of one node, all of which is baselines.
async fn full_node(admin: &Api) -> anyhow::Result<()> {
    let pool = json!({ "slug": POOL, "name": "Small", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli", "mem_mib"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    let node = json!({ "name": "small-a", "pool": POOL, "capacity": { "cpu_milli": 1000, "mem_mib": 1000 } });
    admin.post("/v1/nodes", &node).await?.ok()?;
    Ok(())
}

async fn member(sim: &Sim, cpu_milli: i64, mem_mib: i64) -> anyhow::Result<(Api, String)> {
    let api = sim.trader("100").await?;
    let id = workload(sim, &api, cpu_milli, mem_mib).await?;
    Ok((api, id))
}

async fn workload(sim: &Sim, api: &Api, cpu_milli: i64, mem_mib: i64) -> anyhow::Result<String> {
    let steady = steady_module(sim, api).await?;
    let name = format!("trades-{cpu_milli}");
    let instance = json!({ "name": name, "module": steady, "pool": POOL,
        "baseline": { "cpu_milli": cpu_milli, "mem_mib": mem_mib }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
        "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    api.post_with_key("/v1/instances", &name, &instance).await?.id()
}

/// Offers 200 of what it has more of, and bids for as much of the other.
async fn trade(api: &Api, id: &str, rhythm: &Rhythm, offers: &str, bids: &str) -> anyhow::Result<()> {
    let order = |window: Value, resource: &str, limit: &str| {
        json!({ "instance": id, "window": window, "resources": { resource: 200 }, "pools": [{ "pool": POOL }],
            "limit": limit, "resell": "never" })
    };
    for slot in 1..3 {
        let offer = order(rhythm.window(slot, 1), offers, "0");
        api.post_with_key("/v1/offers", &format!("offer {slot}"), &offer).await?.id()?;
    }
    api.post_with_key("/v1/bids", "bid", &order(rhythm.window(1, 2), bids, "0.3")).await?.id()?;
    Ok(())
}

async fn in_force(api: &Api, id: &str) -> anyhow::Result<Value> {
    Ok(api.get(&format!("/v1/instances/{id}")).await?.ok()?["in_force"].clone())
}

/// Each needs what the other frees: whoever waited for the other to be done would wait for ever.
#[tokio::test]
async fn cpu_is_traded_for_memory_where_nothing_is_free() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    full_node(&admin).await?;
    let (one, first) = member(&sim, 600, 400).await?;
    let (two, second) = member(&sim, 400, 600).await?;
    // Who buys memory has shown first that it gives it back.
    admin.advance(30).await?;
    let rhythm = Rhythm::of(&one).await?;
    trade(&one, &first, &rhythm, "cpu_milli", "mem_mib").await?;
    trade(&two, &second, &rhythm, "mem_mib", "cpu_milli").await?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now + 5).await?;
    assert_eq!(in_force(&one, &first).await?, json!({ "cpu_milli": 400, "mem_mib": 600 }));
    assert_eq!(in_force(&two, &second).await?, json!({ "cpu_milli": 600, "mem_mib": 400 }));
    admin.advance(2 * rhythm.slot_seconds).await?;
    assert_eq!(in_force(&one, &first).await?, json!({ "cpu_milli": 600, "mem_mib": 400 }));
    for api in [&one, &two] {
        let receipts = api.list("/v1/receipts").await?;
        let bought = receipts.iter().find(|r| r["side"] == "bid").or(receipts.first()).context("no receipt")?;
        assert_eq!((&bought["credit_note"], &bought["cause"]), (&json!("0.000000"), &Value::Null), "{bought}");
        let swaps = api.list("/v1/swap_history").await?;
        assert!(swaps.len() >= 2 && swaps.iter().all(|s| s["state"] == "done"), "{swaps:?}");
    }
    healthy(&sim.server.stop().await?).await
}

/// Nobody trades with itself: the refusal names the own order that is in the way, and once that is gone the same request is
/// taken under the same key.
#[tokio::test]
async fn a_bid_that_meets_an_own_offer_is_refused_until_it_is_gone() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    full_node(&admin).await?;
    let (api, gives) = member(&sim, 600, 400).await?;
    let gets = workload(&sim, &api, 400, 400).await?;
    let window = Rhythm::of(&api).await?.window(0, 1);
    let order = |instance: &str, limit: &str| {
        json!({ "instance": instance, "window": window, "resources": { "cpu_milli": 200 }, "pools": [{ "pool": POOL }],
            "limit": limit, "resell": "never" })
    };
    let offer = api.post_with_key("/v1/offers", "offer", &order(&gives, "1")).await?.id()?;
    let refused = api.post_with_key("/v1/bids", "bid", &order(&gets, "5")).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "self_trade"));
    assert!(refused.text.contains(&offer), "{}", refused.text);
    api.delete(&format!("/v1/offers/{offer}")).await?.ok()?;
    api.post_with_key("/v1/bids", "bid", &order(&gets, "5")).await?.id()?;
    healthy(&sim.server.stop().await?).await
}
