//! Workloads whose program ends: what people see, what still works, who pays.
use crate::common::{Sim, balance, healthy, lends_nothing};
use anyhow::Context;
use headroom_tests::Api;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "fra1-gp";

/// Answers 1 at its tenth input, which stops it as faulty.
const FAULTY: &str = r#"(module
  (import "headroom" "position" (func $position (result i64)))
  (memory (export "memory") 1)
  (func (export "step") (result i32) (i64.ge_u (call $position) (i64.const 10))))"#;

/// A trader with quota and one workload of the named module.
async fn with_workload(sim: &Sim, module: &str) -> anyhow::Result<(Api, String)> {
    let admin = sim.api("admin")?;
    let api = sim.trader("1000").await?;
    let me = api.get("/v1/me").await?.ok()?;
    let participant = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let quota = json!({ "quota": { "cpu_milli": 1000, "mem_mib": 1000 } });
    admin.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let instance = json!({
        "name": "batch-1", "module": module, "pool": POOL, "baseline": { "cpu_milli": 500, "mem_mib": 100 },
        "limit": { "cpu_milli": 2000, "mem_mib": 400 }, "strategy": lends_nothing(),
    });
    let id = api.post_with_key("/v1/instances", "instance", &instance).await?.id()?;
    Ok((api, id))
}

async fn built_in(api: &Api, name: &str) -> anyhow::Result<String> {
    let modules = api.list("/v1/modules").await?;
    let module = modules.iter().find(|m| m["name"] == name).with_context(|| format!("no module {name}"))?;
    Ok(module["id"].as_str().unwrap_or_default().to_owned())
}

async fn workload(api: &Api, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("/v1/instances/{id}")).await?.ok()
}

fn bid(instance: &str, window: &Value, limit: &str) -> Value {
    json!({ "instance": instance, "window": window, "resources": { "cpu_milli": 200 }, "pools": [{ "pool": POOL }],
        "limit": limit })
}

#[tokio::test]
async fn a_fault_is_shown_and_a_restart_begins_anew() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.api("tenant")?);
    let headers = [("content-type", "application/wasm")];
    let module = api.send("POST", "/v1/modules?name=faulty", &headers, Some(FAULTY.into())).await?.id()?;
    let instance = json!({ "name": "faulty", "module": module, "pool": POOL,
        "baseline": { "cpu_milli": 100, "mem_mib": 10 }, "limit": { "cpu_milli": 1000, "mem_mib": 100 } });
    let id = api.post_with_key("/v1/instances", "faulty", &instance).await?.id()?;
    let window = Rhythm::of(&api).await?.late_window();
    let order = api.post_with_key("/v1/bids", "before", &bid(&id, &window, "0.000001")).await?.id()?;
    assert_eq!(workload(&api, &id).await?["state"], "running");
    admin.advance(20).await?;
    let failed = workload(&api, &id).await?;
    assert_eq!(failed["state"], "failed", "{failed}");
    let detail = failed["fault"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("position 10") && detail.contains("answered 1"), "{failed}");
    let ended = api.get(&format!("/v1/bids/{order}")).await?.ok()?;
    assert_eq!((&ended["status"], &ended["closed_reason"]), (&json!("canceled"), &json!("instance_failed")), "{ended}");
    let refused = api.post_with_key("/v1/bids", "after", &bid(&id, &window, "1")).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "instance_not_running"));
    let restarted = api.act(&format!("/v1/instances/{id}/restart")).await?.ok()?;
    assert_eq!((&restarted["state"], &restarted["fault"]), (&json!("running"), &Value::Null));
    admin.advance(4).await?;
    assert_eq!(workload(&api, &id).await?["state"], "running", "it begins at its first input");
    admin.advance(20).await?;
    assert_eq!(workload(&api, &id).await?["state"], "failed");
    let log = sim.server.log();
    assert!(!log.contains("ERROR"), "{log}");
    let launch = sim.server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

/// Neither does running again in time: what was won in the slot stands.
#[tokio::test]
async fn a_restart_is_no_way_out_of_a_slot() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let module = built_in(&sim.api("tenant")?, "steady").await?;
    let (api, id) = with_workload(&sim, &module).await?;
    let rhythm = Rhythm::of(&api).await?;
    let window = rhythm.window(0, 1);
    let order = api.post_with_key("/v1/bids", "bid", &bid(&id, &window, "500")).await?.id()?;
    // Stopped while the slot is planned, restarted before it begins; and once more within it.
    let before_gate = rhythm.first_open() - rhythm.lead_seconds - rhythm.now - 1;
    admin.advance(before_gate).await?;
    api.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    admin.advance(4).await?;
    api.act(&format!("/v1/instances/{id}/restart")).await?.ok()?;
    admin.advance(rhythm.lead_seconds + 20).await?;
    let swaps = api.list("/v1/swap_history").await?;
    assert_eq!(workload(&api, &id).await?["in_force"]["cpu_milli"], 700, "{swaps:?}");
    api.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    admin.advance(10).await?;
    api.act(&format!("/v1/instances/{id}/restart")).await?.ok()?;
    assert_eq!(workload(&api, &id).await?["in_force"]["cpu_milli"], 700);
    admin.advance(2 * rhythm.slot_seconds).await?;
    let receipts = api.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("no receipt")?;
    assert_eq!(receipt["lines"][0]["awarded"], 200, "{receipt}");
    assert!(receipt["lines"][0]["delivered"].as_i64() >= Some(180), "nearly all of it was there: {receipt}");
    healthy(&sim.server.stop().await?).await
}

