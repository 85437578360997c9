//! Why an order has not won, in words, and what would have helped.
pub mod numbers;
mod sentence;
pub mod won;

pub use self::sentence::sentence_of;

use self::numbers::Numbers;
use crate::app::winning::Found;
use headroom_market::book::{Assurance, NotWon, Order, OrderStatus, Reason, Side};
use headroom_market::ids::OrderId;
use headroom_market::units::{Credits, Resource, Share};
use headroom_solver::Winning;
use serde::Serialize;
use utoipa::ToSchema;

/// Why an order has not won, and what would have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    pub order: OrderId,
    pub status: String,
    /// Stable code; `null` where it has not been refused.
    pub reason: Option<String>,
    /// The same for people.
    pub sentence: String,
    pub round: Option<u64>,
    pub limit: Credits,
    pub price_faced: Option<Credits>,
    pub shortfall: Option<Credits>,
    /// Of a bid that takes shorter runs of its window: the slots of the run that these two are of. `null`: all.
    pub slots: Option<u32>,
    /// Of a bid: the lowest limit that would have won, where a higher one would have.
    pub minimum_winning_limit: Option<WinningLimit>,
    /// Of an offer: the highest limit that would have won, where a lower one would have.
    pub maximum_winning_limit: Option<WinningLimit>,
    /// Where no node had room: the one that came nearest, and what it has too little of.
    pub binding_node: Option<String>,
    pub binding_resource: Option<String>,
    pub changes: Vec<Change>,
}

/// What may be advised where all or none was asked for.
pub const PARTIAL_FILL: &str = "Accept a partial fill (min_fill \"0\")";

/// Quality of a limit with which the order was seen to win.
const EXACT: &str = "exact";

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WinningLimit {
    pub value: Credits,
    /// `exact`: cleared again with all else as it was, the order wins with it, and not with a tick
    /// worse. `bound`: what the prices say; another limit may itself move them.
    pub quality: String,
    /// The round in whose book it was found: an open order's latest, which may be after `round`. `null`: as things are.
    pub round: Option<u64>,
    /// The part of what is left of the order that it wins with it, from 0 to 1; `null` where that was not found out.
    pub part: Option<Share>,
    /// The limit with which it would have won all that is left of it; `null` where that was not found.
    pub whole: Option<Credits>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    pub change: String,
    pub limit: Option<Credits>,
    pub helps: bool,
}

/// The limit that would have won, where another limit would have. An order that was refused
/// although its limit was good enough gets none.
fn winning_limit(order: &Order, why: &NotWon, found: &Found) -> Option<WinningLimit> {
    let better = |value: &Credits| match order.side {
        Side::Bid => *value > order.remaining_limit,
        Side::Offer => *value < order.remaining_limit,
    };
    let (value, quality) = match found.winning {
        Winning::Limit(limit) => (Some(limit), EXACT),
        Winning::Between { wins, .. } => (Some(wins), "bound"),
        Winning::NoneTried => (None, EXACT),
        Winning::Unknown => (why.winning_limit, "bound"),
    };
    let round = found.round.filter(|_| found.winning != Winning::Unknown).or(Some(why.round));
    let told = |value| WinningLimit { value, quality: quality.to_owned(), round, part: found.part, whole: found.whole };
    value.filter(better).map(told)
}

