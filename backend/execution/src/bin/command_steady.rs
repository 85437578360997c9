//! A workload that is a command: it mixes the payload of each input into its state and answers a
//! hash, as the module `steady` does, and holds as much memory as the input asks for and it may.
//!
//! Arguments make it misbehave, for the tests: `node` lets a property of its node into its state;
//! `strays` leaves its process group; `exit`, `hang`, `dribble`, `burn`, `twice`, `children`, `grandchildren` (of a thread), `grow`, `balloon`, `nonsense` and `refuse` are what it
//! does at input 5; `once` refuses to begin a second time without a state; `lazy` takes
//! a minute to save, `forget` cannot any more. docs/commands.md has a
//! smaller one in Python.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    Start { state: Option<String>, node_properties: BTreeMap<String, i64> },
    Step { position: u64, mem_mib: u64, input: String },
    Save {},
}

/// Where it misbehaves.
const AT: u64 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let does = |what: &str| arguments.iter().any(|argument| argument == what);
    if does("strays") {
        let elsewhere = rustix::process::getpgid(rustix::process::getppid())?;
        rustix::process::setpgid(None, Some(elsewhere))?;
    }
    let mut sum = 0_u64;
    let mut property = 0;
    let mut done = 0;
    let mut held: Vec<u8> = Vec::new();
    let mut children = Vec::new();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Asked::Start { state, node_properties, .. } => {
                if let Some(state) = state {
                    sum = u64::from_le_bytes(BASE64_STANDARD.decode(state)?.as_slice().try_into()?);
                } else if does("once") && std::fs::exists("begun")? {
                    return Err("it began anew".into());
                }
                if does("once") {
                    std::fs::write("begun", "")?;
                }
                property = node_properties.get("cpu_model_code").copied().unwrap_or(0);
                json!({})
            }
            Asked::Step { position, mem_mib, input } => {
                let input = BASE64_STANDARD.decode(input)?;
                done = position;
                if position >= AT {
                    match () {
                        () if does("exit") => return Err("its database is gone".into()),
                        () if does("hang") => std::thread::sleep(Duration::from_secs(60)),
                        () if does("burn") => loop {
                            black_box(&sum);
                        },
                        () if does("dribble") => {
                            for _ in 0..60_000 {
                                write!(output, " ")?;
                                output.flush()?;
                                std::thread::sleep(Duration::from_millis(1));
                            }
                        }
                        () if does("twice") => writeln!(output, "{}", json!({"position": position, "output": ""}))?,
                        () if does("nonsense") => writeln!(output, "done")?,
                        () if does("refuse") => writeln!(output, "{}", json!({"error": "no such table"}))?,
                        () if does("grandchildren") => {
                            let (begun, wait) = std::sync::mpsc::channel();
                            std::thread::spawn(move || {
                                let child = std::process::Command::new("/bin/sleep").arg("60").spawn();
                                let _ = begun.send(());
                                child.map(|mut child| child.wait())
                            });
                            wait.recv()?;
                        }
                        () if does("children") => {
                            children.push(std::process::Command::new("/bin/sleep").arg("60").spawn()?);
                        }
                        () => {}
                    }
                }
                // Little endian: fuel, KiB to hold, payload. Half of what it may hold is left to the program itself.
                let asked_kib = u64::from(u32::from_le_bytes(input[8..12].try_into()?));
                let beyond = if does("balloon") && position >= AT { 1 << 30 } else { 0 };
                black_box(vec![1_u8; beyond]);
                let wanted =
                    if does("grow") && position >= AT { 2 * mem_mib * 1024 } else { asked_kib.min(mem_mib * 512) };
                held.resize(usize::try_from(wanted * 1024)?, 1);
                held.shrink_to_fit();
                // Some microseconds of work that depend on nothing but the input.
                let until = Instant::now() + Duration::from_micros(200);
                while Instant::now() < until {
                    black_box(&held);
                }
                for byte in &input {
                    sum = sum.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(*byte);
                }
                if does("node") {
                    sum ^= property.unsigned_abs();
                }
                json!({ "position": position, "output": BASE64_STANDARD.encode(sum.to_le_bytes()) })
            }
            Asked::Save {} if does("forget") && done >= AT => json!({ "error": "it has forgotten" }),
            Asked::Save {} if does("lazy") => {
                std::thread::sleep(Duration::from_secs(60));
                json!({})
            }
            Asked::Save {} => json!({ "state": BASE64_STANDARD.encode(sum.to_le_bytes()) }),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
