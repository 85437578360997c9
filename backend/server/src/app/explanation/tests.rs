//! What orders are told.
use super::*;
use crate::app::winning::{NotTried, Otherwise};
use headroom_market::book::TimeInForce;
use headroom_market::time::Slot;

/// As it is told where no other numbers are known.
fn explain(order: &Order, node: Option<BindingNode>, found: Winning) -> Explanation {
    super::explain(order, node, &found.into(), None)
}

fn order(id: &str, limit: &str, reason: &str, price: &str, short: &str, winning: Option<&str>) -> Order {
    let side = if id.starts_with("bid") { "bid" } else { "offer" };
    serde_json::from_value(serde_json::json!({
        "id": id, "side": side, "participant": "par_01m7w6c380fh08zv3bjp1wmpmd", "status": "open",
        "instance": "ins_01m7w6c380fh08zv3bjp1wmpmd",
        "window": { "start_at": "2026-11-20T10:20:00Z", "end_at": "2026-11-20T10:21:00Z" },
        "resources": { "cpu_milli": 100 }, "pools": [{ "pool": "p" }], "limit": limit,
        "remaining": { "cpu_milli": 100 }, "remaining_replicas": 1, "remaining_limit": limit, "hold": "0",
        "awarded": "0", "awards": [], "origin": "manual", "first_round": 1,
        "last_reason": { "reason": reason, "round": 7, "price_faced": price, "shortfall": short, "winning_limit": winning, "binding_resource": "cpu_milli" },
        "closed_reason": null, "replaces": null, "replaced_by": null, "pending_replacement": null,
        "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
    }))
    .unwrap()
}

fn node_a(own_takes_nothing: bool) -> BindingNode {
    BindingNode { name: "node-a".to_owned(), own_takes_nothing }
}

fn micro(units: i64) -> Credits {
    Credits::from_units(units)
}

const BID: &str = "bid_01m7w6c380fh08zv3bjp1wmpmd";
const OFFER: &str = "off_01m7w6c380fh08zv3bjp1wmpmd";

#[test]
fn a_limit_that_was_good_enough_is_not_what_was_missing() {
    let said =
        explain(&order(BID, "0.519480", "NO_HOST", "0.173160", "0", None), Some(node_a(false)), Winning::Unknown);
    assert!(said.minimum_winning_limit.is_none() && said.maximum_winning_limit.is_none());
    assert!(said.changes.iter().all(|c| c.limit.is_none() && !c.change.contains("replicas")), "{:?}", said.changes);
    let about_limit = |said: &Explanation| said.changes.iter().any(|c| c.change.starts_with("Raise the limit"));
    assert!(!about_limit(&said), "whether a move would be worth it is not known: {:?}", said.changes);
    assert!(!said.sentence.contains("in one piece"), "{}", said.sentence);
    assert!(said.sentence.ends_with("node-a came nearest and had too little cpu_milli."), "{}", said.sentence);
    assert!(!said.changes.iter().any(|c| c.change.contains("another pool")), "a workload bids at home");
}

#[test]
fn whose_node_takes_nothing_is_told_so_while_the_order_is_open() {
    let mut refused = order(BID, "0.519480", "NO_HOST", "0.173160", "0", None);
    let waits = |said: &Explanation| said.changes.iter().any(|c| c.helps && c.change.starts_with("Wait until"));
    let said = explain(&refused, Some(node_a(true)), Winning::Unknown);
    assert!(said.sentence.contains("node-a, takes nothing new"), "{}", said.sentence);
    assert!(waits(&said) && said.changes.iter().any(|c| c.change == "Ask for less"), "{:?}", said.changes);
    refused.status = OrderStatus::Expired;
    let said = explain(&refused, Some(node_a(true)), Winning::Unknown);
    assert!(!waits(&said) && said.sentence.ends_with("had too little cpu_milli."), "{}", said.sentence);
}

