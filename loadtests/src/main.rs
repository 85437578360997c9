//! Load tests against the real binary, over HTTP.
//!
//! Each scenario starts its own server on its own data, says what it does on stderr, and prints
//! its figures as one JSON object, the last line on stdout. Exit code 0 only if nothing was
//! lost, duplicated or out of the bounds of `loadtests/<scenario>/rangespec.toml`.
mod bids;
mod connection;
mod crash;
mod demo;
mod figures;
mod ground;
mod load;
mod market;
mod stream;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "loadtests", version, about = "Load tests of Headroom, against the real binary")]
#[command(
    after_help = "The binary is `headroom` beside this program, or HEADROOM_BIN. Build both with `cargo build --release -p headroom-server -p loadtests`."
)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Durable bids a second, grouped commit against one commit a command.
    Bids(bids::Arguments),
    /// kill -9 in mid-load, again and again: nothing acknowledged may be lost.
    Crash(crash::Arguments),
    /// Subscribers of the event stream: latency and gaps.
    Stream(stream::Arguments),
    /// The demo: when is everything seen once, and what does it cost?
    Demo(demo::Arguments),
    /// Thousands of rounds under the simulated clock: floors, the ledger, swaps that end and stay done.
    Market(market::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One thread: the machine belongs to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::new).and_then(|runtime| {
        runtime.block_on(async {
            match cli.scenario {
                Scenario::Bids(arguments) => bids::run(arguments).await,
                Scenario::Crash(arguments) => crash::run(arguments).await,
                Scenario::Stream(arguments) => stream::run(arguments).await,
                Scenario::Demo(arguments) => demo::run(arguments).await,
                Scenario::Market(arguments) => market::run(arguments).await,
            }
        })
    });
    match result {
        Ok(report) => report.finish(),
        Err(error) => {
            eprintln!("loadtests: {error:#}");
            ExitCode::FAILURE
        }
    }
}
