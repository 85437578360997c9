//! The independent checker: whether an outcome, from whatever program, is right for its book.
//!
//! It uses no solver and shares nothing with the search but the formats and exact arithmetic:
//! every rule that one round can show is tested on the published numbers themselves. Only what it
//! accepts becomes a `Verified` outcome, and nothing else can make one.
//!
//! Tolerances, and nothing else, are allowed: a nano-credit per base unit for a published price, a
//! micro-credit per award, and under one base unit (of an order with replicas: one replica) per
//! partly filled order and product.
//!
//! Deliberately absent: the choice among supporting prices. That `low` and `high` support the
//! allocation is tested; that they are the ones the rule chooses would need an optimiser.
mod at_collar;
mod certificate;
mod collars;
mod facts;
mod first_reason;
mod given_up;
mod lots;
mod money;
mod own_rows;
mod place;
mod prices;
mod printed;
mod read;
mod rows;
mod upstream;
mod welfare;

use super::book::Book;
use super::outcome::{Mode, Outcome};
use super::rational::Rat;
use facts::Facts;
use serde::Serialize;
use std::fmt;
use std::ops::Deref;

/// A rule that does not hold, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub rule: &'static str,
    pub what: &'static str,
    pub numbers: Vec<(&'static str, String)>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)?;
        for (name, value) in &self.numbers {
            write!(f, "; {name} {value}")?;
        }
        Ok(())
    }
}

/// Something that the checker has accepted. There is no other way to make one.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Collects what is broken.
#[derive(Default)]
struct Report {
    broken: Vec<Broken>,
    /// What the outcome itself says it gave up, though I2 excuses nobody so.
    given_up: Vec<Broken>,
}

impl Report {
    fn bad(&mut self, rule: &'static str, what: &'static str, numbers: &[(&'static str, &dyn fmt::Display)]) {
        let numbers = numbers.iter().map(|(n, v)| (*n, v.to_string())).collect();
        self.broken.push(Broken { rule, what, numbers });
    }

    fn gives_up(&mut self, vector: &'static str, order: &str, surplus: i128) {
        if vector == "price" {
            let what = "an order in the money is left unfilled: the search gave it up (SOLVER_FALLBACK)";
            let numbers = vec![("order", order.to_string()), ("surplus in nano-credits", surplus.to_string())];
            self.given_up.push(Broken { rule: "I2", what, numbers });
        }
    }
}

/// What offers in replicas may lend of which only a part is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lending {
    /// Under a replica each, as anything is rounded.
    Rounded,
    /// Nothing, as nobody would pay for it.
    Bought,
}

/// Checks an outcome against its book; the certificate of what is returned says `verified`, unless it gives orders up,
/// which I2 excuses for nobody.
pub fn verify(book: &Book, outcome: Outcome, mode: Mode) -> Result<Verified<Outcome>, Vec<Broken>> {
    accept(book, outcome, mode, Lending::Rounded)
}

/// The same for a round of a market, in which nothing may be lent that nobody buys.
pub fn verify_round(book: &Book, outcome: Outcome) -> Result<Verified<Outcome>, Vec<Broken>> {
    accept(book, outcome, Mode::Market, Lending::Bought)
}

fn accept(book: &Book, outcome: Outcome, mode: Mode, lending: Lending) -> Result<Verified<Outcome>, Vec<Broken>> {
    let report = report(book, &outcome, mode, lending);
    if !report.broken.is_empty() {
        return Err(report.broken);
    }
    let mut outcome = outcome;
    if let Some(c) = &mut outcome.certificate {
        c.verified = report.given_up.is_empty();
    }
    Ok(Verified(outcome))
}

/// The divisible orders in the money that an outcome gives up and says so. A market stores such a round, as one that is
/// void serves nobody; whoever verifies it is told that I2 does not hold for them.
pub fn given_up(book: &Book, outcome: &Outcome, mode: Mode) -> Vec<Broken> {
    report(book, outcome, mode, Lending::Rounded).given_up
}

/// Every rule that an outcome breaks.
pub fn broken(book: &Book, outcome: &Outcome, mode: Mode) -> Vec<Broken> {
    report(book, outcome, mode, Lending::Rounded).broken
}

fn report(book: &Book, outcome: &Outcome, mode: Mode, lending: Lending) -> Report {
    let mut report = Report::default();
    let faults = book.validate();
    if !faults.is_empty() {
        report.bad("BOOK", "the book itself is not acceptable", &[("faults", &faults.len())]);
        return report;
    }
    rules(book, outcome, mode, lending, &mut report);
    hashes(book, outcome, &mut report);
    report
}

/// The rules of the market alone, for a book that is known to be acceptable.
pub(super) fn faults(book: &Book, outcome: &Outcome, mode: Mode, lending: Lending) -> Vec<Broken> {
    let mut report = Report::default();
    rules(book, outcome, mode, lending, &mut report);
    report.broken
}

/// Between what the welfare of an outcome's whole units lies, and that of its fills in parts, in nano-credits; nothing if
/// they can't be read.
pub(super) fn possible_welfare(book: &Book, outcome: &Outcome, lending: Lending) -> Option<[(Rat, Rat); 2]> {
    let mut report = Report::default();
    let facts = Facts::read(book, outcome, lending, &mut report)?;
    let hosting = place::Hosting::check(&facts, outcome, &mut report);
    Some([welfare::of_whole_units(&facts, &hosting), welfare::before_rounding(&facts, &hosting)])
}

fn rules(book: &Book, outcome: &Outcome, mode: Mode, lending: Lending, report: &mut Report) {
    if let Some(mut f) = Facts::read(book, outcome, lending, report) {
        rows::check(&f, report);
        let hosting = place::Hosting::check(&f, outcome, report);
        let priced = mode == Mode::Market || !f.orders.iter().any(|o| o.block);
        if priced {
            prices::check(&mut f, &hosting, report);
            money::check(&f, report);
            money::ties(&f, &hosting, report);
        } else {
            prices::bounds(&f, report);
        }
        let greatest = welfare::check(&f, outcome, priced, &hosting, report);
        money::reasons(&f, &hosting, mode, report);
        certificate::check(outcome, &greatest, report);
        printed::check(&f, outcome, mode, report);
        if mode == Mode::Market {
            money::limits(&f, outcome, &hosting, report);
            first_reason::awards(&f, outcome, report);
            given_up::check(&f, outcome, &hosting, report);
        }
    }
}

fn hashes(book: &Book, outcome: &Outcome, report: &mut Report) {
    if let Some(c) = &outcome.certificate {
        if !c.input_hash.is_empty() && c.input_hash != book.input_hash() {
            report.bad(
                "HASH",
                "the outcome is of another book",
                &[("input_hash", &c.input_hash), ("book", &book.input_hash())],
            );
        }
        if !c.result_hash.is_empty() && c.result_hash != outcome.result_hash() {
            report.bad(
                "HASH",
                "the outcome is not the one its certificate names",
                &[("result_hash", &c.result_hash), ("outcome", &outcome.result_hash())],
            );
        }
    }
}
