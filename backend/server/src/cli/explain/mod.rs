//! `headroom explain` and `headroom preview`: what a round decided about one order, in prose.
//!
//! Everything is read from the book and its outcome; only the limit that would have won is found by
//! clearing the book again. Exit codes as in `offline`.
mod depth;
mod externality;
mod losers;
mod other_side;
mod reasons;
mod rows;
mod story;
#[cfg(test)]
mod tests;
mod words;

use super::offline::{Chosen, REFUSED, clear_book, read_book, read_outcome, read_text, refuse};
use clap::Args;
use headroom_market::clearing::book::Order;
use headroom_market::clearing::outcome::{Award, Outcome, Reason, Refusal};
use headroom_market::clearing::{self, Asked, Book, Limits, Mode, Money, Winning, externality, winning_limit};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use story::Story;

#[derive(Args)]
pub struct ExplainArgs {
    /// The book, a headroom.book/1 JSON file.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// Its outcome; cleared now if left out.
    #[arg(long, value_name = "FILE")]
    outcome: Option<PathBuf>,
    /// The order to explain.
    #[arg(long, value_name = "ID", required_unless_present = "losers", conflicts_with = "losers")]
    order: Option<String>,
    /// Prints every order that did not win as a line of CSV, with the limit that would have won, and whether that is
    /// `exact` (with a micro-credit less it loses), a `bound` (the search was ended), or whether `none_helps`.
    #[arg(long)]
    losers: bool,
    /// Leaves out what is found by clearing the book again: the limit that would have won (mostly four to twenty times, up
    /// to some 70), and what its winning costs others (once).
    #[arg(long)]
    quick: bool,
    /// Ends the search for that limit after so many seconds, when the clearing under way is done, with what is known then
    /// as a bound. With `--losers` that is for all of them together.
    #[arg(long, value_name = "N", default_value_t = 120)]
    seconds: u64,
}

#[derive(Args)]
pub struct PreviewArgs {
    /// The book, a headroom.book/1 JSON file.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// The order to try, a JSON file in the form of an entry of the book's `orders`; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    order: PathBuf,
}

pub fn explain(a: &ExplainArgs) -> ExitCode {
    let book = match read_book(&a.book) {
        Ok(book) => book,
        Err(code) => return code,
    };
    let outcome = match &a.outcome {
        Some(path) => read_outcome(path),
        None => clear_book(&book, Mode::Market).map(|c: Chosen| c.outcome),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(code) => return code,
    };
    let named = outcome.certificate.as_ref().map(|c| c.input_hash.as_str()).filter(|hash| !hash.is_empty());
    if let Some(hash) = named.filter(|hash| *hash != book.input_hash()) {
        crate::cli::complain(format_args!(
            "headroom: this is the outcome of another book (it names {hash}, this one is {}): give the book that it was cleared from, or leave out --outcome to have this one cleared",
            book.input_hash()
        ));
        return ExitCode::from(REFUSED);
    }
    if let Err(broken) = clearing::verify(&book, outcome.clone(), outcome.mode) {
        crate::cli::complain(format_args!("headroom: this is no outcome of the book; nothing is explained"));
        for b in broken {
            crate::cli::complain(format_args!("{b}"));
        }
        return ExitCode::from(REFUSED);
    }
    let Some(id) = &a.order else {
        list_losers(&book, &outcome, a);
        return ExitCode::SUCCESS;
    };
    let Some(order) = book.orders.iter().find(|o| o.id == *id) else {
        let near: Vec<&str> = book.orders.iter().map(|o| o.id.as_str()).filter(|other| other.contains(id)).collect();
        let hint = match near.first() {
            Some(id) => format!("did you mean `{id}`?"),
            None => format!("it has {} orders", book.orders.len()),
        };
        crate::cli::complain(format_args!("headroom: there is no order `{id}` in the book; {hint}"));
        return ExitCode::FAILURE;
    };
    let story = Story { book: &book, outcome: &outcome };
    // what is known is said before what has to be looked for
    crate::cli::say(format_args!("{}", story.about(order).trim_end()));
    if !a.quick && outcome.mode == Mode::Market {
        if book.orders.len() > LARGE {
            crate::cli::complain(format_args!(
                "headroom: looking for what else would have been; a book of {} orders takes long to be cleared again and again (--quick leaves it out, --seconds {} ends the search)",
                book.orders.len(),
                a.seconds
            ));
        }
        let found = searched(&story, order, Duration::from_secs(a.seconds));
        if !found.is_empty() {
            crate::cli::say(format_args!("\n{}", found.trim()));
        }
    }
    ExitCode::SUCCESS
}

