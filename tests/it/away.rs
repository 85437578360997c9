//! A workload that wins in another pool, over the API: it is carried to another place, delivered there, and comes home.
use crate::common::{KEEPER, Sim, healthy, lends_nothing, small_pool};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Reply, unique};
use serde_json::{Value, json};

const BIDS: &str = "/v1/bids";
const HOME: &str = "fra1-gp";
const ELSEWHERE: &str = "ams1-lp";

fn bid(workload: &Value, window: &Value, pools: &[&str], min_fill: &str) -> Value {
    let pools: Vec<Value> = pools.iter().map(|pool| json!({ "pool": pool })).collect();
    json!({ "instance": workload["id"], "window": window, "resources": { "cpu_milli": 100 }, "pools": pools,
        "limit": "20", "min_fill": min_fill })
}

async fn place(api: &Api, body: &Value) -> anyhow::Result<Reply> {
    api.post_with_key(BIDS, &unique("key"), body).await
}

async fn read(api: &Api, route: &str) -> anyhow::Result<Value> {
    api.get(route).await?.ok()
}

/// A workload of the tenant at home, whose program runs the same everywhere.
async fn workload(tenant: &Api) -> anyhow::Result<Value> {
    let all = tenant.list("/v1/instances").await?;
    all.into_iter().find(|i| i["pool"] == HOME && i["name"] != "alignment").context("none at home")
}

#[tokio::test]
async fn a_workload_is_carried_to_another_place_and_comes_home() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let workload = workload(&tenant).await?;
    let route = format!("/v1/instances/{}", workload["id"].as_str().unwrap_or_default());
    let window = Rhythm::of(&admin).await?.window(1, 1);
    let body = bid(&workload, &window, &[ELSEWHERE], "1");
    let preview = tenant.post("/v1/bids/preview", &body).await?.ok()?;
    ensure!(preview["warnings"].to_string().contains("carried whole"), "{preview}");
    let limits = json!({ "move_fee": "20", "max_swap": { "cpu_milli": 50 } });
    let strategy = format!("{route}/strategy");
    tenant.put_over("*", &strategy, &limits).await?.ok()?;
    let warned = tenant.post("/v1/bids/preview", &body).await?.ok()?["warnings"].to_string();
    ensure!(warned.contains("at most 50 cpu_milli") && warned.contains("The move fee"), "{warned}");
    tenant.put_over("*", &strategy, &json!({})).await?.ok()?;
    let id = place(&tenant, &body).await?.id()?;
    admin.advance(5).await?;
    let won = read(&tenant, &format!("{BIDS}/{id}")).await?;
    assert_eq!(won["status"], "filled", "{won}");
    let award = tenant.list("/v1/awards").await?.into_iter().find(|a| a["order"] == id).context("an award")?;
    let lines = award["lines"].as_array().context("lines")?;
    let of = |name: &str| lines.iter().find(|l| l["resource"] == name).map(|l| l["quantity"].clone());
    let baseline = |name: &str| workload["baseline"][name].as_i64().unwrap_or_default();
    assert_eq!(of("cpu_milli"), Some(json!(baseline("cpu_milli") + 100)), "{award}");
    assert_eq!(of("mem_mib"), Some(json!(baseline("mem_mib"))), "its baseline is bought, too: {award}");
    ensure!(lines.iter().all(|l| l["pool"] == ELSEWHERE) && award["resell"] == false, "{award}");
    assert_eq!(read(&tenant, &route).await?["away"]["home"], workload["node"], "its place is kept");
    // Its other bids wait until it is home, and a preview says so.
    let late = Rhythm::of(&admin).await?.late_window();
    let waits = tenant.post("/v1/bids/preview", &bid(&workload, &late, &[HOME], "0")).await?.ok()?;
    ensure!(waits["warnings"].to_string().contains("leaves it out (WORKLOAD_AWAY)"), "{waits}");
    ensure!(waits["fill_probability"].as_f64().is_none_or(|chance| chance == 0.0), "{waits}");
    // Until its window has begun, runs, and is over.
    let (mut there, mut seconds) = (0, 0);
    let home = loop {
        admin.advance(5).await?;
        seconds += 5;
        let now = read(&tenant, &route).await?;
        ensure!(now["pool"] == HOME, "its own pool stays what it is: {now}");
        there += usize::from(now["node"] == award["nodes"][0]);
        if now["away"].is_null() || seconds > 600 {
            break now;
        }
    };
    ensure!(there > 3, "it was there in {there} looks");
    ensure!(home["away"].is_null() && home["node"] == workload["node"], "{home}");
    let swaps = tenant.list("/v1/swap_history").await?;
    let moves = swaps.iter().filter(|s| s["instance"] == workload["id"] && s["pool_from"] != s["pool_to"]);
    let mut moves: Vec<_> =
        moves.map(|s| (s["created_at"].to_string(), s["pool_from"].clone(), s["state"].clone())).collect();
    moves.sort_by(|a, b| a.0.cmp(&b.0));
    let moves: Vec<_> = moves.into_iter().map(|(_, from, state)| (from, state)).collect();
    assert_eq!(moves, [(json!(HOME), json!("done")), (json!(ELSEWHERE), json!("done"))], "{swaps:?}");
    admin.advance(10).await?;
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == id).context("it is settled")?;
    let cpu =
        receipt["lines"].as_array().into_iter().flatten().find(|l| l["resource"] == "cpu_milli").context("CPU")?;
    let (awarded, delivered) = (cpu["awarded"].as_i64().unwrap_or(0), cpu["delivered"].as_i64().unwrap_or(0));
    // The cutover waits for the slot to begin.
    ensure!(delivered * 10 >= awarded * 7, "{delivered} of {awarded} were there: {receipt}");
    let launch = sim.server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

