//! A preview knows more than prices: what the last round would have had for the order.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

fn part(preview: &Value) -> Option<f64> {
    preview["in_last_round"]["part"].as_str()?.parse().ok()
}

#[tokio::test]
async fn what_the_last_round_would_have_given() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    admin.advance(200).await?;
    let window = Rhythm::of(&admin).await?.late_window();
    let instances = tenant.get("/v1/instances").await?.ok()?;
    let instance = instances["data"].as_array().and_then(|i| i.first()).context("an instance")?;
    let order = |quantity: i64, limit: &str| {
        json!({ "instance": instance["id"], "window": window, "resources": { "cpu_milli": quantity },
            "pools": [{ "pool": instance["pool"] }], "limit": limit })
    };
    let bid = tenant.post("/v1/bids/preview", &order(100, "9")).await?.ok()?;
    ensure!(part(&bid) == Some(1.0) && bid["in_last_round"]["reason"].is_null(), "{bid}");
    let cost = bid["in_last_round"]["whole"].as_str().and_then(|t| units(t, 6)).context("a cost")?;
    ensure!(cost > 0 && bid["in_last_round"]["money"] == bid["in_last_round"]["whole"], "{bid}");
    ensure!(!bid["warnings"].to_string().contains("In round"), "{bid}");
    ensure!(!bid["warnings"].to_string().contains("names no workload"), "{bid}");
    // A limit under what all of it costs: told what that is.
    let low = tenant.post("/v1/bids/preview", &order(100, "0.000001")).await?.ok()?;
    ensure!(part(&low) == Some(0.0) && low["in_last_round"]["whole"] == bid["in_last_round"]["whole"], "{low}");
    ensure!(low["warnings"].to_string().contains("would have won nothing. All of it would have cost"), "{low}");
    // More than the pool has costs no price at all.
    let most = tenant
        .post(
            "/v1/bids/preview",
            &json!({ "window": window, "resources": { "cpu_milli": 500_000 },
        "pools": [{ "pool": instance["pool"] }], "limit": "1000" }),
        )
        .await?
        .ok()?;
    ensure!(most["warnings"].to_string().contains("names no workload"), "{most}");
    ensure!(most["in_last_round"].is_null() || most["in_last_round"]["whole"].is_null(), "{most}");
    // Nor do prices give a better chance of what no node had than the part that there was.
    let mut large = order(8_000, "1000");
    large["instance"] = Value::Null;
    large["pools"] = json!([{ "pool": "fra1-gp" }]);
    let large = tenant.post("/v1/bids/preview", &large).await?.ok()?;
    let there = part(&large).context("a part of it")?;
    ensure!(large["in_last_round"]["whole"].is_null() && there > 0.0 && there < 1.0, "{large}");
    ensure!(large["fill_probability"].as_f64().is_some_and(|chance| chance <= there), "{large}");
    // Nobody pays so much for what the operator sells cheaper.
    let offer = tenant.post("/v1/offers/preview", &order(100, "5")).await?.ok()?;
    ensure!(part(&offer) == Some(0.0), "{offer}");
    ensure!(offer["fill_probability"].as_f64().is_none_or(|chance| chance == 0.0), "{offer}");
    ensure!(offer["warnings"].to_string().contains("nobody would have bought any"), "{offer}");
    // Nor does anybody buy from itself.
    let own = order(100, "0.001");
    tenant.post_with_key("/v1/bids", "own", &own).await?.ok()?;
    admin.advance(6).await?;
    let offer = tenant.post("/v1/offers/preview", &order(100, "0.000001")).await?.ok()?;
    ensure!(offer["in_last_round"]["reason"] == "SELF_TRADE", "{offer}");
    ensure!(offer["warnings"].to_string().contains("you bid for this yourself"), "{offer}");
    Ok(())
}
