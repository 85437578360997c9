//! What a round shows of itself afterwards: that an order was in the book that was committed to, and what would have won.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use blake3::{Hash, Hasher};
use headroom_tests::Api;
use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key].as_str().with_context(|| format!("no {key} in {value}"))
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The root that a proof leads to, as docs/bidder.md has it.
fn root(leaf: Hash, proof: &Value) -> anyhow::Result<String> {
    let mut index = proof["index"].as_u64().context("index")?;
    let mut at = leaf;
    for sibling in proof["path"].as_array().context("path")? {
        if let Some(other) = sibling.as_str() {
            let other = Hash::from_hex(other)?;
            let (left, right) = if index % 2 == 0 { (at, other) } else { (other, at) };
            at = hash(&[b"node", left.as_bytes(), right.as_bytes()]);
        }
        index /= 2;
    }
    Ok(at.to_hex().to_string())
}

#[tokio::test]
async fn a_book_is_committed_to_whole_and_an_ended_order_is_explained() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api, other) = (sim.api("admin")?, sim.trader("10").await?, sim.trader("10").await?);
    let id = api.post_with_key("/v1/bids", "low", &sim.bid(10, "0.000001").await?).await?.id()?;
    for (key, cpu_milli) in [("a", 11), ("b", 12)] {
        other.post_with_key("/v1/bids", key, &sim.bid(cpu_milli, "0.000001").await?).await?.id()?;
    }
    admin.advance(6).await?;
    let order = api.get(&format!("/v1/bids/{id}")).await?.ok()?;
    let number = order["last_reason"]["round"].as_u64().with_context(|| format!("no round: {order}"))?;
    let round = admin.get(&format!("/v1/rounds/{number}")).await?.ok()?;
    let committed = text(&round, "root")?;

    let mine = api.get(&format!("/v1/rounds/{number}/proof")).await?.ok()?;
    let proofs = mine["proofs"].as_array().context("proofs")?;
    assert_eq!((text(&mine, "root")?, proofs.len()), (committed, 1));
    let document = text(&proofs[0], "document")?;
    assert_eq!(serde_json::from_str::<Value>(document)?["id"], id.as_str());
    assert_eq!(root(hash(&[b"leaf", document.as_bytes()]), &proofs[0])?, committed);
    assert_ne!(root(hash(&[b"leaf", document.replace("bid", "bit").as_bytes()]), &proofs[0])?, committed);
    // the rest of the book is committed to, and shown to the operator alone
    assert_eq!(root(Hash::from_hex(text(&mine["rest"], "leaf")?)?, &mine["rest"])?, committed);
    assert!(mine["rest"]["document"].is_null());
    let whole = admin.get(&format!("/v1/rounds/{number}/proof")).await?.ok()?;
    let rest = text(&whole["rest"], "document")?;
    assert_eq!(root(hash(&[b"leaf", rest.as_bytes()]), &whole["rest"])?, committed);
    assert!(serde_json::from_str::<Value>(rest)?["products"].as_array().is_some_and(|p| !p.is_empty()));

    // what would have won is as exact once the order has ended
    let why = format!("/v1/bids/{id}/explain");
    let live = api.get(&why).await?.ok()?["minimum_winning_limit"].clone();
    assert_eq!(live["quality"], "exact", "{live}");
    api.delete(&format!("/v1/bids/{id}")).await?.ok()?;
    let ended = api.get(&why).await?.ok()?;
    // of one that has ended the round is the first that said the same, of an open one the latest
    assert!(live["round"].as_u64() >= Some(number), "{live}");
    let as_then = serde_json::json!({ "value": live["value"], "quality": live["quality"], "part": live["part"],
        "whole": live["whole"], "round": ended["round"] });
    assert_eq!((text(&ended, "status")?, &ended["minimum_winning_limit"]), ("canceled", &as_then));
    healthy(&sim.server.stop().await?).await
}

