//! Operator supply priced by the chance of a shortage.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::{Api, money};
use serde_json::{Value, json};

const POOL: &str = "/v1/pools/fra1-gp";
const COST: &str = "/v1/pools/fra1-gp/shortage_cost";
/// Errors at every horizon need 24 slots and 6 more, of a minute each in the demo; then some rounds.
const UNTIL_KNOWN_SECONDS: i64 = 33 * 60;

async fn cpu(admin: &Api) -> anyhow::Result<Value> {
    let pool = admin.get(POOL).await?.ok()?;
    let found = pool["resources"].as_array().into_iter().flatten().find(|r| r["resource"] == "cpu_milli").cloned();
    found.context("the pool has CPU")
}

fn nano(value: &Value) -> anyhow::Result<i128> {
    value.as_str().and_then(|text| money::units(text, 9)).with_context(|| format!("a price: {value}"))
}

#[tokio::test]
async fn supply_costs_more_the_likelier_a_shortage_is() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    for (cost, code, pointer) in [
        (json!({ "gpu_milli": "0.1" }), "resource_not_in_pool", "/shortage_cost/gpu_milli"),
        (json!({ "cpu_milli": "0" }), "price_out_of_range", "/shortage_cost/cpu_milli"),
        (json!({ "cpu_milli": "1.5" }), "price_out_of_range", "/shortage_cost/cpu_milli"),
    ] {
        let reply = admin.put_over("*", COST, &json!({ "shortage_cost": cost })).await?;
        ensure!((reply.status, reply.code().as_str()) == (422, code), "{}", reply.text);
        ensure!(reply.pointers() == [pointer], "{}", reply.text);
    }
    let cost = json!({ "shortage_cost": { "cpu_milli": "0.004" } });
    for role in ["bidder", "tenant", "finance", "operator"] {
        ensure!(sim.api(role)?.put_over("*", COST, &cost).await?.status == 403, "{role} sets no prices");
    }
    ensure!(cpu(&admin).await?["scarcity"].is_null(), "off until somebody says otherwise");

    admin.put_over("*", COST, &cost).await?.ok()?;
    let unknown = &cpu(&admin).await?["scarcity"];
    ensure!(unknown["steps"] == json!([]) && unknown["recorded_at"].is_null(), "{unknown}");
    // A request has a time limit; a busy machine takes a second for a slot or two.
    for _ in 0..UNTIL_KNOWN_SECONDS / 180 {
        admin.advance(180).await?;
    }

    let known = cpu(&admin).await?;
    let scarcity = &known["scarcity"];
    ensure!(scarcity["recorded_at"].is_string() && scarcity["shortage_cost"] == json!("0.004000000"), "{known}");
    let steps = scarcity["steps"].as_array().context("steps")?;
    ensure!(steps.len() > 1, "{known}");
    let mut before: Option<(i128, f64, i64)> = None;
    for step in steps {
        let (price, reserve) = (nano(&step["price"])?, nano(&step["reserve"])?);
        let (chance, remaining) =
            (step["chance"].as_f64().context("chance")?, step["remaining"].as_i64().context("left")?);
        let millionths = (chance * 1e6).round() as i128;
        // Reserve + cost × chance, rounded up to a micro-credit.
        ensure!(
            price == (reserve * 1_000_000 + 4_000_000 * millionths + 999_999_999) / 1_000_000_000 * 1_000,
            "{step}"
        );
        if let Some((cheaper, rarer, more)) = before {
            ensure!(
                cheaper <= price && rarer <= chance && more == remaining + step["quantity"].as_i64().unwrap_or(0),
                "{steps:?}"
            );
        }
        before = Some((price, chance, remaining));
    }
    let listed: i64 = steps.iter().filter_map(|s| s["quantity"].as_i64()).sum();
    let free = known["free"].as_i64().context("free")?;
    ensure!(listed > 0 && listed <= free, "{listed} of {free}");

    // The rounds' books have these prices, and nobody bought supply for less.
    let rounds = admin.get("/v1/rounds?limit=20").await?.ok()?;
    let prices =
        rounds["data"].as_array().into_iter().flatten().flat_map(|r| r["prices"].as_array().into_iter().flatten());
    let cpu_of = |pool: &'static str| {
        move |p: &&Value| p["pool"] == pool && p["resource"] == "cpu_milli" && p["reserve"].is_string()
    };
    let plain = nano(&known["reserve"])?;
    let reserves: Vec<i128> =
        prices.filter(cpu_of("fra1-gp")).map(|p| nano(&p["reserve"])).collect::<Result<_, _>>()?;
    ensure!(!reserves.is_empty() && reserves.iter().all(|r| *r > plain), "{plain}: {reserves:?}");

    let simulate = json!({ "resource": "cpu_milli", "price": "0.001" });
    let refused = admin.post("/v1/pools/fra1-gp/reserve_prices/simulate", &simulate).await?;
    ensure!((refused.status, refused.code().as_str()) == (409, "scarcity_is_priced"), "{}", refused.text);
    admin.put_over("*", COST, &json!({ "shortage_cost": {} })).await?.ok()?;
    ensure!(cpu(&admin).await?["scarcity"].is_null(), "switched off");
    admin.advance(60).await?;

    // Chances are in the journal: the same rounds follow from it, and give the same outcomes.
    let Sim { server, folder: _folder } = sim;
    let launch = server.stop().await?;
    healthy(&launch).await?;
    let replayed = launch.run("replay").await?;
    ensure!(replayed.code == Some(0), "{}{}", replayed.stdout, replayed.stderr);
    Ok(())
}
