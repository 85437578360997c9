//! An auditor of linked orders: it reads events and rows, and asks nothing of `book::family`.
#![allow(dead_code)]
use super::world::World;
use headroom_market::book::{NotWon, Order, OrderRequest, OrderStatus, Side};
use headroom_market::command::Command;
use headroom_market::event::Event;
use headroom_market::ids::{OrderId, ParticipantId};
use headroom_market::round::AwardKind;
use headroom_market::state::State;
use headroom_market::units::Credits;
use std::collections::{BTreeMap, BTreeSet};

const MOST_FAMILY: usize = 16;
const MOST_GENERATIONS: usize = 4;

/// Whoever waits for a parent has one that is open, its owner's and not divisible; lines are short, families
/// small, and nobody waits for itself.
pub fn check_live(state: &State) {
    let mut roots: BTreeMap<OrderId, usize> = BTreeMap::new();
    let waiting = |o: &&Order| o.request.parent.is_some() && o.parent_won_in.is_none();
    for child in state.orders.values().filter(waiting) {
        let (mut at, mut generations) = (child, 1);
        while let Some(parent) = at.request.parent.filter(|_| at.parent_won_in.is_none()) {
            let parent = state.orders.get(&parent).unwrap_or_else(|| panic!("{} waits for who has ended", at.id));
            assert_eq!((parent.participant, parent.side, at.side), (at.participant, Side::Bid, Side::Bid));
            assert!(!parent.request.min_fill.is_zero(), "{} waits for a divisible bid", at.id);
            assert!(state.children_of(parent.id).any(|id| id == at.id), "{} is not known as a child", at.id);
            (at, generations) = (parent, generations + 1);
            assert!(generations <= MOST_GENERATIONS, "{} stands in a line of {generations}", child.id);
        }
        *roots.entry(at.id).or_insert(1) += 1;
    }
    for (root, size) in roots {
        assert!(size <= MOST_FAMILY, "the family of {root} has {size}");
    }
}

/// What a history has shown.
#[derive(Debug, Default)]
pub struct Seen {
    pub together: usize,
    pub later: usize,
    pub ended: usize,
    pub relinked: usize,
    pub sat_out: usize,
    pub rejected: usize,
    pub carried: usize,
    pub refusals: BTreeSet<&'static str>,
}

/// From the first event to the last: no child wins in a round in which its parent does not win, and had not
/// won before; who ends with its parent ends in the same command.
pub fn check_history(world: &World, seen: &mut Seen) {
    seen.refusals.extend(&world.refused);
    let mut orders: BTreeMap<OrderId, Order> = BTreeMap::new();
    let mut won: BTreeMap<OrderId, u64> = BTreeMap::new();
    for (_, events) in &world.log {
        for event in events {
            match event {
                Event::OrderAccepted(order) => {
                    orders.insert(order.id, (**order).clone());
                }
                Event::OrderRelinked { order, parent, .. } => {
                    seen.relinked += 1;
                    let child = orders.get_mut(order).expect("it was accepted");
                    let before = child.request.parent.expect("it had a parent");
                    child.request.parent = Some(*parent);
                    assert_eq!(orders[parent].replaces, Some(before), "it follows its parent");
                }
                Event::AwardMade(award) if award.kind == AwardKind::Bought && award.rolled_from.is_none() => {
                    won.insert(award.order, award.round);
                    if award.money > award.limit && world.has_children(award.order) {
                        seen.carried += 1;
                    }
                }
                Event::RoundAwarded { not_won, .. } => check_reasons(not_won, &orders, seen),
                _ => {}
            }
        }
        for award in events.iter().filter_map(|e| match e {
            Event::AwardMade(award) if award.kind == AwardKind::Bought && award.rolled_from.is_none() => Some(award),
            _ => None,
        }) {
            let order = &orders[&award.order];
            let Some(parent) = order.request.parent else { continue };
            // A free order that was replaced may name a parent whose award its forebear saw.
            let parent_won = won.get(&parent).copied();
            assert!(parent_won.is_some_and(|r| r <= award.round), "{} wins without {parent}", order.id);
            *(if parent_won == Some(award.round) { &mut seen.together } else { &mut seen.later }) += 1;
        }
        check_ends(events, &orders, &won, seen);
    }
}

