//! What a certificate claims against what its outcome shows: a gap of 0, or `optimal`, is a lie where
//! the bound is above the welfare. What whole units lose is in the gap, and takes nothing from `optimal`.
//!
//! Tested only where the certificate names its book (`input_hash`): one without is no claim about a
//! book, and other programs leave theirs empty.
use super::super::outcome::{self, Outcome, Quality};
use super::super::rational::{Rat, parse_decimal};
use super::Report;
use super::facts::NANO_PER_MICRO;

/// Welfare and bound are printed to a micro-credit, one rounded and one rounded up.
const ROUNDED: i128 = 2;

/// Digits of a printed gap.
const DIGITS: u32 = 9;

/// `greatest` is what the welfare can have been before rounding, in nano-credits.
pub fn check(out: &Outcome, greatest: &Rat, r: &mut Report) {
    let (Some(c), Some(bound)) = (out.certificate.as_ref().filter(|c| !c.input_hash.is_empty()), &out.bound) else {
        return;
    };
    let micro = Rat::int(1_000_000);
    let (welfare, bound) = (&out.welfare.0 * &micro, &bound.0 * &micro);
    let Some(printed) = parse_decimal(&c.gap, DIGITS) else {
        r.bad("GAP", "the gap is not a decimal with up to 9 digits", &[("gap", &c.gap)]);
        return;
    };
    // the least gap that the printed numbers allow
    let due = parse_decimal(&outcome::gap(&(&welfare + &Rat::int(ROUNDED)), &bound), DIGITS).unwrap_or_default();
    if printed < due {
        r.bad(
            "GAP",
            "the gap is less than what lies between welfare and bound",
            &[
                ("gap", &c.gap),
                ("welfare", &out.welfare.0),
                ("bound", &out.bound.as_ref().map_or(Rat::ZERO, |b| b.0.clone())),
            ],
        );
    }
    let greatest = greatest.div(&Rat::int(NANO_PER_MICRO));
    if out.quality == Quality::Optimal && printed > 0 && bound > &greatest + &Rat::int(ROUNDED) {
        r.bad("GAP", "an outcome with a gap is called optimal", &[("gap", &c.gap)]);
    }
}
