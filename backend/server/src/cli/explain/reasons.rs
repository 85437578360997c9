//! Reasons in words.
use headroom_market::clearing::book::{Order, Side};
use headroom_market::clearing::outcome::Reason;
use headroom_market::clearing::rational::Rat;

/// The reason, as the end of a sentence that ends in "because"; `at_collar`: anything that it asks for is.
pub fn because(reason: Reason, order: &Order, at_collar: bool) -> &'static str {
    let bid = order.side == Side::Bid;
    match reason {
        Reason::OutOfMoney if bid => "it costs more than its limit",
        Reason::OutOfMoney => "it brings less than its limit",
        Reason::MarginalProrata if order.replicas.is_some() => {
            "the price is its own limit, and at it no whole replica more was to be had"
        }
        Reason::MarginalProrata => {
            "the price is its own limit: what there was went to orders like it, or to others first"
        }
        Reason::TieLost => "the price is its own limit, and the tie went to another",
        Reason::NoHostFits => "no node has room for more of it",
        Reason::MinFillUnreachable => "all that there is does not come to its minimum fill",
        Reason::ParentRejected => "its parent has not won",
        Reason::Paradoxical if at_collar => {
            "a product is at its collar: the least of it would leave others too little there who do more with it, or move other prices so that somebody would lose"
        }
        Reason::Paradoxical if takes_one_replica(order) => {
            "the least of it, one whole replica, would have moved prices so that it, or somebody who won, would lose by them"
        }
        Reason::Paradoxical => "all of it would have moved prices so that it, or somebody who won, would lose by them",
        Reason::Budget => "its budget has too little left for what it counts",
        Reason::FloorProtected => "lending more would leave the workload less than its floor",
        Reason::ThrashLimit => "more would change the workload by more than may be changed at once",
        Reason::ForecastHeadroom if order.replicas.is_some() && !at_collar => {
            "at these prices there was not enough for a whole replica more, and a part of one is nobody's"
        }
        Reason::ForecastHeadroom => "a product is at its collar, and there was nothing left to share",
        Reason::SolverFallback => "the search ended before it found an outcome with it that prices support",
        Reason::Halted => "its pool is halted",
        Reason::Expired => "it has expired",
        Reason::Ineligible => "it may not take part",
        Reason::NoVacatePath => "what it holds could not be taken back at its end",
        Reason::InsufficientHold => "the credits held for it do not suffice",
        Reason::FrozenHoldTime => "its workload may not be moved yet",
    }
}

/// Whether the least that an order wins is one of its several replicas.
fn takes_one_replica(order: &Order) -> bool {
    order.replicas.is_some_and(|n| n > 1 && order.min_fill.0 <= Rat::ratio(1, i128::from(n)))
}
