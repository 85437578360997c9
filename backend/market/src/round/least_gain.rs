//! θ of the rule book: what a move has to gain.
//!
//! A move costs more than its fee: a shadow run, its nodes' network, a pause, a risk. Where an admin has set a least
//! gain of a pool (`Pool::least_move_gain`), a workload goes to another node only if the round is worth more with that by
//! at least this share of what is moved: its baseline in the slots of the bid that wants it, at reference prices. The
//! trials of a round count it (`round/movers.rs`); a bid that may carry its workload to another pool has it as an adder
//! beside its fees (`round/away.rs`). It is paid to nobody.
use crate::command::Reply;
use crate::pool::admin::{change_settings, pool_to_set};
use crate::pool::{Pool, PoolSlug};
use crate::refusal::{Refusal, invalid};
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Credits, Price, Share};
use crate::workload::Instance;

/// Ten times what is moved.
const MOST: Share = Share::from_units(10_000_000);
/// Nano-credits of a price in a micro-credit, times the millionths of a share.
const NANO_MILLIONTHS: i128 = 1_000 * 1_000_000;

/// Sets the least gain of moves that begin in a pool; those that are planned stay.
pub fn set(turn: &mut Turn<'_>, slug: &str, share: Share, expected_version: Option<u64>) -> Result<Reply, Refusal> {
    let pool = pool_to_set(turn.state, slug, expected_version)?;
    if !(Share::ZERO..=MOST).contains(&share) {
        let detail = "A least gain is from \"0\" (none) to \"10\": ten times what is moved.";
        return Err(invalid("least_gain_out_of_range", "/least_move_gain", detail));
    }
    change_settings(turn, &pool, Pool { least_move_gain: share, ..pool.clone() });
    Ok(Reply::Pool(PoolSlug::from(slug)))
}

/// What a workload's move has to gain for a bid for these slots, rounded up.
pub fn of(state: &State, instance: &Instance, slots: &[Slot]) -> Credits {
    let share = state.pools.get(&instance.pool).map_or(Share::ZERO, |pool| pool.least_move_gain);
    if share.is_zero() {
        return Credits::ZERO;
    }
    let worth = |slot: &Slot| -> i128 {
        let parts = instance.baseline_in(*slot).iter();
        let price = |resource| state.known_reference(&instance.pool, resource, *slot).unwrap_or(Price::ZERO);
        parts
            .map(|(resource, quantity)| i128::from(price(*resource).units()).saturating_mul(i128::from(*quantity)))
            .sum()
    };
    let moved: i128 = slots.iter().map(worth).sum();
    let least = moved.saturating_mul(i128::from(share.units())).saturating_add(NANO_MILLIONTHS - 1) / NANO_MILLIONTHS;
    Credits::from_units(i64::try_from(least).unwrap_or(i64::MAX))
}
