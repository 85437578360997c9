//! Who pays and is paid where something is taken back: members of one node who lend and buy in several rounds of a
//! slot, and take back at any time.

use crate::support;
use crate::support::away;
use crate::support::one_node::*;
use crate::support::recallable_paid;
use crate::support::recallable_paid::Paid;
use crate::support::world::RHYTHM;
use crate::support::world_steps::*;
use headroom_market::apply::apply;
use headroom_market::book::{Assurance, OrderRequest, Side};
use headroom_market::command::{Command, Envelope, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::ledger::Account;
use headroom_market::settlement::Receipt;
use headroom_market::swap::recall::{self, Recall};
use headroom_market::units::Credits;

type Who = (ParticipantId, InstanceId);

fn place(one: &mut One, (who, instance): Who, side: Side, assurance: Assurance, quantity: i64, limit: &str) {
    let request = OrderRequest { assurance, ..one.request(instance, quantity, limit) };
    let reply = one.place(who, side, request);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
}

fn below(one: &mut One, n: u64) -> i64 {
    one.world.chance.below(n) as i64
}

/// Four rounds for a slot, a few recalls before and in it, and its end.
fn history(seed: u64, paid: &mut Paid) {
    let mut one = one(6_000);
    for _ in 0..seed * 151 {
        one.world.chance.below(2);
    }
    let others = ["third", "fourth"].map(|name| {
        let owner = support::world::participant(&mut one.world, name, "1000");
        (owner, away::workload(&mut one.world, owner, "p", cpu(900), cpu(5_000)))
    });
    let members: Vec<Who> = [one.lender].into_iter().chain(one.buyers.clone()).chain(others).collect();
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    let mut last_recall = one.slot.start();
    for _ in 0..4 {
        // Somebody lends in each round, and not everybody.
        let lenders = 1 + below(&mut one, 30);
        for (n, who) in members.iter().enumerate() {
            let lends = lenders >> n & 1 == 1;
            let side = if lends { Side::Offer } else { Side::Bid };
            let assurance = if below(&mut one, 4) == 0 { Assurance::Firm } else { Assurance::Recallable };
            let quantity = 1 + below(&mut one, 250);
            let limit = if lends { "0.0001" } else { ["0.09", "0.4", "2"][below(&mut one, 3) as usize] };
            place(&mut one, *who, side, assurance, quantity, limit);
        }
        one.round();
        for order in one.world.state.orders.keys().copied().collect::<Vec<_>>() {
            let participant = one.world.state.orders[&order].participant;
            one.world.run(Command::CancelOrder { participant, order });
        }
        one.world.now = one.world.now.plus_seconds(1);
        if below(&mut one, 4) == 0 {
            take_back(&mut one, &members);
        }
    }
    one.begin();
    for _ in 0..below(&mut one, 4) {
        last_recall = last_recall.plus_micros(1 + below(&mut one, 25_000_000));
        one.world.now = one.world.now.max(last_recall);
        if one.world.now < RHYTHM.slot_end(one.slot) {
            take_back(&mut one, &members);
            one.carry_out();
        }
    }
    one.world.now = RHYTHM.slot_end(one.slot).plus_seconds(6);
    let risk = |one: &One| one.world.state.ledger.balance(Account::PlatformRisk);
    let before = risk(&one);
    let exact = below(&mut one, 4) > 0;
    settle_by(&mut one.world, if exact { exact_readings } else { random_readings });
    let lines = one.world.receipts.len() as i64;
    assert!((before - risk(&one)).units() <= lines, "half a micro-credit a line is rounding");
    recallable_paid::check_paid(&one.world, paid);
}

fn take_back(one: &mut One, members: &[Who]) {
    let could = |(_, id): &&Who| recall::recallable(&one.world.state, *id, CPU, one.slot) > 0;
    let lenders: Vec<Who> = members.iter().filter(could).copied().collect();
    if lenders.is_empty() {
        return;
    }
    let (participant, instance) = lenders[below(one, lenders.len() as u64) as usize];
    let quantity = (below(one, 3) > 0).then(|| 1 + below(one, 200));
    let recall = Recall { instance, resource: CPU, slot: one.slot, quantity };
    let reply = one.world.run(Command::Recall { participant: Some(participant), recall });
    assert!(matches!(reply, Reply::Recalled(_)), "{reply:?}");
}

#[test]
fn everybody_pays_and_is_paid_until_it_is_taken_back_and_nobody_else_loses() {
    let mut paid = Paid::default();
    let last = std::env::var("HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(150u64);
    (0..last).for_each(|seed| history(seed, &mut paid));
    println!("{paid:?}");
    let few = last as usize / 4;
    assert!(paid.buyers > few && paid.lenders > few && paid.beside > few && paid.others > few, "{paid:?}");
}

/// What it has bought is taken back; what it has lent firmly it owes all the same.
#[test]
fn who_keeps_what_it_lent_firmly_is_not_paid_for_it() {
    let mut one = one(4_500);
    let (middle, last) = (one.buyers[0], one.buyers[1]);
    one.placed(one.lender, Side::Offer, 300, "0.003");
    one.placed(middle, Side::Bid, 300, "1");
    one.round();
    place(&mut one, middle, Side::Offer, Assurance::Firm, 300, "0.1");
    place(&mut one, last, Side::Bid, Assurance::Firm, 300, "0.6");
    one.round();
    one.begin();
    one.recall(None);
    one.carry_out();
    let limits = [one.lender, middle, last].map(|(_, id)| one.in_force(id));
    assert_eq!(limits, [2_000, 200, 800], "it lends 300 of its baseline");
    // Its limit stays where it was: what it has lent is not given.
    let all = vec![
        one.reading(one.lender.1, &[2_000; 4], 0, 0),
        one.reading(middle.1, &[500; 4], 0, 0),
        one.reading(last.1, &[800; 4], 0, 0),
    ];
    one.end(all);
    let of = |who: Who| -> Vec<&Receipt> { one.world.receipts.iter().filter(|r| r.participant == who.0).collect() };
    let bought = of(middle).into_iter().find(|r| r.side == Side::Bid).unwrap();
    assert_eq!((bought.lines[0].delivered, bought.cause.as_deref()), (0, Some("recalled")));
    let lent = of(middle).into_iter().find(|r| r.side == Side::Offer).unwrap();
    assert_eq!((lent.lines[0].delivered, lent.amount), (0, Credits::ZERO), "{lent:?}");
    assert_ne!(lent.cause.as_deref(), Some("recalled"), "nobody took that back");
}

/// Who asks for such capacity can know how much of it stays.
#[test]
fn what_was_taken_back_is_known_of_a_slot_that_is_over() {
    let mut one = traded(4_500);
    one.recall(Some(250));
    one.begin();
    one.carry_out();
    let limits = [one.lender, one.buyers[0], one.buyers[1]].map(|(_, id)| (id, one.in_force(id)));
    assert_eq!(limits.map(|(_, limit)| limit), [1_250, 850, 900]);
    let readings = limits.iter().map(|(id, limit)| one.reading(*id, &[*limit; 4], 0, 0)).collect();
    let now = RHYTHM.slot_end(one.slot).plus_seconds(5);
    let envelope = Envelope { now, seed: 1, command: Command::SettleSlot { slot: one.slot, readings } };
    let (events, _) = apply(&mut one.world.state, &envelope);
    let mut volumes = events.iter().rev().filter_map(|event| match event {
        Event::ProductChanged(product) if product.pool == "p~recallable" => {
            Some((product.bought_volume, product.volume))
        }
        _ => None,
    });
    assert_eq!(volumes.next(), Some((1_000, 750)));
}
