//! The event stream: what a caller may see of it, and where it goes on.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::Api;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Everything that comes within a moment: (name of the event, its data).
async fn read(api: &Api, query: &str) -> anyhow::Result<Vec<(String, Value)>> {
    let request = api.http.get(format!("{}/v1/events?{query}", api.url));
    let mut stream = request.bearer_auth(api.bearer.clone().unwrap_or_default()).send().await?.error_for_status()?;
    let (mut text, started) = (String::new(), Instant::now());
    // What is stored comes at once; the wait is for its end, which is silence.
    while started.elapsed() < Duration::from_secs(10) {
        match tokio::time::timeout(Duration::from_millis(700), stream.chunk()).await {
            Ok(chunk) => text.push_str(&String::from_utf8_lossy(&chunk?.context("the stream ended")?)),
            Err(_silence) => break,
        }
    }
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned());
        if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
            events.push((name, serde_json::from_str(&data)?));
        }
    }
    Ok(events)
}

fn families(events: &[(String, Value)]) -> BTreeSet<String> {
    let kinds = events.iter().filter_map(|(_, e)| e["type"].as_str());
    kinds.filter_map(|kind| kind.split('.').next()).map(str::to_owned).collect()
}

async fn key(tenant: &Api, scopes: &[&str]) -> anyhow::Result<Api> {
    let made = tenant.post("/v1/api_keys", &json!({ "name": "stream", "scopes": scopes })).await?.ok()?;
    Ok(tenant.with(made["secret"].as_str()))
}

#[tokio::test]
async fn a_stream_shows_what_the_scopes_show() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, finance, admin) = (sim.api("tenant")?, sim.api("finance")?, sim.api("admin")?);
    admin.advance(180).await?;
    let all = families(&read(&admin, "after=0").await?);
    for family in ["order", "round", "price", "swap", "delivery", "balance", "forecast", "pool", "workload"] {
        ensure!(all.contains(family), "the admin sees no {family}.*: {all:?}");
    }
    let market = key(&tenant, &["market:read"]).await?;
    let public: BTreeSet<String> = ["pool", "price", "round"].map(str::to_owned).into();
    assert_eq!(families(&read(&market, "after=0").await?), public);
    assert_eq!(
        families(&read(&market, "topics=order.*,round.*,balance.changed&after=0").await?),
        ["round".to_owned()].into()
    );
    for topics in ["order.*", "balance.changed", "delivery.recorded", "swap.done", "forecast.*"] {
        let reply = market.get(&format!("/v1/events?topics={topics}")).await?;
        ensure!(reply.status == 403 && reply.is_problem(), "{topics}: {} {}", reply.status, reply.text);
    }
    let money = families(&read(&finance, "after=0").await?);
    assert!(money.contains("delivery") && !money.contains("order") && !money.contains("swap"), "{money:?}");
    let orders = key(&tenant, &["orders:read"]).await?;
    assert_eq!(families(&read(&orders, "topics=order.*&after=0").await?), ["order".to_owned()].into());
    let own = tenant.get("/v1/me").await?.ok()?["participant"]["id"].clone();
    for (_, event) in read(&tenant, "after=0").await? {
        ensure!(event["participant"].is_null() || event["participant"] == own, "somebody else's: {event}");
    }
    for query in ["topics=nope", "topics=order.*,nope", "topics=order", "topics=*.accepted"] {
        let reply = tenant.get(&format!("/v1/events?{query}")).await?;
        ensure!((reply.status, reply.code().as_str()) == (422, "topic_unknown"), "{query}: {}", reply.text);
        ensure!(reply.text.contains("order.accepted"), "it names what there is: {}", reply.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_or_says_reset() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    admin.advance(60).await?;
    let kept = read(&admin, "after=0").await?;
    // No event has this id, and none is missing before the first: ids have gaps.
    let from_one = read(&admin, "after=1").await?;
    assert_eq!(from_one.len(), kept.len());
    assert!(from_one.iter().all(|(name, _)| name == "message"), "no reset on a stream that has everything");
    let (middle, last) = (&kept[kept.len() / 2].1, &kept[kept.len() - 1].1);
    let rest = read(&admin, &format!("after={}", middle["id"])).await?;
    assert_eq!(rest.len(), kept.len() - kept.len() / 2 - 1);
    assert_eq!(rest[0].1["previous"], middle["id"]);
    let newest = last["id"].as_i64().context("id")?;
    for beyond in [newest + 1, i64::MAX] {
        let events = read(&admin, &format!("after={beyond}")).await?;
        assert_eq!(events.first().map(|(name, _)| name.as_str()), Some("reset"), "after={beyond}: {events:?}");
    }
    assert_eq!(admin.get("/v1/events?after=-1").await?.status, 422);
    assert!(!sim.server.log().contains("panicked"), "{}", sim.server.log());
    // A round's events name it as its route does, and its prices come one by one.
    let of = |kind: &str| kept.iter().map(|(_, e)| e).filter(|e| e["type"] == kind).cloned().collect::<Vec<_>>();
    let (sealed, awarded, prices) = (of("round.sealed"), of("round.awarded"), of("price.published"));
    let number = |event: &Value| event["data"]["number"].to_string();
    ensure!(!sealed.is_empty() && !awarded.is_empty() && !prices.is_empty(), "events are missing");
    for event in sealed.iter().chain(&awarded) {
        assert_eq!(event["object"].as_str(), Some(number(event).as_str()), "{event}");
    }
    for filled in of("order.filled") {
        assert!(filled["data"]["sealed_in"].is_null(), "a filled order is in no round: {filled}");
    }
    let price = &prices[0]["data"];
    let path = format!(
        "/v1/pools/{}/prices?resource={}",
        price["pool"].as_str().unwrap_or(""),
        price["resource"].as_str().unwrap_or("")
    );
    let history = admin.get(&path).await?.ok()?;
    let same = |point: &&Value| point["round"] == price["round"] && point["slot"] == price["slot"];
    let point = history["data"].as_array().into_iter().flatten().find(same).context("not in the history")?;
    for field in ["price", "low", "high", "volume", "set_by", "reserve", "cleared_at"] {
        assert_eq!(point[field], price[field], "{field}");
    }
    Ok(())
}
