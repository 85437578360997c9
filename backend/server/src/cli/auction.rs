//! Clears and checks the second edition's files, `headroom.book/2` with `headroom.outcome/2`.
use super::offline::{REFUSED, read_text, write_text};
use headroom_market::auction::book::{self, Fault};
use headroom_market::auction::check;
use headroom_market::auction::outcome::{self, Mode};
use headroom_solver::auction::Step;
use std::cell::Cell;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Whether a book is of the second edition. The format stands in the text once, whatever else is wrong with it.
pub fn is_second_edition(book: &str) -> bool {
    book.contains("\"headroom.book/2\"")
}

/// Clears a book and writes the outcome, to stdout without a file.
pub fn clear(book: &str, out: Option<&Path>, mode: Mode, time: bool) -> ExitCode {
    let start = cpu_seconds();
    let book = match book::read(book.as_bytes()) {
        Ok(book) => book,
        Err(faults) => return refuse(&faults),
    };
    let built = cpu_seconds();
    let progress = Progress::new();
    let found = headroom_solver::auction::clear_watched(&book, mode, &|step| progress.tell(step));
    progress.end();
    let Some(outcome) = found else {
        crate::cli::complain(format_args!("headroom: no outcome passes the check (VOID); please report this book"));
        return ExitCode::FAILURE;
    };
    let solved = cpu_seconds();
    // The engine asks the check while it repairs; what is written is checked here, whatever the engine believes.
    let broken = check::check(&book, &outcome, Vec::new());
    if let Some(broken) = broken.first() {
        crate::cli::complain(format_args!("headroom: the outcome breaks {:?}: {}", broken.rule, broken.what));
        return ExitCode::FAILURE;
    }
    if time {
        crate::cli::complain(format_args!(
            "build {:.6} s, search {:.6} s, solve {:.6} s, verify {:.6} s of CPU",
            built - start,
            progress.searched.get() - built,
            solved - built,
            cpu_seconds() - solved
        ));
    }
    write_text(outcome::print(&book, &outcome), out)
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// What is being done, on a terminal, once it takes long.
struct Progress {
    since: Instant,
    on: bool,
    searched: Cell<f64>,
    checks: Cell<usize>,
}

impl Progress {
    fn new() -> Self {
        let on = std::io::stderr().is_terminal();
        Progress { since: Instant::now(), on, searched: Cell::new(0.0), checks: Cell::new(0) }
    }

    fn tell(&self, step: Step) {
        let text = match step {
            Step::Searched => {
                self.searched.set(cpu_seconds());
                "prices found; choosing blocks and lots".to_owned()
            }
            Step::Chosen => "blocks and lots chosen; checking".to_owned(),
            Step::Checked { broken } => {
                self.checks.set(self.checks.get() + 1);
                format!("check {}: {broken} rules broken, mending", self.checks.get())
            }
        };
        if self.on && self.since.elapsed().as_secs() >= 1 {
            eprint!("\r\x1b[K{text}");
        }
    }

    fn end(&self) {
        if self.on {
            eprint!("\r\x1b[K");
        }
    }
}

/// Tells every rule of V1 to V8 that the outcome breaks; `mode` asks for other rules than the outcome's own.
pub fn verify(book: &str, outcome: &Path, mode: Option<Mode>) -> ExitCode {
    let book = match book::read(book.as_bytes()) {
        Ok(book) => book,
        Err(faults) => return refuse(&faults),
    };
    let text = match read_text(outcome) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let (mut outcome, broken) = match outcome::read(&book, text.as_bytes()) {
        Ok(read) => read,
        Err(error) => {
            crate::cli::say(format_args!("FORMAT: {error}"));
            return ExitCode::from(REFUSED);
        }
    };
    outcome.mode = mode.unwrap_or(outcome.mode);
    let broken = check::check(&book, &outcome, broken);
    for broken in &broken {
        let numbers: Vec<String> = broken.numbers.iter().map(|(name, value)| format!("{name} {value}")).collect();
        crate::cli::say(format_args!("{:?}: {} ({})", broken.rule, broken.what, numbers.join(", ")));
    }
    if broken.is_empty() {
        crate::cli::say(format_args!("V1 to V8 hold"));
        return ExitCode::SUCCESS;
    }
    ExitCode::from(REFUSED)
}

fn refuse(faults: &[Fault]) -> ExitCode {
    let document = serde_json::json!({
        "type": "urn:headroom:problem:book-refused",
        "title": "The book is refused",
        "status": 422,
        "detail": format!("{} fault(s)", faults.len()),
        "errors": faults,
    });
    crate::cli::complain(format_args!("{document:#}"));
    ExitCode::from(REFUSED)
}
