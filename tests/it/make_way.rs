//! A real program goes to another node so that somebody else's bid has room, after a shadow run, and is paid for it.
use crate::common::{Sim, balance, healthy, lends_nothing, small_pool, steady_module};
use anyhow::Context;
use headroom_tests::Api;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "crowded";

/// A member with a workload of its own, on the first node that has room.
async fn member(sim: &Sim, name: &str, cpu_milli: i64) -> anyhow::Result<(Api, String)> {
    let api = sim.trader("100").await?;
    let steady = steady_module(sim, &api).await?;
    let instance = json!({ "name": name, "module": steady, "pool": POOL,
        "baseline": { "cpu_milli": cpu_milli, "mem_mib": 200 }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
        "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    let id = api.post_with_key("/v1/instances", name, &instance).await?.id()?;
    Ok((api, id))
}

async fn read(api: &Api, path: &str) -> anyhow::Result<Value> {
    api.get(path).await?.ok()
}

#[tokio::test]
async fn a_program_makes_way_and_its_owner_is_paid() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    small_pool(&admin, POOL, &["crowded-a", "crowded-b"]).await?;
    let (one, grows) = member(&sim, "grows", 600).await?;
    let (two, yields) = member(&sim, "yields", 400).await?;
    let (grows, yields) = (format!("/v1/instances/{grows}"), format!("/v1/instances/{yields}"));
    let before = read(&two, &yields).await?;
    assert_eq!(read(&one, &grows).await?["node"], before["node"], "both are on the first node, and fill it");
    let refused = two.put_over("*", &format!("{yields}/strategy"), &json!({ "makes_way_for": "-1" })).await?;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/makes_way_for".to_owned()]));
    let set = two.put_over("*", &format!("{yields}/strategy"), &json!({ "makes_way_for": "2.5" })).await?.ok()?;
    assert_eq!(set["strategy"]["makes_way_for"], "2.500000");
    // Until its reserve price is in force the pool sells nothing.
    let late = Rhythm::of(&one).await?;
    admin.advance(late.first_open() + 4 * late.slot_seconds - late.now).await?;

    let rhythm = Rhythm::of(&one).await?;
    let id = grows.trim_start_matches("/v1/instances/");
    let bid = json!({ "instance": id, "window": rhythm.window(1, 1), "resources": { "cpu_milli": 400 },
        "pools": [{ "pool": POOL }], "limit": "5", "resell": "never", "min_fill": "1", "no_displacement": true });
    // Somebody may make way: that it can't be had at any price is not for a preview to say.
    let seen = one.post("/v1/bids/preview", &bid).await?.ok()?["warnings"].to_string();
    assert!(!seen.contains("any price") && !seen.contains("leaves it out"), "{seen}");
    let order = one.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now + 20).await?;
    let filled = read(&one, &format!("/v1/bids/{order}")).await?;
    assert_eq!(filled["status"], "filled", "{filled}");

    let after = read(&two, &yields).await?;
    assert_ne!(after["node"], before["node"], "it has gone");
    assert_eq!((&after["node"], &after["state"]), (&after["node"], &json!("running")));
    let grown = read(&one, &grows).await?;
    assert_eq!((&grown["node"], &grown["in_force"]["cpu_milli"]), (&before["node"], &json!(1000)), "{grown}");
    let swaps = two.list("/v1/swap_history").await?;
    let moved = swaps.iter().find(|s| s["node_from"] != s["node_to"]).context("no move")?;
    assert_eq!((&moved["state"], &moved["makes_way_for"]), (&json!("done"), &json!("2.500000")), "{moved}");
    assert!(moved["positions_compared"].as_i64().is_some_and(|n| n > 0), "after a shadow run: {moved}");
    let why = read(&two, &format!("/v1/swaps/{}/explain", moved["id"].as_str().context("id")?)).await?;
    assert_eq!(why["is_paid"], "2.500000", "{why}");
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("somebody else's bid has won its room")), "{why}");

    admin.advance(2 * rhythm.slot_seconds).await?;
    assert_eq!(balance(&two).await?, (102_500_000, 0));
    assert_eq!(balance(&one).await?, (100_000_000 - 2_500_000 - 200_000, 0), "the fee, and 400 times 0.0005");
    let statements = [(&one, "-2.500000"), (&two, "2.500000")];
    for (api, fees) in statements {
        let statement = read(api, "/v1/statements").await?;
        assert_eq!((&statement["totals"]["move_fees"], &statement["difference"]), (&json!(fees), &json!("0.000000")));
        let line = statement["lines"].as_array().into_iter().flatten().find(|l| l["kind"] == "move_fee");
        let line = line.context("no line")?;
        assert_eq!((&line["amount"], line["order"].is_null()), (&json!(fees), fees == "2.500000"), "{line}");
    }
    healthy(&sim.server.stop().await?).await
}
