//! `recommend_swaps`: the linear program of the concept's swap recommendation, in good_lp on microlp.
//!
//! The problem, its rows and its units are those of [`headroom_market::advice::problem`]. Each cell
//! (workload, resource, slot) has five real variables, all ≥ 0 and in units of the largest quantity of
//! its resource: `grown`, `freed`, `moved`, `idle`, `missing`. The objective is
//! waste + SLA violation + cost of change, in credits:
//!
//! ```text
//! idle    ≥ planned + grown − freed + moved − demand
//! missing ≥ demand − planned − grown + freed − moved
//! grown + moved ≤ min(max_swap, limit − planned)      freed ≤ min(max_swap, most_freed, planned − floor)
//! Σ (grown − freed) ≤ room of the node                Σ (grown − freed + moved) ≤ room of the pool
//! Σ growth_price · (grown + moved) ≤ budget
//! ```
//!
//! Without a budget the rows of a resource and slot are nested sums over disjoint nodes, so a vertex
//! of the program is whole. With one it is solved twice: growth that the budget cut into parts is
//! rounded down, and is the most that may grow in the second program, which has no budget. No
//! binaries: that a mover needs one node for all of it is left to the check.
//!
//! Source: concept note 10129094 (`recommend_swaps`). Invariant: nothing that leaves here is shown
//! before `headroom_market::advice::check` has accepted it. Absent: bids, time limits.
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, variable};
use headroom_market::advice::problem::{Cell, Change, NodeKey, PoolKey, SwapPlan, SwapProblem};
use headroom_market::units::Resource;
use std::collections::BTreeMap;

/// Nano-credits of a credit: the objective's figures are of a size that floats take well.
const NANO: f64 = 1e9;
/// A quantity this near to a whole one is that.
const NEAR: f64 = 1e-3;

struct Columns {
    grown: Variable,
    freed: Variable,
    moved: Variable,
    /// Base units of one unit of the variables.
    scale: f64,
}

/// Proposes who should have more and who less; `None` where the program has no solution.
pub fn recommend_swaps(problem: &SwapProblem) -> Option<SwapPlan> {
    if problem.budget_nano.is_none() {
        return solve(problem);
    }
    let cut = solve(problem)?;
    let mut within = SwapProblem { budget_nano: None, ..problem.clone() };
    for (cell, change) in within.cells.iter_mut().zip(&cut.changes).filter(|(c, _)| !c.growth_price.is_zero()) {
        cell.limit = cell.limit.min(cell.planned + change.in_place.max(0) + change.moved);
    }
    solve(&within)
}

fn solve(problem: &SwapProblem) -> Option<SwapPlan> {
    let scales = scales(problem);
    let mut variables = ProblemVariables::new();
    let mut objective = Expression::default();
    // `… ≤ limit`.
    let mut rows: Vec<(Expression, f64)> = Vec::new();
    let mut nodes: BTreeMap<NodeKey, Expression> = BTreeMap::new();
    let mut pools: BTreeMap<PoolKey, Expression> = BTreeMap::new();
    let mut spent = Expression::default();
    let mut columns = Vec::with_capacity(problem.cells.len());
    for cell in &problem.cells {
        let scale = scales[&cell.resource];
        let room = cell.max_swap.min(cell.most() - cell.planned).max(0);
        let spare = cell.max_swap.min(cell.most_freed).min(cell.planned - cell.least()).max(0);
        let mut real = |most: f64| variables.add(variable().min(0.0).max(most / scale));
        let (grown, freed) = (real(float(room)), real(float(spare)));
        let moved = real(if cell.may_move { float(room) } else { 0.0 });
        let (idle, missing) = (real(f64::INFINITY), real(f64::INFINITY));
        let lack = float(cell.demand - cell.planned) / scale;
        rows.push((grown - freed + moved - idle, lack));
        rows.push((freed - grown - moved - missing, -lack));
        rows.push((grown + moved, float(room) / scale));
        *nodes.entry((cell.node, cell.resource, cell.slot)).or_default() += grown - freed;
        *pools.entry((cell.pool.clone(), cell.resource, cell.slot)).or_default() += grown - freed + moved;
        let credits = |price: headroom_market::units::Price| float(price.units()) * scale / NANO;
        objective += credits(cell.waste_price) * idle + credits(cell.sla_rate) * missing;
        objective += credits(cell.change_price) * (grown + freed) + credits(cell.move_price) * moved;
        if !cell.growth_price.is_zero() {
            spent += credits(cell.growth_price) * (grown + moved);
        }
        columns.push(Columns { grown, freed, moved, scale });
    }
    for (key, taken) in nodes {
        let free = problem.rooms.get(&key).map_or(0, |room| room.free);
        rows.push((taken, float(free) / scales[&key.1]));
    }
    let rooms = problem.pool_rooms();
    for (key, taken) in pools {
        rows.push((taken, float(rooms.get(&key).copied().unwrap_or(0)) / scales[&key.1]));
    }
    if let Some(budget) = problem.budget_nano {
        rows.push((spent, float(budget) / NANO));
    }
    let mut program = variables.minimise(objective).using(good_lp::microlp);
    for (sum, limit) in rows {
        program = program.with(sum.leq(limit));
    }
    let solution = program.solve().ok()?;
    let whole = |c: &Columns, cell: &Cell| {
        let value = |x| solution.value(x) * c.scale;
        let (grown, freed, moved) = (down(value(c.grown)), up(value(c.freed)), down(value(c.moved)));
        // A rounded quantity stays inside its own bounds.
        Change { in_place: grown - freed.min(cell.most_freed), moved }
    };
    Some(SwapPlan { changes: columns.iter().zip(&problem.cells).map(|(c, cell)| whole(c, cell)).collect() })
}

/// The largest quantity of each resource.
fn scales(problem: &SwapProblem) -> BTreeMap<Resource, f64> {
    let mut largest: BTreeMap<Resource, i64> = BTreeMap::new();
    for cell in &problem.cells {
        let most = largest.entry(cell.resource).or_insert(1);
        *most = (*most).max(cell.planned).max(cell.demand);
    }
    largest.into_iter().map(|(resource, most)| (resource, float(most))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a proposal; the check decides")]
fn float(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; the check decides")]
fn down(value: f64) -> i64 {
    (value + NEAR).floor() as i64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; the check decides")]
fn up(value: f64) -> i64 {
    (value - NEAR).ceil() as i64
}
