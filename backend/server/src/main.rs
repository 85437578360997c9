//! The `headroom` binary: one executable, every role.
mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