/// It could be the limit of one order.
#[tokio::test]
async fn members_read_no_price_of_what_was_not_traded() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    let stranger = sim.trader("100").await?;
    // Far under every reserve price: its limit is the price of a product that nobody buys.
    let bid = stranger.post_with_key("/v1/bids", "far", &sim.bid(1000, "0.01").await?).await?.id()?;
    admin.advance(10).await?;
    let order = stranger.get(&format!("/v1/bids/{bid}")).await?.ok()?;
    let round = &order["last_reason"]["round"];
    let (open, result) = (format!("/v1/rounds/{round}"), format!("/v1/rounds/{round}/result"));
    let prices = format!("{open}/prices");
    for (who, api) in [("a tenant", &tenant), ("its owner", &stranger)] {
        for path in [&open, &result, &prices] {
            let text = api.get(path).await?.text;
            assert!(!text.contains("\"0.000010000\"") && !text.contains("\"set_by\":\"bid"), "{who}, {path}: {text}");
        }
    }
    assert!(!tenant.get(&result).await?.text.contains(&bid), "another member's order");
    let all = admin.get(&result).await?.text;
    assert!(all.contains(&format!("\"set_by\":\"bid:{bid}\"")), "the operator sees all: {all}");
    Ok(())
}

/// Who sees everybody's may ask for one member's; a member may name itself alone.
#[tokio::test]
async fn lists_of_one_member() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    admin.advance(200).await?;
    let me = tenant.get("/v1/me").await?.ok()?;
    let me = me["participant"]["id"].as_str().or(me["participant"].as_str()).unwrap_or_default().to_owned();
    let all = admin.list("/v1/bids").await?;
    let other = all.iter().filter_map(|b| b["participant"].as_str()).find(|p| *p != me).unwrap_or_default().to_owned();
    for path in ["/v1/bids", "/v1/offers", "/v1/receipts", "/v1/swaps", "/v1/awards", "/v1/instances"] {
        let own = tenant.list(path).await?;
        assert_eq!(admin.list(&format!("{path}?participant={me}")).await?, own, "{path}");
        assert_eq!(tenant.list(&format!("{path}?participant={me}")).await?, own, "{path}");
        assert_eq!(tenant.get(&format!("{path}?participant={other}")).await?.status, 404, "{path}");
    }
    let page = admin.get(&format!("/v1/bids?limit=1&participant={me}")).await?;
    assert!(page.header("link").contains(&format!("participant={me}")), "{}", page.header("link"));
    assert_eq!(admin.get(&format!("/v1/rounds?participant={me}")).await?.code(), "query_invalid");
    Ok(())
}

#[tokio::test]
async fn prices_of_a_period() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    admin.advance(300).await?;
    for interval in ["round", "slot"] {
        let path = format!("/v1/pools/fra1-gp/prices?resource=cpu_milli&interval={interval}&limit=500");
        let all = admin.get(&path).await?.ok()?;
        let all = all["data"].as_array().cloned().unwrap_or_default();
        assert!(all.len() >= 3, "{interval}: {all:?}");
        let time = if interval == "round" { "cleared_at" } else { "slot" };
        let (from, to) = (&all[1][time], &all[all.len() - 1][time]);
        let between = format!("{path}&from={}&to={}", from.as_str().unwrap_or("?"), to.as_str().unwrap_or("?"));
        let some = admin.get(&between).await?.ok()?;
        let some = some["data"].as_array().cloned().unwrap_or_default();
        assert!(!some.is_empty() && some.len() < all.len(), "{interval}: {some:?}");
        assert!(some.iter().all(|p| all.contains(p) && p[time].as_str() < to.as_str()), "{interval}: {some:?}");
        assert!(some.iter().all(|p| p[time].as_str() >= from.as_str()), "{interval}: {some:?}");
        // Page by page it is the same, and a page says whether there is another.
        let short = path.replace("limit=500", "limit=2");
        let (mut paged, mut next, mut pages) = (Vec::new(), short.clone(), 0);
        loop {
            let reply = admin.get(&next).await?;
            let (link, page) = (reply.header("link").to_owned(), reply.ok()?);
            let points = page["data"].as_array().cloned().unwrap_or_default();
            assert!(points.len() <= if interval == "round" { 2 } else { 8 }, "{interval}: {points:?}");
            paged.splice(0..0, points);
            pages += 1;
            assert_eq!(page["has_more"].as_bool(), Some(!page["next_cursor"].is_null()), "{interval}");
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            next = format!("{short}&to={cursor}");
            assert!(link.contains(&format!("to={cursor}>")) && pages < 100, "{interval}: {link}");
        }
        assert!(paged == all && pages > 1, "{interval}: {} of {}, {pages} pages", paged.len(), all.len());
        let before = admin.get(&format!("{path}&to=2026-11-20T09:00:00Z")).await?.ok()?;
        assert_eq!(before["data"].as_array().map(Vec::len), Some(0), "{interval}: before the market was");
    }
    a_slots_ends_are_those_of_its_rounds(&admin).await?;
    let empty = "/v1/pools/fra1-gp/prices?resource=cpu_milli&from=2026-11-20T10:00:00Z&to=2026-11-20T10:00:00Z";
    assert_eq!(admin.get(empty).await?.code(), "period_empty");
    Ok(())
}

