//! `headroom clear`.
use super::{Done, ModeArg, book_of, read_text, write_text};
use clap::Args;
use headroom_market::clearing::book::{Book, Side};
use headroom_market::clearing::check::check;
use headroom_market::clearing::document;
use headroom_market::clearing::outcome::{self, Mode, Outcome};
use headroom_solver::Step;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub struct ClearArgs {
    /// The book, a headroom.book/2 JSON file, plain or gzip; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// Where the outcome goes, compressed where it ends in `.gz`; stdout if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What is maximised, and under which rules.
    #[arg(long, value_enum, default_value = "market")]
    mode: ModeArg,
    /// Prints the CPU seconds of reading, building, searching, solving and verifying to stderr.
    #[arg(long)]
    time: bool,
    /// The most threads; the search uses one. The outcome has the same bytes with any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
}

pub fn run(args: &ClearArgs) -> Done {
    let _one_is_enough = args.threads;
    let start = cpu_seconds();
    let text = read_text(&args.book)?;
    let read = cpu_seconds();
    let book = book_of(&text)?;
    let built = cpu_seconds();
    warn_of_unknown_products(&book);
    let (outcome, searched) = search(&book, args.mode.into())?;
    let solved = cpu_seconds();
    // The engine asks the check while it repairs; what is written is checked here, whatever the engine believes.
    if let Some(broken) = check(&book, &outcome, Vec::new()).first() {
        crate::cli::complain(format_args!("headroom: the outcome breaks {:?}: {}", broken.rule, broken.what));
        return Err(ExitCode::FAILURE);
    }
    if args.time {
        crate::cli::complain(format_args!(
            "read {:.6} s, build {:.6} s, search {:.6} s, solve {:.6} s, verify {:.6} s of CPU",
            read - start,
            built - read,
            searched - built,
            solved - built,
            cpu_seconds() - solved
        ));
    }
    write_text(&outcome::print(&book, &outcome), args.out.as_deref())
}

/// A verified outcome, by numbers and by names.
pub struct Cleared {
    pub numbers: Outcome,
    pub names: document::Outcome,
}

/// Clears a book by the rules of the market.
pub fn cleared(book: &Book) -> Done<Cleared> {
    let (numbers, _) = search(book, Mode::Market)?;
    match document::verify(book, &numbers) {
        Ok(names) => Ok(Cleared { numbers, names: names.into_inner() }),
        Err(broken) => {
            crate::cli::complain(format_args!("headroom: the outcome breaks a rule: {broken:?}"));
            Err(ExitCode::FAILURE)
        }
    }
}

/// An outcome, and the CPU seconds at which the prices were found.
fn search(book: &Book, mode: Mode) -> Done<(Outcome, f64)> {
    let progress = Progress::new();
    let found = headroom_solver::clear_watched(book, mode, &|step| progress.tell(step));
    progress.end();
    found.map(|outcome| (outcome, progress.searched.get())).ok_or_else(|| {
        crate::cli::complain(format_args!("headroom: no outcome passes the check (VOID); please report this book"));
        ExitCode::FAILURE
    })
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

/// A product that is used and not listed has no supply, so a mistyped one is no fault: but whoever wrote it is told.
fn warn_of_unknown_products(book: &Book) {
    let lines_of = |side: Side| {
        let alternatives = book.orders.iter().filter(move |o| o.side == side).flat_map(|o| book.alternatives_of(o));
        alternatives.flat_map(|a| book.lines_of(a)).map(|line| line.product)
    };
    let supplied: BTreeSet<usize> = lines_of(Side::Offer).chain(book.arcs.iter().map(|arc| arc.to)).collect();
    let mut unknown: BTreeMap<usize, usize> = BTreeMap::new();
    for product in lines_of(Side::Bid).filter(|p| !supplied.contains(p) && book.products[*p].supply.is_empty()) {
        *unknown.entry(product).or_default() += 1;
    }
    for (product, times) in unknown {
        let key = &book.products[product].key;
        crate::cli::complain(format_args!("headroom: nobody supplies {key}; it is asked for {times} time(s)"));
    }
}
