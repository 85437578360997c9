//! Headroom without a server: clear a book, verify an outcome, generate a book.
//!
//! The formats are public (`headroom.book/1`, `headroom.outcome/1`). Exit codes: 0 done, 4 the
//! book is refused or the outcome breaks a rule, 1 anything else.
use super::auction;
use super::explain::{self, ExplainArgs, PreviewArgs};
use clap::{Args, Subcommand, ValueEnum};
use headroom_market::clearing::check::{self, Broken};
use headroom_market::clearing::outcome::Reason;
use headroom_market::clearing::{self, Book, ClearFault, Fault, Limits, Order, Outcome, ProductKey, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// A book that can't be accepted, or an outcome that breaks a rule.
pub(super) const REFUSED: u8 = 4;

#[derive(Subcommand)]
pub enum Command {
    /// Clears one round: reads headroom.book/1, writes a verified headroom.outcome/1.
    ///
    /// Reads headroom.book/2 as well and writes headroom.outcome/2 for it, by the rule book's second edition.
    ///
    /// Every number is exact; the outcome is checked by an independent checker before it is
    /// written. Exit 0: an outcome that passed; where orders in the money were given up, its
    /// certificate says `verified: false` and stderr says so. Exit 4: the book is refused, and stderr has a problem
    /// document (RFC 9457) with a JSON pointer for every fault. Exit 1: anything else.
    #[command(
        after_help = "Example: headroom generate-book --orders 50 --pools 2 --slots 3 --seed 7 --out book.json\n         headroom clear --book book.json --out outcome.json --time"
    )]
    Clear(ClearArgs),
    /// Checks an outcome against its book, from whatever program, without a solver.
    ///
    /// Reads headroom.book/1 with headroom.outcome/1, and headroom.book/2 with headroom.outcome/2 (rules V1 to V8).
    ///
    /// Exit 0: every rule that one round can show holds. Exit 4: a line on stdout for each broken
    /// rule, with the numbers.
    #[command(after_help = "Example: headroom verify --book book.json --outcome outcome.json")]
    Verify(VerifyArgs),
    /// Writes a realistic book: 20 % orders with alternatives, 10 % all-or-none, reserve steps,
    /// floors. The same arguments give the same bytes.
    #[command(
        after_help = "Example: headroom generate-book --orders 300 --pools 6 --slots 6 --nodes 2 --seed 1 --out book.json"
    )]
    GenerateBook(GenerateArgs),
    /// Tells what a round decided about one order, in prose: why it lost, what would have won, what binds; or, with
    /// `--losers`, what would have won for every order that lost.
    ///
    /// The limit that would have won is exact: the book is cleared with it and with a micro-credit less.
    /// Exit 4: the book or the outcome is refused.
    #[command(
        after_help = "Example: headroom explain --book book.json --outcome outcome.json --order o000012\n         headroom explain --book book.json --outcome outcome.json --losers > losers.csv"
    )]
    Explain(ExplainArgs),
    /// Tries an order on a book: what it would win and pay, and what it changes for others.
    ///
    /// The book is cleared without it and with it. Exit 4: the book or the order is refused.
    #[command(
        after_help = "Example: echo '{\"id\":\"mine\",\"owner\":\"me\",\"side\":\"bid\",\"limit\":\"9\",\"alternatives\":[{\"quantities\":[[\"pool-00\",\"cpu_milli\",0,500]]}]}' |\n         headroom preview --book book.json --order -"
    )]
    Preview(PreviewArgs),
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArg {
    /// No accepted block loses money (the production rule).
    Market,
    /// The greatest welfare; blocks may lose. For comparing with solvers.
    Welfare,
}

impl From<ModeArg> for clearing::Mode {
    fn from(m: ModeArg) -> Self {
        match m {
            ModeArg::Market => clearing::Mode::Market,
            ModeArg::Welfare => clearing::Mode::Welfare,
        }
    }
}

impl From<ModeArg> for headroom_market::auction::outcome::Mode {
    fn from(m: ModeArg) -> Self {
        match m {
            ModeArg::Market => Self::Market,
            ModeArg::Welfare => Self::Welfare,
        }
    }
}

