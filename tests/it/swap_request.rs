//! The concept's swap request against the real program: what it recommends, what applying it places,
//! what it refuses, and that nobody else's data is in the answer.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::micro;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn own(api: &Api) -> anyhow::Result<Vec<Value>> {
    api.list("/v1/instances").await
}

async fn ask(api: &Api, body: Value) -> anyhow::Result<Value> {
    let reply = api.post("/v1/swap_request", &body).await?;
    ensure!(reply.status == 202, "{}: {}", reply.status, reply.text);
    Ok(reply.json())
}

/// What must hold of every recommendation.
fn consistent(advice: &Value, home: &str) -> anyhow::Result<()> {
    let pools = advice["pools"].as_array().context("pools")?;
    ensure!(pools.iter().any(|p| p["pool"] == home), "home is missing: {advice}");
    ensure!(pools.iter().filter(|p| p["selected"] == true).count() <= 1, "{advice}");
    let mut last = i128::MIN;
    for pool in pools {
        if pool["total"].is_null() {
            ensure!(pool["can_be_carried_out"] == false && pool["reason"].is_string(), "{pool}");
            continue;
        }
        let sum = micro(&pool["need_price"]) + micro(&pool["migration"]["cost"]) + micro(&pool["distance_cost"]);
        ensure!(micro(&pool["total"]) == sum && sum >= last, "the ranking of {advice}");
        last = sum;
        let elsewhere = pool["pool"] != home;
        ensure!(elsewhere == (pool["reason"] == "carried_whole"), "{pool}");
        ensure!(elsewhere != (pool["can_be_carried_out"] == true), "{pool}");
    }
    ensure!(micro(&advice["sla_violation"]["after"]) <= micro(&advice["sla_violation"]["before"]), "{advice}");
    let (orders, steps) =
        (advice["orders"].as_array().context("orders")?, advice["steps"].as_array().context("steps")?);
    ensure!(orders.len() == steps.len(), "{advice}");
    let mut cost = 0;
    for (order, step) in orders.iter().zip(steps) {
        ensure!(order["resources"] == step["resources"] && order["window"]["start_at"] == step["slot"], "{advice}");
        cost += micro(&step["expected_cost"]);
    }
    ensure!(cost == micro(&advice["expected_cost"]), "{advice}");
    ensure!((advice["recommendation"] == "keep") == orders.is_empty(), "{advice}");
    for quantity in advice["quantities"].as_array().context("quantities")? {
        let number = |name: &str| quantity[name].as_i64().unwrap_or(0);
        let short = number("recommended") < number("demand");
        ensure!(short == quantity["limited_by"].is_string(), "{quantity}");
    }
    Ok(())
}

#[tokio::test]
async fn recommendations_add_up_and_say_nothing_of_others() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    admin.advance(240).await?;
    let all = own(&admin).await?;
    let secret =
        |i: &Value| [&i["id"], &i["participant"], &i["name"]].map(|v| v.as_str().unwrap_or_default().to_owned());
    let (mut heard, mut shaped) = (BTreeSet::new(), 0);
    for role in ["tenant", "bidder"] {
        let api = sim.api(role)?;
        for instance in own(&api).await? {
            let id = &instance["id"];
            for body in [
                json!({ "instance_id": id }),
                json!({ "instance_id": id, "desired_performance_improvement": 30 }),
                json!({ "instance_id": id, "cost_reduction_target": 20, "constraints": { "keep_pool": true } }),
            ] {
                let advice = ask(&api, body.clone()).await?;
                consistent(&advice, instance["pool"].as_str().unwrap_or_default())?;
                heard.insert(advice["recommendation"].to_string());
                shaped += advice["shaping"].as_array().map_or(0, Vec::len);
                let text = advice.to_string();
                for other in all.iter().filter(|i| i["id"] != *id) {
                    let [other_id, participant, name] = secret(other);
                    ensure!(!text.contains(&other_id) && !text.contains(&format!("\"{name}\"")), "{name} in {text}");
                    ensure!(!text.contains(&participant), "a participant in {text}");
                }
                if !body["constraints"].is_null() {
                    let pools = advice["pools"].as_array().context("pools")?;
                    ensure!(pools.iter().all(|p| p["pool"] == instance["pool"] || p["total"].is_null()), "{advice}");
                }
            }
        }
    }
    assert!(heard.contains("\"grow\"") && heard.len() > 1, "{heard:?}");
    assert!(shaped > 0, "no limits would ever change");
    Ok(())
}

