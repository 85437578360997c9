//! What projects have left in simulated rounds: what they had in truth, and what their bids paid there,
//! less what they paid in the simulation. Credit notes and other limits come as they came in truth.
use super::PastRound;
use crate::clearing::{Book, Budget, Money, Outcome};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Track {
    /// What was left when a sealed book named it last, with all that had been paid in these rounds by then.
    allowed: i128,
    paid_truth: i128,
    paid_simulated: i128,
}

#[derive(Default)]
pub(super) struct Budgets {
    tracks: BTreeMap<String, Track>,
}

impl Budgets {
    /// Takes in what the sealed book says.
    pub fn see(&mut self, round: &PastRound) {
        for budget in &round.book.budgets {
            let track = self.tracks.entry(budget.id.clone()).or_default();
            track.allowed = i128::from(budget.amount.0) + track.paid_truth;
        }
    }

    /// The budgets that the bids of a simulated book name.
    pub fn rewrite(&self, book: &mut Book) {
        let left = |id: &str| self.tracks.get(id).map_or(0, |t| (t.allowed - t.paid_simulated).max(0));
        let named: BTreeSet<String> = book.orders.iter().filter_map(|o| o.budget.clone()).collect();
        let amount = |id: &String| i64::try_from(left(id)).unwrap_or(i64::MAX);
        let known = named.into_iter().filter(|id| self.tracks.contains_key(id));
        book.budgets = known.map(|id| Budget { amount: Money(amount(&id)), id }).collect();
    }

    /// Takes in what the bids paid, in truth and in the simulation.
    pub fn note(&mut self, round: &PastRound, book: &Book, outcome: Option<&Outcome>) {
        for (id, paid) in paid(&round.book, &round.outcome) {
            self.tracks.entry(id).or_default().paid_truth += paid;
        }
        for (id, paid) in outcome.map(|o| paid(book, o)).unwrap_or_default() {
            self.tracks.entry(id).or_default().paid_simulated += paid;
        }
    }
}

fn paid(book: &Book, outcome: &Outcome) -> BTreeMap<String, i128> {
    let budget_of: BTreeMap<&str, &String> =
        book.orders.iter().filter_map(|o| Some((o.id.as_str(), o.budget.as_ref()?))).collect();
    let mut paid = BTreeMap::new();
    for award in &outcome.awards {
        if let Some(budget) = budget_of.get(award.order.as_str()) {
            *paid.entry((*budget).clone()).or_default() += i128::from(award.money.0);
        }
    }
    paid
}
