//! With Redis: it hears of new events, and its sudden end costs the market nothing.
use crate::common::{START, healthy};
use anyhow::{Context, ensure};
use headroom_tests::backing::Redis;
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Api, Launch, skip};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Nothing is placed meanwhile: nothing is announced that would show it.
#[tokio::test]
async fn readyz_says_when_redis_is_down_and_when_it_is_back() -> anyhow::Result<()> {
    let mut redis = match Redis::start() {
        Ok(redis) => redis,
        Err(error) => {
            skip("redis: down and back", &format!("{error:#}"));
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let server = Launch::simulated(folder.path(), START).variable("REDIS_URL", &redis.url()).start().await?;
    let nobody = server.nobody();
    until_the_bus_is(&nobody, "redis").await?;
    redis.kill();
    until_the_bus_is(&nobody, "redis (down: nothing is announced there)").await?;
    redis.start_again()?;
    until_the_bus_is(&nobody, "redis").await?;
    healthy(&server.stop().await?).await
}

async fn until_the_bus_is(api: &Api, bus: &str) -> anyhow::Result<()> {
    let asking = async {
        loop {
            let ready = api.get("/readyz").await?;
            ensure!(ready.status == 200, "it goes on without Redis: {}", ready.text);
            if ready.json()["bus"] == bus {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.with_context(|| format!("never `{bus}`"))?
}

#[tokio::test]
async fn no_event_is_lost_with_redis() -> anyhow::Result<()> {
    let mut redis = match Redis::start() {
        Ok(redis) => redis,
        Err(error) => {
            skip("redis: no event is lost", &format!("{error:#}"));
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let server = Launch::simulated(folder.path(), START).variable("REDIS_URL", &redis.url()).start().await?;
    ensure!(server.nobody().get("/readyz").await?.json()["bus"] == "redis", "the bus is not redis");
    let api = trader(&server.api("admin")?, "redis", "10").await?;
    let bid = bid("fra1-gp", &Rhythm::of(&api).await?.late_window(), 1, "0.000001");
    let bearer = api.bearer.clone().unwrap_or_default();
    let mut stream = api
        .http
        .get(format!("{}/v1/events?topics=order.accepted", api.url))
        .bearer_auth(bearer)
        .send()
        .await?
        .error_for_status()?;
    let mut placed = BTreeSet::new();
    for n in 0..30 {
        match n {
            10 => redis.kill(),
            20 => redis.start_again()?,
            _ => {}
        }
        placed.insert(api.post_with_key("/v1/bids", &format!("redis-{n}"), &bid).await?.id()?);
    }
    let (mut text, mut seen, mut previous) = (String::new(), BTreeSet::new(), 0);
    while seen.len() < placed.len() {
        let chunk =
            tokio::time::timeout(Duration::from_secs(60), stream.chunk()).await.context("the stream fell silent")??;
        text.push_str(&String::from_utf8_lossy(&chunk.context("the stream ended")?));
        while let Some(end) = text.find('\n') {
            let line: String = text.drain(..=end).collect();
            let Some(data) = line.strip_prefix("data:") else { continue };
            let event: Value = serde_json::from_str(data.trim())?;
            ensure!(event["previous"].as_i64() == Some(previous), "a gap before {event}");
            previous = event["id"].as_i64().unwrap_or(0);
            ensure!(seen.insert(event["object"].as_str().unwrap_or_default().to_owned()), "twice: {event}");
        }
    }
    assert_eq!(seen, placed);
    healthy(&server.stop().await?).await
}
