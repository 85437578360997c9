//! `market`: a long life under the simulated clock. No swap takes a workload under its floor, every swap
//! ends, nobody is moved to and fro, the ledger sums to nothing; and how often what was lent was needed.
use crate::figures::Report;
use crate::ground::Ground;
use clap::Args;
use headroom_tests::{Api, Launch};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const GENERATOR: &str = include_str!("../market/generator.toml");
const RANGESPEC: &str = include_str!("../market/rangespec.toml");
const START: &str = "2026-11-20T00:00:00Z";
/// Telemetry is taken this often.
const TICK_SECONDS: i64 = 5;
const PROCESSORS: &str = "cpu_milli";
/// A swap that has not ended so many slots after the one that it is for never will.
const SLOTS_TO_END: i64 = 4;
/// Who goes back to where it came from within so many slots was moved for nothing.
const SLOTS_TO_STAY: i64 = 3;

#[derive(Args)]
pub struct Arguments {
    /// Ends after so many rounds.
    #[arg(long)]
    rounds: Option<u64>,
    /// The trace begins so many slots later: other demand for the same market.
    #[arg(long, default_value_t = 0)]
    trace_from: u64,
    /// Leaves the data in this folder, which must not exist yet.
    #[arg(long)]
    keep: Option<std::path::PathBuf>,
    /// Writes a line for each pool and slot with lenders to this file: the slot of the trace, the price of
    /// processors, whether it is among the dearest tenth, ticks of lenders, those in need, what was lent.
    #[arg(long, value_name = "FILE.csv")]
    slots: Option<std::path::PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    rounds: u64,
    step_seconds: i64,
}

/// Workloads that had lent, in one pool and slot.
#[derive(Default)]
struct Lenders {
    ticks: u64,
    /// Ticks in which a workload needed what it had lent, or waited for processors.
    in_need: u64,
    /// Those of them in which it needed no more than it had of what it had lent: it waited for processors
    /// that it had lent none of.
    only_waiting: u64,
    /// By resource, what was missing from baselines: unit-ticks.
    lent: BTreeMap<String, i64>,
}

/// A pool, and the second in which a slot begins.
type PoolSlot = (String, i64);

/// A share of the lenders' ticks, and how sure it is.
#[derive(Debug, PartialEq)]
struct Needed {
    share: f64,
    /// Standard error, with errors clustered by pool and hour: need comes in runs, and to many at once.
    error: f64,
    clusters: usize,
}

impl Needed {
    fn of<'a>(lenders: impl Iterator<Item = (&'a PoolSlot, &'a Lenders)>) -> Self {
        let mut clusters: BTreeMap<(&str, i64), (f64, f64)> = BTreeMap::new();
        for ((pool, slot), lenders) in lenders {
            let (ticks, in_need) = clusters.entry((pool, slot / 3_600)).or_default();
            *ticks += lenders.ticks as f64;
            *in_need += lenders.in_need as f64;
        }
        let (all, in_need) = clusters.values().fold((0.0, 0.0), |(a, n), c| (a + c.0, n + c.1));
        let share = in_need / f64::max(all, 1.0);
        let squares: f64 = clusters.values().map(|(ticks, in_need)| (in_need - share * ticks).powi(2)).sum();
        Self { share, error: squares.sqrt() / all.max(1.0), clusters: clusters.len() }
    }
}

/// A share in percent, with three digits.
fn percent(share: f64) -> f64 {
    (share * 1e5).round() / 1e3
}

/// What is looked at after each virtual minute.
#[derive(Default)]
struct Watch {
    seen: BTreeSet<String>,
    by_end: BTreeMap<String, u64>,
    under_a_floor: u64,
    /// By workload, its last move: slot, from, to.
    last_move: BTreeMap<String, (i64, String, String)>,
    /// By workload in another pool, the second at which the orders end that took it there.
    away_until: BTreeMap<String, i64>,
    moves: u64,
    moves_home: u64,
    moves_back: u64,
    /// Prices of processors by pool and slot, as last published.
    prices: BTreeMap<PoolSlot, f64>,
    lenders: BTreeMap<PoolSlot, Lenders>,
    last_tick: String,
    rounds: u64,
    void: u64,
}

/// When the orders end that take a workload to another pool; nothing of another swap.
async fn orders_end(admin: &Api, swap: &Value) -> anyhow::Result<Option<i64>> {
    let mut end = None;
    if swap["pool_from"] == swap["pool_to"] {
        return Ok(end);
    }
    let won = |cause: &&Value| cause["kind"] == "won" && cause["pool"] == swap["pool_to"];
    for cause in swap["causes"].as_array().into_iter().flatten().filter(won) {
        let Some(order) = cause["order"].as_str() else { continue };
        let order = admin.get(&format!("/v1/bids/{order}")).await?.ok()?;
        end = end.max(Some(seconds(&order["window"]["end_at"])));
    }
    Ok(end)
}

