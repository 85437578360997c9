//! What a workload does by itself: setting its strategy, and the usual one.
use crate::event::Event;
use crate::ids::{InstanceId, ParticipantId};
use crate::records::recallable::can_be_recalled;
use crate::records::strategy::{AutoOffer, Strategy};
use crate::records::workload::Instance;
use crate::refusal::{Refusal, stale};
use crate::state::State;
use crate::turn::Turn;
use crate::units::{Amounts, Price, Resource};
use crate::workload::check::own;
use crate::workload::relocation;
use crate::workload::strategy_check::{allowed_pools, check_move_to, check_strategy};
use std::collections::BTreeMap;

/// What a workload lends whose owner has said nothing of lending, so that capacity does not idle for want of attention:
/// what a limit alone takes back, at the pool's reserve price or more. Memory and devices come back by work of its own
/// program, and a compensation is due where it fails: that is for its owner to choose.
pub fn lent_by_default(baseline: &Amounts) -> Option<AutoOffer> {
    let lends = |(resource, quantity): (&Resource, &i64)| {
        (*quantity > 0 && can_be_recalled(*resource)).then_some((*resource, Price::ZERO))
    };
    let minimum_price: BTreeMap<Resource, Price> = baseline.iter().filter_map(lends).collect();
    let offer = AutoOffer { minimum_price, at_least_reserve_price: true, recallable_price: BTreeMap::new() };
    Some(offer).filter(|offer| !offer.minimum_price.is_empty())
}

/// Whether a workload may have a strategy from now on.
pub fn check_for(state: &State, instance: &Instance, strategy: &Strategy) -> Result<(), Refusal> {
    check_strategy(state, &state.pools[&instance.pool], strategy, "")?;
    let has = (&instance.baseline, &instance.limit);
    check_move_to(state, strategy, has, instance.adopted.is_some(), "")
}

/// The whole strategy: what it leaves out is off from now on.
pub fn set(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    id: InstanceId,
    strategy: Strategy,
    expected_version: Option<u64>,
) -> Result<InstanceId, Refusal> {
    let mut instance = own(turn.state, participant, id)?;
    if expected_version.is_some_and(|expected| expected != instance.strategy_version) {
        return Err(stale("The strategy is", instance.strategy_version));
    }
    check_for(turn.state, &instance, &strategy)?;
    instance.strategy = Box::new(strategy);
    instance.strategy_version += 1;
    let allowed = allowed_pools(turn.state, &instance);
    if instance.relocation.as_ref().is_some_and(|r| allowed.iter().all(|pool| pool.slug != r.pool_to)) {
        relocation::withdraw(&mut instance, turn.now);
    }
    turn.emit(Event::InstanceChanged(instance));
    let outlook = turn.state.outlooks.get(&id).cloned().unwrap_or_default();
    crate::workload::auto::follow(turn, id, &outlook);
    Ok(id)
}
