//! What a reserve price would have done: past rounds cleared again under another schedule.
//!
//! Every round is cleared as it was sealed (*before*) and rewritten for the new schedule (*after*), by
//! the same program. The rewritten rounds are coupled: what the operator has sold of a slot is left
//! out of its later rounds, an order that no longer wins asks on until it would have expired, one that
//! now wins earlier asks no more, what is won can be sold on, and nodes and lenders have what the
//! simulated awards leave them (`chain.rs`, `capacity.rs`).
//!
//! Held fixed: who bids what and when, cancellations and replacements, balances and holds, which
//! orders sat a round out, on which node a workload bids, other schedules, the median behind a
//! reference price. The band moves the first of these (`elasticity.rs`).
//!
//! Absent on purpose: any effect. Nothing here touches a state.
mod capacity;
mod chain;
pub mod elasticity;
pub mod figures;
mod question;

use crate::clearing::document::{Book, Outcome};
use crate::records::pool::{ReserveStep, in_force};
use crate::round::awards::interruption::awarded;
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Price, Share};
use chain::Chain;
pub use chain::slots_of;
use figures::{Figures, Tally, Won, traded_prices};
pub use question::{Life, PastRound, Question};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlotPrice {
    pub slot: Slot,
    /// `null` where nothing was bought.
    pub before: Option<Price>,
    pub after: Option<Price>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SimulatedRound {
    pub number: u64,
    pub sealed_at: Timestamp,
    /// Whether clearing it again as it was gave what it gave then.
    pub reproduced: bool,
    /// Why one of the two clearings has no outcome; it counts as nothing sold there.
    pub void: Option<String>,
    pub before: Figures,
    pub after: Figures,
    pub prices: Vec<SlotPrice>,
}

/// An order that gets less of the pool's resource than it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PricedOut {
    pub order: String,
    pub participant: String,
    /// Base units × slots of the pool's resource.
    pub won_before: i64,
    pub won_after: i64,
    /// For everything that it won in these rounds.
    pub paid_before: Credits,
    pub paid_after: Credits,
}

/// The same replay with demand that follows the price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BandEnd {
    pub elasticity: Share,
    /// On the quantities of bids for the pool's resource.
    pub demand: Share,
    pub after: Figures,
}

#[derive(Clone, Debug)]
pub struct Simulation {
    pub rounds: Vec<SimulatedRound>,
    pub before: Figures,
    pub after: Figures,
    /// Empty where time did not suffice for it.
    pub band: Vec<BandEnd>,
    pub priced_out: Vec<PricedOut>,
    /// Orders that get more than they got.
    pub gained: usize,
    /// Whether all rounds were replayed.
    pub complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    Replay,
    Band,
}

/// Clears a book, or `None` if no outcome of it passes the check.
pub type Clear<'a> = &'a mut dyn FnMut(&Arc<Book>) -> Option<Outcome>;

/// Replays the rounds, earliest first, as long as `go_on` says so.
pub fn run(
    question: &Question,
    rounds: &[PastRound],
    clear: Clear<'_>,
    go_on: &mut dyn FnMut(Pass) -> bool,
) -> Simulation {
    let (mut before, mut after) = (Tally::default(), Tally::default());
    let mut chain = Chain::new(question, elasticity::WHOLE);
    let mut list = Vec::new();
    let mut complete = true;
    for round in rounds {
        if !go_on(Pass::Replay) {
            complete = false;
            break;
        }
        list.push(replay_one(question, round, &mut chain, (&mut before, &mut after), clear));
    }
    let (total_before, total_after) = (before.figures(), after.figures());
    let band = band(question, &rounds[..list.len()], &total_after, clear, go_on);
    let (priced_out, gained) = compare(&before, &after);
    Simulation { rounds: list, before: total_before, after: total_after, band, priced_out, gained, complete }
}