#[derive(Args)]
pub struct ClearArgs {
    /// The book, a headroom.book/1 or headroom.book/2 JSON file.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// Where the outcome goes; stdout if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What is maximised, and under which rules.
    #[arg(long, value_enum, default_value = "market")]
    mode: ModeArg,
    /// Prints the seconds of building, solving and verifying to stderr.
    #[arg(long)]
    time: bool,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// The book that was cleared.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// The outcome to check.
    #[arg(long, value_name = "FILE")]
    outcome: PathBuf,
    /// The rules to check by; the outcome's own mode if left out.
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
}

#[derive(Args)]
pub struct GenerateArgs {
    /// How many orders.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    orders: u32,
    /// How many pools, each with cpu_milli and mem_mib.
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pools: u32,
    /// How many slots.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    slots: u32,
    /// Nodes of each pool; 0 = the book has none.
    #[arg(long, value_name = "N", default_value_t = 0)]
    nodes: u32,
    /// Seed of the generator and of the book.
    #[arg(long, value_name = "S")]
    seed: u64,
    /// Where the book goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(command: Command) -> ExitCode {
    match command {
        Command::Clear(a) => clear(&a),
        Command::Verify(a) => verify(&a),
        Command::GenerateBook(a) => generate(&a),
        Command::Explain(a) => explain::explain(&a),
        Command::Preview(a) => explain::preview(&a),
    }
}

fn fault(what: &str, path: &Path, e: &dyn std::fmt::Display) -> ExitCode {
    crate::cli::complain(format_args!("headroom: can't {what} {}: {e}", path.display()));
    ExitCode::FAILURE
}

pub(super) fn refuse(faults: &[Fault]) -> ExitCode {
    let doc = serde_json::json!({
        "type": "urn:headroom:problem:book-refused",
        "title": "The book is refused",
        "status": 422,
        "detail": format!("{} fault(s); nothing was cleared", faults.len()),
        "errors": faults,
    });
    crate::cli::complain(format_args!("{doc:#}"));
    ExitCode::from(REFUSED)
}

/// The text of a file, or of stdin for `-`.
pub(super) fn read_text(path: &Path) -> Result<String, ExitCode> {
    if path.as_os_str() == "-" {
        return std::io::read_to_string(std::io::stdin()).map(without_mark).map_err(|e| fault("read", path, &e));
    }
    let file = std::fs::File::open(path).map_err(|e| fault("read", path, &e))?;
    let mut bytes = Vec::new();
    let mut plain = headroom_forecast::stream::maybe_gzip(file).map_err(|e| fault("read", path, &e))?;
    if let Err(e) = plain.read_to_end(&mut bytes) {
        // a compressed file that was cut off, or that is none
        let damaged = matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput);
        let detail = format!("{} can't be unpacked: {e}", path.display());
        return Err(match damaged {
            true => refuse(&[Fault { pointer: String::new(), code: "invalid_json".into(), detail }]),
            false => fault("read", path, &e),
        });
    }
    String::from_utf8(bytes)
        .map(without_mark)
        .map_err(|e| refuse(&[Fault { pointer: String::new(), code: "invalid_json".into(), detail: e.to_string() }]))
}

/// Some editors begin a file with a byte order mark, which is no JSON.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.into(),
        None => text,
    }
}

pub(super) fn read_book(path: &Path) -> Result<Book, ExitCode> {
    clearing::parse(&read_text(path)?).map_err(|faults| refuse(&faults))
}

pub(super) fn read_outcome(path: &Path) -> Result<Outcome, ExitCode> {
    serde_json::from_str(&read_text(path)?).map_err(|e| {
        crate::cli::say(format_args!("FORMAT: not a headroom.outcome/1 document: {e}"));
        ExitCode::from(REFUSED)
    })
}

fn print_broken(broken: &[Broken], to: &mut dyn std::io::Write) {
    for b in broken {
        // a closed pipe is the reader's choice
        let _ = writeln!(to, "{b}");
    }
}

/// A verified outcome, and how long it took.
pub(super) struct Chosen {
    pub outcome: Outcome,
    solving: std::time::Duration,
    checking: std::time::Duration,
}

