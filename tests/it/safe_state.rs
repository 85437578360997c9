//! While a pool is halted or the process is away workloads go on with what they have, on real programs.
use crate::common::{START, Sim, healthy};
use anyhow::Context;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, time, unique};
use serde_json::{Value, json};

const POOL: &str = "fra1-gp";
const POOL_PATH: &str = "/v1/pools/fra1-gp";

/// A workload of the tenant, and what it has won of the second slot that is open.
struct Won {
    instance: Value,
    slot: i64,
    award: Value,
}

async fn win(admin: &Api, tenant: &Api) -> anyhow::Result<Won> {
    let rhythm = Rhythm::of(admin).await?;
    let window = rhythm.window(1, 1);
    let mine = tenant.list("/v1/instances").await?;
    let instance = mine.into_iter().find(|i| i["pool"] == POOL).context("a workload")?;
    // Nothing is bid or lent by itself, so what it has is what is asked for here.
    let path = format!("/v1/instances/{}/strategy", instance["id"].as_str().unwrap_or_default());
    tenant.put_over("*", &path, &json!({})).await?.ok()?;
    let bid = json!({ "instance": instance["id"], "window": window, "resources": { "cpu_milli": 40 },
        "pools": [{ "pool": POOL }], "limit": "20", "no_displacement": true });
    let id = tenant.post_with_key("/v1/bids", &unique("key"), &bid).await?.id()?;
    admin.advance(5).await?;
    let award = award_of(tenant, |a| a["order"] == id).await?.context("it has won")?;
    let slot = time::seconds(window["start_at"].as_str().unwrap_or_default()).context("a slot")?;
    Ok(Won { instance, slot, award })
}

async fn award_of(api: &Api, of: impl Fn(&Value) -> bool) -> anyhow::Result<Option<Value>> {
    Ok(api.list("/v1/awards").await?.into_iter().find(of))
}

async fn to(admin: &Api, at: i64) -> anyhow::Result<()> {
    let now = time::seconds(admin.get("/v1/me").await?.ok()?["now"].as_str().unwrap_or_default()).context("now")?;
    admin.advance(at - now).await.map(|_| ())
}

async fn cpu_in_force(api: &Api, instance: &Value) -> anyhow::Result<i64> {
    let path = format!("/v1/instances/{}", instance["id"].as_str().unwrap_or_default());
    api.get(&path).await?.ok()?["in_force"]["cpu_milli"].as_i64().context("in force")
}

