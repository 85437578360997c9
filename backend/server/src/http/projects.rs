//! Projects: limits of a participant's own, named by its bids.
use crate::app::App;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{Body, Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, list, ok};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use headroom_market::command::Command;
use headroom_market::project::{self, Project, ProjectView};
use headroom_market::record::Table;
use headroom_market::units::Credits;
use headroom_store::read::Listed;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_projects)).routes(routes!(get_project, put_project, delete_project))
}

/// A project's limit.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectLimit {
    /// The most that its awards may cost together, credits back for what was not delivered.
    limit: Credits,
}

/// Lists projects, the newest first; deleted ones only with `status=deleted`.
#[utoipa::path(get, path = "/projects", tag = "orders", operation_id = "listProjects", params(ListQuery),
    responses((status = 200, description = "A page of projects", body = List<ProjectView>), Problems))]
async fn list_projects(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("orders:read")?;
    let mut page = query.page(Table::Projects, "prj_")?;
    if page.statuses.is_empty() {
        page.statuses = vec!["active".to_owned()];
    }
    let Listed { rows, has_more } =
        app.store.list(Table::Projects, &query.scope(Table::Projects, by.scope())?, &page).await?;
    let stored: Result<Vec<Project>, _> = rows.iter().map(|(_, document)| serde_json::from_str(document)).collect();
    let stored = stored.map_err(|e| Problem::fault(&e))?;
    let views = app.sequencer.query(move |state| project::views(state, stored)).await?;
    let text = |view: &ProjectView| serde_json::to_string(view).map(|text| (view.project.id.to_string(), text));
    let rows: Result<Vec<_>, _> = views.iter().map(text).collect();
    let listed = Listed { rows: rows.map_err(|e| Problem::fault(&e))?, has_more };
    Ok(list(&listed, "/v1/projects", &query, "status"))
}

/// Reads a project by its name.
#[utoipa::path(get, path = "/projects/{name}", tag = "orders", operation_id = "getProject", params(("name" = String, Path, description = "Project")),
    responses((status = 200, description = "The project", body = ProjectView), Problems))]
async fn get_project(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(name): Path<String>,
) -> Answered<Json<ProjectView>> {
    by.may("orders:read")?;
    let participant = by.participant;
    let found = app.sequencer.query(move |state| {
        let project = state.project(participant, &name).cloned();
        project::views(state, project.into_iter().collect()).pop()
    });
    found.await?.map(Json).ok_or_else(|| Problem::not_found("project"))
}

/// Makes a project, or gives it another limit. A bid reserves its hold and is refused if less is left.
#[utoipa::path(put, path = "/projects/{name}", tag = "orders", operation_id = "putProject", request_body = ProjectLimit, params(("name" = String, Path, description = "1 to 64 letters, digits, '-', '_' or '.'")),
    responses((status = 200, description = "The project", body = ProjectView), Problems))]
async fn put_project(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(name): Path<String>,
    Body(ProjectLimit { limit }): Body<ProjectLimit>,
) -> Answered<Document> {
    by.may("orders:write")?;
    Ok(ok(app.object(&by, Command::PutProject { participant: by.participant, name, limit }).await?))
}

/// Deletes a project that no open bid names; its name is free again.
#[utoipa::path(delete, path = "/projects/{name}", tag = "orders", operation_id = "deleteProject", params(("name" = String, Path, description = "Project")),
    responses((status = 200, description = "The deleted project", body = ProjectView), Problems))]
async fn delete_project(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(name): Path<String>,
) -> Answered<Document> {
    by.may("orders:write")?;
    Ok(ok(app.object(&by, Command::DeleteProject { participant: by.participant, name }).await?))
}
