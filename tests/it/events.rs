//! The event stream: what a caller may see of it, and where it goes on.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::orders::trader;
use reqwest::Response;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// An open stream.
async fn open(api: &Api, query: &str, headers: &[(&'static str, &str)]) -> anyhow::Result<Response> {
    let mut request = api.http.get(format!("{}/v1/events?{query}", api.url));
    if let Some(bearer) = &api.bearer {
        request = request.bearer_auth(bearer);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.send().await?.error_for_status()?)
}

/// Everything that comes within a moment: (name of the event, its data).
async fn read(api: &Api, query: &str) -> anyhow::Result<Vec<(String, Value)>> {
    let mut stream = open(api, query, &[]).await?;
    let (mut text, started) = (String::new(), Instant::now());
    // What is stored comes at once; the wait is for its end, which is silence.
    while started.elapsed() < Duration::from_secs(10) {
        match tokio::time::timeout(Duration::from_millis(700), stream.chunk()).await {
            Ok(chunk) => text.push_str(&String::from_utf8_lossy(&chunk?.context("the stream ended")?)),
            Err(_silence) => break,
        }
    }
    Ok(parse(&text)?.into_iter().map(|(_, name, data)| (name, data)).collect())
}

/// (id, name, data)
fn parse(text: &str) -> anyhow::Result<Vec<(String, String, Value)>> {
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned());
        if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
            events.push((field("id:").unwrap_or_default(), name, serde_json::from_str(&data)?));
        }
    }
    Ok(events)
}

/// The first events of a stream: (id, name, data).
async fn first_of(mut stream: Response, count: usize) -> anyhow::Result<Vec<(String, String, Value)>> {
    let mut text = String::new();
    loop {
        // The last block may not be whole yet.
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let events = parse(whole)?;
        if events.len() >= count {
            return Ok(events);
        }
        let chunk =
            tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.context("the stream is silent")??;
        text.push_str(&String::from_utf8_lossy(&chunk.context("the stream ended")?));
    }
}

/// What a stream says until the server ends it, which has to be soon.
async fn to_its_end(stream: Response) -> anyhow::Result<Vec<(String, String, Value)>> {
    let text = tokio::time::timeout(Duration::from_secs(6), stream.text()).await;
    parse(&text.context("the stream goes on")??)
}

/// The code of the last event, and its id.
async fn ended(stream: Response) -> anyhow::Result<(String, String)> {
    let events = to_its_end(stream).await?;
    let (id, name, data) = events.last().context("no event")?;
    ensure!(name == "end" && data["detail"].is_string(), "{events:?}");
    Ok((data["code"].as_str().unwrap_or_default().to_owned(), id.clone()))
}

/// Whether a stream is still open after the time in which it would have ended.
async fn goes_on(stream: &mut Response) -> anyhow::Result<bool> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(4) {
        if let Ok(chunk) = tokio::time::timeout(Duration::from_millis(500), stream.chunk()).await
            && chunk?.is_none()
        {
            return Ok(false);
        }
    }
    Ok(true)
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
    // What follows a reset follows its id: nothing looks missed.
    let stream = open(&admin, &format!("after={}", i64::MAX), &[]).await?;
    admin.advance(5).await?;
    let events = first_of(stream, 2).await?;
    let [(id, name, _), (_, _, next)] = &events[..2] else { anyhow::bail!("{events:?}") };
    assert_eq!((name.as_str(), id.as_str()), ("reset", newest.to_string().as_str()));
    assert_eq!(next["previous"].to_string(), *id, "{next}");
    for beyond in [newest + 1_000_000_000, i64::MAX] {
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
    for field in ["price", "volume", "set_by", "reserve", "cleared_at"] {
        assert_eq!(point[field], price[field], "{field}");
    }
    Ok(())
}

