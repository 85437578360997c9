//! Headroom without a server: clear a book, verify an outcome, generate a book.
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum Command {
    /// Clears one round: reads headroom.book/1, writes headroom.outcome/1.
    Clear {},
}

pub fn run(_command: Command) -> ExitCode {
    ExitCode::SUCCESS
}
