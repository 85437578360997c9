//! Who is told why it has not won does what is advised, and sees whether that is true.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::api::Api;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

/// Three nodes of 600, on each of which others take 500.
async fn full(sim: &Sim) -> anyhow::Result<Value> {
    let admin = sim.api("admin")?;
    let pool = json!({ "slug": "tight", "name": "Tight", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli", "mem_mib"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    for name in ["tight-a", "tight-b", "tight-c"] {
        let node = json!({ "name": name, "pool": "tight", "capacity": { "cpu_milli": 600, "mem_mib": 600 } });
        admin.post("/v1/nodes", &node).await?.ok()?;
    }
    let path = "/v1/pools/tight/reserve_prices";
    let window = Rhythm::of(&admin).await?.window(4, 1);
    let etag = admin.get(path).await?.header("etag").to_owned();
    let reserve = json!({ "resource": "cpu_milli", "price": "0.001", "effective_at": window["start_at"] });
    let headers = [("content-type", "application/json"), ("if-match", etag.as_str()), ("idempotency-key", "reserve")];
    ensure!(admin.send("POST", path, &headers, Some(serde_json::to_vec(&reserve)?)).await?.status == 201);
    Ok(window)
}

/// Held by whoever wins it until the end.
fn whole(window: &Value, quantity: i64, limit: &str) -> Value {
    json!({ "window": window, "resources": { "cpu_milli": quantity }, "pools": [{ "pool": "tight" }], "limit": limit,
        "min_fill": "1", "time_in_force": "ioc", "resell": "never" })
}

/// So many parts, each of which lies whole on one node.
fn parts(window: &Value, replicas: u32, quantity: i64, limit: &str) -> Value {
    json!({ "window": window, "resources": { "cpu_milli": quantity }, "replicas": replicas,
        "pools": [{ "pool": "tight" }], "limit": limit, "time_in_force": "ioc" })
}

fn change<'a>(said: &'a Value, what: &str) -> Option<&'a Value> {
    let all = said["changes"].as_array().into_iter().flatten();
    all.into_iter().find(|c| c["change"].as_str().is_some_and(|text| text.starts_with(what)))
}

async fn told(sim: &Sim, api: &Api, key: &str, order: &Value) -> anyhow::Result<(Value, Value)> {
    let id = api.post_with_key("/v1/bids", key, order).await?.id()?;
    sim.api("admin")?.advance(6).await?;
    let order = api.get(&format!("/v1/bids/{id}")).await?.ok()?;
    Ok((order, api.get(&format!("/v1/bids/{id}/explain")).await?.ok()?))
}

#[tokio::test]
async fn what_helps_where_no_node_has_room_helps() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let window = full(&sim).await?;
    // They would pay 0.004 a unit.
    let (other, own) = (sim.trader("100").await?, sim.trader("100").await?);
    for key in ["one", "two", "three"] {
        other.post_with_key("/v1/bids", key, &whole(&window, 500, "2")).await?.id()?;
    }
    let (_, said) = told(&sim, &own, "first", &parts(&window, 2, 150, "0.6")).await?;
    ensure!(said["reason"] == "NO_HOST", "{said}");
    let raise = change(&said, "Raise the limit").context("another limit")?;
    ensure!(raise["helps"] == true && said["minimum_winning_limit"]["quality"] == "exact", "{said}");
    ensure!(change(&said, "Ask for less").is_some_and(|c| c["helps"] == true), "100 fit on each node: {said}");
    // The others have won: there are 100 left on each node.
    let (order, _) = told(&sim, &own, "less", &parts(&window, 3, 75, "0.45")).await?;
    ensure!(order["status"] == "filled", "three quarters of it in smaller parts, for the same a unit: {order}");
    // What is left unsold is less than a part of it at any price.
    let (_, said) = told(&sim, &own, "again", &parts(&window, 2, 150, "6")).await?;
    ensure!(said["reason"] == "NO_ROOM", "{said}");
    ensure!(change(&said, "Raise the limit").is_none_or(|c| c["helps"] == false), "{said}");
    healthy(&sim.server.stop().await?).await
}