/// Nobody sees the time in between, and still the copy that runs is the new one: the capacity of
/// the slot ends with it.
#[tokio::test]
async fn a_restart_between_two_looks_begins_anew() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let module = built_in(&sim.api("tenant")?, "steady").await?;
    let (api, id) = with_workload(&sim, &module).await?;
    let rhythm = Rhythm::of(&api).await?;
    let order = api.post_with_key("/v1/bids", "bid", &bid(&id, &rhythm.window(0, 1), "500")).await?.id()?;
    admin.advance(rhythm.first_open() - rhythm.now + 10).await?;
    let cpu_limit = async |after: i64| -> anyhow::Result<Value> {
        admin.advance(after).await?;
        let seen = api.get(&format!("/v1/instances/{id}/metrics?minutes=5")).await?.ok()?;
        let samples = seen["data"].as_array().context("no data")?;
        let last = samples.iter().max_by_key(|s| s["at"].as_str().map(str::to_owned));
        Ok(last.context("no sample")?["limits"]["cpu_milli"].clone())
    };
    assert_eq!(cpu_limit(0).await?, 700);
    for _ in 0..2 {
        api.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
        api.act(&format!("/v1/instances/{id}/restart")).await?.ok()?;
    }
    assert_eq!(cpu_limit(10).await?, 700, "the slot goes on");
    let after = cpu_limit(2 * rhythm.slot_seconds).await?;
    let swaps = api.list("/v1/swap_history").await?;
    assert_eq!(after, 500, "and ends: {swaps:?}");
    assert!(swaps.iter().all(|swap| swap["state"] == "done"), "{swaps:?}");
    // What it missed by its own restart is no fault of the exchange.
    let receipts = api.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("no receipt")?;
    assert_eq!(receipt["credit_note"], "0.000000", "{receipt}");
    healthy(&sim.server.stop().await?).await
}

/// What was won comes on top of the baseline that the slot was planned with.
#[tokio::test]
async fn a_baseline_that_changes_in_the_slot_costs_nobody_what_it_won() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let module = built_in(&sim.api("tenant")?, "steady").await?;
    let (api, id) = with_workload(&sim, &module).await?;
    let rhythm = Rhythm::of(&api).await?;
    let order = api.post_with_key("/v1/bids", "bid", &bid(&id, &rhythm.window(0, 1), "500")).await?.id()?;
    admin.advance(rhythm.first_open() - rhythm.now + 10).await?;
    let more = json!({ "baseline": { "cpu_milli": 600, "mem_mib": 100 } });
    let changed = admin.put(&format!("/v1/instances/{id}/baseline"), &more).await?.ok()?;
    assert_eq!((&changed["baseline"]["cpu_milli"], &changed["in_force"]["cpu_milli"]), (&json!(600), &json!(700)));
    admin.advance(2 * rhythm.slot_seconds).await?;
    let receipts = api.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("no receipt")?;
    assert_eq!((&receipt["lines"][0]["delivered"], &receipt["cause"]), (&json!(200), &Value::Null), "{receipt}");
    assert_eq!(workload(&api, &id).await?["in_force"]["cpu_milli"], 600, "the next slot has the new one");
    healthy(&sim.server.stop().await?).await
}

/// Until the plan that takes it away, what a lowered baseline had is in force and given to nobody.
#[tokio::test]
async fn a_lowered_baseline_makes_room_with_the_next_plan() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.api("tenant")?);
    let pool = json!({ "slug": "small", "name": "Small", "pop": "fra1", "tier": "general_purpose", "resources": ["cpu_milli"] });
    admin.post_with_key("/v1/pools", "pool", &pool).await?.ok()?;
    let node = json!({ "name": "small-a", "pool": "small", "capacity": { "cpu_milli": 1000 } });
    admin.post_with_key("/v1/nodes", "node", &node).await?.ok()?;
    let module = built_in(&api, "steady").await?;
    let workload = |name: &str, cpu: i64| json!({ "name": name, "module": module, "pool": "small", "baseline": { "cpu_milli": cpu } });
    let id = api.post_with_key("/v1/instances", "first", &workload("first", 800)).await?.id()?;
    admin.advance(3).await?;
    let less = json!({ "baseline": { "cpu_milli": 300 } });
    admin.put(&format!("/v1/instances/{id}/baseline"), &less).await?.ok()?;
    let early = api.post_with_key("/v1/instances", "early", &workload("second", 600)).await?;
    assert_eq!((early.status, early.code().as_str()), (409, "no_host_fits"), "{}", early.text);
    admin.advance(2 * Rhythm::of(&api).await?.slot_seconds).await?;
    api.post_with_key("/v1/instances", "late", &workload("second", 600)).await?.id()?;
    admin.advance(3).await?;
    let log = sim.server.log();
    assert!(!log.contains("cannot start yet"), "{log}");
    healthy(&sim.server.stop().await?).await
}

