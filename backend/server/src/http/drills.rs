//! Vacate drills: a workload shows that it gives memory back.
use crate::app::App;
use crate::http::auth::Member;
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problems};
use crate::http::reply::{Document, ok};
use axum::extract::State;
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::workload::{AtEnd, Instance};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(drill))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DrillRequest {
    /// The way to try; the workload's own where it is not given. One that passes is its own from then on.
    #[serde(default)]
    at_end: Option<AtEnd>,
}

/// Tries on a copy whether a workload gives memory back when its limit goes down. Bids for memory wait
/// until that has been shown; `drill` of the workload says what was seen, within half a minute or so.
#[utoipa::path(post, path = "/instances/{id}/drill", tag = "workloads", operation_id = "drillInstance", request_body = DrillRequest,
    params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The workload, with the drill that waits", body = Instance), Problems))]
async fn drill(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<InstanceId>,
    Body(asked): Body<DrillRequest>,
) -> Answered<Document> {
    by.may("workloads:write")?;
    let command = Command::RequestDrill { participant: by.participant, instance: id, at_end: asked.at_end };
    Ok(ok(app.object(&by, command).await?))
}
