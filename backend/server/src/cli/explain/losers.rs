//! `headroom explain --losers`: every order that did not win, each with the limit that would have won.
//!
//! A line an order, in the order of the outcome. The limits are searched for on as many threads as there are processors;
//! each is found from the book alone, so how many there are changes no line (I13).
use super::words::trimmed;
use crate::http::reply::csv_cell;
use headroom_market::clearing::outcome::{Mode, Outcome, Refusal};
use headroom_market::clearing::{Asked, Book, Limits, Money, Winning, winning_limit};
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What is known of the limit of one loser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub value: Option<Money>,
    pub quality: Quality,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// It wins with this limit, and not with a micro-credit less (an offer: more).
    Exact,
    /// The search was ended: the nearest limit that is known to win, else what the published prices say.
    Bound,
    /// None of the limits that were tried would have won, up to one that nobody outbids.
    NoneHelps,
    /// The search was ended and the published prices say nothing of it.
    Unknown,
}

impl Quality {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Bound => "bound",
            Self::NoneHelps => "none_helps",
            Self::Unknown => "unknown",
        }
    }
}

/// The limits of all orders that were refused, in their order, searched for at most `longest` in all, or not
/// at all.
pub fn limits(book: &Book, outcome: &Outcome, longest: Option<Duration>) -> Vec<Limit> {
    let refused = &outcome.refused;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(refused.len()).max(1);
    let (next, done, began) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    let watched = longest.is_some() && std::io::stderr().is_terminal();
    let in_time = || longest.is_some_and(|longest| began.elapsed() <= longest);
    let work = || {
        let mut found = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(refusal) = refused.get(i) else { return found };
            found.push((i, limit(book, outcome.mode, refusal, &in_time)));
            let so_far = done.fetch_add(1, Ordering::Relaxed) + 1;
            if watched {
                let _nobody_reads = write!(std::io::stderr(), "\r{so_far} of {} losers", refused.len());
            }
        }
    };
    let mut all: Vec<(usize, Limit)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    });
    if watched {
        let _nobody_reads = write!(std::io::stderr(), "\r\x1b[K");
    }
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, limit)| limit).collect()
}

fn limit(book: &Book, mode: Mode, refused: &Refusal, go_on: &dyn Fn() -> bool) -> Limit {
    let by_price = |value: Option<Money>| Limit {
        value,
        quality: if value.is_some() { Quality::Bound } else { Quality::Unknown },
    };
    // in welfare mode prices support nothing, so no limit follows from them
    if mode == Mode::Welfare {
        return by_price(refused.winning_limit);
    }
    // a book from outside says what each alternative is worth, and not what follows from what
    let asked = Asked { order: &refused.order, runs_of: None, guess: refused.winning_limit };
    match winning_limit(book, asked, &headroom_solver::MixedInteger::OFFLINE, &Limits::default(), go_on) {
        Winning::Limit(value) => Limit { value: Some(value), quality: Quality::Exact },
        Winning::Between { wins, .. } => Limit { value: Some(wins), quality: Quality::Bound },
        Winning::NoneTried => Limit { value: None, quality: Quality::NoneHelps },
        Winning::Unknown => by_price(refused.winning_limit),
    }
}

/// The lines, with a header, as CSV (RFC 4180).
pub fn table(outcome: &Outcome, limits: &[Limit]) -> String {
    let amount = |m: Option<Money>| m.map(|m| trimmed(m.0.into(), 6)).unwrap_or_default();
    let mut text = String::from("order,reason,price,shortfall,winning_limit,quality\n");
    for (refused, limit) in outcome.refused.iter().zip(limits) {
        let cells = [
            csv_cell(&refused.order),
            refused.reason.code(),
            amount(refused.price),
            amount(refused.shortfall),
            amount(limit.value),
            limit.quality.code().to_owned(),
        ];
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

/// How many there are of each, in a sentence.
pub fn summary(limits: &[Limit]) -> String {
    let of = |quality: Quality| limits.iter().filter(|l| l.quality == quality).count();
    let mut text = format!("{} losers: {} limits are exact", limits.len(), of(Quality::Exact));
    for (quality, words) in [
        (Quality::NoneHelps, "none of the limits tried would have helped"),
        (Quality::Bound, "bounds, as the search was ended or left out (--seconds gives it longer)"),
        (Quality::Unknown, "unknown, as the search was ended or left out (--seconds gives it longer)"),
    ] {
        match of(quality) {
            0 => {}
            n if quality == Quality::NoneHelps => text += &format!("; for {n} {words}"),
            n => text += &format!("; {n} {words}"),
        }
    }
    text
}
