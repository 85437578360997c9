//! Why an order has not won, as a sentence for people.
use super::{EXACT, WinningLimit};
use crate::app::winning::NotTried;
use headroom_market::book::{Assurance, NotWon, Order, OrderStatus, Reason, Side};
use headroom_market::units::{Credits, Share};
use headroom_market::workload::Class;

/// What a reason code means for this order, for people.
pub fn sentence_of(reason: Reason, order: &Order) -> String {
    let text = match reason {
        Reason::Halted => "Every pool of the order is halted.",
        Reason::RoundFull => {
            "There were more orders than one round takes. Every participant has the same share of it; what had to wait goes first in the next rounds."
        }
        Reason::AboveInstanceLimit => {
            "With the workload's earlier bids for the same slots it could take the workload over its own limit."
        }
        Reason::NoVacatePath => {
            "Memory comes back only if the workload's program lets go of it, and no drill has shown that it does: see `drill` of the workload. One that has just started is drilled by itself; one that failed can be written to disk instead, if a drill of that passes, or stopped (`POST /v1/instances/{id}/drill` with `at_end` `checkpoint` or `stop`)."
        }
        Reason::FrozenHoldTime => {
            "Its workload stays where it is for now: it stands still, written to disk (`suspended`), or a move of it failed and what it has won before is on another node, or it is being moved, or it was moved so lately that it rests before it is carried to another pool."
        }
        Reason::Relocating => {
            "Its workload is about to get another pool as its own, and its orders wait until then. Place one by hand to keep it where it is."
        }
        Reason::WorkloadAway => {
            "Its workload is in another pool or about to go there, or another bid of this round could carry it there: until it is home its other orders wait."
        }
        Reason::NeededAtHome => {
            "It would carry its workload to another pool, and the workload has won or lent something at home in these slots or later ones."
        }
        Reason::TooManyAwards => "The participant has as many awards as it may have whose slots are not settled.",
        Reason::TookBack => {
            "Its workload has lent the same for a slot of it more than once, and taken it back each time. It is not lent as recallable again in that slot: others had bought it and lost it."
        }
        Reason::LeavesNode => {
            "Its workload is to be on another node by then: it has won, or bids for, more there, and what it offers is on the node where it runs."
        }
        Reason::Ineligible => "The round could not take it in as it stands.",
        Reason::OutOfMoney if order.side == Side::Bid => "The price was above the limit.",
        Reason::OutOfMoney => "The price was below what the offer asks for.",
        Reason::Interrupted => {
            "The price would have been over three times its usual level, so the round awarded nothing here. The next round decides without that limit."
        }
        Reason::Tie if order.side == Side::Offer => {
            "The price is just what the offer asks: nobody was left who buys more at it."
        }
        Reason::Tie if order.request.class == Class::Opportunistic => {
            "The limit is the price, and at one price others come first: those of class critical or standard, and whoever has what it renews. This one is opportunistic."
        }
        Reason::Tie
            if order.remaining == order.request.resources && order.remaining_replicas == order.request.replicas =>
        {
            "Nothing was to be had at its limit: others came first at that price (who renews what it has, the higher class, who was earlier), or nobody gives for so little and this is the best bid under the cheapest offer."
        }
        Reason::Tie if order.request.replicas > 1 => {
            "The limit is the price: others come first at it, and what they left is no further whole replica."
        }
        Reason::Tie => {
            "The limit is the price, and it has what was left at it: others come first, who renew what they have, have a higher class, or were earlier."
        }
        Reason::NoRoom if order.side == Side::Offer => {
            "The price was above what the offer asks, but who would buy more takes whole lots, and what is left of the offer is less than one."
        }
        Reason::NoRoom if order.request.replicas > 1 => {
            "The limit was above the price, but not one more replica was to be had: what is left unsold at these prices is too little for a whole one."
        }
        Reason::NoRoom => {
            "The limit was above the price, but there was too little: what is left unsold at these prices is less than the least part of it."
        }
        Reason::NoHost if order.side == Side::Bid && order.request.assurance == Assurance::Recallable => {
            "The price was right, but what others on its workload's node lend until they take it back was too little, or the workload is to be on another node in these slots: a bid for recallable capacity wins on the node where its workload runs, and never moves it."
        }
        Reason::NoHost if order.request.no_displacement => {
            "The bid itself forbids the move (`no_displacement`): the workload's node had too little room for it, or the workload is to be on another node in these slots."
        }
        Reason::NoHost if order.request.instance.is_some() && order.side == Side::Bid => {
            "The price was right, but the workload's node had too little room, and it goes to another node only where its whole baseline has room there, where the limit is above its move fee, where the round is worth more with the move, and not within three slots of its last move."
        }
        Reason::NoHost if order.request.min_fill.is_zero() => "The price was right, but no node had room left for it.",
        Reason::NoHost => "The price was right, but no node had room for all of it.",
        Reason::Block => {
            "It wins its least part, in one of the ways that it names, or nothing. With that the prices would have moved so that it, or somebody who won, would have lost by them."
        }
        Reason::FloorProtected => "Lending more would have taken the instance under its capacity floor.",
        Reason::ThrashLimit => {
            "The workload's strategy (`max_swap`) lets rounds change it by so much in a slot and no more."
        }
    };
    text.to_owned()
}

