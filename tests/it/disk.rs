//! Disks that refuse what they are to keep, or stand still: nothing that was acknowledged is lost, and nobody is told that
//! something was not done which may have been.
use crate::common::{START, healthy};
use anyhow::Context;
use headroom_tests::backing::{FaultyDisk, SmallDisk};
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Api, Launch, Server, skip};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use std::path::Path;

/// A server on a disk that works, somebody who bids there, and a bid; `None` where there can be no such disk.
async fn start(folder: &Path) -> anyhow::Result<Option<(FaultyDisk, Server, Api, Value)>> {
    let disk = match FaultyDisk::new() {
        Ok(disk) => disk,
        Err(error) => {
            skip("disk: refused and stalled flushes", &format!("{error:#}"));
            return Ok(None);
        }
    };
    let server = disk.under(Launch::simulated(folder, START)).start().await?;
    let api = trader(&server.api("admin")?, "disk", "100").await?;
    let window = Rhythm::of(&api).await?.late_window();
    Ok(Some((disk, server, api, bid("fra1-gp", &window, 1, "0.000001"))))
}

async fn bids(server: &Server, api: &Api) -> anyhow::Result<Vec<String>> {
    let there = server.nobody().with(api.bearer.as_deref()).list("/v1/bids").await?;
    Ok(there.iter().filter_map(|o| o["id"].as_str().map(str::to_owned)).collect())
}

#[tokio::test]
async fn a_flush_of_the_log_that_fails_ends_the_process_and_loses_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some((disk, server, api, bid)) = start(folder.path()).await? else { return Ok(()) };
    let mut acked = Vec::new();
    for n in 0..5 {
        acked.push(api.post_with_key("/v1/bids", &format!("sure-{n}"), &bid).await?.id()?);
    }
    disk.fails("-wal")?;
    // Either there is an answer, which says that it may have been done, or none.
    if let Ok(reply) = api.post_with_key("/v1/bids", "unsure", &bid).await {
        assert_eq!((reply.status, reply.code().as_str()), (503, "outcome_unknown"), "{}", reply.text);
    }
    let (code, log, launch) = server.ended().await?;
    assert!(matches!(code, Some(1..=100)), "it ends with an error: {code:?}");
    assert!(!log.contains("panicked") && log.contains("headroom:"), "{log}");
    disk.works()?;
    let server = launch.start().await?;
    let there = bids(&server, &api).await?;
    assert!(acked.iter().all(|id| there.contains(id)), "acknowledged bids are lost: {there:?}");
    let api = server.nobody().with(api.bearer.as_deref());
    let again = api.post_with_key("/v1/bids", "unsure", &bid).await?.id()?;
    let there = bids(&server, &api).await?;
    assert_eq!((there.len(), there.contains(&again)), (6, true), "the same key is the same bid");
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn a_database_that_cannot_be_flushed_leaves_the_log_whole() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some((disk, server, api, bid)) = start(folder.path()).await? else { return Ok(()) };
    let acked = api.post_with_key("/v1/bids", "sure", &bid).await?.id()?;
    disk.fails("headroom.db")?;
    // At the end the log goes into the database, which is flushed.
    server.signal(rustix::process::Signal::TERM)?;
    let (_, log, launch) = server.ended().await?;
    assert!(!log.contains("panicked"), "{log}");
    let kept = std::fs::metadata(folder.path().join("headroom.db-wal")).map(|m| m.len()).unwrap_or_default();
    assert!(kept > 0, "the log is all there is of what the disk refused: {log}");
    disk.works()?;
    // As after a power failure that took what was never flushed: the log brings it back.
    let server = launch.start().await?;
    assert_eq!(bids(&server, &api).await?, [acked]);
    healthy(&server.stop().await?).await
}

