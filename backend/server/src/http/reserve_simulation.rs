//! A reserve price tried on past rounds; nothing is stored, nothing changes.
use crate::app::App;
use crate::app::simulation::{self, MOST_ROUNDS, Simulated, Wish};
use crate::http::auth::Platform;
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reserve_prices::{named, one_or_steps};
use axum::Json;
use axum::extract::State;
use headroom_market::pool::ReserveStep;
use headroom_market::pool::simulate::elasticity::MOST_HUNDREDTHS;
use headroom_market::time::Timestamp;
use headroom_market::units::{Price, Resource, Share};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(simulate_reserve_price))
}

/// Rounds that are replayed where nothing else is asked for.
const ROUNDS: u32 = 60;

/// A schedule to try, as one is scheduled, and on what.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TriedReservePrice {
    resource: Resource,
    /// Of all the supply; or send `steps`.
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    steps: Vec<ReserveStep>,
    /// Not used: the schedule is tried as if it had been in force in all the rounds.
    #[serde(default)]
    #[expect(dead_code, reason = "the body of scheduling may be sent as it is")]
    effective_at: Option<Timestamp>,
    /// How many past rounds, 1 to 240; 60 by default.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 240)]
    rounds: Option<u32>,
    /// The last of them; the newest by default.
    #[serde(default)]
    #[schema(minimum = 1)]
    last_round: Option<u64>,
    /// How much less is asked for where the price rises; 0.2 and 1 by default.
    #[serde(default)]
    elasticity: Option<Elasticity>,
}

/// Demand goes with (new price ÷ old price)^(−elasticity). From 0 to 3, two digits.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with `low` and `high`")]
struct Elasticity {
    low: Share,
    high: Share,
}

/// Short-run demand for energy answers with about 0.2 (Labandeira and others 2017, Energy Policy 102); at 1
/// everybody spends what they spent. Neither is measured on this market.
const DEFAULT_HUNDREDTHS: [u32; 2] = [20, 100];

fn hundredths(share: Share, pointer: &str) -> Answered<u32> {
    let fits = share.units() % 10_000 == 0 && (0..=i64::from(MOST_HUNDREDTHS) * 10_000).contains(&share.units());
    let value = u32::try_from(share.units() / 10_000).ok().filter(|_| fits);
    let detail = "An elasticity is from 0 to 3, with at most two digits after the point.";
    value.ok_or_else(|| Problem::field("elasticity_out_of_range", pointer, detail))
}

/// Replays past rounds under another reserve price: what would have been sold, for how much, and who would have gone without.
#[utoipa::path(post, path = "/pools/{slug}/reserve_prices/simulate", tag = "pricing", operation_id = "simulateReservePrice", request_body = TriedReservePrice,
    params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "Before and after, round by round and in all", body = Simulated), Problems))]
async fn simulate_reserve_price(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
    Body(new): Body<TriedReservePrice>,
) -> Answered<Json<Simulated>> {
    by.may("pricing:write")?;
    let one_price = new.price.is_some();
    let steps = one_or_steps(new.price, new.steps)?;
    let rounds = new.rounds.unwrap_or(ROUNDS);
    if !(1..=MOST_ROUNDS).contains(&rounds) {
        let detail = format!("rounds is from 1 to {MOST_ROUNDS}.");
        return Err(Problem::field("rounds_out_of_range", "/rounds", detail));
    }
    if new.last_round == Some(0) {
        return Err(Problem::field("last_round_out_of_range", "/last_round", "Rounds are numbered from 1."));
    }
    let elasticities = match new.elasticity {
        Some(e) => [hundredths(e.low, "/elasticity/low")?, hundredths(e.high, "/elasticity/high")?],
        None => DEFAULT_HUNDREDTHS,
    };
    if elasticities[0] > elasticities[1] {
        let detail = "The low elasticity must not be above the high one.";
        return Err(Problem::field("elasticity_out_of_range", "/elasticity/low", detail));
    }
    let wish = Wish { pool: slug, resource: new.resource, steps, rounds, last_round: new.last_round, elasticities };
    simulation::run(&app, wish).await.map(Json).map_err(|failure| named(failure.into(), one_price))
}
