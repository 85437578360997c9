//! What automatic bids buy back of what was lent, in numbers that can be worked out by hand: a lender of 2,000 millicores
//! whose missing unit costs 0.004 a slot, on a node of a pool whose unsold units cost 0.0005.

use crate::support::away::workload;
use crate::support::one_node::{CPU, One, cpu, one, second_lender};
use crate::support::own_orders::{awards, credits, firm, place, seal};
use crate::support::rolls::{next, roll};
use crate::support::world::participant;
use headroom_market::book::{Assurance, Order, OrderRequest, Origin, Resell, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::ledger::Account;
use headroom_market::round::AwardKind;
use headroom_market::swap::draw::Draw;
use headroom_market::units::{Amounts, Credits, Resource};
use headroom_market::workload::vacate::Suspended;
use headroom_market::workload::{AutoBid, AutoOffer, SlotOutlook, Strategy};
use std::sync::Arc;

const MEM: Resource = Resource::MemMib;

type Member = (ParticipantId, InstanceId);

fn auto_bid(costs: &[(Resource, &str)]) -> AutoBid {
    AutoBid {
        shortage_cost: costs.iter().map(|(r, price)| (*r, price.parse().unwrap())).collect(),
        promised_service_level: None,
        assurance: Assurance::Firm,
    }
}

fn auto_offer() -> AutoOffer {
    AutoOffer {
        minimum_price: [(CPU, "0.0004".parse().unwrap())].into(),
        at_least_reserve_price: false,
        recallable_price: [].into(),
    }
}

fn both() -> Strategy {
    Strategy { auto_bid: Some(auto_bid(&[(CPU, "0.004")])), auto_offer: Some(auto_offer()), ..Strategy::default() }
}

fn only_lends() -> Strategy {
    Strategy { auto_offer: Some(auto_offer()), ..Strategy::default() }
}

fn set(one: &mut One, (participant, instance): Member, strategy: Strategy) {
    let reply = one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
}

/// A forecast of the slot: what will be needed at most with the chances of one half, 90 and 97.5 %, and what may be lent.
fn foresee(one: &mut One, instance: InstanceId, need: [i64; 3], lendable: i64) {
    let need = [500, 900, 975].into_iter().zip(need.map(cpu)).collect();
    let outlook = SlotOutlook { slot: one.slot, need, lendable: cpu(lendable), joint: None };
    one.world.run(Command::RecordOutlooks { model: None, outlooks: vec![(instance, vec![outlook])] });
}

fn orders(one: &One, instance: InstanceId, side: Side) -> Vec<&Order> {
    let mine = |o: &&Order| o.origin != Origin::Manual && o.request.instance == Some(instance) && o.side == side;
    let mut orders: Vec<&Order> = one.world.state.orders.values().filter(mine).collect();
    orders.sort_by_key(|o| std::cmp::Reverse(o.remaining_limit));
    orders
}

fn open(one: &One, instance: InstanceId, side: Side) -> Vec<(Amounts, Credits)> {
    orders(one, instance, side).into_iter().map(|o| (o.remaining.clone(), o.remaining_limit)).collect()
}

/// The lender has lent 400 to the first buyer at what it asks for them, as its forecast left them.
fn lends(strategy: Strategy, limit: i64) -> (One, Member) {
    let mut one = one(6_000);
    let owner = participant(&mut one.world, "automatic", "1000");
    let lender = (owner, workload(&mut one.world, owner, "p", cpu(2_000), cpu(limit)));
    set(&mut one, lender, strategy);
    lend(&mut one, lender);
    (one, lender)
}

fn lend(one: &mut One, lender: Member) {
    foresee(one, lender.1, [1_200, 1_400, 1_500], 400);
    assert_eq!(open(one, lender.1, Side::Offer), [(cpu(400), credits("0.16"))]);
    let bid = place(one, one.buyers[0], Side::Bid, 400, "0.9");
    one.round();
    let [bought] = &awards(one, bid)[..] else { panic!("one award") };
    assert_eq!((bought.lines[0].quantity, bought.money), (400, credits("0.16")));
    assert_eq!(lent(one, lender), 400);
}

fn lines(one: &One, (_, instance): Member, kind: AwardKind) -> i64 {
    let awards = one.world.state.awards.values().filter(|a| a.instance == Some(instance) && a.kind == kind);
    awards.flat_map(|a| &a.lines).filter(|l| l.slot == one.slot).map(|l| l.left()).sum()
}

fn lent(one: &One, member: Member) -> i64 {
    lines(one, member, AwardKind::Lent)
}

fn won(one: &One, member: Member) -> i64 {
    lines(one, member, AwardKind::Bought)
}

#[test]
fn what_is_lent_and_will_be_needed_is_bought_back_for_what_a_shortage_costs() {
    let (mut one, lender) = lends(both(), 5_000);
    // 1,600 are left of 2,000: 200 more will rather be needed than not, 100 more with 10 to 50 %; 50 are not worth an order.
    foresee(&mut one, lender.1, [1_800, 1_900, 1_950], 0);
    let wanted = [(cpu(200), credits("0.6")), (cpu(100), credits("0.12"))];
    assert_eq!(open(&one, lender.1, Side::Bid), wanted);
    let has = |one: &One| -> Credits {
        let accounts = [Account::Available(lender.0), Account::Held(lender.0)];
        accounts.into_iter().map(|account| one.world.state.ledger.balance(account)).sum()
    };
    let before = has(&one);
    one.round();
    assert_eq!((won(&one, lender), lent(&one, lender)), (300, 400));
    one.begin();
    assert_eq!((one.in_force(lender.1), one.in_force(one.buyers[0].1)), (1_900, 900));
    one.end(vec![one.reading(lender.1, &[1_900; 4], 0, 0), one.reading(one.buyers[0].1, &[900; 4], 0, 0)]);
    let mine = one.world.receipts.iter().filter(|r| r.participant == lender.0);
    assert!(mine.clone().count() == 3 && mine.clone().all(|r| r.credit_note.is_zero()), "all of it was delivered");
    // It has 400 × 0.0004 and paid 300 × 0.0005.
    assert_eq!(has(&one) - before, credits("0.01"));
    assert_eq!(one.world.state.ledger.balance(Account::Available(lender.0)), has(&one), "nothing is held any more");
}

#[test]
fn nothing_is_bought_back_of_what_will_not_be_needed() {
    let (mut one, lender) = lends(both(), 5_000);
    // Less than a twentieth of the baseline is not worth an order.
    foresee(&mut one, lender.1, [1_200, 1_400, 1_690], 400);
    assert_eq!(open(&one, lender.1, Side::Bid), []);
    // What was lent and more: all of it, and beyond the baseline as before.
    foresee(&mut one, lender.1, [2_000, 2_400, 2_400], 0);
    let wanted = [(cpu(400), credits("1.2")), (cpu(400), credits("0.48"))];
    assert_eq!(open(&one, lender.1, Side::Bid), wanted);
}

#[test]
fn what_was_bought_back_is_not_lent_again() {
    let (mut one, lender) = lends(both(), 5_000);
    foresee(&mut one, lender.1, [1_800, 1_800, 1_800], 400);
    one.round();
    assert_eq!(won(&one, lender), 200);
    // The forecast falls again.
    foresee(&mut one, lender.1, [1_200, 1_400, 1_500], 400);
    assert_eq!((open(&one, lender.1, Side::Bid), open(&one, lender.1, Side::Offer)), (vec![], vec![]));
}

#[test]
fn the_own_open_offer_goes_before_the_bid_comes() {
    let mut one = one(6_000);
    let lender = one.lender;
    set(&mut one, lender, both());
    foresee(&mut one, lender.1, [1_200, 1_400, 1_500], 400);
    let buyer = one.buyers[0];
    place(&mut one, buyer, Side::Bid, 300, "0.9");
    one.round();
    assert_eq!(open(&one, lender.1, Side::Offer), [(cpu(100), credits("0.04"))], "is still to be had");
    foresee(&mut one, lender.1, [1_800, 1_800, 1_800], 0);
    assert_eq!(open(&one, lender.1, Side::Offer), []);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(100), credits("0.3"))], "300 are lent, and 1,700 left");
}

