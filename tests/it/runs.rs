//! Bids that take a run of their window, and bids that move nobody, over the API.
use crate::common::{Sim, balance, healthy};
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Reply, unique};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BIDS: &str = "/v1/bids";
const POOL: &str = "fra1-gp";

fn amount(object: &Value, field: &str) -> i128 {
    object[field].as_str().and_then(|text| units(text, 6)).unwrap_or_else(|| panic!("{field} in {object}"))
}

fn text(micro: i128) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

/// 600 milli in these slots, all or none, or in a run of them.
fn bid(window: &Value, limit: i128, min_run_slots: u32) -> Value {
    json!({ "window": window, "resources": { "cpu_milli": 600 }, "pools": [{ "pool": POOL }], "limit": text(limit),
        "min_fill": "1", "min_run_slots": min_run_slots })
}

async fn place(api: &Api, bid: &Value) -> anyhow::Result<String> {
    api.post_with_key(BIDS, &unique("key"), bid).await?.id()
}

async fn read(api: &Api, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("{BIDS}/{id}")).await?.ok()
}

/// The slots of what a bid has won.
async fn slots_won(api: &Api, id: &str) -> anyhow::Result<BTreeSet<String>> {
    let awards = api.list("/v1/awards").await?;
    let lines = awards.iter().filter(|a| a["order"] == id).flat_map(|a| a["lines"].as_array().into_iter().flatten());
    Ok(lines.filter_map(|l| l["slot"].as_str().map(str::to_owned)).collect())
}

#[tokio::test]
async fn a_run_is_won_beside_a_slot_that_is_too_dear() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api, rival) = (sim.api("admin")?, sim.trader("100").await?, sim.trader("100000").await?);
    let rhythm = Rhythm::of(&admin).await?;
    let (window, first) = (rhythm.window(1, 3), rhythm.window(1, 1));
    let cost = amount(&api.post("/v1/bids/preview", &bid(&first, 20_000_000, 0)).await?.ok()?, "last_cost");
    // Somebody wants more of the first slot than there is, for far more than it costs.
    let replicas = 400;
    let all = cost * 10 / 6 * replicas * 5 / 2;
    let mut crowd = bid(&first, all, 0);
    // In parts so small that none of what they leave is of use to anybody.
    crowd["resources"] = json!({ "cpu_milli": 100 });
    (crowd["replicas"], crowd["min_fill"]) = (json!(10 * replicas), json!("0"));
    place(&rival, &crowd).await?;
    // The crowd pays two and a half times the cost: with it the whole window would cost four and a half times.
    let limit = cost * 4;
    let preview = api.post("/v1/bids/preview", &bid(&window, limit, 2)).await?.ok()?;
    assert_eq!((amount(&preview, "hold"), &preview["slots"]), (limit, &json!(3)), "{preview}");
    let whole = place(&api, &bid(&window, limit, 0)).await?;
    let run = place(&api, &bid(&window, limit, 2)).await?;
    assert_eq!(read(&api, &run).await?["min_run_slots"], 2);
    admin.advance(5).await?;
    let won = read(&api, &run).await?;
    assert_eq!(won["status"], "filled", "{won}");
    let slots = slots_won(&api, &run).await?;
    assert_eq!(slots.len(), 2, "{slots:?}");
    assert!(!slots.contains(first["start_at"].as_str().unwrap_or_default()), "{slots:?}");
    assert!(amount(&won, "awarded") <= limit * 2 / 3, "{won}");
    assert_eq!(read(&api, &whole).await?["status"], "open", "as a whole it is too dear");
    assert_eq!(balance(&api).await?.1, limit, "only of the one that is open");
    // The same at a limit that is enough for no run: what it tells would have been.
    let cheap = place(&api, &bid(&window, cost * 2, 2)).await?;
    admin.advance(5).await?;
    let why: Value = api.get(&format!("{BIDS}/{cheap}/explain")).await?.ok()?;
    assert_eq!(why["slots"], 2, "{why}");
    let winning = amount(&why["minimum_winning_limit"], "value");
    assert_eq!(why["minimum_winning_limit"]["quality"], "exact", "{why}");
    // Where what just pays for it is not enough, two thirds of a micro-credit more are.
    assert!((cost * 3..=cost * 3 + 2).contains(&winning), "two thirds of it are what two slots cost: {why}");
    // And it is exact: a micro-credit less does not win.
    let less = api.patch(&format!("{BIDS}/{cheap}"), &bid(&window, winning - 1, 2)).await?.id()?;
    admin.advance(5).await?;
    assert_eq!(read(&api, &less).await?["status"], "open", "{why}");
    let raised = api.patch(&format!("{BIDS}/{less}"), &bid(&window, winning, 2)).await?.id()?;
    admin.advance(5).await?;
    assert_eq!(read(&api, &raised).await?["status"], "filled", "{why}");
    let launch = sim.server.kill()?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

