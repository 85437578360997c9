//! What a workload does by itself: which strategies there may be, and setting one.
use crate::event::Event;
use crate::ids::{InstanceId, ParticipantId};
use crate::records::order::Assurance;
use crate::records::pool::Pool;
use crate::records::recallable::{self, can_be_recalled};
use crate::records::strategy::{AutoOffer, Strategy};
use crate::records::workload::Instance;
use crate::refusal::{Refusal, invalid, stale};
use crate::state::State;
use crate::turn::Turn;
use crate::units::{Amounts, Credits, Price, Resource};
use crate::workload::check::{check_amounts, own};
use crate::workload::{newsvendor, relocation};
use std::collections::BTreeMap;

/// A day: longer than any market's slots are open.
pub const MOST_NOTICE_SECONDS: u32 = 86_400;

/// More places than these are no choice that anybody has looked at.
const MOST_MOVE_TO: usize = 8;

/// A million credits: above it nothing moves anyway, and it stays far from what an amount can hold.
const MOST_MOVE_FEE: Credits = Credits::from_units(1_000_000_000_000);

/// Whether a workload of this pool may have it; `at`: where in a request it stands.
pub(super) fn check_strategy(state: &State, pool: &Pool, strategy: &Strategy, at: &str) -> Result<(), Refusal> {
    let promised = strategy.auto_bid.as_ref().and_then(|s| s.promised_service_level);
    if let Some(level) = promised.filter(|level| !newsvendor::can_be_promised(*level)) {
        return Err(invalid(
            "service_level_out_of_range",
            format!("{at}/auto_bid/promised_service_level"),
            format!(
                "A promised service level is more than 0 and less than 1, like 0.95; {level} is not. Leave it out to promise nothing."
            ),
        ));
    }
    check_amounts(pool, &strategy.max_swap, format!("{at}/max_swap").trim_start_matches('/'))?;
    if strategy.move_fee.is_negative() || strategy.move_fee > MOST_MOVE_FEE {
        return Err(invalid(
            "move_fee_out_of_range",
            format!("{at}/move_fee"),
            format!("A move fee is from 0 to {MOST_MOVE_FEE} credits."),
        ));
    }
    if let Some(resource) = strategy.draws.keys().find(|r| !recallable::can_be_recalled(**r)) {
        return Err(invalid(
            "draws_by_hand_only",
            format!("{at}/draws/{resource}"),
            format!("{resource} is not drawn automatically: a program in need of it does not show. Draw it yourself."),
        ));
    }
    if strategy.notice_seconds > MOST_NOTICE_SECONDS {
        return Err(invalid(
            "notice_out_of_range",
            format!("{at}/notice_seconds"),
            format!("A notice is from 0 to {MOST_NOTICE_SECONDS} seconds, a day."),
        ));
    }
    let bids_for_it = strategy.auto_bid.as_ref().is_some_and(|s| s.assurance == Assurance::Recallable);
    if promised.is_some() && bids_for_it {
        return Err(invalid(
            "promise_of_recallable",
            format!("{at}/auto_bid/promised_service_level"),
            "A promise can't rest on what others may take back. Bid firmly, or promise nothing.",
        ));
    }
    let lends_it = strategy.auto_offer.as_ref().is_some_and(|s| !s.recallable_price.is_empty());
    if (bids_for_it || lends_it) && !state.pools.contains_key(&recallable::of(&pool.slug)) {
        let field = if bids_for_it { "auto_bid/assurance" } else { "auto_offer/recallable_price" };
        let detail = format!(
            "Recallable capacity is not traded in pool `{}`. Leave it out, or ask an admin to open it.",
            pool.slug
        );
        return Err(invalid("recallable_not_traded", format!("{at}/{field}"), detail));
    }
    let recallable =
        strategy.auto_offer.iter().flat_map(|s| s.recallable_price.iter().map(|e| ("auto_offer/recallable_price", e)));
    if let Some((field, (resource, _))) = recallable.clone().find(|(_, (r, _))| !can_be_recalled(**r)) {
        let detail =
            format!("{resource} can't be taken back by a limit alone, so it is not lent as recallable. Leave it out.");
        return Err(invalid("no_vacate_path", format!("{at}/{field}/{resource}"), detail));
    }
    let prices = strategy.auto_bid.iter().flat_map(|s| s.shortage_cost.iter().map(|e| ("auto_bid/shortage_cost", e)));
    let minimums =
        strategy.auto_offer.iter().flat_map(|s| s.minimum_price.iter().map(|e| ("auto_offer/minimum_price", e)));
    let draws = strategy.draws.iter().map(|e| ("draws", e));
    for (field, (resource, price)) in prices.chain(minimums).chain(recallable).chain(draws) {
        let pointer = format!("{at}/{field}/{resource}");
        if !pool.resources.contains(resource) {
            return Err(invalid(
                "resource_not_in_pool",
                pointer,
                format!("Pool `{}` does not have {resource}.", pool.slug),
            ));
        }
        if price.is_negative() || *price > state.market.price_cap {
            return Err(invalid(
                "price_out_of_range",
                pointer,
                format!("Prices are from 0 to the price cap, {}.", state.market.price_cap),
            ));
        }
    }
    Ok(())
}