fn check_ends(events: &[Event], orders: &BTreeMap<OrderId, Order>, won: &BTreeMap<OrderId, u64>, seen: &mut Seen) {
    let ends: BTreeMap<OrderId, OrderStatus> = events
        .iter()
        .filter_map(|e| match e {
            Event::OrderClosed { order, status, .. } => Some((*order, *status)),
            _ => None,
        })
        .collect();
    for event in events {
        let Event::OrderClosed { order, reason: Some(reason), .. } = event else { continue };
        if reason == "parent_ended" {
            seen.ended += 1;
            let parent = orders[order].request.parent.expect("it had one");
            assert!(!won.contains_key(&parent), "{parent} has won");
            let with = ends.get(&parent);
            assert!(with.is_some_and(|s| *s != OrderStatus::Replaced), "{order} ends without {parent}");
        }
    }
}

/// Who is told of a parent is told of its own.
fn check_reasons(not_won: &[(OrderId, NotWon)], orders: &BTreeMap<OrderId, Order>, seen: &mut Seen) {
    for (id, why) in not_won {
        let of_parent = ["PARENT_SAT_OUT", "PARENT_REJECTED"].contains(&why.reason.code());
        assert_eq!(why.parent.is_some(), of_parent, "{why:?}");
        if let Some(parent) = why.parent {
            assert_eq!(orders[id].request.parent, Some(parent));
            *(if why.reason.code() == "PARENT_SAT_OUT" { &mut seen.sat_out } else { &mut seen.rejected }) += 1;
        }
    }
}

impl World {
    fn has_children(&self, id: OrderId) -> bool {
        let names = |e: &Event| matches!(e, Event::OrderAccepted(o) if o.request.parent == Some(id));
        self.log.iter().flat_map(|(_, events)| events).any(names)
    }
}

/// Some open bid of a participant, divisible or not.
pub fn some_bid(world: &mut World, participant: ParticipantId) -> Option<OrderId> {
    let mine = |o: &&Order| o.participant == participant && o.side == Side::Bid;
    let own: Vec<OrderId> = world.state.orders.values().filter(mine).map(|o| o.id).collect();
    let at = world.chance.below(own.len().max(1) as u64) as usize;
    own.get(at).copied()
}

/// Links most bids, makes most of them possible parents, replaces one now and then, and places the order itself.
pub fn with_parents(world: &mut World, mut command: Command) -> Command {
    let Command::PlaceOrder { participant, side, request, .. } = &mut command else { return command };
    let participant = *participant;
    if *side == Side::Bid || world.chance.below(20) == 0 {
        dress(world, participant, request);
    }
    if let Some((order, times)) = to_replace(world, participant) {
        let mut request = Box::new(world.state.orders[&order].request.clone());
        request.limit = Credits::from_units(request.limit.units() * times / 2 + 1);
        if world.chance.below(4) == 0 {
            dress(world, participant, &mut request);
        }
        world.run(Command::ReplaceOrder { participant, order, request, client_order: None });
    }
    world.run(command);
    Command::ExpireOrders
}

/// What to replace, and its new limit in halves of the old: often whoever is free of its parent, or a parent, with a
/// limit that wins.
fn to_replace(world: &mut World, participant: ParticipantId) -> Option<(OrderId, i64)> {
    let mine = || world.state.orders.values().filter(|o| o.participant == participant);
    let is_free = |o: &&Order| o.parent_won_in.is_some() && o.status == OrderStatus::Open;
    let free = mine().find(is_free).map(|o| o.id);
    let parent = mine().filter(|o| o.parent_won_in.is_none()).find_map(|o| o.request.parent);
    match world.chance.below(4) {
        0 => some_bid(world, participant).map(|id| (id, 1 + world.chance.below(6) as i64)),
        1 => free.map(|id| (id, 16)),
        2 => parent.map(|id| (id, 8)),
        _ => None,
    }
}

/// A child may ask for so little at first that its parent wins alone.
fn dress(world: &mut World, participant: ParticipantId, request: &mut OrderRequest) {
    if world.chance.below(4) > 0 {
        request.min_fill = ["0.5", "1"][world.chance.below(2) as usize].parse().unwrap();
    }
    let waits = |o: &&Order| o.participant == participant && o.waits_for().is_some() && !o.request.min_fill.is_zero();
    let child = world.state.orders.values().filter(waits).map(|o| o.id).next_back();
    request.parent = match world.chance.below(4) {
        0 => None,
        1 => child.or_else(|| some_bid(world, participant)),
        _ => some_bid(world, participant),
    };
    if request.parent.is_some() && world.chance.below(3) == 0 {
        request.limit = Credits::from_units(request.limit.units() / 4 + 1);
    }
}
