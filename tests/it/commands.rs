//! Workloads that are commands: offered by the operator, registered by members, measured, moved, brought back.
use crate::common::{START, Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Launch};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

const HOME: &str = "fra1-gp";
const ELSEWHERE: &str = "ams1-lp";

/// A folder with one command, the example of the sources, and a file that is none.
fn commands() -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let own = std::env::current_exe()?;
    let beside = own.ancestors().skip(1).take(2).map(|at| at.join("command_steady")).find(|path| path.is_file());
    let built =
        beside.context("there is no `command_steady` beside this program: cargo build --release --workspace")?;
    symlink(built, folder.path().join("mixer"))?;
    std::fs::write(folder.path().join("notes.txt"), "not executable")?;
    Ok(folder)
}

fn offering(launch: Launch, commands: &Path) -> Launch {
    launch.argument("--commands").argument(&commands.display().to_string())
}

async fn started(commands: &Path) -> anyhow::Result<Sim> {
    let folder = tempfile::tempdir()?;
    let server = offering(Launch::simulated(folder.path(), START), commands).start().await?;
    Ok(Sim { folder, server })
}

fn body(command: &Value) -> Value {
    json!({ "name": "index", "command": command, "pool": HOME, "baseline": { "cpu_milli": 100, "mem_mib": 64 },
        "limit": { "cpu_milli": 1000, "mem_mib": 256 } })
}

async fn read(api: &Api, route: &str) -> anyhow::Result<Value> {
    api.get(route).await?.ok()
}

/// The newest measurement of a workload.
async fn measured(api: &Api, route: &str) -> anyhow::Result<Value> {
    let seen = read(api, &format!("{route}/metrics?minutes=5")).await?;
    seen["data"].as_array().and_then(|all| all.last()).cloned().context("nothing was measured")
}

