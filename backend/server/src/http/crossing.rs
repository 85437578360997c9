//! Bids against offers of one product in a cleared round; never the open book.
use crate::app::App;
use crate::http::auth::Anyone;
use crate::http::extract::{Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::book::Side;
use headroom_market::clearing::book::{self, NANO_PER_MICRO, ProductKey};
use headroom_market::clearing::document::{Alternative, Book, Outcome, Product, Quantity};
use headroom_market::ids::NodeId;
use headroom_market::pool::recallable::pool_of;
use headroom_market::record::Table;
use headroom_market::round::Round;
use headroom_market::round::interruption::awarded;
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Price, Resource};
use headroom_store::read::{Page, Scope};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(pool_book))
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BookQuery {
    resource: Resource,
    /// The last cleared round by default.
    round: Option<u64>,
    /// The round's most traded slot by default.
    slot: Option<Slot>,
}

/// Bids against offers of one product in a cleared round, best first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Crossing {
    pub round: u64,
    pub pool: String,
    /// Of what may be taken back: the node, of those that have some the one where most was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    pub resource: Resource,
    pub slot: Slot,
    pub bids: Vec<Level>,
    pub offers: Vec<Level>,
    /// `null` where nothing was bought.
    pub price: Option<Price>,
    /// Bought in the round.
    pub quantity: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Level {
    /// The order's own limit for a unit of this resource: of a bundle, the share that the
    /// round's prices give it. Orders of other members are in steps of two digits, bids rounded down and offers up, so
    /// that nobody's limit can be read from it; the operator's roles see each as it is.
    pub price: Price,
    /// Of all orders of other members in the step, to two digits.
    pub quantity: i64,
    /// `bid`, `offer` or `reserve`.
    pub kind: String,
    pub mine: bool,
}

/// The crossing of the last cleared round; never the open book.
#[utoipa::path(get, path = "/pools/{slug}/book", tag = "market", operation_id = "getPoolBook", params(("slug" = String, Path, description = "Pool"), BookQuery),
    responses((status = 200, description = "Bids and offers of one product", body = Crossing), Problems))]
async fn pool_book(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    Query(query): Query<BookQuery>,
) -> Answered<Json<Crossing>> {
    by.may("market:read")?;
    let round = match query.round {
        Some(number) => number,
        None => last_awarded(&app).await?.ok_or_else(|| Problem::not_found("cleared round"))?,
    };
    let archived = app.store.archived_round(round as i64).await?.ok_or_else(|| Problem::not_found("cleared round"))?;
    let book: Book = serde_json::from_str(&archived.0).map_err(|e| Problem::fault(&e))?;
    let outcome: Outcome = serde_json::from_str(&archived.1).map_err(|e| Problem::fault(&e))?;
    let outcome = awarded(&book, &outcome).into_owned();
    let record = app.store.at_position(Table::Rounds, round as i64).await?;
    let record = record.ok_or_else(|| Problem::not_found("cleared round"))?;
    let cleared: Round = serde_json::from_str(&record).map_err(|e| Problem::fault(&e))?;
    let place = Place { pool: &slug, resource: query.resource, slot: query.slot };
    let seconds = app.rhythm.slot_seconds;
    // Whose a level is belongs to the orders, not to the market.
    let me = if by.may("orders:read").is_ok() { by.participant.to_string() } else { String::new() };
    let mut crossing = crossing((&cleared, seconds), place, &me, &book, &outcome)
        .ok_or_else(|| Problem::not_found("product in this round"))?;
    if !by.role.is_platform() {
        in_steps(&mut crossing.bids, Side::Bid);
        in_steps(&mut crossing.offers, Side::Offer);
    }
    Ok(Json(crossing))
}

async fn last_awarded(app: &App) -> Answered<Option<u64>> {
    let page = Page { limit: 1, statuses: vec!["executing".to_owned(), "settled".to_owned()], ..Page::default() };
    let rounds = app.store.list(Table::Rounds, &Scope::All, &page).await?;
    let round = rounds.rows.first().and_then(|(_, d)| serde_json::from_str::<Round>(d).ok());
    Ok(round.map(|r| r.number))
}

/// What is asked for; the book counts slots from the round's first.
struct Place<'a> {
    pool: &'a str,
    resource: Resource,
    slot: Option<Slot>,
}

fn crossing(
    (round, seconds): (&Round, i64),
    Place { pool, resource, slot }: Place<'_>,
    me: &str,
    book: &Book,
    outcome: &Outcome,
) -> Option<Crossing> {
    let asked = slot.map(|slot| (slot.seconds() - round.first_slot.seconds()) / seconds);
    let of_pool = book.products.iter().filter(|p| {
        pool_of(&p.pool).0 == pool && p.resource == resource.name() && asked.is_none_or(|slot| p.slot == slot)
    });
    // The slot that was traded most says more than the first, and so does the node of what may be taken back.
    let most = |p: &&Product| (bought(outcome, &p.pool, resource, p.slot), Reverse((p.slot, p.pool.clone())));
    let product = of_pool.max_by_key(most)?;
    let (slug, node) = pool_of(&product.pool);
    let (pool, index) = (product.pool.as_str(), product.slot);
    let prices = outcome.prices();
    let price = prices.get(&product.key()).copied();
    let mut bids = Vec::new();
    let mut offers: Vec<Level> = product
        .supply
        .iter()
        .filter(|s| s.quantity > 0)
        .map(|s| Level { price: s.reserve, quantity: s.quantity, kind: "reserve".to_owned(), mine: false })
        .collect();
    for order in &book.orders {
        let level_of = |(n, alternative): (usize, &Alternative)| {
            let here = |q: &&Quantity| q.product == product.key();
            let line = alternative.quantities.iter().find(here)?;
            Some((unit_limit(order.effective_limit(n), alternative, line, &prices)?, line.quantity))
        };
        // Of alternatives one wins: the best stands for all that have a part in the slot.
        let levels = order.alternatives.iter().enumerate().filter_map(level_of);
        let (side, best) = match order.side {
            book::Side::Bid => (Side::Bid, levels.max_by_key(|(unit, _)| *unit)),
            book::Side::Offer => (Side::Offer, levels.min_by_key(|(unit, _)| *unit)),
        };
        let Some((unit, quantity)) = best else { continue };
        let kind = if side == Side::Bid { "bid" } else { "offer" }.to_owned();
        let level = Level { price: unit, quantity, kind, mine: order.owner == me };
        if side == Side::Bid { bids.push(level) } else { offers.push(level) }
    }
    bids.sort_by_key(|l| Reverse(l.price));
    offers.sort_by_key(|l| l.price);
    let quantity = bought(outcome, pool, resource, index);
    Some(Crossing {
        round: round.number,
        pool: slug,
        node,
        resource,
        slot: round.first_slot.plus(index, seconds),
        bids,
        offers,
        price: price.filter(|_| quantity > 0),
        quantity,
    })
}