pub fn sentence(order: &Order, not_won: Option<&NotWon>, winning: Option<&WinningLimit>) -> String {
    if order.status == OrderStatus::Filled {
        return "It won all that it asked for.".to_owned();
    }
    let limit = order.remaining_limit;
    match not_won {
        Some(why) => match (why.price_faced, why.shortfall, order.side) {
            (Some(price), Some(short), Side::Bid) if !short.is_zero() && why.slots.is_some() => {
                let slots = match why.slots.unwrap_or_default() {
                    1 => "1 slot".to_owned(),
                    several => format!("{several} slots"),
                };
                // What a run is worth is the limit less its adder.
                let part = price - short;
                format!(
                    "Short by {short} credits: of the runs that it takes the nearest, of {slots}, cost {price}, and the limit's part for it is {part}."
                )
            }
            // Nothing was traded at that price, or it would have moved it.
            (Some(price), Some(short), Side::Bid) if !short.is_zero() && winning.is_some_and(|w| beyond(w, price)) => {
                let value = winning.map_or(price, |w| w.value);
                let short = value - limit;
                format!(
                    "Short by {short} credits: it would have won from a limit of {value} on, and its limit is {limit}. At the published prices the bundle came to {price}, for which it was not to be had."
                )
            }
            (Some(price), Some(short), Side::Bid) if !short.is_zero() => {
                format!("Short by {short} credits: the bundle cost {price}, the limit for it is {limit}.")
            }
            (Some(price), Some(short), Side::Offer) if !short.is_zero() => {
                format!(
                    "Too dear by {short} credits: the round paid {price} for the bundle, the limit for it is {limit}."
                )
            }
            // A price at which nothing changed hands could be another bid's limit, so nobody is shown it.
            (None, _, Side::Bid) if why.reason == Reason::OutOfMoney => match winning {
                Some(w) => format!(
                    "Something that it asks for was not traded in that round. It wins from a limit of {} on; its limit is {limit}.",
                    w.value
                ),
                None => {
                    "Something that it asks for was not traded in that round: the limit is under the cheapest offer."
                        .to_owned()
                }
            },
            _ if why.reason == Reason::Block => block_sentence(order, winning),
            _ => sentence_of(why.reason, order),
        },
        None if order.status.is_live() => "No round has looked at it yet; the next one will.".to_owned(),
        None => format!("It ended as {} before a round refused it.", order.status.name()),
    }
}

/// Whether it is known that a bid would have had to pay more than the price that it faced, rounding apart.
fn beyond(winning: &WinningLimit, price: Credits) -> bool {
    winning.quality == EXACT && winning.value > price + Credits::from_units(2)
}

/// How little a limit wins, where it wins a part, and from which on it is all.
pub fn part_and_whole(winning: &WinningLimit) -> Option<String> {
    let part = winning.part.filter(|part| *part < Share::from_units(1_000_000))?;
    // Of one in a million it is still not nothing.
    let tenths_of_a_percent = (part.units() / 1_000).max(1);
    let value = winning.value;
    let won =
        format!("With {value} it would have won {}.{} % of it", tenths_of_a_percent / 10, tenths_of_a_percent % 10);
    Some(match winning.whole {
        Some(whole) => format!("{won}, and all of it with {whole}."),
        None => format!("{won}; with which limit all of it was not found."),
    })
}

/// With the limit that it takes, where that was found: the price alone says nothing of it, as the bid itself moves it.
fn block_sentence(order: &Order, winning: Option<&WinningLimit>) -> String {
    let why = sentence_of(Reason::Block, order);
    let limit = order.remaining_limit;
    match winning.filter(|w| order.side == Side::Bid && w.quality == EXACT && w.value > limit) {
        Some(WinningLimit { value, .. }) => {
            let more = *value - limit;
            format!("{why} It would have won from a limit of {value} on, {more} more than its own.")
        }
        None => why,
    }
}

/// That no other limit was tried, and what to do about it.
pub fn not_tried(why: NotTried) -> &'static str {
    match why {
        NotTried::Busy => {
            "Others were asking just now, so no other limit was tried and what is said to help is not checked: ask again in a few seconds."
        }
        NotTried::TooLarge => {
            "The round had too many orders to be cleared again for one question, so no other limit was tried: `headroom explain` does it with the round's book."
        }
    }
}
