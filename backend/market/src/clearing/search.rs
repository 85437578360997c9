//! What a search for the best supportable allocation of one component works with, and what it comes to.
//!
//! How it branches is in `branch`, how it gets from blocks that no prices support to some that they do in `repair`,
//! whether prices support a choice in `support`, and which of several equal ones it takes in `prefer`.
use super::model::Model;
use super::problem::{Component, Market};
use super::rational::Rat;
use super::simplex::Simplex;
use super::tied::Tied;
use super::{Limits, Mode};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// A component's allocation and prices.
#[derive(Clone, Debug)]
pub struct Solved {
    pub model: Model,
    pub values: Vec<Rat>,
    pub low: Vec<Rat>,
    pub high: Vec<Rat>,
    pub welfare: Rat,
    /// No allocation is better, supported by prices or not.
    pub bound: Rat,
    pub cuts: u32,
    pub exact: bool,
    pub rationed: bool,
    /// Blocks left out because the search ended without them.
    pub dropped: BTreeSet<usize>,
    /// Alternative of each block that won.
    pub winners: BTreeMap<usize, usize>,
    /// Nodes of the search, and entries that its programs worked on.
    pub nodes: u64,
    pub effort: u64,
}

/// Entries that programs may work on in one search for accepted blocks that share with nobody.
pub const APART: u64 = 1_000_000;

/// Nodes that a component's search may use whatever its size.
const LEAST: u64 = 200;

/// How many nodes the search of a component may visit: small ones are searched to the end, large
/// ones stop early.
pub fn search_nodes(m: &Market, c: &Component, limits: &Limits) -> u64 {
    let alternatives = |i: &usize| m.orders[*i].alternatives.len();
    let columns = c.orders.iter().map(alternatives).sum::<usize>() + c.steps.len() + c.arcs.len();
    limits.nodes.min((limits.search / columns.max(1) as u64).max(LEAST))
}

#[derive(Clone)]
pub(super) struct Node {
    pub simplex: Simplex,
    /// Blocks whose choice is made: accepted column, or none.
    pub decided: BTreeMap<usize, Option<usize>>,
    pub bound: Option<Rat>,
}

/// A candidate that won so far.
pub(super) struct Best {
    pub welfare: Rat,
    pub accepted: BTreeMap<usize, usize>,
    /// The program that was solved for it, where its prices are those of the program.
    pub simplex: Option<Box<Simplex>>,
    /// Present only where a collar rations.
    pub shared: Option<super::collar::Rationed>,
}

/// What a search came to.
pub(super) struct Found {
    pub best: Option<Best>,
    pub bound: Rat,
    pub cuts: u32,
    pub exact: bool,
    /// Whether it ended because its effort was spent.
    pub exhausted: bool,
    pub nodes: u64,
    pub effort: u64,
    pub tied: Tied,
}

pub struct Search<'a> {
    pub m: &'a Market<'a>,
    pub c: &'a Component,
    pub upper: &'a [Vec<Rat>],
    pub mode: Mode,
    pub nodes: u64,
    pub max_cuts: u32,
    /// Entries that the simplex may work on in all.
    pub effort: u64,
    /// Proposed alternative of each block, from outside.
    pub proposal: Option<BTreeMap<usize, usize>>,
    /// Programs that may still be solved for prices where nodes are full.
    pub programs: Cell<usize>,
    /// Entries that programs may still work on where a collar rations.
    pub rationing: &'a Cell<u64>,
    /// The same for accepted blocks that share with nobody.
    pub apart: Cell<u64>,
    /// Whether the component was searched with fewer bounds just before: then less of it is spent once a choice is found.
    pub again: bool,
}

/// What repairs may still do, in programs, and what they have done.
pub(super) struct Allowance {
    pub programs: u64,
    /// Entries that the programs worked on.
    pub effort: u64,
}