#[test]
fn who_wants_more_than_is_left_is_told_so() {
    let mut short = order(BID, "0.5", "NO_ROOM", "0.2", "0", None);
    let helps = |said: &Explanation, what: &str| said.changes.iter().find(|c| c.change.contains(what)).map(|c| c.helps);
    let said = explain(&short, None, Winning::NoneTried);
    assert!(said.sentence.contains("too little") && !said.sentence.contains("replica"), "{}", said.sentence);
    assert_eq!((helps(&said, "another slot"), helps(&said, "Raise the limit")), (Some(true), Some(false)));
    assert_eq!(helps(&said, "smaller replicas"), None);
    short.request.replicas = 3;
    let said = explain(&short, None, Winning::Limit(micro(600_000)));
    assert!(said.sentence.contains("not one more replica"), "{}", said.sentence);
    assert_eq!((helps(&said, "smaller replicas"), helps(&said, "Raise the limit")), (Some(true), Some(true)));
}

#[test]
fn a_price_at_which_nothing_was_to_be_had_is_not_what_was_missing() {
    let refused = order(BID, "0.105800", "OUT_OF_MONEY", "0.105825", "0.000025", Some("0.105826"));
    let said = explain(&refused, None, Winning::Limit(micro(132_300)));
    assert!(said.sentence.starts_with("Short by 0.026500 credits: it would have won from"), "{}", said.sentence);
    assert!(said.sentence.contains("came to 0.105825"), "{}", said.sentence);
    let said = explain(&refused, None, Winning::Limit(micro(105_826)));
    assert!(said.sentence.starts_with("Short by 0.000025 credits: the bundle cost"), "{}", said.sentence);
}

#[test]
fn who_forbids_the_move_is_told_so() {
    let mut stays = order(BID, "0.5", "NO_HOST", "0.2", "0", None);
    stays.request.no_displacement = true;
    let said = explain(&stays, Some(node_a(false)), Winning::Unknown);
    assert!(said.sentence.contains("The bid itself forbids the move"), "{}", said.sentence);
    assert!(said.changes.iter().any(|c| c.helps && c.change.contains("no_displacement")), "{:?}", said.changes);
    let moves = explain(&order(BID, "0.5", "NO_HOST", "0.2", "0", None), None, Winning::Unknown);
    assert!(!moves.sentence.contains("forbids") && !moves.changes.iter().any(|c| c.change.contains("no_displ")));
}

#[test]
fn who_takes_runs_is_told_what_the_limit_is_for_the_nearest() {
    let mut runs = order(BID, "6", "OUT_OF_MONEY", "1.5", "0.5", Some("9"));
    runs.last_reason.as_mut().unwrap().slots = Some(1);
    let said = explain(&runs, None, Winning::Unknown).sentence;
    assert!(said.contains("of 1 slot, cost 1.500000, and the limit's part for it is 1.000000"), "{said}");
}

#[test]
fn either_side_is_told_the_limit_that_would_have_won() {
    let bid = explain(&order(BID, "1", "OUT_OF_MONEY", "1.5", "0.5", Some("1.500001")), None, Winning::Unknown);
    assert_eq!(bid.minimum_winning_limit.map(|w| w.value.to_string()).as_deref(), Some("1.500001"));
    let offer = explain(&order(OFFER, "2", "OUT_OF_MONEY", "1.5", "0.5", Some("1.499999")), None, Winning::Unknown);
    assert_eq!(offer.maximum_winning_limit.map(|w| w.value.to_string()).as_deref(), Some("1.499999"));
    assert!(offer.minimum_winning_limit.is_none());
    assert!(
        offer.changes.iter().any(|c| c.helps && c.limit.is_some() && c.change == "Lower the limit, at least to this")
    );
    assert!(offer.sentence.starts_with("Too dear by 0.5"), "{}", offer.sentence);
}

