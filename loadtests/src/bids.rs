//! `bids`: durable, acknowledged bids a second, with grouped commits and with one commit a
//! command, interleaved in one run so that a noisy machine is unfair to both.
use crate::figures::{Report, median, quantile_ms};
use crate::ground::{Ground, Kind, grounds, traders};
use crate::load::{Ask, Load, compare, listed};
use anyhow::{Context, ensure};
use clap::Args;
use headroom_tests::backing::FaultyDisk;
use headroom_tests::orders::Rhythm;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const GENERATOR: &str = include_str!("../bids/generator.toml");
const RANGESPEC: &str = include_str!("../bids/rangespec.toml");

#[derive(Args)]
pub struct Arguments {
    /// Measured seconds, both variants together.
    #[arg(long)]
    seconds: Option<u64>,
    /// Connections, each with one request under way.
    #[arg(long)]
    clients: Option<usize>,
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Kind,
    /// Each flush of SQLite's log takes so much longer, in both variants: what a commit costs here may cost ten times as
    /// much on another disk. Needs a C compiler.
    #[arg(long, value_name = "MICROSECONDS")]
    slower_flush: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    seconds: u64,
    clients: usize,
    traders: usize,
    rounds: u32,
    warm_up_seconds: u64,
    pool: String,
    cpu_milli: i64,
    limit: String,
}

/// One measured stretch on a fresh server.
#[derive(Default)]
struct Stretch {
    acked_per_s: f64,
    cpu_micros_per_ack: f64,
    mean_batch: f64,
    standstill_ms: f64,
    latencies: Vec<u32>,
    acked: u64,
    lost: u64,
    duplicated: u64,
    unexpected: u64,
    refused: BTreeMap<String, u64>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let mut generator: Generator = toml::from_str(GENERATOR)?;
    generator.seconds = arguments.seconds.unwrap_or(generator.seconds).max(u64::from(generator.rounds) * 2);
    generator.clients = arguments.clients.unwrap_or(generator.clients).max(1);
    let slower = arguments.slower_flush.map(Duration::from_micros);
    ensure!(
        slower.is_none() || arguments.database == Kind::Sqlite,
        "--slower-flush is for SQLite: PostgreSQL flushes its log in a process of its own"
    );
    let disk = slower.map(slow_disk).transpose()?;
    let mut first: Option<Report> = None;
    for ground in grounds(arguments.database)? {
        let mut report = on(&ground, &generator, disk.as_ref()).await?;
        report.check(RANGESPEC)?;
        match &mut first {
            None => first = Some(report),
            Some(first) => {
                first.violations.extend(report.violations.iter().map(|v| format!("{}: {v}", ground.name())));
                first.set(ground.name(), report.figures);
            }
        }
    }
    Ok(first.unwrap_or_default())
}

fn slow_disk(by: Duration) -> anyhow::Result<FaultyDisk> {
    let disk = FaultyDisk::new().context("a slower disk needs a C compiler")?;
    disk.is_slow("-wal", by)?;
    Ok(disk)
}

async fn on(ground: &Ground, generator: &Generator, disk: Option<&FaultyDisk>) -> anyhow::Result<Report> {
    let each = Duration::from_millis(generator.seconds * 1000 / u64::from(generator.rounds * 2));
    let (mut grouped, mut naive) = (Vec::new(), Vec::new());
    for round in 1..=generator.rounds {
        for (name, max_batch, stretches) in [("grouped", None, &mut grouped), ("naive", Some("1"), &mut naive)] {
            let stretch = stretch(ground, generator, disk, each, max_batch).await?;
            eprintln!(
                "{} {name} {round}/{}: {:.0} acked/s, {:.0} µs CPU an ack, {:.1} bids decided at once, {:.0} ms longest standstill",
                ground.name(),
                generator.rounds,
                stretch.acked_per_s,
                stretch.cpu_micros_per_ack,
                stretch.mean_batch,
                stretch.standstill_ms
            );
            stretches.push(stretch);
        }
    }
    Ok(figures(ground, generator, &mut grouped, &mut naive))
}

