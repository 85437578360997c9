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
    let offer = tenant.post("/v1/offers/preview", &order(100, "0.000001")).await?;
    ensure!((offer.status, offer.code().as_str()) == (409, "self_trade"), "{}", offer.text);
    Ok(())
}

/// The most that anything may cost is nobody's price: where nothing was traded and the operator asks nothing, none is named.
#[tokio::test]
async fn where_nothing_has_a_price_none_is_made_up() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let pool = json!({ "slug": "tests-xp", "name": "New", "pop": "fra1", "tier": "general_purpose", "resources": ["cpu_milli", "mem_mib"] });
    admin.post("/v1/pools", &pool).await?.ok()?;
    let node =
        json!({ "name": "tests-xp-a", "pool": "tests-xp", "capacity": { "cpu_milli": 8_000, "mem_mib": 16_384 } });
    admin.post("/v1/nodes", &node).await?.ok()?;
    let window = Rhythm::of(&admin).await?.late_window();
    let order = json!({ "window": window, "resources": { "cpu_milli": 1_000 }, "pools": [{ "pool": "tests-xp" }], "limit": "100" });
    let seen = tenant.post("/v1/bids/preview", &order).await?.ok()?;
    for amount in ["expected", "expected_low", "expected_high", "last_cost", "fill_probability"] {
        ensure!(seen[amount].is_null(), "{amount}: {seen}");
    }
    ensure!(seen["basis"] == "no_prices" && seen["chances"] == json!([]), "{seen}");
    ensure!(seen["warnings"].to_string().contains("Name a limit of your own"), "{seen}");
    // What the operator asks is a price.
    for (resource, price) in [("cpu_milli", "0.001"), ("mem_mib", "0.0005")] {
        let path = "/v1/pools/tests-xp/reserve_prices";
        let etag = admin.get(path).await?.header("etag").to_owned();
        let reserve = json!({ "resource": resource, "price": price, "effective_at": window["start_at"] });
        let (key, body) = (("idempotency-key", resource), serde_json::to_vec(&reserve)?);
        let headers = [("content-type", "application/json"), ("if-match", etag.as_str()), key];
        ensure!(admin.send("POST", path, &headers, Some(body)).await?.status == 201, "{resource}");
    }
    let seen = tenant.post("/v1/bids/preview", &order).await?.ok()?;
    ensure!(seen["last_cost"] == "1.000000" && seen["expected"] == "1.000000", "{seen}");
    ensure!(seen["basis"] == "last_prices" && seen["in_last_round"].is_null(), "no round had any of it: {seen}");

    // Of a bundle one part of which nobody had asked for in the last round, that round is asked all the same.
    tenant.post_with_key("/v1/bids", "cpu", &order).await?.ok()?;
    admin.advance(6).await?;
    let bundle = json!({ "cpu_milli": 1_000, "mem_mib": 2_048 });
    for (limit, won) in [("100", Some(1.0)), ("2", Some(0.0))] {
        let mut both = order.clone();
        (both["resources"], both["limit"]) = (bundle.clone(), json!(limit));
        let seen = tenant.post("/v1/bids/preview", &both).await?.ok()?;
        ensure!(part(&seen) == won, "{limit}: {seen}");
    }
    Ok(())
}

/// A reserve price that comes into force has made no price yet: what the operator sold counts at what it asks now.
#[tokio::test]
async fn a_new_reserve_price_counts_before_it_has_made_a_price() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    admin.advance(200).await?;
    admin.advance(200).await?;
    let rhythm = Rhythm::of(&admin).await?;
    let (before, after) = (rhythm.window(rhythm.horizon_slots - 4, 1), rhythm.late_window());
    let preview = async |window: &Value, limit: &str| {
        let order = json!({ "window": window, "resources": { "cpu_milli": 100 }, "pools": [{ "pool": "fra1-gp" }], "limit": limit });
        tenant.post("/v1/bids/preview", &order).await?.ok()
    };
    let amount = |text: &Value| text.as_str().and_then(|t| units(t, 6)).with_context(|| text.to_string());
    let seen = preview(&after, "9").await?;
    ensure!(seen["basis"] == "recent_slots" && seen["basis_slots"].as_i64() > Some(3), "{seen}");
    let enough = seen["chances"][3]["limit"].as_str().context("a limit")?.to_owned();
    ensure!(preview(&after, &enough).await?["fill_probability"] == json!(1.0), "{seen}");

    let path = "/v1/pools/fra1-gp/reserve_prices";
    let list = admin.get(path).await?;
    let etag = list.header("etag").to_owned();
    let list = list.ok()?;
    let of_cpu = list["data"].as_array().and_then(|rows| rows.iter().find(|r| r["resource"] == "cpu_milli"));
    let now = of_cpu.and_then(|r| r["steps"][0]["price"].as_str()).and_then(|t| units(t, 9)).context("a price")?;
    let price = format!("0.{:09}", now * 10);
    let reserve = json!({ "resource": "cpu_milli", "price": price, "effective_at": after["start_at"] });
    let headers = [("content-type", "application/json"), ("if-match", etag.as_str()), ("idempotency-key", "dear")];
    let made = admin.send("POST", path, &headers, Some(serde_json::to_vec(&reserve)?)).await?;
    ensure!(made.status == 201, "{price}: {}", made.status);

    let dear = preview(&after, &enough).await?;
    ensure!(dear["fill_probability"].as_f64().is_some_and(|chance| chance < 0.5), "{dear}");
    ensure!(amount(&dear["expected"])? > 5 * amount(&seen["expected"])?, "{dear}");
    let limit = dear["chances"][3]["limit"].as_str().context("a limit")?;
    ensure!(preview(&after, limit).await?["fill_probability"] == json!(1.0), "{dear}");
    let as_before = preview(&before, &enough).await?;
    ensure!(as_before["fill_probability"] == json!(1.0), "its slot begins before that: {as_before}");
    Ok(())
}