/// Seconds since the epoch of a time in the API.
fn seconds(text: &Value) -> i64 {
    text.as_str().and_then(headroom_tests::time::seconds).unwrap_or(0)
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

impl Watch {
    async fn look(&mut self, admin: &Api, step_seconds: i64) -> anyhow::Result<()> {
        let instances = admin.list("/v1/instances").await?;
        let floors: BTreeMap<&str, &Value> = instances.iter().map(|i| (text(i, "id"), &i["floor"])).collect();
        let page = admin.get("/v1/swap_history?limit=500").await?.ok()?;
        for swap in page["data"].as_array().into_iter().flatten() {
            if self.seen.insert(text(swap, "id").to_owned()) {
                let floor = floors.get(text(swap, "instance")).copied().unwrap_or(&Value::Null);
                self.ended(swap, floor, step_seconds, orders_end(admin, swap).await?);
            }
        }
        let page = admin.get("/v1/rounds?limit=50").await?.ok()?;
        for round in page["data"].as_array().into_iter().flatten() {
            let number = round["number"].as_u64().unwrap_or(0);
            if number <= self.rounds || round["awarded_at"].is_null() && round["state"] != "void" {
                continue;
            }
            self.void += u64::from(round["state"] == "void");
            for price in round["prices"].as_array().into_iter().flatten().filter(|p| p["resource"] == PROCESSORS) {
                let key = (text(price, "pool").to_owned(), seconds(&price["slot"]));
                self.prices.insert(key, text(price, "price").parse().unwrap_or(0.0));
            }
        }
        let numbers = page["data"].as_array().into_iter().flatten().filter_map(|r| r["number"].as_u64());
        self.rounds = numbers.max().unwrap_or(self.rounds);
        let mut newest = self.last_tick.clone();
        for instance in &instances {
            let path = format!("/v1/instances/{}/metrics?minutes=2", text(instance, "id"));
            let ticks = admin.get(&path).await?.ok()?;
            for tick in ticks["data"].as_array().into_iter().flatten() {
                if text(tick, "at") <= self.last_tick.as_str() {
                    continue;
                }
                newest = newest.max(text(tick, "at").to_owned());
                self.tick(instance, tick, step_seconds);
            }
        }
        self.last_tick = newest;
        Ok(())
    }

    /// `orders_end` is the second at which the orders end that take it to another pool.
    fn ended(&mut self, swap: &Value, floor: &Value, step_seconds: i64, orders_end: Option<i64>) {
        let reason = swap["reason"].as_str().unwrap_or_default();
        *self.by_end.entry(format!("{} {reason}", text(swap, "state")).trim().to_owned()).or_default() += 1;
        let to = &swap["limits_to"];
        let under =
            |(resource, least): (&String, &Value)| to[resource].as_i64().unwrap_or(0) < least.as_i64().unwrap_or(0);
        self.under_a_floor += u64::from(floor.as_object().is_some_and(|f| f.iter().any(under)));
        let (from, to) = (text(swap, "node_from").to_owned(), text(swap, "node_to").to_owned());
        if from == to || swap["state"] != "done" {
            return;
        }
        self.moves += 1;
        let slot = seconds(&swap["slot"]) / step_seconds;
        let instance = text(swap, "instance").to_owned();
        // whoever ordered two slots elsewhere is to be back after these
        let ordered = self.away_until.remove(&instance).is_some_and(|end| slot * step_seconds >= end);
        self.moves_home += u64::from(ordered);
        if let Some(end) = orders_end {
            self.away_until.insert(instance.clone(), end);
        }
        if !ordered
            && let Some((before, was, _)) = self.last_move.get(&instance)
            && (slot - before).abs() <= SLOTS_TO_STAY
            && *was == to
        {
            eprintln!("{} goes back to where it was", text(swap, "instance_name"));
            self.moves_back += 1;
        }
        self.last_move.insert(instance, (slot, from, to));
    }

    /// Counts a tick of a workload that has lent some of its baseline, and whether it needed that.
    fn tick(&mut self, instance: &Value, tick: &Value, slot_seconds: i64) {
        let of = |part: &str, resource: &str| tick[part][resource].as_i64().unwrap_or(0);
        let lent = |r: &&String| of("limits", r) < instance["baseline"][r.as_str()].as_i64().unwrap_or(0);
        let resources: Vec<String> =
            instance["baseline"].as_object().map_or(Vec::new(), |b| b.keys().cloned().collect());
        let lent: Vec<&String> = resources.iter().filter(lent).collect();
        if lent.is_empty() {
            return;
        }
        let short = lent.iter().any(|r| of("demand", r) > of("limits", r));
        let waits = tick["throttled_millis"].as_i64().unwrap_or(0) > 0;
        let at = seconds(&tick["at"]).div_euclid(slot_seconds) * slot_seconds;
        let lenders = self.lenders.entry((text(instance, "pool").to_owned(), at)).or_default();
        lenders.ticks += 1;
        lenders.in_need += u64::from(short || waits);
        lenders.only_waiting += u64::from(waits && !short && lent.iter().all(|r| *r != PROCESSORS));
        for resource in lent {
            let quantity = instance["baseline"][resource.as_str()].as_i64().unwrap_or(0) - of("limits", resource);
            *lenders.lent.entry(resource.clone()).or_default() += quantity;
        }
    }

    /// Slots in which processors cost at least so much are the dearest tenth of those with lenders.
    fn dear(&self) -> f64 {
        let mut prices: Vec<f64> = self.lenders.keys().filter_map(|k| self.prices.get(k)).copied().collect();
        prices.sort_by(f64::total_cmp);
        prices.get(prices.len() * 9 / 10).copied().unwrap_or(f64::INFINITY)
    }

    fn dearest(&self) -> impl Iterator<Item = (&PoolSlot, &Lenders)> {
        let dear = self.dear();
        self.lenders.iter().filter(move |(k, _)| self.prices.get(*k).is_some_and(|p| *p >= dear))
    }

    /// By resource, what was missing from baselines: unit-ticks.
    fn lent(&self) -> BTreeMap<&str, i64> {
        let mut all = BTreeMap::new();
        for (resource, quantity) in self.lenders.values().flat_map(|lenders| &lenders.lent) {
            *all.entry(resource.as_str()).or_default() += quantity;
        }
        all
    }

    /// A line for each pool and slot, as comma-separated values.
    fn table(&self, trace_from: i64, slot_seconds: i64) -> String {
        let start = headroom_tests::time::seconds(START).unwrap_or(0);
        let dear = self.dear();
        let resources: Vec<&str> = self.lent().into_keys().collect();
        let mut table = "pool,trace_slot,cpu_price,dearest_tenth,ticks,in_need,only_waiting".to_owned();
        table.extend(resources.iter().map(|resource| format!(",lent_{resource}_ticks")));
        table.push('\n');
        for (key, lenders) in &self.lenders {
            let slot = trace_from + (key.1 - start) / slot_seconds;
            let price = self.prices.get(key);
            let is_dear = price.is_some_and(|p| *p >= dear);
            let price = price.map(f64::to_string).unwrap_or_default();
            let Lenders { ticks, in_need, only_waiting, lent } = lenders;
            table.push_str(&format!("{},{slot},{price},{is_dear},{ticks},{in_need},{only_waiting}", key.0));
            let quantity = |resource: &&str| lent.get(*resource).copied().unwrap_or(0);
            table.extend(resources.iter().map(|resource| format!(",{}", quantity(resource))));
            table.push('\n');
        }
        table
    }
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let generator: Generator = toml::from_str(GENERATOR)?;
    let rounds = arguments.rounds.unwrap_or(generator.rounds);
    let (folder, _) = Ground::Sqlite.fresh()?;
    let data = arguments.keep.as_deref().unwrap_or(folder.path());
    anyhow::ensure!(arguments.keep.is_none() || !data.exists(), "{} is there already", data.display());
    let launch = Launch::simulated(data, START).argument("--trace-from").argument(&arguments.trace_from.to_string());
    let server = launch.start().await?;
    let admin = server.api("admin")?;
    let mut watch = Watch::default();
    let mut now = headroom_tests::time::seconds(START).unwrap_or(0);
    while watch.rounds < rounds {
        admin.advance(generator.step_seconds).await?;
        now += generator.step_seconds;
        watch.look(&admin, generator.step_seconds).await?;
        if watch.rounds % 120 < 12 {
            eprintln!("{} rounds, {} swaps, {} of them moves", watch.rounds, watch.seen.len(), watch.moves);
        }
    }
    let late = |swap: &&Value| now - seconds(&swap["slot"]) > SLOTS_TO_END * generator.step_seconds;
    let swaps = admin.list("/v1/swaps").await?;
    let without_an_end = swaps.iter().filter(late).filter(|swap| swap["ended_at"].is_null()).count();
    let summary = admin.get("/v1/finance/summary").await?.ok()?;
    let balances = summary["accounts"].as_array().into_iter().flatten();
    let sum: i128 = balances.filter_map(|a| headroom_tests::money::units(text(a, "balance"), 6)).sum();
    let doctor = server.stop().await?.run("doctor").await?;
    if doctor.code != Some(0) {
        eprintln!("{}{}", doctor.stdout, doctor.stderr);
    }
    if let Some(path) = &arguments.slots {
        std::fs::write(path, watch.table(i64::try_from(arguments.trace_from)?, generator.step_seconds))?;
    }
    let (needed, dearest) = (Needed::of(watch.lenders.iter()), Needed::of(watch.dearest()));
    let mut report = Report::default();
    report.set("scenario", "market");
    report.set("trace_from", arguments.trace_from);
    report.set("rounds", watch.rounds);
    report.set("void_rounds", watch.void);
    report.set("swaps", watch.seen.len());
    report.set("swaps_by_end", serde_json::to_value(&watch.by_end)?);
    report.set("moves", watch.moves);
    report.set("moves_home", watch.moves_home);
    report.set("swaps_under_a_floor", watch.under_a_floor);
    report.set("swaps_without_an_end", without_an_end);
    report.set("moves_back_at_once", watch.moves_back);
    report.set("ledger_sum_micro", i64::try_from(sum)?);
    report.set("doctor_exit", doctor.code.unwrap_or(-1));
    report.set("lender_ticks", watch.lenders.values().map(|l| l.ticks).sum::<u64>());
    let ticks_a_slot = generator.step_seconds / TICK_SECONDS;
    for (resource, unit_ticks) in watch.lent() {
        report.set(&format!("lent_{resource}_slots"), unit_ticks / ticks_a_slot);
    }
    let prices: Vec<f64> = watch.prices.values().copied().collect();
    report.set_rounded("mean_cpu_price_micro", 1e6 * prices.iter().sum::<f64>() / (prices.len() as f64).max(1.0));
    report.set("lent_and_needed_percent", percent(needed.share));
    report.set("lent_and_needed_error_percent", percent(needed.error));
    report.set("lent_and_needed_clusters", needed.clusters);
    // The dearest tenth lies in few clusters: without its spread it says less than it seems to.
    report.set("lent_and_needed_in_dearest_tenth_percent", percent(dearest.share));
    report.set("lent_and_needed_in_dearest_tenth_error_percent", percent(dearest.error));
    report.set("lent_and_needed_in_dearest_tenth_clusters", dearest.clusters);
    report.check(RANGESPEC)?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenders(ticks: u64, in_need: u64) -> Lenders {
        Lenders { ticks, in_need, lent: [(PROCESSORS.to_owned(), 100)].into(), ..Lenders::default() }
    }

    /// Two pools over two hours from `START`, by slot; need in one hour of one of them.
    fn watch() -> Watch {
        let start = headroom_tests::time::seconds(START).expect("a time");
        let mut watch = Watch::default();
        for (pool, slot, price, in_need) in
            [("a", 0, 0.1, 0), ("a", 1, 0.2, 0), ("a", 60, 0.9, 12), ("b", 0, 0.3, 0), ("b", 60, 0.4, 0)]
        {
            let key = (pool.to_owned(), start + slot * 60);
            watch.prices.insert(key.clone(), price);
            watch.lenders.insert(key, lenders(12, in_need));
        }
        watch
    }

    #[test]
    fn errors_are_clustered_by_pool_and_hour() {
        let watch = watch();
        let all = Needed::of(watch.lenders.iter());
        assert_eq!((all.share, all.clusters), (0.2, 4));
        // What the clusters have beyond a fifth of their ticks: −4.8, 9.6, −2.4, −2.4; of 60 ticks.
        let by_hand = f64::sqrt(4.8 * 4.8 + 9.6 * 9.6 + 2.4 * 2.4 + 2.4 * 2.4) / 60.0;
        assert!((all.error - by_hand).abs() < 1e-12, "{} is not {by_hand}", all.error);
        // One cluster says nothing of its spread; the number of clusters tells.
        assert_eq!(Needed::of(watch.dearest()), Needed { share: 1.0, error: 0.0, clusters: 1 });
        assert_eq!(Needed::of([].into_iter()), Needed { share: 0.0, error: 0.0, clusters: 0 });
    }

    #[test]
    fn the_table_has_a_line_for_each_pool_and_slot_and_names_the_slot_of_the_trace() {
        let table = watch().table(1_000, 60);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "pool,trace_slot,cpu_price,dearest_tenth,ticks,in_need,only_waiting,lent_cpu_milli_ticks");
        assert_eq!(lines[1], "a,1000,0.1,false,12,0,0,100");
        assert_eq!(lines[3], "a,1060,0.9,true,12,12,0,100");
        assert_eq!(lines.len(), 6);
    }
}