/// What has been sold for a slot to come is not given to new workloads.
#[tokio::test]
async fn what_is_sold_is_not_given_away() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let api = sim.trader("100000").await?;
    let me = api.get("/v1/me").await?.ok()?;
    let participant = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let quota = json!({ "quota": { "cpu_milli": 100_000, "mem_mib": 1000 } });
    admin.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let free = admin.get("/v1/pools/ams1-lp").await?.ok()?["resources"][0]["free"].as_i64().context("free")?;
    let window = Rhythm::of(&api).await?.window(0, 1);
    let order = headroom_tests::orders::bid("ams1-lp", &window, 4_000, "900");
    let order = api.post_with_key("/v1/bids", "bought", &order).await?.id()?;
    admin.advance(12).await?;
    let awards = api.list("/v1/awards").await?;
    let lines = awards.iter().filter(|a| a["order"] == order.as_str()).filter_map(|a| a["lines"].as_array()).flatten();
    let sold: i64 = lines.filter_map(|l| l["quantity"].as_i64()).sum();
    assert!(sold >= 2_000, "the bid won {sold}");
    let module = built_in(&api, "steady").await?;
    let mut given = 0;
    for n in 0..30 {
        let workload = json!({ "name": format!("w{n}"), "module": module, "pool": "ams1-lp",
            "baseline": { "cpu_milli": 500 }, "limit": { "cpu_milli": 500 } });
        let reply = api.post_with_key("/v1/instances", &format!("w{n}"), &workload).await?;
        if !reply.is_success() {
            assert_eq!(reply.code(), "no_host_fits", "{}", reply.text);
            break;
        }
        given += 500;
    }
    assert!(given > 0 && given + sold <= free, "{given} given and {sold} sold of {free}");
    healthy(&sim.server.stop().await?).await
}

/// A stopped workload takes no room, and has to find some again.
#[tokio::test]
async fn room_is_given_once() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let api = sim.trader("100000").await?;
    let me = api.get("/v1/me").await?.ok()?;
    let participant = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let quota = json!({ "quota": { "cpu_milli": 100_000, "mem_mib": 1000 } });
    admin.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let module = built_in(&api, "steady").await?;
    let of = |cpu: i64| {
        json!({ "name": "big", "module": module, "pool": "ams1-lp", "baseline": { "cpu_milli": cpu },
            "limit": { "cpu_milli": 20_000 } })
    };
    let pool = admin.get("/v1/pools/ams1-lp").await?.ok()?;
    let free = pool["resources"][0]["free"].as_i64().context("free")?;
    // The most that one node takes.
    let mut most = free;
    let id = loop {
        let reply = api.post_with_key("/v1/instances", &format!("big-{most}"), &of(most)).await?;
        if reply.is_success() {
            break reply.id()?;
        }
        assert_eq!(reply.code(), "no_host_fits", "{}", reply.text);
        most -= 100;
        anyhow::ensure!(most > 0, "no node has any room");
    };
    let second = api.post_with_key("/v1/instances", "second", &of(most)).await?;
    api.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    let third = api.post_with_key("/v1/instances", "third", &of(most)).await?;
    assert!(third.is_success(), "a stopped workload takes no room: {} (before: {})", third.text, second.status);
    let back = api.act(&format!("/v1/instances/{id}/restart")).await?;
    assert_eq!(back.is_success(), second.is_success(), "as much room as before: {}", back.text);
    healthy(&sim.server.stop().await?).await
}

