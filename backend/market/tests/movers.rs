//! A move has to earn the room that it takes: a workload whose node is full goes to another only where the
//! round is worth more with it than without, whatever its bid says.

use crate::support::crowded::{bid, bid_that, cpu, market, node, round, workload};
use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use headroom_market::book::OrderRequest;
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, NodeId, ParticipantId};
use headroom_market::round::movers::Movers;
use headroom_market::units::Credits;
use headroom_market::workload::Strategy;

/// A full node with a workload of 3,500 on it, an empty one of 10,000, and a bid of 8,000 that names no workload.
/// Whether the workload's bid won, and the other.
fn beside_a_large_bid(limit: &str, large: &str) -> (bool, bool) {
    crowd(3_500, limit, large, "0")
}

fn crowd(baseline: i64, limit: &str, large: &str, move_fee: &str) -> (bool, bool) {
    let mut world = market(1);
    let (small, empty) = (node(&mut world, "small", 4_000), node(&mut world, "empty", 10_000));
    let (tenant, other) = (participant(&mut world, "tenant", "1000"), participant(&mut world, "other", "1000"));
    let instance = workload(&mut world, tenant, small, baseline);
    let strategy = Strategy { move_fee: move_fee.parse().unwrap(), ..Strategy::default() };
    assert!(matches!(
        world.run(Command::SetStrategy { participant: tenant, instance, strategy, expected_version: None }),
        Reply::Instance(_)
    ));
    let moves = bid(&mut world, tenant, Some(instance), 1_000, limit);
    let stays = bid(&mut world, other, None, 8_000, large);
    let won = round(&mut world);
    if let Some((_, nodes)) = won.get(&moves) {
        assert_eq!(nodes.as_slice(), [if won[&moves].0 > 500 { empty } else { small }]);
        assert!(won[&moves].0 == 1_000 || won[&moves].0 == 500 && won.contains_key(&stays));
    }
    (won.get(&moves).is_some_and(|w| w.0 == 1_000), won.contains_key(&stays))
}

/// Half of what it asks for is free where it is, all of it on an empty node.
#[test]
fn a_bid_that_moves_nobody_wins_where_its_workload_is() {
    for (no_displacement, expected) in [(false, 1_000), (true, 500)] {
        let mut world = market(1);
        let (small, empty) = (node(&mut world, "small", 4_000), node(&mut world, "empty", 10_000));
        let tenant = participant(&mut world, "tenant", "1000");
        let instance = workload(&mut world, tenant, small, 3_500);
        let change = |request: &mut OrderRequest| request.no_displacement = no_displacement;
        let id = bid_that(&mut world, tenant, Some(instance), 1_000, "5", change);
        let could = movers::look(&world.state, world.now, &Movers::new()).expect("a round").moves.could;
        assert_eq!(could.is_empty(), no_displacement, "{could:?}");
        let everybody = [instance].into();
        let kept = movers::look(&world.state, world.now, &everybody).expect("a round").moves.kept_free;
        assert_eq!(kept.is_empty(), no_displacement, "not even where it is a mover: {kept:?}");
        let won = round(&mut world);
        assert_eq!(won[&id], (expected, vec![if no_displacement { small } else { empty }]));
        let reason =
            world.state.orders.get(&id).and_then(|o| o.last_reason.clone()).map(|why| why.reason.code().to_owned());
        assert_eq!(reason.as_deref(), no_displacement.then_some("NO_HOST"));
    }
}

/// Two workloads of 3,500 on full nodes, and an empty one that has room for both.
struct Full {
    world: World,
    nodes: [NodeId; 2],
    empty: NodeId,
    tenant: ParticipantId,
    workloads: [InstanceId; 2],
}

impl Full {
    fn new(moves_at_once: Option<u32>) -> Self {
        let mut world = market(1);
        let nodes = [node(&mut world, "first", 4_000), node(&mut world, "second", 4_000)];
        let empty = node(&mut world, "empty", 20_000);
        let tenant = participant(&mut world, "tenant", "1000");
        let workloads = nodes.map(|at| workload(&mut world, tenant, at, 3_500));
        let reply = world.run(Command::SetMovesAtOnce { pool: "p".into(), moves_at_once, expected_version: None });
        assert!(matches!(reply, Reply::Pool(_)), "{reply:?}");
        Self { world, nodes, empty, tenant, workloads }
    }
}

