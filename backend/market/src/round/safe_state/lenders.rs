//! Who goes on lending, so that what others go on with has room on its node.
use crate::book::lent;
use crate::ids::{AwardId, InstanceId, NodeId};
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::Slot;
use crate::units::{Amounts, Price, Resource, amount};
use crate::workload::target;
use std::collections::BTreeMap;

/// A line that a workload lent in the slot before.
#[derive(Clone, Copy)]
struct Part {
    award: AwardId,
    instance: InstanceId,
    left: i64,
}

/// What lenders of a pool could go on lending, by node and resource, those who asked least first.
pub(super) struct Lenders {
    parts: BTreeMap<(NodeId, Resource), Vec<Part>>,
    /// What each workload could go on lending in all.
    spare: BTreeMap<(InstanceId, Resource), i64>,
    /// What goes on being lent, by the award of the slot before.
    pub lent: BTreeMap<AwardId, Amounts>,
}

impl Lenders {
    /// Those that lend in `from` at these prices or less.
    pub fn of(state: &State, pool: &str, (from, slot): (Slot, Slot), prices: &BTreeMap<Resource, Price>) -> Self {
        let mut parts: BTreeMap<(NodeId, Resource), Vec<(Price, Part)>> = BTreeMap::new();
        let mut spare = BTreeMap::new();
        for award in state.awards.values().filter(|a| a.kind == AwardKind::Lent) {
            let lines = || award.lines.iter().filter(|l| l.slot == from && l.pool == pool && l.left() > 0);
            let instance = award.instance.and_then(|id| state.instances.get(&id)).filter(|_| lines().next().is_some());
            let Some(instance) = instance.filter(|i| goes_on(state, i, slot)) else { continue };
            for line in lines() {
                let asked = asked_for(award, line);
                if prices.get(&line.resource).is_some_and(|price| *price >= asked) {
                    let part = Part { award: award.id, instance: instance.id, left: line.left() };
                    parts.entry((instance.node, line.resource)).or_default().push((asked, part));
                    let of = || could_lend(state, instance, (from, slot), line.resource);
                    spare.entry((instance.id, line.resource)).or_insert_with(of);
                }
            }
        }
        let sorted = |mut all: Vec<(Price, Part)>| {
            all.sort_by_key(|(asked, part)| (*asked, part.award));
            all.into_iter().map(|(_, part)| part).collect()
        };
        let parts = parts.into_iter().map(|(key, all)| (key, sorted(all))).collect();
        Self { parts, spare, lent: BTreeMap::new() }
    }

    /// From whom these quantities of a node would come; `None` where they are not there.
    pub fn find(&self, node: NodeId, missing: &Amounts) -> Option<Vec<(AwardId, Resource, i64)>> {
        let mut found = Vec::new();
        for (resource, quantity) in missing {
            let mut missing = *quantity;
            let mut used: BTreeMap<InstanceId, i64> = BTreeMap::new();
            for part in self.parts.get(&(node, *resource)).into_iter().flatten() {
                if missing <= 0 {
                    break;
                }
                let spare = self.spare.get(&(part.instance, *resource)).copied().unwrap_or(0);
                let of_instance = used.entry(part.instance).or_default();
                let quantity = missing.min(part.left).min(spare - *of_instance);
                if quantity > 0 {
                    (missing, *of_instance) = (missing - quantity, *of_instance + quantity);
                    found.push((part.award, *resource, quantity));
                }
            }
            if missing > 0 {
                return None;
            }
        }
        Some(found)
    }

    /// They go on lending it on this node.
    pub fn lend(&mut self, node: NodeId, found: Vec<(AwardId, Resource, i64)>) {
        for (award, resource, quantity) in found {
            if let Some(parts) = self.parts.get_mut(&(node, resource)) {
                for part in parts.iter_mut().filter(|p| p.award == award) {
                    part.left -= quantity;
                    *self.spare.entry((part.instance, resource)).or_default() -= quantity;
                }
                parts.retain(|part| part.left > 0);
            }
            *self.lent.entry(award).or_default().entry(resource).or_default() += quantity;
        }
    }
}

/// Whether a workload that lends stays where it lends, and has not said that it lets go.
fn goes_on(state: &State, instance: &Instance, slot: Slot) -> bool {
    instance.state == InstanceState::Running
        && !instance.is_away()
        && instance.relocation.is_none()
        && !instance.strategy.lets_go_in_safe_state
        && target::target(state, instance, slot).node == instance.node
}

/// What a workload can go on lending: no more than it lent, beyond its floor, within its thrash limit, less what it has lent
/// for the slot already. Nothing where it has won more for the slot than it had: it needs what it has. What it bought back in the
/// slot before is not lent in this one.
fn could_lend(state: &State, instance: &Instance, (from, slot): (Slot, Slot), resource: Resource) -> i64 {
    let lent = lent::lent(state, instance.id);
    let lent_in = |slot| lent.get(&(slot, resource)).copied().unwrap_or(0);
    let beyond_floor = amount(instance.baseline_in(slot), resource) - amount(instance.floor_in(slot), resource);
    if bought(state, instance.id, slot, resource) > bought(state, instance.id, from, resource) {
        return 0;
    }
    let changed = lent::changed(state, instance.id).get(&(slot, resource)).copied().unwrap_or_default();
    let may_lend = instance.strategy.max_swap.get(&resource).map_or(i64::MAX, |most| changed.may_lend(*most));
    let had = kept(state, instance.id, from, resource) - lent_for_good(state, instance.id, from, resource);
    let has = bought(state, instance.id, slot, resource) - lent_for_good(state, instance.id, slot, resource);
    (lent_in(from).min(beyond_floor) - lent_in(slot)).min(may_lend).min(has - had)
}

/// What a workload has lent for a slot and may not take back.
pub(super) fn lent_for_good(state: &State, id: InstanceId, slot: Slot, resource: Resource) -> i64 {
    let lines = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent).flat_map(|a| &a.lines);
    let mine = lines.filter(|l| l.slot == slot && l.resource == resource && !l.is_recallable());
    mine.map(AwardLine::left).sum()
}

/// What a workload has won for a slot and still has.
fn kept(state: &State, id: InstanceId, slot: Slot, resource: Resource) -> i64 {
    let lines = state.awards_of(id).filter(|a| a.kind == AwardKind::Bought && !a.drawn).flat_map(|a| &a.lines);
    lines.filter(|l| l.slot == slot && l.resource == resource && !l.is_recallable()).map(AwardLine::left).sum()
}

/// What a workload has won for a slot and nobody has taken back, sold on or not.
pub(super) fn bought(state: &State, id: InstanceId, slot: Slot, resource: Resource) -> i64 {
    // What was drawn ends with its slot.
    let lines = state.awards_of(id).filter(|a| a.kind == AwardKind::Bought && !a.drawn).flat_map(|a| &a.lines);
    lines.filter(|l| l.slot == slot && l.resource == resource).map(|l| l.quantity - l.recalled).sum()
}

/// The least that a lender asked for a unit of a line: its price, lowered as the award's limit is under its money; up.
pub(super) fn asked_for(award: &Award, line: &AwardLine) -> Price {
    let (limit, money) = (i128::from(award.limit.units()), i128::from(award.money.units()));
    if money <= 0 || limit >= money {
        return line.price;
    }
    let asked = (i128::from(line.price.units()).saturating_mul(limit) + money - 1).div_euclid(money);
    Price::from_units(i64::try_from(asked).unwrap_or(i64::MAX))
}
