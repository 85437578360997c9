//! `headroom verify`.
use super::{Cleared, Done, ModeArg, REFUSED, book_of, read_text};
use clap::Args;
use headroom_market::clearing::book::Book;
use headroom_market::clearing::check::{Broken, check};
use headroom_market::clearing::{document, outcome};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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

/// Tells every rule of V1 to V8 that the outcome breaks.
pub fn run(args: &VerifyArgs) -> Done {
    let book = book_of(&read_text(&args.book)?)?;
    let text = read_text(&args.outcome)?;
    let (mut outcome, broken) = outcome::read(&book, text.as_bytes()).map_err(|error| malformed(&error))?;
    outcome.mode = args.mode.map_or(outcome.mode, Into::into);
    let broken = check(&book, &outcome, broken);
    if broken.is_empty() {
        crate::cli::say(format_args!("V1 to V8 hold"));
        return Ok(());
    }
    broken.iter().for_each(|broken| crate::cli::say(format_args!("{}", line(broken))));
    Err(ExitCode::from(REFUSED))
}

/// The outcome of a book from its file, where it passes the check.
pub fn read_outcome(book: &Book, path: &Path) -> Done<Cleared> {
    let text = read_text(path)?;
    let (numbers, broken) = outcome::read(book, text.as_bytes()).map_err(|error| malformed(&error))?;
    let names: document::Outcome = serde_json::from_str(&text).map_err(|error| malformed(&error))?;
    let hash = &names.certificate.input_hash;
    if !hash.is_empty() && *hash != book.hash {
        crate::cli::complain(format_args!(
            "headroom: this is the outcome of another book (it names {hash}, this one is {}): give the book that it was \
             cleared from, or leave out --outcome to have this one cleared",
            book.hash
        ));
        return Err(ExitCode::from(REFUSED));
    }
    let broken = check(book, &numbers, broken);
    if broken.is_empty() {
        return Ok(Cleared { numbers, names });
    }
    crate::cli::complain(format_args!("headroom: this is no outcome of the book; nothing is explained"));
    broken.iter().for_each(|broken| crate::cli::complain(format_args!("{}", line(broken))));
    Err(ExitCode::from(REFUSED))
}

fn malformed(error: &dyn std::fmt::Display) -> ExitCode {
    crate::cli::say(format_args!("FORMAT: {error}"));
    ExitCode::from(REFUSED)
}

/// A broken rule with what shows it.
fn line(broken: &Broken) -> String {
    let numbers: Vec<String> = broken.numbers.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{:?}: {} ({})", broken.rule, broken.what, numbers.join(", "))
}