/// The first, last, lowest and highest price of a slot, beside its rounds.
async fn a_slots_ends_are_those_of_its_rounds(admin: &Api) -> anyhow::Result<()> {
    let mut looked = 0;
    for pool in ["fra1-gp", "ams1-lp"] {
        let points = async |interval: &str| {
            let path = format!("/v1/pools/{pool}/prices?resource=cpu_milli&interval={interval}&limit=500");
            let told = admin.get(&path).await?.ok()?;
            told["data"].as_array().cloned().context("points")
        };
        let nano =
            |value: &Value| value.as_str().and_then(|text| headroom_tests::money::units(text, 9)).unwrap_or_default();
        let rounds = points("round").await?;
        for slot in points("slot").await? {
            let traded = |p: &&Value| p["slot"] == slot["slot"] && p["volume"].as_i64().is_some_and(|n| n > 0);
            let mut prices: Vec<_> =
                rounds.iter().filter(traded).map(|p| (p["round"].as_u64(), nano(&p["price"]))).collect();
            prices.sort_unstable();
            let prices: Vec<i128> = prices.into_iter().map(|(_, price)| price).collect();
            let (Some(low), Some(high)) = (prices.iter().min(), prices.iter().max()) else { continue };
            let told = ["open", "close", "low", "high"].map(|end| nano(&slot[end]));
            assert_eq!(told, [prices[0], prices[prices.len() - 1], *low, *high], "{slot}: {prices:?}");
            assert!((*low..=*high).contains(&nano(&slot["price"])), "{slot}");
            looked += 1;
        }
    }
    ensure!(looked > 3, "{looked} slots");
    Ok(())
}

/// What winners pay beside what they take from others, of which members are told no more than a ratio.
#[tokio::test]
async fn members_are_told_the_ratio_of_price_to_externality() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, bidder) = (sim.api("admin")?, sim.api("bidder")?);
    admin.advance(60).await?;
    let rounds = admin.list("/v1/rounds?status=executing,settled").await?;
    let traded = rounds.iter().filter(|r| r["awards"].as_i64().is_some_and(|n| n > 0));
    let mut looked = 0;
    for round in traded.take(5) {
        let path = format!("/v1/rounds/{}/externality", round["number"]);
        let told = admin.get(&path).await?.ok()?;
        let found = &told["price_to_externality"];
        if found.is_null() {
            ensure!(told["no_externality"] == "no_winner", "{told}");
            continue;
        }
        ensure!(found["paid"].is_string() && told["no_externality"].is_null(), "{told}");
        let members = bidder.get(&path).await?.ok()?["price_to_externality"].clone();
        for secret in ["paid", "externality", "least", "greatest"] {
            ensure!(members[secret].is_null(), "{secret}: {members}");
        }
        ensure!(
            members["ratio"].is_null() == (found["looked_at"].as_i64() < Some(4) || found["ratio"].is_null()),
            "{members}"
        );
        looked += 1;
    }
    ensure!(looked > 0, "in no round a bid has won: {rounds:?}");
    ensure!(admin.get("/v1/rounds/99999999/externality").await?.status == 404, "a round that is not there");
    Ok(())
}
