//! What agents of other hosts tell, and what they are told to do.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::Anyone;
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::workers::agents::{Heartbeat, HeartbeatRefused, Orders};
use crate::workers::nodes::node_id;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headroom_market::ids::NodeId;
use headroom_market::pool::Node;
use headroom_market::printable::check_name;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(heartbeat))
}

/// An agent's key has the name of its node: a host can't speak for another one.
fn check_speaks_for(app: &App, by: &Identity, node: &Node) -> Answered<()> {
    if app.directory().key_name(&by.actor).as_deref() == Some(node.name.as_str()) {
        return Ok(());
    }
    let name = &node.name;
    Err(Problem::forbidden(format!(
        "The agent of {name} needs an API key with the name `{name}` and the scope nodes:work."
    )))
}

/// Tells what the agent of a node observes, and answers with what its host is to run; waits up to two seconds for news.
#[utoipa::path(post, path = "/nodes/{id}/heartbeat", tag = "admin", operation_id = "heartbeat", request_body = Heartbeat, params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "All that the host is to run", body = Orders), Problems))]
async fn heartbeat(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<NodeId>,
    Body(told): Body<Heartbeat>,
) -> Answered<Json<Orders>> {
    by.may("nodes:work")?;
    check_name(&told.version, "/version")?;
    check_name(&told.boot, "/boot")?;
    for name in told.services.keys() {
        check_name(name, "/services")?;
    }
    let node = app.sequencer.query(move |s| s.nodes.get(&id).cloned()).await?;
    let node = node.ok_or_else(|| Problem::not_found("node"))?;
    check_speaks_for(&app, &by, &node)?;
    if !node.has_agent() {
        let detail = format!(
            "{} is on the server's own host. A node of an agent is made with \"properties\": {{\"agent\": 1}}.",
            node.name
        );
        return Err(Problem::new(StatusCode::CONFLICT, "node_without_agent", detail));
    }
    let (mut stopping, id) = (app.stopping.clone(), node_id(id));
    let orders = tokio::select! {
        orders = app.nodes.agents.heartbeat(&id, told) => orders,
        _ = stopping.changed() => Ok(None),
    };
    let orders = orders.map_err(|refused| match refused {
        HeartbeatRefused::AnotherHost => {
            let detail = format!(
                "Another host speaks for {} already. Stop its agent, or wait ten seconds after its end; give each host a node of its own.",
                node.name
            );
            Problem::new(StatusCode::CONFLICT, "another_host", detail)
        }
        HeartbeatRefused::Address(why) => Problem::new(StatusCode::CONFLICT, "address_of_others", why),
    })?;
    orders.map(Json).ok_or_else(|| {
        let mut problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "starting_up",
            "The server starts or ends. Ask again in a second; change nothing.",
        );
        problem.retry_after_seconds = Some(1);
        problem
    })
}
