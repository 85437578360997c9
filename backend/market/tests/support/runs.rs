//! An auditor of runs and of bids that move nobody: it reads requests and events, and asks nothing of
//! `book::runs` or `round::host`.
#![allow(dead_code)]
use super::movers::look;
use super::world::{RHYTHM, World, empty};
use headroom_market::book::{OrderRequest, Side};
use headroom_market::command::Command;
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, NodeId, OrderId};
use headroom_market::round::movers::Movers;
use headroom_market::round::{Award, AwardKind};
use headroom_market::time::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// Two of three bids take runs of a window of up to four slots; one of two of a workload moves it nowhere.
pub fn some_of_both(world: &mut World, mut command: Command) -> Command {
    nobody_could_be_moved_against_a_bid(world);
    let Command::PlaceOrder { side: Side::Bid, request, .. } = &mut command else { return command };
    if world.chance.below(3) > 0 {
        let first = RHYTHM.first_open(world.now);
        let window = 2 + world.chance.below(RHYTHM.horizon_slots as u64 - 1) as i64;
        let start = world.chance.below((RHYTHM.horizon_slots - window) as u64 + 1) as i64;
        let at = |n: i64| first.plus(start + n, RHYTHM.slot_seconds).start();
        let before = slots_of(request);
        (request.window.start_at, request.window.end_at) = (at(0), at(window));
        request.limit = request.limit.share_floor(window, before) + headroom_market::units::Credits::from_units(1);
        request.min_run_slots = world.chance.below(window as u64 + 1) as u32;
    }
    request.no_displacement = request.instance.is_some() && world.chance.below(2) == 0;
    command
}

fn slots_of(request: &OrderRequest) -> i64 {
    (request.window.end_at.seconds() - request.window.start_at.seconds()) / RHYTHM.slot_seconds
}

fn nobody_could_be_moved_against_a_bid(world: &World) {
    let Some(prepared) = look(&world.state, world.now, &Movers::new()) else { return };
    for order in prepared.moves.could.values().flatten() {
        assert!(!world.state.orders[order].request.no_displacement, "{order} could move its workload");
    }
}

/// What a history has shown.
#[derive(Debug, Default)]
pub struct Seen {
    pub shorter: usize,
    pub whole: usize,
    /// Runs that do not begin with their window.
    pub later: usize,
    pub in_part: usize,
    pub in_place: usize,
    pub in_place_refused: usize,
    pub moved: usize,
}

/// From the first event to the last: who won a run won slots in a row inside its window, as many as it takes
/// at least, and paid no more than their part of its limit; who is not to be moved won where it was when the round
/// was sealed, and no swap takes it to another node for a slot of that.
pub fn check_history(world: &World, seen: &mut Seen) {
    let mut state = empty();
    let mut orders: BTreeMap<OrderId, OrderRequest> = BTreeMap::new();
    let mut sealed_on: BTreeMap<InstanceId, NodeId> = BTreeMap::new();
    let mut stays: BTreeMap<(InstanceId, Slot), NodeId> = BTreeMap::new();
    for event in world.log.iter().flat_map(|(_, events)| events) {
        match event {
            Event::OrderAccepted(order) => {
                orders.insert(order.id, order.request.clone());
            }
            Event::RoundSealed { .. } => sealed_on = state.instances.iter().map(|(id, i)| (*id, i.node)).collect(),
            Event::AwardMade(award) if award.kind == AwardKind::Bought && award.rolled_from.is_none() => {
                let request = &orders[&award.order];
                check_run(request, award, seen);
                if let Some(id) = request.instance.filter(|_| request.no_displacement) {
                    assert_eq!(award.nodes, [sealed_on[&id]], "{} took its workload elsewhere", award.order);
                    stays.extend(award.lines.iter().map(|l| ((id, l.slot), award.nodes[0])));
                    seen.in_place += 1;
                }
            }
            Event::AwardResold { award, line, .. } => {
                // What is sold on keeps nobody in its place.
                let award = &state.awards[award];
                if let Some(id) = award.instance {
                    stays.remove(&(id, award.lines[*line].slot));
                }
            }
            Event::SwapChanged(swap) if swap.moves() && !state.swaps.contains_key(&swap.id) => {
                assert!(!stays.contains_key(&(swap.instance, swap.slot)), "it is not to be moved: {swap:?}");
                seen.moved += 1;
            }
            Event::RoundAwarded { not_won, .. } => {
                let in_place = |id: &OrderId| orders[id].no_displacement;
                let refused = not_won.iter().filter(|(id, why)| why.reason.code() == "NO_HOST" && in_place(id));
                seen.in_place_refused += refused.count();
            }
            _ => {}
        }
        state.fold(event);
    }
}

fn check_run(request: &OrderRequest, award: &Award, seen: &mut Seen) {
    let won: BTreeSet<i64> = award.lines.iter().map(|l| l.slot.seconds()).collect();
    let (first, last) = (*won.first().expect("it won something"), *won.last().expect("it won something"));
    let (count, window) = (won.len() as i64, slots_of(request));
    let id = award.order;
    assert_eq!((last - first) / RHYTHM.slot_seconds + 1, count, "{id}: {won:?} are not in a row");
    assert!(first >= request.window.start_at.seconds() && last < request.window.end_at.seconds(), "{id}: {won:?}");
    let least = if request.min_run_slots == 0 { window } else { i64::from(request.min_run_slots) };
    assert!(count >= least, "{id} won {count} slots and takes no fewer than {least}");
    let part = i128::from(request.limit.units()) * i128::from(count) / i128::from(window);
    assert!(i128::from(award.money.units()) <= part, "{id} pays {} for {count} of {window}: {part}", award.money);
    assert!(i128::from(award.limit.units()) <= part, "{id}: its holder would ask for {}", award.limit);
    if request.min_run_slots == 0 {
        return;
    }
    seen.shorter += usize::from(count < window);
    seen.whole += usize::from(count == window);
    seen.later += usize::from(first > request.window.start_at.seconds());
    let full = award.lines.iter().all(|l| l.quantity == request.resources[&l.resource] * i64::from(request.replicas));
    seen.in_part += usize::from(!full);
}
