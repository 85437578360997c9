//! Reserve prices: what two people have to agree on, and what a simulation of past rounds says.
//!
//! The rounds are those of small random markets, sealed and awarded by the exchange itself. The replay
//! of an unchanged schedule must give them again to the last unit; a dearer one must never sell more.

use headroom_market::book::Side;
use headroom_market::clearing::document::Book;
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{ReservePriceId, UserId};
use headroom_market::pool::ReserveState;
use headroom_market::pool::approval::Verdict;
use headroom_market::pool::simulate::{self, Pass, PastRound};
use headroom_market::time::Slot;
use headroom_market::units::{Price, Resource};
use std::sync::Arc;

use crate::support::reserve_world::*;

const THREE: &[(&str, &str)] = &[("0.6", "0.0009"), ("0.25", "0.00126"), ("0.15", "0.00198")];

#[test]
fn the_unchanged_schedule_gives_what_happened() {
    let mut resales = 0;
    for seed in 0..24 {
        let world = random_market(seed, THREE);
        let sold_on = |r: &PastRound| r.outcome.awards.iter().filter(|a| a.order.starts_with("awd_")).count();
        resales += world.rounds.iter().map(sold_on).sum::<usize>();
        let simulation = world.simulate(THREE);
        assert!(simulation.complete && simulation.rounds.len() == world.rounds.len(), "seed {seed}");
        for (round, past) in simulation.rounds.iter().zip(&world.rounds) {
            assert!(round.reproduced, "seed {seed}, round {}", round.number);
            assert_eq!(round.before, round.after, "seed {seed}, round {}", past.number);
        }
        assert_eq!(simulation.before, simulation.after, "seed {seed}");
        assert!(simulation.priced_out.is_empty() && simulation.gained == 0, "seed {seed}");
        assert!(simulation.band.iter().all(|b| b.after == simulation.before && b.demand.units() == 1_000_000));
        let sold = world.state.products.values().filter(|p| p.resource == Resource::CpuMilli);
        assert_eq!(simulation.before.operator_volume, sold.flat_map(|p| &p.sold_steps).sum::<i64>(), "seed {seed}");
    }
    assert!(resales > 0, "what was won is sold on in some of them");
}

#[test]
fn a_simulated_market_sells_no_more_than_there_is_and_nothing_is_void() {
    for seed in 100..116 {
        let world = random_market(seed, THREE);
        for new in [&[("1", "0.0001")][..], &[("1", "0.0017")], &[("0.5", "0.0005"), ("0.5", "0.003")]] {
            let simulation = world.simulate(new);
            assert!(simulation.rounds.iter().all(|r| r.void.is_none()), "seed {seed}: {:?}", simulation.rounds);
            let slots = world.rounds.iter().flat_map(|r| &r.slots).collect::<std::collections::BTreeSet<_>>().len();
            let most = (CAPACITY - 3 * 900) * slots as i64;
            assert!(simulation.after.operator_volume <= most, "seed {seed}");
            assert_eq!(simulation.band.len(), 2);
        }
    }
}

/// One resource, divisible bids, nobody lends.
fn simple_market(seed: u64) -> World {
    let mut world = World::new(seed, &[("1", "0.0009")]);
    let owner = world.participant("one");
    for _ in 0..10 {
        for _ in 0..2 {
            let (quantity, unit, ahead) = (100 + world.below(1500), 500 + world.below(2000), world.below(2));
            let request = world.request(quantity, unit, ahead);
            world.place(owner, Side::Bid, request);
        }
        world.round();
    }
    world
}

#[test]
fn a_dearer_schedule_never_sells_more_of_the_operators_supply() {
    let mut less = 0;
    for seed in 0..20 {
        let world = simple_market(seed);
        let prices = ["0.0003", "0.0009", "0.0013", "0.0019", "0.004"];
        let all: Vec<_> = prices.iter().map(|p| world.simulate(&[("1", p)])).collect();
        let volumes: Vec<i64> = all.iter().map(|s| s.after.operator_volume).collect();
        assert!(volumes.is_sorted_by(|a, b| a >= b), "seed {seed}: {volumes:?}");
        assert_eq!(all[1].before, all[1].after);
        less += usize::from(volumes[4] < volumes[0]);
        for (simulation, price) in all.iter().zip(prices).skip(2) {
            let price: Price = price.parse().unwrap();
            assert!(simulation.after.price.is_none_or(|p| p >= price), "seed {seed}");
            let [low, high] = &simulation.band[..] else { panic!("two ends") };
            assert!(high.demand <= low.demand && low.demand.units() <= 1_000_000);
            assert!(high.after.volume <= simulation.after.volume, "seed {seed}");
        }
    }
    assert_eq!(less, 20);
}

