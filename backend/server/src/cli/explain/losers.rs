//! `headroom explain --losers`: every order that did not win, each with the limit that would have won.
use super::Loaded;
use super::words::{code, trimmed};
use crate::http::reply::csv_cell;
use headroom_market::clearing::book::Side;
use headroom_market::clearing::document::{Order, Outcome, Refusal};
use headroom_market::clearing::outcome::Mode;
use headroom_market::units::Credits;
use headroom_solver::{Asked, Winning, winning_limit};
use std::collections::BTreeMap;

/// A line a loser, in the order of the outcome, as CSV (RFC 4180).
pub fn table(loaded: &Loaded, outcome: &Outcome, go_on: &dyn Fn() -> bool) -> String {
    let orders: BTreeMap<&str, &Order> = loaded.names.orders.iter().map(|o| (o.id.as_str(), o)).collect();
    let mut text = String::from("order,reason,cost,shortfall,winning_limit,quality\n");
    for refused in &outcome.refused {
        let amount = |money: Credits| trimmed(money.units().into(), 6);
        // In welfare mode prices support nothing, so that no limit follows from a market's clearing.
        let found = match outcome.mode {
            Mode::Market => winning_limit(&loaded.names, Asked { order: &refused.order, runs_of: None }, go_on),
            Mode::Welfare => Winning::Unknown,
        };
        let (limit, quality) = match found {
            Winning::Limit(limit) => (Some(limit), "exact"),
            Winning::Between { wins, .. } => (Some(wins), "bound"),
            Winning::NoneTried => (None, "none_helps"),
            Winning::Unknown => match orders.get(refused.order.as_str()).and_then(|order| said(order, refused)) {
                Some(limit) => (Some(limit), "bound"),
                None => (None, "unknown"),
            },
        };
        let cells = [
            csv_cell(&refused.order),
            code(refused.reason),
            amount(refused.cost),
            amount(refused.shortfall),
            limit.map(amount).unwrap_or_default(),
            quality.to_owned(),
        ];
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

/// The limit that these prices would not have refused: where it pays too little for them.
pub fn said(order: &Order, refused: &Refusal) -> Option<Credits> {
    let limit = match order.side {
        Side::Bid => order.limit.checked_add(refused.shortfall),
        Side::Offer => order.limit.checked_sub(refused.shortfall),
    };
    limit.filter(|limit| !refused.shortfall.is_zero() && !limit.is_negative())
}