fn replay_one(
    question: &Question,
    round: &PastRound,
    chain: &mut Chain<'_>,
    (before, after): (&mut Tally, &mut Tally),
    clear: Clear<'_>,
) -> SimulatedRound {
    let class = question.class();
    let (mut this_before, mut this_after) = (Tally::default(), Tally::default());
    let (mut prices_before, mut prices_after) = (BTreeMap::new(), BTreeMap::new());
    let baseline = clear(&round.book);
    if let Some(outcome) = &baseline {
        let outcome = &awarded(&round.book, outcome);
        before.add(class, &round.book, outcome);
        this_before.add(class, &round.book, outcome);
        prices_before = traded_prices(class, &round.book, outcome, &round.slots);
    }
    let book = Arc::new(chain.rewrite(round));
    // The same book has the same outcome: half of the work where nothing has changed yet.
    let outcome = if book == round.book { baseline.clone() } else { clear(&book) };
    let outcome = outcome.map(|outcome| awarded(&book, &outcome).into_owned());
    if let Some(outcome) = &outcome {
        after.add(class, &book, outcome);
        this_after.add(class, &book, outcome);
        prices_after = traded_prices(class, &book, outcome, &round.slots);
    }
    chain.note(round, &book, outcome.as_ref());
    let slots: BTreeSet<Slot> = prices_before.keys().chain(prices_after.keys()).copied().collect();
    let price = |slot: Slot| SlotPrice {
        slot,
        before: prices_before.get(&slot).copied(),
        after: prices_after.get(&slot).copied(),
    };
    let failed = |what: &str| Some(format!("{what} has no outcome that passes the check"));
    SimulatedRound {
        number: round.number,
        sealed_at: round.sealed_at,
        reproduced: baseline.as_ref().is_some_and(|b| b.result_hash() == round.outcome.result_hash()),
        void: match (&baseline, &outcome) {
            (None, _) => failed("the round as it was"),
            (_, None) => failed("the round under the new schedule"),
            _ => None,
        },
        before: this_before.figures(),
        after: this_after.figures(),
        prices: slots.into_iter().map(price).collect(),
    }
}

/// A schedule's mean price in nano-credits, by the shares of its steps.
fn mean(steps: &[ReserveStep]) -> i64 {
    let sum: i128 = steps.iter().map(|s| i128::from(s.share.units()) * i128::from(s.price.units())).sum();
    i64::try_from(sum / i128::from(elasticity::WHOLE)).unwrap_or(i64::MAX)
}

/// The mean prices of the schedule in force at the end, and of the one tried. Not what was paid on average:
/// where dear bids fall out, that falls while every price rises.
fn price_change(question: &Question, rounds: &[PastRound]) -> (i64, i64) {
    let new = mean(&question.steps);
    let in_force_then = || {
        let last = rounds.last()?;
        let by_then = question.schedules.iter().filter(|s| s.entered_at() <= last.sealed_at);
        Some(mean(&in_force(by_then, *last.slots.first()?)?.steps))
    };
    (in_force_then().unwrap_or(new), new)
}

fn band(
    question: &Question,
    rounds: &[PastRound],
    after: &Figures,
    clear: Clear<'_>,
    go_on: &mut dyn FnMut(Pass) -> bool,
) -> Vec<BandEnd> {
    let (old, new) = price_change(question, rounds);
    let mut ends = Vec::new();
    for hundredths in question.elasticities {
        let factor = elasticity::factor(old, new, hundredths);
        let figures = if factor == elasticity::WHOLE {
            Some(*after)
        } else {
            replay_scaled(question, rounds, factor, clear, go_on)
        };
        let Some(figures) = figures else { return Vec::new() };
        let elasticity = Share::from_units(i64::from(hundredths) * 10_000);
        ends.push(BandEnd { elasticity, demand: Share::from_units(factor), after: figures });
    }
    ends
}

fn replay_scaled(
    question: &Question,
    rounds: &[PastRound],
    factor: i64,
    clear: Clear<'_>,
    go_on: &mut dyn FnMut(Pass) -> bool,
) -> Option<Figures> {
    let mut chain = Chain::new(question, factor);
    let mut tally = Tally::default();
    for round in rounds {
        if !go_on(Pass::Band) {
            return None;
        }
        let book = Arc::new(chain.rewrite(round));
        let outcome = clear(&book).map(|outcome| awarded(&book, &outcome).into_owned());
        if let Some(outcome) = &outcome {
            tally.add(question.class(), &book, outcome);
        }
        chain.note(round, &book, outcome.as_ref());
    }
    Some(tally.figures())
}

/// Who gets less than before, the greatest loss first, and how many get more.
fn compare(before: &Tally, after: &Tally) -> (Vec<PricedOut>, usize) {
    let of = |tally: &Tally, id: &str| tally.won.get(id).map_or(Won::default(), |(_, won)| *won);
    let mut out = Vec::new();
    for (id, (owner, was)) in &before.won {
        let is = of(after, id);
        if is.quantity < was.quantity {
            out.push(PricedOut {
                order: id.clone(),
                participant: owner.clone(),
                won_before: was.quantity,
                won_after: is.quantity,
                paid_before: was.paid,
                paid_after: is.paid,
            });
        }
    }
    out.sort_by_key(|o| (std::cmp::Reverse(o.won_before - o.won_after), o.order.clone()));
    let gained = after.won.iter().filter(|(id, (_, won))| won.quantity > of(before, id).quantity).count();
    (out, gained)
}