/// The log becomes long, is copied into the database while bids go on, and the database cannot be flushed.
#[tokio::test]
async fn a_long_log_that_cannot_be_copied_ends_the_process_and_loses_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some((disk, server, api, bid)) = start(folder.path()).await? else { return Ok(()) };
    disk.fails("headroom.db")?;
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let (api, bid) = (api.clone(), bid.clone());
            tokio::spawn(async move {
                let mut acked = Vec::new();
                // A participant may have 10,000 open: what is cancelled makes room.
                for n in 0..4_000 {
                    let Ok(placed) = api.post_with_key("/v1/bids", &format!("{client}-{n}"), &bid).await else { break };
                    if placed.status != 201 {
                        break;
                    }
                    let Ok(id) = placed.id() else { break };
                    let Ok(cancelled) = api.delete(&format!("/v1/bids/{id}")).await else { break };
                    acked.push((id, cancelled.status == 200));
                    if cancelled.status != 200 {
                        break;
                    }
                }
                acked
            })
        })
        .collect();
    let mut acked = Vec::new();
    for client in clients {
        acked.extend(client.await?);
    }
    let (code, log, launch) = server.ended().await?;
    assert!(matches!(code, Some(1..=100)), "it ends with an error: {code:?}");
    assert!(log.contains("the disk refused what was copied into the database"), "{log}");
    disk.works()?;
    let server = launch.start().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    for (id, cancelled) in acked.iter().rev().take(200) {
        let order = api.get(&format!("/v1/bids/{id}")).await?.ok()?;
        assert!(!cancelled || order["status"] == "canceled", "{order}");
    }
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn while_the_disk_stands_still_nothing_is_acknowledged_and_the_server_says_so() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some((disk, server, api, bid)) = start(folder.path()).await? else { return Ok(()) };
    disk.stands_still("-wal")?;
    // Enough for several transactions, which all wait for one flush; and each bid is sent twice, once more while the
    // first one waits.
    let mut waiting = Vec::new();
    for n in (0..24).chain(0..24) {
        let (api, bid) = (api.clone(), bid.clone());
        let sent = async move { api.post_with_key("/v1/bids", &format!("waits-{n}"), &bid).await };
        waiting.push(tokio::spawn(sent));
    }
    // Who looks after the server hears of it, and pages answer, however long the disk takes.
    let nobody = server.nobody();
    loop {
        let ready = nobody.get("/readyz").await?;
        if ready.status == 503 {
            assert!(ready.text.contains("disk") || ready.text.contains("commit"), "{}", ready.text);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(nobody.get("/").await?.status, 200);
    assert!(!waiting.iter().any(|w| w.is_finished()), "a bid is acknowledged that is not on the disk");
    disk.works()?;
    let mut placed = Vec::new();
    for bid in waiting {
        placed.push(bid.await??.id()?);
    }
    let again = placed.split_off(24);
    assert_eq!(placed, again, "a key that is sent twice is one bid");
    let mut there = bids(&server, &api).await?;
    there.sort();
    placed.sort();
    assert_eq!(there, placed);
    healthy(&server.stop().await?).await
}

/// A limit on the size of files (`ulimit -f`) is a full disk: the process says so, and nothing that was acknowledged is lost.
#[tokio::test]
async fn a_file_that_may_not_grow_loses_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Launch::simulated(folder.path(), START).start().await?;
    let api = trader(&server.api("admin")?, "limited", "100").await?;
    let window = Rhythm::of(&api).await?.late_window();
    let bid = bid("fra1-gp", &window, 1, "0.000001");
    let mut acked = vec![api.post_with_key("/v1/bids", "first", &bid).await?.id()?];
    let log = std::fs::metadata(folder.path().join("headroom.db-wal"))?.len();
    let most = Rlimit { current: Some(log + 200_000), maximum: Some(log + 200_000) };
    let pid = Pid::from_raw(i32::try_from(server.pid())?).context("no process id")?;
    prlimit(Some(pid), Resource::Fsize, most)?;
    for n in 0.. {
        match api.post_with_key("/v1/bids", &format!("grows-{n}"), &bid).await {
            Ok(reply) if reply.is_success() => acked.push(reply.id()?),
            _ => break,
        }
        anyhow::ensure!(n < 5_000, "the log never reached its limit");
    }
    let (code, log, launch) = server.ended().await?;
    assert!(matches!(code, Some(1..=100)), "it ends with an error and not by a signal: {code:?} {log}");
    assert!(!log.contains("panicked") && log.contains("headroom:"), "{log}");
    let server = launch.start().await?;
    let there = bids(&server, &api).await?;
    assert!(acked.iter().all(|id| there.contains(id)), "acknowledged bids are lost");
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn a_start_on_a_full_disk_says_so() -> anyhow::Result<()> {
    let disk = match SmallDisk::mount(8 * 1024 * 1024) {
        Ok(disk) => disk,
        Err(error) => {
            skip("disk: a start on a full one", &format!("{error:#}"));
            return Ok(());
        }
    };
    let ballast = disk.path().join("ballast");
    // Room for the files themselves, not for what a demo writes into them.
    std::fs::write(&ballast, vec![0u8; 7_900_000])?;
    let launch = Launch::simulated(disk.path(), START);
    let ended = launch.up_to_its_end().await?;
    assert!(matches!(ended.code, Some(1..=100)), "{:?}: {}", ended.code, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(ended.stderr.contains("disk"), "{}", ended.stderr);
    Ok(())
}

/// Members leave the market the last of the disk: it goes on, and what they have open they can cancel.
#[tokio::test]
async fn on_a_disk_that_is_nearly_full_the_market_goes_on_without_new_orders() -> anyhow::Result<()> {
    const MIB: u64 = 1 << 20;
    let disk = match SmallDisk::mount(96 * MIB) {
        Ok(disk) => disk,
        Err(error) => {
            skip("disk: nearly full", &format!("{error:#}"));
            return Ok(());
        }
    };
    let launch = Launch::simulated(disk.path(), START).variable("HEADROOM_DISK_RESERVE_MIB", "40");
    let server = launch.start().await?;
    let (admin, api) = (server.api("admin")?, trader(&server.api("admin")?, "nearly-full", "100").await?);
    let window = Rhythm::of(&api).await?.late_window();
    let bid = bid("fra1-gp", &window, 1, "0.000001");
    let open = api.post_with_key("/v1/bids", "before", &bid).await?.id()?;
    let ballast = disk.path().join("ballast");
    let refused = loop {
        // In steps, whatever the database itself takes; what is free is looked at once a second.
        let so_far = std::fs::metadata(&ballast).map_or(0, |m| m.len());
        anyhow::ensure!(so_far < 90 * MIB, "it was never refused");
        std::fs::write(&ballast, vec![0u8; usize::try_from(so_far + 8 * MIB)?])?;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let reply = api.post_with_key("/v1/bids", &format!("at-{so_far}"), &bid).await?;
        if reply.status != 201 {
            break reply;
        }
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "disk_nearly_full"), "{}", refused.text);
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(api.delete(&format!("/v1/bids/{open}")).await?.status, 200, "cancelling goes on");
    let before = admin.get("/v1/rounds?limit=1").await?.ok()?["data"][0]["number"].as_i64();
    admin.advance(20).await?;
    let after = admin.get("/v1/rounds?limit=1").await?.ok()?["data"][0]["number"].as_i64();
    assert!(after > before, "rounds go on: {before:?} {after:?}");
    let ready = server.nobody().get("/readyz").await?;
    assert_eq!(ready.status, 200);
    assert!(ready.text.contains("MiB are free"), "{}", ready.text);
    std::fs::remove_file(&ballast)?;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(api.post_with_key("/v1/bids", "after", &bid).await?.status, 201);
    healthy(&server.stop().await?).await
}