#[tokio::test]
async fn a_halt_leaves_workloads_what_they_have() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let Won { instance, slot, award } = win(&admin, &tenant).await?;
    let before = admin.get(POOL_PATH).await?.ok()?;
    assert_eq!(before["safe_state"]["without_rounds_since"], Value::Null, "{before}");
    to(&admin, slot + 5).await?;
    let had = cpu_in_force(&tenant, &instance).await?;
    assert_eq!(had, instance["baseline"]["cpu_milli"].as_i64().unwrap_or(0) + 40);
    admin.post(&format!("{POOL_PATH}/halt"), &json!({ "reason": "tests" })).await?.ok()?;
    // The next slot's gate had rounds before the halt; of the one after it nobody has held any.
    let again = json!({ "instance": instance["id"], "resources": { "cpu_milli": 40 }, "pools": [{ "pool": POOL }],
        "limit": "20", "window": { "start_at": time::rfc3339(slot + 60), "end_at": time::rfc3339(slot + 120) } });
    let refused = tenant.post_with_key("/v1/bids", &unique("key"), &again).await?;
    assert_eq!(refused.code(), "pool_halted", "{}", refused.text);
    to(&admin, slot + 65).await?;
    let pool = admin.get(POOL_PATH).await?.ok()?;
    let safe = &pool["safe_state"];
    assert_eq!(safe["slots_rolled"], 1, "{pool}");
    assert_eq!(safe["without_rounds_since"], time::rfc3339(slot + 60), "{pool}");
    assert_eq!(cpu_in_force(&tenant, &instance).await?, had);
    let rolled = award_of(&tenant, |a| a["rolled_from"] == award["id"]).await?.context("it goes on")?;
    let line = &rolled["lines"][0];
    assert_eq!((&rolled["round"], &line["quantity"]), (&json!(0), &json!(40)), "{rolled}");
    let points = admin.get(&format!("{POOL_PATH}/prices?resource=cpu_milli&interval=slot")).await?.ok()?;
    let points = points["data"].as_array().context("points")?;
    let point = points.iter().find(|p| p["slot"] == line["slot"]).context("a point")?;
    assert_eq!(point["administered_price"], line["price"], "{point}");
    assert!(point["rolled_volume"].as_i64() >= Some(40), "{point}");
    // It is settled, and its charge is on the statement without a round.
    to(&admin, slot + 130).await?;
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["award"] == rolled["id"]).context("a receipt")?;
    assert_eq!((&receipt["round"], &receipt["amount"]), (&json!(0), &rolled["money"]), "{receipt}");
    let statement = tenant.get("/v1/statements").await?.ok()?;
    let lines = statement["lines"].as_array().context("lines")?;
    let charge = lines.iter().find(|l| {
        l["kind"] == "charge" && l["round"].is_null() && l["slot"] == line["slot"] && l["order"] == award["order"]
    });
    let charge = charge.with_context(|| format!("{statement}"))?;
    assert!(charge["description"].as_str().is_some_and(|d| d.contains("without a round")), "{charge}");
    let paid = charge["amount"].as_str().and_then(|text| units(text, 6)).unwrap_or(0);
    assert_eq!(Some(paid.abs()), rolled["money"].as_str().and_then(|text| units(text, 6)), "{charge}");
    // Rounds again: what nobody asks for ends.
    admin.post(&format!("{POOL_PATH}/resume"), &json!({})).await?.ok()?;
    to(&admin, slot + 250).await?;
    let pool = admin.get(POOL_PATH).await?.ok()?;
    assert_eq!(pool["safe_state"]["without_rounds_since"], Value::Null, "{pool}");
    assert_eq!(cpu_in_force(&tenant, &instance).await?, had - 40);
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn who_lets_go_has_its_baseline_and_is_told_why() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let Won { instance, slot, .. } = win(&admin, &tenant).await?;
    to(&admin, slot + 5).await?;
    let had = cpu_in_force(&tenant, &instance).await?;
    admin.post(&format!("{POOL_PATH}/halt"), &json!({ "reason": "tests" })).await?.ok()?;
    let path = format!("/v1/instances/{}/strategy", instance["id"].as_str().unwrap_or_default());
    tenant.put_over("*", &path, &json!({ "lets_go_in_safe_state": true })).await?.ok()?;
    to(&admin, slot + 65).await?;
    assert_eq!(cpu_in_force(&tenant, &instance).await?, had - 40);
    let swaps = tenant.list("/v1/swaps").await?;
    let slot = time::rfc3339(slot + 60);
    let swap = swaps.iter().find(|s| s["instance"] == instance["id"] && s["slot"] == slot).context("a swap")?;
    let path = format!("/v1/swaps/{}/explain", swap["id"].as_str().unwrap_or_default());
    let why = tenant.get(&path).await?.ok()?;
    assert_eq!((&why["because"][0]["kind"], &why["because"][0]["left_out"]), (&json!("not_rolled"), &json!("LETS_GO")));
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("its owner has said that it lets go")), "{why}");
    healthy(&sim.server.stop().await?).await
}

/// The process is away for three slots: the slot in which it is back begins with what was there.
#[tokio::test]
async fn after_a_standstill_workloads_have_what_they_had() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let Won { instance, slot, award } = win(&admin, &tenant).await?;
    to(&admin, slot + 5).await?;
    let had = cpu_in_force(&tenant, &instance).await?;
    let mut launch = sim.server.kill()?;
    healthy(&launch).await?;
    let clock = launch.arguments.iter().position(|a| a == "--sim-clock").context("a simulated clock")?;
    assert!(time::seconds(START) < Some(slot));
    launch.arguments[clock + 1] = time::rfc3339(slot + 190);
    let server = launch.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    admin.advance(15).await?;
    let rolled = award_of(&tenant, |a| a["rolled_from"] == award["id"]).await?.context("it goes on")?;
    assert_eq!(rolled["lines"][0]["slot"], time::rfc3339(slot + 180), "{rolled}");
    assert_eq!(cpu_in_force(&tenant, &instance).await?, had);
    let pool = admin.get(POOL_PATH).await?.ok()?;
    assert_eq!(pool["safe_state"]["last_rolled"], time::rfc3339(slot + 180), "{pool}");
    to(&admin, slot + 310).await?;
    assert_eq!(cpu_in_force(&tenant, &instance).await?, had - 40, "rounds are held again");
    healthy(&server.stop().await?).await
}
