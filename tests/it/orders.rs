//! The life of an order: holds, replacement, cancellation, the budget under a stampede.
use crate::common::{Sim, balance, healthy};
use headroom_tests::orders::Rhythm;
use headroom_tests::unique;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BIDS: &str = "/v1/bids";

#[tokio::test]
async fn a_hold_is_taken_and_released() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let order = api.post_with_key(BIDS, "a", &sim.bid(100_000, "4").await?).await?.ok()?;
    assert_eq!((order["status"].as_str(), order["hold"].as_str()), (Some("open"), Some("4.000000")));
    assert_eq!(balance(&api).await?, (6_000_000, 4_000_000));
    let path = format!("{BIDS}/{}", order["id"].as_str().unwrap_or_default());
    let canceled = api.delete(&path).await?.ok()?;
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(balance(&api).await?, (10_000_000, 0));
    let again = api.delete(&path).await?;
    assert!(again.is_success(), "cancelling twice is harmless: {}", again.text);
    assert_eq!(again.json()["status"], "canceled");
    assert_eq!(api.get(&path).await?.ok()?["status"], "canceled");
    assert_eq!(balance(&api).await?, (10_000_000, 0), "released once");
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn a_replacement_moves_the_hold_in_one_step() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let old = api.post_with_key(BIDS, "a", &sim.bid(100_000, "8").await?).await?.id()?;
    // 8 + 9 would be too much together; together they never are held.
    let new = api.patch(&format!("{BIDS}/{old}"), &sim.bid(100_000, "9").await?).await?.ok()?;
    let new_id = new["id"].as_str().unwrap_or_default().to_owned();
    assert_ne!(new_id, old);
    assert_eq!(new["replaces"].as_str(), Some(old.as_str()));
    let ended = api.get(&format!("{BIDS}/{old}")).await?.ok()?;
    assert_eq!((ended["status"].as_str(), ended["replaced_by"].as_str()), (Some("replaced"), Some(new_id.as_str())));
    assert_eq!(balance(&api).await?, (1_000_000, 9_000_000));
    let cancelled = api.delete(&format!("{BIDS}/{old}")).await?;
    assert_eq!((cancelled.status, cancelled.code().as_str()), (409, "order_replaced"), "its replacement is open");
    assert!(cancelled.text.contains(&new_id), "{}", cancelled.text);
    let late = api.patch(&format!("{BIDS}/{old}"), &sim.bid(100_000, "1").await?).await?;
    assert_eq!((late.status, late.code().as_str()), (409, "order_replaced"));
    let dear = api.patch(&format!("{BIDS}/{new_id}"), &sim.bid(1_000_000, "11").await?).await?;
    assert_eq!(dear.status, 402, "{}", dear.text);
    assert_eq!(
        api.get(&format!("{BIDS}/{new_id}")).await?.ok()?["status"],
        "open",
        "a refused replacement changes nothing"
    );
    assert_eq!(balance(&api).await?, (1_000_000, 9_000_000));
    assert_eq!(api.act("/v1/bids/cancel_all").await?.ok()?["canceled"], 1);
    assert_eq!(balance(&api).await?, (10_000_000, 0));
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn a_budget_for_a_hundred_is_a_hundred_holds() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("1").await?;
    let bid = sim.bid(100_000, "0.01").await?;
    let mut sending = tokio::task::JoinSet::new();
    for n in 0..500 {
        let (api, bid) = (api.clone(), bid.clone());
        sending.spawn(async move { api.post_with_key(BIDS, &format!("budget-{n}"), &bid).await });
    }
    let (mut held, mut refused) = (0, 0);
    while let Some(reply) = sending.join_next().await {
        let reply = reply??;
        match reply.status {
            201 => held += 1,
            402 => refused += 1,
            other => anyhow::bail!("{other}: {}", reply.text),
        }
    }
    assert_eq!((held, refused), (100, 400));
    assert_eq!(balance(&api).await?, (0, 1_000_000));
    assert_eq!(api.list("/v1/bids?status=open").await?.len(), 100);
    assert_eq!(api.act("/v1/bids/cancel_all").await?.ok()?["canceled"], 100);
    assert_eq!(balance(&api).await?, (1_000_000, 0));
    healthy(&sim.server.stop().await?).await
}

