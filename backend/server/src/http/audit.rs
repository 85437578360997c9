//! The audit: who has changed what.
use crate::app::App;
use crate::http::auth::Anyone;
use crate::http::extract::Query;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Direction, List, ListQuery, list};
use axum::extract::State;
use axum::response::Response;
use headroom_market::audit::{Actor, AuditAction, AuditEvent};
use headroom_market::ids::{AuditId, ParticipantId};
use headroom_market::record::Table;
use headroom_market::state::State as Market;
use headroom_market::time::Timestamp;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_audit_events))
}

#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// 1 to 500, 50 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// Id of the last object of the previous page.
    starting_after: Option<String>,
    /// Id of the first object of the next page; reads backwards.
    ending_before: Option<String>,
    /// Newest first by default.
    #[param(inline)]
    order: Option<Direction>,
    /// One action or several, separated by commas; an unknown one is refused with the known ones.
    action: Option<String>,
    #[serde(rename = "created[gte]")]
    created_from: Option<Timestamp>,
    #[serde(rename = "created[lt]")]
    created_to: Option<Timestamp>,
}

impl AuditQuery {
    fn list(self) -> Answered<ListQuery> {
        let asked = self.action.as_deref().unwrap_or("").split(',').map(str::trim).filter(|a| !a.is_empty());
        if let Some(unknown) = asked.into_iter().find(|action| !AuditAction::NAMES.contains(action)) {
            let known = AuditAction::NAMES.join(", ");
            let detail = format!("There is no action `{unknown}`. There are: {known}.");
            return Err(Problem::field("action_unknown", "action", detail));
        }
        Ok(ListQuery {
            limit: self.limit,
            starting_after: self.starting_after,
            ending_before: self.ending_before,
            order: self.order,
            status: self.action,
            participant: None,
            created_from: self.created_from,
            created_to: self.created_to,
        })
    }
}

/// Lists who has changed what, the newest first: platform roles see all changes, a tenant those of its participant.
///
/// Orders, draws, recalls and hints have lists of their own.
#[utoipa::path(get, path = "/audit_events", tag = "admin", operation_id = "listAuditEvents", params(AuditQuery),
    responses((status = 200, description = "A page of changes", body = List<AuditEvent>), Problems))]
async fn list_audit_events(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<AuditQuery>,
) -> Answered<Response> {
    by.may("audit:read")?;
    let query = query.list()?;
    let page = query.page(Table::AuditEvents, AuditId::PREFIX)?;
    let mut listed = app.store.list(Table::AuditEvents, &by.scope(), &page).await?;
    if let Some(participant) = by.own() {
        listed.rows = app.sequencer.query(move |state| without_operators(state, participant, listed.rows)).await??;
    }
    Ok(list(&listed, "/v1/audit_events", &query, "action"))
}

/// The operator's people are not named to members.
fn without_operators(
    state: &Market,
    participant: ParticipantId,
    mut rows: Vec<(String, String)>,
) -> Answered<Vec<(String, String)>> {
    for (_, document) in &mut rows {
        let mut event: AuditEvent = serde_json::from_str(document).map_err(|e| Problem::fault(&e))?;
        if !event.actor.is_of(participant, state) {
            event.actor = Actor::operator();
            *document = serde_json::to_string(&event).map_err(|e| Problem::fault(&e))?;
        }
    }
    Ok(rows)
}