#[test]
fn what_clearing_again_has_found_is_exact_and_never_is_no_advice() {
    let order = order(BID, "1", "TIE", "1", "0", Some("1.000001"));
    let found = explain(&order, None, Winning::Limit(micro(6_000_000))).minimum_winning_limit;
    let found = found.map(|w| (w.value.to_string(), w.quality));
    assert_eq!(found, Some(("6.000000".to_owned(), "exact".to_owned())));
    let advice = explain(&order, None, Winning::Limit(micro(6_000_000))).changes;
    assert!(advice.iter().any(|c| c.helps && c.change == "Raise the limit"));
    let never = explain(&order, None, Winning::NoneTried);
    assert!(never.minimum_winning_limit.is_none() && never.changes.iter().all(|c| c.limit.is_none()), "{never:?}");
}

#[test]
fn how_little_a_limit_wins_and_from_where_it_is_all_is_told() {
    let order = order(BID, "1", "OUT_OF_MONEY", "1.5", "0.5", Some("1.500001"));
    let found = Found {
        winning: Winning::Limit(micro(1_500_001)),
        round: Some(9),
        part: Some(Share::from_units(54_444)),
        whole: Some(micro(3_000_000)),
        otherwise: Otherwise::default(),
        not_tried: None,
    };
    let said = super::explain(&order, None, &found, None);
    let why = "With 1.500001 it would have won 5.4 % of it, and all of it with 3.000000.";
    assert!(said.sentence.ends_with(why), "{}", said.sentence);
    let winning = said.minimum_winning_limit.expect("a limit");
    assert_eq!((winning.round, winning.whole.map(|w| w.to_string()).as_deref()), (Some(9), Some("3.000000")));
    assert!(said.round != Some(9), "the explanation's own round is that of the reason");
    assert!(said.changes.iter().any(|c| c.change.contains("to win all of it") && c.helps), "{:?}", said.changes);
    let all = Found { part: Some(Share::from_units(1_000_000)), whole: Some(micro(1_500_001)), ..found };
    let said = super::explain(&order, None, &all, None);
    assert!(!said.sentence.contains('%'), "{}", said.sentence);
    assert!(!said.changes.iter().any(|c| c.change.contains("to win all of it")), "{:?}", said.changes);
}

#[test]
fn numbers_stand_in_the_place_of_what_a_reason_says_of_any_order() {
    let offer = order(OFFER, "2", "THRASH_LIMIT", "0", "0", None);
    let slot = Slot::starting_at(1_795_646_400);
    let thrash = Numbers::Thrash { slot, resource: Resource::CpuMilli, most: 100, left: 20 };
    let said = super::explain(&offer, None, &Winning::Unknown.into(), Some(&thrash));
    assert!(said.sentence.contains("100 cpu_milli") && said.sentence.contains("20 of that"), "{}", said.sentence);
}

#[test]
fn a_block_hears_from_which_limit_it_would_have_won() {
    let mut block = order(BID, "1", "BLOCK", "0.8", "0", None);
    block.request.min_fill = Share::from_units(1_000_000);
    let said = explain(&block, None, Winning::Limit(micro(1_250_000)));
    let number = "It would have won from a limit of 1.250000 on, 0.250000 more than its own.";
    assert!(
        said.sentence.starts_with("It wins its least part") && said.sentence.ends_with(number),
        "{}",
        said.sentence
    );
    // Of a bound, and of a limit under its own, nothing is promised.
    for found in [Winning::Unknown, Winning::NoneTried, Winning::Limit(micro(900_000))] {
        let said = explain(&block, None, found);
        assert!(!said.sentence.contains("would have won from"), "{}", said.sentence);
    }
}