/// How many go to another node for one slot is bounded, and it is those that the round is worth most with.
#[test]
fn a_pool_has_no_more_moves_in_flight_than_it_may() {
    for (moves_at_once, expected) in
        [(None, [1_000, 1_000]), (Some(2), [1_000, 1_000]), (Some(1), [500, 1_000]), (Some(0), [500, 500])]
    {
        let Full { mut world, nodes, empty, tenant, workloads } = Full::new(moves_at_once);
        let bids = [(workloads[0], "1"), (workloads[1], "1.5")]
            .map(|(id, limit)| bid(&mut world, tenant, Some(id), 1_000, limit));
        let won = round(&mut world);
        for ((bid, home), quantity) in bids.iter().zip(nodes).zip(expected) {
            assert_eq!(won[bid], (quantity, vec![if quantity == 1_000 { empty } else { home }]), "{moves_at_once:?}");
        }
    }
}

/// A move that an earlier round has begun takes its place in its slot, and in no other.
#[test]
fn moves_of_earlier_rounds_are_in_flight_too() {
    for (slots_later, expected) in [(0, 500), (1, 1_000)] {
        let Full { mut world, nodes, empty, tenant, workloads: [second, first] } = Full::new(Some(1));
        let begun = bid(&mut world, tenant, Some(first), 1_000, "5");
        assert_eq!(round(&mut world)[&begun], (1_000, vec![empty]));
        world.now = world.now.plus_seconds(RHYTHM.round_seconds);
        let later = |request: &mut OrderRequest| {
            for at in [&mut request.window.start_at, &mut request.window.end_at] {
                *at = at.plus_seconds(slots_later * RHYTHM.slot_seconds);
            }
        };
        let asks = bid_that(&mut world, tenant, Some(second), 1_000, "5", later);
        assert_eq!(round(&mut world)[&asks], (expected, vec![if expected == 500 { nodes[0] } else { empty }]));
    }
}

/// Who will not go after all takes nobody's place.
#[test]
fn a_move_that_will_not_be_made_is_not_in_flight() {
    for stops in [true, false] {
        let Full { mut world, empty, tenant, workloads: [second, first], .. } = Full::new(Some(1));
        let begun = bid(&mut world, tenant, Some(first), 1_000, "5");
        assert_eq!(round(&mut world)[&begun], (1_000, vec![empty]));
        if stops {
            world.run(Command::StopInstance { participant: tenant, instance: first });
        } else {
            world.state.instances.get_mut(&first).unwrap().pinned_until = Some(world.now.plus_seconds(3_600));
        }
        world.now = world.now.plus_seconds(RHYTHM.round_seconds);
        let asks = bid(&mut world, tenant, Some(second), 1_000, "5");
        assert_eq!(round(&mut world)[&asks], (1_000, vec![empty]));
    }
}

/// Who moves for one slot would have to come back for the next, in which it is not to be moved; and where it
/// is to be elsewhere by then, a bid that moves nobody has no part in the round.
#[test]
fn nobody_comes_back_for_a_bid_that_moves_nobody() {
    for stays_first in [true, false] {
        let mut world = market(1);
        let (small, empty) = (node(&mut world, "small", 4_000), node(&mut world, "empty", 10_000));
        let tenant = participant(&mut world, "tenant", "1000");
        let instance = workload(&mut world, tenant, small, 3_500);
        let in_the_next = |request: &mut OrderRequest| {
            request.no_displacement = true;
            for at in [&mut request.window.start_at, &mut request.window.end_at] {
                *at = at.plus_seconds(RHYTHM.slot_seconds);
            }
        };
        let stays = |world: &mut World| bid_that(world, tenant, Some(instance), 100, "5", in_the_next);
        let moves = |world: &mut World| bid(world, tenant, Some(instance), 1_000, "5");
        let (won, stays, moves) = if stays_first {
            // In the round before, so that only the award says it.
            let stays = stays(&mut world);
            assert_eq!(round(&mut world)[&stays], (100, vec![small]));
            world.now = world.now.plus_seconds(RHYTHM.round_seconds);
            let moves = moves(&mut world);
            (round(&mut world), stays, moves)
        } else {
            let moves = moves(&mut world);
            assert_eq!(round(&mut world)[&moves], (1_000, vec![empty]));
            world.now = world.now.plus_seconds(RHYTHM.round_seconds);
            let stays = stays(&mut world);
            // Somebody else, so that there is a round.
            let other = participant(&mut world, "other", "1000");
            bid(&mut world, other, None, 100, "5");
            (round(&mut world), stays, moves)
        };
        if stays_first {
            assert_eq!(won[&moves], (500, vec![small]), "what there is room for");
        } else {
            assert!(!won.contains_key(&stays), "{won:?}");
            let why = world.state.orders[&stays].last_reason.clone().map(|why| why.reason.code().to_owned());
            assert_eq!(why.as_deref(), Some("NO_HOST"));
        }
    }
}

