//! The welfare that an outcome prints, where whole units come to another than parts of them.
//!
//! What is printed is the welfare of the rational optimum. Awards are whole units, and so are flows: behind an arc that
//! loses something a whole flow brings less than its part did, or costs more, though no order is filled in part that
//! could account for it. There the nearest welfare is printed that the awards, supply and flows do come to. The bound
//! stays what it was, so what whole units lose is in the gap.
use super::book::Book;
use super::check::{self, Lending};
use super::outcome::{Outcome, Quality, credits, gap};
use super::rational::Rat;

const NANO_PER_MICRO: i128 = 1_000;
const MICRO_PER_CREDIT: i128 = 1_000_000;

/// `book` is the outcome's own, sorted.
pub fn settle(book: &Book, outcome: &mut Outcome, lending: Lending) {
    let Some([whole, parts]) = check::possible_welfare(book, outcome, lending) else { return };
    let printed = &outcome.welfare.0 * &Rat::int(MICRO_PER_CREDIT);
    // where they meet, a collar may ration somebody who has given units up: fills are known as they are printed then
    let apart = whole.1 < parts.0 || whole.0 > parts.1;
    let as_parts = || if apart { None } else { nearest(&printed, &parts) };
    let Some(welfare) = nearest(&printed, &whole).or_else(as_parts) else { return };
    outcome.welfare = credits(welfare);
    let Some(bound) = &mut outcome.bound else { return };
    if bound.0 < outcome.welfare.0 {
        *bound = outcome.welfare.clone();
    }
    let bound = &bound.0 * &Rat::int(MICRO_PER_CREDIT);
    if let Some(certificate) = &mut outcome.certificate {
        certificate.gap = gap(&Rat::int(welfare), &bound);
    }
    sign(outcome);
}

/// The bound with so much more, in micro-credits.
pub fn widen(outcome: &mut Outcome, more: i128) {
    let Some(bound) = &outcome.bound else { return };
    let bound = &(&bound.0 * &Rat::int(MICRO_PER_CREDIT)) + &Rat::int(more);
    let welfare = &outcome.welfare.0 * &Rat::int(MICRO_PER_CREDIT);
    outcome.bound = Some(credits(bound.ceil()));
    if let Some(certificate) = &mut outcome.certificate {
        certificate.gap = gap(&welfare, &bound);
    }
    not_optimal(outcome);
}

/// Of an outcome that misses more than rounding explains.
pub fn not_optimal(outcome: &mut Outcome) {
    outcome.quality = Quality::Fallback;
    sign(outcome);
}

/// The hash of what an outcome says now.
pub fn sign(outcome: &mut Outcome) {
    let hash = outcome.result_hash();
    if let Some(certificate) = &mut outcome.certificate {
        certificate.result_hash = hash;
    }
}

/// What is nearest to a welfare in micro-credits between two in nano-credits; nothing if it lies there, as exactly as
/// welfare is printed.
fn nearest(printed: &Rat, (least, most): &(Rat, Rat)) -> Option<i128> {
    let micro = |nano: &Rat| nano.div(&Rat::int(NANO_PER_MICRO));
    let (least, most) = (micro(least), micro(most));
    if *printed < &least - &Rat::ONE {
        Some(least.ceil())
    } else if *printed > &most + &Rat::ONE {
        Some(most.floor())
    } else {
        None
    }
}