/// The offer is in a round when the forecast comes: it plays that round out, and none that the bid is in.
#[test]
fn an_offer_in_a_sealed_round_never_meets_the_bid() {
    let (mut one, lender) = lends(both(), 5_000);
    set(&mut one, lender, Strategy::default());
    set(&mut one, lender, both());
    foresee(&mut one, lender.1, [1_200, 1_300, 1_300], 600);
    assert_eq!(open(&one, lender.1, Side::Offer), [(cpu(200), credits("0.08"))]);
    let buyer = one.buyers[1];
    place(&mut one, buyer, Side::Bid, 100, "0.9");
    let Reply::Sealed { round, book } = seal(&mut one) else { panic!("a round") };
    foresee(&mut one, lender.1, [1_700, 1_700, 1_700], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(100), credits("0.3"))], "of the 400 that are lent so far");
    let outcome = crate::support::cleared(&book);
    let result_hash = outcome.result_hash().to_owned();
    one.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    assert_eq!((lent(&one, lender), open(&one, lender.1, Side::Offer).len()), (500, 0), "what was left is withdrawn");
    one.round();
    assert_eq!((lent(&one, lender), won(&one, lender)), (500, 100));
    foresee(&mut one, lender.1, [1_700, 1_700, 1_700], 0);
    assert_eq!(open(&one, lender.1, Side::Offer), []);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(100), credits("0.3"))], "and now of 500");
}