fn changes(order: &Order, why: &NotWon, winning: Option<&WinningLimit>, found: &Found) -> Vec<Change> {
    let (found, otherwise) = (found.winning, found.otherwise);
    let change = |text: &str, limit: Option<Credits>, helps: bool| Change { change: text.to_owned(), limit, helps };
    let other_limit = if order.side == Side::Bid { "Raise the limit" } else { "Lower the limit" };
    let mut changes = Vec::new();
    match winning.filter(|w| w.quality == EXACT) {
        Some(winning) => {
            changes.push(change(other_limit, Some(winning.value), true));
            if let Some(whole) = winning.whole.filter(|whole| *whole != winning.value) {
                changes.push(change(&format!("{other_limit} further, to win all of it"), Some(whole), true));
            }
        }
        // the prices of the round say so much, and it may take more
        None => changes.extend(winning.map(|w| {
            let to_this = match (order.side, found) {
                // seen to win, but not that a tick worse loses
                (Side::Bid, Winning::Between { .. }) => {
                    "Raise the limit to this: it is enough, and a little less may be"
                }
                (Side::Offer, Winning::Between { .. }) => {
                    "Lower the limit to this: it is enough, and a little more may be"
                }
                (Side::Bid, _) => "Raise the limit, to about this",
                (Side::Offer, _) => "Lower the limit, at least to this",
            };
            change(to_this, Some(w.value), true)
        })),
    }
    let unasked = order.side == Side::Offer && found == Winning::NoneTried && why.price_faced == Some(Credits::ZERO);
    if unasked {
        changes.push(change("Offer another slot, or wait: nobody buys what this one offers", None, true));
        changes.push(change(other_limit, None, false));
    }
    let by_no_limit = order.side == Side::Bid && found == Winning::NoneTried && why.reason == Reason::OutOfMoney;
    if by_no_limit {
        changes.push(change(other_limit, None, false));
    }
    match (why.reason, order.side) {
        // It wins on the node of its workload or not at all, and nobody is moved for it.
        (Reason::NoHost, Side::Bid) if order.request.assurance == Assurance::Recallable => {
            // Where no limit wins any part of what can be divided, there is nothing.
            let divisible = order.request.min_fill.is_zero() && order.request.replicas <= 1;
            if !divisible || found != Winning::NoneTried {
                changes.push(change("Ask for less", None, otherwise.for_less != Some(false)));
            }
            changes.push(change("Ask for firm capacity (assurance `firm`)", None, true));
            changes.push(change("Wait for a round in which others on its node lend more", None, true));
            if winning.is_none() {
                changes.push(change(other_limit, None, false));
            }
        }
        (Reason::NoHost, Side::Bid) => {
            if order.request.no_displacement {
                changes.push(change("Let the workload be moved (no_displacement false)", None, true));
            }
            // A workload grows in one place: only a bid without one can go elsewhere or be cut up.
            if order.request.instance.is_none() {
                changes.push(change("Accept another pool", None, true));
            }
            let less = if order.request.instance.is_some() {
                "Ask for less"
            } else {
                "Ask for less, or for more and smaller replicas"
            };
            changes.push(change(less, None, otherwise.for_less != Some(false)));
            // Of a workload that may go it depends on the other nodes.
            let nowhere_else = order.request.no_displacement || order.request.instance.is_none();
            if winning.is_none() && nowhere_else && found != Winning::Unknown {
                changes.push(change(other_limit, None, false));
            }
        }
        (Reason::NoRoom, Side::Bid) => {
            changes.push(change("Ask for another slot, or wait for a round with more supply", None, true));
            let less = if order.request.replicas > 1 { "Ask for more and smaller replicas" } else { "Ask for less" };
            changes.push(change(less, None, otherwise.for_less != Some(false)));
            if winning.is_none() && found != Winning::Unknown {
                changes.push(change(other_limit, None, false));
            }
        }
        (Reason::Interrupted, _) => changes.push(change("Wait for the next round", None, true)),
        // A full node costs more than the pool.
        (Reason::OutOfMoney, Side::Bid) if why.binding_node.is_some() && order.request.no_displacement => {
            changes.push(change("Let the workload be moved (no_displacement false)", None, true));
        }
        (Reason::NoVacatePath, _) => {
            changes.push(change("Let its program give memory back, then drill it again", None, true));
            changes.push(change(
                "Have the workload written to disk where it keeps memory (`at_end` `checkpoint`), once a drill has shown that it can be",
                None,
                true,
            ));
            changes.push(change("Have the workload stopped where it keeps memory (`at_end` `stop`)", None, true));
            changes.push(change("Ask for no memory", None, true));
            changes.push(change(other_limit, None, false));
        }
        (Reason::ThrashLimit, _) => {
            changes.push(change("Ask for or offer less, or raise `max_swap` of the workload's strategy", None, true));
            changes.push(change(other_limit, None, false));
        }
        (Reason::FloorProtected, Side::Offer) => {
            changes.push(change("Offer less", None, true));
            changes.push(change(other_limit, None, false));
        }
        (Reason::TookBack, _) => {
            changes.push(change("Offer another slot, or offer it firmly (`assurance: firm`)", None, true));
            changes.push(change(other_limit, None, false));
        }
        (Reason::LeavesNode, _) => {
            changes.push(change("Offer a slot before it leaves, or offer again once it has arrived", None, true));
            changes.push(change(other_limit, None, false));
        }
        (Reason::Halted, side) => {
            changes.push(change("Wait until an operator lets rounds go on there", None, true));
            if side == Side::Bid && order.request.instance.is_none() {
                changes.push(change("Accept another pool", None, true));
            }
        }
        _ => {}
    }
    let all_or_none =
        matches!(why.reason, Reason::NoHost | Reason::NoRoom | Reason::Block | Reason::Tie) || by_no_limit;
    // a device is one workload's or another's: no order takes a part of them
    let divides = !order.request.resources.contains_key(&Resource::GpuMilli);
    if all_or_none && divides && !order.request.min_fill.is_zero() {
        changes.push(change(PARTIAL_FILL, None, otherwise.in_part != Some(false)));
    }
    changes
}

