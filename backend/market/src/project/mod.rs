//! Projects: limits of a participant's own, which its bids share.
//!
//! What counts against the limit (`spent`) is what was charged for the project's awards, less what credit
//! notes gave back of it, a reservation fee kept. What is sold on does not come back: it is income.
//! A bid reserves what is held for it: it is refused if the project has less left.
//! Invariant: 0 ≤ spent, and spent + held ≤ limit.
//! Absent on purpose: periods. A limit holds until somebody changes it.
use crate::event::Event;
use crate::ids::{OrderId, ParticipantId, ProjectId};
use crate::records::order::{Order, OrderRequest, Side};
pub use crate::records::project::*;
use crate::records::rejection::Rejection;
use crate::refusal::{Refusal, conflict, invalid, not_found};
use crate::state::State;
use crate::turn::Turn;
use crate::units::Credits;
use serde::Serialize;

/// The most projects that a participant may have at once.
pub const MOST_PROJECTS: usize = 64;
const LONGEST_NAME: usize = 64;
/// The highest limit, in credits: that of an order.
const HIGHEST_LIMIT: Credits = Credits::from_units(1_000_000_000_000_000);

/// A project as the API shows it, with what its open bids stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProjectView {
    #[serde(flatten)]
    pub project: Project,
    /// What new bids may reserve: the limit less what was spent and what is held.
    pub left: Credits,
    /// Held for its open bids together.
    pub committed: Credits,
    pub open_orders: u32,
}

/// What new bids of a project may reserve.
pub fn left(state: &State, project: &Project) -> Credits {
    project.limit - project.spent - state.project_orders(project).1
}

/// Projects with what is reserved for them.
pub fn views(state: &State, projects: Vec<Project>) -> Vec<ProjectView> {
    let view = |project: Project| {
        let live = project.deleted_at.is_none();
        let (open_orders, committed) = if live { state.project_orders(&project) } else { Default::default() };
        ProjectView { left: project.limit - project.spent - committed, committed, open_orders, project }
    };
    projects.into_iter().map(view).collect()
}

/// Refuses a bid that needs a larger hold than its project has left. `previous` is the order that it replaces.
pub fn check_hold(
    state: &State,
    participant: ParticipantId,
    request: &OrderRequest,
    hold: Credits,
    previous: Option<OrderId>,
) -> Result<(), Rejection> {
    let Some(project) = of_request(state, participant, request) else { return Ok(()) };
    let same = |order: &&Order| of_order(state, order).is_some_and(|of| of.id == project.id);
    let freed = previous.and_then(|id| state.orders.get(&id)).filter(same).map_or(Credits::ZERO, |order| order.hold);
    let left = left(state, project) + freed;
    if hold > left {
        return Err(Rejection::ProjectExhausted { name: project.name.clone(), needed: hold, left });
    }
    Ok(())
}

/// The project that an order names.
pub fn of_request<'a>(state: &'a State, participant: ParticipantId, request: &OrderRequest) -> Option<&'a Project> {
    state.project(participant, request.project.as_deref()?)
}

pub fn of_order<'a>(state: &'a State, order: &Order) -> Option<&'a Project> {
    of_request(state, order.participant, &order.request).filter(|_| order.side == Side::Bid)
}

/// Makes a project, or gives the one of this name another limit.
pub fn put(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    name: String,
    limit: Credits,
) -> Result<ProjectId, Refusal> {
    check_name(&name)?;
    if limit.is_negative() || limit > HIGHEST_LIMIT {
        return Err(invalid(
            "project_limit_out_of_range",
            "/limit",
            "A project's limit is from 0 to 1000000000 credits.",
        ));
    }
    let now = turn.now;
    let Some(mut project) = turn.state.project(participant, &name).cloned() else {
        let count = turn.state.projects.values().filter(|p| p.participant == participant).count();
        if count >= MOST_PROJECTS {
            return Err(conflict(
                "too_many_projects",
                format!("A participant has at most {MOST_PROJECTS} projects. Delete one that is no longer used."),
            ));
        }
        let id = ProjectId::next(&mut turn.ids);
        let (created_at, updated_at, spent) = (now, now, Credits::ZERO);
        let project = Project { id, participant, name, limit, spent, created_at, updated_at, deleted_at: None };
        turn.emit(Event::ProjectChanged(project));
        return Ok(id);
    };
    let held = turn.state.project_orders(&project).1;
    if limit < project.spent + held {
        return Err(conflict(
            "project_limit_too_low",
            format!(
                "The project has spent {} and {held} is held for its open bids. Set at least the sum of both, or cancel bids first.",
                project.spent
            ),
        ));
    }
    let id = project.id;
    if limit != project.limit {
        (project.limit, project.updated_at) = (limit, now);
        turn.emit(Event::ProjectChanged(project));
    }
    Ok(id)
}

/// Deletes a project that no open bid names. What its awards give back later counts nowhere any more.
pub fn delete(turn: &mut Turn<'_>, participant: ParticipantId, name: &str) -> Result<ProjectId, Refusal> {
    let mut project = turn.state.project(participant, name).cloned().ok_or_else(|| not_found("project"))?;
    let (open, _) = turn.state.project_orders(&project);
    if open > 0 {
        return Err(conflict(
            "project_has_open_orders",
            format!("Open bids that name the project: {open}. Cancel or replace them first."),
        ));
    }
    (project.updated_at, project.deleted_at) = (turn.now, Some(turn.now));
    let id = project.id;
    turn.emit(Event::ProjectChanged(project));
    Ok(id)
}

/// What an award or a credit note of a project changes; nothing where the project was deleted.
pub fn spend(turn: &mut Turn<'_>, id: Option<ProjectId>, amount: Credits) {
    let Some(mut project) = id.and_then(|id| turn.state.projects.get(&id)).filter(|_| !amount.is_zero()).cloned()
    else {
        return;
    };
    // A credit note may be a few micro-credits more than what was charged: the exchange carried them.
    project.spent = (project.spent + amount).max(Credits::ZERO);
    project.updated_at = turn.now;
    turn.emit(Event::ProjectChanged(project));
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && name.len() <= LONGEST_NAME && name.chars().all(good) {
        return Ok(());
    }
    Err(invalid(
        "project_name_invalid",
        "name",
        "A project's name has 1 to 64 letters, digits, '-', '_' or '.', and begins with a letter or digit.",
    ))
}
