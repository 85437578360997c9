//! From the state of the market to the problem of `recommend_swaps`: the workloads of one pool over
//! the next open slots, and what the one that asks wants.
//!
//! The weights are public numbers: an idle unit costs the reserve price for which the operator would
//! have sold it, a missing one the top of its price band (what it may cost at most), a changed one a tenth of the
//! reserve price, so that a swap has to gain a tenth of the value that it changes.
use crate::advice::problem::{Cell, NodeRoom, SwapProblem};
use crate::book::lent::lent;
use crate::ids::InstanceId;
use crate::records::pool::NodeState;
use crate::records::strategy::SlotOutlook;
use crate::records::workload::{Instance, InstanceState};
use crate::round::book::occupancy::Occupancy;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource, Share, amount};
use crate::workload::auto::hinted_need;
use crate::workload::guidance::avoided_nodes;
use crate::workload::target::{Target, target};
use std::collections::{BTreeMap, BTreeSet};

/// Latest outlooks by workload.
pub type Outlooks = BTreeMap<InstanceId, Vec<SlotOutlook>>;

/// Level of the demand that should be in force, in thousandths: short in one slot of ten.
pub const DEMAND_LEVEL: u16 = 900;
/// Slots ahead that are weighed. What lies further is asked again when it is nearer.
pub const MOST_SLOTS: usize = 3;
/// Cells of one problem; further workloads of the pool are taken to stay as they are.
pub const MOST_CELLS: usize = 600;
/// A change has to gain this share of the value that it changes, in percent (thrash).
const CHANGE_PERCENT: i64 = 10;
/// The most that may change in a slot, in percent of the baseline (thrash).
const MAX_SWAP_PERCENT: i64 = 100;
const WHOLE: i128 = 1_000_000;

/// What is asked for a workload.
#[derive(Clone, Debug)]
pub struct Criteria {
    pub instance: InstanceId,
    /// Share more than it is planned to have.
    pub improvement: Option<Share>,
    /// Share of its baseline to lend at most; with it nothing grows.
    pub saving: Option<Share>,
    /// What growth may cost at the last prices.
    pub max_cost: Option<Credits>,
    /// It stays on its node.
    pub keep_node: bool,
    /// Slots that begin later are left out.
    pub latest: Option<Timestamp>,
    /// What a move inside its pool is expected to cost.
    pub move_cost: Credits,
}

/// Open slots that the outlooks of a workload speak of, the earliest first.
pub fn slots(state: &State, now: Timestamp, outlooks: &Outlooks, criteria: &Criteria) -> Vec<Slot> {
    let known: BTreeSet<Slot> = outlooks.get(&criteria.instance).into_iter().flatten().map(|o| o.slot).collect();
    let open = state.market.rhythm.open_slots(now).into_iter();
    let in_time = |slot: &Slot| criteria.latest.is_none_or(|latest| slot.start() <= latest);
    open.filter(|slot| known.contains(slot) && in_time(slot)).take(MOST_SLOTS).collect()
}

/// What a workload should have at least in a slot, as far as forecast and hints say.
pub fn predicted_need(state: &State, id: InstanceId, outlook: &SlotOutlook) -> Amounts {
    let level = outlook.need.iter().find(|(level, _)| *level == DEMAND_LEVEL);
    let mut need = level.map(|(_, need)| need.clone()).unwrap_or_default();
    for (resource, quantity) in hinted_need(state, id, outlook.slot) {
        let entry = need.entry(resource).or_default();
        *entry = (*entry).max(quantity);
    }
    need
}

/// The problem of the pool of the workload that asks. Its own cells come first. Empty where there is
/// no forecast.
pub fn swap_problem(state: &State, now: Timestamp, outlooks: &Outlooks, criteria: &Criteria) -> SwapProblem {
    let mut problem = SwapProblem::default();
    let Some(subject) = state.instances.get(&criteria.instance) else { return problem };
    let slots = slots(state, now, outlooks, criteria);
    let occupancy = Occupancy::of(state, &slots);
    let avoided = avoided_nodes(state, subject.id, now);
    for node in state.nodes.values().filter(|n| n.pool == subject.pool) {
        for slot in &slots {
            for resource in node.capacity.keys() {
                let free = occupancy.room(node, *slot, *resource);
                let takes_movers = node.state == NodeState::Up && !avoided.contains(&node.id);
                let room = NodeRoom { pool: node.pool.clone(), free, takes_movers };
                problem.rooms.insert((node.id, *resource, *slot), room);
            }
        }
    }
    let mut others: Vec<&Instance> = state
        .instances
        .values()
        .filter(|i| i.pool == subject.pool && i.id != subject.id && i.state == InstanceState::Running)
        .collect();
    // Those on the same node matter most where not all have a place.
    others.sort_by_key(|i| (i.node != subject.node, i.id));
    for instance in std::iter::once(subject).chain(others) {
        let cells = cells(state, instance, outlooks, &slots);
        if problem.cells.len() + cells.len() > MOST_CELLS {
            break;
        }
        problem.cells.extend(cells);
    }
    apply_criteria(state, now, subject, criteria, &mut problem);
    problem.budget_nano = criteria.max_cost.map(|cost| cost.units().saturating_mul(1000));
    problem
}