#[test]
fn what_may_be_taken_back_is_not_bought() {
    let mut one = one(6_000);
    let lender = one.lender;
    one.placed(lender, Side::Offer, 1_000, "0.2");
    one.placed(one.buyers[0], Side::Bid, 1_000, "0.9");
    one.round();
    assert_eq!(lent(&one, lender), 1_000);
    set(&mut one, lender, both());
    foresee(&mut one, lender.1, [1_800, 1_800, 1_900], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), []);
}

/// Its limit is its baseline, so it could win nothing: it may have again what it has lent, and no more.
#[test]
fn one_at_its_limit_may_have_again_what_it_has_lent() {
    let (mut one, lender) = lends(both(), 2_000);
    foresee(&mut one, lender.1, [2_500, 2_500, 2_500], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(400), credits("1.2"))]);
    // By hand, too, and in this slot only; at most so much in all.
    let by_hand = |one: &mut One, quantity: i64| {
        let request = firm(one, lender, quantity, "0.9");
        match one.place(lender.0, Side::Bid, request) {
            Reply::Order(order) => Ok(order),
            Reply::Refused(refusal) => Err(refusal.code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(by_hand(&mut one, 401), Err("above_instance_limit"));
    let slot = one.slot;
    one.slot = next(slot);
    assert_eq!(by_hand(&mut one, 1), Err("above_instance_limit"), "nothing is lent for the next one");
    one.slot = slot;
    by_hand(&mut one, 100).expect("no more than it has lent");
    one.round();
    assert!([100, 400].contains(&won(&one, lender)), "one of the two, as both together could pass its limit");
    one.world.run(Command::CancelAll { participant: lender.0 });
    foresee(&mut one, lender.1, [2_500, 2_500, 2_500], 0);
    one.round();
    assert_eq!(won(&one, lender), 400);
    assert_eq!(by_hand(&mut one, 1), Err("above_instance_limit"));
    // What it has again takes the place of what is lent.
    let (instance, floor) = (lender.1, cpu(100));
    let reply = one.world.run(Command::SetBaseline { instance, baseline: cpu(2_000), floor });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    one.begin();
    assert_eq!((one.in_force(lender.1), one.in_force(one.buyers[0].1)), (2_000, 900));
}

#[test]
fn one_at_its_limit_that_lends_may_draw_what_it_has_lent() {
    let (mut one, lender) = lends(both(), 2_000);
    one.begin();
    assert_eq!(one.in_force(lender.1), 1_600);
    one.world.run(Command::SettleSlot { slot: one.slot.plus(-1, 60), readings: Vec::new() });
    let draw = Draw { instance: lender.1, resource: CPU, quantity: 500, highest_price: None };
    let drawn = one.world.run(Command::Draw { participant: Some(lender.0), draw });
    let Reply::Drawn(drawn) = drawn else { panic!("{drawn:?}") };
    assert_eq!(drawn.quantity, 400);
    one.carry_out();
    assert_eq!(one.in_force(lender.1), 2_000);
}

/// It may differ by 400, and has lent so much: it may win that and as much more, but lend nothing more.
#[test]
fn buying_back_makes_it_differ_less() {
    let (mut one, lender) = lends(Strategy { max_swap: cpu(400), ..both() }, 5_000);
    place(&mut one, lender, Side::Offer, 100, "0.01");
    let buyer = one.buyers[1];
    place(&mut one, buyer, Side::Bid, 100, "0.9");
    one.round();
    assert_eq!(lent(&one, lender), 400);
    one.world.run(Command::CancelAll { participant: lender.0 });
    foresee(&mut one, lender.1, [2_700, 2_700, 2_700], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(1_100), credits("3.3"))]);
    one.round();
    assert_eq!((won(&one, lender), lent(&one, lender)), (800, 400));
}

