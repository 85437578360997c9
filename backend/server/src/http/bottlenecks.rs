//! Where capacity will probably be short: the pools' forecasts against what there is.
use crate::app::App;
use crate::app::bottlenecks::{Bottleneck, PoolSupply, identify_bottlenecks};
use crate::http::auth::Anyone;
use crate::http::extract::Query;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{List, list_of};
use axum::Json;
use axum::extract::State;
use headroom_market::units::Resource;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_bottlenecks))
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BottleneckQuery {
    pool: Option<String>,
    resource: Option<Resource>,
    /// Leaves out what is less likely, in percent from 0 to 100; 1 by default. The larger of the two
    /// chances counts.
    #[param(minimum = 0, maximum = 100)]
    least_percent: Option<i64>,
}

/// Which pools will probably run short of what and when, the likeliest first.
#[utoipa::path(get, path = "/bottlenecks", tag = "forecasts", operation_id = "listBottlenecks", params(BottleneckQuery),
    responses((status = 200, description = "One line a pool, resource and slot", body = List<Bottleneck>), Problems))]
async fn list_bottlenecks(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<BottleneckQuery>,
) -> Answered<Json<serde_json::Value>> {
    by.may("forecasts:read")?;
    let least = query.least_percent.unwrap_or(1);
    if !(0..=100).contains(&least) {
        return Err(Problem::field("percent_out_of_range", "least_percent", "least_percent is from 0 to 100."));
    }
    let pool = query.pool.clone();
    let supply = app.sequencer.query(move |s| {
        let known = pool.is_none_or(|slug| s.pools.contains_key(&slug));
        known.then(|| PoolSupply::of(s))
    });
    let supply = supply.await?.ok_or_else(|| Problem::not_found("pool"))?;
    let ids: Vec<_> = supply.workloads.keys().copied().collect();
    let forecasts = app.forecasts.of_all(&ids, app.rhythm.slot_seconds);
    let mut found = identify_bottlenecks(&supply, &forecasts, app.rhythm.first_open(app.now()));
    found.retain(|b| {
        query.pool.as_ref().is_none_or(|pool| *pool == b.pool)
            && query.resource.is_none_or(|resource| resource == b.resource)
            && b.probability.max(b.probability_above_in_force) * 100.0 >= least as f64
    });
    Ok(list_of(&found))
}