#[test]
fn rounds_are_coupled() {
    let mut world = World::new(7, &[("1", "0.0009")]);
    let (early, late) = (world.participant("early"), world.participant("late"));
    let request = world.request(6000, 1000, 2);
    let first = world.place(early, Side::Bid, request).unwrap();
    world.round();
    world.round();
    let request = world.request(6000, 2000, 2);
    let second = world.place(late, Side::Bid, request).unwrap();
    for _ in 0..3 {
        world.round();
    }
    let dearer = world.simulate(&[("1", "0.0015")]);
    // Whoever came first can't pay the new price; what was sold to it is there for the other.
    let out = &dearer.priced_out[0];
    assert_eq!((out.order.as_str(), out.won_after, dearer.priced_out.len()), (first.as_str(), 0, 1));
    assert_eq!(out.participant, early.to_string());
    assert_eq!(dearer.gained, 1, "{second} gets what {first} got");
    assert_eq!(dearer.after.operator_volume, dearer.before.operator_volume);
    // What wins earlier is not sold again.
    let mut world = World::new(8, &[("1", "0.0009")]);
    let owner = world.participant("one");
    let (cheap, urgent) = (world.request(900, 500, 2), world.request(500, 2000, 2));
    world.place(owner, Side::Bid, cheap);
    world.place(owner, Side::Bid, urgent);
    for _ in 0..4 {
        world.round();
    }
    let cheaper = world.simulate(&[("1", "0.0002")]);
    assert_eq!((cheaper.before.volume, cheaper.after.volume), (500, 1400));
    // A priced-out order asks on, and wins once it can: nobody else takes the dear part here.
    let all = cheaper.rounds.iter().map(|r| r.after.volume).collect::<Vec<_>>();
    assert_eq!(all.iter().sum::<i64>(), 1400);
    assert!(all[0] > 0);
}

#[test]
fn demand_falls_with_a_dearer_schedule_even_if_nothing_is_bought() {
    let mut world = simple_market(5);
    // What is only proposed is no price.
    let author = world.user("author");
    world.run(Command::SetReserveApproval { two_person: true });
    propose(&mut world, "0.9", author);
    let simulation = world.simulate(&[("1", "0.5")]);
    assert_eq!((simulation.after.volume, simulation.after.price), (0, None));
    let [low, high] = &simulation.band[..] else { panic!("two ends") };
    assert!(high.demand < low.demand && low.demand.units() < 1_000_000, "{} {}", low.demand, high.demand);
}

#[test]
fn a_simulation_ends_where_it_is_told_to() {
    let world = simple_market(3);
    let mut left = 4;
    let mut clear = |book: &Arc<Book>| clear(book);
    let mut go_on = |pass: Pass| {
        left -= 1;
        pass == Pass::Replay && left >= 0
    };
    let simulation = simulate::run(&world.question(steps(&[("1", "0.002")])), &world.rounds, &mut clear, &mut go_on);
    assert!(!simulation.complete && simulation.rounds.len() == 4 && simulation.band.is_empty());
}

// ---- two people

fn refused(reply: &Reply, code: &str) {
    let Reply::Refused(refusal) = reply else { panic!("{code} expected: {reply:?}") };
    assert_eq!(refusal.code, code);
}

fn decide(world: &mut World, id: ReservePriceId, verdict: Verdict, by: UserId, version: Option<u64>) -> Reply {
    let (pool, reason) = ("p".to_owned(), None);
    world.run(Command::DecideReserve { pool, reserve: id, verdict, reason, expected_version: version, by })
}

