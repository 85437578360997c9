//! Nodes: where a pool's capacity is.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, Platform, require};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problems};
use crate::http::reply::{Document, List, created, list_of, ok};
use axum::Json;
use axum::extract::State;
use headroom_market::command::Command;
use headroom_market::ids::NodeId;
use headroom_market::participant::Role;
use headroom_market::pool::{Node, NodeState};
use headroom_market::units::Amounts;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_nodes, create_node))
        .routes(routes!(drain_node))
        .routes(routes!(undrain_node))
}

/// Lists nodes.
#[utoipa::path(get, path = "/nodes", tag = "market", operation_id = "listNodes",
    responses((status = 200, description = "All nodes", body = List<Node>), Problems))]
async fn list_nodes(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("market:read")?;
    let nodes = app.sequencer.query(|s| s.nodes.values().cloned().collect::<Vec<_>>()).await?;
    Ok(list_of(&nodes))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNode {
    name: String,
    pool: String,
    capacity: Amounts,
    #[serde(default)]
    properties: BTreeMap<String, i64>,
}

/// Adds a node to a pool.
#[utoipa::path(post, path = "/nodes", tag = "admin", operation_id = "createNode", request_body = NewNode,
    responses((status = 201, description = "The node", body = Node), Problems))]
async fn create_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewNode>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let command =
        Command::CreateNode { name: new.name, pool: new.pool, capacity: new.capacity, properties: new.properties };
    let document = app.object(&by, command).await?;
    app.nodes.add_from(&document);
    Ok(created(document))
}

async fn set_node_state(app: &App, by: &Identity, node: NodeId, state: NodeState) -> Answered<Document> {
    require(by, &[Role::Operator, Role::Admin])?;
    app.object(by, Command::SetNodeState { node, state }).await.map(ok)
}

/// Takes no new awards on a node; what runs there stays.
#[utoipa::path(post, path = "/nodes/{id}/drain", tag = "admin", operation_id = "drainNode", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = Node), Problems))]
async fn drain_node(State(app): State<Arc<App>>, Platform(by): Platform, Path(id): Path<NodeId>) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Draining).await
}

/// Takes awards on a drained node again.
#[utoipa::path(post, path = "/nodes/{id}/undrain", tag = "admin", operation_id = "undrainNode", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = Node), Problems))]
async fn undrain_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<NodeId>,
) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Up).await
}
