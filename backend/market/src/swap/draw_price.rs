//! What the operator has left in a slot that is under way, and what it costs (`draw.rs`).
use crate::pool::supply;
use crate::records::round::AwardKind;
use crate::round::book::supply::operator_capacity;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Price, Resource};

/// The operator's supply that nobody has bought, by reserve step.
pub(super) fn headroom(state: &State, slot: Slot, pool: &str, resource: Resource) -> Vec<(i64, Price)> {
    let total = operator_capacity(state, pool, resource);
    let sold = state.products.get(&(pool.to_owned(), resource, slot)).map_or(&[][..], |p| &p.sold_steps[..]);
    let steps = state.reserve(pool, resource, slot).map_or(&[][..], |r| &r.steps[..]);
    // Of what goes on without a round the operator has what no lender has.
    let (mut rolled, mut drawn) = (0, 0);
    for award in state.awards.values() {
        let traded = award.lines.iter().filter(|l| l.slot == slot && l.pool == pool && l.resource == resource);
        let quantity: i64 = traded.map(|l| l.quantity).sum();
        let quantity = if award.kind == AwardKind::Bought { quantity } else { -quantity };
        rolled += if award.rolled_from.is_some() { quantity } else { 0 };
        drawn += if award.drawn { quantity } else { 0 };
    }
    let mut headroom = (total - sold.iter().sum::<i64>() - rolled.max(0)).max(0);
    let mut unsold = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let left = supply::of_step(total, step) - sold.get(index).copied().unwrap_or(0);
        let quantity = left.clamp(0, headroom);
        headroom -= quantity;
        // The cheapest is drawn first.
        let taken = drawn.min(quantity);
        drawn -= taken;
        unsold.push((quantity - taken, step.price));
    }
    unsold
}

/// The price of the last unit of so much of it; at least the slot's mean price, at most the top of the price band.
pub(super) fn of_headroom(
    state: &State,
    slot: Slot,
    pool: &str,
    resource: Resource,
    headroom: &[(i64, Price)],
    quantity: i64,
) -> Price {
    let mut left = quantity;
    let reaches = |(step, _): &&(i64, Price)| {
        let reached = left > 0 && *step > 0;
        left -= step;
        reached
    };
    let last = headroom.iter().filter(reaches).map(|(_, price)| *price).max().unwrap_or(Price::ZERO);
    last.min(state.price_band(pool, resource, slot)).max(mean_price(state, slot, pool, resource))
}

/// The slot's mean price, or what the product would have cost where nobody bought it.
fn mean_price(state: &State, slot: Slot, pool: &str, resource: Resource) -> Price {
    let product = state.products.get(&(pool.to_owned(), resource, slot));
    let traded = product.and_then(|p| p.mean_price().or(p.administered_price));
    traded
        .or_else(|| state.reserve_price(pool, resource, slot))
        .unwrap_or_else(|| state.price_band(pool, resource, slot))
}