/// Whether a workload of this baseline and limit may be moved to the pools that its strategy names.
pub(super) fn check_move_to(
    state: &State,
    strategy: &Strategy,
    (baseline, limit): (&Amounts, &Amounts),
    is_adopted: bool,
    at: &str,
) -> Result<(), Refusal> {
    if strategy.move_to.len() > MOST_MOVE_TO {
        let detail = format!("A workload may move to {MOST_MOVE_TO} pools at most. Name fewer.");
        return Err(invalid("too_many_pools", format!("{at}/move_to"), detail));
    }
    if is_adopted && !strategy.move_to.is_empty() {
        let detail = "An adopted workload stays where it runs. Leave move_to empty.";
        return Err(invalid("adopted_stays", format!("{at}/move_to"), detail));
    }
    for (index, slug) in strategy.move_to.iter().enumerate() {
        let pointer = format!("{at}/move_to/{index}");
        let Some(pool) = state.pools.get(slug).filter(|p| !recallable::is_recallable(&p.slug)) else {
            let detail = format!("There is no pool `{slug}`. GET /v1/pools lists them.");
            return Err(invalid("unknown_pool", pointer, detail));
        };
        if state.nodes.values().any(|node| node.pool == *slug && node.has_agent()) {
            let detail = format!("The nodes of `{slug}` run services and adopted workloads only. Choose another pool.");
            return Err(invalid("pool_of_agents", pointer, detail));
        }
        let mut needed = baseline.iter().chain(limit).filter(|(_, quantity)| **quantity > 0).map(|(r, _)| r);
        if let Some(resource) = needed.find(|r| !pool.resources.contains(r)) {
            let detail = format!("Pool `{slug}` does not have {resource}, which the workload has. Leave the pool out.");
            return Err(invalid("resource_not_in_pool", pointer, detail));
        }
        // What it asks for and lends by itself goes on there.
        check_strategy(state, pool, strategy, at).map_err(|refusal| {
            let detail = format!("In `{slug}` its strategy would go on, and cannot: {}", refusal.detail);
            Refusal { pointer, detail, ..refusal }
        })?;
    }
    Ok(())
}

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
    if instance.relocation.as_ref().is_some_and(|r| !strategy.move_to.contains(&r.pool_to)) {
        relocation::withdraw(&mut instance, turn.now);
    }
    instance.strategy = Box::new(strategy);
    instance.strategy_version += 1;
    turn.emit(Event::InstanceChanged(instance));
    let outlook = turn.state.outlooks.get(&id).cloned().unwrap_or_default();
    crate::workload::auto::follow(turn, id, &outlook);
    Ok(id)
}
