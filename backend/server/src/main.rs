//! The `headroom` binary: one executable, every role. The imperative shell around the core.
mod app;
mod cli;
mod clock;
mod demo;
mod http;
mod sequencer;
mod workers;

fn main() -> std::process::ExitCode {
    cli::run()
}
