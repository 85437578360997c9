//! Making way under attack: nobody is paid but by a bid that wins, and no bid pays beyond its limit. From a review.
use crate::support::crowded::{bid, bid_that, market, node, round, round_of, workload};
use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::random_life_with;
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, NodeId, ParticipantId, SwapId};
use headroom_market::ledger::Account;
use headroom_market::pool::NodeState;
use headroom_market::round::movers::Movers;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::units::Credits;
use headroom_market::workload::{InstanceState, Strategy};
use std::collections::BTreeSet;

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn asks(world: &mut World, participant: ParticipantId, instance: InstanceId, fee: &str) {
    let strategy = Strategy { makes_way_for: Some(credits(fee)), ..Strategy::default() };
    let reply = world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
}

fn make(world: &mut World, swap: SwapId) {
    while world.state.swaps.contains_key(&swap) {
        let (state, report) = (world.state.swaps[&swap].state, StepReport::default());
        world.run(Command::StepSwap { swap, result: StepResult::Succeeded { state, report } });
    }
}

fn plan(world: &mut World) {
    let slot = RHYTHM.first_open(world.now);
    world.now = RHYTHM.gate_closes(slot);
    world.run(Command::PlanSlot { slot });
}

/// A workload of 3,000 that grows and one of 2,000 that makes way on one node, and another node.
struct Two {
    world: World,
    full: NodeId,
    empty: NodeId,
    one: ParticipantId,
    two: ParticipantId,
    rival: ParticipantId,
    grows: InstanceId,
    yields: InstanceId,
}

fn two(fee: &str, full: i64, empty: i64) -> Two {
    let mut world = market(1);
    let (full, empty) = (node(&mut world, "full", full), node(&mut world, "empty", empty));
    let (one, two) = (participant(&mut world, "one", "100"), participant(&mut world, "two", "100"));
    let rival = participant(&mut world, "rival", "1000");
    let grows = workload(&mut world, one, full, 3_000);
    let yields = workload(&mut world, two, full, 2_000);
    asks(&mut world, two, yields, fee);
    Two { world, full, empty, one, two, rival, grows, yields }
}

impl Two {
    fn spent(&self) -> Credits {
        credits("100") - self.world.state.available(self.one) - self.world.state.ledger.balance(Account::Held(self.one))
    }
    /// What those have who work together.
    fn all(&self) -> Credits {
        let of =
            |p: &ParticipantId| self.world.state.available(*p) + self.world.state.ledger.balance(Account::Held(*p));
        [self.one, self.two, self.rival].iter().map(of).sum()
    }
}

/// Of a part it would pay the whole fee, in each round again.
#[test]
fn a_bid_for_which_somebody_makes_way_wins_as_a_whole_and_within_its_limit() {
    let mut t = two("3", 9_000, 2_500);
    let owner = participant(&mut t.world, "large", "100");
    let large = workload(&mut t.world, owner, t.full, 4_000);
    // All or nothing; without the move it goes to the empty node, after it to the full one.
    bid(&mut t.world, t.rival, None, 1_900, "50");
    let order = bid_that(&mut t.world, t.one, Some(t.grows), 2_000, "5", |_| {});
    let seal = movers::seal(&t.world.state, t.world.now);
    let won = round_of(&mut t.world, seal).unwrap_or_default();
    assert!(won.get(&order).is_none_or(|(quantity, _)| *quantity == 2_000), "{won:?}");
    node(&mut t.world, "more", 4_000);
    asks(&mut t.world, owner, large, "3");
    for _ in 0..3 {
        t.world.now = t.world.now.plus_seconds(RHYTHM.round_seconds);
        if t.world.state.orders.is_empty() {
            break;
        }
        let seal = movers::seal(&t.world.state, t.world.now);
        let _void = round_of(&mut t.world, seal);
    }
    plan(&mut t.world);
    for id in [t.yields, large] {
        if let Some(moved) = t.world.state.instances[&id].swap {
            make(&mut t.world, moved);
        }
    }
    assert!(t.spent() <= credits("5"), "{} of a limit of 5", t.spent());
}

