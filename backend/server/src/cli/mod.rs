//! Command line: one file a family of subcommands.
pub mod admin;
mod adopt;
pub mod check;
mod client;
pub mod environment;
pub mod explain;
pub mod forecast;
pub mod offline;
pub mod openapi;
pub mod up;
mod work;

use clap::{CommandFactory, Parser, Subcommand};
use headroom_store::StoreError;
use headroom_store::database::{self, Address};
use std::fmt::Arguments;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

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
    Adopt(adopt::AdoptArgs),
    Work(work::WorkArgs),
    #[command(flatten)]
    Offline(offline::Command),
}

pub fn run() -> ExitCode {
    let wish = std::env::var_os(environment::LOG).map(|wish| wish.to_string_lossy().into_owned());
    let (filter, not_as_wished) = environment::log_filter(wish.as_deref());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let command = Cli::parse().command;
    if let Command::Up(_) = command {
        let names = std::env::vars_os().map(|(name, _)| name);
        let told = environment::unknown(&Cli::command(), names);
        told.iter().chain(&not_as_wished).for_each(|line| complain(format_args!("headroom: {line}")));
    }
    match command {
        Command::Offline(command) => offline::run(command),
        Command::Openapi(args) => openapi::run(&args),
        Command::Forecast(args) => finish(forecast::run(&args)),
        Command::Work(args) => finish(on_runtime(work::run(args))),
        Command::Adopt(args) => finish(on_runtime(adopt::run(args))),
        Command::Up(args) => finish(on_runtime(async move { up::run(*args).await.map(|()| ExitCode::SUCCESS) })),
        Command::Doctor(args) => finish(on_runtime(check::doctor(args))),
        Command::Replay(args) => finish(on_runtime(check::replay(args))),
    }
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // A round that is being cleared decides nothing any more: the next start makes it void.
    runtime.shutdown_background();
    result
}

/// Prints a line. Whoever reads may stop early (`| head`): that is neither a fault nor a panic,
/// and a server goes on.
pub fn say(line: Arguments<'_>) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

/// The same on stderr.
pub fn complain(line: Arguments<'_>) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}

/// A fault is one line with its causes, never a backtrace.
fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        complain(format_args!("headroom: {}", in_one_line(&error)));
        ExitCode::FAILURE
    })
}

/// Why a database can't be opened, with the next step.
pub fn unusable(address: &Address, error: StoreError) -> anyhow::Error {
    let url = match address {
        Address::Postgres(url) => url,
        Address::Sqlite(path) => return database::of_file(path, error).into(),
    };
    let shown = database::hide_password(url);
    let (said, next) = match &error {
        StoreError::Sql(fault) => {
            let said = fault.to_string();
            // Where in PostgreSQL's own source that was helps nobody here.
            let said = said.trim_start_matches("error returned from database: ").split(" at line ").next();
            let said = said.unwrap_or_default().to_owned();
            let next = if said.contains("does not exist") {
                "Create it with `createdb`, or correct DATABASE_URL"
            } else if said.contains("authentication failed") {
                "Correct user or password in DATABASE_URL"
            } else {
                "Check that PostgreSQL runs there and that DATABASE_URL is right"
            };
            (said, next)
        }
        _ => return error.into(),
    };
    anyhow::anyhow!("the database answered: {said}. {next} ({shown})")
}

/// An error with its causes, without those that the text before them has said already.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(cause.trim_end_matches('.')) {
            said = format!("{said}: {cause}");
        }
    }
    said.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_is_said_once() {
        let error = Err::<(), _>(std::io::Error::other("no room")).context("cannot write: no room").unwrap_err();
        assert_eq!(in_one_line(&error.context("it ends")), "it ends: cannot write: no room");
    }
}