#[test]
fn a_bid_that_can_not_win_takes_nobodys_room() {
    assert_eq!(beside_a_large_bid("0.000001", "100"), (false, true));
}

/// It could pay what the exchange asks, and what it would take is worth more to another.
#[test]
fn a_bid_that_could_win_takes_no_room_that_is_worth_more_to_another() {
    assert_eq!(beside_a_large_bid("0.6", "100"), (false, true));
}

#[test]
fn a_move_that_is_worth_more_than_what_it_takes_is_made() {
    assert_eq!(beside_a_large_bid("50", "4.2"), (true, false), "half of it more is worth 0.5, the other bid 0.2");
}

/// No price is above the collar: in trials a bid counts no more than its quantity at the collar.
#[test]
fn a_limit_beyond_the_collar_moves_nobody() {
    let mut world = market(1);
    let (small, _empty) = (node(&mut world, "small", 4_000), node(&mut world, "empty", 10_000));
    let (tenant, other) = (participant(&mut world, "tenant", "1000"), participant(&mut world, "other", "1000"));
    let instance = workload(&mut world, tenant, small, 4_000);
    let (moves, stays) =
        (bid(&mut world, tenant, Some(instance), 1, "1000"), bid(&mut world, other, None, 8_000, "100"));
    let won = round(&mut world);
    assert!(won.contains_key(&stays) && !won.contains_key(&moves), "{won:?}");
}

/// Workloads that can never win, with the dearest limits of all, cost the others one trial, in a book of any size.
#[test]
fn who_can_not_win_keeps_nobody_from_moving() {
    for others in [0, 250] {
        let mut world = market(3);
        let (full, _empty) = (node(&mut world, "full", 40_000), node(&mut world, "empty", 60_000));
        let mut honest = Vec::new();
        for n in 0..14 {
            let owner = participant(&mut world, &format!("p{n}"), "1000");
            let fake = n < 7;
            let instance = workload(&mut world, owner, full, if n < 13 { 2_500 } else { 7_500 });
            if fake {
                let strategy = Strategy { max_swap: cpu(0), ..Strategy::default() };
                world.run(Command::SetStrategy { participant: owner, instance, strategy, expected_version: None });
            }
            let order = bid(&mut world, owner, Some(instance), 1_000, if fake { "1000" } else { "1.2" });
            honest.extend((!fake).then_some(order));
        }
        for n in 0..others {
            let owner = participant(&mut world, &format!("q{n}"), "10");
            bid(&mut world, owner, None, 10, "0.000001");
        }
        let mut won = 0;
        for _ in 0..3 {
            if won == honest.len() {
                break;
            }
            won += round(&mut world).keys().filter(|id| honest.contains(id)).count();
            world.now = world.now.plus_seconds(RHYTHM.round_seconds);
        }
        assert_eq!(won, honest.len(), "beside {others} others");
    }
}

