//! What may be taken back of a pool's capacity: opening trade in it. Names are in `records/recallable.rs`.
pub use crate::records::recallable::*;

use crate::event::Event;
use crate::ids::PoolId;
use crate::records::pool::{Pool, PoolSlug};
use crate::refusal::{Refusal, RefusalKind, invalid, not_found};
use crate::turn::Turn;
use crate::units::{Resource, Share};
use std::collections::BTreeMap;

/// Opens trade in what may be taken back of a pool's capacity. Twice is no error.
pub fn open(turn: &mut Turn<'_>, slug: &str) -> Result<PoolSlug, Refusal> {
    let pool = turn.state.pools.get(slug).filter(|_| !is_recallable(slug)).cloned().ok_or_else(|| not_found("pool"))?;
    let twin = of(slug);
    if turn.state.pools.contains_key(&twin) {
        return Ok(twin);
    }
    let resources: Vec<Resource> = pool.resources.iter().copied().filter(|r| can_be_recalled(*r)).collect();
    if resources.is_empty() {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "nothing_recallable",
            pointer: String::new(),
            detail: format!("Pool `{slug}` has no resource that can be taken back in the middle of a slot: CPU can."),
        });
    }
    let id = PoolId::next(&mut turn.ids);
    turn.emit(Event::PoolChanged(Pool {
        id,
        slug: twin.clone(),
        name: format!("{}, recallable", pool.name),
        resources,
        release_start: Share::ZERO,
        reserve_version: 0,
        halted: None,
        shortage_cost: BTreeMap::new(),
        settings_version: 0,
        moves_at_once: None,
        move_approval: false,
        created_at: turn.now,
        ..pool
    }));
    Ok(twin)
}

/// What an admin does with the operator's supply has no meaning in a pool without any.
pub fn refuse_reserve(slug: &str) -> Result<(), Refusal> {
    if !is_recallable(slug) {
        return Ok(());
    }
    let detail = format!(
        "The operator has no supply in `{slug}`: its prices come from those who lend there. Set the reserve prices of `{}`.",
        firm(slug)
    );
    Err(invalid("no_supply_in_recallable", "/slug", detail))
}
