//! What a member could gain by netting with itself, and does not; by hand.

use crate::support;
use crate::support::away::{node, workload};
use crate::support::one_node::{CPU, One, cpu, one};
use crate::support::own_orders::*;
use crate::support::rolls::next;
use crate::support::world::RHYTHM;
use headroom_market::book::{OrderRequest, Resell, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::units::Resource;

/// It is not sold on: what its giver keeps would be missing to others' buyers. It is remembered of the giver.
#[test]
fn what_was_netted_and_sold_on_costs_no_other_seller() {
    let (mut one, gives, gets) = own();
    place(&mut one, gives, Side::Offer, 100, "0.01");
    let bid = OrderRequest { resell: Resell::OwnLimit, ..firm(&one, gets, 100, "0.01") };
    let bid = ask(&mut one, gets, Side::Bid, bid);
    seal(&mut one);
    assert_eq!(netted(&one, bid), 100);
    let (seller, stranger) = (one.buyers[1], one.buyers[0]);
    let sells = place(&mut one, seller, Side::Offer, 300, "0.15");
    place(&mut one, stranger, Side::Bid, 400, "8");
    one.round();
    one.begin();
    keep(&mut one, gives.1);
    let readings = [(gives.1, 2_000), (gets.1, 500), (stranger.1, 800), (seller.1, 200)];
    one.end(readings.map(|(id, has)| one.reading(id, &[has], 0, 0)).to_vec());
    let receipt = one.world.receipts.iter().find(|r| r.order == sells).expect("a receipt");
    assert_eq!(receipt.lines[0].delivered, 300, "it has given all that it sold");
    let record = one.world.state.participants[&gives.0].lending;
    assert_eq!((record.lines, record.kept), (1, 1_000_000));
}

/// 46 bids and 46 offers of one workload can never be netted, and keep nobody else from it.
#[test]
fn one_member_cannot_use_up_the_tries_of_all() {
    let mut one = one(9_000);
    let member = |one: &mut One, name: &str| {
        let command = Command::CreateParticipant {
            name: name.into(),
            platform: false,
            quota: cpu(9_000),
            open_order_limit: 1_000,
            instance_limit: None,
            highest_class: None,
        };
        let Reply::Participant(id) = one.world.run(command) else { panic!() };
        one.world.run(Command::Grant { participant: id, amount: credits("1000"), reason: None });
        id
    };
    let mut ids = [member(&mut one, "x"), member(&mut one, "y")];
    ids.sort();
    let [noisy, victim] = ids;
    let blocker = (noisy, workload(&mut one.world, noisy, "p", cpu(500), cpu(5_000)));
    let gives = (victim, workload(&mut one.world, victim, "p", cpu(500), cpu(5_000)));
    let gets = (victim, workload(&mut one.world, victim, "p", cpu(500), cpu(5_000)));
    for _ in 0..46 {
        place(&mut one, blocker, Side::Offer, 1, "0.0001");
        place(&mut one, blocker, Side::Bid, 1, "0.0001");
    }
    let offer = place(&mut one, gives, Side::Offer, 100, "0.01");
    let bid = place(&mut one, gets, Side::Bid, 100, "0.5");
    for _ in 0..3 {
        let Reply::Sealed { round, .. } = seal(&mut one) else { break };
        one.world.run(Command::VoidRound { round, reason: "x".into() });
    }
    assert_eq!((netted(&one, bid), netted(&one, offer)), (100, 100));
}

fn on_the_way() -> (One, Member, Member) {
    let mut one = one(3_500);
    let goes = one.buyers[0];
    let stays = (goes.0, workload(&mut one.world, goes.0, "p", cpu(500), cpu(5_000)));
    node(&mut one.world, "p", "roomy", [(CPU, 9_000), (Resource::MemMib, 9_000)].into());
    let bid = place(&mut one, goes, Side::Bid, 400, "9");
    one.round();
    let award = one.world.state.awards.values().find(|a| a.order == bid).expect("it wins");
    assert_ne!(award.nodes, [one.node]);
    assert_eq!(one.world.state.instances[&stays.1].node, one.node);
    (one, goes, stays)
}

/// It is on another node by the slot after: a round would host the bid there.
#[test]
fn who_leaves_before_is_no_neighbour_as_a_bidder() {
    let (mut one, goes, stays) = on_the_way();
    let slot = one.slot;
    one.slot = next(slot);
    place(&mut one, stays, Side::Offer, 100, "0.01");
    let bid = place(&mut one, goes, Side::Bid, 100, "0.5");
    one.world.now = one.world.now.plus_seconds(5);
    seal(&mut one);
    one.slot = slot;
    one.begin();
    assert_ne!(one.world.state.instances[&goes.1].node, one.node);
    one.slot = next(slot);
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    let swap = one.world.state.instances[&goes.1].swap.map(|id| one.world.state.swaps[&id].clone());
    assert!(swap.is_none_or(|s| !s.moves()), "it is moved again, the slot after it was moved, for what cost nothing");
    assert_eq!(netted(&one, bid), 0);
}

#[test]
fn who_leaves_before_is_no_neighbour_as_a_lender() {
    let (mut one, goes, stays) = on_the_way();
    one.slot = next(one.slot);
    let offer = place(&mut one, goes, Side::Offer, 100, "0.01");
    place(&mut one, stays, Side::Bid, 100, "0.5");
    one.world.now = one.world.now.plus_seconds(5);
    seal(&mut one);
    assert_eq!(netted(&one, offer), 0, "LEAVES_NODE");
}

fn pair_of(one: &mut One, owner: ParticipantId, asks: &str, pays: &str) -> (Member, Member) {
    node(&mut one.world, "p", "other", cpu(1_000));
    let member = |one: &mut One| (owner, workload(&mut one.world, owner, "p", cpu(500), cpu(900)));
    let (gives, gets) = (member(one), member(one));
    place(one, gives, Side::Offer, 100, asks);
    place(one, gets, Side::Bid, 100, pays);
    seal(one);
    assert_eq!(one.world.state.awards_of(gets.1).count(), 1);
    (gives, gets)
}

fn keep(one: &mut One, id: InstanceId) {
    let slot = one.slot;
    let mut keeps = one.world.state.instances[&id].clone();
    keeps.kept_by_program.insert(slot);
    one.world.state.fold(&Event::InstanceChanged(keeps.clone()));
    one.world.folded.fold(&Event::InstanceChanged(keeps));
}

/// Who keeps what others bought could net a little between two others of its workloads, at a limit of nearly nothing.
#[test]
fn who_keeps_cannot_make_it_cheap_by_netting() {
    let charged = |trick: bool| {
        let mut one = one(3_000);
        let (lender, first) = (one.lender, one.buyers[0]);
        place(&mut one, lender, Side::Offer, 500, "0.02");
        place(&mut one, first, Side::Bid, 500, "0.7");
        one.round();
        if trick {
            pair_of(&mut one, lender.0, "0", "0.000001");
        }
        one.begin();
        keep(&mut one, lender.1);
        let readings = [(lender.1, 1_600), (first.1, 900)].map(|(id, has)| one.reading(id, &[has], 0, 0));
        one.end(readings.to_vec());
        let r = one.world.receipts.iter().find(|r| r.participant == lender.0 && r.netted_with.is_none()).unwrap();
        (r.lines[0].imbalance_price, r.imbalance)
    };
    assert_eq!(charged(true), charged(false));
}

/// What a member has not taken from itself is no loss: a lender's bond is for who missed what it kept.
#[test]
fn what_is_missing_of_an_own_offer_has_no_part_in_anothers_bond() {
    let compensated = |trick: bool| {
        let mut one = one(3_000);
        let (lender, first) = (one.lender, one.buyers[0]);
        place(&mut one, lender, Side::Offer, 500, "0.2");
        place(&mut one, first, Side::Bid, 500, "0.7");
        one.round();
        let mut pair = None;
        if trick {
            let owner = support::world::participant(&mut one.world, "neighbours", "1000");
            pair = Some(pair_of(&mut one, owner, "0", "1"));
        }
        one.begin();
        keep(&mut one, lender.1);
        let mut readings = vec![(lender.1, 2_000), (first.1, 500)];
        if let Some((gives, gets)) = pair {
            readings.extend([(gives.1, 400), (gets.1, 500)]);
        }
        let readings = readings.into_iter().map(|(id, has)| one.reading(id, &[has], 0, 0)).collect();
        one.end(readings);
        one.world.receipts.iter().find(|r| r.participant == first.0).unwrap().imbalance
    };
    assert_eq!(compensated(true), compensated(false));
}
