//! Why an order has not won, in words, and what would have helped.
pub mod numbers;
mod sentence;
pub mod staying;

use self::numbers::Numbers;
use self::staying::Staying;
use crate::app::winning::Found;
use headroom_market::book::family::PARENT_ENDED;
use headroom_market::book::{NotWon, Order, OrderStatus, Reason, Side};
use headroom_market::clearing::Winning;
use headroom_market::ids::OrderId;
use headroom_market::units::{Credits, Resource, Share};
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
    /// The bid without which it can't win, or with which it ended.
    pub parent: Option<OrderId>,
    pub changes: Vec<Change>,
}

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

#[derive(Clone, Debug, Serialize, ToSchema)]
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
        Winning::Limit(limit) => (Some(Credits::from_units(limit.0)), EXACT),
        Winning::Between { wins, .. } => (Some(Credits::from_units(wins.0)), "bound"),
        Winning::NoneTried => (None, EXACT),
        Winning::Unknown => (why.winning_limit, "bound"),
    };
    let whole = found.whole.map(|limit| Credits::from_units(limit.0));
    let round = found.round.filter(|_| found.winning != Winning::Unknown).or(Some(why.round));
    let told = |value| WinningLimit { value, quality: quality.to_owned(), round, part: found.part, whole };
    value.filter(better).map(told)
}

fn changes(order: &Order, why: &NotWon, winning: Option<&WinningLimit>, found: Winning) -> Vec<Change> {
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
            let at_least = if order.side == Side::Bid {
                "Raise the limit, at least to this"
            } else {
                "Lower the limit, at least to this"
            };
            change(at_least, Some(w.value), true)
        })),
    }
    let unasked = order.side == Side::Offer && found == Winning::NoneTried && why.price_faced == Some(Credits::ZERO);
    if unasked {
        changes.push(change("Offer another slot, or wait: nobody pays anything for this one", None, true));
        changes.push(change(other_limit, None, false));
    }
    let by_no_limit = order.side == Side::Bid && found == Winning::NoneTried && why.reason == Reason::OutOfMoney;
    if by_no_limit {
        changes.push(change(other_limit, None, false));
    }
    match (why.reason, order.side) {
        (Reason::NoHostFits, Side::Bid) => {
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
            changes.push(change(less, None, true));
            // Of a workload that may go it depends on the other nodes: see `staying`.
            if order.request.no_displacement || order.request.instance.is_none() {
                changes.push(change(other_limit, None, false));
            }
        }
        (Reason::ForecastHeadroom, Side::Bid) => {
            changes.push(change("Ask for another slot, or wait for a round with more supply", None, true));
            if order.request.replicas > 1 {
                changes.push(change("Ask for more and smaller replicas", None, true));
            }
            if winning.is_none() {
                changes.push(change(other_limit, None, false));
            }
        }
        (Reason::InArrears, _) => {
            changes.push(change(
                "Cancel bids to free what they hold: it is taken when the next slot is settled",
                None,
                true,
            ));
            changes.push(change("Ask an admin for credits", None, true));
            changes.push(change(other_limit, None, false));
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
        (Reason::Budget, _) => {
            changes.push(change("Raise the limit of its project, or cancel other bids of the project", None, true));
            changes.push(change("Name another project, or none", None, true));
        }
        (Reason::SelfTrade, _) => {
            changes.push(change(
                "Ask for more than your bids would pay, cancel those bids, or offer another slot",
                None,
                true,
            ));
            changes.push(change(other_limit, None, false));
        }
        (Reason::LeavesNode, _) => {
            changes.push(change("Offer a slot before it leaves, or offer again once it has arrived", None, true));
            changes.push(change(other_limit, None, false));
        }
        (Reason::ParentRejected | Reason::ParentSatOut, _) => {
            changes.push(change("Do for its parent what helps that one", None, true));
            changes.push(change("Leave the parent out", None, true));
        }
        (Reason::Halted, side) => {
            changes.push(change("Wait until an operator lets rounds go on there", None, true));
            if side == Side::Bid && order.request.instance.is_none() {
                changes.push(change("Accept another pool", None, true));
            }
        }
        _ => {}
    }
    let all_or_none = matches!(
        why.reason,
        Reason::NoHostFits
            | Reason::MinFillUnreachable
            | Reason::Paradoxical
            | Reason::TieLost
            | Reason::SolverFallback
    ) || by_no_limit
        || why.budget_left.is_some_and(|left| !left.is_zero());
    // a device is one workload's or another's: no order takes a part of them
    let divides = !order.request.resources.contains_key(&Resource::GpuMilli);
    if all_or_none && divides && !order.request.min_fill.is_zero() {
        changes.push(change("Accept a partial fill (min_fill \"0\")", None, true));
    }
    changes
}