#[tokio::test]
async fn a_process_killed_while_a_workload_is_away_brings_it_home_all_the_same() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let workload = workload(&tenant).await?;
    let route = format!("/v1/instances/{}", workload["id"].as_str().unwrap_or_default());
    let window = Rhythm::of(&admin).await?.window(1, 1);
    place(&tenant, &bid(&workload, &window, &[ELSEWHERE], "1")).await?.id()?;
    let mut away = false;
    for _ in 0..40 {
        admin.advance(5).await?;
        let now = read(&tenant, &route).await?;
        away = now["node"] != workload["node"] && !now["away"].is_null() && now["swap"].is_null();
        if away {
            break;
        }
    }
    ensure!(away, "it was carried off");
    let server = sim.server.kill()?.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    for _ in 0..60 {
        admin.advance(5).await?;
        if read(&tenant, &route).await?["away"].is_null() {
            break;
        }
    }
    let home = read(&tenant, &route).await?;
    ensure!(home["away"].is_null() && home["node"] == workload["node"] && home["state"] == "running", "{home}");
    healthy(&server.stop().await?).await
}

/// What it has won at home keeps it there: a preview says so before the bid that would carry it away is placed.
#[tokio::test]
async fn a_preview_says_that_a_workload_is_needed_at_home() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let workload = workload(&tenant).await?;
    let mut stays = bid(&workload, &Rhythm::of(&admin).await?.late_window(), &[HOME], "0");
    (stays["resources"], stays["no_displacement"]) = (json!({ "cpu_milli": 10 }), json!(true));
    let free = tenant.post("/v1/bids/preview", &stays).await?.ok()?;
    ensure!(!free["warnings"].to_string().contains("leaves it out"), "{free}");
    let id = place(&tenant, &stays).await?.id()?;
    admin.advance(5).await?;
    let won = read(&tenant, &format!("{BIDS}/{id}")).await?;
    ensure!(won["status"] == "filled", "{won}");
    let window = Rhythm::of(&admin).await?.window(1, 1);
    let leaves = tenant.post("/v1/bids/preview", &bid(&workload, &window, &[ELSEWHERE], "1")).await?.ok()?;
    ensure!(leaves["warnings"].to_string().contains("leaves it out (NEEDED_AT_HOME)"), "{leaves}");
    ensure!(leaves["fill_probability"].as_f64().is_none_or(|chance| chance == 0.0), "{leaves}");
    // At home it may still win.
    let either = tenant.post("/v1/bids/preview", &bid(&workload, &window, &[HOME, ELSEWHERE], "1")).await?.ok()?;
    ensure!(!either["warnings"].to_string().contains("leaves it out"), "{either}");
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn bids_that_can_not_carry_their_workload_are_refused() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let workload = workload(&tenant).await?;
    let window = Rhythm::of(&admin).await?.window(1, 1);
    let refused = |reply: Reply, code: &str, pointer: &str| {
        assert_eq!((reply.status, reply.code().as_str()), (422, code), "{}", reply.text);
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    };
    let part = bid(&workload, &window, &[HOME, ELSEWHERE], "0.5");
    refused(place(&tenant, &part).await?, "away_not_whole", "/min_fill");
    let mut stays = bid(&workload, &window, &[ELSEWHERE], "1");
    stays["no_displacement"] = json!(true);
    refused(place(&tenant, &stays).await?, "away_without_move", "/no_displacement");
    healthy(&sim.server.stop().await?).await
}