#[test]
fn a_bid_for_what_may_be_taken_back_hears_nothing_of_moves() {
    let mut recallable = order(BID, "0.5", "NO_HOST", "0.2", "0", None);
    recallable.request.assurance = Assurance::Recallable;
    for no_displacement in [false, true] {
        recallable.request.no_displacement = no_displacement;
        let said = explain(&recallable, Some(node_a(false)), Winning::Unknown);
        assert!(said.sentence.contains("recallable"), "{}", said.sentence);
        for word in ["move fee", "no_displacement", "goes to another node"] {
            assert!(!said.sentence.contains(word), "{}", said.sentence);
            assert!(!said.changes.iter().any(|c| c.change.contains(word)), "{:?}", said.changes);
        }
        let limit = said.changes.iter().find(|c| c.change == "Raise the limit").map(|c| c.helps);
        assert_eq!(limit, Some(false), "{:?}", said.changes);
        assert!(said.changes.iter().any(|c| c.helps && c.change == "Ask for less"), "{:?}", said.changes);
        assert!(said.changes.iter().any(|c| c.helps && c.change.contains("firm")), "{:?}", said.changes);
        let nobody_lends = explain(&recallable, Some(node_a(false)), Winning::NoneTried);
        assert!(!nobody_lends.changes.iter().any(|c| c.change == "Ask for less"), "{:?}", nobody_lends.changes);
        assert!(nobody_lends.changes.iter().any(|c| c.helps && c.change.contains("firm")));
    }
    recallable.request.min_fill = Share::from_units(500_000);
    let whole = explain(&recallable, Some(node_a(false)), Winning::NoneTried);
    assert!(whole.changes.iter().any(|c| c.helps && c.change == "Ask for less"), "{:?}", whole.changes);
}

#[test]
fn who_has_won_a_replica_is_not_told_that_nothing_was_to_be_had() {
    let mut bid = order(BID, "1.9", "TIE", "1.9", "0", None);
    (bid.request.replicas, bid.remaining_replicas) = (2, 2);
    let said = |bid: &Order| explain(bid, None, Winning::NoneTried).sentence;
    assert!(said(&bid).starts_with("Nothing was to be had"), "{}", said(&bid));
    bid.remaining_replicas = 1;
    assert!(said(&bid).contains("others come first at it"), "{}", said(&bid));
    assert!(said(&bid).contains("no further whole replica"), "{}", said(&bid));
}

#[test]
fn who_ended_with_a_part_is_not_told_that_it_won_all() {
    let slot = |n: i64| Slot::starting_at(1_795_000_000 + 60 * n);
    let cpu = |n: i64, quantity: i64| (Resource::CpuMilli, slot(n), quantity);
    let mut bid = order(BID, "1", "TIE", "1", "0", None);
    let said = |bid: &Order, lines: &[_]| won::in_part(bid, lines.iter().copied(), 60);
    // two awards in its one slot
    assert_eq!(said(&bid, &[cpu(0, 40), cpu(0, 60)]), None);
    // a unit is rounding, and of replicas none is
    assert_eq!(said(&bid, &[cpu(0, 99)]), None);
    bid.request.resources.insert(Resource::MemMib, 2);
    assert!(said(&bid, &[cpu(0, 100)]).is_some_and(|s| s.contains("0 mem_mib of 2 mem_mib")));
    bid.request.resources.remove(&Resource::MemMib);
    let part = said(&bid, &[cpu(0, 40)]).expect("a part");
    assert!(part.contains("40 cpu_milli of 100 cpu_milli a slot") && part.contains("too little"), "{part}");
    bid.request.replicas = 2;
    assert!(said(&bid, &[cpu(0, 199)]).is_some_and(|s| s.contains("199 cpu_milli of 200")));
    bid.request.replicas = 1;
    bid.request.time_in_force = TimeInForce::Ioc;
    assert!(said(&bid, &[cpu(0, 40)]).is_some_and(|s| s.contains("`ioc`")));
    bid.request.time_in_force = TimeInForce::Gtc;
    bid.request.window.end_at = serde_json::from_str("\"2026-11-20T10:23:00Z\"").unwrap();
    bid.request.min_run_slots = 1;
    let run = said(&bid, &[cpu(0, 100), cpu(1, 100)]).expect("a part");
    assert!(run.contains("asked for, 2 of its 3 slots,") && run.contains("runs"), "{run}");
    assert_eq!(said(&bid, &[cpu(0, 100), cpu(1, 100), cpu(2, 100)]), None);
}