/// A stream shows nothing to whom the same key or token would not open it any more.
#[tokio::test]
async fn a_stream_ends_with_its_key_or_session() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin, nobody) = (sim.api("tenant")?, sim.api("admin")?, sim.server.nobody());
    let new_key = async |expires_at: Option<&str>| {
        let mut body = json!({ "name": "stream" });
        if let Some(at) = expires_at {
            body["expires_at"] = json!(at);
        }
        let made = tenant.post("/v1/api_keys", &body).await?.ok()?;
        anyhow::Ok((made["id"].as_str().unwrap_or_default().to_owned(), tenant.with(made["secret"].as_str())))
    };
    let (email, password) = sim.server.login("tenant")?;
    let login = json!({ "email": email, "password": password });
    let sign_in = async || nobody.post("/v1/auth/login", &login).await?.ok();
    let with = |session: &Value| nobody.with(session["access_token"].as_str());
    let renew = async |session: &Value| {
        let token = session["refresh_token"].as_str().unwrap_or_default();
        nobody.send("POST", "/v1/auth/refresh", &[("x-refresh-token", token)], None).await
    };

    let (id, revoked) = new_key(None).await?;
    let stream = open(&revoked, "", &[]).await?;
    let mut other = open(&tenant, "", &[]).await?;
    assert_eq!(tenant.delete(&format!("/v1/api_keys/{id}")).await?.status, 200);
    assert_eq!(ended(stream).await?.0, "key_revoked");
    assert_eq!(revoked.get("/v1/events").await?.status, 401);

    let session = sign_in().await?;
    let (by_token, mut elsewhere) =
        (open(&with(&session), "", &[]).await?, open(&with(&sign_in().await?), "", &[]).await?);
    let cookie = format!("headroom_access={}", session["access_token"].as_str().unwrap_or_default());
    let by_cookie = open(&nobody, "", &[("cookie", &cookie)]).await?;
    assert_eq!(with(&session).act("/v1/auth/logout").await?.status, 204);
    assert_eq!(ended(by_token).await?.0, "session_ended");
    assert_eq!(ended(by_cookie).await?.0, "session_ended");
    assert_eq!(with(&session).get("/v1/events").await?.status, 401, "it is not opened again either");
    assert!(goes_on(&mut elsewhere).await? && goes_on(&mut other).await?, "other sessions and keys go on");

    let session = sign_in().await?;
    renew(&session).await?.ok()?;
    let stream = open(&with(&session), "", &[]).await?;
    admin.advance(10).await?;
    assert_eq!(renew(&session).await?.status, 401, "somebody has a copy");
    assert_eq!(ended(stream).await?.0, "session_ended");

    let short = new_key(Some("2026-11-20T10:01:00Z")).await?.1;
    let stream = open(&short, "", &[]).await?;
    admin.advance(50).await?;
    assert_eq!(ended(stream).await?.0, "key_expired");
    Ok(())
}

