//! A member's own bids have from its own offers what they can, before a round and for nothing; by hand, on one node.

use crate::support;
use crate::support::away::{node, workload};
use crate::support::one_node::{CPU, One, cpu};
use crate::support::own_orders::*;
use crate::support::rolls::{lent, next, roll};
use crate::support::world::RHYTHM;
use headroom_market::book::{OrderRequest, Side, TimeInForce};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::ledger::Account;
use headroom_market::round::AwardKind;
use headroom_market::round::safe_state::LeftOut;
use headroom_market::units::{Credits, Price, Resource};
use headroom_market::workload::Strategy;

#[test]
fn a_bid_has_from_an_own_offer_what_it_can_and_nobody_pays() {
    let (mut one, lender, other) = own();
    let before = one.world.state.ledger.balance(Account::Available(lender.0));
    let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
    let bid = place(&mut one, other, Side::Bid, 200, "0.2");
    assert!(matches!(seal(&mut one), Reply::Nothing), "nobody asks for anything any more");
    let [bought] = &awards(&one, bid)[..] else { panic!("one award") };
    assert_eq!((bought.netted_with, bought.round_number(), bought.money), (Some(offer), None, Credits::ZERO));
    assert_eq!((bought.lines[0].price, bought.lines[0].quantity), (Price::ZERO, 200));
    assert!(!one.world.state.orders.contains_key(&bid));
    let left = &one.world.state.orders[&offer];
    assert_eq!((left.remaining[&CPU], left.remaining_limit), (100, credits("0.01")));
    let [lent] = &awards(&one, offer)[..] else { panic!("one award") };
    assert_eq!((lent.kind, lent.netted_with, lent.lines[0].quantity), (AwardKind::Lent, Some(bid), 200));
    // What is left is others'.
    let stranger = one.buyers[0];
    let bought = place(&mut one, stranger, Side::Bid, 100, "0.2");
    one.round();
    assert_eq!(awards(&one, bought)[0].lines[0].quantity, 100);
    one.begin();
    assert_eq!((one.in_force(lender.1), one.in_force(other.1), one.in_force(stranger.1)), (1_700, 700, 600));
    let readings = [(lender.1, 1_700), (other.1, 700), (stranger.1, 600)];
    one.end(readings.map(|(id, has)| one.reading(id, &[has], 0, 0)).to_vec());
    let sold = awards_money(&one, stranger.0);
    let available = one.world.state.ledger.balance(Account::Available(lender.0));
    assert_eq!(available - before, sold, "it has what the stranger pays");
    let record = one.world.state.participants[&lender.0].lending;
    assert_eq!(record.lines, 1, "what it has from itself is no promise kept");
}

/// What somebody has paid for what was delivered.
fn awards_money(one: &One, who: ParticipantId) -> Credits {
    one.world.receipts.iter().filter(|r| r.participant == who).map(|r| r.amount - r.credit_note).sum()
}

#[test]
fn the_highest_bid_is_served_from_the_lowest_offer() {
    let (mut one, lender, other) = own();
    let low = place(&mut one, lender, Side::Offer, 100, "0.01");
    let high = place(&mut one, lender, Side::Offer, 100, "0.03");
    let poor = place(&mut one, other, Side::Bid, 50, "0.01");
    let rich = place(&mut one, other, Side::Bid, 120, "0.12");
    seal(&mut one);
    assert_eq!([low, high, rich, poor].map(|id| netted(&one, id)), [100, 20, 120, 0]);
    assert!(one.world.state.orders[&poor].remaining[&CPU] == 50, "it pays 0.0002 a unit where 0.0003 are asked");
}

#[test]
fn floors_limits_and_thrash_limits_hold() {
    for (what, max_swap) in [("growth", None), ("max_swap", Some(cpu(70)))] {
        let (mut one, lender, _) = own_on(3_900);
        // It may grow by 80.
        let other = (lender.0, workload(&mut one.world, lender.0, "p", cpu(400), cpu(480)));
        let strategy = Strategy { max_swap: max_swap.unwrap_or_default(), ..Strategy::default() };
        let (participant, instance) = lender;
        one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
        let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
        let first = place(&mut one, other, Side::Bid, 50, "0.05");
        let second = place(&mut one, other, Side::Bid, 30, "0.027");
        seal(&mut one);
        let wanted = if what == "growth" { (50, 30) } else { (50, 20) };
        assert_eq!((netted(&one, first), netted(&one, second)), wanted, "{what}");
        assert_eq!(netted(&one, offer), wanted.0 + wanted.1);
    }
    // The floor is 100: of 500 no more than 400 are lent, whatever is asked for.
    let (mut one, lender, other) = own();
    let offers = [place(&mut one, other, Side::Offer, 300, "0.03"), place(&mut one, other, Side::Offer, 300, "0.03")];
    let bid = place(&mut one, lender, Side::Bid, 500, "0.5");
    seal(&mut one);
    assert_eq!(netted(&one, bid), 400);
    assert_eq!(offers.map(|id| netted(&one, id)).iter().sum::<i64>(), 400);
}

#[test]
fn what_cannot_be_divided_is_netted_whole_or_not() {
    let (mut one, lender, other) = own();
    let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
    let whole = OrderRequest { min_fill: "1".parse().unwrap(), ..firm(&one, other, 301, "0.5") };
    let once = OrderRequest { time_in_force: TimeInForce::Ioc, ..firm(&one, other, 302, "0.5") };
    let (whole, once) = (ask(&mut one, other, Side::Bid, whole), ask(&mut one, other, Side::Bid, once));
    seal(&mut one);
    assert_eq!([offer, whole, once].map(|id| netted(&one, id)), [0, 0, 0]);
    let (mut one, lender, other) = own();
    let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
    let whole = OrderRequest { min_fill: "1".parse().unwrap(), ..firm(&one, other, 300, "0.5") };
    let whole = ask(&mut one, other, Side::Bid, whole);
    seal(&mut one);
    assert_eq!([offer, whole].map(|id| netted(&one, id)), [300, 300]);
}

