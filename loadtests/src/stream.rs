//! `stream`: many subscribers of the event stream while orders are placed at a modest rate.
//!
//! A gap is an event whose `previous` is not the one before it; besides, every order that was
//! accepted must reach every subscriber of its participant exactly once.
use crate::figures::{Report, quantile_ms};
use crate::ground::{Ground, traders};
use clap::Args;
use headroom_tests::orders::{self, Rhythm};
use headroom_tests::time;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GENERATOR: &str = include_str!("../stream/generator.toml");
const RANGESPEC: &str = include_str!("../stream/rangespec.toml");
/// Participants that subscribers and orders are spread over.
const TRADERS: usize = 4;
/// For the last events to arrive.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    streams: Option<usize>,
    #[arg(long)]
    seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    seconds: u64,
    streams: usize,
    orders_per_second: u64,
    pool: String,
    cpu_milli: i64,
    limit: String,
}

/// What one subscriber saw.
#[derive(Default)]
struct Seen {
    previous: i64,
    events: u64,
    gaps: u64,
    duplicated: u64,
    accepted: HashSet<String>,
    delays_micros: Vec<u32>,
    ended: bool,
}

#[derive(Deserialize)]
struct Event {
    id: i64,
    previous: i64,
    #[serde(rename = "type")]
    kind: String,
    created_at: String,
    object: String,
}

impl Seen {
    fn take(&mut self, event: &Event) {
        self.events += 1;
        if event.previous != self.previous || event.id <= self.previous {
            self.gaps += 1;
        }
        self.previous = event.id;
        if event.kind == "order.accepted" {
            if !self.accepted.insert(event.object.clone()) {
                self.duplicated += 1;
            }
            let delay = now_micros() - micros(&event.created_at).unwrap_or(0);
            self.delays_micros.push(u32::try_from(delay.max(0)).unwrap_or(u32::MAX));
        }
    }
}

/// The server runs on the same machine, so its clock is this one.
fn now_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

fn micros(text: &str) -> Option<i64> {
    let whole = time::seconds(text)? * 1_000_000;
    let fraction = text.get(20..).map(|f| f.trim_end_matches('Z')).filter(|f| !f.is_empty());
    let digits = fraction.map_or(Some(0), |f| format!("{f:0<6}").get(..6)?.parse::<i64>().ok())?;
    Some(whole + digits)
}

/// Reads one stream until it ends or the run does.
async fn follow(response: reqwest::Response, seen: Rc<RefCell<Seen>>, stop: Rc<Cell<bool>>) {
    let mut response = response;
    let mut buffer = Vec::new();
    while !stop.get() {
        let chunk = match tokio::time::timeout(Duration::from_millis(500), response.chunk()).await {
            Err(_) => continue,
            Ok(Ok(Some(chunk))) => chunk,
            Ok(_) => {
                seen.borrow_mut().ended = true;
                return;
            }
        };
        buffer.extend_from_slice(&chunk);
        let Some(end) = buffer.iter().rposition(|b| *b == b'\n') else { continue };
        let rest = buffer.split_off(end + 1);
        for line in String::from_utf8_lossy(&buffer).lines() {
            let event =
                line.strip_prefix("data:").and_then(|data| serde_json::from_str::<Event>(data.trim_start()).ok());
            if let Some(event) = event {
                seen.borrow_mut().take(&event);
            }
        }
        buffer = rest;
    }
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let mut generator: Generator = toml::from_str(GENERATOR)?;
    generator.seconds = arguments.seconds.unwrap_or(generator.seconds);
    generator.streams = arguments.streams.unwrap_or(generator.streams);
    tokio::task::LocalSet::new().run_until(measure(&generator)).await
}

async fn measure(generator: &Generator) -> anyhow::Result<Report> {
    let (_folder, launch) = Ground::Sqlite.fresh()?;
    let server = launch.start().await?;
    let keys = traders(&server, TRADERS).await?;
    let stop = Rc::new(Cell::new(false));
    let mut subscribers = Vec::new();
    for n in 0..generator.streams {
        let request = server
            .nobody()
            .http
            .get(format!("{}/v1/events?topics=order.*", server.url))
            .bearer_auth(&keys[n % TRADERS]);
        let response =
            request.timeout(Duration::from_secs(generator.seconds + 120)).send().await?.error_for_status()?;
        let seen = Rc::new(RefCell::new(Seen::default()));
        tokio::task::spawn_local(follow(response, seen.clone(), stop.clone()));
        subscribers.push(seen);
    }
    eprintln!("{} streams are open", subscribers.len());
    let mut placed: Vec<HashSet<String>> = vec![HashSet::new(); TRADERS];
    let orders = generator.seconds * generator.orders_per_second;
    let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 / generator.orders_per_second.max(1)));
    let mut window = serde_json::Value::Null;
    for n in 0..orders {
        pace.tick().await;
        let trader = usize::try_from(n)? % TRADERS;
        let api = server.nobody().with(Some(&keys[trader]));
        if n % (generator.orders_per_second * 10).max(1) == 0 {
            window = Rhythm::of(&api).await?.late_window();
        }
        let bid = orders::bid(&generator.pool, &window, generator.cpu_milli, &generator.limit);
        placed[trader].insert(api.post_with_key("/v1/bids", &format!("stream-{n}"), &bid).await?.id()?);
    }
    tokio::time::sleep(SETTLE).await;
    stop.set(true);
    let report = report(generator, &subscribers, &placed)?;
    server.stop().await?;
    Ok(report)
}

fn report(
    generator: &Generator,
    subscribers: &[Rc<RefCell<Seen>>],
    placed: &[HashSet<String>],
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut delays: Vec<u32> = Vec::new();
    let (mut gaps, mut missing, mut duplicated, mut events, mut ended) = (0, 0, 0, 0, 0u64);
    for (n, subscriber) in subscribers.iter().enumerate() {
        let seen = subscriber.borrow();
        gaps += seen.gaps;
        duplicated += seen.duplicated;
        events += seen.events;
        ended += u64::from(seen.ended);
        missing += placed[n % TRADERS].difference(&seen.accepted).count() as u64;
        delays.extend(&seen.delays_micros);
    }
    report.set("scenario", "stream");
    report.set("streams", generator.streams);
    report.set("seconds", generator.seconds);
    report.set("placed", placed.iter().map(HashSet::len).sum::<usize>());
    report.set("events", events);
    report.set_rounded("p50_ms", quantile_ms(&mut delays, 0.5));
    report.set_rounded("p95_ms", quantile_ms(&mut delays, 0.95));
    report.set("gaps", gaps);
    report.set("missing", missing);
    report.set("duplicated", duplicated);
    report.set("ended_early", ended);
    report.check(RANGESPEC)?;
    Ok(report)
}
