//! `kill -9` at many virtual moments of the demo: whatever was half done ends, nothing is lost,
//! and the doctor agrees.
use crate::common::{START, Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::server::Launch;
use headroom_tests::time;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const ENDS: [&str; 7] = ["done", "aborted", "rolled_back", "infeasible", "rejected", "expired", "failed"];

/// The simulated clock begins where it is told to: later than everything stored.
pub(crate) fn set_clock(launch: &mut Launch, seconds: i64) {
    if let Some(at) = launch.arguments.iter().position(|a| a == "--sim-clock") {
        launch.arguments[at + 1] = time::rfc3339(time::seconds(START).unwrap_or(0) + seconds);
    }
}

#[tokio::test]
async fn every_swap_ends_whenever_the_process_is_killed() -> anyhow::Result<()> {
    let mut killed_in_mid_swap = 0;
    // Gates close 10 s before a minute and moves follow: many moments there, some elsewhere.
    for moment in [47, 50, 51, 52, 53, 54, 56, 60, 66, 111, 113, 125] {
        let sim = Sim::start().await?;
        let admin = sim.api("admin")?;
        admin.advance(moment).await?;
        let swaps = admin.list("/v1/swaps").await?;
        let live: Vec<String> = swaps
            .iter()
            .filter(|s| s["state"].as_str().is_some_and(|s| !ENDS.contains(&s)))
            .filter_map(|s| s["id"].as_str().map(str::to_owned))
            .collect();
        killed_in_mid_swap += usize::from(!live.is_empty());
        let orders = admin.list("/v1/bids").await?.len();
        let launch = sim.server.kill()?;
        healthy(&launch).await?;
        let mut launch = launch;
        set_clock(&mut launch, moment + 1);
        let server = launch.start().await?;
        let admin = server.api("admin")?;
        ensure!(admin.list("/v1/bids").await?.len() >= orders, "orders are gone after {moment} s");
        admin.advance(240).await?;
        let swaps = admin.list("/v1/swaps").await?;
        for id in &live {
            let state = swaps.iter().find(|s| s["id"] == id.as_str()).map(|s| s["state"].clone()).unwrap_or_default();
            ensure!(
                ["done", "aborted", "rolled_back"].iter().any(|end| state == *end),
                "killed after {moment} s: swap {id} is {state}"
            );
        }
        let receipts = admin.list("/v1/receipts").await?.len();
        ensure!(receipts > 0, "killed after {moment} s: nothing is settled afterwards");
        let launch = server.stop().await?;
        healthy(&launch).await?;
    }
    ensure!(killed_in_mid_swap > 0, "no moment met a running swap: choose others");
    Ok(())
}

/// A tenth of a second without the process must not cost a slot of what was sold.
#[tokio::test]
async fn swaps_that_wait_for_their_slot_wait_on() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    sim.api("admin")?.advance(112).await?;
    let waits =
        |swap: &&Value| swap["method"] == "resize" && (swap["state"] == "planned" || swap["state"] == "reserved");
    let swaps = sim.api("admin")?.list("/v1/swaps").await?;
    let waiting: Vec<_> = swaps.iter().filter(waits).map(|swap| swap["id"].clone()).collect();
    ensure!(!waiting.is_empty(), "nothing waits: choose another moment");
    let mut launch = sim.server.kill()?;
    set_clock(&mut launch, 113);
    let server = launch.start().await?;
    let admin = server.api("admin")?;
    admin.advance(20).await?;
    let swaps = admin.list("/v1/swaps").await?;
    for id in waiting {
        let swap = swaps.iter().find(|swap| swap["id"] == id);
        ensure!(swap.is_some_and(|swap| swap["state"] == "done"), "{swap:?}");
    }
    healthy(&server.stop().await?).await
}

