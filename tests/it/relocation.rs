//! Workloads that Headroom moves to another pool by itself: idle to the cheaper one, ahead of a peak to the faster one.
use crate::common::{Sim, healthy, lends_nothing, steady_module};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, time};
use serde_json::{Value, json};

/// Its outputs are the speed of its node: on another one they differ.
const SAYS_ITS_SPEED: &str = r#"(module
  (import "headroom" "output" (func $output (param i32 i32)))
  (import "headroom" "node_property" (func $property (param i32 i32) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 64) "performance_millis")
  (func (export "step") (result i32)
    (i64.store (i32.const 0) (call $property (i32.const 64) (i32.const 18)))
    (call $output (i32.const 0) (i32.const 8))
    (i32.const 0)))"#;

/// A pool with one node of a measured speed, and a price for what is free of it.
async fn pool(admin: &Api, slug: &str, price: &str, speed: i64, cpu_milli: i64) -> anyhow::Result<()> {
    let pool = json!({ "slug": slug, "name": slug, "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli", "mem_mib"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    let node = json!({ "name": format!("{slug}-01"), "pool": slug, "properties": { "performance_millis": speed },
        "capacity": { "cpu_milli": cpu_milli, "mem_mib": 1000 } });
    admin.post("/v1/nodes", &node).await?.ok()?;
    for (resource, price) in [("cpu_milli", price), ("mem_mib", "0.000001")] {
        let effective_at = Rhythm::of(admin).await?.late_window()["start_at"].clone();
        let price = json!({ "resource": resource, "price": price, "effective_at": effective_at });
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let route = format!("/v1/pools/{slug}/reserve_prices");
        admin.send("POST", &route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
    }
    Ok(())
}

/// A workload of the fast pool that needs three quarters of 200 and may move to these.
async fn workload(api: &Api, module: &Value, name: &str, move_to: &[&str]) -> anyhow::Result<String> {
    let mut strategy = lends_nothing();
    strategy["move_to"] = json!(move_to);
    let instance = json!({ "name": name, "module": module, "pool": "quick", "baseline": { "cpu_milli": 200, "mem_mib": 64 },
        "floor": { "cpu_milli": 0, "mem_mib": 0 }, "limit": { "cpu_milli": 700, "mem_mib": 64 }, "strategy": strategy });
    api.post_with_key("/v1/instances", name, &instance).await?.id()
}

/// From now on the workload will need so much CPU.
async fn hint(admin: &Api, api: &Api, id: &str, cpu_milli: i64) -> anyhow::Result<()> {
    let now = admin.get("/v1/me").await?.ok()?["now"].as_str().and_then(time::seconds).context("now")?;
    let hint = json!({ "instance": id, "expected_demand": { "cpu_milli": cpu_milli }, "starts_at": time::rfc3339(now),
        "expires_at": time::rfc3339(now + 7_200) });
    api.post("/v1/allocation_hints", &hint).await?.ok()?;
    Ok(())
}

async fn read(api: &Api, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("/v1/instances/{id}")).await?.ok()
}

async fn relocation(api: &Api, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("/v1/instances/{id}/relocation")).await?.ok()
}

/// Lets time pass until a relocation has ended whose pool is this one; what was told while it was pending.
async fn until(sim: &Sim, api: &Api, id: &str, pool: &str) -> anyhow::Result<Value> {
    let mut pending = Value::Null;
    for _ in 0..240 {
        sim.api("admin")?.advance(10).await?;
        let told = relocation(api, id).await?;
        if told["pending"]["pool_to"] == pool {
            pending = told["pending"].clone();
        }
        if !pending.is_null() && told["pending"].is_null() {
            return Ok(pending);
        }
    }
    anyhow::bail!("{id} is not moved to {pool}: {} {}", relocation(api, id).await?, read(api, id).await?)
}

async fn swap_of(api: &Api, id: &str, pool: &str) -> anyhow::Result<Value> {
    let swaps = api.list("/v1/swap_history").await?;
    swaps
        .into_iter()
        .find(|s| s["instance"] == id && s["pool_to"] == pool && s["pool_from"] != pool)
        .context("its swap")
}

#[tokio::test]
async fn an_idle_workload_moves_to_the_cheap_pool_and_back_for_a_peak() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    pool(&admin, "quick", "0.000900", 1_000, 1_000).await?;
    pool(&admin, "cheap", "0.000300", 500, 600).await?;
    pool(&admin, "tiny", "0.000100", 1_000, 100).await?;
    let api = sim.trader("100").await?;
    let module = steady_module(&sim, &api).await?;
    let mover = workload(&api, &module, "mover", &["quick", "cheap"]).await?;
    let stayer = workload(&api, &module, "stayer", &[]).await?;
    let crowded = workload(&api, &module, "crowded", &["tiny"]).await?;

    let asked = until(&sim, &api, &mover, "cheap").await?;
    ensure!(asked["rule"] == "score" && asked["pool_from"] == "quick", "{asked}");
    let there = read(&api, &mover).await?;
    ensure!(there["pool"] == "cheap" && there["last_relocation"]["ended"]["end"] == "done", "{there}");
    let swap = swap_of(&api, &mover, "cheap").await?;
    ensure!(swap["state"] == "done" && swap["causes"][0]["kind"] == "relocated", "{swap}");
    ensure!(swap["causes"][0]["rule"] == "score" && swap["expected_gain"] == asked["gain"], "{swap} {asked}");
    let why = api.get(&format!("/v1/swaps/{}/explain", swap["id"].as_str().unwrap_or_default())).await?;
    ensure!(why.text.contains("its score is better in the pool cheap"), "{}", why.text);
    // Few moves of any program have finished here; each method that it does not take has its reason.
    let expected = swap["forecast"].clone();
    ensure!(expected["learned_from"] == "market" && expected["pause_micros"].as_i64() > Some(0), "{swap}");
    let rejected: Vec<&str> =
        expected["rejected"].as_array().context("rejected")?.iter().filter_map(|r| r["method"].as_str()).collect();
    ensure!(rejected == ["resize", "live", "partition"], "{rejected:?}");
    ensure!(expected["rejected"][1]["reason"].as_str().is_some_and(|why| why.contains("pre-copy")), "{expected}");

    // 700 are more than its node there has, and 350 are enough on the fast one.
    hint(&admin, &api, &mover, 700).await?;
    let asked = until(&sim, &api, &mover, "quick").await?;
    ensure!(asked["rule"] == "risk" && asked["shortage_chance"] == "0.100000", "{asked}");
    let back = read(&api, &mover).await?;
    ensure!(back["pool"] == "quick" && back["last_relocation"]["ended"]["end"] == "done", "{back}");
    let next = swap_of(&api, &mover, "quick").await?["forecast"].clone();
    ensure!(next["moves"].as_i64() > expected["moves"].as_i64(), "the first one has finished: {next} {expected}");

    for (id, code) in [(&stayer, "relocation_not_allowed"), (&crowded, "no_room")] {
        let told = relocation(&api, id).await?;
        ensure!(told["stays"]["code"] == code && told["last"].is_null(), "{told}");
        ensure!(read(&api, id).await?["pool"] == "quick", "it stays");
    }
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn a_relocation_whose_shadow_run_differs_leaves_it_at_home() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    pool(&admin, "quick", "0.000900", 1_000, 1_000).await?;
    pool(&admin, "cheap", "0.000300", 500, 600).await?;
    let api = sim.trader("100").await?;
    let _quota = steady_module(&sim, &api).await?;
    let headers = [("content-type", "application/wasm"), ("idempotency-key", "differs")];
    let module = api.send("POST", "/v1/modules?name=differs", &headers, Some(SAYS_ITS_SPEED.into())).await?.id()?;
    let mover = workload(&api, &json!(module), "mover", &["quick", "cheap"]).await?;
    // By itself it needs so little that no move is worth its cost.
    hint(&admin, &api, &mover, 200).await?;
    until(&sim, &api, &mover, "cheap").await?;
    let instance = read(&api, &mover).await?;
    ensure!(instance["pool"] == "quick" && instance["last_relocation"]["ended"]["end"] == "failed", "{instance}");
    let swap = swap_of(&api, &mover, "cheap").await?;
    ensure!(swap["state"] == "aborted" && swap["reason"] == "shadow_mismatch", "{swap}");
    let told = relocation(&api, &mover).await?;
    ensure!(told["stays"]["code"] == "workload_pinned", "{told}");
    healthy(&sim.server.stop().await?).await
}