#[tokio::test]
async fn a_command_is_offered_registered_and_goes_on_after_a_kill() -> anyhow::Result<()> {
    let commands = commands()?;
    let sim = started(commands.path()).await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let offered = tenant.list("/v1/modules").await?;
    let offered: Vec<&Value> = offered.iter().filter(|m| m["kind"] == "command").collect();
    assert_eq!(offered.len(), 1, "{offered:?}");
    assert_eq!((&offered[0]["name"], &offered[0]["participant"]), (&json!("mixer"), &Value::Null));
    let made = tenant.post_with_key("/v1/instances", "index", &body(&json!(["mixer", "once"]))).await?;
    let made = made.ok()?;
    assert_eq!((&made["driver"], &made["arguments"]), (&json!("command"), &json!(["once"])), "{made}");
    let route = format!("/v1/instances/{}", made["id"].as_str().unwrap_or_default());
    admin.advance(60).await?;
    let seen = measured(&tenant, &route).await?;
    ensure!(seen["steps"].as_i64() >= Some(8), "{seen}");
    let held = seen["usage"]["mem_mib"].as_i64().unwrap_or(0);
    // Asked to hold three quarters of its baseline, it takes at most half of its limit.
    ensure!((32..48).contains(&held), "{seen}");
    let drilled = read(&tenant, &route).await?;
    assert_eq!((&drilled["drill"]["passed"], &drilled["shown_at_end"]), (&json!(true), &json!("shrink")), "{drilled}");

    // It goes on from its checkpoint; without its program it stands still and is not given up.
    let launch = sim.server.kill()?;
    let server = launch.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    admin.advance(30).await?;
    assert_eq!(read(&tenant, &route).await?["state"], "running");
    ensure!(measured(&tenant, &route).await?["steps"].as_i64() >= Some(8));
    ensure!(server.log().contains("restored from checkpoints") || !server.log().contains("could not be used"));
    let launch = server.stop().await?;
    std::fs::rename(commands.path().join("mixer"), commands.path().join(".mixer"))?;
    let server = launch.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    ensure!(server.log().contains("they stand still until it is there"), "{}", server.log());
    admin.advance(30).await?;
    assert_eq!(read(&tenant, &route).await?["state"], "running");
    let refused = tenant.post_with_key("/v1/instances", "again", &body(&json!(["mixer"]))).await?;
    assert_eq!((refused.status, refused.code().as_str()), (422, "command_unavailable"), "{}", refused.text);
    let by_id = json!({ "name": "by-id", "module": offered[0]["id"], "pool": HOME,
        "baseline": { "cpu_milli": 100, "mem_mib": 64 } });
    let refused = tenant.post_with_key("/v1/instances", "by-id", &by_id).await?;
    assert_eq!((refused.status, refused.code().as_str()), (422, "command_unavailable"), "{}", refused.text);
    assert_eq!(refused.pointers(), ["/module"], "{}", refused.text);
    let repeated = tenant.post_with_key("/v1/instances", "index", &body(&json!(["mixer", "once"]))).await?;
    assert_eq!((repeated.status, &repeated.ok()?["id"]), (201, &made["id"]), "answered before");
    let modules = tenant.list("/v1/modules").await?;
    ensure!(modules.iter().any(|m| m["name"] == "mixer" && m["available"] == false), "{modules:?}");
    let once = server.log().matches("it stands still until its program").count();
    assert_eq!(once, 1, "said once: {}", server.log());
    // When it is back it goes on where it was, not from its beginning.
    std::fs::rename(commands.path().join(".mixer"), commands.path().join("mixer"))?;
    admin.advance(30).await?;
    ensure!(measured(&tenant, &route).await?["steps"].as_i64() >= Some(8));
    let launch = server.stop().await?;
    let server = launch.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    admin.advance(10).await?;
    assert_eq!(read(&tenant, &route).await?["fault"], Value::Null);
    let launch = server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

#[tokio::test]
async fn a_command_is_carried_to_another_place_after_a_shadow_run_and_comes_home() -> anyhow::Result<()> {
    let commands = commands()?;
    let sim = started(commands.path()).await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let made = tenant.post_with_key("/v1/instances", "index", &body(&json!(["mixer"]))).await?.ok()?;
    let id = made["id"].as_str().unwrap_or_default();
    let route = format!("/v1/instances/{id}");
    // A shadow run needs some inputs to compare.
    admin.advance(60).await?;
    let bid = json!({ "instance": id, "window": Rhythm::of(&admin).await?.window(1, 1), "min_fill": "1",
        "resources": { "cpu_milli": 100 }, "pools": [{ "pool": ELSEWHERE }], "limit": "20" });
    let order = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    let mut there = 0;
    for _ in 0..120 {
        admin.advance(5).await?;
        let now = read(&tenant, &route).await?;
        there += usize::from(now["node"] != made["node"]);
        if there > 0 && now["away"].is_null() {
            break;
        }
    }
    let swaps = tenant.list("/v1/swap_history").await?;
    let home = read(&tenant, &route).await?;
    ensure!(there > 3 && home["away"].is_null() && home["node"] == made["node"], "{there} looks: {home} {swaps:?}");
    let moves = swaps.iter().filter(|s| s["instance"] == id && s["pool_from"] != s["pool_to"]);
    for swap in moves.clone() {
        assert_eq!((&swap["state"], &swap["method"]), (&json!("done"), &json!("checkpoint")), "{swap}");
    }
    assert_eq!(moves.count(), 2);
    admin.advance(10).await?;
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("no receipt")?;
    ensure!(receipt["lines"][0]["delivered"].as_i64() > Some(0), "{receipt}");
    ensure!(measured(&tenant, &route).await?["steps"].as_i64() >= Some(8));
    assert_eq!(read(&tenant, &route).await?["state"], "running");
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn what_a_workload_is_made_of_is_checked_field_by_field() -> anyhow::Result<()> {
    let commands = commands()?;
    let sim = started(commands.path()).await?;
    let tenant = sim.api("tenant")?;
    let modules = tenant.list("/v1/modules").await?;
    let id = |name: &str| modules.iter().find(|m| m["name"] == name).map(|m| m["id"].clone()).unwrap_or_default();
    let with = |changes: Value| {
        let mut body = body(&Value::Null);
        for (name, value) in changes.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        body
    };
    let admin = sim.api("admin")?;
    let made = tenant.post_with_key("/v1/instances", "made", &body(&json!(["mixer"]))).await?.id()?;
    let none = json!({ "baseline": { "cpu_milli": 100, "mem_mib": 0 } });
    let refused = admin.put(&format!("/v1/instances/{made}/baseline"), &none).await?;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/baseline/mem_mib".to_owned()]), "{}", refused.text);
    let long = vec!["x"; 33].join(" ");
    let many: Vec<&str> = std::iter::once("mixer").chain(long.split(' ')).collect();
    for (changes, code, pointer) in [
        (json!({}), "module_or_command", "/module"),
        (json!({ "command": ["mixer"], "module": id("steady") }), "module_or_command", "/command"),
        (json!({ "command": [] }), "module_or_command", "/command"),
        (json!({ "command": ["absent"] }), "not_found", "/command/0"),
        (json!({ "command": ["notes.txt"] }), "not_found", "/command/0"),
        (json!({ "command": ["../mixer"] }), "not_found", "/command/0"),
        (
            json!({ "command": ["mixer"], "baseline": { "cpu_milli": 100 } }),
            "baseline_below_module_memory",
            "/baseline/mem_mib",
        ),
        (json!({ "command": ["mixer"], "driver": "wasm" }), "driver_unknown", "/driver"),
        (json!({ "module": id("steady"), "driver": "command" }), "driver_unknown", "/driver"),
        (json!({ "command": ["mixer", "two\nlines"] }), "arguments_invalid", "/command/1"),
        (json!({ "command": ["mixer", "x".repeat(501)] }), "arguments_invalid", "/command/1"),
        (json!({ "command": many }), "arguments_invalid", "/command"),
        (json!({ "module": "mod_01m7w6c380fh08zv3bjp1wmpmd" }), "not_found", "/module"),
    ] {
        let refused = tenant.post_with_key("/v1/instances", &headroom_tests::unique("key"), &with(changes)).await?;
        assert_eq!((refused.status, refused.code().as_str()), (422, code), "{}", refused.text);
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text);
    }
    let absent = Launch::simulated(&sim.folder.path().join("other"), START).argument("--commands").argument("/no/such");
    let ended = absent.up_to_its_end().await?;
    ensure!(ended.code == Some(1) && ended.stderr.contains("name a folder with executable files"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn the_program_of_the_documentation_runs() -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if !Path::new("/usr/bin/python3").exists() {
        headroom_tests::skip(
            "the command in docs/commands.md",
            "it is in Python, and there is no /usr/bin/python3 here",
        );
        return Ok(());
    }
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md"))?;
    let program = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).context("no program")?;
    let commands = tempfile::tempdir()?;
    let file = commands.path().join("sum");
    std::fs::write(&file, program)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    let sim = started(commands.path()).await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let made = tenant.post_with_key("/v1/instances", "sum", &body(&json!(["sum"]))).await?.ok()?;
    let route = format!("/v1/instances/{}", made["id"].as_str().unwrap_or_default());
    admin.advance(60).await?;
    let server = sim.server.kill()?.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    admin.advance(20).await?;
    let seen = measured(&tenant, &route).await?;
    ensure!(seen["steps"].as_i64() >= Some(8), "{seen}");
    let now = read(&tenant, &route).await?;
    assert_eq!((&now["state"], &now["fault"]), (&json!("running"), &Value::Null), "{now}");
    healthy(&server.stop().await?).await
}
