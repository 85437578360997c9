//! Nodes: where a pool's capacity is.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, Platform, require};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of, ok};
use crate::workers::agents::AgentStatus;
use crate::workers::nodes::node_id;
use axum::Json;
use axum::extract::State;
use headroom_execution::Driver;
use headroom_market::command::Command;
use headroom_market::ids::{InstanceId, NodeId, ParticipantId, SwapId};
use headroom_market::participant::Role;
use headroom_market::pool::{Node, NodeState};
use headroom_market::state::State as Market;
use headroom_market::swap::drain::{self, Leaving};
use headroom_market::time::Timestamp;
use headroom_market::units::{Amounts, Resource};
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
        .routes(routes!(cordon_node))
        .routes(routes!(drain_node))
        .routes(routes!(uncordon_node))
}

/// A workload that runs on a node.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct NodeWorkload {
    id: InstanceId,
    name: String,
    participant: ParticipantId,
    /// The limits in force.
    in_force: Amounts,
    /// How far it is with leaving a draining node.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaving: Option<LeavingView>,
}

/// How far a workload is with leaving a draining node.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct LeavingView {
    step: LeavingStep,
    /// A stable code: `moving`, `next_slots`, `won_here`, `pinned`, `suspended`, `adopted`, `no_room`.
    reason: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<SwapId>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LeavingStep {
    /// A swap takes it away now.
    Moving,
    /// It leaves by itself.
    Waiting,
    /// Somebody has to do something about it.
    Blocked,
}

impl From<Leaving> for LeavingView {
    fn from(leaving: Leaving) -> Self {
        use LeavingStep::{Blocked, Moving, Waiting};
        let of = |step, reason, detail: &str| Self { step, reason, detail: detail.to_owned(), until: None, swap: None };
        match leaving {
            Leaving::Moving(swap) => Self { swap: Some(swap), ..of(Moving, "moving", "A swap takes it away now.") },
            Leaving::Waiting => of(Waiting, "next_slots", "It moves with one of the next slots."),
            Leaving::WonHere(until) => {
                let detail = "It has won capacity on this node, and moves after the last of those slots.";
                Self { until: Some(until), ..of(Waiting, "won_here", detail) }
            }
            Leaving::Pinned(until) => {
                let detail = "A move of it has failed. It is tried again after this time.";
                Self { until: Some(until), ..of(Waiting, "pinned", detail) }
            }
            Leaving::Suspended => of(
                Blocked,
                "suspended",
                "It stands still for lack of memory. It moves once it goes on, or when it is stopped.",
            ),
            Leaving::Adopted => {
                of(Blocked, "adopted", "It was adopted where it runs and stays there. Stop the workload to let it go.")
            }
            Leaving::NoRoom => {
                let detail = "No other node of the pool has room for its baseline. Add a node, or uncordon one.";
                of(Blocked, "no_room", detail)
            }
        }
    }
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
    /// What its agent has told, where it has one and that was heard. Shown to the operator's roles only.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<AgentStatus>,
}

impl NodeView {
    fn of(state: &Market, node: &Node, now: Timestamp) -> NodeView {
        let running = |i: &&Instance| i.node == node.id && i.state == InstanceState::Running;
        let workloads: Vec<NodeWorkload> =
            state.instances.values().filter(running).map(|i| NodeWorkload::of(state, i, now)).collect();
        let mut in_force = Amounts::new();
        for (resource, units) in workloads.iter().flat_map(|w| &w.in_force) {
            *in_force.entry(*resource).or_default() += units;
        }
        NodeView { node: node.clone(), in_force: Some(in_force), workloads: Some(workloads), agent: None }
    }

    fn of_member(node: &Node) -> NodeView {
        NodeView { node: node.clone(), in_force: None, workloads: None, agent: None }
    }
}

impl NodeWorkload {
    fn of(state: &Market, instance: &Instance, now: Timestamp) -> NodeWorkload {
        let Instance { id, name, participant, in_force, .. } = instance;
        let leaving = drain::leaving(state, now, *id).map(LeavingView::from);
        NodeWorkload { id: *id, name: name.clone(), participant: *participant, in_force: in_force.clone(), leaving }
    }
}

/// Lists nodes; to operators and admins with what runs on each.
#[utoipa::path(get, path = "/nodes", tag = "market", operation_id = "listNodes",
    responses((status = 200, description = "All nodes", body = List<NodeView>), Problems))]
async fn list_nodes(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("market:read")?;
    let operates = matches!(by.role, Role::Operator | Role::Admin);
    let now = app.now();
    let view = move |s: &Market| {
        let view = |node| if operates { NodeView::of(s, node, now) } else { NodeView::of_member(node) };
        s.nodes.values().map(view).collect::<Vec<_>>()
    };
    let mut nodes = app.sequencer.query(view).await?;
    for view in nodes.iter_mut().filter(|_| operates) {
        view.agent = app.nodes.agents.status(&node_id(view.node.id));
    }
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

/// Refuses a resource that the driver of the nodes does not limit and meter: whoever bought it would get nothing.
pub fn refuse_unenforced(app: &App, resources: impl IntoIterator<Item = (Resource, String)>) -> Answered<()> {
    let can = app.nodes.cluster.capabilities();
    let Some((resource, pointer)) = resources.into_iter().find(|(r, _)| !can.enforces.contains(r)) else {
        return Ok(());
    };
    let enforced: Vec<&str> = can.enforces.iter().map(|r| r.name()).collect();
    let detail = format!(
        "The driver `{}` of these nodes enforces {}, not {resource}. Leave {resource} out.",
        can.driver,
        enforced.join(" and ")
    );
    Err(Problem::field("resource_not_enforced", &pointer, detail))
}

/// Adds a node to a pool. Its resources are those that its driver limits and meters.
#[utoipa::path(post, path = "/nodes", tag = "admin", operation_id = "createNode", request_body = NewNode,
    responses((status = 201, description = "The node", body = Node), Problems))]
async fn create_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewNode>,
) -> Answered<Document> {
    by.may("admin:write")?;
    refuse_unenforced(&app, new.capacity.keys().map(|r| (*r, format!("/capacity/{r}"))))?;
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
#[utoipa::path(post, path = "/nodes/{id}/cordon", tag = "admin", operation_id = "cordonNode", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = Node), Problems))]
async fn cordon_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<NodeId>,
) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Cordoned).await
}

/// Moves all that runs on a node to other nodes of its pool, each with its shadow run, as soon as nothing holds it there.
/// It takes no new awards. `GET /v1/nodes` has the progress and what blocks it; uncordon ends it.
#[utoipa::path(post, path = "/nodes/{id}/drain", tag = "admin", operation_id = "drainNode", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = Node), Problems))]
async fn drain_node(State(app): State<Arc<App>>, Platform(by): Platform, Path(id): Path<NodeId>) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Draining).await
}

/// Takes awards on a cordoned or draining node again.
#[utoipa::path(post, path = "/nodes/{id}/uncordon", tag = "admin", operation_id = "uncordonNode", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = Node), Problems))]
async fn uncordon_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<NodeId>,
) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Up).await
}
