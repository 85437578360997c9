//! Headroom without a server: clear a book, verify an outcome, generate a book, explain an order, try one.
//!
//! The formats are public (`headroom.book/2`, `headroom.outcome/2`). Exit codes: 0 done, 4 the book is refused or the
//! outcome breaks a rule, 1 anything else.
mod clear;
mod draw;
mod generate;
mod verify;

pub(super) use clear::{Cleared, cleared};
pub(super) use verify::read_outcome;

use super::explain::{self, ExplainArgs, PreviewArgs};
use clap::{Subcommand, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;
use headroom_market::clearing::book::{self, Book, Fault};
use headroom_market::clearing::outcome::Mode;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::process::ExitCode;

/// A book that can't be accepted, or an outcome that breaks a rule.
pub(super) const REFUSED: u8 = 4;

#[derive(Subcommand)]
pub enum Command {
    /// Clears one round: reads headroom.book/2, writes a verified headroom.outcome/2.
    ///
    /// The outcome is checked before it is written, in integers, by what shares no code with the search. Exit 4: the book
    /// is refused, and stderr has a problem document (RFC 9457) with a JSON pointer for every fault. Exit 1: anything
    /// else, also where no outcome passes the check; nothing is written then.
    #[command(
        after_help = "Example: headroom generate-book --orders 50 --pools 2 --slots 3 --seed 7 --out book.json\n         headroom clear --book book.json --out outcome.json --time"
    )]
    Clear(clear::ClearArgs),
    /// Checks an outcome against its book, from whatever program, without a solver.
    ///
    /// Exit 0: the rules V1 to V8 hold. Exit 4: a line on stdout for each broken rule, with the numbers.
    #[command(after_help = "Example: headroom verify --book book.json --outcome outcome.json")]
    Verify(verify::VerifyArgs),
    /// Writes a realistic book: 20 % orders with alternatives, 10 % all-or-none, replicas, lenders, reserve steps.
    ///
    /// The same arguments give the same bytes.
    #[command(
        after_help = "Example: headroom generate-book --orders 300 --pools 6 --slots 6 --nodes 2 --seed 1 --out book.json"
    )]
    GenerateBook(generate::GenerateArgs),
    /// Tells what a round decided about one order, in prose: why it lost, what it costs, what binds, what would have won;
    /// or, with `--losers`, what would have won for every order that lost.
    ///
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
    /// All rules hold (the production rule).
    Market,
    /// The greatest welfare; bids with a minimum fill or alternatives may lose. For comparing with solvers.
    Welfare,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Market => Mode::Market,
            ModeArg::Welfare => Mode::Welfare,
        }
    }
}

pub fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Clear(args) => clear::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::GenerateBook(args) => generate::run(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Preview(args) => explain::preview(&args),
    };
    done.map_or_else(|code| code, |()| ExitCode::SUCCESS)
}

/// What went wrong has been said already.
pub(super) type Done<T = ()> = Result<T, ExitCode>;

/// Says what went wrong; the code of the end.
pub(super) fn fault(what: &str, path: &Path, error: &dyn std::fmt::Display) -> ExitCode {
    crate::cli::complain(format_args!("headroom: can't {what} {}: {error}", path.display()));
    ExitCode::FAILURE
}

/// A problem document with all faults, on stderr.
pub(super) fn refuse(faults: &[Fault]) -> ExitCode {
    let document = serde_json::json!({
        "type": "urn:headroom:problem:book-refused",
        "title": "The book is refused",
        "status": 422,
        "detail": format!("{} fault(s); nothing was cleared", faults.len()),
        "errors": faults,
    });
    crate::cli::complain(format_args!("{document:#}"));
    ExitCode::from(REFUSED)
}

/// A fault of a whole file.
pub(super) fn unreadable(detail: impl Into<String>) -> ExitCode {
    refuse(&[Fault { pointer: String::new(), detail: detail.into() }])
}

/// The text of a file, plain or gzip, or of stdin for `-`.
pub(super) fn read_text(path: &Path) -> Done<String> {
    if path.as_os_str() == "-" {
        return std::io::read_to_string(std::io::stdin()).map(without_mark).map_err(|e| fault("read", path, &e));
    }
    let file = std::fs::File::open(path).map_err(|e| fault("read", path, &e))?;
    let mut bytes = Vec::new();
    let mut plain = headroom_forecast::stream::maybe_gzip(file).map_err(|e| fault("read", path, &e))?;
    if let Err(error) = plain.read_to_end(&mut bytes) {
        // A compressed file that was cut off, or that is none.
        let kinds = [ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::InvalidInput];
        return Err(match kinds.contains(&error.kind()) {
            true => unreadable(format!("{} can't be unpacked: {error}", path.display())),
            false => fault("read", path, &error),
        });
    }
    String::from_utf8(bytes).map(without_mark).map_err(|error| unreadable(error.to_string()))
}

/// Some editors begin a file with a byte order mark, which is no JSON.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.into(),
        None => text,
    }
}

/// A book from its text.
pub(super) fn book_of(text: &str) -> Done<Book> {
    book::read(text.as_bytes()).map_err(|faults| {
        if !text.contains("\"headroom.book/1\"") {
            return refuse(&faults);
        }
        crate::cli::complain(format_args!(
            "headroom: headroom.book/1 is the format of version 0.1, and the book has to be written as headroom.book/2 \
             (docs/formats.md)."
        ));
        ExitCode::from(REFUSED)
    })
}

/// Writes a text and a line's end into a file, compressed where its name ends in `.gz`, or to stdout without one.
pub(super) fn write_text(text: &str, path: Option<&Path>) -> Done {
    let lines = |to: &mut dyn std::io::Write| to.write_all(text.as_bytes()).and_then(|()| to.write_all(b"\n"));
    let written = match path {
        None => lines(&mut std::io::stdout().lock()),
        Some(path) => std::fs::File::create(path).and_then(|mut file| {
            if path.extension().is_none_or(|ending| ending != "gz") {
                return lines(&mut file);
            }
            let mut packed = GzEncoder::new(file, Compression::default());
            lines(&mut packed)?;
            packed.finish().map(drop)
        }),
    };
    written.map_err(|error| fault("write", path.unwrap_or(Path::new("stdout")), &error))
}