/// The node that came nearest.
pub struct BindingNode {
    pub name: String,
    /// The order's own workload runs there, and it takes nothing new now: it is cordoned, or down.
    pub own_takes_nothing: bool,
}

/// Why an order has not won all of it, and what helps. `node`: the one that came nearest, where room was short;
/// `found`: what clearing its round again with other limits has shown;
/// `numbers`: those of what keeps it out of rounds.
pub fn explain(order: &Order, node: Option<BindingNode>, found: &Found, numbers: Option<&Numbers>) -> Explanation {
    // What a round refused of an order that was filled later is over.
    let not_won = order.last_reason.as_ref().filter(|_| order.status != OrderStatus::Filled);
    let winning = not_won.and_then(|why| winning_limit(order, why, found));
    let mut changes = not_won.map(|why| changes(order, why, winning.as_ref(), found)).unwrap_or_default();
    // Only as things are: an order that has ended was refused in a round of then.
    let stays_out = order.status.is_live() && node.as_ref().is_some_and(|node| node.own_takes_nothing);
    if stays_out && not_won.is_some_and(|why| why.reason == Reason::NoHost) {
        let text = "Wait until the workload's node takes something again, or ask its operator";
        changes.insert(0, Change { change: text.to_owned(), limit: None, helps: true });
    }
    let binding_resource = not_won.and_then(|w| w.binding_resource.clone());
    let binding_node = node.filter(|_| not_won.is_some()).map(|node| node.name);
    let mut sentence = sentence::sentence(order, not_won, winning.as_ref());
    let by_room = not_won.is_some_and(|why| why.reason == Reason::NoHost);
    if let Some(winning) = winning.as_ref().filter(|w| by_room && w.quality == EXACT) {
        sentence = format!("{sentence} From a limit of {} on it would have come before others there.", winning.value);
    }
    if let (Some(why), Some((limit, whole))) = (not_won, found.otherwise.all_of_it) {
        let round = found.round.unwrap_or(why.round);
        sentence = format!(
            "{sentence} All that it asked for in round {round} it would have won with a limit of {whole} instead of {limit}."
        );
    }
    if let Some(why) = found.not_tried.filter(|_| not_won.is_some()) {
        sentence = format!("{sentence} {}", sentence::not_tried(why));
    }
    if let Some(told) = not_won.and(numbers).and_then(Numbers::sentence) {
        sentence = told;
    }
    if let Some(part) = winning.as_ref().and_then(sentence::part_and_whole) {
        sentence = format!("{sentence} {part}");
    }
    if let (Some(node), Some(resource)) = (&binding_node, &binding_resource) {
        sentence = match stays_out {
            true => format!(
                "{sentence} Its own node, {node}, takes nothing new: it is cordoned, or is down. The bid wins only where the workload is moved to another one."
            ),
            false if by_room => format!("{sentence} {node} came nearest and had too little {resource}."),
            false => format!("{sentence} {node} is full: {resource} costs more there than elsewhere in the pool."),
        };
    }
    let reason = not_won.map(|w| w.reason.code()).or(order.closed_reason.as_deref());
    let of_side = |side: Side| winning.clone().filter(|_| order.side == side);
    Explanation {
        order: order.id,
        status: order.status.name().to_owned(),
        reason: reason.map(str::to_owned),
        sentence,
        round: not_won.map(|w| w.round),
        // Of what is filled nothing remains.
        limit: if order.status == OrderStatus::Filled { order.request.limit } else { order.remaining_limit },
        price_faced: not_won.and_then(|w| w.price_faced),
        shortfall: not_won.and_then(|w| w.shortfall),
        slots: not_won.and_then(|w| w.slots),
        minimum_winning_limit: of_side(Side::Bid),
        maximum_winning_limit: of_side(Side::Offer),
        binding_node,
        binding_resource,
        changes,
    }
}

#[cfg(test)]
mod tests;
