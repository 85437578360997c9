//! What the embedded driver costs here: 24 demo guests in real time, and one move of 64 MiB.
//!
//! `cargo run --release -p headroom-execution --example guest_cost [seconds]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use headroom_execution::*;
use headroom_market::shadow::Rules;

/// Inputs four times a second; demand as in the demo's trace, up to about a core.
struct Demo;

const INTERVAL: u64 = 250_000;

impl InputFeed for Demo {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        let salt = instance.as_str().bytes().map(u64::from).sum::<u64>();
        let cpu = 300 + (position / 20 * 37 + salt * 131) % 700;
        let mem = 256 + (position / 20 * 13 + salt * 7) % 3_000;
        Some(Input {
            due_at_micros: (position * INTERVAL) as i64,
            bytes: DemandInput::for_interval(cpu, INTERVAL, 5_000, mem as u32, vec![salt as u8]).encode(),
        })
    }
}

/// Fills 64 MiB once, then changes a word in each of 164 pages (1 %) a step.
const BIG: &str = r#"(module
  (memory (export "memory") 1024)
  (global $n (export "n") (mut i32) (i32.const 0))
  (func (export "step") (result i32)
    (local $at i32) (local $k i32)
    (if (i32.eqz (global.get $n)) (then
      (loop $fill
        (i64.store (local.get $at)
          (i64.mul (i64.extend_i32_u (i32.add (local.get $at) (i32.const 1)))
            (i64.const 0x9E3779B97F4A7C15)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $fill (i32.lt_u (local.get $at) (i32.const 67108864))))))
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (loop $dirty
      (i32.store
        (i32.shl (i32.rem_u (i32.mul (local.get $k) (i32.const 97)) (i32.const 16384)) (i32.const 12))
        (i32.add (global.get $n) (local.get $k)))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $dirty (i32.lt_u (local.get $k) (i32.const 164))))
    (i32.const 0)))"#;

fn node(id: &str) -> NodeSpec {
    NodeSpec {
        id: id.into(),
        name: id.to_owned(),
        pool: "general".into(),
        pop: "fra".into(),
        tier: "core".into(),
        capacity: Limits::new(64_000, 1 << 20),
        properties: Default::default(),
    }
}

fn start(id: &InstanceId, program: &Program, limits: Limits) -> StartRequest {
    StartRequest {
        instance: id.clone(),
        node: "a".into(),
        epoch: 1,
        program: program.clone(),
        limits,
        from: StartFrom::Fresh,
    }
}

/// CPU time of this process, in clock ticks of 10 ms.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}

fn main() -> Result<(), DriverError> {
    let seconds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20);
    many_guests(seconds)?;
    big_move()
}

fn many_guests(seconds: u64) -> Result<(), DriverError> {
    let cluster = Cluster::new(Config::default(), Arc::new(Demo))?;
    cluster.ensure_node(node("a"));
    let ids: Vec<InstanceId> = (0..24).map(|n| InstanceId(format!("ins_{n:02}"))).collect();
    for (id, program) in ids.iter().zip(["steady", "batch", "node_reader"].iter().cycle()) {
        let request = start(id, &Program((*program).to_owned()), Limits::new(1_000, 4_096));
        cluster.start(&OpKey::new("boot", id.as_str()), &request)?;
    }
    let began = Instant::now();
    let threads = cluster.spawn_threads(move || began.elapsed().as_micros() as i64, 1)?;
    let before = cpu_ticks();
    std::thread::sleep(Duration::from_secs(seconds));
    let ticks = cpu_ticks() - before;
    let (mut cpu, mut lag, mut mem, mut fuel, mut steps) = (0, 0, 0, 0, 0);
    for id in &ids {
        for seen in cluster.observe(id, Detail::Counters)? {
            cpu += seen.cpu_milli;
            lag += seen.input_lag;
            mem += seen.mem_reserved_kib;
            fuel += seen.fuel;
            steps += seen.steps;
        }
    }
    threads.stop(None)?;
    println!(
        "24 guests, {seconds} s: {cpu} milli of demand served, {lag} inputs waiting, \
         {steps} steps, {mem} KiB of linear memory"
    );
    println!(
        "CPU {:.1} % of one core, {:.2} ns a fuel",
        ticks as f64 / seconds as f64,
        ticks as f64 * 1e7 / fuel as f64
    );
    Ok(())
}

fn big_move() -> Result<(), DriverError> {
    let config = Config { max_guest_kib: 1 << 17, step_fuel_ceiling: 1 << 32, ..Config::default() };
    let cluster = Cluster::new(config, Arc::new(Demo))?;
    for id in ["a", "b"] {
        cluster.ensure_node(node(id));
    }
    let program = cluster.admit(BIG.as_bytes())?;
    let id = InstanceId::from("ins_big");
    let limits = Limits::new(60_000, 1 << 17);
    let key = |step: &str| OpKey::new("swp", step);
    cluster.start(&key("start"), &start(&id, &program, limits.clone()))?;
    cluster.advance(60_000_000);
    let full = cluster.snapshot(&key("full"), &id, 1, None)?;
    let sent = cluster.transfer(&key("send"), &id, 1, &full.id, &"b".into())?;
    let request = ShadowRequest {
        instance: id.clone(),
        epoch: 1,
        node: "b".into(),
        snapshot: full.id.clone(),
        limits: limits.clone(),
        rules: Rules::default(),
    };
    cluster.start_shadow(&key("shadow"), &request)?;
    cluster.advance(65_000_000);
    let report = cluster.shadow_report(&id)?;
    let began = Instant::now();
    cluster.fence(&key("fence"), &id, 1, 2)?;
    let fence = began.elapsed();
    let last = cluster.snapshot(&key("last"), &id, 2, Some(&full.id))?;
    let sent_last = cluster.transfer(&key("send-last"), &id, 2, &last.id, &"b".into())?;
    let request =
        ActivateRequest { instance: id.clone(), node: "b".into(), epoch: 2, snapshot: last.id.clone(), limits };
    let activated = cluster.activate(&key("activate"), &request)?;
    println!(
        "64 MiB: full snapshot {} ms ({} KiB), transfer {} ms ({} KiB sent)",
        full.work_micros / 1_000,
        full.payload_bytes / 1_024,
        sent.work_micros / 1_000,
        sent.sent_bytes / 1_024
    );
    println!(
        "last differential {:.1} ms ({} KiB of pages, {} KiB sent, {:.2} % of the full one)",
        last.work_micros as f64 / 1e3,
        last.payload_bytes / 1_024,
        sent_last.sent_bytes / 1_024,
        sent_last.sent_bytes as f64 * 100.0 / sent.sent_bytes as f64
    );
    println!(
        "pause {:.1} ms: fence {:.1}, differential {:.1}, transfer {:.1}, activate {:.1}; \
         warm {}, {} positions compared, {} differences",
        activated.pause_micros as f64 / 1e3,
        fence.as_micros() as f64 / 1e3,
        last.work_micros as f64 / 1e3,
        sent_last.work_micros as f64 / 1e3,
        activated.work_micros as f64 / 1e3,
        activated.warm,
        report.comparison.positions_compared,
        report.comparison.differences_total
    );
    Ok(())
}