/// The node that came nearest.
pub struct BindingNode {
    pub name: String,
    /// The order's own workload runs there, and it takes nothing new now: it is being drained, or down.
    pub own_takes_nothing: bool,
}

/// Why an order has not won all of it, and what helps. `node`: the one that came nearest, where room was short;
/// `staying`: of a bid for a workload on a full node, what kept it there; `found`: what clearing its round again with other limits has shown;
/// `numbers`: those of what keeps it out of rounds.
pub fn explain(
    order: &Order,
    node: Option<BindingNode>,
    staying: Option<Staying>,
    found: &Found,
    numbers: Option<&Numbers>,
) -> Explanation {
    // What a round refused of an order that was filled later is over.
    let not_won = order.last_reason.as_ref().filter(|_| order.status != OrderStatus::Filled);
    let winning = not_won.and_then(|why| winning_limit(order, why, found));
    let mut changes = not_won.map(|why| changes(order, why, winning.as_ref(), found.winning)).unwrap_or_default();
    let staying = staying.filter(|_| not_won.is_some_and(|why| why.reason == Reason::NoHostFits));
    changes.extend(staying.map(|staying| staying.changes(order)).unwrap_or_default());
    let of_a_move = staying.and_then(|staying| staying.least_limit(order));
    let bound = |value| WinningLimit { value, quality: "bound".to_owned(), round: None, part: None, whole: None };
    let winning = winning.or(of_a_move.map(bound));
    // Only as things are: an order that has ended was refused in a round of then.
    let stays_out = order.status.is_live() && node.as_ref().is_some_and(|node| node.own_takes_nothing);
    if stays_out && not_won.is_some_and(|why| why.reason == Reason::NoHostFits) {
        let text = "Wait until the workload's node takes something again, or ask its operator";
        changes.insert(0, Change { change: text.to_owned(), limit: None, helps: true });
    }
    let binding_resource = not_won.and_then(|w| w.binding_resource.clone());
    let binding_node = node.filter(|_| not_won.is_some()).map(|node| node.name);
    let mut sentence = sentence::sentence(order, not_won, winning.as_ref());
    if let Some(told) = not_won.and(numbers).and_then(Numbers::sentence) {
        sentence = told;
    }
    if let Some(part) = winning.as_ref().and_then(sentence::part_and_whole) {
        sentence = format!("{sentence} {part}");
    }
    if let Some(why) = staying.and_then(|staying| staying.sentence(order)) {
        sentence = format!("The price was right, but the workload's node had too little room, and {why}");
    }
    if let (Some(node), Some(resource)) = (&binding_node, &binding_resource) {
        sentence = match stays_out {
            true => format!(
                "{sentence} Its own node, {node}, takes nothing new: it is being drained, or is down. The bid wins only where the workload is moved to another one."
            ),
            false => format!("{sentence} {node} came nearest and had too little {resource}."),
        };
    }
    // What ended with its parent is not told the price of the last round.
    let closed = order.closed_reason.as_deref();
    let ended_with_parent = closed == Some(PARENT_ENDED);
    let reason = closed.filter(|_| ended_with_parent).or(not_won.map(|w| w.reason.code())).or(closed);
    let of_side = |side: Side| winning.clone().filter(|_| order.side == side);
    Explanation {
        order: order.id,
        status: order.status.name().to_owned(),
        reason: reason.map(str::to_owned),
        parent: order.waits_for().filter(|_| order.status.is_live() || ended_with_parent),
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
mod tests {
    use super::*;

    /// As it is told where no other numbers are known.
    fn explain(order: &Order, node: Option<BindingNode>, staying: Option<Staying>, found: Winning) -> Explanation {
        super::explain(order, node, staying, &found.into(), None)
    }
    use headroom_market::clearing::Money;
    use headroom_market::round::stays::{Elsewhere, Stays};
    use headroom_market::time::Slot;

    fn order(id: &str, limit: &str, reason: &str, price: &str, short: &str, winning: Option<&str>) -> Order {
        let side = if id.starts_with("bid") { "bid" } else { "offer" };
        serde_json::from_value(serde_json::json!({
            "id": id, "side": side, "participant": "par_01m7w6c380fh08zv3bjp1wmpmd", "status": "open",
            "instance": "ins_01m7w6c380fh08zv3bjp1wmpmd",
            "window": { "start_at": "2026-11-20T10:20:00Z", "end_at": "2026-11-20T10:21:00Z" },
            "resources": { "cpu_milli": 100 }, "pools": [{ "pool": "p" }], "limit": limit,
            "remaining": { "cpu_milli": 100 }, "remaining_replicas": 1, "remaining_limit": limit, "hold": "0",
            "awarded": "0", "awards": [], "origin": "manual",
            "last_reason": { "reason": reason, "round": 7, "price_faced": price, "shortfall": short, "winning_limit": winning, "binding_resource": "cpu_milli" },
            "closed_reason": null, "replaces": null, "replaced_by": null, "pending_replacement": null,
            "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
        }))
        .unwrap()
    }

    fn node_a(own_takes_nothing: bool) -> BindingNode {
        BindingNode { name: "node-a".to_owned(), own_takes_nothing }
    }

    const BID: &str = "bid_01m7w6c380fh08zv3bjp1wmpmd";
    const OFFER: &str = "off_01m7w6c380fh08zv3bjp1wmpmd";

    #[test]
    fn a_limit_that_was_good_enough_is_not_what_was_missing() {
        let said = explain(
            &order(BID, "0.519480", "NO_HOST_FITS", "0.173160", "0", None),
            Some(node_a(false)),
            None,
            Winning::Unknown,
        );
        assert!(said.minimum_winning_limit.is_none() && said.maximum_winning_limit.is_none());
        assert!(said.changes.iter().all(|c| c.limit.is_none() && !c.change.contains("replicas")), "{:?}", said.changes);
        let about_limit = |said: &Explanation| said.changes.iter().any(|c| c.change.starts_with("Raise the limit"));
        assert!(!about_limit(&said), "whether a move would be worth it is not known: {:?}", said.changes);
        let no_room = Some(Staying::MayGo(Credits::ZERO, Elsewhere::NoRoom));
        let refused = order(BID, "0.519480", "NO_HOST_FITS", "0.173160", "0", None);
        let known = explain(&refused, Some(node_a(false)), no_room, Winning::Unknown);
        assert!(known.changes.iter().any(|c| !c.helps && c.change == "Raise the limit"), "{:?}", known.changes);
        assert!(!said.sentence.contains("in one piece"), "{}", said.sentence);
        assert!(said.sentence.ends_with("node-a came nearest and had too little cpu_milli."), "{}", said.sentence);
        assert!(!said.changes.iter().any(|c| c.change.contains("another pool")), "a workload bids at home");
    }

    #[test]
    fn whose_node_takes_nothing_is_told_so_while_the_order_is_open() {
        let mut refused = order(BID, "0.519480", "NO_HOST_FITS", "0.173160", "0", None);
        let waits = |said: &Explanation| said.changes.iter().any(|c| c.helps && c.change.starts_with("Wait until"));
        let said = explain(&refused, Some(node_a(true)), None, Winning::Unknown);
        assert!(said.sentence.contains("node-a, takes nothing new"), "{}", said.sentence);
        assert!(waits(&said) && said.changes.iter().any(|c| c.change == "Ask for less"), "{:?}", said.changes);
        refused.status = OrderStatus::Expired;
        let said = explain(&refused, Some(node_a(true)), None, Winning::Unknown);
        assert!(!waits(&said) && said.sentence.ends_with("had too little cpu_milli."), "{}", said.sentence);
    }

    #[test]
    fn who_wants_more_than_there_is_at_the_collar_is_told_so() {
        let mut short = order(BID, "0.5", "FORECAST_HEADROOM", "0.2", "0", None);
        let helps =
            |said: &Explanation, what: &str| said.changes.iter().find(|c| c.change.contains(what)).map(|c| c.helps);
        let said = explain(&short, None, None, Winning::NoneTried);
        assert!(said.sentence.contains("too little") && !said.sentence.contains("replica"), "{}", said.sentence);
        assert_eq!((helps(&said, "another slot"), helps(&said, "Raise the limit")), (Some(true), Some(false)));
        assert_eq!(helps(&said, "smaller replicas"), None);
        short.request.replicas = 3;
        let said = explain(&short, None, None, Winning::Limit(Money(600_000)));
        assert!(said.sentence.contains("not one more replica"), "{}", said.sentence);
        assert_eq!((helps(&said, "smaller replicas"), helps(&said, "Raise the limit")), (Some(true), Some(true)));
    }

    #[test]
    fn what_keeps_a_workload_on_a_full_node_is_told_instead_of_a_list() {
        let refused = order(BID, "3.3", "NO_HOST_FITS", "2.3", "0", None);
        let limit = Elsewhere::From(Winning::Limit(Money(4_240_001)));
        let goes = Staying::MayGo("1".parse().unwrap(), limit);
        let said = explain(&refused, None, Some(goes), Winning::Unknown);
        assert!(
            said.sentence.ends_with("with its fee of 1.000000, was worth it to the round from a limit of 4.240001 on.")
        );
        let winning = said.minimum_winning_limit.as_ref().map(|w| (w.value.to_string(), w.quality.as_str()));
        assert_eq!(winning, Some(("4.240001".to_owned(), "bound")));
        let raise = |said: &Explanation| said.changes.iter().find(|c| c.change.starts_with("Raise")).map(|c| c.helps);
        assert_eq!(raise(&said), Some(true), "{:?}", said.changes);

        let none = Staying::MayGo(Credits::ZERO, Elsewhere::From(Winning::NoneTried));
        assert_eq!(raise(&explain(&refused, None, Some(none), Winning::Unknown)), Some(false));
        let until = Slot::starting_at(1_795_646_400);
        let kept = explain(&refused, None, Some(Staying::Kept(Stays::Won { until })), Winning::Unknown);
        assert!(kept.sentence.contains("it has won something on its node for the slot of 2026-"), "{}", kept.sentence);
        assert_eq!((raise(&kept), kept.minimum_winning_limit.is_none()), (Some(false), true));
        // Of another reason it says nothing.
        let dear = explain(&order(BID, "3.3", "OUT_OF_MONEY", "4", "0.7", None), None, Some(goes), Winning::Unknown);
        assert!(dear.minimum_winning_limit.is_none() && dear.sentence.starts_with("Short by"), "{}", dear.sentence);
    }

    #[test]
    fn a_price_at_which_nothing_was_to_be_had_is_not_what_was_missing() {
        let refused = order(BID, "0.105800", "OUT_OF_MONEY", "0.105825", "0.000025", Some("0.105826"));
        let said = explain(&refused, None, None, Winning::Limit(Money(132_300)));
        assert!(said.sentence.starts_with("Short by 0.026500 credits: it would have won from"), "{}", said.sentence);
        assert!(said.sentence.contains("came to 0.105825"), "{}", said.sentence);
        let said = explain(&refused, None, None, Winning::Limit(Money(105_826)));
        assert!(said.sentence.starts_with("Short by 0.000025 credits: the bundle cost"), "{}", said.sentence);
    }

    #[test]
    fn who_forbids_the_move_is_told_so() {
        let mut stays = order(BID, "0.5", "NO_HOST_FITS", "0.2", "0", None);
        stays.request.no_displacement = true;
        let said = explain(&stays, Some(node_a(false)), None, Winning::Unknown);
        assert!(said.sentence.contains("The bid itself forbids the move"), "{}", said.sentence);
        assert!(said.changes.iter().any(|c| c.helps && c.change.contains("no_displacement")), "{:?}", said.changes);
        let moves = explain(&order(BID, "0.5", "NO_HOST_FITS", "0.2", "0", None), None, None, Winning::Unknown);
        assert!(!moves.sentence.contains("forbids") && !moves.changes.iter().any(|c| c.change.contains("no_displ")));
    }

    #[test]
    fn who_takes_runs_is_told_what_the_limit_is_for_the_nearest() {
        let mut runs = order(BID, "6", "OUT_OF_MONEY", "1.5", "0.5", Some("9"));
        runs.last_reason.as_mut().unwrap().slots = Some(1);
        let said = explain(&runs, None, None, Winning::Unknown).sentence;
        assert!(said.contains("of 1 slot, cost 1.500000, and the limit's part for it is 1.000000"), "{said}");
    }

    #[test]
    fn either_side_is_told_the_limit_that_would_have_won() {
        let bid =
            explain(&order(BID, "1", "OUT_OF_MONEY", "1.5", "0.5", Some("1.500001")), None, None, Winning::Unknown);
        assert_eq!(bid.minimum_winning_limit.map(|w| w.value.to_string()).as_deref(), Some("1.500001"));
        let offer =
            explain(&order(OFFER, "2", "OUT_OF_MONEY", "1.5", "0.5", Some("1.499999")), None, None, Winning::Unknown);
        assert_eq!(offer.maximum_winning_limit.map(|w| w.value.to_string()).as_deref(), Some("1.499999"));
        assert!(offer.minimum_winning_limit.is_none());
        assert!(
            offer
                .changes
                .iter()
                .any(|c| c.helps && c.limit.is_some() && c.change == "Lower the limit, at least to this")
        );
        assert!(offer.sentence.starts_with("Too dear by 0.5"), "{}", offer.sentence);
    }

    #[test]
    fn what_clearing_again_has_found_is_exact_and_never_is_no_advice() {
        let order = order(BID, "1", "MARGINAL_PRORATA", "1", "0", Some("1.000001"));
        let found = explain(&order, None, None, Winning::Limit(Money(6_000_000))).minimum_winning_limit;
        let found = found.map(|w| (w.value.to_string(), w.quality));
        assert_eq!(found, Some(("6.000000".to_owned(), "exact".to_owned())));
        let advice = explain(&order, None, None, Winning::Limit(Money(6_000_000))).changes;
        assert!(advice.iter().any(|c| c.helps && c.change == "Raise the limit"));
        let never = explain(&order, None, None, Winning::NoneTried);
        assert!(never.minimum_winning_limit.is_none() && never.changes.iter().all(|c| c.limit.is_none()), "{never:?}");
    }

    #[test]
    fn how_little_a_limit_wins_and_from_where_it_is_all_is_told() {
        let order = order(BID, "1", "OUT_OF_MONEY", "1.5", "0.5", Some("1.500001"));
        let found = Found {
            winning: Winning::Limit(Money(1_500_001)),
            round: Some(9),
            part: Some(Share::from_units(54_444)),
            whole: Some(Money(3_000_000)),
        };
        let said = super::explain(&order, None, None, &found, None);
        let why = "With 1.500001 it would have won 5.4 % of it, and all of it with 3.000000.";
        assert!(said.sentence.ends_with(why), "{}", said.sentence);
        let winning = said.minimum_winning_limit.expect("a limit");
        assert_eq!((winning.round, winning.whole.map(|w| w.to_string()).as_deref()), (Some(9), Some("3.000000")));
        assert!(said.round != Some(9), "the explanation's own round is that of the reason");
        assert!(said.changes.iter().any(|c| c.change.contains("to win all of it") && c.helps), "{:?}", said.changes);
        let all = Found { part: Some(Share::from_units(1_000_000)), whole: Some(Money(1_500_001)), ..found };
        let said = super::explain(&order, None, None, &all, None);
        assert!(!said.sentence.contains('%'), "{}", said.sentence);
        assert!(!said.changes.iter().any(|c| c.change.contains("to win all of it")), "{:?}", said.changes);
    }

    #[test]
    fn numbers_stand_in_the_place_of_what_a_reason_says_of_any_order() {
        let mut offer = order(OFFER, "2", "SELF_TRADE", "0", "0", None);
        let bid: OrderId = BID.parse().expect("an id");
        let own = Numbers::OwnBids { bids: vec![bid], own_workload: true };
        let said = super::explain(&offer, None, None, &Winning::Unknown.into(), Some(&own));
        assert!(said.sentence.contains(BID) && said.sentence.contains("very workload"), "{}", said.sentence);
        offer.last_reason.as_mut().expect("a reason").reason = Reason::ThrashLimit;
        let slot = Slot::starting_at(1_795_646_400);
        let thrash = Numbers::Thrash { slot, resource: Resource::CpuMilli, most: 100, left: 20 };
        let said = super::explain(&offer, None, None, &Winning::Unknown.into(), Some(&thrash));
        assert!(said.sentence.contains("100 cpu_milli") && said.sentence.contains("20 of that"), "{}", said.sentence);
    }
}