/// Stopping a workload must not give the money for capacity back that was kept free for it.
#[tokio::test]
async fn whoever_stops_pays_for_what_was_made_available() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let module = built_in(&sim.api("tenant")?, "steady").await?;
    let (api, id) = with_workload(&sim, &module).await?;
    let window = Rhythm::of(&api).await?.window(0, 1);
    let order = api.post_with_key("/v1/bids", "bid", &bid(&id, &window, "500")).await?.id()?;
    let seconds = Rhythm::of(&api).await?.slot_seconds;
    admin.advance(12).await?;
    let won = api.get(&format!("/v1/bids/{order}")).await?.ok()?;
    assert_eq!(won["status"], "filled", "{won}");
    api.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    let before = balance(&api).await?;
    admin.advance(3 * seconds).await?;
    let receipts = api.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("no receipt")?;
    assert_eq!(receipt["credit_note"], "0.000000", "{receipt}");
    assert_eq!(receipt["lines"][0]["delivered"], receipt["lines"][0]["awarded"], "{receipt}");
    assert_eq!(balance(&api).await?, before, "nothing comes back");
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn a_workload_never_wins_more_than_it_may_use() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let module = built_in(&admin, "steady").await?;
    let (api, id) = with_workload(&sim, &module).await?;
    let window = Rhythm::of(&api).await?.late_window();
    let of = |cpu: i64| {
        json!({ "instance": id, "window": window, "resources": { "cpu_milli": cpu },
        "pools": [{ "pool": POOL }], "limit": "100", "resell": "never" })
    };
    // 500 of 2,000 are its baseline.
    let first = api.post_with_key("/v1/bids", "first", &of(1300)).await?.id()?;
    let second = api.post_with_key("/v1/bids", "second", &of(1300)).await?.id()?;
    admin.advance(12).await?;
    // Of two in one instant of the simulated clock neither is the earlier: one of them wins.
    let status = |order: Value| order["status"].as_str().unwrap_or_default().to_owned();
    let mut by_status = Vec::new();
    for order in [first, second] {
        by_status.push((status(api.get(&format!("/v1/bids/{order}")).await?.ok()?), order));
    }
    by_status.sort();
    let [(won, _), (waits, waiting)] = &by_status[..] else { anyhow::bail!("two orders") };
    assert_eq!((won.as_str(), waits.as_str()), ("filled", "open"));
    let why = api.get(&format!("/v1/bids/{waiting}/explain")).await?.ok()?;
    assert_eq!(why["reason"], "ABOVE_INSTANCE_LIMIT", "{why}");
    let more = api.post_with_key("/v1/bids", "third", &of(300)).await?;
    assert_eq!((more.status, more.code().as_str()), (422, "above_instance_limit"), "{}", more.text);
    api.post_with_key("/v1/bids", "fourth", &of(200)).await?.ok()?;
    let path = format!("/v1/instances/{id}/baseline");
    let baseline =
        |cpu: i64| json!({ "baseline": { "cpu_milli": cpu, "mem_mib": 100 }, "floor": { "cpu_milli": 100 } });
    let refused = admin.put(&path, &baseline(800)).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "capacity_won"), "{}", refused.text);
    admin.put(&path, &baseline(400)).await?.ok()?;
    Ok(())
}

/// What could be bought and never delivered is refused at once.
#[tokio::test]
async fn a_limit_above_what_the_driver_can_give_is_refused() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.api("tenant")?;
    let module = built_in(&api, "steady").await?;
    let instance = |most: i64| {
        json!({ "name": "wide", "module": module, "pool": POOL,
        "baseline": { "cpu_milli": 10, "mem_mib": 64 }, "limit": { "cpu_milli": 100, "mem_mib": most } })
    };
    let refused = api.post_with_key("/v1/instances", "too much", &instance(4_097)).await?;
    assert_eq!((refused.status, refused.code().as_str()), (422, "limit_above_driver"), "{}", refused.text);
    assert_eq!(refused.pointers(), ["/limit/mem_mib"]);
    api.post_with_key("/v1/instances", "all there is", &instance(4_096)).await?.ok()?;
    Ok(())
}

/// Operators are told what runs on each node; to members a node is a node.
#[tokio::test]
async fn operators_see_what_runs_on_a_node() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (operator, tenant) = (sim.api("operator")?, sim.api("tenant")?);
    let workloads = sim.api("admin")?.list("/v1/instances").await?;
    let running: Vec<_> = workloads.iter().filter(|i| i["state"] == "running").collect();
    assert!(!running.is_empty());
    let mut found = 0;
    for node in operator.list("/v1/nodes").await? {
        let there = node["workloads"].as_array().cloned().unwrap_or_default();
        let cores: i64 = there.iter().filter_map(|w| w["in_force"]["cpu_milli"].as_i64()).sum();
        assert_eq!(node["in_force"]["cpu_milli"].as_i64().unwrap_or(0), cores, "{node}");
        for workload in &there {
            let of = running.iter().find(|i| i["id"] == workload["id"]).expect("it runs");
            assert_eq!((&of["node"], &of["name"]), (&node["id"], &workload["name"]));
        }
        found += there.len();
    }
    assert_eq!(found, running.len());
    for node in tenant.list("/v1/nodes").await? {
        assert!(node.get("workloads").is_none() && node.get("in_force").is_none(), "{node}");
    }
    sim.server.stop().await.map(drop)
}
