//! A real program that keeps memory and is written to disk for it: it stands still, through a crash too, and goes on
//! where it was with what it wins.
use crate::common::{KEEPER, Sim, healthy, lends_nothing};
use crate::recovery::set_clock;
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "fra1-gp";

async fn read(tenant: &Api, path: &str) -> anyhow::Result<Value> {
    tenant.get(path).await?.ok()
}

/// To a little after the beginning of the slot that opens next, with a bid for so much memory in it.
async fn win(admin: &Api, tenant: &Api, instance: &str, mem_mib: i64) -> anyhow::Result<()> {
    let rhythm = Rhythm::of(tenant).await?;
    // Not the first that is open: its gate may be about to close.
    let window = rhythm.window(1, 1);
    let bid = json!({ "instance": instance, "window": window, "resources": { "cpu_milli": 400, "mem_mib": mem_mib },
        "pools": [{ "pool": POOL }], "limit": "50", "resell": "never", "min_fill": "1" });
    let id = tenant.post_with_key("/v1/bids", &headroom_tests::unique("bid"), &bid).await?.id()?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now + 20).await?;
    let bid = read(tenant, &format!("/v1/bids/{id}")).await?;
    ensure!(bid["status"] == "filled", "{bid}");
    Ok(())
}

/// Steps in the last measured seconds, and the inputs that wait after them.
async fn steps(tenant: &Api, route: &str) -> anyhow::Result<(i64, i64)> {
    let seen = read(tenant, &format!("{route}/metrics?minutes=5")).await?;
    let last = seen["data"].as_array().and_then(|all| all.last()).context("nothing was measured")?;
    Ok((last["steps"].as_i64().context("steps")?, last["input_lag"].as_i64().context("input_lag")?))
}

/// A workload of the keeper that goes to disk, drilled.
async fn keeper(admin: &Api, tenant: &Api) -> anyhow::Result<String> {
    let headers = [("content-type", "application/wasm")];
    let module = tenant.send("POST", "/v1/modules?name=keeper", &headers, Some(KEEPER.into())).await?.id()?;
    let instance = json!({ "name": "keeper", "module": module, "pool": POOL, "at_end": "checkpoint",
        "baseline": { "cpu_milli": 100, "mem_mib": 64 }, "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    let id = tenant.post_with_key("/v1/instances", "keeper", &instance).await?.id()?;
    admin.advance(30).await?;
    let drilled = read(tenant, &format!("/v1/instances/{id}")).await?;
    assert_eq!(
        (&drilled["shown_at_end"], &drilled["drill"]["passed"]),
        (&json!("checkpoint"), &json!(true)),
        "{drilled}"
    );
    Ok(id)
}

/// What can't be written has no more time than a program that is to shrink: then it is ended, and others have the memory.
#[tokio::test]
async fn where_the_disk_takes_nothing_it_keeps_nothing() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let id = keeper(&admin, &tenant).await?;
    let route = format!("/v1/instances/{id}");
    win(&admin, &tenant, &id, 640).await?;
    let checkpoints = sim.folder.path().join("checkpoints");
    std::fs::remove_dir_all(&checkpoints)?;
    std::fs::write(&checkpoints, "a file is where the folder was")?;
    // 20 of 60 seconds of the slot are over; 5 after it nobody has given it up yet, 20 after it is ended.
    admin.advance(Rhythm::of(&tenant).await?.slot_seconds - 15).await?;
    let tries = read(&tenant, &route).await?;
    assert_eq!((&tries["state"], &tries["suspended"]), (&json!("running"), &Value::Null), "{tries}");
    admin.advance(15).await?;
    let ended = read(&tenant, &route).await?;
    assert_eq!(ended["state"], "failed", "{ended}");
    assert!(ended["fault"]["detail"].to_string().contains("could not be written to disk"), "{ended}");
    std::fs::remove_file(&checkpoints)?;
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn who_keeps_memory_is_written_to_disk_and_goes_on_with_what_it_wins() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let began = Rhythm::of(&tenant).await?.now;
    let id = keeper(&admin, &tenant).await?;
    let route = format!("/v1/instances/{id}");

    win(&admin, &tenant, &id, 640).await?;
    let grown = read(&tenant, &route).await?;
    assert_eq!(grown["in_force"], json!({ "cpu_milli": 500, "mem_mib": 704 }), "{grown}");
    assert!(steps(&tenant, &route).await?.0 > 0);
    // The slot is over: it has 704 where 64 are left.
    let rhythm = Rhythm::of(&tenant).await?;
    admin.advance(rhythm.slot_seconds).await?;
    let still = read(&tenant, &route).await?;
    assert_eq!((&still["state"], &still["fault"]), (&json!("running"), &Value::Null), "{still}");
    assert_eq!(still["suspended"]["needs"], json!({ "mem_mib": 704 }), "{still}");
    assert_eq!(still["in_force"], json!({ "cpu_milli": 100, "mem_mib": 64 }));
    let swaps = tenant.list("/v1/swap_history").await?;
    let written = swaps.iter().find(|s| s["instance"] == id.as_str() && s.to_string().contains("written to disk"));
    assert_eq!(written.context("no swap says so")?["state"], "done");
    admin.advance(10).await?;
    let (before, waiting) = steps(&tenant, &route).await?;
    assert!(before == 0 && waiting > 0, "{before} steps, {waiting} inputs wait");
    let refused = tenant.post(&format!("{route}/drill"), &json!({})).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "instance_suspended"));

    // A crash does not wake it. What was due while nothing ran is not made up for: its inputs begin to wait anew.
    let now = Rhythm::of(&tenant).await?.now;
    let mut launch = sim.server.kill()?;
    set_clock(&mut launch, now - began);
    let server = launch.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    admin.advance(20).await?;
    let (steps_now, waiting_now) = steps(&tenant, &route).await?;
    assert!(steps_now == 0 && waiting_now > 20, "{steps_now} steps, {waiting_now} inputs wait");
    assert_eq!(read(&tenant, &route).await?["suspended"], still["suspended"]);

    // Too little leaves it where it is; with as much as it held it goes on.
    win(&admin, &tenant, &id, 100).await?;
    let little = read(&tenant, &route).await?;
    assert_eq!((&little["suspended"], &little["in_force"]["mem_mib"]), (&still["suspended"], &json!(164)), "{little}");
    win(&admin, &tenant, &id, 640).await?;
    let goes_on = read(&tenant, &route).await?;
    assert_eq!((&goes_on["suspended"], &goes_on["in_force"]["mem_mib"]), (&Value::Null, &json!(704)), "{goes_on}");
    let (after, left) = steps(&tenant, &route).await?;
    assert!(after > 0 && left < waiting_now + 60, "{after} steps, {left} inputs wait");

    // What it has won ends again; stopped and started it begins anew.
    admin.advance(rhythm.slot_seconds).await?;
    assert_eq!(read(&tenant, &route).await?["suspended"]["needs"], json!({ "mem_mib": 704 }));
    tenant.act(&format!("{route}/stop")).await?.ok()?;
    let restarted = tenant.act(&format!("{route}/restart")).await?.ok()?;
    assert_eq!((&restarted["state"], &restarted["suspended"]), (&json!("running"), &Value::Null), "{restarted}");
    admin.advance(30).await?;
    assert!(steps(&tenant, &route).await?.0 > 0);
    healthy(&server.stop().await?).await
}
