//! Bids of a workload in other pools than its own.
//!
//! What a workload has in its own pool it can't have elsewhere, so there a bid buys all of it: its baseline and
//! what the bid adds. All or nothing, as half a workload runs nowhere.
use crate::records::order::OrderRequest;
use crate::records::recallable::firm;
use crate::records::rejection::Rejection;
use crate::records::workload::Instance;
use crate::state::State;
use crate::units::{Amounts, Resource, Share};
use std::borrow::Cow;

/// Whether a request would have its workload in another pool than its own.
pub fn leaves(state: &State, request: &OrderRequest) -> bool {
    request.pools.iter().any(|choice| carried(state, request, &choice.pool).is_some())
}

/// The workload that a request would carry to a pool.
pub fn carried<'a>(state: &'a State, request: &OrderRequest, pool: &str) -> Option<&'a Instance> {
    request.instance.and_then(|id| state.instances.get(&id)).filter(|instance| instance.pool != firm(pool))
}

/// What a bid takes of each resource in a pool, per replica and slot, for `resources` more than its workload has.
pub fn amounts<'a>(state: &State, request: &OrderRequest, resources: &'a Amounts, pool: &str) -> Cow<'a, Amounts> {
    let Some(instance) = carried(state, request, pool) else { return Cow::Borrowed(resources) };
    let mut whole = instance.baseline.clone();
    for (resource, quantity) in resources {
        let all = whole.entry(*resource).or_default();
        *all = all.saturating_add(*quantity);
    }
    whole.retain(|_, quantity| *quantity > 0);
    Cow::Owned(whole)
}

/// Whether a bid's form allows it to carry its workload.
pub fn check(state: &State, request: &OrderRequest, whole: Share) -> Result<(), Rejection> {
    for (index, choice) in request.pools.iter().enumerate() {
        let Some(instance) = carried(state, request, &choice.pool) else { continue };
        let away = || choice.pool.clone();
        if instance.adopted.is_some() {
            return Err(Rejection::AwayOfAdopted { index, home: instance.pool.clone() });
        }
        if state.nodes.values().any(|node| node.pool == choice.pool && node.has_agent()) {
            return Err(Rejection::AwayToAgents { index, pool: away() });
        }
        if request.min_fill != whole {
            return Err(Rejection::AwayNotWhole { pool: away(), home: instance.pool.clone() });
        }
        if request.no_displacement {
            return Err(Rejection::AwayWithoutMove { pool: away() });
        }
        let pool = state.pools.get(&choice.pool);
        let lacks = |resource: &&Resource| pool.is_some_and(|p| !p.resources.contains(resource));
        if let Some(resource) = amounts(state, request, &request.resources, &choice.pool).keys().find(lacks) {
            return Err(Rejection::AwayWithoutResource { index, resource: *resource, pool: away() });
        }
    }
    Ok(())
}