/// Clears a book, and once more without its blocks if no outcome with them passes the check.
pub(super) fn clear_book(book: &Book, mode: clearing::Mode) -> Result<Chosen, ExitCode> {
    let (mut solving, mut checking) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
    let mut broken = Vec::new();
    for limits in [Limits::default(), Limits { without_blocks: true, ..Limits::default() }] {
        let t = Instant::now();
        let outcome = match clearing::clear(book, mode, &headroom_solver::MixedInteger::OFFLINE, &limits) {
            Ok(o) => o,
            Err(ClearFault::Refused(faults)) => return Err(refuse(&faults)),
            Err(e) => {
                crate::cli::complain(format_args!("headroom: {e}"));
                solving += t.elapsed();
                continue;
            }
        };
        solving += t.elapsed();
        let t = Instant::now();
        let verdict = check::verify(book, outcome, mode);
        checking += t.elapsed();
        match verdict {
            Ok(v) => return Ok(Chosen { outcome: v.into_inner(), solving, checking }),
            Err(b) => broken = b,
        }
    }
    crate::cli::complain(format_args!("headroom: no verified outcome was found"));
    print_broken(&broken, &mut std::io::stderr());
    Err(ExitCode::FAILURE)
}

fn clear(a: &ClearArgs) -> ExitCode {
    let start = Instant::now();
    let text = match read_text(&a.book) {
        Ok(text) => text,
        Err(code) => return code,
    };
    if auction::is_second_edition(&text) {
        return auction::clear(&text, a.out.as_deref(), a.mode.into(), a.time);
    }
    let book = match clearing::parse(&text) {
        Ok(book) => book,
        Err(faults) => return refuse(&faults),
    };
    warn_of_unknown_products(&book);
    warn_of_own_trades(&book);
    let built = Instant::now();
    let chosen = match clear_book(&book, a.mode.into()) {
        Ok(chosen) => chosen,
        Err(code) => return code,
    };
    if a.time {
        crate::cli::complain(format_args!(
            "build {:.6} s, solve {:.6} s, verify {:.6} s",
            (built - start).as_secs_f64(),
            chosen.solving.as_secs_f64(),
            chosen.checking.as_secs_f64()
        ));
    }
    let given_up = check::given_up(&book, &chosen.outcome, a.mode.into()).len();
    if given_up > 0 {
        crate::cli::complain(format_args!(
            "headroom: the search gave up {given_up} of the orders in the money (SOLVER_FALLBACK), which I2 excuses for \
             nobody: `verify` names them; up to {} of the bound may be missing",
            gap(&chosen.outcome)
        ));
    }
    let left_out = chosen.outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback).count();
    let left_out = left_out.saturating_sub(given_up);
    if left_out > 0 {
        crate::cli::complain(format_args!(
            "headroom: {left_out} order(s) were left out so that every rule holds (SOLVER_FALLBACK), though no rule says that they \
             lose; up to {} of the bound may be missing",
            gap(&chosen.outcome)
        ));
    }
    write(&chosen.outcome, a.out.as_deref())
}

/// A product that is used and not listed has no supply, so a mistyped one is no fault: but whoever wrote it is told.
fn warn_of_unknown_products(book: &Book) {
    let of = |side: Side| book.orders.iter().filter(move |o| o.side == side);
    let asked = |o: &Order| -> Vec<ProductKey> {
        o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| q.product.clone()).collect()
    };
    let listed = book.products.iter().map(|p| p.key()).chain(book.arcs.iter().map(|a| a.to.clone()));
    let known: BTreeSet<ProductKey> = listed.chain(of(Side::Offer).flat_map(asked)).collect();
    let mut unknown: BTreeMap<ProductKey, usize> = BTreeMap::new();
    for product in of(Side::Bid).flat_map(asked).filter(|k| !known.contains(k)) {
        *unknown.entry(product).or_default() += 1;
    }
    for (product, bids) in unknown {
        crate::cli::complain(format_args!(
            "headroom: nobody supplies {product}, which is not among the products of the book; asked for {bids} time(s)"
        ));
    }
}

