//! Integers for what was rounded badly: a small program in whole numbers, searched in floats for a number of nodes.
use crate::near;
use good_lp::{Expression, ProblemVariables, SolverModel, Variable, variable};
use headroom_market::clearing::IntegerProgram;
use headroom_market::clearing::rational::Rat;
use microlp::SolveOptions;

/// Columns times nodes that a search may use.
const WORK: u64 = 2_000_000;

/// The values of the columns in the best solution found. They are counted from the least that each may be.
pub fn solve(program: &IntegerProgram) -> Option<Vec<i128>> {
    let mut variables = ProblemVariables::new();
    let mut columns: Vec<Variable> = Vec::new();
    for column in &program.columns {
        let room = u32::try_from(column.most - column.least).ok()?;
        columns.push(variables.add(variable().integer().min(0.0).max(f64::from(room))));
    }
    let most = program.columns.iter().map(|column| near(&column.gain).abs()).fold(1e-9, f64::max);
    let gains = program.columns.iter().zip(&columns);
    let objective = gains.fold(Expression::default(), |sum, (column, x)| sum + near(&column.gain) / most * *x);
    let mut problem = variables.maximise(objective).using(good_lp::microlp);
    for row in &program.rows {
        if row.terms.is_empty() {
            continue;
        }
        let (mut sum, mut there) = (Expression::default(), Rat::ZERO);
        for (j, by) in &row.terms {
            sum += near(by) * columns[*j];
            there = &there + &(by * &Rat::int(program.columns[*j].least));
        }
        if let Some(most) = &row.most {
            problem = problem.with(sum.clone().leq(near(&(most - &there))));
        }
        problem = problem.with(sum.geq(near(&(&row.least - &there))));
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some((WORK / columns.len().max(1) as u64).max(1));
    let solution = problem.as_inner().solve_with(options).ok()?.into_solution().ok()?;
    let values: Vec<f64> = solution.iter().map(|(_, value)| value).collect();
    let found = program.columns.iter().zip(values).map(|(column, value)| column.least + whole(value));
    Some(found.collect())
}

#[expect(clippy::cast_possible_truncation, reason = "the columns are small, and whoever asked counts again")]
fn whole(value: f64) -> i128 {
    value.round() as i128
}
