//! Clocks that went back between two starts: the market's time never does.
use crate::common::{START, Sim, healthy};
use crate::startup::explains;
use anyhow::Context;
use headroom_tests::{Launch, time};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// The same launch by the clock of the machine.
fn by_the_machine(launch: &Launch) -> anyhow::Result<Launch> {
    let mut launch = launch.clone();
    let at = launch.arguments.iter().position(|a| a == "--sim-clock").context("a simulated clock")?;
    launch.arguments.drain(at..at + 2);
    Ok(launch)
}

fn machine_seconds() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?)
}

fn seconds_of(now: &Value) -> anyhow::Result<i64> {
    now["now"].as_str().and_then(time::seconds).with_context(|| now.to_string())
}

/// Otherwise what is traded and settled then would be traded and settled again.
#[tokio::test]
async fn a_simulation_goes_on_where_it_ended() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    sim.api("admin")?.advance(300).await?;
    let launch = sim.server.stop().await?;
    assert!(launch.arguments.iter().any(|a| a == START), "it is started as before");
    let server = launch.start().await?;
    let admin = server.api("admin")?;
    let start = time::seconds(START).context("a time")?;
    assert_eq!(seconds_of(&admin.get("/v1/me").await?.ok()?)?, start + 300);
    admin.advance(180).await?;
    assert_eq!(seconds_of(&admin.get("/v1/me").await?.ok()?)?, start + 480);
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn a_market_years_ahead_of_the_machine_is_not_started() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), "2099-01-01T00:00:00Z").start().await?.stop().await?;
    let ended = by_the_machine(&launch)?.up_to_its_end().await?;
    explains(&ended, &["the clock of this machine says", "2099-01-01T00:00:00", "Nothing was started", "backup"]);
    healthy(&launch).await?;
    healthy(&launch.start().await?.stop().await?).await
}

/// As after a correction of the machine's clock: until then the market stands still, and says so.
#[tokio::test]
async fn a_market_minutes_ahead_of_the_machine_waits() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ahead = time::rfc3339(machine_seconds()? + 500);
    let launch = Launch::simulated(folder.path(), &ahead).start().await?.stop().await?;
    let server = by_the_machine(&launch)?.start().await?;
    let now = seconds_of(&server.api("admin")?.get("/v1/me").await?.ok()?)?;
    let recorded = time::seconds(&ahead).context("a time")?;
    // On a machine that needs minutes for this, that time has come.
    assert!(now >= recorded && now <= recorded.max(machine_seconds()?), "{now} beside {ahead}");
    assert!(server.log().contains("the market stands still until then"), "{}", server.log());
    healthy(&server.stop().await?).await
}
