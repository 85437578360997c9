//! What the doctor and `replay` say of data that something other than the market has changed: which row of which table.
use crate::common::{START, Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::backing::Postgres;
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Finished, Launch, skip};
use serde_json::json;
use std::path::Path;

/// A damage: the table that is named, and the statement.
const DAMAGES: [(&str, &str); 20] = [
    (
        "transfers",
        "UPDATE transfers SET amount = amount + 1 WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 'hold')",
    ),
    ("transfers", "DELETE FROM transfers WHERE sequence = (SELECT MAX(sequence) FROM transfers)"),
    ("transfers", "UPDATE transfers SET debit = 'exchange/escrow' WHERE kind = 'grant'"),
    (
        "transfers",
        "UPDATE transfers SET recorded_at = recorded_at - 60000000 WHERE id = (SELECT MAX(id) FROM transfers)",
    ),
    ("transfers", "UPDATE transfers SET sequence = sequence + 1 WHERE id = (SELECT MAX(id) FROM transfers)"),
    (
        "receipts",
        "UPDATE receipts SET document = REPLACE(document, '\"delivered\":', '\"delivered\":9') WHERE id = (SELECT MIN(id) FROM receipts)",
    ),
    ("receipts", "DELETE FROM receipts WHERE id = (SELECT MAX(id) FROM receipts)"),
    ("orders", "DELETE FROM orders WHERE id = (SELECT MIN(id) FROM orders WHERE live = 0)"),
    ("orders", "UPDATE orders SET status = 'open' WHERE id = (SELECT MIN(id) FROM orders WHERE status = 'canceled')"),
    ("awards", "UPDATE awards SET participant = 'par_0' WHERE id = (SELECT MIN(id) FROM awards)"),
    ("swaps", "DELETE FROM swaps WHERE id = (SELECT MIN(id) FROM swaps WHERE live = 0)"),
    (
        "rounds",
        "UPDATE rounds SET document = REPLACE(document, '\"awards\":', '\"awards\":1') WHERE id = (SELECT MIN(id) FROM rounds WHERE live = 0)",
    ),
    (
        "audit_events",
        "UPDATE audit_events SET document = REPLACE(document, '\"name\":\"', '\"name\":\"Not ') WHERE id = (SELECT MAX(id) FROM audit_events)",
    ),
    ("audit_events", "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events ORDER BY id LIMIT 3)"),
    ("outbox", "UPDATE outbox SET data = '{}' WHERE kind = 'round.awarded'"),
    (
        "outbox",
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE kind <> 'balance.changed' ORDER BY id LIMIT 3)",
    ),
    ("outbox", "DELETE FROM outbox WHERE id = (SELECT MAX(id) FROM outbox WHERE kind = 'balance.changed')"),
    ("round_archive", "DELETE FROM round_archive WHERE round = (SELECT MIN(round) + 1 FROM round_archive)"),
    (
        "round_archive",
        "UPDATE round_archive SET book = (SELECT book FROM round_archive WHERE round = (SELECT MAX(round) FROM round_archive)) WHERE round = (SELECT MIN(round) FROM round_archive)",
    ),
    (
        "round_archive",
        "UPDATE round_archive SET (book, outcome, result_hash) = (SELECT book, outcome, result_hash FROM round_archive WHERE round = (SELECT MAX(round) FROM round_archive)) WHERE round = (SELECT MIN(round) FROM round_archive)",
    ),
];

/// Some slots of the demo, with a second user's doings in them.
async fn some_slots(launch: &Launch) -> anyhow::Result<()> {
    let server = launch.start().await?;
    let admin = server.api("admin")?;
    admin.advance(200).await?;
    let buyer = trader(&admin, "proven", "100").await?;
    let order = bid("fra1-gp", &Rhythm::of(&admin).await?.late_window(), 100_000, "5");
    let placed = buyer.post_with_key("/v1/bids", "one", &order).await?.id()?;
    buyer.delete(&format!("/v1/bids/{placed}")).await?;
    buyer.post_with_key("/v1/bids", "two", &order).await?.ok()?;
    admin.post("/v1/pools/ams1-lp/halt", &json!({ "reason": "a fan is loud" })).await?.ok()?;
    admin.act("/v1/pools/ams1-lp/resume").await?.ok()?;
    admin.advance(120).await?;
    server.stop().await?;
    // What is known only to the process is not missed after a restart.
    let server = launch.start().await?;
    server.api("admin")?.advance(60).await?;
    server.stop().await?;
    Ok(())
}

fn named(found: &Finished, table: &str, damage: &str) -> anyhow::Result<()> {
    ensure!(found.code == Some(4), "{damage}: ended with {:?}: {}{}", found.code, found.stdout, found.stderr);
    let begins = format!("BAD: {table}: ");
    ensure!(found.stdout.starts_with(&begins), "{damage}: {begins:?} is not what was said: {}", found.stdout);
    Ok(())
}

async fn both(launch: &Launch, table: &str, damage: &str) -> anyhow::Result<()> {
    named(&launch.run("doctor").await?, table, damage)?;
    if table == "round_archive" {
        named(&launch.run("replay").await?, table, damage)?;
    }
    Ok(())
}

fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for name in ["headroom.db", "observations.db"] {
        std::fs::copy(from.join(name), to.join(name)).with_context(|| name.to_owned())?;
    }
    Ok(())
}

