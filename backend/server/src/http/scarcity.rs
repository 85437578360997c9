//! What a missing unit costs in a pool, and the steps of supply that follow from it.
use crate::app::App;
use crate::http::auth::Platform;
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problems};
use crate::http::reply::{Document, ok};
use axum::extract::State;
use headroom_market::command::Command;
use headroom_market::pool::Pool;
use headroom_market::pool::scarcity::{CERTAIN, ScarceStep};
use headroom_market::round::supply::scarce_steps;
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Price, Resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(set_shortage_cost))
}

/// How likely the operator's supply of the next open slot is to be missed, and what it costs by that.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScarcityView {
    /// What a missing unit costs: Π.
    pub shortage_cost: Price,
    /// When the chances were last reckoned; `null` while too few forecast errors are known.
    pub recorded_at: Option<Timestamp>,
    /// Released and not yet sold supply, cheapest first; empty while no chances are known: then the
    /// reserve prices alone count.
    pub steps: Vec<ScarcityStep>,
}

/// A step of the operator's supply.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScarcityStep {
    /// Base units.
    pub quantity: i64,
    /// Of all the operator's supply, once this step is sold.
    pub remaining: i64,
    /// What the reserve schedule alone asks.
    pub reserve: Price,
    /// Reserve + cost of a missing unit × chance.
    pub price: Price,
    /// That demand exceeds its forecast by more than what remains; from 0 to 1, six digits.
    pub chance: f64,
}

/// `None` where the pool does not price shortages of the resource.
pub fn view(state: &Market, pool: &Pool, resource: Resource, slot: Slot, now: Timestamp) -> Option<ScarcityView> {
    let shortage_cost = *pool.shortage_cost.get(&resource)?;
    let known = state.shortage(&pool.slug, resource, slot).and(state.shortages.get(&(pool.slug.clone(), resource)));
    let step = |s: ScarceStep| ScarcityStep {
        quantity: s.quantity,
        remaining: s.remaining,
        reserve: s.reserve,
        price: s.price,
        chance: s.chance_millionths as f64 / CERTAIN as f64,
    };
    let steps = scarce_steps(state, now, &pool.slug, resource, slot).into_iter().map(step).collect();
    Some(ScarcityView { shortage_cost, recorded_at: known.map(|k| k.recorded_at), steps })
}

/// What a missing unit costs, by resource.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShortageCost {
    /// Credits per base unit and slot; a resource that is left out has reserve prices alone.
    shortage_cost: BTreeMap<Resource, Price>,
}

/// Says what a missing unit costs in a pool: its supply then is dearer the likelier a shortage is.
#[utoipa::path(put, path = "/pools/{slug}/shortage_cost", tag = "pricing", operation_id = "setShortageCost", request_body = ShortageCost, params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "The pool", body = Pool), Problems))]
async fn set_shortage_cost(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
    Body(request): Body<ShortageCost>,
) -> Answered<Document> {
    by.may("pricing:write")?;
    let command = Command::SetShortageCost { pool: slug, shortage_cost: request.shortage_cost };
    app.object(&by, command).await.map(ok)
}