/// The body of a replacement is the whole order, its client id with it.
#[tokio::test]
async fn a_replacement_may_keep_the_client_id() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let mut bid = sim.bid(100_000, "1").await?;
    bid["client_bid_id"] = json!("mine");
    let old = api.post_with_key(BIDS, "a", &bid).await?.id()?;
    bid["limit"] = json!("2");
    let new = api.patch(&format!("{BIDS}/{old}"), &bid).await?.id()?;
    assert_ne!(new, old);
    let named = format!("{BIDS}/by_client_id/mine");
    assert_eq!(api.get(&named).await?.id()?, new, "the id names the newest");
    let again = api.post_with_key(BIDS, "b", &bid).await?;
    assert_eq!((again.status, again.code().as_str()), (409, "duplicate_client_id"));
    assert_eq!(api.delete(&named).await?.ok()?["status"], "canceled");
    let used = api.post_with_key(BIDS, "c", &bid).await?;
    assert_eq!(used.code(), "duplicate_client_id", "for ever");
    healthy(&sim.server.stop().await?).await
}

/// One command with more events than its share of ids, between two ordinary ones.
#[tokio::test]
async fn a_thousand_orders_are_cancelled_at_once() -> anyhow::Result<()> {
    const ORDERS: usize = 1_100;
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let bid = sim.bid(1, "0.000001").await?;
    let mut sending = tokio::task::JoinSet::new();
    for n in 0..ORDERS {
        let (api, bid) = (api.clone(), bid.clone());
        sending.spawn(async move { api.post_with_key(BIDS, &format!("many-{n}"), &bid).await?.id() });
    }
    while let Some(id) = sending.join_next().await {
        id??;
    }
    assert_eq!(api.act("/v1/bids/cancel_all").await?.ok()?["canceled"], ORDERS);
    let next = api.post_with_key(BIDS, "next", &bid).await?.id()?;
    let launch = sim.server.kill()?;
    healthy(&launch).await?;
    let server = launch.start().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    assert_eq!(api.get(&format!("{BIDS}/{next}")).await?.ok()?["status"], "open");
    assert_eq!(api.act("/v1/bids/cancel_all").await?.ok()?["canceled"], 1);
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn orders_are_their_participants_own() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (mine, yours) = (sim.trader("10").await?, sim.trader("10").await?);
    let bid = sim.bid(1, "0.5").await?;
    let id = mine.post_with_key(BIDS, &unique("k"), &bid).await?.id()?;
    let path = format!("{BIDS}/{id}");
    for reply in [
        yours.get(&path).await?,
        yours.delete(&path).await?,
        yours.patch(&path, &bid).await?,
        yours.get(&format!("{path}/explain")).await?,
    ] {
        assert_eq!(reply.status, 404, "{}", reply.text);
        assert!(reply.is_problem(), "{}", reply.text);
    }
    assert!(yours.list(BIDS).await?.is_empty());
    assert_eq!(yours.act("/v1/bids/cancel_all").await?.ok()?["canceled"], 0);
    assert_eq!(mine.get(&path).await?.ok()?["status"], "open");
    Ok(())
}

