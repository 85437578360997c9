//! What the prices of a round consist of, and how far they are from what winning costs others.
use crate::app::App;
use crate::app::externality::{self, NoExternality, PriceToExternality};
use crate::http::auth::Anyone;
use crate::http::extract::Path;
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::clearing::{self, price_parts};
use headroom_market::ids::NodeId;
use headroom_market::pool::recallable::pool_of;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::Price;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(round_prices))
}

/// The prices of a cleared round, in parts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoundPrices {
    pub round: u64,
    pub prices: Vec<PriceInParts>,
    pub price_to_externality: Option<PriceToExternality>,
    /// Why there is none.
    pub no_externality: Option<NoExternality>,
}

/// `price` = `base` + `congestion` + `transfer` + `scarcity`, per base unit and slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceInParts {
    pub pool: String,
    /// Of what may be taken back: the node where it is lent and used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    pub resource: String,
    pub slot: Slot,
    pub price: Price,
    /// What a unit costs at the dearest source that it is had from: a step of the reserve price, or a lender.
    pub base: Price,
    /// What a way from another pool that is used to its limit earns.
    pub congestion: Price,
    /// What ways from other pools charge.
    pub transfer: Price,
    /// What there is too little of: beyond what the dearest source asks for.
    pub scarcity: Price,
}

/// The prices of a round in parts, and price ÷ externality.
#[utoipa::path(get, path = "/rounds/{number}/prices", tag = "market", operation_id = "getRoundPrices", params(("number" = u64, Path, description = "Round number")),
    responses((status = 200, description = "What the prices consist of", body = RoundPrices), Problems))]
async fn round_prices(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(number): Path<u64>,
) -> Answered<Json<RoundPrices>> {
    by.may("market:read")?;
    let at = i64::try_from(number).map_err(|_| Problem::not_found("round"))?;
    let archived = app.store.archived_round(at).await?;
    let (book, outcome, _) = archived.ok_or_else(|| Problem::not_found("cleared round in the archive"))?;
    let book: clearing::Book = serde_json::from_str(&book).map_err(|e| Problem::fault(&e))?;
    let outcome: clearing::Outcome = serde_json::from_str(&outcome).map_err(|e| Problem::fault(&e))?;
    let prices = in_parts(&book, &outcome).ok_or_else(|| Problem::fault(&"an archived book without its first slot"))?;
    let found = externality::of_round(&app, number, book, outcome, !by.role.is_platform()).await?;
    let (price_to_externality, no_externality) =
        found.map_or_else(|why| (None, Some(why)), |found| (Some(found), None));
    Ok(Json(RoundPrices { round: number, prices, price_to_externality, no_externality }))
}

fn in_parts(book: &clearing::Book, outcome: &clearing::Outcome) -> Option<Vec<PriceInParts>> {
    let base: Timestamp = book.slot_base.as_ref()?.parse().ok()?;
    let seconds = book.slot_seconds?;
    let mut parts = price_parts(book, outcome);
    let traded = outcome.traded();
    parts.retain(|key, _| traded.contains(key));
    let row = |(key, of): (clearing::ProductKey, clearing::PriceParts)| PriceInParts {
        node: pool_of(&key.pool).1,
        slot: Slot::starting_at(base.seconds() + key.slot * seconds),
        price: Price::from_units(of.base + of.congestion + of.transfer + of.scarcity),
        base: Price::from_units(of.base),
        congestion: Price::from_units(of.congestion),
        transfer: Price::from_units(of.transfer),
        scarcity: Price::from_units(of.scarcity),
        pool: pool_of(&key.pool).0,
        resource: key.resource,
    };
    Some(parts.into_iter().map(row).collect())
}
