//! A database that goes away and comes back: nothing acknowledged is lost, and the market goes on by itself.
use crate::common::{START, healthy};
use anyhow::{Context, ensure};
use headroom_tests::backing::Postgres;
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Api, Launch, Reply, skip};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Only what hangs needs it.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
/// Of each client: they last longer than one loss of the database.
const BIDS: usize = 400;

fn cluster(test: &str) -> Option<Postgres> {
    match Postgres::start() {
        Ok(cluster) => Some(cluster),
        Err(error) => {
            skip(test, &format!("{error:#}"));
            None
        }
    }
}

/// Asks until the answer is as wished.
async fn until(api: &Api, path: &str, wished: impl Fn(&Reply) -> bool) -> anyhow::Result<Reply> {
    let asking = async {
        loop {
            if let Ok(reply) = api.get(path).await
                && wished(&reply)
            {
                return reply;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.with_context(|| format!("{path} does not answer as wished"))
}

async fn ids(api: &Api) -> anyhow::Result<Vec<String>> {
    Ok(api.list("/v1/bids").await?.iter().filter_map(|o| o["id"].as_str().map(str::to_owned)).collect())
}

#[tokio::test]
async fn a_market_waits_for_its_database_and_goes_on() -> anyhow::Result<()> {
    let Some(cluster) = cluster("database_away: the market waits") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START).variable("DATABASE_URL", &cluster.database("away")?);
    let server = launch.start().await?;
    let api = trader(&server.api("admin")?, "away", "10").await?;
    let order = bid("fra1-gp", &Rhythm::of(&api).await?.late_window(), 1, "0.5");
    let first = api.post_with_key("/v1/bids", "first", &order).await?.id()?;
    for round in 0..2 {
        cluster.stop_immediately()?;
        let away = until(&api, "/v1/balance", |reply| reply.status != 200).await?;
        ensure!((away.status, away.code().as_str()) == (503, "database_away"), "{}", away.text);
        ensure!(away.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "no Retry-After");
        let key = format!("second-{round}");
        let refused = api.post_with_key("/v1/bids", &key, &order).await?;
        ensure!((refused.status, refused.code().as_str()) == (503, "database_away"), "{}", refused.text);
        let login = json!({ "email": "nobody@example.org", "password": "twelve letters" });
        ensure!(api.post("/v1/auth/login", &login).await?.code() == "database_away", "a sign-in");
        ensure!(api.get("/swap_history").await?.code() == "database_away", "a path of the concept");
        let ready = api.get("/readyz").await?;
        ensure!(ready.status == 503 && ready.json()["database"] == "down", "{}", ready.text);
        ensure!(api.get("/healthz").await?.status == 200, "the process lives");
        cluster.start_again()?;
        until(&api, "/readyz", |reply| reply.status == 200).await?;
        api.post_with_key("/v1/bids", &key, &order).await?.id()?;
    }
    let there = ids(&api).await?;
    ensure!(there.len() == 3 && there.contains(&first), "{there:?}");
    server.api("admin")?.advance(120).await?;
    ensure!(!server.log().contains("could not be committed"), "it ended: {}", server.log());
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn a_stop_while_the_database_is_away_is_orderly() -> anyhow::Result<()> {
    let Some(cluster) = cluster("database_away: a stop meanwhile") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START).variable("DATABASE_URL", &cluster.database("stop")?);
    let server = launch.start().await?;
    let api = trader(&server.api("admin")?, "stop", "10").await?;
    let order = bid("fra1-gp", &Rhythm::of(&api).await?.late_window(), 1, "0.5");
    let first = api.post_with_key("/v1/bids", "first", &order).await?.id()?;
    cluster.stop_immediately()?;
    until(&api, "/v1/balance", |reply| reply.status == 503).await?;
    let launch = server.stop().await?;
    cluster.start_again()?;
    let server = launch.start().await?;
    ensure!(ids(&server.nobody().with(api.bearer.as_deref())).await? == [first], "what was acknowledged");
    healthy(&server.stop().await?).await
}

/// Places bids until each is acknowledged; their ids, and how often there was no acknowledgement.
async fn place(api: Api, order: Value, client: usize) -> anyhow::Result<(Vec<String>, usize)> {
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for n in 0..BIDS {
        let key = format!("{client}-{n}");
        loop {
            match api.post_with_key("/v1/bids", &key, &order).await {
                Ok(reply) if reply.status == 201 => {
                    acknowledged.push(reply.id()?);
                    break;
                }
                Ok(reply) => ensure!(reply.status == 503, "{}: {}", reply.status, reply.text),
                Err(error) => return Err(error.context("the server has ended")),
            }
            refused += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok((acknowledged, refused))
}

/// In the middle of a stream of bids some transaction was sent and not answered.
#[tokio::test]
async fn a_lost_database_loses_and_doubles_no_bid() -> anyhow::Result<()> {
    let Some(cluster) = cluster("database_away: bids meanwhile") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START).variable("DATABASE_URL", &cluster.database("bids")?);
    let server = launch.start().await?;
    let api = trader(&server.api("admin")?, "bids", "100").await?;
    let order = bid("fra1-gp", &Rhythm::of(&api).await?.late_window(), 1, "0.000001");
    let clients: Vec<_> = (0..4).map(|client| tokio::spawn(place(api.clone(), order.clone(), client))).collect();
    let is_placed = |reply: &Reply| reply.json()["data"].as_array().is_some_and(|bids| !bids.is_empty());
    until(&api, "/v1/bids?limit=1", is_placed).await?;
    for _ in 0..2 {
        cluster.stop_immediately()?;
        until(&api, "/v1/balance", |reply| reply.status == 503).await?;
        cluster.start_again()?;
        until(&api, "/v1/balance", |reply| reply.status == 200).await?;
    }
    let (mut acknowledged, mut refused) = (BTreeSet::new(), 0);
    for client in clients {
        let (ids, times) = tokio::time::timeout(PATIENCE, client).await.context("bids are not taken")???;
        refused += times;
        acknowledged.extend(ids);
    }
    ensure!(acknowledged.len() == BIDS * 4 && refused > 0, "{} bids, {refused} refused", acknowledged.len());
    let there = ids(&api).await?;
    ensure!(there.len() == BIDS * 4, "{} bids", there.len());
    ensure!(there.into_iter().collect::<BTreeSet<_>>() == acknowledged, "other bids than those acknowledged");
    healthy(&server.stop().await?).await
}