fn figures(ground: &Ground, generator: &Generator, grouped: &mut [Stretch], naive: &mut [Stretch]) -> Report {
    let middle = |stretches: &[Stretch], of: fn(&Stretch) -> f64| median(&stretches.iter().map(of).collect::<Vec<_>>());
    let mut report = Report::default();
    let (fast, slow) = (middle(grouped, |s| s.acked_per_s), middle(naive, |s| s.acked_per_s));
    let mut latencies: Vec<u32> = grouped.iter_mut().flat_map(|s| std::mem::take(&mut s.latencies)).collect();
    let mut naive_latencies: Vec<u32> = naive.iter_mut().flat_map(|s| std::mem::take(&mut s.latencies)).collect();
    report.set("scenario", "bids");
    report.set("database", ground.name());
    report.set("clients", generator.clients);
    report.set("seconds", generator.seconds);
    report.set_rounded("acked_per_s", fast);
    report.set_rounded("p50_ms", quantile_ms(&mut latencies, 0.5));
    report.set_rounded("p99_ms", quantile_ms(&mut latencies, 0.99));
    report.set_rounded("naive_acked_per_s", slow);
    report.set_rounded("naive_p50_ms", quantile_ms(&mut naive_latencies, 0.5));
    report.set_rounded("naive_p99_ms", quantile_ms(&mut naive_latencies, 0.99));
    report.set_rounded("ratio", if slow > 0.0 { fast / slow } else { 0.0 });
    report.set_rounded("server_cpu_us_per_ack", middle(grouped, |s| s.cpu_micros_per_ack));
    report.set_rounded("naive_server_cpu_us_per_ack", middle(naive, |s| s.cpu_micros_per_ack));
    report.set_rounded("mean_batch", middle(grouped, |s| s.mean_batch));
    report.set_rounded("standstill_ms", middle(grouped, |s| s.standstill_ms));
    report.set_rounded("naive_standstill_ms", middle(naive, |s| s.standstill_ms));
    report.set_rounded("naive_mean_batch", middle(naive, |s| s.mean_batch));
    let all = || grouped.iter().chain(naive.iter());
    report.set("acked", all().map(|s| s.acked).sum::<u64>());
    report.set("lost", all().map(|s| s.lost).sum::<u64>());
    report.set("duplicated", all().map(|s| s.duplicated).sum::<u64>());
    report.set("unexpected", all().map(|s| s.unexpected).sum::<u64>());
    report.set("refused", all().flat_map(|s| s.refused.values()).sum::<u64>());
    let mut refusals = BTreeMap::new();
    for (code, count) in all().flat_map(|s| &s.refused) {
        *refusals.entry(code.clone()).or_insert(0u64) += count;
    }
    report.set("refusals", serde_json::json!(refusals));
    report
}

async fn stretch(
    ground: &Ground,
    generator: &Generator,
    disk: Option<&FaultyDisk>,
    each: Duration,
    max_batch: Option<&str>,
) -> anyhow::Result<Stretch> {
    let (_folder, mut launch) = ground.fresh()?;
    if let Some(disk) = disk {
        launch = disk.under(launch);
    }
    if let Some(max_batch) = max_batch {
        launch = launch.variable("HEADROOM_SEQUENCER_MAX_BATCH", max_batch);
    }
    let server = launch.start().await?;
    let keys = traders(&server, generator.traders).await?;
    let admin = server.api("admin")?;
    let window = Rhythm::of(&admin).await?.late_window();
    let ask = Ask { pool: generator.pool.clone(), cpu_milli: generator.cpu_milli, limit: generator.limit.clone() };
    let tag = "bids";
    let local = tokio::task::LocalSet::new();
    let (log, began, ended, cpu) = local
        .run_until(async {
            let load = Load::start(&server.url, &keys, generator.clients, tag, &ask, &window).await?;
            tokio::time::sleep(Duration::from_secs(generator.warm_up_seconds)).await;
            let (started, cpu) = (Instant::now(), server.cpu_micros()?);
            load.measure(true);
            tokio::time::sleep(each).await;
            load.measure(false);
            let (ended, cpu) = (Instant::now(), server.cpu_micros()? - cpu);
            anyhow::Ok((load.finish().await?, started, ended, cpu))
        })
        .await?;
    let there = listed(&admin, tag).await?;
    let comparison = compare(&log, &there, &ask);
    let measured = log.latencies_micros.len() as f64;
    server.stop().await?;
    Ok(Stretch {
        acked_per_s: measured / (ended - began).as_secs_f64(),
        cpu_micros_per_ack: cpu as f64 / measured.max(1.0),
        mean_batch: comparison.there as f64 / comparison.batches.max(1) as f64,
        standstill_ms: log.standstill(began, ended).as_secs_f64() * 1000.0,
        acked: log.acked.len() as u64,
        lost: comparison.lost,
        duplicated: comparison.duplicated,
        unexpected: comparison.unexpected + comparison.changed + log.unanswered.len() as u64,
        refused: log.refused,
        latencies: log.latencies_micros,
    })
}
