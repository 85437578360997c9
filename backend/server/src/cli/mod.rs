//! Command line: one file a family of subcommands.
pub mod offline;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Headroom, a market for peak compute capacity.
#[derive(Parser)]
#[command(name = "headroom", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Offline(offline::Command),
}

pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Offline(command) => offline::run(command),
    }
}
