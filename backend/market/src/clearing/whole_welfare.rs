//! The welfare that an outcome prints, where whole units come to another than parts of them.
//!
//! What is printed is the welfare of the rational optimum. Awards are whole units, and so are flows: behind an arc that
//! loses something a whole flow brings less than its part did, or costs more, though no order is filled in part that
//! could account for it. There the nearest welfare is printed that the awards, supply and flows do come to. The bound
//! stays what it was, so what whole units lose is in the gap.
use super::book::Book;
use super::check::{self, Lending};
use super::outcome::{Outcome, credits, gap};
use super::rational::Rat;

const NANO_PER_MICRO: i128 = 1_000;
const MICRO_PER_CREDIT: i128 = 1_000_000;

/// `book` is the outcome's own, sorted.
pub fn settle(book: &Book, outcome: &mut Outcome, lending: Lending) {
    let Some((least, most)) = check::welfare_of_whole_units(book, outcome, lending) else { return };
    let micro = |nano: &Rat| nano.div(&Rat::int(NANO_PER_MICRO));
    let printed = &outcome.welfare.0 * &Rat::int(MICRO_PER_CREDIT);
    let (least, most) = (micro(&least), micro(&most));
    // a micro-credit is how exactly welfare is printed
    let welfare = if printed < &least - &Rat::ONE {
        least.ceil()
    } else if printed > &most + &Rat::ONE {
        most.floor()
    } else {
        return;
    };
    outcome.welfare = credits(welfare);
    let Some(bound) = &mut outcome.bound else { return };
    if bound.0 < outcome.welfare.0 {
        *bound = outcome.welfare.clone();
    }
    let bound = &bound.0 * &Rat::int(MICRO_PER_CREDIT);
    if let Some(certificate) = &mut outcome.certificate {
        certificate.gap = gap(&Rat::int(welfare), &bound);
    }
    let hash = outcome.result_hash();
    if let Some(certificate) = &mut outcome.certificate {
        certificate.result_hash = hash;
    }
}
