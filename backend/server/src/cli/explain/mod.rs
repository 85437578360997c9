//! `headroom explain` and `headroom preview`: what a round decided about one order, in prose.
//!
//! Everything is read from the book and its outcome; only the limit that would have won, and what winning costs others,
//! are found by clearing the book again. Exit codes as in `offline`.
mod losers;
mod preview;
mod story;
#[cfg(test)]
mod tests;
mod words;

pub use preview::{PreviewArgs, preview};

use super::offline::{Done, book_of, cleared, read_outcome, read_text, unreadable};
use clap::Args;
use headroom_market::clearing::book::{Book, Side};
use headroom_market::clearing::document;
use headroom_market::clearing::outcome::Mode;
use headroom_solver::{Asked, Externality, Winning, award_with, externality, winning_limit};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use story::Story;
use words::{credits, grouped, trimmed};

#[derive(Args)]
pub struct ExplainArgs {
    /// The book, a headroom.book/2 JSON file.
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
    /// Leaves out what is found by clearing the book again: the limit that would have won, and what winning costs others.
    #[arg(long)]
    quick: bool,
    /// Ends the search for that limit after so many seconds, when the clearing under way is done, with what is known then
    /// as a bound. With `--losers` that is for all of them together.
    #[arg(long, value_name = "N", default_value_t = 120)]
    seconds: u64,
}

/// A book by numbers and by names.
struct Loaded {
    numbers: Book,
    names: document::Book,
}

impl Loaded {
    fn of(text: &str) -> Done<Loaded> {
        let numbers = book_of(text)?;
        // What `clear` takes beside is money as a number, and fields that are null.
        let names = serde_json::from_str(text)
            .map_err(|error| unreadable(format!("Only `clear` and `verify` read a book written so: {error}.")))?;
        Ok(Loaded { numbers, names })
    }
}

pub fn explain(args: &ExplainArgs) -> Done {
    let loaded = Loaded::of(&read_text(&args.book)?)?;
    let number = args.order.as_ref().map(|id| found(&loaded, id)).transpose()?;
    let outcome = match &args.outcome {
        Some(path) => read_outcome(&loaded.numbers, path)?,
        None => cleared(&loaded.numbers)?,
    };
    let (began, longest) = (Instant::now(), Duration::from_secs(args.seconds));
    let watched = std::io::stderr().is_terminal() && !args.quick;
    let tries = std::cell::Cell::new(0);
    let go_on = || {
        tries.set(tries.get() + 1);
        if watched {
            let _nobody_reads = write!(std::io::stderr(), "\rclearing the book again: {}\x1b[K", tries.get());
        }
        !args.quick && began.elapsed() <= longest
    };
    let end = || {
        if watched {
            let _nobody_reads = write!(std::io::stderr(), "\r\x1b[K");
        }
    };
    let Some(number) = number else {
        let table = losers::table(&loaded, &outcome.names, &go_on);
        end();
        crate::cli::say(format_args!("{}", table.trim_end()));
        return Ok(());
    };
    let order = &loaded.names.orders[number];
    // What is known is said before what has to be looked for.
    let story = Story::new(&loaded.numbers, (&outcome.numbers, &outcome.names), number, order);
    crate::cli::say(format_args!("{}", story.about().trim_end()));
    if args.quick || outcome.numbers.mode == Mode::Welfare {
        return Ok(());
    }
    let more = match outcome.names.refused.iter().find(|refused| refused.order == order.id) {
        Some(refused) => would_win(&loaded, order, refused, &go_on),
        None => externality(&loaded.names, &outcome.names, &order.id).map(beside_others).unwrap_or_default(),
    };
    end();
    if !more.is_empty() {
        crate::cli::say(format_args!("\n{more}"));
    }
    Ok(())
}

/// The place of an order in the book.
fn found(loaded: &Loaded, id: &str) -> Done<usize> {
    let orders = &loaded.names.orders;
    orders.iter().position(|order| order.id == id).ok_or_else(|| {
        let near = orders.iter().map(|order| order.id.as_str()).find(|other| other.contains(id));
        let hint = near.map_or(format!("it has {} orders", orders.len()), |near| format!("did you mean `{near}`?"));
        crate::cli::complain(format_args!("headroom: there is no order `{id}` in the book; {hint}"));
        ExitCode::FAILURE
    })
}

/// The limit that would have won, in a sentence.
fn would_win(
    loaded: &Loaded,
    order: &document::Order,
    refused: &document::Refusal,
    go_on: &dyn Fn() -> bool,
) -> String {
    let asked = Asked { order: &order.id, runs_of: None };
    let (worse, higher) = if order.side == Side::Bid { ("less", "higher") } else { ("more", "lower") };
    match winning_limit(&loaded.names, asked, go_on) {
        Winning::Limit(limit) => {
            let won = award_with(&loaded.names, asked, limit).map(|award| {
                let (lots, all) = (award.lots.into(), order.lots(award.alternative).into());
                if lots == all {
                    " all of it".to_owned()
                } else {
                    format!(" {} of {} lots", grouped(lots), grouped(all))
                }
            });
            format!(
                "With a limit of {} it would have won{}, and with a micro-credit {worse} nothing: the book was cleared again \
                 with both.",
                credits(limit.units().into()),
                won.unwrap_or_default()
            )
        }
        Winning::Between { loses, wins } => format!(
            "A bound: with a limit of {} it would have won, with {} nothing (--seconds gives the search longer).",
            credits(wins.units().into()),
            credits(loses.units().into())
        ),
        Winning::NoneTried => {
            format!("No {higher} limit that was tried would have won, up to one that nobody outbids.")
        }
        Winning::Unknown => match losers::said(order, refused) {
            Some(limit) => format!(
                "A bound: these prices ask for a limit of {} (--seconds gives the search longer).",
                credits(limit.units().into())
            ),
            None => "What limit would have won was not found in time (--seconds gives the search longer).".to_owned(),
        },
    }
}

/// What a bid's winning costs all others.
fn beside_others(found: Externality) -> String {
    let (paid, cost) = (credits(found.paid.units().into()), credits(found.cost.units().into()));
    match found.ratio_thousandths() {
        Some(ratio) => {
            let times = trimmed(ratio.into(), 3);
            format!(
                "Without it all others, the operator among them, would be better off by {cost}: it pays {paid}, {times} times that."
            )
        }
        None => format!("Its winning costs nobody anything: it pays {paid}."),
    }
}
