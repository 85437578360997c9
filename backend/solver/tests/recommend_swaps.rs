//! The linear program against brute force: on small random problems both reach the same cost, and
//! the check accepts what the program says.
use headroom_market::advice::check::check;
use headroom_market::advice::problem::{Cell, Change, NodeRoom, SwapPlan, SwapProblem};
use headroom_market::advice::recommended;
use headroom_market::ids::{InstanceId, NodeId};
use headroom_market::time::Slot;
use headroom_market::units::{Price, Resource};
use headroom_solver::recommend_swaps;

const SLOT: Slot = Slot::starting_at(600);
const SEED: u64 = 20_261_121;
const PROBLEMS: usize = 2_000;

/// Xorshift: the same problems in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as i64 % most.max(1)
    }
}

fn problem(chance: &mut Chance, moves: bool, budget: bool) -> SwapProblem {
    let mut problem = SwapProblem::default();
    for node in 1..=2 {
        let room = NodeRoom { pool: "p".to_owned(), free: chance.below(5), takes_movers: true };
        problem.rooms.insert((NodeId::from_raw(node), Resource::CpuMilli, SLOT), room);
    }
    for instance in 0..=chance.below(3) {
        let planned = chance.below(7);
        let waste = 1 + chance.below(9);
        problem.cells.push(Cell {
            instance: InstanceId::from_raw(instance as u128 + 1),
            pool: "p".to_owned(),
            node: NodeId::from_raw(1 + chance.below(2) as u128),
            resource: Resource::CpuMilli,
            slot: SLOT,
            planned,
            demand: chance.below(9),
            floor: chance.below(4),
            limit: planned + chance.below(4) - 1,
            max_swap: chance.below(4),
            most_freed: chance.below(5),
            may_move: moves && instance == 0,
            waste_price: Price::from_units(waste),
            sla_rate: Price::from_units(waste * (1 + chance.below(4))),
            change_price: Price::from_units(chance.below(3)),
            move_price: Price::from_units(2 + chance.below(9)),
            growth_price: Price::from_units(if budget && instance == 0 { 1 + chance.below(5) } else { 0 }),
        });
    }
    if budget {
        problem.budget_nano = Some(chance.below(12));
    }
    problem
}

fn cost(problem: &SwapProblem, plan: &SwapPlan) -> i128 {
    problem.figures(plan, |_| true).cost_nano()
}

/// The least cost of all plans that the check accepts.
fn brute_force(problem: &SwapProblem) -> i128 {
    fn visit(problem: &SwapProblem, plan: &mut SwapPlan, best: &mut i128) {
        let Some(cell) = problem.cells.get(plan.changes.len()) else {
            if check(problem, plan.clone()).is_ok() {
                *best = cost(problem, plan).min(*best);
            }
            return;
        };
        let most = cell.max_swap;
        for in_place in -most..=most {
            for moved in 0..=if cell.may_move { most } else { 0 } {
                plan.changes.push(Change { in_place, moved });
                visit(problem, plan, best);
                plan.changes.pop();
            }
        }
    }
    let mut best = cost(problem, &problem.as_it_is());
    visit(problem, &mut SwapPlan::default(), &mut best);
    best
}

#[test]
fn the_program_reaches_the_least_cost() {
    let mut chance = Chance(SEED);
    let mut changed = 0;
    for n in 0..PROBLEMS {
        let problem = problem(&mut chance, false, false);
        let plan = recommend_swaps(&problem).unwrap_or_else(|| panic!("seed {SEED}, {n}: no solution"));
        let plan = check(&problem, plan).unwrap_or_else(|b| panic!("seed {SEED}, {n}: {b:?} in {problem:#?}"));
        assert_eq!(cost(&problem, plan.plan()), brute_force(&problem), "seed {SEED}, {n}: {problem:#?}");
        changed += usize::from(plan.plan() != &problem.as_it_is());
    }
    assert!(changed * 3 > PROBLEMS, "only {changed} plans change anything");
}

/// The program knows only the room of the pool for a mover: where no node takes it, it is solved again
/// without moves. Where one does, the least cost is reached.
#[test]
fn moves_are_proposed_where_they_pay_and_fit() {
    let mut chance = Chance(SEED);
    let (mut moved, mut reached) = (0, 0);
    for n in 0..PROBLEMS {
        let problem = problem(&mut chance, true, false);
        let plan = recommended(&problem, recommend_swaps).unwrap_or_else(|| panic!("seed {SEED}, {n}: {problem:#?}"));
        let (ours, best) = (cost(&problem, plan.plan()), brute_force(&problem));
        assert!(ours >= best, "seed {SEED}, {n}: better than possible");
        assert!(ours <= brute_force(&problem.without_moves()), "seed {SEED}, {n}: {problem:#?}");
        moved += usize::from(plan.plan().changes.iter().any(|c| c.moved > 0));
        reached += usize::from(ours == best);
    }
    assert!(moved > PROBLEMS / 100, "only {moved} move");
    assert!(reached * 100 >= PROBLEMS * 98, "{reached} of {PROBLEMS} are the best");
}

/// One workload's growth is bounded by money: what the budget cuts into parts is rounded down.
#[test]
fn a_budget_is_kept() {
    let mut chance = Chance(SEED);
    let mut bound = 0;
    for n in 0..PROBLEMS {
        let problem = problem(&mut chance, false, true);
        let plan = recommended(&problem, recommend_swaps).unwrap_or_else(|| panic!("seed {SEED}, {n}: {problem:#?}"));
        let best = brute_force(&problem);
        assert_eq!(cost(&problem, plan.plan()), best, "seed {SEED}, {n}: {problem:#?}");
        bound += usize::from(brute_force(&SwapProblem { budget_nano: None, ..problem }) < best);
    }
    assert!(bound > PROBLEMS / 50, "the budget matters in {bound} only");
}
