//! What a bid's winning costs all others, beside what it pays: uniform prices are not what would make it best for
//! everybody to say what they are worth (Clarke's payments would), so each round publishes how far apart the two are
//! (mechanism §10, "not promised").
//!
//! A bid's externality is the welfare of all others in the round without it, less what they have in the round as it
//! was. The operator is one of them: what its reserve price asks for what the bid takes is part of it. Where orders can
//! be had in parts it is at most what the bid pays, as prices carry the round without it, too; not so at a collar, where
//! others would pay more than anybody may.
use super::book::{Book, Side};
use super::outcome::{Award, Outcome};
use super::problem::lot;
use super::rational::Rat;
use super::{Limits, Mode, Proposer, clear};
use std::collections::BTreeSet;

/// What a bid pays, and what its winning costs all others, in micro-credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Externality {
    pub paid: i64,
    /// Nothing where all others lose nothing by it. The search is not sure to find the best of a round with blocks:
    /// what would be less than nothing is nothing.
    pub cost: i64,
}

impl Externality {
    /// `paid ÷ cost` in thousandths; `None` where its winning costs nobody anything.
    pub fn ratio_thousandths(&self) -> Option<i64> {
        let cost = i128::from(self.cost);
        let rounded = || (i128::from(self.paid) * 1_000 + cost / 2) / cost;
        (cost > 0).then(rounded).and_then(|ratio| i64::try_from(ratio).ok())
    }
}

/// The same of one bid that has won; `None` where a clearing fails, the order is no bid, or it has not won.
pub fn externality(
    book: &Book,
    outcome: &Outcome,
    order: &str,
    proposer: &dyn Proposer,
    limits: &Limits,
) -> Option<Externality> {
    let award = outcome.awards.iter().find(|a| a.order == order)?;
    let position = book.orders.iter().position(|o| o.id == order && o.side == Side::Bid)?;
    let mut without = book.clone();
    without.orders.remove(position);
    // who can win with it alone can't without it
    while let Some(orphan) = without
        .orders
        .iter()
        .position(|o| o.parent.as_ref().is_some_and(|parent| !without.orders.iter().any(|other| other.id == *parent)))
    {
        without.orders.remove(orphan);
    }
    let others_before = &outcome.welfare.0 - &worth(book, position, award);
    let others_after = clear(&without, Mode::Market, proposer, limits).ok()?.welfare.0;
    let cost = (&(&others_after - &others_before) * &Rat::int(1_000_000)).round().max(0);
    Some(Externality { paid: award.money.0, cost: i64::try_from(cost).ok()? })
}

/// What an award is worth to its bidder, in credits.
fn worth(book: &Book, position: usize, award: &Award) -> Rat {
    let limit = Rat::ratio(book.orders[position].effective_limit(award.alternative), 1_000_000);
    let fill = award.fill.as_ref().map_or(Rat::ONE, |fill| fill.0.clone());
    &limit * &fill
}

/// So many of a round's winning bids, chosen by their hashes with the seed of the book, which nobody can choose.
pub fn chosen<'a>(book: &Book, outcome: &'a Outcome, most: usize) -> Vec<&'a str> {
    let bids: BTreeSet<&str> = book.orders.iter().filter(|o| o.side == Side::Bid).map(|o| o.id.as_str()).collect();
    let won = outcome.awards.iter().map(|a| a.order.as_str()).filter(|id| bids.contains(id));
    let mut won: Vec<([u8; 32], &str)> = won.map(|id| (lot(book.seed, id), id)).collect();
    won.sort_unstable();
    won.into_iter().take(most).map(|w| w.1).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{NoProposal, parse};
    use super::*;

    fn cleared(supply: i64, bids: &str) -> (Book, Outcome) {
        let text = format!(
            r#"{{"format":"headroom.book/1","cap":"100","products":[{{"pool":"p","resource":"cpu","slot":0,
                "supply":[{{"quantity":{supply},"reserve":"2"}}]}}],"orders":[{bids}]}}"#
        );
        let book = parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("a book that can be cleared");
        (book, outcome)
    }

    fn bid(id: &str, limit: &str) -> String {
        format!(
            r#"{{"id":"{id}","owner":"{id}","side":"bid","limit":"{limit}","alternatives":[{{"quantities":[["p","cpu",0,10]]}}]}}"#
        )
    }

    fn of(supply: i64, bids: &str, order: &str) -> Option<Externality> {
        let (book, outcome) = cleared(supply, bids);
        externality(&book, &outcome, order, &NoProposal, &Limits::default())
    }

    #[test]
    fn it_is_what_others_would_have_had_and_what_its_supply_asks() {
        let two = format!("{},{}", bid("a", "70"), bid("b", "50"));
        // without it `b` has ten units instead of five: 15 more; and its own ten cost the operator 20
        let found = of(15, &two, "a").expect("it has won");
        assert_eq!((found.paid, found.cost), (50_000_000, 35_000_000));
        assert_eq!(found.ratio_thousandths(), Some(1_429));
        // with enough for both it costs what its supply asks, which is what it pays
        let found = of(25, &two, "a").expect("it has won");
        assert_eq!((found.paid, found.cost), (20_000_000, 20_000_000));
    }

    #[test]
    fn of_a_bid_that_has_not_won_there_is_none() {
        let two = format!("{},{}", bid("a", "70"), bid("b", "15"));
        assert_eq!(of(25, &two, "b"), None);
        assert_eq!(of(25, &two, "nobody"), None);
    }

    #[test]
    fn so_many_are_chosen_and_the_seed_says_which() {
        let many: Vec<String> = (0..9).map(|n| bid(&format!("b{n}"), "70")).collect();
        let (mut book, outcome) = cleared(90, &many.join(","));
        let first = chosen(&book, &outcome, 4).join(",");
        assert_eq!(first.split(',').count(), 4);
        let others = (0..20).map(|seed| {
            book.seed = seed;
            chosen(&book, &outcome, 4).join(",")
        });
        assert!(others.into_iter().collect::<BTreeSet<_>>().len() > 10);
    }
}
