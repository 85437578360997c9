//! What an order would have cost in the latest slots: of its alternatives the one that the clearing would
//! choose, and the limits that would have been enough for it.
use crate::app::past_prices::past_prices;
use headroom_market::book::{Alternative, OrderRequest, Side, away, runs};
use headroom_market::pool::recallable::firm;
use headroom_market::round::away::move_costs;
use headroom_market::state::State as Market;
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Price, Resource};

/// The price to reckon with: the product's last one, else that of the newest settled slot in which the pool traded it, else
/// its class's reference. What may be taken back has the reference of what is firm, and seldom its price.
fn price_of(state: &Market, pool: &str, resource: Resource, slot: Slot) -> Price {
    let product = state.products.get(&(pool.to_owned(), resource, slot)).and_then(|p| p.last_price);
    let newest = || past_prices(state, pool, resource, slot).last().copied();
    product.or_else(newest).unwrap_or_else(|| state.reference(pool, resource, slot))
}

/// Whether anybody has ever said what it costs: it was traded, or the operator asks something for it. What
/// [`price_of`] answers else is the most that anything may cost, which is no price to reckon with.
fn is_priced(state: &Market, pool: &str, resource: Resource, slot: Slot) -> bool {
    let key = (pool.to_owned(), resource);
    // What may be taken back has prices of its own, and the operator asks none for it.
    state.products.get(&(key.0.clone(), resource, slot)).is_some_and(|p| p.last_price.is_some())
        || state.references.get(&key).is_some_and(|r| !r.recent.is_empty())
        || firm(pool) == pool && state.known_reference(pool, resource, slot).is_some()
}

/// What the best alternative costs.
pub struct Costs {
    /// At the last prices.
    pub last: Credits,
    /// If all its slots cost what one of the latest settled slots did, ascending; empty where nothing of it was traded
    /// in any.
    pub recent: Vec<i64>,
    /// What was not traded in any of them: it counts at its last price.
    pub untraded: Vec<Resource>,
    /// What has no price at all: the amounts here say nothing then.
    pub unpriced: Vec<Resource>,
    pub scope: Scope,
}

/// What an alternative is of its order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scope {
    side: Side,
    /// Of the pool, and in another than the workload's own what the moves cost.
    adder: Credits,
    pub slots: i64,
    /// The slots of the order's window.
    pub window: i64,
}

impl Scope {
    fn of(state: &Market, request: &OrderRequest, side: Side, alternative: &Alternative) -> Self {
        let slot_seconds = state.market.rhythm.slot_seconds;
        let choice = request.pools.iter().find(|c| c.pool == alternative.pool);
        let carried = away::carried(state, request, &alternative.pool);
        let costs = carried.map_or(Credits::ZERO, move_costs);
        let adder = choice.map_or(Credits::ZERO, |c| c.adder);
        // What no limit is enough for costs more than any.
        let adder = adder.checked_add(costs).unwrap_or(Credits::from_units(i64::MAX));
        Self { side, adder, slots: alternative.slots.len() as i64, window: request.window_slots(slot_seconds) }
    }

    /// The limit of the whole order with which it would just have won at this cost: with an adder, or a run of
    /// the window, more than the cost. What no limit is enough for costs more than any.
    pub fn limit_for(&self, cost: Credits) -> Credits {
        let needed = match self.side {
            Side::Bid => {
                let worth = i128::from(cost.units()) + i128::from(self.adder.units());
                if self.slots < self.window { runs::limit_for(worth, self.slots, self.window) } else { worth }
            }
            Side::Offer => i128::from(cost.units()) - i128::from(self.adder.units()),
        };
        Credits::from_units(i64::try_from(needed.max(0)).unwrap_or(i64::MAX))
    }
}

impl Costs {
    /// The cost that this share of the slots does not exceed: the smallest such one.
    pub fn quantile(&self, share: f64) -> Credits {
        let count = self.recent.len();
        let index = ((count as f64 * share).ceil() as usize).clamp(1, count.max(1)) - 1;
        self.recent.get(index).map_or(self.last, |units| Credits::from_units(*units))
    }
    /// The highest amount that this share of the slots reaches.
    pub fn reached(&self, share: f64) -> Credits {
        let count = self.recent.len();
        let index = ((count as f64 * (1.0 - share)).floor() as usize).min(count.saturating_sub(1));
        self.recent.get(index).map_or(self.last, |units| Credits::from_units(*units))
    }
    /// Always between any lower and any higher quantile, which a mean is not.
    pub fn median(&self) -> Credits {
        self.quantile(0.5)
    }
}

