//! Vacate drills with real programs: who gives memory back may buy it, who does not may be stopped for it.
use crate::common::{KEEPER, Sim, healthy, lends_nothing};
use anyhow::Context;
use headroom_tests::Api;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "fra1-gp";

async fn workload(tenant: &Api, module: &str) -> anyhow::Result<String> {
    let instance = json!({ "name": "drilled", "module": module, "pool": POOL,
        "baseline": { "cpu_milli": 100, "mem_mib": 64 }, "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    tenant.post_with_key("/v1/instances", module, &instance).await?.id()
}

async fn bid(tenant: &Api, instance: &str) -> anyhow::Result<String> {
    let window = Rhythm::of(tenant).await?.window(0, 1);
    let bid = json!({ "instance": instance, "window": window, "resources": { "cpu_milli": 400, "mem_mib": 640 },
        "pools": [{ "pool": POOL }], "limit": "50", "resell": "never" });
    tenant.post_with_key("/v1/bids", &headroom_tests::unique("bid"), &bid).await?.id()
}

async fn read(tenant: &Api, path: String) -> anyhow::Result<Value> {
    tenant.get(&path).await?.ok()
}

#[tokio::test]
async fn a_program_that_gives_memory_back_is_drilled_by_itself() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let modules = tenant.list("/v1/modules").await?;
    let steady = modules.iter().find(|m| m["name"] == "steady").context("no module steady")?;
    let id = workload(&tenant, steady["id"].as_str().context("id")?).await?;
    let order = bid(&tenant, &id).await?;
    admin.advance(30).await?;
    let shown = read(&tenant, format!("/v1/instances/{id}")).await?;
    assert_eq!((&shown["shown_at_end"], &shown["drill"]["passed"]), (&json!("shrink"), &json!(true)), "{shown}");
    let won = read(&tenant, format!("/v1/bids/{order}")).await?;
    assert_eq!(won["status"], "filled", "{won}");
    let again = json!({});
    let lately = tenant.post(&format!("/v1/instances/{id}/drill"), &again).await?;
    assert_eq!((lately.status, lately.code().as_str()), (409, "drilled_lately"));
    admin.advance(60).await?;
    let asked = tenant.post(&format!("/v1/instances/{id}/drill"), &again).await?.ok()?;
    assert_eq!((&asked["drill"]["ended_at"], &asked["shown_at_end"]), (&Value::Null, &json!("shrink")), "{asked}");
    let foreign = sim.trader("1").await?.post(&format!("/v1/instances/{id}/drill"), &again).await?;
    assert!([403, 404].contains(&foreign.status), "{}", foreign.status);
    healthy(&sim.server.stop().await?).await
}

/// Nobody buys a slot and keeps what it brought for ever.
#[tokio::test]
async fn who_keeps_memory_buys_none_unless_it_may_be_stopped() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let headers = [("content-type", "application/wasm")];
    let module = tenant.send("POST", "/v1/modules?name=keeper", &headers, Some(KEEPER.into())).await?.id()?;
    let id = workload(&tenant, &module).await?;
    let route = format!("/v1/instances/{id}");
    let waits = bid(&tenant, &id).await?;
    admin.advance(30).await?;
    let failed = read(&tenant, route.clone()).await?;
    assert_eq!((&failed["drill"]["passed"], &failed["state"]), (&json!(false), &json!("running")), "{failed}");
    assert!(failed["drill"]["detail"].to_string().contains("never says what it holds"), "{failed}");
    let why = read(&tenant, format!("/v1/bids/{waits}/explain")).await?;
    assert_eq!(why["reason"], "NO_VACATE_PATH", "{why}");
    tenant.delete(&format!("/v1/bids/{waits}")).await?.ok()?;
    let lately = tenant.post(&format!("{route}/drill"), &json!({ "at_end": "checkpoint" })).await?;
    assert_eq!((lately.status, lately.code().as_str()), (409, "drilled_lately"));

    let stops = tenant.post(&format!("{route}/drill"), &json!({ "at_end": "stop" })).await?.ok()?;
    assert_eq!(stops["at_end"], "stop", "{stops}");
    let order = bid(&tenant, &id).await?;
    let rhythm = Rhythm::of(&tenant).await?;
    admin.advance(rhythm.first_open() - rhythm.now + 30).await?;
    assert_eq!(read(&tenant, route.clone()).await?["in_force"], json!({ "cpu_milli": 500, "mem_mib": 704 }));
    // The slot is over: it keeps 704 where 64 are left, and is stopped, in seconds and without a fault.
    admin.advance(rhythm.slot_seconds - 30 + 3).await?;
    let stopped = read(&tenant, route.clone()).await?;
    assert_eq!((&stopped["state"], &stopped["fault"]), (&json!("stopped"), &Value::Null), "{stopped}");
    let swaps = tenant.list("/v1/swap_history").await?;
    assert!(swaps.iter().any(|s| s["instance"] == id.as_str() && s["reason"] == "vacated"), "{swaps:?}");
    admin.advance(rhythm.slot_seconds).await?;
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("no receipt")?;
    assert_eq!(receipt["credit_note"], "0.000000", "{receipt}");
    let restarted = tenant.act(&format!("{route}/restart")).await?.ok()?;
    let baseline = json!({ "cpu_milli": 100, "mem_mib": 64 });
    assert_eq!((&restarted["state"], &restarted["in_force"]), (&json!("running"), &baseline), "{restarted}");
    healthy(&sim.server.stop().await?).await
}
