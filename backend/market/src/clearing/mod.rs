//! The clearing problem, its exact solution and its certificate.
//!
//! A book goes in, an outcome comes out; in between there is nothing but integers and exact
//! rationals, so the same book gives the same bytes anywhere and for ever. What a solver with
//! floats has to say enters as a proposal only (`Proposer`); what leaves is checked by `check`,
//! which shares no code with the search.
//!
//! Deliberately absent: I/O, clocks, randomness, floats, threads and any wall-clock limit.
mod attempt;
mod behind;
pub mod book;
mod branch;
pub(crate) mod budget_reason;
mod carried;
pub mod check;
mod choice;
mod cleared;
mod collar;
mod detour;
mod emptied;
mod engine;
mod explain;
mod externality;
mod fault;
mod first;
mod flow;
mod foremost;
mod gain;
pub mod generate;
mod hopeless;
mod hosting;
mod idle;
mod in_step;
mod integers;
mod keys;
mod leave_out;
mod lots;
mod margin;
mod model;
mod nodal;
pub mod outcome;
mod parse;
mod pin;
mod place;
mod prefer;
mod price;
pub mod problem;
mod proposal;
mod qp;
mod ration;
pub mod rational;
mod reach;
mod remainders;
mod repair;
mod room;
mod rounding;
mod search;
mod shares;
mod simplex;
mod support;
mod tied;
mod ties;
mod unsold;
mod upstream;
mod validate;
mod values;
mod whole_welfare;
mod winning;

pub use book::{
    Alternative, Book, Budget, Class, Committed, Fault, Fraction, Instance, Money, Node, Order, Product, ProductKey,
    Quantity, Side, Step,
};
pub use check::{Broken, Verified, verify, verify_round};
pub use engine::clear;
pub use externality::{Externality, chosen, externality};
pub use fault::ClearFault;
pub use outcome::{Mode, Outcome};
pub use parse::parse;
pub use proposal::{IntegerColumn, IntegerProgram, IntegerRow, NoProposal, Proposal, Proposer};
pub use winning::{Asked, Tried, Winning, award_with, full_fill_limit, winning_limit, winning_limit_by};

/// Limits of the search, in nodes and cuts of a component and work in all, never in time.
#[derive(Clone, Debug)]
pub struct Limits {
    pub nodes: u64,
    /// Columns times nodes of one component's search, beyond its first ones.
    pub search: u64,
    pub max_cuts: u32,
    /// Entries that the programs of one component's search may work on, by their length. Programs
    /// whose fractions grow long end here; then the proposal stands, with the bound reached.
    pub effort: u64,
    /// Columns times programs solved. Once it is spent, whatever has no host is cut at once and
    /// stays out: the outcome is as exact as any, and further from the best.
    pub work: u64,
    /// Leaves every order with a min_fill or with several alternatives out of the round.
    pub without_blocks: bool,
    /// Takes nobody's part of a replica, not even at the margin, where lenders would be paid for it. The
    /// rule book lets rounding leave as much slack as a replica of each bid; a market pays for it.
    pub whole_replicas: bool,
    /// Cuts bids in replicas that may lie on several nodes before those that can lie on one only, whatever they are
    /// worth: another way that `clear` tries.
    pub bound_first: bool,
    /// Rounds shares of replicas at a collar, though somebody's comes to nothing, where bounding them by whole replicas
    /// would have its price fall: what `clear` tries once more where that breaks a rule.
    pub parts_at_collars: bool,
    /// Takes a unit or two from who is owed all of it, where no integers give it to everybody along arcs that lose
    /// something: another way that `clear` tries before it gives whole orders up.
    pub cut_units: bool,
}

impl Limits {
    /// What the checker lets offers in replicas do.
    fn lending(&self) -> check::Lending {
        if self.whole_replicas { check::Lending::Bought } else { check::Lending::Rounded }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            nodes: 20_000,
            search: 4_000_000,
            max_cuts: 2_000,
            effort: 20_000_000,
            work: u64::MAX,
            without_blocks: false,
            whole_replicas: false,
            bound_first: false,
            parts_at_collars: false,
            cut_units: false,
        }
    }
}

impl Limits {
    /// Those of a round of a market: rounds are small and come every few seconds. A round that is
    /// not small ends in seconds, too; `examples/clear_cost.rs` and `awkward_cost.rs` (of the solver) measure it.
    pub const PRODUCTION: Limits = Limits {
        nodes: 4_000,
        search: 200_000,
        max_cuts: 200,
        effort: 10_000_000,
        work: 600_000,
        without_blocks: false,
        whole_replicas: true,
        bound_first: false,
        parts_at_collars: false,
        cut_units: false,
    };
}
