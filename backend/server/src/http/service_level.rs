//! The service level that a workload's shortage costs stand for: of its strategy, or of one that it could have.
use crate::app::App;
use crate::app::service_level::{PriceFrom, Priced, ServiceLevel, assess};
use crate::http::auth::Anyone;
use crate::http::extract::{Body, Path};
use crate::http::pools::last_price;
use crate::http::prediction::visible;
use crate::http::problem::{Answered, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::ids::InstanceId;
use headroom_market::units::Resource;
use headroom_market::workload::strategy::check_for;
use headroom_market::workload::{AutoBid, Instance, Strategy};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(service_level, preview_service_level))
}

/// What the automatic bids of a workload cover at today's prices, by resource and together, and whether that is what was promised.
#[utoipa::path(get, path = "/instances/{id}/service_level", tag = "workloads", operation_id = "getServiceLevel", params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The implied service level", body = ServiceLevel), Problems))]
async fn service_level(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
) -> Answered<Json<ServiceLevel>> {
    by.may("forecasts:read")?;
    let mut instance = visible(&app, &by, id).await?;
    let bid = instance.strategy.auto_bid.take();
    of_bid(&app, instance, bid).await
}

/// Says the same of a strategy that is not saved, under the rules for saving one. No effect.
#[utoipa::path(post, path = "/instances/{id}/service_level", tag = "workloads", operation_id = "previewServiceLevel", request_body = Strategy,
    params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The service level that it implies", body = ServiceLevel), Problems))]
async fn preview_service_level(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
    Body(strategy): Body<Strategy>,
) -> Answered<Json<ServiceLevel>> {
    by.may("forecasts:read")?;
    let instance = visible(&app, &by, id).await?;
    let (subject, asked) = (instance.clone(), strategy.clone());
    app.sequencer.query(move |s| check_for(s, &subject, &asked)).await??;
    of_bid(&app, instance, strategy.auto_bid).await
}

async fn of_bid(app: &App, instance: Instance, bid: Option<AutoBid>) -> Answered<Json<ServiceLevel>> {
    let slot = app.rhythm.first_open(app.now());
    let (id, pool) = (instance.id, instance.pool);
    let promised = bid.as_ref().and_then(|bid| bid.promised_service_level);
    let costs = bid.map(|bid| bid.shortage_cost).unwrap_or_default();
    let resources: Vec<Resource> = costs.keys().copied().collect();
    let prices = app.sequencer.query(move |s| {
        let priced = |(resource, shortage_cost)| {
            let (price, price_from) = match last_price(s, &pool, resource, slot) {
                Some(now) => (now.price, PriceFrom::Trade),
                None => (s.reference(&pool, resource, slot), PriceFrom::Reference),
            };
            Priced { resource, price, price_from, shortage_cost }
        };
        (costs.into_iter().map(priced).collect::<Vec<_>>(), s.market.price_cap)
    });
    let (priced, cap) = prices.await?;
    let known = app.forecasts.joint_of(id, &resources, slot, app.rhythm.slot_seconds);
    Ok(Json(assess((id, slot), promised, &priced, &known, cap)))
}