fn list_losers(book: &Book, outcome: &Outcome, a: &ExplainArgs) {
    // without a search all that is known is what the prices say
    let longest = if a.quick { None } else { Some(Duration::from_secs(a.seconds)) };
    let limits = losers::limits(book, outcome, longest);
    crate::cli::say(format_args!("{}", losers::table(outcome, &limits).trim_end()));
    crate::cli::complain(format_args!("headroom: {}", losers::summary(&limits)));
}

/// Books of more orders take minutes to be cleared dozens of times.
const LARGE: usize = 1_000;

/// What is found by clearing the book again.
fn searched(story: &Story<'_>, order: &Order, longest: Duration) -> String {
    let (book, outcome) = (story.book, story.outcome);
    let mut text = String::new();
    let proposer = headroom_solver::MixedInteger::OFFLINE;
    if let Some(found) = externality(book, outcome, &order.id, &proposer, &Limits::default()) {
        text += &externality::beside_others(found);
    }
    if let Some(refused) = story.refusal(&order.id) {
        let found = search(book, refused, longest);
        let award = if let Winning::Limit(limit) = found { won_with(book, order, limit) } else { None };
        text += &story.would_win(order, refused, found, award.as_ref());
    }
    let reason = story.award(&order.id).map_or(story.refusal(&order.id).map(|r| r.reason), |a| a.limited_by);
    // whoever the search gave up may be in its own way
    let by_budget = matches!(reason, Some(Reason::Budget | Reason::SolverFallback));
    if let Some(limit) = story.limit_in_budget(order).filter(|_| by_budget)
        && let Some(award) = won_with(book, order, limit)
    {
        text += &story.in_budget(order, limit, &award);
    }
    text
}

/// What an order would have won with another limit.
fn won_with(book: &Book, order: &Order, limit: Money) -> Option<Award> {
    let mut other = book.clone();
    other.orders.iter_mut().find(|o| o.id == order.id)?.limit = limit;
    let outcome = clear_book(&other, Mode::Market).ok()?.outcome;
    outcome.awards.into_iter().find(|a| a.order == order.id)
}

pub fn preview(a: &PreviewArgs) -> ExitCode {
    let book = match read_book(&a.book) {
        Ok(book) => book,
        Err(code) => return code,
    };
    let order = match read_text(&a.order) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let mut whole = match serde_json::to_value(&book) {
        Ok(whole) => whole,
        Err(e) => {
            crate::cli::complain(format_args!("headroom: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let order: serde_json::Value = match serde_json::from_str(&order) {
        Ok(order) => order,
        Err(e) => {
            let detail = format!("the order is not JSON: {e}");
            return refuse(&[clearing::Fault { pointer: String::new(), code: "invalid_json".into(), detail }]);
        }
    };
    if let Some(orders) = whole.get_mut("orders").and_then(serde_json::Value::as_array_mut) {
        orders.push(order);
    }
    let position = format!("/orders/{}", book.orders.len());
    let with = match clearing::parse(&whole.to_string()) {
        Ok(with) => with,
        Err(mut faults) => {
            // the pointers are those of the order as it was given
            for fault in &mut faults {
                fault.pointer =
                    fault.pointer.strip_prefix(&position).map(str::to_owned).unwrap_or(fault.pointer.clone());
            }
            return refuse(&faults);
        }
    };
    let (before, after) = match (clear_book(&book, Mode::Market), clear_book(&with, Mode::Market)) {
        (Ok(before), Ok(after)) => (before.outcome, after.outcome),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let Some(order) = with.orders.last() else { return ExitCode::FAILURE };
    let story = Story { book: &with, outcome: &after };
    let mut text = story.about(order);
    text += &story.changes(&before, &order.id);
    crate::cli::say(format_args!("{}", text.trim_end()));
    ExitCode::SUCCESS
}

/// The limit that would have won, with progress where somebody watches.
fn search(book: &Book, refused: &Refusal, longest: Duration) -> Winning {
    let began = Instant::now();
    let watched = std::io::stderr().is_terminal();
    let tries = std::cell::Cell::new(0);
    let go_on = || {
        tries.set(tries.get() + 1);
        if watched {
            let _nobody_reads = write!(std::io::stderr(), "\rclearing the book again: {}", tries.get());
        }
        began.elapsed() <= longest
    };
    let proposer = headroom_solver::MixedInteger::OFFLINE;
    // A book from outside says what each alternative is worth, and not what follows from what.
    let asked = Asked { order: &refused.order, runs_of: None, guess: refused.winning_limit };
    let found = winning_limit(book, asked, &proposer, &Limits::default(), &go_on);
    if watched {
        let _nobody_reads = write!(std::io::stderr(), "\r\x1b[K");
    }
    found
}
