//! `crash`: load, `kill -9` in mid-load, restart on the same data, compare with the clients'
//! own log, let the doctor look; again and again on the same data.
use crate::figures::Report;
use crate::ground::{Ground, Kind, grounds, traders};
use crate::load::{Ask, Load, compare, listed};
use clap::Args;
use headroom_tests::orders::Rhythm;
use serde::Deserialize;
use std::time::Duration;

const GENERATOR: &str = include_str!("../crash/generator.toml");
const RANGESPEC: &str = include_str!("../crash/rangespec.toml");

#[derive(Args)]
pub struct Arguments {
    /// How often the server is killed.
    #[arg(long)]
    rounds: Option<u32>,
    #[arg(long)]
    clients: Option<usize>,
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Kind,
    /// Kills PostgreSQL (`pg_ctl stop -m immediate`) instead of the server, which must then
    /// end by itself and never acknowledge what is not stored.
    #[arg(long)]
    kill_database: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    rounds: u32,
    clients: usize,
    traders: usize,
    load_milliseconds: [u64; 2],
    pool: String,
    cpu_milli: i64,
    limit: String,
}

#[derive(Default)]
struct Sums {
    kills: u64,
    acked: u64,
    unanswered: u64,
    unanswered_there: u64,
    lost: u64,
    duplicated: u64,
    changed: u64,
    half_there: u64,
    doctor_failures: u64,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let mut generator: Generator = toml::from_str(GENERATOR)?;
    generator.rounds = arguments.rounds.unwrap_or(generator.rounds);
    generator.clients = arguments.clients.unwrap_or(generator.clients).max(1);
    let kind = if arguments.kill_database { Kind::Postgres } else { arguments.database };
    let mut first: Option<Report> = None;
    for ground in grounds(kind)? {
        let sums = on(&ground, &generator, arguments.kill_database).await?;
        let mut report = report(&ground, &generator, &sums);
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

fn report(ground: &Ground, generator: &Generator, sums: &Sums) -> Report {
    let mut report = Report::default();
    report.set("scenario", "crash");
    report.set("database", ground.name());
    report.set("clients", generator.clients);
    report.set("kills", sums.kills);
    report.set("acked", sums.acked);
    report.set("unanswered", sums.unanswered);
    report.set("unanswered_there", sums.unanswered_there);
    report.set("lost", sums.lost);
    report.set("duplicated", sums.duplicated);
    report.set("changed", sums.changed);
    report.set("half_there", sums.half_there);
    report.set("doctor_failures", sums.doctor_failures);
    report
}

async fn on(ground: &Ground, generator: &Generator, kill_database: bool) -> anyhow::Result<Sums> {
    let (_folder, launch) = ground.fresh()?;
    let ask = Ask { pool: generator.pool.clone(), cpu_milli: generator.cpu_milli, limit: generator.limit.clone() };
    let mut sums = Sums::default();
    let mut server = launch.start().await?;
    let keys = traders(&server, generator.traders).await?;
    let [shortest, longest] = generator.load_milliseconds;
    for round in 0..generator.rounds {
        let tag = format!("crash-{round}");
        let admin = server.api("admin")?;
        let window = Rhythm::of(&admin).await?.late_window();
        // Kills are spread evenly over the time, so that they meet every part of a commit.
        let load_time = Duration::from_millis(shortest + (longest - shortest) * u64::from(round * 7919 % 101) / 100);
        let local = tokio::task::LocalSet::new();
        let (log, launch) = local
            .run_until(async {
                let load = Load::start(&server.url, &keys, generator.clients, &tag, &ask, &window).await?;
                tokio::time::sleep(load_time).await;
                if let (true, Ground::Postgres(cluster)) = (kill_database, ground) {
                    cluster.stop_immediately()?;
                    let log = load.finish().await?;
                    let launch = server.kill()?;
                    cluster.start_again()?;
                    return anyhow::Ok((log, launch));
                }
                let launch = server.kill()?;
                Ok((load.finish().await?, launch))
            })
            .await?;
        sums.kills += 1;
        let doctor = launch.run("doctor").await?;
        if doctor.code != Some(0) {
            sums.doctor_failures += 1;
            eprintln!("doctor: {}{}", doctor.stdout, doctor.stderr);
        }
        server = launch.start().await?;
        let there = listed(&server.api("admin")?, &format!("{tag}-")).await?;
        let comparison = compare(&log, &there, &ask);
        sums.acked += log.acked.len() as u64;
        sums.unanswered += log.unanswered.len() as u64;
        sums.unanswered_there +=
            there.iter().filter(|o| o.client_bid_id.as_ref().is_some_and(|c| log.unanswered.contains(c))).count()
                as u64;
        sums.lost += comparison.lost;
        sums.duplicated += comparison.duplicated;
        sums.changed += comparison.changed;
        sums.half_there += comparison.unexpected;
        eprintln!(
            "{} kill {}/{}: after {} ms, {} acked, {} unanswered, {} lost, {} duplicated, doctor {:?}",
            ground.name(),
            round + 1,
            generator.rounds,
            load_time.as_millis(),
            log.acked.len(),
            log.unanswered.len(),
            comparison.lost,
            comparison.duplicated,
            doctor.code
        );
        // Keeps the traders below their limit of open orders, and the books small.
        for key in &keys {
            server.nobody().with(Some(key)).act("/v1/bids/cancel_all").await?.ok()?;
        }
    }
    server.stop().await?;
    Ok(sums)
}