fn propose(world: &mut World, price: &str, by: UserId) -> ReservePriceId {
    let Reply::ReservePrice(id) = world.schedule(Resource::CpuMilli, steps(&[("1", price)]), 60, Some(by)) else {
        panic!("scheduled")
    };
    id
}

#[test]
fn a_pending_schedule_prices_nothing_until_another_person_approves_it() {
    let mut world = World::new(1, &[("1", "0.0009")]);
    let (author, other, third) = (world.user("author"), world.user("other"), world.user("third"));
    assert!(matches!(world.run(Command::SetReserveApproval { two_person: true }), Reply::Done));
    assert!(matches!(world.run(Command::SetReserveApproval { two_person: true }), Reply::Nothing));
    let id = propose(&mut world, "0.002", author);
    let slot = Slot::containing(world.now, 60).plus(10, 60);
    let price = |world: &World| world.state.reserve_price("p", Resource::CpuMilli, slot).unwrap().to_string();
    let version = |world: &World| world.state.pools["p"].reserve_version;
    let state = |world: &World, id| world.state.reserve_prices[&id].state;
    assert_eq!((state(&world, id), price(&world).as_str()), (ReserveState::Pending, "0.000900000"));
    let before = version(&world);
    refused(&decide(&mut world, id, Verdict::Approve, author, None), "own_proposal");
    refused(&decide(&mut world, id, Verdict::Reject, author, None), "own_proposal");
    refused(&decide(&mut world, id, Verdict::Withdraw, other, None), "not_own_proposal");
    refused(&decide(&mut world, id, Verdict::Approve, other, Some(before - 1)), "stale_version");
    assert_eq!((version(&world), price(&world).as_str()), (before, "0.000900000"));
    assert!(matches!(decide(&mut world, id, Verdict::Approve, other, Some(before)), Reply::ReservePrice(_)));
    assert_eq!((state(&world, id), price(&world).as_str()), (ReserveState::Scheduled, "0.002000000"));
    let decision = world.state.reserve_prices[&id].decision.clone().unwrap();
    assert_eq!((decision.by, decision.at), (other, world.now));
    // Sent again it is answered as before, though the version has changed since; another's is not.
    assert!(matches!(decide(&mut world, id, Verdict::Approve, other, Some(before)), Reply::ReservePrice(_)));
    assert_eq!(version(&world), before + 1);
    refused(&decide(&mut world, id, Verdict::Approve, third, None), "proposal_decided");
    refused(&decide(&mut world, id, Verdict::Reject, other, None), "proposal_decided");
}

#[test]
fn what_is_rejected_withdrawn_or_late_never_prices() {
    let mut world = World::new(2, &[("1", "0.0009")]);
    let (author, other) = (world.user("author"), world.user("other"));
    let alone = propose(&mut world, "0.001", author);
    refused(&decide(&mut world, alone, Verdict::Approve, other, None), "not_pending");
    world.run(Command::SetReserveApproval { two_person: true });
    refused(&world.schedule(Resource::CpuMilli, steps(&[("1", "0.002")]), 0, Some(author)), "effective_in_the_past");
    let (rejected, withdrawn, late) = (
        propose(&mut world, "0.003", author),
        propose(&mut world, "0.004", author),
        propose(&mut world, "0.005", author),
    );
    assert!(matches!(decide(&mut world, rejected, Verdict::Reject, other, None), Reply::ReservePrice(_)));
    assert!(matches!(decide(&mut world, withdrawn, Verdict::Withdraw, author, None), Reply::ReservePrice(_)));
    world.run(Command::SetReserveApproval { two_person: false });
    world.now = world.now.plus_seconds(60);
    refused(&decide(&mut world, late, Verdict::Approve, other, None), "approval_too_late");
    let slot = Slot::containing(world.now, 60).plus(10, 60);
    assert_eq!(world.state.reserve_price("p", Resource::CpuMilli, slot).unwrap().to_string(), "0.001000000");
    assert_eq!(world.state.reserve_prices[&late].state, ReserveState::Pending);
    assert!(matches!(decide(&mut world, late, Verdict::Withdraw, author, None), Reply::ReservePrice(_)));
}
