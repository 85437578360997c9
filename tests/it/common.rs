//! Servers for tests.
use anyhow::Context;
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Api, Launch, Server, unique};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where simulated clocks start.
pub const START: &str = "2026-11-20T10:00:00Z";

/// Takes all the memory it is allowed, page by page, and never says how much it holds.
pub const KEEPER: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "step") (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.const 0)))"#;

/// A demo whose clock stands still until it is advanced.
pub struct Sim {
    pub folder: TempDir,
    pub server: Server,
}

impl Sim {
    pub async fn start() -> anyhow::Result<Sim> {
        let folder = tempfile::tempdir()?;
        let server = Launch::simulated(folder.path(), START).start().await?;
        Ok(Sim { folder, server })
    }
    pub fn api(&self, role: &str) -> anyhow::Result<Api> {
        self.server.api(role)
    }
    /// A new participant with credits of its own.
    pub async fn trader(&self, credits: &str) -> anyhow::Result<Api> {
        trader(&self.api("admin")?, &unique("trader"), credits).await
    }
    /// A bid on the demo's first pool that never wins, in a window that is open for a while; its hold is the limit.
    pub async fn bid(&self, cpu_milli: i64, limit: &str) -> anyhow::Result<Value> {
        let window = Rhythm::of(&self.api("admin")?).await?.late_window();
        Ok(bid("fra1-gp", &window, cpu_milli, limit))
    }
}

/// (available, held) in micro-credits.
pub async fn balance(api: &Api) -> anyhow::Result<(i128, i128)> {
    let balance = api.get("/v1/balance").await?.ok()?;
    let amount = |name: &str| {
        balance[name]
            .as_str()
            .and_then(|t| headroom_tests::money::units(t, 6))
            .with_context(|| format!("{name} in {balance}"))
    };
    Ok((amount("available")?, amount("held")?))
}

/// The doctor must find nothing on data that no server uses.
pub async fn healthy(launch: &Launch) -> anyhow::Result<()> {
    let found = launch.run("doctor").await?;
    anyhow::ensure!(found.code == Some(0), "doctor ended with {:?}: {}{}", found.code, found.stdout, found.stderr);
    Ok(())
}

/// A pool of nodes of 1,000 each, and a price for what is free of them, in force a few slots from now.
pub async fn small_pool(admin: &Api, slug: &str, nodes: &[&str]) -> anyhow::Result<()> {
    let pool = json!({ "slug": slug, "name": "Small", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli", "mem_mib"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    for name in nodes {
        let capacity = json!({ "cpu_milli": 1000, "mem_mib": 1000 });
        let node = json!({ "name": name, "pool": slug, "capacity": capacity });
        admin.post("/v1/nodes", &node).await?.ok()?;
    }
    for resource in ["cpu_milli", "mem_mib"] {
        let effective_at = Rhythm::of(admin).await?.late_window()["start_at"].clone();
        let price = json!({ "resource": resource, "price": "0.000500000", "effective_at": effective_at });
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let route = format!("/v1/pools/{slug}/reserve_prices");
        admin.send("POST", &route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
    }
    Ok(())
}

/// The strategy of a workload that is to have no orders but those that a test places: left out, it lends by default.
pub fn lends_nothing() -> Value {
    json!({ "auto_offer": null })
}

/// The module of steady demand, for a member who gets the quota that its workloads here need.
pub async fn steady_module(sim: &Sim, api: &Api) -> anyhow::Result<Value> {
    let me = api.get("/v1/me").await?.ok()?;
    let participant = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let quota = json!({ "quota": { "cpu_milli": 1000, "mem_mib": 1000 } });
    sim.api("admin")?.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let modules = api.list("/v1/modules").await?;
    let steady = modules.iter().find(|m| m["name"] == "steady").context("no module steady")?;
    Ok(steady["id"].clone())
}

/// A participant with a workload in a pool that needs three quarters of so much CPU.
pub async fn steady_member(sim: &Sim, pool: &str, cpu: i64, memory_limit: i64) -> anyhow::Result<(Api, String)> {
    let api = sim.trader("100").await?;
    let steady = steady_module(sim, &api).await?;
    let instance = json!({ "name": format!("batch-{cpu}"), "module": steady, "pool": pool,
        "baseline": { "cpu_milli": cpu, "mem_mib": 64 }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
        "limit": { "cpu_milli": 1000, "mem_mib": memory_limit }, "strategy": lends_nothing() });
    let id = api.post_with_key("/v1/instances", "instance", &instance).await?.id()?;
    Ok((api, id))
}
