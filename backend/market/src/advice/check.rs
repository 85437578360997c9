//! Whether a proposed plan may be shown: every row of the problem again, in integers, without a look
//! at how the plan was found.
//!
//! Invariant: a [`CheckedPlan`] is made nowhere else. Moves are checked harder than they are solved:
//! the solver knows only the room of the pool, here each mover needs one node that takes all of it.
use crate::advice::problem::{Cell, Change, NodeKey, PoolKey, SwapPlan, SwapProblem};
use crate::ids::{InstanceId, NodeId};
use crate::records::pool::PoolSlug;
use crate::time::Slot;
use crate::units::Resource;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    WrongLength,
    NegativeMove {
        cell: usize,
    },
    BelowFloor {
        cell: usize,
    },
    AboveLimit {
        cell: usize,
    },
    /// More changes than the thrash limit allows.
    Thrash {
        cell: usize,
    },
    /// More is freed than is not needed.
    FreesWhatIsNeeded {
        cell: usize,
    },
    MayNotMove {
        cell: usize,
    },
    NodeFull {
        node: NodeId,
        resource: Resource,
        slot: Slot,
    },
    PoolFull {
        pool: PoolSlug,
        resource: Resource,
        slot: Slot,
    },
    /// No other node takes all of a workload that would move.
    NoHostFits {
        instance: InstanceId,
    },
    OverBudget,
    /// It costs more than leaving everything as it is.
    NoGain,
}

/// A plan that keeps every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlan(SwapPlan);

impl CheckedPlan {
    pub fn plan(&self) -> &SwapPlan {
        &self.0
    }
}

/// Accepts a plan, or says all that is wrong with it.
pub fn check(problem: &SwapProblem, plan: SwapPlan) -> Result<CheckedPlan, Vec<Breach>> {
    if plan.changes.len() != problem.cells.len() {
        return Err(vec![Breach::WrongLength]);
    }
    let mut breaches = Vec::new();
    for (index, (cell, change)) in problem.cells.iter().zip(&plan.changes).enumerate() {
        check_cell(index, cell, *change, &mut breaches);
    }
    check_rooms(problem, &plan, &mut breaches);
    check_movers(problem, &plan, &mut breaches);
    if let Some(budget) = problem.budget_nano {
        let grown = problem.cells.iter().zip(&plan.changes);
        let cost: i128 =
            grown.map(|(c, x)| i128::from(c.growth_price.units()) * i128::from(x.in_place.max(0) + x.moved)).sum();
        if cost > i128::from(budget) {
            breaches.push(Breach::OverBudget);
        }
    }
    let cost = |plan: &SwapPlan| problem.figures(plan, |_| true).cost_nano();
    if cost(&plan) > cost(&problem.as_it_is()) {
        breaches.push(Breach::NoGain);
    }
    if breaches.is_empty() { Ok(CheckedPlan(plan)) } else { Err(breaches) }
}

fn check_cell(index: usize, cell: &Cell, change: Change, breaches: &mut Vec<Breach>) {
    let has = cell.planned + change.total();
    for (broken, breach) in [
        (change.moved < 0, Breach::NegativeMove { cell: index }),
        (has < cell.least(), Breach::BelowFloor { cell: index }),
        (has > cell.most(), Breach::AboveLimit { cell: index }),
        (change.total().abs() > cell.max_swap, Breach::Thrash { cell: index }),
        (-change.in_place > cell.most_freed, Breach::FreesWhatIsNeeded { cell: index }),
        (change.moved > 0 && !cell.may_move, Breach::MayNotMove { cell: index }),
    ] {
        if broken {
            breaches.push(breach);
        }
    }
}

