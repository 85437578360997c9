//! The same market on PostgreSQL: the chain of the demo, exactly once, crashes of the server.
use crate::common::{START, balance, healthy};
use crate::session::refresh;
use anyhow::ensure;
use headroom_tests::backing::Postgres;
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Launch, skip};
use serde_json::json;
use std::collections::BTreeSet;

fn cluster(test: &str) -> Option<Postgres> {
    match Postgres::start() {
        Ok(cluster) => Some(cluster),
        Err(error) => {
            skip(test, &format!("{error:#}"));
            None
        }
    }
}

#[tokio::test]
async fn the_same_scenario_on_both_databases() -> anyhow::Result<()> {
    let Some(cluster) = cluster("store_postgres: the same scenario") else { return Ok(()) };
    let mut prints = Vec::new();
    for url in [None, Some(cluster.database("scenario")?)] {
        let folder = tempfile::tempdir()?;
        let mut launch = Launch::simulated(folder.path(), START);
        if let Some(url) = &url {
            launch = launch.variable("DATABASE_URL", url);
        }
        let server = launch.start().await?;
        let admin = server.api("admin")?;
        let tenant = server.api("tenant")?;
        tenant.put("/v1/projects/scenario", &json!({ "limit": "20.5" })).await?.ok()?;
        let mut named = bid("fra1-gp", &Rhythm::of(&admin).await?.late_window(), 600, "20");
        named["project"] = json!("scenario");
        tenant.post_with_key("/v1/bids", "named", &named).await?.ok()?;
        admin.advance(180).await?;
        let mut print = Vec::new();
        for path in
            ["/v1/bids", "/v1/offers", "/v1/rounds", "/v1/awards", "/v1/receipts", "/v1/swap_history", "/v1/projects"]
        {
            print.extend(admin.list(path).await?.iter().map(|o| format!("{path} {o}")));
        }
        print.push(admin.get("/v1/finance/ledger.csv").await?.text);
        let launch = server.stop().await?;
        healthy(&launch).await?;
        let replay = launch.run("replay").await?;
        ensure!(replay.code == Some(0), "{}{}", replay.stdout, replay.stderr);
        prints.push(print);
    }
    let different = prints[0].iter().zip(&prints[1]).find(|(sqlite, postgres)| sqlite != postgres);
    assert_eq!(different, None, "both databases tell the same story");
    assert_eq!(prints[0].len(), prints[1].len());
    Ok(())
}

#[tokio::test]
async fn orders_outlive_a_crash_of_the_server() -> anyhow::Result<()> {
    let Some(cluster) = cluster("store_postgres: crashes") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START).variable("DATABASE_URL", &cluster.database("crashes")?);
    let mut server = launch.start().await?;
    let api = trader(&server.api("admin")?, "crash", "10").await?;
    let bid = bid("fra1-gp", &Rhythm::of(&api).await?.late_window(), 100_000, "0.5");
    let first = api.post_with_key("/v1/bids", "first", &bid).await?.id()?;
    // PostgreSQL takes no NUL in a text: it must be refused before it gets there.
    let mut nul = bid.clone();
    nul["client_bid_id"] = "a\0b".into();
    let refused = api.post_with_key("/v1/bids", "nul", &nul).await?;
    ensure!((refused.status, refused.code().as_str()) == (422, "client_id_out_of_range"), "{}", refused.text);
    for path in ["/v1/bids?status=%00", "/v1/bids?starting_after=%00", "/v1/bids?ending_before=bid_%00"] {
        ensure!(api.get(path).await?.status == 422, "{path}");
    }
    ensure!(api.get("/v1/bids/by_client_id/%00").await?.status == 404, "a NUL in a path");
    server = server.kill_and_restart().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    ensure!(api.post_with_key("/v1/bids", "first", &bid).await?.id()? == first, "the key was forgotten");
    let second = api.post_with_key("/v1/bids", "second", &bid).await?.id()?;
    let there = api.list("/v1/bids").await?;
    // Both ids are of the same millisecond of the simulated clock: their order is chance.
    let ids: BTreeSet<&str> = there.iter().filter_map(|o| o["id"].as_str()).collect();
    assert_eq!(ids, [first.as_str(), second.as_str()].into());
    assert_eq!(there.len(), 2);
    assert_eq!(balance(&api).await?, (9_000_000, 1_000_000));
    healthy(&server.stop().await?).await
}

