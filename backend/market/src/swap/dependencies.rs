//! In which order the swaps of a slot are carried out.
//!
//! A swap that takes capacity on a node waits for those that free it there. A resize that does
//! both frees first and then takes, so that two that trade CPU for memory on a full node do not
//! wait for each other. Of a cycle of moves the one of least gain goes without waiting, where
//! the node has room, or is dropped.
use crate::ids::{NodeId, SwapId};
use crate::records::swap::{Swap, SwapState};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::Slot;
use crate::units::{Amounts, amount};
use crate::workload::target::{Target, target};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Who frees capacity: a draft of this plan, or a swap of an earlier one that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Giver {
    Draft(usize),
    Late(SwapId),
}

/// For whom a draft waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// Other drafts, without cycles.
    pub drafts: Vec<usize>,
    /// Swaps of earlier plans.
    pub late: Vec<SwapId>,
    /// What it has before that: it is free already. Of a move nothing, it has all or nothing.
    pub at_once: Amounts,
}

/// For each draft those that have to free capacity first. Nobody waits for more than it needs: what is free already
/// goes to the drafts of most gain, then what resizes free, and last what moves do, which take long and may fail.
pub(super) fn dependencies(state: &State, slot: Slot, drafts: &[(Instance, Target)]) -> Vec<Waits> {
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    let mut all: Vec<Waits> = vec![Waits::default(); drafts.len()];
    let mut takers: Vec<usize> = (0..drafts.len()).filter(|n| !taken(&drafts[*n]).is_empty()).collect();
    takers.sort_by_key(|n| (Reverse(drafts[*n].1.gain), drafts[*n].0.id));
    let mut rooms: BTreeMap<NodeId, Room> = BTreeMap::new();
    for index in takers {
        let node = drafts[index].1.node;
        let room = rooms.entry(node).or_insert_with(|| Room::of(state, slot, drafts, node));
        let needed = taken(&drafts[index]);
        let free = room.at_once(&needed);
        if node == drafts[index].0.node {
            all[index].at_once = free;
        }
        for giver in room.give(&needed) {
            match giver {
                Giver::Draft(other) if other != index => waits[index].push(other),
                Giver::Draft(_) => {}
                // It waits for none of these drafts, so this makes no cycle.
                Giver::Late(swap) => all[index].late.push(swap),
            }
        }
    }
    break_cycles(drafts, &mut waits);
    for (one, drafts) in all.iter_mut().zip(waits) {
        one.drafts = drafts;
        if one.drafts.is_empty() && one.late.is_empty() {
            // All of it begins with the slot.
            one.at_once.clear();
        }
    }
    all
}

/// What nobody has on a node now, and nobody that is to have it by a swap under way.
pub(super) fn free_now(state: &State, slot: Slot, node: NodeId) -> Amounts {
    Room::of(state, slot, &[], node).now
}

/// What a draft takes on the node where its instance will be.
fn taken((instance, target): &(Instance, Target)) -> Amounts {
    let before = |r| if target.node == instance.node { amount(&instance.in_force, r) } else { 0 };
    target.limits.iter().map(|(r, q)| (*r, q - before(*r))).filter(|(_, q)| *q > 0).collect()
}

/// What an instance frees on a node when it comes to have `limits` on the node `to`.
fn freed(instance: &Instance, to: NodeId, limits: &Amounts, node: NodeId) -> Amounts {
    if instance.node != node {
        return Amounts::new();
    }
    let after = |r| if to == node { amount(limits, r) } else { 0 };
    instance.in_force.iter().map(|(r, q)| (*r, q - after(*r))).filter(|(_, q)| *q > 0).collect()
}

/// A resize for an earlier slot gives more than is an instance's in this one: that is free once its next has followed.
fn given_after(state: &State, instance: &Instance, late: &Swap, slot: Slot, gives: &mut Amounts) {
    let after = target(state, instance, slot);
    for (resource, quantity) in late.limits_to.iter().filter(|_| after.node == late.node_to) {
        let too_much = quantity - amount(&after.limits, *resource);
        if too_much > 0 {
            *gives.entry(*resource).or_default() += too_much;
        }
    }
}

/// The room of a node while drafts share it out.
struct Room {
    /// What is left of what is free, and of what those that are waited for will free.
    free: Amounts,
    /// What is left of what is free now.
    now: Amounts,
    /// Those that are waited for.
    awaited: Vec<Giver>,
    /// Those that could be, with what they free.
    others: VecDeque<(Giver, Amounts)>,
}

