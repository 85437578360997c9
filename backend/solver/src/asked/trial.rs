//! A book in which the limit of one order changes.
use crate::clear_document;
use headroom_market::book::runs;
use headroom_market::clearing::document::{Alternative, Award, Book, Order, Outcome};
use headroom_market::units::Credits;
use std::collections::BTreeSet;

/// The order that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub order: &'a str,
    /// Of a bid that takes runs (`book::runs`): the slots of its window. The adders of shorter runs then follow the limit.
    pub runs_of: Option<i64>,
}

pub(super) struct Trial {
    book: Book,
    position: usize,
    /// Of a bid that takes runs: the slots of its window, and by alternative the slots of the run with the part of its
    /// adder that does not follow the limit.
    runs: Option<(i64, Vec<(i64, Credits)>)>,
}

impl Trial {
    /// `None` where the book has no such order.
    pub fn of(book: &Book, asked: Asked<'_>) -> Option<Trial> {
        let position = book.orders.iter().position(|o| o.id == asked.order)?;
        let order = &book.orders[position];
        let run = |window: i64| {
            let fixed = |a: &Alternative| {
                let slots = slots(a);
                (slots, a.adder - runs::beyond(order.limit, slots, window))
            };
            (window, order.alternatives.iter().map(fixed).collect())
        };
        Some(Trial { book: book.clone(), position, runs: asked.runs_of.map(run) })
    }

    pub fn order(&self) -> &Order {
        &self.book.orders[self.position]
    }

    /// The round as it had been with this limit; `None` where it has no outcome.
    pub fn cleared_with(&mut self, limit: Credits) -> Option<Outcome> {
        let order = &mut self.book.orders[self.position];
        order.limit = limit;
        if let Some((window, runs)) = &self.runs {
            for (alternative, (slots, fixed)) in order.alternatives.iter_mut().zip(runs) {
                alternative.adder = runs::beyond(limit, *slots, *window) + *fixed;
            }
        }
        Some(clear_document(&self.book).ok()?.into_inner())
    }
}

fn slots(alternative: &Alternative) -> i64 {
    alternative.quantities.iter().map(|q| q.product.slot).collect::<BTreeSet<_>>().len() as i64
}

/// What the order wins with a limit, if anything.
pub fn award_with(book: &Book, asked: Asked<'_>, limit: Credits) -> Option<Award> {
    let outcome = Trial::of(book, asked)?.cleared_with(limit)?;
    outcome.awards.into_iter().find(|award| award.order == asked.order)
}