/// What was tried is told as it came out, and what was not as it may be.
#[test]
fn advice_that_was_tried_in_vain_is_told_so() {
    let mut block = order(BID, "0.5", "NO_HOST", "0.2", "0", None);
    (block.request.min_fill, block.request.instance) = (Share::from_units(1_000_000), None);
    let said = |winning, in_part, for_less| {
        let otherwise = Otherwise { in_part, for_less, ..Otherwise::default() };
        super::explain(&block, None, &Found { otherwise, ..winning }, None)
    };
    let helps =
        |said: &Explanation, what: &str| said.changes.iter().find(|c| c.change.starts_with(what)).map(|c| c.helps);
    for (tried, true_or_not) in [(None, true), (Some(true), true), (Some(false), false)] {
        let said = said(Winning::NoneTried.into(), tried, tried);
        assert_eq!(helps(&said, "Accept a partial fill"), Some(true_or_not));
        assert_eq!(helps(&said, "Ask for less"), Some(true_or_not));
        assert_eq!(helps(&said, "Raise the limit"), Some(false));
    }
    // a higher limit may come before those who have the room
    let wins = said(Winning::Limit(micro(2_000_000)).into(), None, None);
    assert_eq!((helps(&wins, "Raise the limit"), wins.changes.iter().filter(|c| !c.helps).count()), (Some(true), 0));
    assert!(wins.sentence.contains("From a limit of 2.000000 on"), "{}", wins.sentence);
    // nothing was searched for, so nothing is said of it
    assert_eq!(helps(&said(Winning::Unknown.into(), None, None), "Raise the limit"), None);
}

#[test]
fn who_won_a_part_is_told_what_all_of_it_took() {
    let part = order(BID, "1", "TIE", "1", "0", None);
    let otherwise = Otherwise { all_of_it: Some((micro(4_000_000), micro(4_400_000))), ..Otherwise::default() };
    let found = Found { otherwise, round: Some(7), ..Winning::Unknown.into() };
    let said = super::explain(&part, None, &found, None).sentence;
    assert!(said.ends_with("in round 7 it would have won with a limit of 4.400000 instead of 4.000000."), "{said}");
}

/// Whom nothing was tried for is told so: a limit that follows from prices alone looks no different else.
#[test]
fn that_no_other_limit_was_tried_is_told() {
    let refused = order(BID, "0.519480", "OUT_OF_MONEY", "0.6", "0.08052", Some("0.6"));
    let of = |not_tried| super::explain(&refused, None, &Found { not_tried, ..Winning::Unknown.into() }, None);
    assert!(of(Some(NotTried::Busy)).sentence.contains("ask again in a few seconds"));
    assert!(of(Some(NotTried::TooLarge)).sentence.contains("headroom explain"));
    assert!(!of(None).sentence.contains("no other limit was tried"));
}

#[test]
fn what_was_taken_back_is_told_what_else_to_offer() {
    let said = explain(&order(OFFER, "0.1", "TOOK_BACK", "0", "0", None), None, Winning::Unknown);
    assert!(said.sentence.contains("taken it back"), "{}", said.sentence);
    let changes: Vec<_> = said.changes.iter().map(|c| (c.change.as_str(), c.helps)).collect();
    assert!(
        matches!(changes[..], [(another, true), ("Lower the limit", false)] if another.starts_with("Offer another slot"))
    );
}

#[test]
fn a_limit_that_was_seen_to_win_is_told_as_enough() {
    let refused = order(BID, "1", "OUT_OF_MONEY", "1.5", "0.5", Some("1.500001"));
    let between = Winning::Between { loses: micro(1_000_000), wins: micro(1_600_000) };
    let first = |found: Winning| explain(&refused, None, found).changes.remove(0).change;
    assert!(first(between).starts_with("Raise the limit to this: it is enough"));
    assert_eq!(first(Winning::Unknown), "Raise the limit, to about this");
}