fn check_rooms(problem: &SwapProblem, plan: &SwapPlan, breaches: &mut Vec<Breach>) {
    let mut nodes: BTreeMap<NodeKey, i64> = BTreeMap::new();
    let mut pools: BTreeMap<PoolKey, i64> = BTreeMap::new();
    for (cell, change) in problem.cells.iter().zip(&plan.changes) {
        *nodes.entry((cell.node, cell.resource, cell.slot)).or_default() += change.in_place;
        *pools.entry((cell.pool.clone(), cell.resource, cell.slot)).or_default() += change.total();
    }
    let free = |key: &NodeKey| problem.rooms.get(key).map_or(0, |room| room.free);
    for (key, taken) in nodes {
        if taken > 0 && taken > free(&key) {
            breaches.push(Breach::NodeFull { node: key.0, resource: key.1, slot: key.2 });
        }
    }
    let rooms = problem.pool_rooms();
    for (key, taken) in pools {
        if taken > 0 && taken > rooms.get(&key).copied().unwrap_or(0) {
            breaches.push(Breach::PoolFull { pool: key.0, resource: key.1, slot: key.2 });
        }
    }
}

/// Largest first, each mover goes to the first other node of its pool that takes all it will have.
/// What it leaves free on its old node is not counted: a move may fail.
fn check_movers(problem: &SwapProblem, plan: &SwapPlan, breaches: &mut Vec<Breach>) {
    let mut free: BTreeMap<NodeKey, i64> = problem.rooms.iter().map(|(key, room)| (*key, room.free)).collect();
    let mut movers: BTreeSet<(InstanceId, Slot)> = BTreeSet::new();
    for (cell, change) in problem.cells.iter().zip(&plan.changes) {
        *free.entry((cell.node, cell.resource, cell.slot)).or_default() -= change.in_place;
        if change.moved > 0 {
            movers.insert((cell.instance, cell.slot));
        }
    }
    let all = || problem.cells.iter().zip(&plan.changes);
    let mut needs: Vec<_> = movers
        .into_iter()
        .map(|(instance, slot)| {
            let mine = all().filter(|(c, _)| c.instance == instance && c.slot == slot);
            let mine: Vec<_> = mine.map(|(c, x)| (c, c.planned + x.total())).collect();
            (Reverse(mine.iter().map(|(_, has)| *has).max().unwrap_or(0)), instance, slot, mine)
        })
        .collect();
    needs.sort_by_key(|need| (need.0, need.1, need.2));
    for (_, instance, slot, mine) in needs {
        let Some((first, _)) = mine.first() else { continue };
        let nodes: BTreeSet<NodeId> = problem
            .rooms
            .iter()
            .filter(|(key, room)| room.takes_movers && room.pool == first.pool && key.0 != first.node)
            .map(|(key, _)| key.0)
            .collect();
        let takes = |node: &NodeId| {
            mine.iter().all(|(c, has)| free.get(&(*node, c.resource, slot)).is_some_and(|free| has <= free))
        };
        let Some(node) = nodes.into_iter().find(takes) else {
            breaches.push(Breach::NoHostFits { instance });
            continue;
        };
        for (cell, has) in &mine {
            *free.entry((node, cell.resource, slot)).or_default() -= has;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::NodeRoom;
    use super::*;
    use crate::units::Price;

    const SLOT: Slot = Slot::starting_at(600);

    fn cell(instance: u128, planned: i64, demand: i64) -> Cell {
        Cell {
            instance: InstanceId::from_raw(instance),
            pool: "p".to_owned(),
            node: NodeId::from_raw(1),
            resource: Resource::CpuMilli,
            slot: SLOT,
            planned,
            demand,
            floor: 2,
            limit: 12,
            max_swap: 5,
            most_freed: 4,
            may_move: false,
            waste_price: Price::from_units(10),
            sla_rate: Price::from_units(30),
            change_price: Price::from_units(1),
            move_price: Price::from_units(5),
            growth_price: Price::ZERO,
        }
    }

    fn problem(cells: Vec<Cell>, free: &[(u128, i64)]) -> SwapProblem {
        let room = |free| NodeRoom { pool: "p".to_owned(), free, takes_movers: true };
        let rooms = free.iter().map(|(n, q)| ((NodeId::from_raw(*n), Resource::CpuMilli, SLOT), room(*q)));
        SwapProblem { cells, rooms: rooms.collect(), budget_nano: None }
    }

    fn checked(problem: &SwapProblem, changes: &[(i64, i64)]) -> Result<CheckedPlan, Vec<Breach>> {
        let changes = changes.iter().map(|(in_place, moved)| Change { in_place: *in_place, moved: *moved }).collect();
        check(problem, SwapPlan { changes })
    }

    #[test]
    fn each_row_is_noticed_when_it_is_broken() {
        let two = problem(vec![cell(1, 6, 9), cell(2, 6, 3)], &[(1, 1)]);
        assert!(checked(&two, &[(3, 0), (-3, 0)]).is_ok(), "one swaps with the other");
        assert!(checked(&two, &[(1, 0), (0, 0)]).is_ok(), "one takes what is free");
        let node = NodeId::from_raw(1);
        let full = Breach::NodeFull { node, resource: Resource::CpuMilli, slot: SLOT };
        let pool = Breach::PoolFull { pool: "p".to_owned(), resource: Resource::CpuMilli, slot: SLOT };
        assert_eq!(checked(&two, &[(3, 0), (0, 0)]), Err(vec![full, pool]));
        assert_eq!(checked(&two, &[(0, 0), (-5, 0)]).unwrap_err()[0], Breach::BelowFloor { cell: 1 });
        assert_eq!(checked(&two, &[(0, 0), (1, 0)]), Err(vec![Breach::NoGain]));
        assert_eq!(checked(&two, &[(0, 0)]), Err(vec![Breach::WrongLength]));
        let thrash = problem(vec![Cell { max_swap: 1, ..cell(1, 6, 3) }], &[]);
        assert_eq!(checked(&thrash, &[(-2, 0)]), Err(vec![Breach::Thrash { cell: 0 }]));
        let needed = problem(vec![Cell { most_freed: 1, ..cell(1, 6, 3) }], &[]);
        assert_eq!(checked(&needed, &[(-2, 0)]), Err(vec![Breach::FreesWhatIsNeeded { cell: 0 }]));
        let limited = problem(vec![Cell { limit: 7, ..cell(1, 6, 9) }], &[(1, 9)]);
        assert_eq!(checked(&limited, &[(2, 0)]), Err(vec![Breach::AboveLimit { cell: 0 }]));
        assert_eq!(
            checked(&limited, &[(0, 1)]),
            Err(vec![Breach::MayNotMove { cell: 0 }, Breach::NoHostFits { instance: InstanceId::from_raw(1) }])
        );
        let mut dear = problem(vec![Cell { growth_price: Price::from_units(7), ..cell(1, 6, 9) }], &[(1, 9)]);
        dear.budget_nano = Some(13);
        assert!(checked(&dear, &[(1, 0)]).is_ok());
        assert_eq!(checked(&dear, &[(2, 0)]), Err(vec![Breach::OverBudget]));
    }

    #[test]
    fn a_mover_needs_one_node_for_all_of_it() {
        let moving = Cell { may_move: true, ..cell(1, 6, 9) };
        // Two units are free on each of four nodes: enough for the pool's row, for no mover.
        let scattered = problem(vec![moving.clone()], &[(1, 0), (2, 2), (3, 2), (4, 2)]);
        let lost = Breach::NoHostFits { instance: InstanceId::from_raw(1) };
        assert_eq!(checked(&scattered, &[(0, 3)]), Err(vec![lost.clone()]));
        let roomy =
            problem(vec![moving.clone(), Cell { instance: InstanceId::from_raw(2), ..moving }], &[(1, 0), (2, 9)]);
        assert!(checked(&roomy, &[(0, 3), (0, 0)]).is_ok());
        assert_eq!(
            checked(&roomy, &[(0, 3), (0, 3)]),
            Err(vec![Breach::NoHostFits { instance: InstanceId::from_raw(2) }])
        );
    }

    #[test]
    fn a_proposal_that_fails_is_solved_again_without_moves_and_never_shown() {
        let moving = problem(vec![Cell { may_move: true, ..cell(1, 6, 9) }], &[(1, 1), (2, 2)]);
        let solve = |p: &SwapProblem| {
            let moved = if p.cells[0].may_move { 2 } else { 0 };
            Some(SwapPlan { changes: vec![Change { in_place: 1, moved }] })
        };
        let found = super::super::recommended(&moving, solve).expect("without moves it fits");
        assert_eq!(found.plan().changes, [Change { in_place: 1, moved: 0 }]);
        let never = |_: &SwapProblem| Some(SwapPlan { changes: vec![Change { in_place: 9, moved: 0 }] });
        assert_eq!(super::super::recommended(&moving, never), None);
    }
}
