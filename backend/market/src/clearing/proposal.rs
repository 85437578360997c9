//! What may be proposed from outside, by whoever computes with floats.
use super::problem::{Component, Market};
use super::rational::Rat;
use std::collections::BTreeMap;

/// Proposes values for the binaries; floats live behind it.
///
/// The answer names the alternative of every block (by index of the order) that should win;
/// blocks that it does not name are refused. `None` = no idea. A proposal can only save work: the
/// exact search starts from it and proves or improves it.
pub trait Proposer {
    fn propose(&self, problem: &Proposal) -> Option<BTreeMap<usize, usize>>;

    /// Values of the columns of a program in integers, in their order; whoever asks counts them again. `None` = no idea.
    fn integers(&self, _: &IntegerProgram) -> Option<Vec<i128>> {
        None
    }
}

/// `Σ gain · x` as much as can be, with every row kept.
pub struct IntegerProgram {
    pub columns: Vec<IntegerColumn>,
    pub rows: Vec<IntegerRow>,
}

/// A whole number between two others.
#[derive(Clone)]
pub struct IntegerColumn {
    pub least: i128,
    pub most: i128,
    pub gain: Rat,
}

/// `least ≤ Σ coefficient · column ≤ most`.
pub struct IntegerRow {
    pub terms: Vec<(usize, Rat)>,
    pub least: Rat,
    pub most: Option<Rat>,
}

/// A proposer without ideas.
pub struct NoProposal;

impl Proposer for NoProposal {
    fn propose(&self, _: &Proposal) -> Option<BTreeMap<usize, usize>> {
        None
    }
}

/// What a proposer sees: a component by numbers.
pub struct Proposal<'a> {
    pub market: &'a Market<'a>,
    pub component: &'a Component,
    pub upper: &'a [Vec<Rat>],
}