/// The alternative that gains most, as the clearing would choose it; if none gains, the one for which the
/// limit misses least.
pub fn bundle_costs(state: &Market, side: Side, request: &OrderRequest) -> Option<Costs> {
    let mut best: Option<((bool, Credits), Costs)> = None;
    for alternative in request.alternatives(state.market.rhythm.slot_seconds) {
        let costs = costs_of(state, side, request, &alternative)?;
        let needed = costs.scope.limit_for(costs.median());
        let misses = side == Side::Bid && needed > request.limit;
        let rank = (misses, if misses { needed } else { costs.median().checked_add(alternative.adder)? });
        if best.as_ref().is_none_or(|(least, _)| rank < *least) {
            best = Some((rank, costs));
        }
    }
    best.map(|(_, costs)| costs)
}

fn costs_of(state: &Market, side: Side, request: &OrderRequest, alternative: &Alternative) -> Option<Costs> {
    let mut last = Credits::ZERO;
    let mut recent: Option<Vec<i64>> = None;
    let (mut fixed, mut untraded, mut unpriced) = (0_i64, Vec::new(), Vec::new());
    let amounts = away::amounts(state, request, &request.resources, &alternative.pool);
    for slot in &alternative.slots {
        for (resource, quantity) in amounts.iter() {
            let all = quantity.checked_mul(i64::from(request.replicas))?;
            let now = price_of(state, &alternative.pool, *resource, *slot);
            if *quantity > 0 && !unpriced.contains(resource) && !is_priced(state, &alternative.pool, *resource, *slot) {
                unpriced.push(*resource);
            }
            last = last.checked_add(now.charge_half_even(all)?)?;
            let prices = past_prices(state, &alternative.pool, *resource, *slot);
            if prices.is_empty() {
                fixed = fixed.checked_add(now.charge_half_even(all)?.units())?;
                untraded.push(*resource);
                continue;
            }
            // The newest slots are aligned; a resource with a shorter history shortens all.
            let mut sums = recent.take().unwrap_or_else(|| vec![0; prices.len()]);
            let keep = sums.len().min(prices.len());
            sums.drain(..sums.len() - keep);
            for (sum, price) in sums.iter_mut().zip(&prices[prices.len() - keep..]) {
                *sum = sum.checked_add(price.charge_half_even(all)?.units())?;
            }
            recent = Some(sums);
        }
    }
    let mut recent = recent.unwrap_or_default();
    for sum in &mut recent {
        *sum = sum.checked_add(fixed)?;
    }
    recent.sort_unstable();
    untraded.sort_unstable();
    untraded.dedup();
    let scope = Scope::of(state, request, side, alternative);
    Some(Costs { last, recent, untraded, unpriced, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(side: Side, adder: i64, slots: i64) -> Scope {
        Scope { side, adder: Credits::from_units(adder), slots, window: slots.max(6) }
    }

    fn costs(recent: &[i64]) -> Costs {
        Costs {
            last: Credits::from_units(2),
            recent: recent.to_vec(),
            untraded: Vec::new(),
            unpriced: Vec::new(),
            scope: scope(Side::Bid, 0, 1),
        }
    }

    #[test]
    fn the_expected_amount_lies_inside_its_range() {
        for recent in [&[][..], &[5], &[4, 5], &[1, 1, 1, 1, 1, 1, 1, 1, 1, 100], &[1, 50, 60]] {
            let costs = costs(recent);
            let (low, middle, high) = (costs.quantile(0.1), costs.median(), costs.quantile(0.9));
            assert!(low <= middle && middle <= high, "{recent:?}: {low} {middle} {high}");
        }
    }

    #[test]
    fn a_chance_is_kept_by_its_limit_on_either_side() {
        let recent: Vec<i64> = (1..=37).collect();
        let costs = costs(&recent);
        for share in [0.5, 0.8, 0.95, 0.99] {
            let (bid, offer) = (costs.quantile(share).units(), costs.reached(share).units());
            let part = |count: usize| count as f64 / recent.len() as f64;
            assert!(part(recent.iter().filter(|cost| **cost <= bid).count()) >= share, "bid {share}");
            assert!(part(recent.iter().filter(|cost| **cost >= offer).count()) >= share, "offer {share}");
        }
    }

    #[test]
    fn the_limit_of_the_whole_order_follows_from_what_a_run_costs() {
        let limit = |scope: Scope, cost: i64| scope.limit_for(Credits::from_units(cost)).units();
        assert_eq!(limit(scope(Side::Bid, 0, 6), 100), 100, "the whole window");
        assert_eq!(limit(scope(Side::Bid, 5, 6), 100), 105);
        assert_eq!(limit(scope(Side::Bid, 0, 2), 100), 300, "two of six slots have a third of the limit");
        assert_eq!(limit(scope(Side::Bid, 5, 4), 100), 158, "105 × 6 / 4, rounded up");
        assert_eq!(limit(scope(Side::Offer, 5, 6), 100), 95);
        assert_eq!(limit(scope(Side::Bid, 0, 1), i64::MAX), i64::MAX, "no limit is enough");
    }
}