/// The market refuses an order that could trade with one of the same member (`self_trade`). A book that has both for one
/// workload is cleared as it is, and then one may be worth filling at a loss for the other's sake, which no price allows.
fn warn_of_own_trades(book: &Book) {
    let orders_of = |side: Side| {
        let mut orders: BTreeMap<(&str, ProductKey), &Order> = BTreeMap::new();
        for order in book.orders.iter().filter(|o| o.side == side) {
            let Some(instance) = &order.instance else { continue };
            for quantity in order.alternatives.iter().flat_map(|a| &a.quantities) {
                orders.insert((instance, quantity.product.clone()), order);
            }
        }
        orders
    };
    let (bids, offers) = (orders_of(Side::Bid), orders_of(Side::Offer));
    let both = bids.iter().filter_map(|(place, bid)| Some((place, bid, offers.get(place)?)));
    let Some(((instance, product), bid, offer)) = both.clone().next() else { return };
    let (bid, offer, owner, others) = (&bid.id, &offer.id, &bid.owner, both.count() - 1);
    let more = if others == 0 { String::new() } else { format!(" (and so {others} times more)") };
    crate::cli::complain(format_args!(
        "headroom: {bid} and {offer} of {owner} are a bid and an offer of workload {instance} for {product}{more}; the market refuses \
         the second of such orders, here they are cleared as they are"
    ));
}

fn write(outcome: &Outcome, path: Option<&Path>) -> ExitCode {
    match serde_json::to_string_pretty(outcome) {
        Ok(text) => write_text(text, path),
        Err(e) => {
            crate::cli::complain(format_args!("headroom: can't write the outcome: {e}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a text and a line's end into a file, or to stdout without one.
pub(super) fn write_text(text: String, path: Option<&Path>) -> ExitCode {
    let text = text + "\n";
    let written = match path {
        Some(path) => std::fs::write(path, text),
        None => std::io::stdout().write_all(text.as_bytes()),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fault("write", path.unwrap_or(Path::new("stdout")), &e),
    }
}

fn verify(a: &VerifyArgs) -> ExitCode {
    let text = match read_text(&a.book) {
        Ok(text) => text,
        Err(code) => return code,
    };
    if auction::is_second_edition(&text) {
        return auction::verify(&text, &a.outcome, a.mode.map(Into::into));
    }
    let book = match clearing::parse(&text) {
        Ok(b) => b,
        Err(faults) => return refuse(&faults),
    };
    let outcome = match read_outcome(&a.outcome) {
        Ok(o) => o,
        Err(code) => return code,
    };
    let mode = a.mode.map_or(outcome.mode, Into::into);
    match check::verify(&book, outcome, mode) {
        Ok(outcome) => {
            let given_up = check::given_up(&book, &outcome, mode);
            if given_up.is_empty() {
                let named = outcome.certificate.as_ref().is_some_and(|c| !c.input_hash.is_empty());
                let hashes = if named {
                    ""
                } else {
                    " (it names no book by its hash, so neither that nor its gap was looked at)"
                };
                crate::cli::say(format_args!("every rule that one round can show holds{hashes}"));
                return ExitCode::SUCCESS;
            }
            print_broken(&given_up, &mut std::io::stdout());
            crate::cli::say(format_args!(
                "every other rule that one round can show holds; the outcome says itself that it gave these up, \
                 and that up to {} of its bound may be missing",
                gap(&outcome)
            ));
            ExitCode::from(REFUSED)
        }
        Err(broken) => {
            print_broken(&broken, &mut std::io::stdout());
            ExitCode::from(REFUSED)
        }
    }
}

/// The part of the bound that an outcome may have missed, as it says.
fn gap(outcome: &Outcome) -> &str {
    outcome.certificate.as_ref().map_or("an unknown part", |c| c.gap.as_str())
}

fn generate(a: &GenerateArgs) -> ExitCode {
    let size = clearing::generate::Size { orders: a.orders as usize, pools: a.pools, slots: a.slots, nodes: a.nodes };
    let book = clearing::generate::book(&size, a.seed);
    match serde_json::to_string_pretty(&book) {
        Ok(text) => match std::fs::write(&a.out, text + "\n") {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => fault("write", &a.out, &e),
        },
        Err(e) => fault("write", &a.out, &e),
    }
}
