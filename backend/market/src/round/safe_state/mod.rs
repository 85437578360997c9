//! The safe state (rule book §8): where no round was held before a slot's gate, workloads go on with what they have, at
//! an administered price, until rounds are held again.
//!
//! A slot *rolls* in a pool if none of the rounds sealed shortly before its gate was recorded: the pool is halted, rounds are
//! void, or the process was not there. What a workload has in the slot before and
//! has not won for this one already, it has in this one as well, at the mean price of the hour (`pool/hourly.rs`).
//!
//! Invariants: nobody pays more than its own limit of what is rolled, or sells for less; nobody without the money pays;
//! who does not want it says so (`Strategy::lets_go_in_safe_state`). Lenders go on lending only what somebody on their node needs, so what is
//! lent never exceeds what is bought. Nobody is moved, nothing sits on a node that has no room for it.
//! Absent on purpose: what may be taken back, and what a workload has in another pool, which end with their slots.
mod lenders;
mod rolling;

use crate::event::Event;
use crate::records::market::{Market, PoolRounds, Rhythm};
use crate::records::pool::PoolSlug;
use crate::records::recallable::is_recallable;
pub use crate::records::round::{LeftOut, NO_ROUND, NotRolled, RolledSlot};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use rolling::roll_pool;
use std::collections::BTreeSet;

/// How long before a gate a round counts as the slot's: six intervals, half a minute at least, half a slot at most.
fn late_seconds(rhythm: &Rhythm) -> i64 {
    (6 * rhythm.round_seconds).max(30).min(rhythm.slot_seconds / 2)
}

/// The pools in which a round that is sealed now trades.
pub fn trading(state: &State) -> BTreeSet<PoolSlug> {
    let trades = |slug: &&PoolSlug| !is_recallable(slug) && state.halt(slug).is_none();
    state.pools.keys().filter(trades).cloned().collect()
}

/// Notes that a round of these pools was held, or that nobody wanted one, at `at`.
pub fn note_round(turn: &mut Turn<'_>, pools: BTreeSet<PoolSlug>, at: Timestamp) {
    let market = &turn.state.market;
    let held_until = held_until(&market.rhythm, at);
    let is_behind = |slug: &PoolSlug| market.pool_rounds.get(slug).is_none_or(|r| r.held_until < held_until);
    let behind: Vec<PoolSlug> = pools.into_iter().filter(is_behind).collect();
    if behind.is_empty() {
        return;
    }
    let mut market = market.clone();
    for pool in behind {
        let first = PoolRounds { held_until, slots_rolled: 0, last_rolled: None };
        market.pool_rounds.entry(pool).or_insert(first).held_until = held_until;
    }
    turn.emit(Event::MarketChanged(market));
}

/// What a round says of slots: early in the time before a gate, only that those before have passed.
fn held_until(rhythm: &Rhythm, at: Timestamp) -> Slot {
    let slot = rhythm.first_open(at);
    let is_late = at >= rhythm.gate_closes(slot).plus_seconds(-late_seconds(rhythm));
    if is_late { slot } else { slot.plus(-1, rhythm.slot_seconds) }
}

/// Whether a slot of a pool begins without a round, where its gate closes now.
pub fn rolls(market: &Market, pool: &str, slot: Slot) -> bool {
    market.pool_rounds.get(pool).is_some_and(|rounds| rounds.held_until < slot)
}

/// Rolls what was allocated in the slot that was planned last into `slot`, whose gate has closed, in the pools in which
/// no round was held for it. Answers who goes on with less.
pub fn roll(turn: &mut Turn<'_>, slot: Slot) -> Vec<NotRolled> {
    let rhythm = &turn.state.market.rhythm;
    let from = turn.state.market.planned_until.plus(-1, rhythm.slot_seconds);
    // After a standstill that is longer than anybody could have planned, all begin anew.
    let is_recent = from < slot && slot <= from.plus(rhythm.horizon_slots, rhythm.slot_seconds);
    // What a sealed round may still award is on no node yet.
    if !is_recent || turn.state.sealed.is_some() {
        return Vec::new();
    }
    let pools: Vec<PoolSlug> =
        turn.state.pools.keys().filter(|slug| rolls(&turn.state.market, slug, slot)).cloned().collect();
    let mut left_out = Vec::new();
    for pool in pools {
        left_out.extend(roll_pool(turn, pool, from, slot));
    }
    left_out
}
