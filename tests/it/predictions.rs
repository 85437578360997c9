//! What predictions are made of beside measurements: hints, and what programs say that they want.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::{Api, time};
use serde_json::{Value, json};

/// A resource's series in a prediction.
async fn series(api: &Api, of: &str, resource: &str) -> anyhow::Result<Value> {
    let prediction = api.get(&format!("/v1/prediction?{of}")).await?.ok()?;
    let all = prediction["series"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|s| s["resource"] == resource).with_context(|| format!("no {resource}: {prediction}"))
}

fn points(series: &Value) -> impl Iterator<Item = &Value> {
    series["points"].as_array().into_iter().flatten()
}

#[tokio::test]
async fn a_hint_raises_what_is_predicted_for_its_slots() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    admin.advance(240).await?;
    let workloads = tenant.list("/v1/instances").await?;
    let workload = workloads.iter().find(|w| w["limit"]["cpu_milli"].is_i64()).context("a workload with a limit")?;
    let (id, pool) = (workload["id"].as_str().unwrap_or("?"), workload["pool"].as_str().unwrap_or("?"));
    let most = workload["limit"]["cpu_milli"].as_i64().context("its limit")?;
    let of = format!("instance_id={id}");
    let before = series(&tenant, &of, "cpu_milli").await?;
    ensure!(
        points(&before).all(|p| p["hinted"] == 0 && p["quantiles"]["0.5"].as_f64() < Some(most as f64)),
        "{before}"
    );
    let pool_before = series(&tenant, &format!("pool={pool}"), "cpu_milli").await?;
    let now = admin.get("/v1/me").await?.ok()?["now"].as_str().and_then(time::seconds).context("now")?;
    let hint =
        json!({ "instance": id, "expected_demand": { "cpu_milli": most }, "expires_at": time::rfc3339(now + 3_600) });
    let hint = tenant.post("/v1/allocation_hints", &hint).await?.id()?;
    let after = series(&tenant, &of, "cpu_milli").await?;
    ensure!(points(&after).count() == 3, "{after}");
    for point in points(&after) {
        let quantiles = point["quantiles"].as_object().context("quantiles")?;
        ensure!(quantiles.values().all(|q| q.as_f64() >= Some(most as f64)) && point["hinted"] == most, "{point}");
        ensure!(point["mean"].as_f64() >= Some(most as f64), "{point}");
    }
    let short = after["capacity"].as_i64() < Some(most);
    ensure!(!short || points(&after).all(|p| p["risk"] == 1.0), "{after}");
    let pool_after = series(&tenant, &format!("pool={pool}"), "cpu_milli").await?;
    for (before, after) in points(&pool_before).zip(points(&pool_after)) {
        ensure!(before["mean"].as_f64() < after["mean"].as_f64(), "its pool is told, too: {before} {after}");
    }
    tenant.send("DELETE", &format!("/v1/allocation_hints/{hint}"), &[], None).await?.ok()?;
    let again = series(&tenant, &of, "cpu_milli").await?;
    ensure!(points(&again).all(|p| p["hinted"] == 0), "{again}");
    healthy(&sim.server.stop().await?).await
}

/// A program that asks for four billion KiB wants no more than it may ever have.
#[tokio::test]
async fn what_a_program_says_that_it_wants_counts_up_to_its_limit() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let module =
        "(module (import \"headroom\" \"hold\" (func $hold (param i32) (result i32))) (memory (export \"memory\") 1)
        (func (export \"step\") (result i32) (drop (call $hold (i32.const -1))) (i32.const 0)))";
    let wasm = [("content-type", "application/wasm")];
    let upload = tenant.send("POST", "/v1/modules?name=greedy", &wasm, Some(module.as_bytes().to_vec())).await?;
    let greedy = json!({ "name": "greedy", "module": upload.id()?, "pool": "fra1-gp",
        "baseline": { "cpu_milli": 100, "mem_mib": 128 }, "limit": { "cpu_milli": 200, "mem_mib": 200 } });
    let id = tenant.post_with_key("/v1/instances", "greedy", &greedy).await?.id()?;
    admin.advance(240).await?;
    let metrics = tenant.get(&format!("/v1/instances/{id}/metrics")).await?.ok()?;
    let samples = metrics["data"].as_array().or(metrics["samples"].as_array()).cloned().unwrap_or_default();
    let asked: Vec<i64> = samples.iter().filter_map(|s| s["demand"]["mem_mib"].as_i64()).collect();
    ensure!(asked.iter().max() == Some(&200), "{metrics}");
    let own = series(&tenant, &format!("instance_id={id}"), "mem_mib").await?;
    ensure!(points(&own).all(|p| p["quantiles"]["0.975"].as_f64() < Some(1_000.0)), "{own}");
    healthy(&sim.server.stop().await?).await
}
