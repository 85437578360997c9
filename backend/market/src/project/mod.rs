//! Projects: a participant's own budgets. The bids of a project are one budget group in every round.
//!
//! What counts against the limit (`spent`) is what was charged for the project's awards, less what credit
//! notes gave back of it, a reservation fee kept. What is sold on does not come back: it is income.
//! Invariant: 0 ≤ spent ≤ limit, because a round has no more than `left` to award, and the limit is
//! never lowered under what was spent or what a sealed round may still charge.
//! Absent on purpose: periods. A limit holds until somebody changes it.
use crate::book::{Order, OrderRequest, Side};
use crate::event::Event;
use crate::ids::{ParticipantId, ProjectId};
use crate::refusal::{Refusal, conflict, invalid, not_found};
use crate::state::State;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::units::Credits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most projects that a participant may have at once.
pub const MOST_PROJECTS: usize = 64;
const LONGEST_NAME: usize = 64;
/// The highest limit, in credits: that of an order.
const HIGHEST_LIMIT: Credits = Credits::from_units(1_000_000_000_000_000);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Project {
    pub id: ProjectId,
    pub participant: ParticipantId,
    /// Unique among the participant's projects; a deleted one leaves it free.
    pub name: String,
    /// The most that the project's awards may cost together, until somebody changes it.
    pub limit: Credits,
    /// Charged for its awards and not credited back.
    pub spent: Credits,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl Project {
    /// What a round may still award.
    pub fn left(&self) -> Credits {
        self.limit - self.spent
    }
}

/// A project as the API shows it, with what its open bids stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProjectView {
    #[serde(flatten)]
    pub project: Project,
    /// `limit` less `spent`: the most that the next round may award to its bids together.
    pub left: Credits,
    /// Held for its open bids together. It may be more than what is left: they compete for that.
    pub committed: Credits,
    pub open_orders: u32,
}

fn open_orders<'a>(state: &'a State, project: &Project) -> impl Iterator<Item = &'a Order> {
    let (participant, name) = (project.participant, project.name.clone());
    let mine = move |o: &&Order| o.participant == participant && o.request.project.as_deref() == Some(name.as_str());
    state.orders.values().filter(mine)
}

/// Projects with what is committed for them: one pass over the open orders for all of them.
pub fn views(state: &State, projects: Vec<Project>) -> Vec<ProjectView> {
    let mut committed: BTreeMap<ProjectId, (u32, Credits)> = BTreeMap::new();
    let live = projects.iter().any(|p| p.deleted_at.is_none());
    // Every command asks, nearly all for no project: only a live one is worth a look at the book.
    for order in state.orders.values().take_while(|_| live).filter(|o| o.request.project.is_some()) {
        if let Some(project) = of_order(state, order) {
            let sums = committed.entry(project.id).or_default();
            *sums = (sums.0 + 1, sums.1 + order.hold);
        }
    }
    let view = |project: Project| {
        let (open_orders, committed) = committed.get(&project.id).copied().unwrap_or_default();
        ProjectView { left: project.left(), committed, open_orders, project }
    };
    projects.into_iter().map(view).collect()
}

/// The project that an order names, with whose budget it competes.
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
    if limit < project.spent {
        return Err(conflict(
            "project_limit_below_spent",
            format!(
                "The project has spent {} already. Set at least that; no award is taken back for a lower limit.",
                project.spent
            ),
        ));
    }
    let least = project.spent + at_stake(turn.state, &project);
    if limit < least {
        return Err(conflict(
            "project_in_round",
            format!(
                "A round with bids of the project is being cleared; with what it may win the project may come to {least}. Repeat the change in a few seconds."
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

/// The most that the sealed round may charge to a project.
fn at_stake(state: &State, project: &Project) -> Credits {
    let sealed = open_orders(state, project).filter(|o| o.sealed_in.is_some());
    sealed.map(|o| o.hold).sum::<Credits>().min(project.left())
}

/// Deletes a project that no open bid names. What its awards give back later counts nowhere any more.
pub fn delete(turn: &mut Turn<'_>, participant: ParticipantId, name: &str) -> Result<ProjectId, Refusal> {
    let mut project = turn.state.project(participant, name).cloned().ok_or_else(|| not_found("project"))?;
    let open = open_orders(turn.state, &project).count();
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
