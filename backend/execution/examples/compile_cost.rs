//! What the worst modules cost to compile here: one line a family, processor time and memory.
//!
//! `cargo run --release -p headroom-execution --example compile_cost [bytes of code] [family]`
//!
//! Each family repeats what a compiler finds hard for its size. Those that admission refuses
//! say why; the others are the bound on what an upload can take.

use std::time::Duration;

use headroom_execution::*;
use rustix::time::{ClockId, clock_gettime};

struct Nothing;

impl InputFeed for Nothing {
    fn input(&self, _instance: &InstanceId, _position: u64) -> Option<Input> {
        None
    }
}

fn leb(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// Locals as (count, type), and code.
type Body = (Vec<(usize, u8)>, Vec<u8>);

/// A module of functions of type `() -> i32`, the first one `step`, and a table.
fn module(bodies: &[Body]) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    wasm.extend(section(1, &[1, 0x60, 0, 1, I32]));
    wasm.extend(section(3, &[leb(bodies.len()), vec![0; bodies.len()]].concat()));
    wasm.extend(section(4, &[1, 0x70, 0, 10]));
    wasm.extend(section(5, &[1, 0, 1]));
    wasm.extend(section(7, b"\x02\x06memory\x02\x00\x04step\x00\x00"));
    wasm.extend(section(9, &[1, 0, 0x41, 0, 0x0b, 1, 0]));
    let mut code = leb(bodies.len());
    for (locals, ops) in bodies {
        let mut body = leb(locals.len());
        for (count, ty) in locals {
            body.extend(leb(*count));
            body.push(*ty);
        }
        body.extend(ops);
        code.extend(leb(body.len()));
        code.extend(body);
    }
    wasm.extend(section(10, &code));
    wasm
}

/// One function that repeats `unit` up to `size` bytes and answers 0.
fn repeated(size: usize, locals: &[(usize, u8)], mut unit: impl FnMut(usize) -> Vec<u8>) -> Vec<u8> {
    let mut code = Vec::new();
    for n in 0.. {
        if code.len() >= size {
            break;
        }
        code.extend(unit(n));
    }
    code.extend([0x41, 0, 0x0b]);
    module(&[(locals.to_vec(), code)])
}

/// Functions of `each` bytes of `unit`, `size` in all.
fn functions(size: usize, each: usize, locals: &[(usize, u8)], mut unit: impl FnMut(usize) -> Vec<u8>) -> Vec<u8> {
    let mut bodies = Vec::new();
    let mut total = 0;
    while total < size {
        let mut code = Vec::new();
        for n in 0.. {
            if code.len() >= each {
                break;
            }
            code.extend(unit(n));
        }
        code.extend([0x41, 0, 0x0b]);
        total += code.len() + 6;
        bodies.push((locals.to_vec(), code));
    }
    module(&bodies)
}

const I32: u8 = 0x7f;
const I64: u8 = 0x7e;
const F64: u8 = 0x7c;
const V128: u8 = 0x7b;

/// Blocks that join: each local that is read after a join is another value there.
fn joins(n: usize, locals: usize) -> Vec<u8> {
    let (a, b) = (leb(n % locals), leb((n * 7 + 3) % locals));
    [&b"\x02\x40\x20"[..], &a, b"\x0d\x00\x20", &b, b"\x20", &a, b"\x6a\x21", &b, b"\x0b"].concat()
}