/// An access token lives 15 minutes and a reader longer: it renews, resumes and misses nothing.
#[tokio::test]
async fn a_reader_goes_on_with_a_new_token() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, nobody) = (sim.api("admin")?, sim.server.nobody());
    // Without workloads, so that nothing is ordered for it.
    let trader = trader(&admin, "quiet", "100").await?;
    let login = json!({ "email": "quiet@traders.example.org", "password": "long-enough-quiet" });
    let session = nobody.post("/v1/auth/login", &login).await?.ok()?;
    let api = nobody.with(session["access_token"].as_str());
    admin.advance(60).await?;
    let busy = open(&api, "topics=round.*&after=0", &[]).await?;
    // It has seen nothing when it ends, and what it waits for comes between its end and the next.
    let quiet = open(&api, "topics=order.canceled", &[]).await?;
    let mut seen = 0;
    while seen < 900 {
        admin.advance(60).await?;
        seen += 60;
    }
    let busy = to_its_end(busy).await?;
    let (code, from) = ended(quiet).await?;
    assert_eq!(code, "token_expired");
    let bid = trader.post_with_key("/v1/bids", "quiet", &sim.bid(100_000, "0.000001").await?).await?.id()?;
    assert_eq!(trader.delete(&format!("/v1/bids/{bid}")).await?.status, 200);
    admin.advance(60).await?;

    let token = session["refresh_token"].as_str().unwrap_or_default();
    let renewed = nobody.send("POST", "/v1/auth/refresh", &[("x-refresh-token", token)], None).await?.ok()?;
    let api = nobody.with(renewed["access_token"].as_str());
    let (last, before) = busy.split_last().context("nothing")?;
    let rounds = before.iter().filter(|(_, name, _)| name == "message").count();
    assert_eq!((last.1.as_str(), last.2["code"].as_str()), ("end", Some("token_expired")));
    assert_eq!(before.last().map(|(id, ..)| id), Some(&last.0), "the end names the last event that came");
    let all = read(&api, "topics=round.*&after=0").await?;
    let rest = read(&api, &format!("topics=round.*&after={}", last.0)).await?;
    assert_eq!(rounds + rest.len(), all.len(), "no event twice, none missed");
    assert_eq!(rest[0].1["previous"].to_string(), last.0, "and the reader sees no gap");
    let mut canceled = open(&api, "topics=order.canceled", &[("last-event-id", &from)]).await?;
    let text = tokio::time::timeout(Duration::from_secs(5), async {
        let mut text = String::new();
        while !text.contains(&bid) {
            let chunk = canceled.chunk().await?.context("the stream ended")?;
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        anyhow::Ok(text)
    });
    assert_eq!(parse(&text.await.context("the event was missed")??)?.len(), 1);
    Ok(())
}

/// The JSON of an accepted order is stored once: answer, order, list and stream all tell the same, also after a crash,
/// and of orders that one command accepts together or in the place of others.
#[tokio::test]
async fn an_order_is_told_alike_everywhere() -> anyhow::Result<()> {
    let mut sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let bid = sim.bid(100_000, "0.5").await?;
    let mut named = bid.clone();
    named["client_bid_id"] = json!("{\"event\":\"order_accepted\",\"data\":{\"id\":\"");
    let first = api.post_with_key("/v1/bids", "first", &bid).await?.ok()?;
    let second = api.post_with_key("/v1/bids", "second", &named).await?.ok()?;
    let old = second["id"].as_str().unwrap_or_default();
    let third = api.patch(&format!("/v1/bids/{old}"), &bid).await?.ok()?;
    for crashed in [false, true] {
        if crashed {
            sim.server = sim.server.kill_and_restart().await?;
        }
        let api = sim.server.nobody().with(api.bearer.as_deref());
        let mut list = api.list("/v1/bids?status=open").await?;
        list.sort_by_key(|o| o["id"].to_string());
        let mut placed = vec![first.clone(), third.clone()];
        placed.sort_by_key(|o| o["id"].to_string());
        assert_eq!(list, placed, "crashed: {crashed}");
        for order in &placed {
            let id = order["id"].as_str().unwrap_or_default();
            assert_eq!(api.get(&format!("/v1/bids/{id}")).await?.ok()?, *order);
        }
        let again = api.post_with_key("/v1/bids", "first", &bid).await?.ok()?;
        assert_eq!(again, first, "the answer that was given");
        let told = read(&api, "topics=order.accepted&after=0").await?;
        let told: Vec<&Value> =
            told.iter().map(|(_, event)| event).filter(|e| e["type"] == "order.accepted").map(|e| &e["data"]).collect();
        assert_eq!(told, [&first, &second, &third], "crashed: {crashed}");
        let replaced = api.get(&format!("/v1/bids/{old}")).await?.ok()?;
        assert_eq!((&replaced["status"], &replaced["client_bid_id"]), (&json!("replaced"), &named["client_bid_id"]));
    }
    crate::common::healthy(&sim.server.stop().await?).await
}