fn cells(state: &State, instance: &Instance, outlooks: &Outlooks, slots: &[Slot]) -> Vec<Cell> {
    let lent = lent(state, instance.id);
    let mut cells = Vec::new();
    for outlook in outlooks.get(&instance.id).into_iter().flatten().filter(|o| slots.contains(&o.slot)) {
        let slot = outlook.slot;
        let planned = target(state, instance, slot);
        let hinted = hinted_need(state, instance.id, slot);
        for (resource, demand) in predicted_need(state, instance.id, outlook) {
            let of = |amounts: &Amounts| amount(amounts, resource);
            let already = lent.get(&(slot, resource)).copied().unwrap_or(0);
            let keeps = of(instance.floor_in(slot)).max(of(&hinted));
            let spare = (of(instance.baseline_in(slot)) - keeps).min(of(&outlook.lendable));
            cells.push(Cell {
                most_freed: (spare - already).max(0),
                max_swap: percent_up(of(&instance.baseline), MAX_SWAP_PERCENT),
                floor: of(instance.floor_in(slot)),
                limit: of(&instance.limit),
                demand,
                ..cell(state, instance, &planned, resource, slot)
            });
        }
    }
    cells
}

/// The parts of a cell that depend on the place alone.
fn cell(state: &State, instance: &Instance, planned: &Target, resource: Resource, slot: Slot) -> Cell {
    let reserve = state.reserve_price(&instance.pool, resource, slot).unwrap_or_default();
    let change_price = Price::from_units(percent_up(reserve.units(), CHANGE_PERCENT));
    Cell {
        instance: instance.id,
        pool: instance.pool.clone(),
        node: planned.node,
        resource,
        slot,
        planned: amount(&planned.limits, resource),
        demand: 0,
        floor: 0,
        limit: 0,
        max_swap: 0,
        most_freed: 0,
        // Others are moved for nobody's advice.
        may_move: false,
        waste_price: reserve,
        sla_rate: state.price_band(&instance.pool, resource, slot),
        change_price,
        move_price: change_price,
        growth_price: Price::ZERO,
    }
}

fn apply_criteria(state: &State, now: Timestamp, subject: &Instance, criteria: &Criteria, problem: &mut SwapProblem) {
    let lent = lent(state, subject.id);
    let lends_in = |slot: Slot| lent.iter().any(|((s, _), quantity)| *s == slot && *quantity > 0);
    let can_move = !criteria.keep_node && !subject.is_pinned(now) && subject.swap.is_none();
    let mine = |c: &&mut Cell| c.instance == subject.id;
    for cell in problem.cells.iter_mut().filter(mine) {
        if let Some(share) = criteria.improvement {
            let wished = cell.planned.saturating_add(share_up(cell.planned, share));
            cell.demand = cell.demand.max(wished.min(cell.limit));
        }
        if let Some(share) = criteria.saving {
            cell.limit = cell.limit.min(cell.planned);
            cell.most_freed = cell.most_freed.min(share_up(amount(&subject.baseline, cell.resource), share));
        }
        if criteria.max_cost.is_some() {
            cell.growth_price = state.reference(&cell.pool, cell.resource, cell.slot);
        }
        // Among equals the one that asks comes first; in the market the price decides.
        cell.sla_rate = Price::from_units(cell.sla_rate.units().saturating_add(1));
        cell.may_move = can_move && !lends_in(cell.slot);
        let growth = (cell.demand.min(cell.most()) - cell.planned).clamp(1, cell.max_swap.max(1));
        let spread = criteria.move_cost.units().saturating_mul(1000) / growth;
        cell.move_price = Price::from_units(cell.change_price.units().saturating_add(spread));
    }
}

fn percent_up(value: i64, percent: i64) -> i64 {
    share_up(value, Share::from_units(percent * 10_000))
}

/// A share of a quantity, rounded up.
fn share_up(value: i64, share: Share) -> i64 {
    let product = i128::from(value) * i128::from(share.units());
    i64::try_from((product + WHOLE - 1).div_euclid(WHOLE)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_up() {
        assert_eq!(share_up(1000, Share::from_units(200_000)), 200);
        assert_eq!(share_up(3, Share::from_units(500_000)), 2);
        assert_eq!((percent_up(0, 100), percent_up(7, 10)), (0, 1));
    }
}