#[tokio::test]
async fn applying_places_the_orders_once_and_within_the_budget() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.api("tenant")?);
    admin.advance(240).await?;
    let mut placed_in_all = 0;
    for instance in own(&api).await? {
        let body = json!({ "instance_id": instance["id"], "desired_performance_improvement": 40,
            "constraints": { "max_cost": "0.500000" } });
        let mut apply = body.clone();
        apply["mode"] = json!("apply");
        let asked = ask(&api, body).await?;
        let bids = |advice: &Value| -> anyhow::Result<i128> {
            let steps = advice["steps"].as_array().context("steps")?.iter();
            let orders = advice["orders"].as_array().context("orders")?.iter();
            Ok(steps.zip(orders).filter(|(s, _)| s["side"] == "bid").map(|(_, order)| micro(&order["limit"])).sum())
        };
        ensure!(bids(&asked)? <= 500_000, "{asked}");
        ensure!(asked["placed"] == json!([]), "asking places nothing: {asked}");
        let key = format!("apply {}", instance["id"]);
        let keyless = api.post("/v1/swap_request", &apply).await?;
        ensure!(keyless.code() == "idempotency_key_required", "{}", keyless.text);
        let reply = api.post_with_key("/v1/swap_request", &key, &apply).await?;
        ensure!(reply.status == 202, "{}", reply.text);
        let applied = reply.json();
        ensure!(applied["orders"] == asked["orders"], "{asked} and then {applied}");
        let placed = applied["placed"].as_array().context("placed")?;
        ensure!(placed.len() == applied["orders"].as_array().map_or(0, Vec::len), "{applied}");
        let replayed = api.post_with_key("/v1/swap_request", &key, &apply).await?;
        ensure!(replayed.json() == applied, "{applied} and then {}", replayed.text);
        for (id, step) in placed.iter().zip(applied["steps"].as_array().into_iter().flatten()) {
            let route = if step["side"] == "bid" { "bids" } else { "offers" };
            let order = api.get(&format!("/v1/{route}/{}", id.as_str().unwrap_or_default())).await?.ok()?;
            ensure!(order["resources"] == step["resources"] && order["instance"] == instance["id"], "{order}");
        }
        placed_in_all += placed.len();
        if !placed.is_empty() {
            let again = api.post_with_key("/v1/swap_request", &format!("{key} again"), &apply).await?.json();
            ensure!(again["recommendation"] == "keep" && again["placed"] == json!([]), "twice: {again}");
        }
    }
    assert!(placed_in_all > 0, "nothing was placed");
    Ok(())
}

/// Equal requests at once, each with a key of its own: only one of them may place its orders.
#[tokio::test]
async fn requests_at_once_stay_within_the_budget_of_one() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.api("tenant")?);
    admin.advance(240).await?;
    let (mut applied, mut outdated) = (0, 0);
    for instance in own(&api).await? {
        let body = json!({ "instance_id": instance["id"], "desired_performance_improvement": 40, "mode": "apply",
            "constraints": { "max_cost": "0.500000" } });
        let post = |n: usize| {
            let (api, body, key) = (&api, &body, format!("{}{n}", instance["id"]));
            async move { api.post_with_key("/v1/swap_request", &key, body).await }
        };
        let (a, b, c, d) = tokio::join!(post(0), post(1), post(2), post(3));
        let mut bids = 0;
        for reply in [a?, b?, c?, d?] {
            if reply.status != 202 {
                ensure!((reply.status, reply.code().as_str()) == (409, "recommendation_outdated"), "{}", reply.text);
                outdated += 1;
                continue;
            }
            let answer = reply.json();
            let placed = answer["placed"].as_array().context("placed")?.iter().filter_map(Value::as_str);
            for id in placed.filter(|id| id.starts_with("bid_")) {
                bids += micro(&api.get(&format!("/v1/bids/{id}")).await?.ok()?["limit"]);
                applied += 1;
            }
        }
        ensure!(bids <= 500_000, "{bids} for {}", instance["id"]);
    }
    assert!(applied > 0, "nothing was placed ({outdated} outdated)");
    Ok(())
}