/// 1,000 cost 0.5 at the reserve price: of a limit of 50 a fee of 49.4 leaves enough, one of 49.6 does not.
#[test]
fn a_move_that_costs_its_owner_more_than_the_bid_leaves_is_not_made() {
    let with_fee = |fee| crowd(4_000, "50", "4.1", fee);
    assert_eq!(with_fee("49.3"), (true, false), "0.2 to spare, the other bid has 0.1");
    assert_eq!(with_fee("49.6"), (false, true));
    assert_eq!(with_fee("60"), (false, true), "an adder is never beyond the limit");
}

/// A workload rests for three slots after a move, and is moved four times in 36 slots at most.
#[test]
fn who_was_moved_lately_stays() {
    let slots = |n: i64| n * RHYTHM.slot_seconds;
    let wins = |moved_before: &[i64]| {
        let mut world = market(5);
        let (full, empty) = (node(&mut world, "full", 4_000), node(&mut world, "empty", 10_000));
        let tenant = participant(&mut world, "tenant", "1000");
        let instance = workload(&mut world, tenant, full, 4_000);
        let now = world.now;
        let moved = world.state.instances.get_mut(&instance).expect("registered");
        moved.recent_moves = moved_before.iter().map(|ago| now.plus_seconds(-ago)).collect();
        let order = bid(&mut world, tenant, Some(instance), 1_000, "50");
        let won = round(&mut world);
        let at = won.get(&order).map(|(_, nodes)| nodes.clone());
        assert!(at.is_none() || at == Some(vec![empty]), "its own node is full: {at:?}");
        at.is_some()
    };
    assert!(wins(&[]));
    assert!(!wins(&[slots(3) - 1]));
    assert!(wins(&[slots(3)]));
    let four = [slots(36) - 1, slots(20), slots(10), slots(3)];
    assert!(!wins(&four));
    assert!(wins(&four[1..]));
    assert!(wins(&[slots(36), slots(20), slots(10), slots(3)]));
}

/// What comes after a move that is not made yet is bid for where it goes, not on a third node.
#[test]
fn no_second_move_is_planned_before_the_first_is_made() {
    for (capacity, expected) in [(6_000, 2_000), (5_000, 1_000)] {
        let mut world = market(6);
        let (full, _next) = (node(&mut world, "full", 4_000), node(&mut world, "next", capacity));
        let tenant = participant(&mut world, "tenant", "1000");
        let instance = workload(&mut world, tenant, full, 4_000);
        let first = bid(&mut world, tenant, Some(instance), 1_000, "50");
        let goes_to = round(&mut world)[&first].1.clone();
        let _third = node(&mut world, "third", 10_000);
        world.now = world.now.plus_seconds(RHYTHM.round_seconds);
        let later = |request: &mut OrderRequest| {
            let slot = RHYTHM.slot_seconds;
            request.window.start_at = request.window.start_at.plus_seconds(slot);
            request.window.end_at = request.window.end_at.plus_seconds(slot);
        };
        let second = bid_that(&mut world, tenant, Some(instance), 2_000, "50", later);
        assert_eq!(round(&mut world)[&second], (expected, goes_to));
    }
}

/// It is carried away for the slot between two small bids: the later one finds it where it went, though the earlier
/// one still has it at home.
#[test]
fn what_comes_after_a_move_is_not_hosted_where_an_earlier_bid_has_the_workload() {
    let mut world = market(7);
    let (home, away) = (node(&mut world, "home", 4_100), node(&mut world, "away", 10_000));
    let tenant = participant(&mut world, "tenant", "1000");
    let instance = workload(&mut world, tenant, home, 4_000);
    let after = |slots: i64| {
        move |request: &mut OrderRequest| {
            for at in [&mut request.window.start_at, &mut request.window.end_at] {
                *at = at.plus_seconds(slots * RHYTHM.slot_seconds);
            }
        }
    };
    let large = bid_that(&mut world, tenant, Some(instance), 1_000, "50", after(1));
    assert_eq!(round(&mut world)[&large], (1_000, vec![away]));
    world.now = world.now.plus_seconds(RHYTHM.round_seconds);
    let before = bid(&mut world, tenant, Some(instance), 100, "50");
    world.now = world.now.plus_seconds(1);
    let later = bid_that(&mut world, tenant, Some(instance), 100, "50", after(2));
    let won = round(&mut world);
    assert_eq!(won[&before], (100, vec![home]));
    assert_eq!(won[&later], (100, vec![away]));
}