#[test]
fn strangers_and_other_nodes_are_not_netted() {
    let (mut one, lender, _) = own();
    node(&mut one.world, "p", "other", [(CPU, 9_000), (Resource::MemMib, 9_000)].into());
    let far = (lender.0, workload(&mut one.world, lender.0, "p", cpu(3_000), cpu(5_000)));
    let stranger = one.buyers[0];
    let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
    let bids = [place(&mut one, far, Side::Bid, 100, "0.5"), place(&mut one, stranger, Side::Bid, 100, "0.5")];
    assert!(matches!(seal(&mut one), Reply::Sealed { .. }));
    assert_eq!(bids.map(|id| netted(&one, id)), [0, 0]);
    assert_eq!(netted(&one, offer), 0);
}

#[test]
fn who_keeps_what_it_gave_to_itself_costs_nobody_else() {
    let (mut one, lender, other) = own();
    place(&mut one, lender, Side::Offer, 300, "0.03");
    place(&mut one, other, Side::Bid, 300, "0.3");
    seal(&mut one);
    let (seller, stranger) = (one.buyers[1], one.buyers[0]);
    let sells = place(&mut one, seller, Side::Offer, 100, "0.01");
    place(&mut one, stranger, Side::Bid, 100, "0.2");
    one.round();
    one.begin();
    let slot = one.slot;
    // The other never gets what the lender gave, by its own doing; the stranger has all of its own.
    let readings = [(lender.1, 1_700), (other.1, 500), (stranger.1, 600), (seller.1, 400)];
    one.end(readings.map(|(id, has)| one.reading(id, &[has], 0, 0)).to_vec());
    let receipt = one.world.receipts.iter().find(|r| r.order == sells && r.slot == slot).expect("a receipt");
    assert_eq!((receipt.lines[0].delivered, receipt.credit_note), (100, Credits::ZERO));
    assert_eq!(one.world.state.ledger.balance(Account::Escrow), Credits::ZERO);
    assert_eq!(RHYTHM.slot_end(slot).plus_seconds(5), one.world.now);
}

/// Two workloads of one member on a node of their own, of which one has 100 from the other in the slot after the present.
fn netted_next(one: &mut One, asks: &str, pays: &str) -> (Member, Member) {
    node(&mut one.world, "p", "other", cpu(1_000));
    let owner = support::world::participant(&mut one.world, "neighbours", "1000");
    let member = |one: &mut One| (owner, workload(&mut one.world, owner, "p", cpu(500), cpu(900)));
    let (gives, gets) = (member(one), member(one));
    let slot = one.slot;
    one.slot = next(slot);
    place(one, gives, Side::Offer, 100, asks);
    place(one, gets, Side::Bid, 100, pays);
    one.slot = slot;
    seal(one);
    assert_eq!(one.world.state.awards_of(gets.1).count(), 1);
    (gives, gets)
}

#[test]
fn what_is_not_taken_of_an_own_offer_is_missing_to_no_lender() {
    let mut one = lent();
    let (gives, gets) = netted_next(&mut one, "0.01", "0.1");
    assert_eq!(roll(&mut one).0[0].volume[&CPU], 1_000, "no round was held for the slot");
    let slot = one.slot;
    one.world.run(Command::SettleSlot { slot: slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    let [first, second] = [one.buyers[0], one.buyers[1]];
    // Its own program takes none of it.
    let readings = [(one.lender, 1_000), (first, 1_100), (second, 900), (gives, 400), (gets, 500)];
    one.end(readings.map(|((_, id), has)| one.reading(id, &[has], 0, 0)).to_vec());
    let lender = one.lender.0;
    let mut receipts = one.world.receipts.iter().filter(|r| r.participant == lender && r.slot == slot);
    let receipt = receipts.next().expect("a receipt");
    assert_eq!((receipt.lines[0].delivered, receipt.credit_note), (1_000, Credits::ZERO));
}

#[test]
fn in_the_safe_state_it_goes_on_at_the_price_of_all() {
    let mut one = lent();
    let (gives, gets) = netted_next(&mut one, "0.01", "0.1");
    assert_eq!(roll(&mut one).0.len(), 1);
    assert_eq!((one.in_force(gives.1), one.in_force(gets.1)), (400, 600));
    let (rolls, _) = roll(&mut one);
    assert_eq!((one.in_force(gives.1), one.in_force(gets.1)), (400, 600));
    let slot = one.slot;
    let of = |id: InstanceId| one.world.state.awards_of(id).find(|a| a.lines[0].slot == slot).expect("an award");
    assert_eq!((of(gets.1).netted_with, of(gets.1).lines[0].price), (None, rolls[0].prices[0].price));
    assert_eq!((of(gives.1).netted_with, of(gives.1).money), (None, of(gets.1).money));
}

#[test]
fn in_the_safe_state_who_gave_to_itself_asks_for_no_less() {
    let mut one = lent();
    // 0.0014 a unit.
    let (gives, gets) = netted_next(&mut one, "0.14", "0.15");
    roll(&mut one);
    assert_eq!((one.in_force(gives.1), one.in_force(gets.1)), (400, 600));
    let (rolls, left) = roll(&mut one);
    assert!(rolls[0].prices[0].price < "0.0014".parse().unwrap(), "{rolls:?}");
    assert_eq!((one.in_force(gives.1), one.in_force(gets.1)), (500, 500));
    assert!(left.iter().any(|l| l.instance == gets.1 && l.reason == LeftOut::NoHostFits), "{left:?}");
}
