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
use headroom_market::ids::{InstanceId, NodeId, ParticipantId};
use headroom_market::participant::Role;
use headroom_market::pool::{Node, NodeState};
use headroom_market::state::State as Market;
use headroom_market::units::Amounts;
use headroom_market::workload::{Instance, InstanceState};
use serde::{Deserialize, Serialize};
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

/// A workload that runs on a node.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct NodeWorkload {
    id: InstanceId,
    name: String,
    participant: ParticipantId,
    /// The limits in force.
    in_force: Amounts,
}

/// A node with what runs there.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct NodeView {
    #[serde(flatten)]
    node: Node,
    /// The limits in force there, summed. Shown to the operator's roles only.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<Amounts>,
    /// Shown to the operator's roles only.
    #[serde(skip_serializing_if = "Option::is_none")]
    workloads: Option<Vec<NodeWorkload>>,
}

impl NodeView {
    fn of(state: &Market, node: &Node) -> NodeView {
        let running = |i: &&Instance| i.node == node.id && i.state == InstanceState::Running;
        let workloads: Vec<NodeWorkload> = state.instances.values().filter(running).map(NodeWorkload::of).collect();
        let mut in_force = Amounts::new();
        for (resource, units) in workloads.iter().flat_map(|w| &w.in_force) {
            *in_force.entry(*resource).or_default() += units;
        }
        NodeView { node: node.clone(), in_force: Some(in_force), workloads: Some(workloads) }
    }

    fn of_member(node: &Node) -> NodeView {
        NodeView { node: node.clone(), in_force: None, workloads: None }
    }
}

impl NodeWorkload {
    fn of(instance: &Instance) -> NodeWorkload {
        let Instance { id, name, participant, in_force, .. } = instance;
        NodeWorkload { id: *id, name: name.clone(), participant: *participant, in_force: in_force.clone() }
    }
}

/// Lists nodes; to operators and admins with what runs on each.
#[utoipa::path(get, path = "/nodes", tag = "market", operation_id = "listNodes",
    responses((status = 200, description = "All nodes", body = List<NodeView>), Problems))]
async fn list_nodes(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("market:read")?;
    let operates = matches!(by.role, Role::Operator | Role::Admin);
    let view = move |s: &Market| {
        let view = |node| if operates { NodeView::of(s, node) } else { NodeView::of_member(node) };
        s.nodes.values().map(view).collect::<Vec<_>>()
    };
    Ok(list_of(&app.sequencer.query(view).await?))
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
    Ok(ok(app.object(by, Command::SetNodeState { node, state }).await?))
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
