//! How a market begins.
use crate::command::Reply;
use crate::event::Event;
pub use crate::records::market::{Market, Rhythm};
use crate::refusal::{Refusal, conflict};
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::Price;
use std::collections::BTreeMap;

/// Begins the market: once, before there is anything in it.
pub fn open(turn: &mut Turn<'_>, name: String, rhythm: Rhythm, price_cap: Price, demo: bool) -> Result<Reply, Refusal> {
    if turn.state.market.last_round > 0 || !turn.state.participants.is_empty() {
        return Err(conflict("market_open", "The market's rhythm is written once and never changes."));
    }
    if let Some(fault) = rhythm.fault() {
        return Err(conflict("rhythm_impossible", fault));
    }
    let first = Slot::containing(turn.now, rhythm.slot_seconds).plus(1, rhythm.slot_seconds);
    turn.emit(Event::MarketChanged(Market {
        name,
        rhythm,
        price_cap,
        demo,
        last_round: 0,
        last_root: String::new(),
        full_round: 0,
        planned_until: first,
        settled_until: first,
        pool_rounds: BTreeMap::new(),
        created_at: turn.now,
        two_person_approval: false,
    }));
    Ok(Reply::Done)
}
