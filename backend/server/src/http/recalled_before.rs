//! How much of what may be taken back was there in the end, for whoever would buy some: a cheap unit that is taken back is
//! none.
use crate::app::App;
use crate::http::problem::{Answered, Problem};
use headroom_market::book::{Assurance, OrderRequest, Side};
use headroom_market::pool::recallable::firm;
use headroom_market::pool::{PoolSlug, Product};
use headroom_market::record::Table;
use headroom_market::round::supply::book_product;
use headroom_market::state::State as Market;
use headroom_market::time::Timestamp;
use headroom_market::units::{Credits, Resource};
use headroom_store::read::Scope;

/// Slots that are looked back on.
const SLOTS: i64 = 120;

/// A warning for each pool and resource of which there was any in the last slots that are settled. `request` has the pools
/// of what may be taken back (`place::normalise`).
pub(super) async fn recalled_before(app: &App, side: Side, request: &OrderRequest) -> Answered<Vec<String>> {
    let mut told = Vec::new();
    if side == Side::Offer || request.assurance != Assurance::Recallable {
        return Ok(told);
    }
    let now = app.now().seconds();
    let from = now - SLOTS * app.rhythm.slot_seconds;
    for choice in &request.pools {
        for resource in request.resources.keys() {
            let of_class = format!("{}/{resource}/", choice.pool);
            let documents = app.store.between_of(Table::Products, &Scope::All, &of_class, from, now, SLOTS + 2).await?;
            let products: Result<Vec<Product>, _> = documents.iter().map(|d| serde_json::from_str(d)).collect();
            told.extend(share(&choice.pool, *resource, &products.map_err(|e| Problem::fault(&e))?));
        }
    }
    Ok(told)
}

fn share(pool: &PoolSlug, resource: Resource, products: &[Product]) -> Option<String> {
    let traded: Vec<&Product> = products.iter().filter(|p| p.settled && p.bought_volume > 0).collect();
    let sum = |part: fn(&Product) -> i64| traded.iter().map(|p| i128::from(part(p))).sum::<i128>();
    let (delivered, bought) = (sum(|p| p.volume), sum(|p| p.bought_volume));
    if bought == 0 {
        return None;
    }
    let tenths = delivered * 1_000 / bought;
    let slots = traded.len();
    Some(format!(
        "Of the {resource} that was bought in {pool} in the last {slots} settled slots with trade, {}.{} % was there: the rest was taken back, or late.",
        tenths / 10,
        tenths % 10
    ))
}

/// That the operator has as much for sale for no more than the limit, which nobody takes back: its supply is no part of the
/// other pool, so that this one may cost more. Of the first of several runs.
pub(super) fn firm_instead(state: &Market, now: Timestamp, side: Side, request: &OrderRequest) -> Option<String> {
    if side == Side::Offer || request.assurance != Assurance::Recallable {
        return None;
    }
    let alternative = request.alternatives(state.market.rhythm.slot_seconds).into_iter().next()?;
    let pool = firm(&alternative.pool);
    let mut total: i128 = 0;
    for slot in &alternative.slots {
        for (resource, quantity) in &request.resources {
            let needed = quantity.checked_mul(i64::from(request.replicas))?;
            let mut left = needed;
            let steps = book_product(state, now, (pool, *resource, *slot), 0).supply;
            let last = steps.iter().find(|step| {
                left -= step.quantity;
                left <= 0
            })?;
            total += i128::from(last.reserve.hold_round_up(needed)?.units());
        }
    }
    let total = Credits::from_units(i64::try_from(total).ok()?);
    (total <= request.limit).then(|| {
        format!(
            "The operator has as much for sale in {pool} that nobody takes back (`assurance` `firm`): {total} at its reserve prices, where a node has room."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::time::Slot;

    #[test]
    fn what_was_taken_back_counts_of_settled_slots_alone() {
        let pool = "p~recallable".to_owned();
        let product = |seconds: i64, settled, bought_volume, volume| Product {
            settled,
            bought_volume,
            volume,
            ..Product::new(pool.clone(), Resource::CpuMilli, Slot::starting_at(seconds))
        };
        let told = |products: &[Product]| share(&pool, Resource::CpuMilli, products);
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[product(0, true, 0, 0), product(60, false, 0, 500)]), None);
        let said = told(&[product(0, true, 1_000, 750), product(60, true, 500, 500), product(120, false, 0, 900)]);
        let said = said.expect("two slots had trade");
        assert!(said.contains("last 2 settled slots") && said.contains("83.3 % was there"), "{said}");
    }
}