/// Two processes with directories of their own and one database: the second is refused while
/// the first lives, waits out the lease of a dead one, and finds all that was acknowledged.
#[tokio::test]
async fn one_process_writes() -> anyhow::Result<()> {
    let Some(cluster) = cluster("store_postgres: one process writes") else { return Ok(()) };
    let url = cluster.database("lease")?;
    let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let first = Launch::simulated(one.path(), START).variable("DATABASE_URL", &url).start().await?;
    let second = Launch::simulated(two.path(), START).variable("DATABASE_URL", &url);
    let refused = second.up_to_its_end().await?;
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("another process writes to this database"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    let api = trader(&first.api("admin")?, "lease", "10").await?;
    let window = Rhythm::of(&api).await?.late_window();
    let order = api.post_with_key("/v1/bids", "kept", &bid("fra1-gp", &window, 1, "0.5")).await?.id()?;
    let _killed = first.kill()?;
    let second = second.start().await?;
    let api = second.nobody().with(api.bearer.as_deref());
    assert_eq!(api.get(&format!("/v1/bids/{order}")).await?.ok()?["status"], "open");
    healthy(&second.stop().await?).await
}

/// A holder that slept through its lease finds another's epoch, and nothing of what it decides is stored.
#[tokio::test]
async fn who_has_lost_the_lease_stores_nothing() -> anyhow::Result<()> {
    let Some(cluster) = cluster("store_postgres: a lost lease") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let server =
        Launch::simulated(folder.path(), START).variable("DATABASE_URL", &cluster.database("lost")?).start().await?;
    let api = trader(&server.api("admin")?, "lost", "10").await?;
    let window = Rhythm::of(&api).await?.late_window();
    let kept = api.post_with_key("/v1/bids", "kept", &bid("fra1-gp", &window, 1, "0.5")).await?.id()?;
    cluster.execute("lost", "UPDATE lease SET epoch = epoch + 1, expires_at = 0")?;
    let refused = api.post_with_key("/v1/bids", "lost", &bid("fra1-gp", &window, 1, "0.5")).await;
    ensure!(!refused.is_ok_and(|r| r.is_success()), "acknowledged without the lease");
    let (code, log, launch) = server.ended().await?;
    ensure!(code != Some(0) && log.contains("lost the lease"), "{code:?}: {log}");
    let server = launch.start().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    let there = api.list("/v1/bids").await?;
    ensure!(there.len() == 1 && there[0]["id"] == kept.as_str(), "{there:?}");
    healthy(&server.stop().await?).await
}

/// The session that shows the holder's presence may be cut while its process lives: as long as it
/// extends its lease nobody else takes over.
#[tokio::test]
async fn a_cut_session_is_no_dead_process() -> anyhow::Result<()> {
    let Some(cluster) = cluster("store_postgres: a cut session") else { return Ok(()) };
    let url = cluster.database("cut")?;
    let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let first = Launch::simulated(one.path(), START).variable("DATABASE_URL", &url).start().await?;
    cluster.execute(
        "cut",
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
    )?;
    let second = Launch::simulated(two.path(), START).variable("DATABASE_URL", &url);
    let refused = second.up_to_its_end().await?;
    assert!(refused.stderr.contains("waiting up to"), "{}", refused.stderr);
    assert!(refused.stderr.contains("another process writes to this database"), "{}", refused.stderr);
    let api = trader(&first.api("admin")?, "cut", "10").await?;
    let window = Rhythm::of(&api).await?.late_window();
    api.post_with_key("/v1/bids", "still", &bid("fra1-gp", &window, 1, "0.5")).await?.id()?;
    healthy(&first.stop().await?).await
}

/// Uses of one refresh token at the same moment wait for each other there by row, not by file.
#[tokio::test]
async fn a_session_is_one_chain_there_too() -> anyhow::Result<()> {
    let Some(cluster) = cluster("store_postgres: sessions") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let url = cluster.database("sessions")?;
    let server = Launch::simulated(folder.path(), START).variable("DATABASE_URL", &url).start().await?;
    let (admin, nobody) = (server.api("admin")?, server.nobody());
    let (email, password) = server.login("tenant")?;
    let login = json!({ "email": email, "password": password });
    for _ in 0..5 {
        let session = nobody.post("/v1/auth/login", &login).await?.ok()?;
        let token = session["refresh_token"].as_str().unwrap_or_default();
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (api, token) = (nobody.clone(), token.to_owned());
            sending.spawn(async move { refresh(&api, &token).await });
        }
        let mut next = BTreeSet::new();
        for reply in sending.join_all().await {
            next.insert(reply?.ok()?["refresh_token"].as_str().unwrap_or_default().to_owned());
        }
        ensure!(next.len() == 1, "{next:?}");
        admin.advance(10).await?;
        ensure!(refresh(&nobody, token).await?.status == 401, "used up");
        for next in next {
            ensure!(refresh(&nobody, &next).await?.status == 401, "its session has ended");
        }
    }
    healthy(&server.stop().await?).await
}