impl Room {
    fn of(state: &State, slot: Slot, drafts: &[(Instance, Target)], node: NodeId) -> Self {
        let mut free = state.nodes.get(&node).map(|n| n.capacity.clone()).unwrap_or_default();
        for instance in state.instances.values().filter(|i| i.node == node && i.state == InstanceState::Running) {
            for (resource, quantity) in &instance.in_force {
                *free.entry(*resource).or_default() -= quantity;
            }
        }
        let (mut givers, mut takers) = (BTreeMap::new(), Vec::new());
        for instance in state.instances.values() {
            let Some(late) = instance.swap.and_then(|id| state.swaps.get(&id)) else { continue };
            // A resize of a later slot begins with that: in this one it takes nothing, and frees nothing.
            if late.slot > slot && late.state == SwapState::Planned && !late.moves() {
                continue;
            }
            let mut gives = freed(instance, late.node_to, &late.limits_to, node);
            if late.slot < slot && !late.moves() && late.node_to == node {
                given_after(state, instance, late, slot, &mut gives);
            }
            if !gives.is_empty() {
                givers.insert(late.id, (late.moves(), gives));
            }
            if late.node_to == node {
                let has = |r| if instance.node == node { amount(&instance.in_force, r) } else { 0 };
                let takes: Amounts = late.limits_to.iter().map(|(r, q)| (*r, (q - has(*r)).max(0))).collect();
                takers.push((late, takes));
            }
        }
        // What is still to be got here is not free for others: it comes from those who are waited for, as far as they
        // free it.
        for (taker, takes) in takers {
            for (resource, mut quantity) in takes {
                for giver in &taker.depends_on {
                    let gives =
                        givers.get_mut(giver).and_then(|(_, gives): &mut (bool, Amounts)| gives.get_mut(&resource));
                    if let Some(gives) = gives {
                        let part = quantity.min(*gives);
                        *gives -= part;
                        quantity -= part;
                    }
                }
                *free.entry(resource).or_default() -= quantity;
            }
        }
        let mut others: Vec<_> =
            givers.into_iter().map(|(id, (moves, gives))| (moves, Giver::Late(id), gives)).collect();
        for (index, (instance, target)) in drafts.iter().enumerate() {
            let gives = freed(instance, target.node, &target.limits, node);
            if !gives.is_empty() {
                others.push((target.node != instance.node, Giver::Draft(index), gives));
            }
        }
        // Stable: resizes before moves, and those that have begun before those that have not; last those of which
        // others have all. Who lacks something waits for them too: they may be late by more than that.
        others.sort_by_key(|(moves, _, gives)| (gives.values().all(|q| *q == 0), *moves));
        let others = others.into_iter().map(|(_, giver, gives)| (giver, gives)).collect();
        Self { now: free.clone(), free, awaited: Vec::new(), others }
    }

    /// The part of what a draft needs that is free, and that no other draft has.
    fn at_once(&mut self, needed: &Amounts) -> Amounts {
        let mut parts = Amounts::new();
        for (resource, quantity) in needed {
            let left = self.now.entry(*resource).or_default();
            let part = (*quantity).min(*left);
            if part > 0 {
                *left -= part;
                parts.insert(*resource, part);
            }
        }
        parts
    }

    /// Answers who has to go first. What is lacking in the end is found out when it is carried out.
    fn give(&mut self, needed: &Amounts) -> Vec<Giver> {
        while needed.iter().any(|(r, q)| amount(&self.free, *r) < *q) {
            let Some((giver, freed)) = self.others.pop_front() else { break };
            for (resource, quantity) in freed {
                *self.free.entry(resource).or_default() += quantity;
            }
            self.awaited.push(giver);
        }
        for (resource, quantity) in needed {
            *self.free.entry(*resource).or_default() -= quantity;
        }
        self.awaited.clone()
    }
}

/// Removes waits in each cycle until none is left. Resizes begin without waiting for anybody in it, and nobody waits for
/// them to be done: they give first, and have the rest once there is room. Of a cycle of moves the one of least gain
/// waits for none.
fn break_cycles(drafts: &[(Instance, Target)], waits: &mut [Vec<usize>]) {
    let moves = |n: usize| drafts[n].1.node != drafts[n].0.node;
    while let Some(cycle) = find_cycle(waits) {
        let weakest = cycle.iter().copied().min_by_key(|n| (drafts[*n].1.gain, drafts[*n].0.id));
        let only_moves = cycle.iter().all(|n| moves(*n));
        for one in cycle.iter().copied() {
            let is_cut = |n: usize| cycle.contains(&n) && (!moves(one) || !moves(n));
            waits[one].retain(|n| if only_moves { Some(one) != weakest || !cycle.contains(n) } else { !is_cut(*n) });
        }
    }
}

/// Depth-first search with colours; the nodes of the first cycle found.
fn find_cycle(waits: &[Vec<usize>]) -> Option<Vec<usize>> {
    fn visit(node: usize, waits: &[Vec<usize>], done: &mut [bool], path: &mut Vec<usize>) -> Option<Vec<usize>> {
        if let Some(at) = path.iter().position(|n| *n == node) {
            return Some(path[at..].to_vec());
        }
        if done[node] {
            return None;
        }
        path.push(node);
        for next in &waits[node] {
            if let Some(cycle) = visit(*next, waits, done, path) {
                return Some(cycle);
            }
        }
        path.pop();
        done[node] = true;
        None
    }
    let mut done = vec![false; waits.len()];
    (0..waits.len()).find_map(|n| visit(n, waits, &mut done, &mut Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Resource;

    #[test]
    fn cycles_are_found_and_chains_are_not() {
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![]]), None);
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![0]]).map(|c| c.len()), Some(3));
        assert_eq!(find_cycle(&[vec![], vec![1]]), Some(vec![1]));
    }

    #[test]
    fn nobody_waits_for_more_than_it_needs() {
        let cpu = |n: i64| Amounts::from([(Resource::CpuMilli, n)]);
        let frees = VecDeque::from([(Giver::Draft(7), cpu(300)), (Giver::Draft(8), cpu(3_000))]);
        let mut room = Room { free: cpu(1_000), now: cpu(1_000), awaited: Vec::new(), others: frees };
        assert!(room.give(&cpu(600)).is_empty(), "there is room");
        assert!(room.give(&cpu(400)).is_empty());
        assert_eq!(
            (room.at_once(&cpu(700)), room.at_once(&cpu(400)), room.at_once(&cpu(1))),
            (cpu(700), cpu(300), Amounts::new())
        );
        assert_eq!(room.give(&cpu(300)), [Giver::Draft(7)], "what shrinks here is enough");
        assert_eq!(room.give(&cpu(1)), [Giver::Draft(7), Giver::Draft(8)]);
        assert_eq!(room.give(&cpu(9_000)), [Giver::Draft(7), Giver::Draft(8)], "more there is not");
    }
}
