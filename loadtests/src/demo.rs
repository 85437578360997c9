//! `demo`: what a visitor of `up --demo` sees and when, and what it costs to leave it running.
use crate::figures::Report;
use crate::ground::Ground;
use clap::Args;
use headroom_tests::Api;
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};

const GENERATOR: &str = include_str!("../demo/generator.toml");
const RANGESPEC: &str = include_str!("../demo/rangespec.toml");
/// Error lines of the server that are repeated here.
const LOGGED: usize = 5;
const MIB: f64 = 1024.0 * 1024.0;

#[derive(Args)]
pub struct Arguments {
    /// Gives up after so many seconds; from 480 on memory and processor share of the minutes
    /// 3 to 8 are measured too.
    #[arg(long)]
    seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    seconds: u64,
    poll_milliseconds: u64,
    share_from_second: u64,
    share_to_second: u64,
}

/// Seconds after the start at which something was first seen.
#[derive(Default)]
struct Firsts {
    settled: Option<f64>,
    moved: Option<f64>,
    mismatch: Option<f64>,
}

impl Firsts {
    fn all(&self) -> bool {
        self.settled.is_some() && self.moved.is_some() && self.mismatch.is_some()
    }
    async fn look(&mut self, admin: &Api, since: Instant) -> anyhow::Result<()> {
        let elapsed = since.elapsed().as_secs_f64();
        let say = |what: &str| eprintln!("{elapsed:.1} s: {what}");
        if self.settled.is_none() && admin.list("/v1/receipts").await?.iter().any(is_delivery) {
            say("the first delivery is settled");
            self.settled = Some(elapsed);
        }
        if self.moved.is_none() || self.mismatch.is_none() {
            let swaps = admin.list("/v1/swap_history").await?;
            if self.moved.is_none() && swaps.iter().any(is_move) {
                say("the first move is done");
                self.moved = Some(elapsed);
            }
            if self.mismatch.is_none() && swaps.iter().any(is_mismatch) {
                say("the first shadow run was refused");
                self.mismatch = Some(elapsed);
            }
        }
        Ok(())
    }
}

fn is_delivery(receipt: &Value) -> bool {
    let delivered = |line: &Value| line["delivered"].as_i64().unwrap_or(0) > 0;
    receipt["lines"].as_array().is_some_and(|lines| lines.iter().any(delivered))
}

fn is_move(swap: &Value) -> bool {
    swap["state"] == "done" && swap["node_from"] != swap["node_to"]
}

fn is_mismatch(swap: &Value) -> bool {
    swap["state"] == "aborted"
        && swap["reason"] == "shadow_mismatch"
        && swap["difference_count"].as_i64().unwrap_or(0) > 0
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let generator: Generator = toml::from_str(GENERATOR)?;
    let seconds = arguments.seconds.unwrap_or(generator.seconds);
    let (_folder, launch) = Ground::Sqlite.fresh()?;
    let since = Instant::now();
    let server = launch.start().await?;
    let admin = server.api("admin")?;
    let measures_share = seconds >= generator.share_to_second;
    let mut firsts = Firsts::default();
    let mut memory = 0u64;
    let mut cpu_at_start = None;
    let mut share = None;
    while since.elapsed().as_secs() < seconds && (measures_share || !firsts.all()) {
        tokio::time::sleep(Duration::from_millis(generator.poll_milliseconds)).await;
        if !firsts.all() {
            firsts.look(&admin, since).await?;
        }
        if since.elapsed().as_secs() < generator.share_from_second || share.is_some() {
            continue;
        }
        memory = memory.max(server.memory_bytes()?);
        let (from, cpu) = *cpu_at_start.get_or_insert((Instant::now(), server.cpu_micros()?));
        if measures_share && since.elapsed().as_secs() >= generator.share_to_second {
            share = Some((server.cpu_micros()? - cpu) as f64 / from.elapsed().as_micros() as f64);
        }
    }
    let mut report = Report::default();
    report.set("scenario", "demo");
    report.set("settled_s", firsts.settled);
    report.set("moved_s", firsts.moved);
    report.set("mismatch_s", firsts.mismatch);
    for (name, seen) in [("settled_s", firsts.settled), ("moved_s", firsts.moved), ("mismatch_s", firsts.mismatch)] {
        if seen.is_none() {
            report.violations.push(format!("{name}: not seen within {seconds} s"));
        }
    }
    report.set("rss_mib", share.map(|_| memory as f64 / MIB));
    report.set("cpu_share", share);
    let rounds = admin.list("/v1/rounds").await?;
    report.set("rounds", rounds.len());
    report.set("void_rounds", rounds.iter().filter(|r| r["state"] == "void").count());
    let log = server.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    report.set("logged_errors", errors.len());
    for line in errors.iter().take(LOGGED) {
        eprintln!("the server logged: {}", line.chars().take(300).collect::<String>());
    }
    report.check(RANGESPEC)?;
    server.stop().await?;
    Ok(report)
}
