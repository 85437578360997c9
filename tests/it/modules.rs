//! Modules from outside: what one may cost to check and to run, and who may stop it.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::{Api, Launch, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const WASM: [(&str, &str); 1] = [("content-type", "application/wasm")];

async fn upload(api: &Api, name: &str, text: String) -> anyhow::Result<Reply> {
    api.send("POST", &format!("/v1/modules?name={name}"), &WASM, Some(text.into_bytes())).await
}

fn module(fields: &str, step: &str) -> String {
    format!("(module {fields} (func (export \"step\") (result i32) {step} (i32.const 0)))")
}

fn workload(module: &str, pool: &str, cpu_milli: i64, mem_mib: i64) -> Value {
    json!({ "name": format!("m-{pool}"), "module": module, "pool": pool,
        "baseline": { "cpu_milli": cpu_milli, "mem_mib": mem_mib } })
}

/// What would take the compiler minutes is refused before it begins.
#[tokio::test]
async fn a_module_that_is_dear_to_compile_is_refused_and_the_bounds_are_named() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let memory = "(memory (export \"memory\") 1)";
    let big = format!("{}{}", module(memory, ""), " ".repeat(256 * 1024));
    let reply = upload(&api, "big", big).await?;
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_large"), "{}", reply.text);
    // whatever its size, its sender is told, and not that the connection broke
    let huge = upload(&api, "huge", " ".repeat(20 * 1024 * 1024)).await?;
    assert_eq!((huge.status, huge.code().as_str()), (413, "body_too_large"), "{}", huge.text);
    let loops = upload(&api, "loops", module(memory, &"(loop)".repeat(2_000))).await?;
    assert_eq!((loops.status, loops.code().as_str()), (422, "module_refused"), "{}", loops.text);
    assert!(loops.text.contains("compiling effort in one function"), "{}", loops.text);
    // At most a hundred; the same bytes are the same module.
    let numbered = |n: usize| module(&format!("{memory} (global i32 (i32.const {n}))"), "");
    let first = upload(&api, "m0", numbered(0)).await?.id()?;
    for n in 1..100 {
        upload(&api, &format!("m{n}"), numbered(n)).await?.ok()?;
    }
    let more = upload(&api, "more", numbered(100)).await?;
    assert_eq!((more.status, more.code().as_str()), (409, "too_many_modules"), "{}", more.text);
    assert_eq!(upload(&api, "again", numbered(0)).await?.id()?, first);
    sim.trader("10").await.map(drop)?;
    upload(&sim.trader("10").await?, "other", numbered(100)).await?.ok()?;
    Ok(())
}

/// Memory that a module starts with is not free.
#[tokio::test]
async fn a_baseline_below_the_modules_memory_is_refused() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, admin) = (sim.api("tenant")?, sim.api("admin")?);
    let id = upload(&api, "wide", module("(memory (export \"memory\") 4)", "")).await?.id()?;
    // In the demo a MiB is a KiB: four pages are 256 of them.
    let refused = |reply: Reply| {
        let seen = (reply.status, reply.code(), reply.pointers());
        let expected = (422, "baseline_below_module_memory".to_owned(), vec!["/baseline/mem_mib".to_owned()]);
        ensure!(seen == expected && reply.text.contains("256 MiB"), "{}", reply.text);
        Ok(())
    };
    refused(api.post_with_key("/v1/instances", "a", &workload(&id, "fra1-gp", 100, 1)).await?)?;
    refused(api.post_with_key("/v1/instances", "b", &workload(&id, "fra1-gp", 100, 255)).await?)?;
    let instance = api.post_with_key("/v1/instances", "c", &workload(&id, "fra1-gp", 100, 256)).await?.id()?;
    let less = json!({ "baseline": { "cpu_milli": 100, "mem_mib": 200 } });
    refused(admin.put(&format!("/v1/instances/{instance}/baseline"), &less).await?)?;
    admin.advance(10).await?;
    assert_eq!(api.get(&format!("/v1/instances/{instance}")).await?.ok()?["state"], "running");
    Ok(())
}