fn families(size: usize) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for locals in [16, 64, 256, 1_000, 2_000] {
        all.push((format!("joins, {locals} locals"), repeated(size, &[(locals, I32)], |n| joins(n, locals))));
        all.push((
            format!("joins, {locals} locals, many functions"),
            functions(size, 4_000, &[(locals, I32)], |n| joins(n, locals)),
        ));
    }
    for (name, unit) in [
        ("loops", &b"\x03\x40\x0b"[..]),
        ("ifs", b"\x20\x00\x04\x40\x0b"),
        ("calls", b"\x10\x00\x1a"),
        ("indirect calls", b"\x20\x00\x11\x00\x00\x1a"),
        ("loads", b"\x20\x00\x28\x02\x00\x21\x00"),
        ("stores", b"\x20\x00\x20\x00\x36\x02\x00"),
        ("memory.fill", b"\x20\x00\x20\x00\x20\x00\xfc\x0b\x00"),
        ("memory.copy", b"\x20\x00\x20\x00\x20\x00\xfc\x0a\x00\x00"),
        ("memory.grow", b"\x20\x00\x40\x00\x1a"),
        ("divisions", b"\x20\x00\x20\x00\x6d\x21\x00"),
    ] {
        all.push((name.to_owned(), repeated(size, &[(1, I32)], |_| unit.to_vec())));
        all.push((format!("{name}, many functions"), functions(size, 1_000, &[(1, I32)], |_| unit.to_vec())));
    }
    // One byte each, and several instructions; stored, or nobody would compute them.
    let stored = |code: &[u8], store: &[u8]| [&b"\x41\x00"[..], code, store].concat();
    let (store_i32, store_i64, store_f64, store_v128) =
        (b"\x36\x00\x00", b"\x37\x00\x00", b"\x39\x00\x00", b"\xfd\x0b\x00\x00");
    let lanes = [0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31];
    let shuffle = [&b"\x20\x00\x20\x01\xfd\x0d"[..], &lanes, b"\x22\x00"].concat();
    for (name, ty, code, store) in [
        ("conversions", I32, &b"\x20\x00\xb7\xaa\xb7\xaa\xb7\xaa\xb7\xaa\x22\x00"[..], &store_i32[..]),
        ("floats", F64, b"\x20\x00\x9f\x9b\x9c\x9d\x9e\x9f\x9b\x22\x00", store_f64),
        ("float sums", F64, b"\x20\x00\x20\x00\xa0\x20\x00\xa2\x20\x00\xa3\x22\x00", store_f64),
        ("counting bits", I64, b"\x20\x00\x7b\x79\x7a\x7b\x79\x7a\x22\x00", store_i64),
        ("shuffles", V128, &shuffle, store_v128),
        (
            "vector floats",
            V128,
            b"\x20\x00\x20\x00\xfd\xe4\x01\x20\x00\xfd\xe6\x01\x20\x00\xfd\xe7\x01\x22\x00",
            store_v128,
        ),
        ("vector products", V128, b"\x20\x00\x20\x00\xfd\xd5\x01\x22\x00", store_v128),
    ] {
        all.push((name.to_owned(), repeated(size, &[(2, ty)], |_| stored(code, store))));
        all.push((format!("{name}, many functions"), functions(size, 8_000, &[(2, ty)], |_| stored(code, store))));
    }
    // Everything stays on the operand stack, over joins too.
    let half = size / 10;
    let mut code = b"\x20\x00\x28\x02\x00".repeat(half);
    code.extend(b"\x02\x40\x20\x00\x0d\x00\x0b".repeat(half / 4));
    code.extend(b"\x6a".repeat(half - 1));
    code.extend([0x0b]);
    all.push(("deep stack over joins".into(), module(&[(vec![(1, I32)], code)])));
    for depth in [10, 100, 1_000, 10_000] {
        let targets: Vec<u8> = (0..depth).flat_map(leb).collect();
        let jump = [&b"\x02\x40\x20\x00\x0e"[..], &leb(depth), &targets, &leb(0), &[0x0b]].concat();
        let mut code = b"\x02\x40".repeat(depth);
        while code.len() + depth < size {
            code.extend(&jump);
        }
        code.extend(b"\x0b".repeat(depth));
        code.extend([0x41, 0, 0x0b]);
        all.push((format!("jump tables of {depth}"), module(&[(vec![(1, I32)], code)])));
    }
    // As much as is admitted of what is dearest for its points.
    let dear = functions(size.min(155_000), 9_900, &[(1, I32)], |_| b"\x20\x00\x11\x00\x00\x1a".to_vec());
    all.push(("indirect calls, at the limit".into(), dear));
    all.push(("loops, at the limit".into(), functions(size.min(80_000), 5_000, &[], |_| b"\x03\x40\x0b".to_vec())));
    let straight = |_| stored(b"\x20\x00\x9f\x9b\x9c\x9d\x9e\x9f\x9b\x22\x00", store_f64);
    all.push(("floats, at the limit".into(), functions(size, 65_000, &[(1, F64)], straight)));
    all.push(("tiny functions".into(), functions(size, 1, &[], |_| vec![0x01])));
    all.push(("tiny functions, 1,000 locals".into(), functions(size, 1, &[(1_000, I64)], |_| vec![0x01])));
    all.push(("tiny functions, 50,000 locals".into(), functions(size / 100, 1, &[(50_000, I64)], |_| vec![0x01])));
    all
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Highest memory of this process, MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let mut args = std::env::args().skip(1);
    let size = args.next().and_then(|n| n.parse().ok()).unwrap_or(240_000);
    let only = args.next();
    for (name, wasm) in families(size).into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| name == only)) {
        if only.is_none() {
            // A process for each, so that its peak of memory is its own.
            let this = std::env::current_exe().expect("this program");
            let _status = std::process::Command::new(this).arg(size.to_string()).arg(name).status();
            continue;
        }
        let cluster = Cluster::new(Config::default(), std::sync::Arc::new(Nothing)).expect("built-in guests load");
        let (before, resting) = (cpu(), peak_mib());
        let result = cluster.admit(&wasm).map_or_else(|e| e.to_string(), |_| "admitted".to_owned());
        let took = (cpu() - before).as_millis();
        println!("{name:36} {:4} KiB {took:6} ms {:5} MiB  {result}", wasm.len() / 1024, peak_mib() - resting);
    }
}
