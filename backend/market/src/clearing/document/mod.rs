//! Books and outcomes of rounds by their names, as the formats write them: what is stored, proved and shown.
//!
//! A book is cleared by its numbers (`numbered`), and an outcome read back from the text that the clearing prints. Only
//! [`verify`] makes a [`Verified`] outcome.

mod book;
mod outcome;

pub use book::{Alternative, Arc, Book, Committed, Lending, Node, Order, Product, Quantity, Step, Workload};
pub use outcome::{Award, Certificate, Flow, Gap, Outcome, PremiumRow, PriceRow, Refusal, SupplyUse};

use crate::clearing::check::check;
use crate::clearing::check::rules::Broken;
use crate::clearing::{book as numbers, outcome as found};

/// An outcome that the exact check has passed for its book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Checks an outcome in numbers and names what is in it; else all the rules that it breaks.
pub fn verify(book: &numbers::Book, outcome: &found::Outcome) -> Result<Verified<Outcome>, Vec<Broken>> {
    match check(book, outcome, Vec::new()) {
        broken if broken.is_empty() => Ok(Verified(Outcome::of(&found::print(book, outcome)))),
        broken => Err(broken),
    }
}

/// The same of an outcome as it is stored: read, checked and named again.
pub fn verify_text(book: &numbers::Book, text: &str) -> Result<Verified<Outcome>, String> {
    let (outcome, broken) = found::read(book, text.as_bytes()).map_err(|malformed| malformed.to_string())?;
    match check(book, &outcome, broken).first() {
        None => Ok(Verified(Outcome::of(text))),
        Some(broken) => Err(format!("{:?}: {}", broken.rule, broken.what)),
    }
}
