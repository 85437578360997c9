//! Draining a node: what runs there moves, each with its shadow run, to other nodes of the pool.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use serde_json::{Value, json};

async fn node(operator: &Api, name: &str) -> anyhow::Result<Value> {
    let nodes = operator.list("/v1/nodes").await?;
    nodes.into_iter().find(|node| node["name"] == name).with_context(|| format!("no node {name}"))
}

#[tokio::test]
async fn a_drained_node_is_empty_after_some_slots() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, operator, tenant) = (sim.api("admin")?, sim.api("operator")?, sim.api("tenant")?);
    let modules = tenant.list("/v1/modules").await?;
    let module = modules.iter().find(|m| m["name"] == "steady").context("steady")?;
    let mut made = Vec::new();
    for name in ["one", "two"] {
        let body = json!({ "name": name, "module": module["id"], "pool": "fra1-gp", "baseline": { "cpu_milli": 100 } });
        made.push(tenant.post_with_key("/v1/instances", name, &body).await?.ok()?);
    }
    admin.advance(30).await?;
    let home = made[0]["node"].as_str().context("a node")?.to_owned();
    let nodes = operator.list("/v1/nodes").await?;
    let home_name = nodes.iter().find(|n| n["id"] == home.as_str()).context("its node")?["name"].clone();
    let home_name = home_name.as_str().unwrap_or_default();

    let drained = operator.act(&format!("/v1/nodes/{home}/drain")).await?.ok()?;
    assert_eq!(drained["state"], "draining");
    let there = node(&operator, home_name).await?;
    let workloads = there["workloads"].as_array().context("workloads")?;
    ensure!(!workloads.is_empty() && workloads.iter().all(|w| w["leaving"]["step"].is_string()), "{there}");
    let seen_by_members = node(&tenant, home_name).await?;
    ensure!(seen_by_members["workloads"].is_null(), "{seen_by_members}");

    let mut steps = std::collections::BTreeSet::new();
    let mut left = workloads.clone();
    for _ in 0..240 {
        admin.advance(5).await?;
        let there = node(&operator, home_name).await?;
        let workloads = there["workloads"].as_array().context("workloads")?;
        steps.extend(workloads.iter().filter_map(|w| w["leaving"]["step"].as_str().map(str::to_owned)));
        // A workload whose moves fail stays, and its reason is told.
        left = workloads.iter().filter(|w| w["leaving"]["reason"] != "pinned").cloned().collect();
        if left.is_empty() {
            break;
        }
    }
    ensure!(left.is_empty(), "{steps:?} {left:?}");
    ensure!(steps.contains("moving"), "{steps:?}");
    let id = made[0]["id"].as_str().unwrap_or_default();
    let now = tenant.get(&format!("/v1/instances/{id}")).await?.ok()?;
    ensure!(now["node"] != home.as_str() && now["state"] == "running", "{now}");
    let swaps = tenant.list("/v1/swap_history").await?;
    let swap = swaps.iter().find(|s| s["instance"] == id && s["node_from"] == home.as_str()).context("its swap")?;
    ensure!(swap["state"] == "done" && swap["causes"][0]["kind"] == "drained", "{swap}");
    let why = tenant.get(&format!("/v1/swaps/{}/explain", swap["id"].as_str().unwrap_or_default())).await?;
    ensure!(!why.is_success() || why.text.contains("is drained"), "{}", why.text);

    let back = operator.act(&format!("/v1/nodes/{home}/uncordon")).await?.ok()?;
    assert_eq!(back["state"], "up");
    healthy(&sim.server.stop().await?).await
}