/// What was bought elsewhere for one slot is given back before its workload is home, or ends it: a move is no way
/// to keep it.
#[tokio::test]
async fn memory_that_was_bought_elsewhere_is_not_taken_home() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let headers = [("content-type", "application/wasm")];
    let module = tenant.send("POST", "/v1/modules?name=keeper", &headers, Some(KEEPER.into())).await?.id()?;
    let new = json!({ "name": "keeper", "module": module, "pool": HOME, "baseline": { "cpu_milli": 200, "mem_mib": 64 },
        "limit": { "cpu_milli": 1000, "mem_mib": 512 }, "at_end": "stop", "strategy": lends_nothing() });
    let id = tenant.post_with_key("/v1/instances", &unique("key"), &new).await?.id()?;
    let route = format!("/v1/instances/{id}");
    admin.advance(20).await?;
    let mut body = bid(&json!({ "id": id }), &Rhythm::of(&admin).await?.window(1, 1), &[ELSEWHERE], "1");
    body["resources"] = json!({ "mem_mib": 200 });
    place(&tenant, &body).await?.id()?;
    let (mut was_away, mut now) = (false, Value::Null);
    for _ in 0..80 {
        admin.advance(5).await?;
        now = read(&tenant, &route).await?;
        was_away |= now["in_force"]["mem_mib"] == 264;
        if now["state"] != "running" {
            break;
        }
    }
    ensure!(was_away, "it had what it bought: {now}");
    ensure!(now["state"] == "stopped" && now["fault"].is_null(), "{now}");
    ensure!(now["away"].is_null(), "it is started again at home: {now}");
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn a_stop_while_away_is_paid_for() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let workload = workload(&tenant).await?;
    let route = format!("/v1/instances/{}", workload["id"].as_str().unwrap_or_default());
    let body = bid(&workload, &Rhythm::of(&admin).await?.window(1, 2), &[ELSEWHERE], "1");
    let id = place(&tenant, &body).await?.id()?;
    for _ in 0..40 {
        admin.advance(5).await?;
        let now = read(&tenant, &route).await?;
        if now["node"] != workload["node"] && now["swap"].is_null() {
            break;
        }
    }
    for step in ["stop", "restart"] {
        tenant.post_with_key(&format!("{route}/{step}"), &unique("key"), &json!({})).await?.ok()?;
    }
    let home = read(&tenant, &route).await?;
    ensure!(home["node"] == workload["node"] && home["state"] == "running" && home["away"].is_null(), "{home}");
    admin.advance(200).await?;
    let receipts = tenant.list("/v1/receipts").await?;
    let second = receipts.iter().filter(|r| r["order"] == id.as_str()).max_by_key(|r| r["slot"].to_string());
    let second = second.context("it is settled")?;
    assert_eq!(second["credit_note"], "0.000000", "a stop is no way out: {second}");
    healthy(&sim.server.stop().await?).await
}

/// A part of a workload runs nowhere: what would be refused is not advised, and is to whoever may take it.
#[tokio::test]
async fn who_would_be_carried_is_not_advised_to_take_a_part() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    small_pool(&admin, "narrow", &["narrow-a", "narrow-b"]).await?;
    let workload = workload(&tenant).await?;
    let window = Rhythm::of(&admin).await?.late_window();
    // With its baseline it is more than a node has.
    let mut carried = bid(&workload, &window, &["narrow"], "1");
    carried["resources"]["cpu_milli"] = json!(700);
    let plain = json!({ "window": window, "resources": { "cpu_milli": 1200 }, "pools": [{ "pool": "narrow" }],
        "limit": "20", "min_fill": "1" });
    for (body, is_advised) in [(&carried, false), (&plain, true)] {
        let id = place(&tenant, body).await?.id()?;
        admin.advance(6).await?;
        let said = read(&tenant, &format!("{BIDS}/{id}/explain")).await?;
        ensure!(said["reason"] == "NO_HOST", "{said}");
        let changes = said["changes"].as_array().context("changes")?;
        let is_partial = |c: &Value| c["change"].as_str().is_some_and(|text| text.starts_with("Accept a partial fill"));
        assert_eq!(changes.iter().any(is_partial), is_advised, "{said}");
    }
    healthy(&sim.server.stop().await?).await
}
