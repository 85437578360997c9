//! Which strategies a workload may have, and to which pools it may move by one.
use crate::pool::level::Level;
use crate::records::order::Assurance;
use crate::records::pool::Pool;
use crate::records::recallable::{self, can_be_recalled};
use crate::records::rejection::Rejection;
use crate::records::strategy::Strategy;
use crate::records::workload::Instance;
use crate::refusal::{Refusal, invalid};
use crate::state::State;
use crate::units::{Amounts, Credits};
use crate::workload::check::check_amounts;
use crate::workload::newsvendor;
use std::collections::BTreeSet;

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

/// Whether a workload of this baseline and limit may be moved to the pools and levels that its strategy names.
pub(super) fn check_move_to(
    state: &State,
    strategy: &Strategy,
    has: (&Amounts, &Amounts),
    is_adopted: bool,
    at: &str,
) -> Result<(), Refusal> {
    if strategy.move_to.len() > MOST_MOVE_TO {
        let detail =
            format!("A workload may move to {MOST_MOVE_TO} pools or levels at most. Name fewer, or a higher level.");
        return Err(invalid("too_many_pools", format!("{at}/move_to"), detail));
    }
    if is_adopted && !strategy.move_to.is_empty() {
        let detail = "An adopted workload stays where it runs. Leave move_to empty.";
        return Err(invalid("adopted_stays", format!("{at}/move_to"), detail));
    }
    for (index, named) in strategy.move_to.iter().enumerate() {
        let pointer = format!("{at}/move_to/{index}");
        if let Some(pool) = state.pools.get(named).filter(|p| !recallable::is_recallable(&p.slug)) {
            check_pool(state, strategy, has, pool, at, &pointer)?;
        } else if Level::read(named).is_none_or(|level| level.pools(state).next().is_none()) {
            return Err(invalid(
                "unknown_pool",
                pointer,
                Rejection::UnknownPool { index, slug: named.clone() }.detail(),
            ));
        }
    }
    Ok(())
}

/// The pools that a strategy names, with those of its levels that can have the workload.
pub fn allowed_pools<'a>(state: &'a State, instance: &Instance) -> Vec<&'a Pool> {
    let strategy = &*instance.strategy;
    let has = (&instance.baseline, &instance.limit);
    let agents: BTreeSet<&str> = state.nodes.values().filter(|n| n.has_agent()).map(|n| n.pool.as_str()).collect();
    let can_have =
        |pool: &Pool| !agents.contains(pool.slug.as_str()) && check_goes_on(state, strategy, has, pool, "", "").is_ok();
    let mut pools = named_pools(state, strategy);
    pools.retain(|pool| strategy.move_to.contains(&pool.slug) || can_have(pool));
    pools
}

/// The same with pools of its levels that cannot have it: a quick look.
pub(super) fn named_pools<'a>(state: &'a State, strategy: &Strategy) -> Vec<&'a Pool> {
    let levels: Vec<Level<'_>> = strategy.move_to.iter().filter_map(|text| Level::read(text)).collect();
    let at_level = |pool: &Pool| levels.iter().any(|level| level.has(pool));
    state.pools.values().filter(|pool| strategy.move_to.contains(&pool.slug) || at_level(pool)).collect()
}

fn check_pool(
    state: &State,
    strategy: &Strategy,
    has: (&Amounts, &Amounts),
    pool: &Pool,
    at: &str,
    pointer: &str,
) -> Result<(), Refusal> {
    let slug = &pool.slug;
    if state.nodes.values().any(|node| node.pool == *slug && node.has_agent()) {
        let detail = format!("The nodes of `{slug}` run services and adopted workloads only. Choose another pool.");
        return Err(invalid("pool_of_agents", pointer, detail));
    }
    check_goes_on(state, strategy, has, pool, at, pointer)
}

fn check_goes_on(
    state: &State,
    strategy: &Strategy,
    (baseline, limit): (&Amounts, &Amounts),
    pool: &Pool,
    at: &str,
    pointer: &str,
) -> Result<(), Refusal> {
    let slug = &pool.slug;
    let mut needed = baseline.iter().chain(limit).filter(|(_, quantity)| **quantity > 0).map(|(r, _)| r);
    if let Some(resource) = needed.find(|r| !pool.resources.contains(r)) {
        let detail = format!("Pool `{slug}` does not have {resource}, which the workload has. Leave the pool out.");
        return Err(invalid("resource_not_in_pool", pointer, detail));
    }
    // What it asks for and lends by itself goes on there.
    check_strategy(state, pool, strategy, at).map_err(|refusal| {
        let detail = format!("In `{slug}` its strategy would go on, and cannot: {}", refusal.detail);
        Refusal { pointer: pointer.to_owned(), detail, ..refusal }
    })
}
