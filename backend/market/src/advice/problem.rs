//! The problem of `recommend_swaps` as integers: who has what, who will need what, what may change.
//!
//! A cell is one workload, resource and slot. For each cell the plan has `in_place` (base units that
//! it grows by where it is, negative: that it frees) and `moved` (that it grows by on another node of
//! its pool). With `x = planned + in_place + moved`:
//!
//! ```text
//! minimise  Σ waste_price · max(0, x − demand)          idle capacity
//!         + Σ sla_rate · max(0, demand − x)             predicted demand that is not in force
//!         + Σ change_price · |in_place| + move_price · moved
//! floor ≤ x ≤ limit        in_place ≥ −most_freed       |in_place + moved| ≤ max_swap (thrash)
//! Σ in_place ≤ room of the node                          for every node, resource and slot
//! Σ (in_place + moved) ≤ room of the pool                for every pool, resource and slot
//! Σ growth_price · growth ≤ budget                       the workload that asks, if it has set one
//! ```
//!
//! Prices are nano-credits per base unit and slot, so the objective is nano-credits.
//! Source: the swap recommendation of concept note 10129094 and the market's objective with its waste
//! and SLA terms. Absent: bids.
use crate::ids::{InstanceId, NodeId};
use crate::records::pool::PoolSlug;
use crate::time::Slot;
use crate::units::{Price, Resource};
use std::collections::BTreeMap;

/// One workload, resource and slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub instance: InstanceId,
    pub pool: PoolSlug,
    /// Where it will be in the slot.
    pub node: NodeId,
    pub resource: Resource,
    pub slot: Slot,
    /// Base units that it will have as awarded so far.
    pub planned: i64,
    /// Base units that it will need, a quantile of the forecast.
    pub demand: i64,
    pub floor: i64,
    pub limit: i64,
    /// Thrash limit: the most that may change.
    pub max_swap: i64,
    /// What of it may be freed without touching what will be needed or is lent already.
    pub most_freed: i64,
    /// It may grow on another node of its pool.
    pub may_move: bool,
    pub waste_price: Price,
    pub sla_rate: Price,
    pub change_price: Price,
    pub move_price: Price,
    /// What growth costs against the budget; zero where there is none.
    pub growth_price: Price,
}

impl Cell {
    /// The least that it may have: its floor, unless it has less already.
    pub fn least(&self) -> i64 {
        self.floor.min(self.planned)
    }
    /// The most that it may have: its limit, unless it has more already.
    pub fn most(&self) -> i64 {
        self.limit.max(self.planned)
    }
}

/// What one cell's plan does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub in_place: i64,
    pub moved: i64,
}

impl Change {
    pub fn total(self) -> i64 {
        self.in_place + self.moved
    }
}

pub type NodeKey = (NodeId, Resource, Slot);
pub type PoolKey = (PoolSlug, Resource, Slot);

/// What is free on a node beside what all workloads are planned to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRoom {
    pub pool: PoolSlug,
    pub free: i64,
    /// Workloads may move there: nothing says that the one that asks should keep off it.
    pub takes_movers: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwapProblem {
    pub cells: Vec<Cell>,
    pub rooms: BTreeMap<NodeKey, NodeRoom>,
    /// Nano-credits that all growth with a `growth_price` may cost.
    pub budget_nano: Option<i64>,
}

/// A change for each cell, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwapPlan {
    pub changes: Vec<Change>,
}

/// Idle capacity and missing capacity, in base units and in nano-credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub idle: i64,
    pub idle_nano: i128,
    pub missing: i64,
    pub missing_nano: i128,
    /// Changes and moves.
    pub change_nano: i128,
}

impl Figures {
    /// What is minimised.
    pub fn cost_nano(&self) -> i128 {
        self.idle_nano + self.missing_nano + self.change_nano
    }
    fn add(&mut self, cell: &Cell, change: Change) {
        let has = cell.planned + change.total();
        let (idle, missing) = ((has - cell.demand).max(0), (cell.demand - has).max(0));
        let nano = |price: Price, quantity: i64| i128::from(price.units()) * i128::from(quantity);
        self.idle += idle;
        self.missing += missing;
        self.idle_nano += nano(cell.waste_price, idle);
        self.missing_nano += nano(cell.sla_rate, missing);
        self.change_nano += nano(cell.change_price, change.in_place.abs()) + nano(cell.move_price, change.moved);
    }
}

impl SwapProblem {
    /// What the cells that `counts` names come to under a plan.
    pub fn figures(&self, plan: &SwapPlan, counts: impl Fn(&Cell) -> bool) -> Figures {
        let mut figures = Figures::default();
        for (cell, change) in self.cells.iter().zip(&plan.changes).filter(|(cell, _)| counts(cell)) {
            figures.add(cell, *change);
        }
        figures
    }
    /// The plan that changes nothing.
    pub fn as_it_is(&self) -> SwapPlan {
        SwapPlan { changes: vec![Change::default(); self.cells.len()] }
    }
    /// What is free in each pool.
    pub fn pool_rooms(&self) -> BTreeMap<PoolKey, i64> {
        let mut rooms = BTreeMap::new();
        for ((_, resource, slot), room) in &self.rooms {
            *rooms.entry((room.pool.clone(), *resource, *slot)).or_default() += room.free;
        }
        rooms
    }
    /// The same where everybody stays on its node.
    pub fn without_moves(&self) -> SwapProblem {
        let mut staying = self.clone();
        staying.cells.iter_mut().for_each(|c| c.may_move = false);
        staying
    }
}