/// The orders of other members in steps, so that a chart is as good as before and no limit is told; the operator's
/// reserve prices are public anyway.
fn in_steps(levels: &mut Vec<Level>, side: Side) {
    let mut steps: BTreeMap<Price, Level> = BTreeMap::new();
    let hidden = |l: &Level| !l.mine && l.kind != "reserve";
    let (others, mut shown): (Vec<Level>, Vec<Level>) = std::mem::take(levels).into_iter().partition(hidden);
    for level in others {
        let price = Price::from_units(two_digits(level.price.units(), side == Side::Offer));
        steps
            .entry(price)
            .and_modify(|s| s.quantity = s.quantity.saturating_add(level.quantity))
            .or_insert(Level { price, ..level });
    }
    shown.extend(steps.into_values().map(|s| Level { quantity: two_digits(s.quantity, true), ..s }));
    match side {
        Side::Bid => shown.sort_by_key(|l| Reverse(l.price)),
        Side::Offer => shown.sort_by_key(|l| l.price),
    }
    *levels = shown;
}

/// A number to its first two digits; one that is too large to be rounded up is rounded down, as anybody may ask for it.
fn two_digits(number: i64, up: bool) -> i64 {
    let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0);
    let step = 10_i64.pow(digits.saturating_sub(1));
    let number = if up { number.saturating_add(step - 1) } else { number };
    number / step * step
}

/// What bids won of a product, base units.
fn bought(outcome: &Outcome, pool: &str, resource: Resource, slot: i64) -> i64 {
    let bids = outcome.awards.iter().filter(|a| a.order.starts_with("bid_"));
    let here =
        |q: &&Quantity| q.product.pool == pool && q.product.resource == resource.name() && q.product.slot == slot;
    bids.flat_map(|a| a.quantities.iter()).filter(here).map(|q| q.quantity).sum()
}

/// The limit of a bundle, shared out by the round's prices to a unit of one line.
fn unit_limit(
    limit: Credits,
    alternative: &Alternative,
    line: &Quantity,
    prices: &BTreeMap<ProductKey, Price>,
) -> Option<Price> {
    let price = |q: &Quantity| prices.get(&q.product).map_or(0, |price| i128::from(price.units()));
    let total: i128 = alternative.quantities.iter().map(|q| price(q) * i128::from(q.quantity)).sum();
    let limit = (i128::from(limit.units()) * NANO_PER_MICRO).max(0);
    let unit = if total == 0 {
        // Nothing costs anything: by quantity, so that a single resource still shows its limit.
        let all: i128 = alternative.quantities.iter().map(|q| i128::from(q.quantity)).sum();
        limit / all.max(1)
    } else {
        limit * price(line) / total
    };
    i64::try_from(unit).ok().map(Price::from_units)
}

#[cfg(test)]
mod tests {
    use super::{Level, Side, in_steps, two_digits};
    use headroom_market::units::Price;

    #[test]
    fn of_other_members_only_steps_are_told() {
        assert_eq!((two_digits(519_992, false), two_digits(519_992, true)), (510_000, 520_000));
        assert_eq!((two_digits(7, true), two_digits(99, true), two_digits(100, false)), (7, 99, 100));
        assert_eq!((two_digits(0, true), two_digits(995, true)), (0, 1_000));
        assert_eq!(two_digits(i64::MAX, true), 9_200_000_000_000_000_000, "whatever a member asks for");
        let level = |price: i64, quantity: i64, kind: &str, mine: bool| Level {
            price: Price::from_units(price),
            quantity,
            kind: kind.to_owned(),
            mine,
        };
        let mut bids =
            vec![level(519_992, 126, "bid", false), level(519_991, 5, "bid", true), level(512_345, 189, "bid", false)];
        in_steps(&mut bids, Side::Bid);
        let told: Vec<_> = bids.iter().map(|l| (l.price.units(), l.quantity, l.mine)).collect();
        assert_eq!(told, [(519_991, 5, true), (510_000, 320, false)], "one's own as it is, the others together");
        let mut offers = vec![level(900_001, 40, "reserve", false), level(123_456, 70, "offer", false)];
        in_steps(&mut offers, Side::Offer);
        let told: Vec<_> = offers.iter().map(|l| (l.price.units(), l.quantity)).collect();
        assert_eq!(told, [(130_000, 70), (900_001, 40)]);
    }
}
