//! How far the prices of a round are from what winning costs others.
use crate::app::App;
use crate::app::externality::{self, NoExternality, PriceToExternality};
use crate::http::auth::Anyone;
use crate::http::extract::Path;
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::clearing::document::{Book, Outcome};
use headroom_market::round::interruption::awarded;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(round_externality))
}

/// Price ÷ externality of a cleared round.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoundExternality {
    pub round: u64,
    pub price_to_externality: Option<PriceToExternality>,
    /// Why there is none.
    pub no_externality: Option<NoExternality>,
}

/// What winning bids pay beside what their winning costs all others.
#[utoipa::path(get, path = "/rounds/{number}/externality", tag = "market", operation_id = "getRoundExternality", params(("number" = u64, Path, description = "Round number")),
    responses((status = 200, description = "Price ÷ externality", body = RoundExternality), Problems))]
async fn round_externality(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(number): Path<u64>,
) -> Answered<Json<RoundExternality>> {
    by.may("market:read")?;
    let at = i64::try_from(number).map_err(|_| Problem::not_found("round"))?;
    let archived = app.store.archived_round(at).await?;
    let (book, outcome, _) = archived.ok_or_else(|| Problem::not_found("cleared round in the archive"))?;
    let book: Book = serde_json::from_str(&book).map_err(|e| Problem::fault(&e))?;
    let outcome: Outcome = serde_json::from_str(&outcome).map_err(|e| Problem::fault(&e))?;
    let outcome = awarded(&book, &outcome).into_owned();
    let found = externality::of_round(&app, number, book, outcome, !by.role.is_platform()).await?;
    let (price_to_externality, no_externality) =
        found.map_or_else(|why| (None, Some(why)), |found| (Some(found), None));
    Ok(Json(RoundExternality { round: number, price_to_externality, no_externality }))
}