#[tokio::test]
async fn wrong_requests_are_refused_by_field() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, admin) = (sim.api("tenant")?, sim.api("admin")?);
    let mine = own(&api).await?;
    let ids: BTreeSet<String> = mine.iter().map(|i| i["id"].to_string()).collect();
    let foreign = own(&admin).await?.into_iter().find(|i| !ids.contains(&i["id"].to_string())).context("no other")?;
    for path in ["/v1/swap_request", "/swap_request"] {
        let reply = api.post(path, &json!({ "instance_id": foreign["id"] })).await?;
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "{}", reply.text);
    }
    let id = &mine[0]["id"];
    for (constraints, code, pointer) in [
        (json!({ "max_cost": "-0.000001" }), "max_cost_negative", "/constraints/max_cost"),
        (json!({ "max_cost": 7 }), "wrong_type", "/constraints/max_cost"),
        (json!({ "latest": "2026-11-20T09:59:00Z" }), "latest_too_early", "/constraints/latest"),
        (json!({ "keep_pool": "yes" }), "wrong_type", "/constraints/keep_pool"),
        (json!({ "cheap": true }), "unknown_field", "/constraints/cheap"),
        (json!([]), "wrong_type", "/constraints"),
    ] {
        let reply = api.post("/v1/swap_request", &json!({ "instance_id": id, "constraints": constraints })).await?;
        assert_eq!((reply.status, reply.code().as_str()), (422, code), "{}", reply.text);
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    }
    let early = ask(&api, json!({ "instance_id": id })).await?;
    assert_eq!((&early["recommendation"], &early["quantities"]), (&json!("keep"), &json!([])), "{early}");
    assert!(early["reason"].as_str().is_some_and(|r| r.contains("no forecast yet")), "{early}");
    Ok(())
}

#[tokio::test]
async fn bottlenecks_are_sorted_by_their_chance() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.api("tenant")?;
    sim.api("admin")?.advance(240).await?;
    let list = api.get("/v1/bottlenecks?least_percent=0").await?.ok()?;
    let all = list["data"].as_array().context("data")?;
    assert_eq!((&list["object"], &list["has_more"]), (&json!("list"), &json!(false)));
    let pools: BTreeSet<String> = all.iter().map(|b| b["pool"].to_string()).collect();
    assert_eq!(pools.len(), 3, "{list}");
    let chances: Vec<f64> = all.iter().filter_map(|b| b["probability"].as_f64()).collect();
    assert!(chances.len() == all.len() && chances.is_sorted_by(|a, b| a >= b), "{list}");
    let one = api.get("/v1/bottlenecks?pool=fra1-gp&resource=cpu_milli&least_percent=0").await?.ok()?;
    let one = one["data"].as_array().context("data")?;
    assert!(!one.is_empty() && one.iter().all(|b| b["pool"] == "fra1-gp" && b["resource"] == "cpu_milli"), "{one:?}");
    assert_eq!(api.get("/v1/bottlenecks?pool=nowhere").await?.status, 404);
    let wrong = api.get("/v1/bottlenecks?least_percent=101").await?;
    assert_eq!((wrong.status, wrong.pointers()), (422, vec!["least_percent".to_owned()]));
    Ok(())
}