#[tokio::test]
async fn every_damage_is_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (whole, copy) = (folder.path().join("whole"), folder.path().join("copy"));
    let launch = Launch::simulated(&whole, START);
    some_slots(&launch).await?;
    let found = launch.run("doctor").await?;
    ensure!(found.code == Some(0), "{}{}", found.stdout, found.stderr);
    for words in ["transfers", "receipts", "audit events", "events of the stream", "archived rounds"] {
        let count = found.stdout.split(words).next().and_then(|before| before.split_whitespace().last());
        let count: u64 = count.and_then(|count| count.parse().ok()).with_context(|| found.stdout.clone())?;
        ensure!(count > 5, "{words}: {}", found.stdout);
    }
    let damaged = Launch { data: copy.clone(), ..Launch::default() };
    for (table, damage) in DAMAGES {
        copied(&whole, &copy)?;
        let database = rusqlite::Connection::open(copy.join("headroom.db"))?;
        let changed = database.execute(damage, []).with_context(|| damage.to_owned())?;
        ensure!(changed > 0, "{damage} changes nothing");
        database.close().map_err(|(_, error)| error)?;
        both(&damaged, table, damage).await?;
    }
    copied(&whole, &copy)?;
    healthy(&damaged).await
}

#[tokio::test]
async fn every_damage_is_named_on_postgres() -> anyhow::Result<()> {
    let cluster = match Postgres::start() {
        Ok(cluster) => cluster,
        Err(error) => {
            skip("proofs: every damage is named", &format!("{error:#}"));
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let url = cluster.database("whole")?;
    some_slots(&Launch::simulated(folder.path(), START).variable("DATABASE_URL", &url)).await?;
    let reader =
        |url: &str| Launch { data: folder.path().to_owned(), ..Launch::default() }.variable("DATABASE_URL", url);
    healthy(&reader(&url)).await?;
    for (number, (table, damage)) in DAMAGES.into_iter().enumerate() {
        let name = format!("copy{number}");
        cluster.execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE whole"))?;
        cluster.execute(&name, damage)?;
        both(&reader(&url.replace("/whole", &format!("/{name}"))), table, damage).await?;
    }
    Ok(())
}

/// The stream keeps a week: what is forgotten on purpose is not missed, and what is not is.
#[tokio::test]
async fn what_was_pruned_is_not_missed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START);
    let server = launch.start().await?;
    let admin = server.api("admin")?;
    admin.advance(60).await?;
    server.stop().await?;
    // The same market a week later: nobody waits for ten thousand slots.
    let later = "2026-11-27T12:00:00Z";
    let launch = Launch::simulated(folder.path(), later);
    let server = launch.start().await?;
    server.api("admin")?.advance(120).await?;
    let launch = server.stop().await?;
    let database = rusqlite::Connection::open(folder.path().join("headroom.db"))?;
    let before = "2026-11-20T11:00:00Z";
    let pruned = database
        .execute("DELETE FROM outbox WHERE created_at < CAST(strftime('%s', ?1) AS INTEGER) * 1000000", [before])?;
    ensure!(pruned > 0, "nothing was pruned");
    healthy(&launch).await?;
    let newest = database.execute("DELETE FROM outbox", [])?;
    ensure!(newest > 0, "there was something left");
    drop(database);
    named(&launch.run("doctor").await?, "outbox", "all events gone")
}

/// A market that goes on is read as it is at one moment.
#[tokio::test]
async fn a_market_that_goes_on_can_be_checked() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Launch::demo(folder.path()).start().await?;
    let launch = server.launch.clone();
    for _ in 0..3 {
        healthy(&launch).await?;
    }
    server.stop().await?;
    Ok(())
}

/// Opening and lines are of the transfers, closing is of the balances: a transfer that is changed behind the server's back
/// shows on the statement of whoever it was of, whenever it was.
#[tokio::test]
async fn a_changed_transfer_shows_on_the_statement() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    admin.advance(180).await?;
    let buyer = sim.api("bidder")?;
    let now = admin.get("/v1/me").await?.ok()?["now"].as_str().context("now")?.to_owned();
    // The whole time, what is over, and what began after the row that will be changed.
    let periods = [
        "from=2026-11-20T00:00:00Z&to=2026-11-30T00:00:00Z".to_owned(),
        format!("from=2026-11-20T00:00:00Z&to={now}"),
        format!("from={now}&to=2026-11-30T00:00:00Z"),
        "from=2026-11-20T00:00:00Z&to=2026-11-20T10:00:00Z".to_owned(),
    ];
    let differences = async || -> anyhow::Result<Vec<String>> {
        let mut all = Vec::new();
        for period in &periods {
            let statement = buyer.get(&format!("/v1/statements?{period}")).await?.ok()?;
            all.push(statement["difference"].as_str().context("difference")?.to_owned());
        }
        Ok(all)
    };
    assert_eq!(differences().await?, ["0.000000"; 4]);
    let me = sim.server.participant("bidder", 0)?;
    let database = rusqlite::Connection::open(sim.folder.path().join("headroom.db"))?;
    let changed = database.execute(
        "UPDATE transfers SET amount = amount + 1500000 WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 'grant' AND credit = ?1)",
        [format!("{me}/available")],
    )?;
    assert_eq!(changed, 1);
    assert_eq!(differences().await?, ["1.500000"; 4]);
    Ok(())
}