#[test]
fn journals_from_before_there_were_movers_are_read() {
    let old: Command = serde_json::from_str(r#"{"command":"seal_round"}"#).unwrap();
    assert!(matches!(old, Command::SealRound(None)));
    let text = serde_json::to_string(&Command::SealRound(Some(Movers::new()))).unwrap();
    assert!(matches!(serde_json::from_str(&text).unwrap(), Command::SealRound(Some(movers)) if movers.is_empty()));
}

/// Nodes that are nearly full, workloads that all want more, and others that want whole nodes.
fn crowded(seed: u64) -> World {
    let mut world = market(seed);
    let other = participant(&mut world, "other", "5000");
    let mut nodes = Vec::new();
    for name in ["a", "b", "c"] {
        let capacity = 3_000 + world.chance.below(4_000) as i64;
        nodes.push((node(&mut world, name, capacity), capacity));
    }
    let mut instances = Vec::new();
    for (node, capacity) in nodes {
        let mut free = capacity;
        while free > 1_500 && world.chance.below(3) > 0 {
            let baseline = 600 + world.chance.below(free as u64 - 600) as i64;
            free -= baseline;
            let name = format!("owner {}", instances.len());
            let owner = participant(&mut world, &name, "500");
            instances.push((owner, workload(&mut world, owner, node, baseline)));
        }
    }
    for (owner, instance) in instances {
        let quantity = 200 + world.chance.below(1_500) as i64;
        let limit = Credits::from_units(quantity * (100 + world.chance.below(3_000) as i64)).to_string();
        bid(&mut world, owner, Some(instance), quantity, &limit);
    }
    for _ in 0..world.chance.below(3) {
        let quantity = 1_000 + world.chance.below(3_000) as i64;
        let limit = Credits::from_units(quantity * (100 + world.chance.below(3_000) as i64)).to_string();
        bid(&mut world, other, None, quantity, &limit);
    }
    world
}

/// Against all sets of movers: what is chosen is never worth less than nobody, and seldom less than the best.
#[test]
fn the_movers_chosen_are_nearly_the_best() {
    let seeds = std::env::var("MOVER_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let (mut tried, mut moved, mut best, mut harmful, mut missed) = (0_i128, 0, 0_u32, 0, 0_i128);
    for seed in 0..seeds {
        let world = crowded(seed);
        let Some(prepared) = movers::look(&world.state, world.now, &Movers::new()) else { continue };
        let ids: Vec<InstanceId> = prepared.moves.could.keys().copied().collect();
        if ids.is_empty() || ids.len() > 6 || prepared.book.orders.is_empty() {
            continue;
        }
        tried += 1;
        let worth = |movers: &Movers| movers::welfare(&world.state, world.now, movers);
        let chosen = movers::choose(&world.state, world.now);
        moved += chosen.len();
        let (alone, found) = (worth(&Movers::new()), worth(&chosen));
        assert!(found >= alone, "{seed}: a move costs others more than it brings");
        harmful += usize::from(worth(&ids.iter().copied().collect()) < alone);
        let sets = (0..1_usize << ids.len()).map(|set| {
            ids.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, id)| *id).collect::<Movers>()
        });
        let most = sets.map(|set| worth(&set)).max().expect("there is the empty set");
        best += u32::from(found == most);
        if most > 0 {
            missed += (most - found) * 1_000_000 / most;
        }
        for id in &chosen {
            let without: Movers = chosen.iter().copied().filter(|other| other != id).collect();
            assert!(worth(&without) <= found, "{seed}: {id} takes more than it brings");
        }
    }
    let millionths = missed / tried.max(1);
    println!(
        "{tried} rounds, {moved} movers, {best} times the best set; {millionths} millionths of it missed on average"
    );
    println!("all that could move, at once, would have been worth less than nobody in {harmful}");
    assert!(tried > 50 && moved > 20 && harmful > 3);
    assert!(i128::from(best) * 10 > tried * 8, "{best} of {tried}");
}
