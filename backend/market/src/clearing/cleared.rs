//! A round that is cleared, before it is put into the words of the format.
use super::place::Packing;
use super::problem::{Component, Market};
use super::rational::Rat;
use super::rounding::{Filled, Whole};
use super::search::Solved;
use std::collections::{BTreeMap, BTreeSet};

/// Everything an outcome is written from.
pub struct Cleared<'a> {
    pub m: &'a Market<'a>,
    pub components: Vec<(Component, Solved, Whole)>,
    pub awards: BTreeMap<usize, Filled>,
    pub packing: Packing,
    /// Greatest fill by order and alternative for which a host may be found.
    pub upper: Vec<Vec<Rat>>,
    /// The part of it that comes from the order's own rows.
    pub own: Vec<Vec<Rat>>,
    /// Alternatives of refused bids for which there is no host.
    pub homeless: Vec<Vec<bool>>,
    /// By refused bid and alternative: node, product and what is free of it where nothing fits.
    pub bottlenecks: BTreeMap<(usize, usize), (usize, usize, i128)>,
    /// Partly filled bids that nodes have no room for more of, and the same of what is short.
    pub cramped: BTreeMap<usize, (usize, usize, i128)>,
    /// Orders that have no part in the round.
    pub left_out: BTreeSet<usize>,
    /// No allocation that the nodes have room for is better.
    pub bound: Rat,
    /// Whether what lies between welfare and bound is due to placement alone.
    pub only_placement: bool,
    pub placement_cuts: u32,
    pub exact: bool,
}