#[tokio::test]
async fn a_bid_that_forbids_the_move_wins_in_place_or_says_so() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let window = Rhythm::of(&admin).await?.late_window();
    let workload = tenant.list("/v1/instances").await?.into_iter().find(|i| i["pool"] == POOL).unwrap_or_default();
    let node = workload["node"].clone();
    let mut stays = bid(&window, 20_000_000, 0);
    stays["resources"] = json!({ "cpu_milli": 10 });
    (stays["instance"], stays["no_displacement"]) = (workload["id"].clone(), json!(true));
    let id = place(&tenant, &stays).await?;
    assert_eq!(read(&tenant, &id).await?["no_displacement"], true);
    admin.advance(5).await?;
    assert_eq!(read(&tenant, &id).await?["status"], "filled");
    let award = tenant.list("/v1/awards").await?.into_iter().find(|a| a["order"] == id).unwrap_or_default();
    assert_eq!((&award["nodes"], &award["no_displacement"]), (&json!([node]), &json!(true)), "{award}");
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn runs_and_stays_that_can_not_be_are_refused() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let refused = |reply: Reply, code: &str, pointer: &str| {
        assert_eq!((reply.status, reply.code().as_str()), (422, code), "{}", reply.text);
        assert!(reply.is_problem(), "{}", reply.text);
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    };
    let window = Rhythm::of(&admin).await?.window(1, 3);
    let workload = tenant.list("/v1/instances").await?.into_iter().find(|i| i["pool"] == POOL).unwrap_or_default();
    let with = |changes: &[(&str, Value)]| {
        let mut bid = bid(&window, 1_000_000, 0);
        changes.iter().for_each(|(field, value)| bid[*field] = value.clone());
        bid
    };
    let post = async |route: &str, body: Value| tenant.post_with_key(route, &unique("key"), &body).await;
    let run = "/min_run_slots";
    refused(post(BIDS, with(&[("min_run_slots", json!(4))])).await?, "min_run_longer_than_window", run);
    let later = with(&[("min_run_slots", json!(2)), ("latest_start_at", window["start_at"].clone())]);
    refused(post(BIDS, later).await?, "min_run_with_latest_start", run);
    let one_slot = Rhythm::of(&admin).await?.window(1, 1);
    let lends = [("instance", workload["id"].clone()), ("min_fill", json!("0")), ("window", one_slot)];
    let offer = with(&[&lends[..], &[("min_run_slots", json!(2))]].concat());
    refused(post("/v1/offers", offer).await?, "min_run_of_offer", run);
    let nobody = with(&[("no_displacement", json!(true))]);
    refused(post(BIDS, nobody).await?, "no_displacement_needs_instance", "/no_displacement");
    let offer = with(&[&lends[..], &[("no_displacement", json!(true))]].concat());
    refused(post("/v1/offers", offer).await?, "no_displacement_of_offer", "/no_displacement");
    for (field, value) in [("min_run_slots", json!(-1)), ("min_run_slots", json!("2")), ("no_displacement", json!(1))] {
        let reply = post(BIDS, with(&[(field, value)])).await?;
        assert_eq!((reply.status, reply.pointers()), (422, vec![format!("/{field}")]), "{}", reply.text);
    }
    healthy(&sim.server.stop().await?).await
}
