//! What a lender pays that does not let go, in numbers that can be worked out by hand: of a node that is full 500 are lent
//! at 0.0004, for 0.2.

use crate::support::one_node::{One, one, traded};
use crate::support::world::RHYTHM;
use headroom_market::book::{Assurance, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::settlement::Receipt;
use headroom_market::units::Credits;
use headroom_market::workload::Instance;

type Member = (ParticipantId, InstanceId);

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn firm(one: &mut One, (participant, instance): Member, side: Side, quantity: i64, limit: &str) {
    let mut request = one.request(instance, quantity, limit);
    request.assurance = Assurance::Firm;
    let reply = one.place(participant, side, request);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
}

/// The lender's 500 are bought by those who ask for so much, and their slot has begun. It has so much money left.
fn lent(capacity: i64, bought: &[i64], money: &str) -> One {
    let mut one = one(capacity);
    let (lender, buyers) = (one.lender, one.buyers.clone());
    firm(&mut one, lender, Side::Offer, 500, "0.2");
    for (buyer, quantity) in buyers.into_iter().zip(bought) {
        firm(&mut one, buyer, Side::Bid, *quantity, "1");
    }
    one.round();
    let amount = credits(money) - credits("1000");
    one.world.run(Command::Grant { participant: lender.0, amount, reason: None });
    assert_eq!(available(&one, lender), credits(money));
    one.begin();
    one
}

fn change(one: &mut One, id: InstanceId, change: impl FnOnce(&mut Instance)) {
    let mut instance = one.world.state.instances[&id].clone();
    change(&mut instance);
    one.world.state.fold(&Event::InstanceChanged(instance.clone()));
    one.world.folded.fold(&Event::InstanceChanged(instance));
}

/// Its own program keeps what it has.
fn keeps(one: &mut One, id: InstanceId) {
    let slot = one.slot;
    change(one, id, |instance| {
        instance.kept_by_program.insert(slot);
    });
}

/// Settles the slot: the lender has so much of its 2,000, and the buyers beside their 500.
fn settle(one: &mut One, lender: i64, buyers: [i64; 2]) {
    let mut readings = vec![one.reading(one.lender.1, &[lender], 0, 0)];
    let has = one.buyers.iter().zip(buyers);
    readings.extend(has.map(|((_, id), more)| one.reading(*id, &[500 + more], 0, 0)));
    one.end(readings);
    one.world.audit();
}

fn available(one: &One, (participant, _): Member) -> Credits {
    one.world.state.available(participant)
}

fn receipt(one: &One, (participant, _): Member) -> &Receipt {
    one.world.receipts.iter().rfind(|r| r.participant == participant).expect("a receipt")
}

#[test]
fn who_keeps_what_it_lent_pays_its_buyer_half_of_the_price() {
    let mut one = lent(3_000, &[500], "1");
    let (lender, buyer) = (one.lender, one.buyers[0]);
    assert_eq!(available(&one, buyer), credits("999.8"), "500 at 0.0004");
    keeps(&mut one, lender.1);
    settle(&mut one, 1_900, [100, 0]);
    // It gave 100: those are paid for. Of the other 400 half of 0.16 is due.
    assert_eq!(available(&one, lender), credits("1") + credits("0.04") - credits("0.08"));
    assert_eq!(available(&one, buyer), credits("1000") - credits("0.04") + credits("0.08"));
    let (lends, buys) = (receipt(&one, lender), receipt(&one, buyer));
    assert_eq!((lends.compensation, buys.compensation), (credits("0.08"), credits("0.08")));
    assert_eq!((lends.lines[0].kept, lends.cause.as_deref()), (400, Some("kept_by_program")));
    assert_eq!((buys.lines[0].compensation, buys.credit_note), (credits("0.08"), credits("0.16")));
    assert!(one.world.state.instances[&lender.1].kept_by_program.is_empty(), "it is settled");
}

#[test]
fn who_has_too_little_pays_what_it_has_and_owes_nothing() {
    let mut one = lent(3_000, &[500], "0.03");
    let (lender, buyer, slot) = (one.lender, one.buyers[0], one.slot);
    keeps(&mut one, lender.1);
    settle(&mut one, 2_000, [0, 0]);
    assert_eq!((available(&one, lender), available(&one, buyer)), (Credits::ZERO, credits("1000.03")));
    assert_eq!(receipt(&one, lender).compensation, credits("0.03"), "0.1 is due");

    one.world.run(Command::Grant { participant: lender.0, amount: credits("5"), reason: None });
    one.slot = slot.plus(3, RHYTHM.slot_seconds);
    firm(&mut one, lender, Side::Bid, 10, "1");
    one.world.run(Command::SettleSlot { slot: slot.plus(1, RHYTHM.slot_seconds), readings: Vec::new() });
    assert_eq!(available(&one, lender), credits("4"), "nothing is taken later, and it may bid");
}

#[test]
fn who_has_nothing_pays_from_what_it_has_just_earned() {
    let mut one = lent(3_000, &[500], "0");
    let (lender, buyer) = (one.lender, one.buyers[0]);
    keeps(&mut one, lender.1);
    settle(&mut one, 1_900, [100, 0]);
    assert_eq!((available(&one, lender), receipt(&one, lender).amount), (Credits::ZERO, credits("0.04")));
    assert_eq!(available(&one, buyer), credits("1000"), "its 400 came back, and 0.04 of 0.08");
}

#[test]
fn two_buyers_share_by_what_each_of_them_missed() {
    // They miss 250 and 99. Where the money does not reach, what rounding leaves stays with the lender.
    for (money, shares, left) in [("1", ["0.05", "0.0198"], "0.9302"), ("0.01", ["0.007163", "0.002836"], "0.000001")] {
        let mut one = lent(3_000, &[250, 250], money);
        let (lender, buyers) = (one.lender, one.buyers.clone());
        keeps(&mut one, lender.1);
        settle(&mut one, 2_000, [0, 151]);
        let got = [0, 1].map(|n| receipt(&one, buyers[n]).compensation);
        assert_eq!((got, available(&one, lender)), (shares.map(credits), credits(left)));
        assert_eq!(receipt(&one, lender).compensation, got[0] + got[1]);
    }
}

#[test]
fn what_something_else_stands_in_for_costs_its_lender_nothing() {
    let mut one = lent(3_500, &[500], "1");
    let (lender, buyer) = (one.lender, one.buyers[0]);
    keeps(&mut one, lender.1);
    settle(&mut one, 2_000, [500, 0]);
    assert_eq!((receipt(&one, lender).lines[0].kept, available(&one, lender)), (500, credits("1")));
    assert_eq!(receipt(&one, buyer).compensation, Credits::ZERO);
}

#[test]
fn nothing_is_paid_where_the_exchange_is_at_fault() {
    // It ended the lender's swap itself; it stood still while the buyer should have had it.
    let mut one = lent(3_000, &[500], "1");
    let (lender, buyer, slot) = (one.lender, one.buyers[0], one.slot);
    keeps(&mut one, lender.1);
    change(&mut one, lender.1, |instance| {
        instance.failed_by_exchange.insert(slot);
    });
    settle(&mut one, 2_000, [0, 0]);
    assert_eq!((available(&one, lender), available(&one, buyer)), (credits("1"), credits("1000")));

    let mut one = lent(3_000, &[500], "1");
    keeps(&mut one, lender.1);
    let readings = vec![one.reading(lender.1, &[2_000], 0, 0), one.reading(buyer.1, &[], 0, 4)];
    one.end(readings);
    assert_eq!((available(&one, lender), available(&one, buyer)), (credits("1"), credits("1000")));
}

#[test]
fn nothing_is_paid_for_a_swap_that_is_merely_late() {
    let mut one = lent(3_000, &[500], "1");
    settle(&mut one, 1_600, [400, 0]);
    assert_eq!((available(&one, one.lender), available(&one, one.buyers[0])), (credits("1.16"), credits("999.84")));
}

#[test]
fn a_recallable_lender_pays_nothing_for_what_it_keeps() {
    let mut one = traded(3_000);
    one.begin();
    let (lender, buyer) = (one.lender, one.buyers[0]);
    let before = available(&one, lender);
    keeps(&mut one, lender.1);
    settle(&mut one, 2_000, [0, 0]);
    assert_eq!((available(&one, lender), receipt(&one, lender).compensation), (before, Credits::ZERO));
    assert_eq!((available(&one, buyer), receipt(&one, buyer).compensation), (credits("1000"), Credits::ZERO));
}

#[test]
fn what_a_workload_keeps_after_its_slot_costs_nothing() {
    let mut one = lent(3_000, &[500], "1");
    let buyer = one.buyers[0];
    settle(&mut one, 1_500, [500, 0]);
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    one.world.run(Command::PlanSlot { slot: one.slot });
    keeps(&mut one, buyer.1);
    settle(&mut one, 2_000, [500, 0]);
    assert_eq!(available(&one, buyer), credits("999.8"));
}