/// Members who work together: one asks a fee, one bids so that trials, which count what is backed, let it win and the
/// round does not, one gets the room. Whoever had to go for the last would have to be paid by somebody who has not bid the
/// fee: nobody makes way beside another bid.
#[test]
fn the_exchange_pays_for_no_decoy() {
    for fee in ["1.4", "2.9"] {
        let mut t = two(fee, 6_000, 2_000);
        let honest = participant(&mut t.world, "honest", "100");
        let first = RHYTHM.first_open(t.world.now);
        let other = bid_that(&mut t.world, honest, Some(t.grows), 1_000, "9", |r| {
            // In three later slots.
            r.instance = None;
            r.window.start_at = first.plus(1, RHYTHM.slot_seconds).start();
            r.window.end_at = first.plus(4, RHYTHM.slot_seconds).start();
            r.min_fill = "1".parse().unwrap();
        });
        let decoy = bid_that(&mut t.world, t.one, Some(t.grows), 2_900, "60", |r| r.min_fill = "1".parse().unwrap());
        let friend = bid_that(&mut t.world, t.rival, None, 2_890, "900", |r| r.min_fill = "1".parse().unwrap());
        let before = t.all();
        let movers = [Movers::new(), [t.yields].into(), movers::choose(&t.world.state, t.world.now)];
        for movers in movers {
            let drawn = movers::look(&t.world.state, t.world.now, &movers).expect("a round");
            assert!(drawn.moves.ways.is_empty(), "beside {friend} nobody makes way for {decoy}");
        }
        let won = round(&mut t.world);
        assert!(won.contains_key(&other), "{won:?}");
        t.world.run(Command::CancelOrder { participant: t.one, order: decoy });
        plan(&mut t.world);
        assert!(t.world.state.instances[&t.yields].swap.is_none());
        assert!(t.all() <= before, "nobody has earned by it");
        assert_eq!(t.world.state.ledger.balance(Account::Migration), Credits::ZERO);
        assert!(t.world.state.ledger.balance(Account::PlatformRisk).is_zero(), "the exchange has paid");
    }
}

/// Whoever could have the room keeps others from making way: of the same workload, for any node, in a later slot.
#[test]
fn nobody_makes_way_beside_a_bid_that_could_have_the_room() {
    let alone = |beside: Option<&dyn Fn(&mut Two)>| {
        let mut t = two("1", 5_000, 2_500);
        let order = bid_that(&mut t.world, t.one, Some(t.grows), 1_000, "9", |_| {});
        if let Some(beside) = beside {
            beside(&mut t);
        }
        let movers: Movers = [t.yields].into();
        let draft = movers::look(&t.world.state, t.world.now, &movers).expect("a round");
        let ways: Vec<_> = draft.moves.ways.values().map(|way| way.order).collect();
        assert!(ways.is_empty() || ways == [order]);
        !ways.is_empty()
    };
    assert!(alone(None));
    assert!(!alone(Some(&|t| _ = bid(&mut t.world, t.one, Some(t.grows), 100, "9"))), "its own second bid");
    assert!(!alone(Some(&|t| _ = bid(&mut t.world, t.rival, None, 100, "9"))), "a bid for any node");
    let later = |t: &mut Two| {
        let first = RHYTHM.first_open(t.world.now);
        _ = bid_that(&mut t.world, t.rival, None, 100, "9", |r| {
            r.window.start_at = first.plus(2, RHYTHM.slot_seconds).start();
            r.window.end_at = first.plus(3, RHYTHM.slot_seconds).start();
        });
    };
    assert!(!alone(Some(&later)), "a bid for a later slot, in which the room is free as well");
    let elsewhere = |t: &mut Two| {
        let other = workload(&mut t.world, t.rival, t.empty, 400);
        _ = bid(&mut t.world, t.rival, Some(other), 100, "9");
    };
    assert!(alone(Some(&elsewhere)), "a bid on another node");
}