/// Operators and admins are not helpless against a workload that does harm.
#[tokio::test]
async fn the_operator_may_stop_anybodys_workload() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.api("tenant")?;
    let instances = api.list("/v1/instances").await?;
    let mut running =
        instances.iter().filter(|i| i["state"] == "running" && i["swap"].is_null()).filter_map(|i| i["id"].as_str());
    for role in ["operator", "admin"] {
        let id = running.next().context("a running workload")?;
        let stopped = sim.api(role)?.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
        assert_eq!((&stopped["id"], &stopped["state"]), (&json!(id), &json!("stopped")), "{stopped}");
        api.act(&format!("/v1/instances/{id}/restart")).await?.ok()?;
    }
    let id = running.next().context("a running workload")?;
    for role in ["finance", "bidder"] {
        let reply = sim.api(role)?.act(&format!("/v1/instances/{id}/stop")).await?;
        assert_eq!(reply.status, 403, "{role}: {}", reply.text);
    }
    let stranger = sim.trader("10").await?.act(&format!("/v1/instances/{id}/stop")).await?;
    assert_eq!(stranger.code(), "not_found", "{}", stranger.text);
    healthy(&sim.server.stop().await?).await
}

/// Waits, generously, until something holds; asks twice a second.
async fn until<F: Future<Output = anyhow::Result<bool>>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !holds().await? {
        ensure!(begun.elapsed() < Duration::from_secs(300), "not within five minutes: {what}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn last_round(api: &Api) -> anyhow::Result<i64> {
    let rounds = api.get("/v1/rounds?limit=1").await?.ok()?;
    Ok(rounds["data"][0]["number"].as_i64().unwrap_or(0))
}

/// In real time: guests that make the host zero memory for ever, in every pool.
#[tokio::test]
async fn the_market_goes_on_while_a_tenants_modules_hog() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Launch::demo(folder.path()).start().await?;
    let (api, operator) = (server.api("tenant")?, server.api("operator")?);
    let hog = r#"(module
        (import "headroom" "hold" (func $hold (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "step") (result i32)
          (local $i i32)
          (drop (memory.grow (i32.const 31)))
          (loop $l
            (drop (call $hold (i32.const 2048)))
            (drop (call $hold (i32.const 0)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 900000))))
          (i32.const 0)))"#;
    // The other one stays within its fuel, for as many steps as its share has.
    let busy = hog.replace("900000", "8");
    let mut hogs = Vec::new();
    let hog = upload(&api, "hog", hog.to_owned()).await?.id()?;
    let busy = upload(&api, "busy", busy).await?.id()?;
    for pool in ["fra1-hp", "fra1-gp", "ams1-lp"] {
        hogs.push(api.post_with_key("/v1/instances", pool, &workload(&hog, pool, 500, 1024)).await?.id()?);
    }
    let good = api.post_with_key("/v1/instances", "busy", &workload(&busy, "fra1-gp", 500, 1024)).await?.id()?;
    let begun = last_round(&api).await?;
    for id in &hogs {
        let path = format!("/v1/instances/{id}");
        until("the hog has failed", || async { Ok(api.get(&path).await?.ok()?["state"] == "failed") }).await?;
        let failed = api.get(&path).await?.ok()?;
        let why = failed["fault"]["detail"].as_str().unwrap_or_default();
        assert!(why.contains("fuel"), "{failed}");
    }
    until("three more rounds", || async { Ok(last_round(&api).await? >= begun + 3) }).await?;
    assert_eq!(server.nobody().get("/readyz").await?.status, 200);
    assert_eq!(api.get(&format!("/v1/instances/{good}")).await?.ok()?["state"], "running");
    operator.act(&format!("/v1/instances/{good}/stop")).await?.ok()?;
    healthy(&server.stop().await?).await
}
