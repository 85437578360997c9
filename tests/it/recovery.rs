//! `kill -9` at many virtual moments of the demo: whatever was half done ends, nothing is lost,
//! and the doctor agrees.
use crate::common::{Sim, healthy};
use anyhow::ensure;

const ENDS: [&str; 7] = ["done", "aborted", "rolled_back", "infeasible", "rejected", "expired", "failed"];

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
        // The simulated clock begins where it was told to: later than everything stored.
        if let Some(at) = launch.arguments.iter().position(|a| a == "--sim-clock") {
            launch.arguments[at + 1] = headroom_tests::time::rfc3339(
                headroom_tests::time::seconds(crate::common::START).unwrap_or(0) + moment + 1,
            );
        }
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