/// What is stopped is out of the way: it makes way for nobody any more, pays nobody, and runs again wherever there is room.
#[test]
fn who_is_stopped_makes_way_no_more() {
    let mut t = two("1", 5_000, 2_500);
    let order = bid_that(&mut t.world, t.one, Some(t.grows), 1_000, "5", |_| {});
    assert_eq!(round(&mut t.world)[&order].0, 1_000);
    assert_eq!(t.world.state.market.ways.len(), 1);
    t.world.run(Command::StopInstance { participant: t.two, instance: t.yields });
    assert!(t.world.state.market.ways.is_empty());
    assert_eq!(t.world.state.ledger.balance(Account::Migration), Credits::ZERO);
    // Its own place has been sold; another node has room, whatever was planned for it.
    let third = node(&mut t.world, "third", 9_000);
    t.world.run(Command::SetNodeState { node: t.empty, state: NodeState::Draining });
    let reply = t.world.run(Command::StartInstance { participant: t.two, instance: t.yields });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    assert_eq!(t.world.state.instances[&t.yields].node, third);
    assert_eq!(t.world.state.available(t.two), credits("100"));
}

/// An admin raises the baseline of a workload while a bid that takes it elsewhere is in the sealed round.
#[test]
fn a_baseline_is_raised_only_where_the_sealed_round_has_room_for_it() {
    let mut world = market(1);
    let (full, empty) = (node(&mut world, "full", 5_000), node(&mut world, "empty", 4_000));
    let owner = participant(&mut world, "one", "100");
    let other = participant(&mut world, "other", "100");
    let grows = workload(&mut world, owner, full, 2_000);
    let _fills = workload(&mut world, other, full, 2_900);
    let _there = workload(&mut world, other, empty, 900);
    let order = bid(&mut world, owner, Some(grows), 1_000, "50");
    let seal = movers::seal(&world.state, world.now);
    let Reply::Sealed { round, book } = world.run(seal) else { panic!("a round") };
    assert_eq!(book.orders[0].node.as_deref(), Some(empty.to_string().as_str()), "it is to go there");
    let mut amounts = world.state.instances[&grows].baseline.clone();
    amounts.values_mut().for_each(|q| *q += 90);
    let floor = world.state.instances[&grows].floor.clone();
    amounts.retain(|r, _| world.state.instances[&grows].baseline.contains_key(r));
    // 900, its 2,000 and the thousand that it bids for leave 100.
    let small = world.run(Command::SetBaseline { instance: grows, baseline: amounts.clone(), floor: floor.clone() });
    amounts.values_mut().for_each(|q| *q += 50);
    let large = world.run(Command::SetBaseline { instance: grows, baseline: amounts, floor });
    assert!(matches!(large, Reply::Refused(_)), "{small:?}, {large:?} {round} {order}");
}

/// Stops and starts in the middle of it, in random histories: money stays in its accounts, no node is promised twice.
#[test]
fn random_histories_with_stops() {
    let lives: u64 = std::env::var("LIVES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut went = 0;
    for seed in 0..lives {
        let mut begun = BTreeSet::new();
        let (world, _) = random_life_with(60_000 + seed, |world, command| {
            let ids: Vec<InstanceId> = world.state.instances.keys().copied().collect();
            for id in ids.iter().copied() {
                if begun.insert(id) {
                    let participant = world.state.instances[&id].participant;
                    let fee = Credits::from_units(world.chance.below(60_000) as i64);
                    let strategy = Strategy { makes_way_for: Some(fee), ..Strategy::default() };
                    world.run(Command::SetStrategy { participant, instance: id, strategy, expected_version: None });
                }
            }
            if world.chance.below(8) == 0 {
                // First of all those that are to make way.
                let first = world.state.market.ways.keys().next().copied().filter(|_| world.chance.below(2) == 0);
                let id = first.unwrap_or(ids[world.chance.below(ids.len() as u64) as usize]);
                let participant = world.state.instances[&id].participant;
                world.run(Command::StopInstance { participant, instance: id });
            }
            for id in ids {
                let (participant, state) = (world.state.instances[&id].participant, world.state.instances[&id].state);
                if state != InstanceState::Running && world.chance.below(3) == 0 {
                    world.run(Command::StartInstance { participant, instance: id });
                }
            }
            command
        });
        assert!(world.state.market.ways.is_empty(), "everybody has gone or stays");
        assert!(world.state.ledger.balance(Account::Migration).is_zero());
        went += world.made_way.0;
    }
    println!("{went} made way");
}
