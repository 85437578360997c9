//! Command line: one file a family of subcommands.
pub mod admin;
pub mod check;
pub mod forecast;
pub mod offline;
pub mod openapi;
pub mod up;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Headroom, a market for peak compute capacity.
///
/// Start with `headroom up --demo`, open the page that it prints, and look around.
#[derive(Parser)]
#[command(name = "headroom", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(Box<up::UpArgs>),
    Doctor(check::DoctorArgs),
    Replay(check::ReplayArgs),
    Openapi(openapi::OpenapiArgs),
    Forecast(forecast::ForecastArgs),
    #[command(flatten)]
    Offline(offline::Command),
}

pub fn run() -> ExitCode {
    let filter = EnvFilter::try_from_env("HEADROOM_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match Cli::parse().command {
        Command::Offline(command) => offline::run(command),
        Command::Openapi(args) => openapi::run(&args),
        Command::Forecast(args) => finish(forecast::run(&args)),
        Command::Up(args) => finish(on_runtime(async move { up::run(*args).await.map(|()| ExitCode::SUCCESS) })),
        Command::Doctor(args) => finish(on_runtime(check::doctor(args))),
        Command::Replay(args) => finish(on_runtime(check::replay(args))),
    }
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// A fault is one line with its causes, never a backtrace.
fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("headroom: {error:#}");
        ExitCode::FAILURE
    })
}