/// Awarded and delivered of the receipts of a slot by workload and resource, on one side, with the causes. Of several
/// awards of a workload the first ones may have all that there was; what a bid has sold on its buyers had.
fn deliveries(receipts: &[Value], slot: &str, side: &str) -> Vec<(i64, i64, BTreeSet<String>)> {
    let of_slot = || receipts.iter().filter(|r| r["slot"] == slot && !r["instance"].is_null());
    let sold_on = |r: &&Value| {
        side == "bid" && r["side"] == "offer" && of_slot().any(|b| b["side"] == "bid" && b["order"] == r["order"])
    };
    let mut sums: BTreeMap<(String, String), (i64, i64, BTreeSet<String>)> = BTreeMap::new();
    let mut add = |receipt: &Value, sign: i64| {
        for line in receipt["lines"].as_array().into_iter().flatten() {
            let (awarded, delivered, causes) =
                sums.entry((receipt["instance"].to_string(), line["resource"].to_string())).or_default();
            *awarded += sign * line["awarded"].as_i64().unwrap_or_default();
            *delivered += sign * line["delivered"].as_i64().unwrap_or_default();
            causes.extend(receipt["cause"].as_str().map(str::to_owned));
        }
    };
    of_slot().filter(|r| r["side"] == side).for_each(|r| add(r, 1));
    of_slot().filter(sold_on).for_each(|r| add(r, -1));
    sums.into_values().collect()
}

#[tokio::test]
async fn a_slot_in_which_the_process_was_killed_is_settled_by_what_was_measured() -> anyhow::Result<()> {
    // By then forecasts have been scored often enough for automatic offers.
    const BEGIN: i64 = 18 * 60;
    let slot = time::rfc3339(time::seconds(START).unwrap_or(0) + BEGIN);
    // 30 of the slot's 60 seconds are measured; after the kill nobody looks for this long.
    for (outage, ticks_missed) in [(1, 0), (20, 4)] {
        let sim = Sim::start().await?;
        // A request has a time limit, and a machine may be busy.
        for seconds in [BEGIN / 3, BEGIN / 3, BEGIN / 3 - 120] {
            sim.api("admin")?.advance(seconds).await?;
        }
        let end = time::rfc3339(time::seconds(START).unwrap_or(0) + BEGIN + 60);
        let without_workload = json!({ "window": { "start_at": slot, "end_at": end }, "resources": { "cpu_milli": 120 },
            "pools": [{ "pool": "fra1-gp" }], "limit": "5", "resell": "never" });
        sim.api("bidder")?.post_with_key("/v1/bids", "alone", &without_workload).await?.ok()?;
        for seconds in [120, 30] {
            sim.api("admin")?.advance(seconds).await?;
        }
        let mut launch = sim.server.kill()?;
        set_clock(&mut launch, BEGIN + 30 + outage);
        let server = launch.start().await?;
        let admin = server.api("admin")?;
        admin.advance(60).await?;
        let receipts = admin.list("/v1/receipts").await?;
        let (bought, lent) = (deliveries(&receipts, &slot, "bid"), deliveries(&receipts, &slot, "offer"));
        ensure!(!bought.is_empty() && !lent.is_empty(), "nothing was traded in the slot: {receipts:?}");
        let most = 12 - ticks_missed;
        for (awarded, delivered, causes) in &bought {
            ensure!(
                delivered * 12 <= awarded * most,
                "{delivered} of {awarded} charged with {ticks_missed} of 12 missed"
            );
            ensure!((ticks_missed > 0) == causes.contains("exchange_outage") || delivered < awarded, "{causes:?}");
        }
        ensure!(bought.iter().any(|b| b.1 > 0 && b.1 == b.0 * most / 12), "nothing was delivered: {bought:?}");
        let alone =
            receipts.iter().find(|r| r["slot"] == slot.as_str() && r["instance"].is_null() && r["side"] == "bid");
        let alone = alone.context("the bid without a workload won nothing")?;
        let (line, cause) = (&alone["lines"][0], alone["cause"].as_str());
        ensure!(line["awarded"] == 120 && line["delivered"] == 10 * most, "{alone}");
        ensure!(cause == (ticks_missed > 0).then_some("exchange_outage"), "{alone}");
        ensure!(lent.iter().any(|l| l.0 > 0 && l.1 == l.0), "no lender was made whole: {lent:?}");
        healthy(&server.stop().await?).await?;
    }
    Ok(())
}