#[tokio::test]
async fn an_order_ends_with_its_gate() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.trader("10").await?);
    let id = api.post_with_key(BIDS, "a", &sim.bid(1, "0.000001").await?).await?.id()?;
    // The window is the last slot but one of the horizon; its gate closes before it starts.
    admin.advance(8 * 60).await?;
    let ended = api.get(&format!("{BIDS}/{id}")).await?.ok()?;
    assert_eq!(ended["status"], "expired", "{ended}");
    assert_eq!(balance(&api).await?, (10_000_000, 0));
    let past = api.post_with_key(BIDS, "b", &json!({ "window": ended["window"], "resources": { "cpu_milli": 1 }, "pools": [{ "pool": "fra1-gp" }], "limit": "1" })).await?;
    assert_eq!(past.status, 422, "{}", past.text);
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn lists_are_paged_without_gaps() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let bid = sim.bid(1, "0.000001").await?;
    let mut placed = Vec::new();
    for n in 0..25 {
        placed.push(api.post_with_key(BIDS, &format!("page-{n}"), &bid).await?.id()?);
    }
    placed.sort();
    for (order, limit) in [("asc", 1), ("asc", 7), ("desc", 10), ("desc", 25)] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = api.get(&format!("{BIDS}?order={order}&limit={limit}{after}")).await?;
            let body = page.ok()?;
            assert_eq!(body["object"], "list");
            seen.extend(
                body["data"].as_array().into_iter().flatten().filter_map(|o| o["id"].as_str().map(str::to_owned)),
            );
            let more = body["has_more"] == true;
            assert_eq!(more, !page.header("link").is_empty());
            match body["next_cursor"].as_str().filter(|_| more) {
                Some(cursor) => after = format!("&starting_after={cursor}"),
                None => break,
            }
        }
        if order == "desc" {
            seen.reverse();
        }
        assert_eq!(seen, placed, "{order} by {limit}");
    }
    // The link asks for the rest as the page was asked for, and leads backwards where the page was read so.
    api.delete(&format!("{BIDS}/{}", placed[3])).await?;
    let open: Vec<&String> = placed.iter().filter(|id| **id != placed[3]).collect();
    let since = "created%5Bgte%5D=2026-01-01T00:00:00Z";
    for (first, back) in [(String::new(), false), (format!("&ending_before={}", placed[24]), true)] {
        let mut path = format!("{BIDS}?limit=7&order=asc&status=open&{since}{first}");
        let (mut seen, mut pages) = (Vec::new(), 0);
        while !path.is_empty() {
            let page = api.get(&path).await?;
            let body = page.ok()?;
            let ids = body["data"].as_array().into_iter().flatten().filter_map(|o| o["id"].as_str().map(str::to_owned));
            let ids: Vec<String> = ids.collect();
            assert!(ids.len() <= 7 && pages < 5, "{path}");
            seen = if back { ids.into_iter().chain(seen).collect() } else { seen.into_iter().chain(ids).collect() };
            let link = page.header("link").to_owned();
            path = link
                .strip_prefix('<')
                .and_then(|l| l.split_once(">; rel=\"next\""))
                .map_or("", |(to, _)| to)
                .to_owned();
            pages += 1;
        }
        let all = open.iter().filter(|id| !back || **id != &placed[24]).map(|id| (*id).clone());
        assert_eq!((seen, pages), (all.collect::<Vec<_>>(), 4), "{first}");
    }
    Ok(())
}

/// More than a round can take: everybody has the same share, and what had to wait comes next.
#[tokio::test]
async fn a_flood_of_one_does_not_keep_the_others_waiting() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, flood, other) = (sim.api("admin")?, sim.trader("1000").await?, sim.trader("10").await?);
    let rhythm = Rhythm::of(&admin).await?;
    let (window, latest) = (rhythm.window(1, 2), rhythm.window(4, 5)["start_at"].clone());
    let awkward = json!({
        "window": window, "latest_start_at": latest, "resources": { "cpu_milli": 100, "mem_mib": 100 }, "limit": "0.000001",
        "pools": [{ "pool": "fra1-gp" }, { "pool": "ams1-lp" }], "min_fill": "0.5",
    });
    for number in 0..150 {
        flood.post_with_key(BIDS, &number.to_string(), &awkward).await?.id()?;
    }
    let modest = other.post_with_key(BIDS, "modest", &sim.bid(1, "0.000001").await?).await?.id()?;
    let waiting = async || -> anyhow::Result<BTreeSet<String>> {
        let full = |o: &&Value| o["last_reason"]["reason"] == "ROUND_FULL";
        Ok(flood.list(BIDS).await?.iter().filter(full).filter_map(|o| Some(o["id"].as_str()?.to_owned())).collect())
    };
    admin.advance(3).await?;
    let first = waiting().await?;
    assert!((1..150).contains(&first.len()), "{} of 150 wait", first.len());
    let reason = other.get(&format!("{BIDS}/{modest}")).await?.ok()?["last_reason"]["reason"].clone();
    assert!(reason.is_string() && reason != "ROUND_FULL", "{reason}");
    admin.advance(5).await?;
    let second = waiting().await?;
    assert!(!second.is_empty() && second != first, "those that waited take part, others wait");
    let id = second.first().map(String::as_str).unwrap_or_default();
    let why = flood.get(&format!("{BIDS}/{id}/explain")).await?.ok()?;
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("goes first")), "{why}");
    healthy(&sim.server.stop().await?).await
}
