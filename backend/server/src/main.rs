//! The `headroom` binary: one executable, every role. The imperative shell around the core.
mod app;
mod cli;
mod clock;
mod demo;
mod http;
mod sequencer;
mod workers;

/// Requests are handed from thread to thread and freed on another: this allocator is made for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
