//! Servers for tests.
use anyhow::Context;
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Api, Launch, Server, unique};
use serde_json::Value;
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
    /// A bid on the demo's first pool that never wins, in a window that is open for a while. Its
    /// hold is the limit if the quantity is worth more at the collar: 100 cores are.
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
    let pool = serde_json::json!({ "slug": slug, "name": "Small", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli", "mem_mib"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    for name in nodes {
        let capacity = serde_json::json!({ "cpu_milli": 1000, "mem_mib": 1000 });
        let node = serde_json::json!({ "name": name, "pool": slug, "capacity": capacity });
        admin.post("/v1/nodes", &node).await?.ok()?;
    }
    for resource in ["cpu_milli", "mem_mib"] {
        let effective_at = Rhythm::of(admin).await?.late_window()["start_at"].clone();
        let price = serde_json::json!({ "resource": resource, "price": "0.000500000", "effective_at": effective_at });
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let route = format!("/v1/pools/{slug}/reserve_prices");
        admin.send("POST", &route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
    }
    Ok(())
}
