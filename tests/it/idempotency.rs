//! Exactly once: keys, client ids, concurrent duplicates, and all of it after `kill -9`.
use crate::common::{Sim, balance, healthy};
use headroom_tests::unique;
use serde_json::json;
use std::collections::BTreeSet;

const BIDS: &str = "/v1/bids";
const POOL: &str = "fra1-gp";

#[tokio::test]
async fn the_same_key_and_body_is_one_order() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, bid, key) = (sim.trader("10").await?, sim.bid(100_000, "0.5").await?, unique("key"));
    let first = api.post_with_key(BIDS, &key, &bid).await?;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "");
    let second = api.post_with_key(BIDS, &key, &bid).await?;
    assert!(second.is_success(), "{}", second.text);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.id()?, first.id()?);
    assert_eq!(second.json(), first.json(), "the stored reply is given again");
    assert_eq!(api.list(BIDS).await?.len(), 1);
    assert_eq!(balance(&api).await?, (9_500_000, 500_000));
    Ok(())
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_participant() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, other, key) = (sim.trader("10").await?, sim.trader("10").await?, unique("key"));
    let bid = sim.bid(100_000, "0.5").await?;
    let first = api.post_with_key(BIDS, &key, &bid).await?.id()?;
    let reused = api.post_with_key(BIDS, &key, &sim.bid(200_000, "0.5").await?).await?;
    assert_eq!((reused.status, reused.code().as_str()), (422, "idempotency_key_reused"));
    assert!(reused.is_problem(), "{}", reused.text);
    assert_ne!(other.post_with_key(BIDS, &key, &bid).await?.id()?, first, "another participant's key is another key");
    let offer = api.post_with_key("/v1/offers", &key, &bid).await?;
    assert_eq!(offer.code(), "idempotency_key_reused", "the path is part of the request");
    let missing = api.post(BIDS, &bid).await?;
    assert_eq!((missing.status, missing.code().as_str()), (400, "idempotency_key_required"));
    for bad in ["", "with\ttab", &"k".repeat(256)] {
        let refused = api.post_with_key(BIDS, bad, &bid).await?;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.pointers().contains(&"Idempotency-Key".to_owned()), "{}", refused.text);
    }
    assert_eq!(api.list(BIDS).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn concurrent_duplicates_are_one_order() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, bid, key) = (sim.trader("10").await?, sim.bid(100_000, "0.5").await?, unique("key"));
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (api, bid, key) = (api.clone(), bid.clone(), key.clone());
        sending.spawn(async move { api.post_with_key(BIDS, &key, &bid).await });
    }
    let (mut ids, mut fresh) = (BTreeSet::new(), 0);
    while let Some(reply) = sending.join_next().await {
        let reply = reply??;
        fresh += usize::from(reply.header("idempotent-replayed").is_empty());
        ids.insert(reply.id()?);
    }
    assert_eq!((ids.len(), fresh), (1, 1));
    assert_eq!(api.list(BIDS).await?.len(), 1);
    assert_eq!(balance(&api).await?, (9_500_000, 500_000), "one hold");
    Ok(())
}

#[tokio::test]
async fn a_client_id_is_used_once() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.trader("10").await?;
    let mut bid = sim.bid(100_000, "0.5").await?;
    bid["client_bid_id"] = json!("mine");
    let mut sending = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (api, bid) = (api.clone(), bid.clone());
        sending.spawn(async move { api.post_with_key(BIDS, &format!("client-id-{n}"), &bid).await });
    }
    let mut accepted = Vec::new();
    while let Some(reply) = sending.join_next().await {
        let reply = reply??;
        if reply.is_success() {
            accepted.push(reply.id()?);
        } else {
            assert_eq!(reply.status, 409, "{}", reply.text);
            assert!(reply.is_problem(), "{}", reply.text);
        }
    }
    assert_eq!(accepted.len(), 1);
    assert_eq!(api.get("/v1/bids/by_client_id/mine").await?.id()?, accepted[0]);
    let other = sim.trader("10").await?;
    assert_eq!(other.get("/v1/bids/by_client_id/mine").await?.status, 404, "client ids are a participant's own");
    assert_eq!(other.post_with_key(BIDS, "k", &bid).await?.status, 201);
    Ok(())
}

#[tokio::test]
async fn a_refusal_ends_with_its_cause_under_the_same_key() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api, key) = (sim.api("admin")?, sim.trader("1").await?, unique("key"));
    let dear = sim.bid(1_000_000, "50").await?;
    let refused = api.post_with_key(BIDS, &key, &dear).await?;
    assert_eq!(refused.status, 402, "{}", refused.text);
    let me = api.get("/v1/me").await?.ok()?;
    let grants = format!("/v1/participants/{}/grants", me["participant"]["id"].as_str().unwrap_or_default());
    let grant = json!({ "amount": "100" });
    let granting = unique("grant");
    for replayed in ["", "true", "true"] {
        let answer = admin.post_with_key(&grants, &granting, &grant).await?;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (201, replayed));
    }
    assert_eq!(balance(&api).await?, (101_000_000, 0), "three equal requests grant once");
    for replayed in ["", "true"] {
        let again = api.post_with_key(BIDS, &key, &dear).await?;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, replayed), "{}", again.text);
    }
    // The pool is halted, and resumes.
    let (pool, key, bid) = (format!("/v1/pools/{POOL}"), unique("key"), sim.bid(100_000, "0.5").await?);
    admin.post(&format!("{pool}/halt"), &json!({ "reason": "test" })).await?.ok()?;
    for _ in 0..2 {
        let halted = api.post_with_key(BIDS, &key, &bid).await?;
        assert_eq!((halted.status, halted.code().as_str()), (409, "pool_halted"));
    }
    admin.act(&format!("{pool}/resume")).await?.ok()?;
    assert_eq!(api.post_with_key(BIDS, &key, &bid).await?.status, 201);
    Ok(())
}

#[tokio::test]
async fn keys_outlive_the_process() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, bid, key) = (sim.trader("10").await?, sim.bid(100_000, "0.5").await?, unique("key"));
    let refused_key = unique("key");
    let id = api.post_with_key(BIDS, &key, &bid).await?.id()?;
    let refused = api.post_with_key(BIDS, &refused_key, &sim.bid(0, "0.5").await?).await?;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let server = sim.server.kill_and_restart().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    let again = api.post_with_key(BIDS, &key, &bid).await?;
    assert_eq!((again.id()?, again.header("idempotent-replayed")), (id, "true"));
    assert_eq!(api.post_with_key(BIDS, &refused_key, &bid).await?.status, 201, "nothing was stored under the key");
    assert_eq!(api.list(BIDS).await?.len(), 2);
    healthy(&server.stop().await?).await
}