#[test]
fn who_only_lends_buys_back_for_no_more_than_that_has_brought() {
    let (mut one, lender) = lends(only_lends(), 5_000);
    // Rather needed than not are 200 of the 400, for which it was paid 0.16.
    foresee(&mut one, lender.1, [1_800, 2_500, 3_000], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(200), credits("0.08"))]);
    assert!(orders(&one, lender.1, Side::Bid).iter().all(|o| o.request.resell == Resell::Never));
    one.round();
    assert_eq!(won(&one, lender), 0, "the pool asks 0.0005 a unit");
    let other = second_lender(&mut one, 500);
    place(&mut one, other, Side::Offer, 100, "0.03");
    one.round();
    assert_eq!(won(&one, lender), 100);
    let paid: Credits = one.world.state.awards.values().filter(|a| a.kind == AwardKind::Bought).map(|a| a.money).sum();
    let paid = paid - credits("0.16");
    assert!(paid >= credits("0.03") && paid <= credits("0.04"), "{paid}");
    // What is left of the proceeds goes for what is left of the 400, and never more in all.
    foresee(&mut one, lender.1, [2_600, 2_800, 3_000], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(300), credits("0.16") - paid)]);
    // And nothing where the half is not needed, or nothing is lent automatically.
    foresee(&mut one, lender.1, [1_700, 2_500, 3_000], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), []);
    foresee(&mut one, lender.1, [2_600, 2_800, 3_000], 0);
    set(&mut one, lender, Strategy::default());
    assert_eq!(open(&one, lender.1, Side::Bid), []);
}

/// A shortage cost says what a unit is worth, whatever it was lent for.
#[test]
fn a_price_of_a_shortage_counts_more_than_what_lending_brought() {
    let (mut one, lender) = lends(both(), 5_000);
    let of_memory = Strategy { auto_bid: Some(auto_bid(&[(MEM, "0.002")])), ..both() };
    set(&mut one, lender, of_memory);
    foresee(&mut one, lender.1, [1_800, 1_800, 1_800], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(200), credits("0.08"))]);
    set(&mut one, lender, both());
    assert_eq!(open(&one, lender.1, Side::Bid), [(cpu(200), credits("0.6"))]);
}

/// 900 MiB were written to disk, 1,000 are its own and 300 of those are lent: it goes on with 200 more.
#[test]
fn one_that_stands_still_bids_for_what_it_has_lent() {
    let mut one = one(6_000);
    let owner = participant(&mut one.world, "automatic", "1000");
    let memory = |q: i64| Amounts::from([(CPU, 1_000), (MEM, q)]);
    let lender = (owner, workload(&mut one.world, owner, "p", memory(1_000), memory(3_000)));
    let ask = |one: &One, member: Member, limit: &str| OrderRequest {
        resources: [(MEM, 300)].into(),
        ..firm(one, member, 1, limit)
    };
    let buyer = (one.buyers[0].0, workload(&mut one.world, one.buyers[0].0, "p", memory(500), memory(2_000)));
    for (member, side, limit) in [(lender, Side::Offer, "0.03"), (buyer, Side::Bid, "0.9")] {
        let request = ask(&one, member, limit);
        assert!(matches!(one.place(member.0, side, request), Reply::Order(_)));
    }
    one.round();
    assert_eq!(lent(&one, lender), 300);
    let bids = Strategy { auto_bid: Some(auto_bid(&[(MEM, "0.002")])), ..Strategy::default() };
    set(&mut one, lender, bids);
    let suspended = Suspended { since: one.world.now, needs: [(MEM, 900)].into() };
    one.world.state.instances.get_mut(&lender.1).unwrap().suspended = Some(suspended);
    foresee(&mut one, lender.1, [0, 0, 0], 0);
    assert_eq!(open(&one, lender.1, Side::Bid), [([(MEM, 200)].into(), credits("0.4"))]);
}

/// Where no round is held a workload goes on lending what it had not bought back, and pays for nothing.
#[test]
fn a_slot_without_a_round_goes_on_with_what_is_lent_in_the_end() {
    let mut one = one(3_000);
    let lender = one.lender;
    set(&mut one, lender, both());
    lend(&mut one, lender);
    foresee(&mut one, lender.1, [1_700, 1_700, 1_700], 0);
    let other = one.buyers[1];
    place(&mut one, other, Side::Offer, 100, "0.03");
    one.round();
    one.begin();
    let in_force = |one: &One| [lender.1, one.buyers[0].1, other.1].map(|id| one.in_force(id));
    assert_eq!(in_force(&one), [1_700, 900, 400]);
    let (rolls, left_out) = roll(&mut one);
    assert_eq!((rolls[0].volume[&CPU], left_out.len()), (400, 0), "the buyer's");
    assert_eq!(in_force(&one), [1_700, 900, 400]);
    assert_eq!((won(&one, lender), lent(&one, lender)), (0, 300));
}
