//! Responses made of documents that are JSON already, and the list format.
use crate::app::App;
use crate::http::problem::{Answered, Problem};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::audit::AuditAction;
use headroom_market::ids::*;
use headroom_market::record::Table;
use headroom_market::settlement::dispute::DisputeState;
use headroom_market::swap::SwapState;
use headroom_market::time::Timestamp;
use headroom_store::read::{Listed, Page, Scope};
use serde::Deserialize;
use std::fmt::Write;
use std::sync::Arc;

/// A JSON document as it is stored.
pub struct Document(pub StatusCode, pub Arc<str>);

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (self.0, kind, self.1.to_string()).into_response()
    }
}

pub fn ok(document: impl Into<Arc<str>>) -> Document {
    Document(StatusCode::OK, document.into())
}

pub fn created(document: Arc<str>) -> Document {
    Document(StatusCode::CREATED, document)
}

/// Query parameters of every list.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 500, 50 by default.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<i64>,
    /// Id of the last object of the previous page.
    pub starting_after: Option<String>,
    /// Id of the first object of the next page; reads backwards.
    pub ending_before: Option<String>,
    /// Newest first by default.
    #[param(inline)]
    pub order: Option<Direction>,
    /// One status or several, separated by commas; an unknown one is refused with the known ones.
    /// `open` stands for all live ones of an order.
    pub status: Option<String>,
    /// Of this participant alone; for platform roles, who see everybody's.
    pub participant: Option<ParticipantId>,
    #[serde(rename = "created[gte]")]
    pub created_from: Option<Timestamp>,
    #[serde(rename = "created[lt]")]
    pub created_to: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Asc,
    Desc,
}

/// The statuses that rows of a table can have, as `Record::status_text` names them.
fn statuses(table: Table) -> &'static [&'static str] {
    match table {
        Table::Orders => &[
            "open",
            "partially_filled",
            "pending_cancel",
            "pending_replace",
            "filled",
            "canceled",
            "expired",
            "replaced",
        ],
        Table::Awards => &["live", "settled"],
        Table::Rounds => &["open", "sealed", "solved", "awarded", "executing", "settled", "void"],
        Table::Swaps => &SwapState::NAMES,
        Table::Instances => &["running", "stopped", "failed"],
        Table::Hints => &["active", "withdrawn"],
        Table::Projects => &["active", "deleted"],
        Table::Disputes => &DisputeState::NAMES,
        Table::AuditEvents => AuditAction::NAMES,
        _ => &["active"],
    }
}

/// Whether a text can be a cursor of a list of this table.
fn is_id(table: Table, text: &str) -> bool {
    match table {
        Table::Orders => text.parse::<OrderId>().is_ok(),
        Table::Awards => text.parse::<AwardId>().is_ok(),
        Table::Rounds => text.parse::<RoundId>().is_ok(),
        Table::Swaps => text.parse::<SwapId>().is_ok(),
        Table::Instances => text.parse::<InstanceId>().is_ok(),
        Table::Hints => text.parse::<HintId>().is_ok(),
        Table::Profiles => text.parse::<ProfileId>().is_ok(),
        Table::Projects => text.parse::<ProjectId>().is_ok(),
        Table::Disputes => text.parse::<DisputeId>().is_ok(),
        Table::Receipts => text.parse::<ReceiptId>().is_ok(),
        Table::AuditEvents => text.parse::<AuditId>().is_ok(),
        _ => false,
    }
}

impl ListQuery {
    /// What the next page is asked for with, too, but for the cursor. Nothing in it needs an escape that is not here: it was
    /// read as numbers, times and known names.
    fn kept(&self, filter: &str) -> String {
        let status = self.status.as_deref().unwrap_or("").split(',').map(str::trim).filter(|s| !s.is_empty());
        let status = status.collect::<Vec<_>>().join(",");
        let order = self.order.map(|order| if order == Direction::Asc { "asc" } else { "desc" });
        let parameters = [
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("order", order.map(str::to_owned)),
            (filter, Some(status).filter(|s| !s.is_empty())),
            ("participant", self.participant.map(|id| id.to_string())),
            ("created%5Bgte%5D", self.created_from.map(|at| at.to_string())),
            ("created%5Blt%5D", self.created_to.map(|at| at.to_string())),
        ];
        let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.map(|(name, value)| format!("{name}={value}&")).collect()
    }
    /// Whose rows are asked for, of those that the asker may see.
    pub fn scope(&self, table: Table, own: Scope) -> Answered<Scope> {
        let Some(asked) = self.participant.map(|id| id.to_string()) else { return Ok(own) };
        match own {
            _ if table == Table::Rounds => {
                Err(Problem::field("query_invalid", "participant", "Rounds are everybody's. Leave `participant` out."))
            }
            Scope::Participant(id) if id != asked => Err(Problem::not_found("participant")),
            _ => Ok(Scope::Participant(asked)),
        }
    }
    /// The page of a table that is asked for; `prefix` is how ids of the list begin.
    pub fn page(&self, table: Table, prefix: &str) -> Answered<Page> {
        let limit = self.limit.unwrap_or(50);
        if !(1..=500).contains(&limit) {
            return Err(Problem::field("page_limit_out_of_range", "limit", "limit is from 1 to 500."));
        }
        if self.starting_after.is_some() && self.ending_before.is_some() {
            return Err(Problem::field(
                "two_cursors",
                "ending_before",
                "Send starting_after or ending_before, not both.",
            ));
        }
        for (cursor, name) in [(&self.starting_after, "starting_after"), (&self.ending_before, "ending_before")] {
            if cursor.as_ref().is_some_and(|c| !c.starts_with(prefix) || !is_id(table, c)) {
                let detail = format!("{name} is the id of an object of this list, as next_cursor gives it.");
                return Err(Problem::field("cursor_invalid", name, detail));
            }
        }
        let mut wanted: Vec<String> = Vec::new();
        for status in self.status.as_deref().unwrap_or("").split(',').map(str::trim).filter(|s| !s.is_empty()) {
            if !statuses(table).contains(&status) {
                let known = statuses(table).join(", ");
                let detail = format!("Nothing here has the status `{status}`. There are: {known}.");
                return Err(Problem::field("status_unknown", "status", detail));
            }
            wanted.push(status.to_owned());
        }
        if table == Table::Orders && wanted.iter().any(|s| s == "open") {
            wanted.extend(["partially_filled", "pending_cancel", "pending_replace"].map(str::to_owned));
        }
        Ok(Page {
            limit,
            starting_after: self.starting_after.clone(),
            ending_before: self.ending_before.clone(),
            ascending: self.order == Some(Direction::Asc),
            statuses: wanted,
            position: None,
            created_from: self.created_from.map(Timestamp::micros),
            created_to: self.created_to.map(Timestamp::micros),
        })
    }
}

/// `{"object":"list",…}` with the `Link` header of RFC 8288, which asks for the next page as this one was asked for.
/// `filter`: how the list calls what `status` is in the query.
pub fn list(listed: &Listed, path: &str, query: &ListQuery, filter: &str) -> Response {
    let mut text = String::from("{\"object\":\"list\",\"data\":[");
    for (index, (_, document)) in listed.rows.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(document);
    }
    // The page goes on where it was read to.
    let (parameter, end) = match query.ending_before {
        Some(_) => ("ending_before", listed.rows.first()),
        None => ("starting_after", listed.rows.last()),
    };
    let next = end.map(|(id, _)| id).filter(|_| listed.has_more);
    let cursor = next.map_or("null".to_owned(), |id| format!("\"{id}\""));
    let _infallible = write!(text, "],\"has_more\":{},\"next_cursor\":{cursor}}}", listed.has_more);
    let mut response = ok(text).into_response();
    if let Some(id) = next
        && let Ok(link) =
            HeaderValue::from_str(&format!("<{path}?{}{parameter}={id}>; rel=\"next\"", query.kept(filter)))
    {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// A list of values that were made here.
pub fn list_of<T: serde::Serialize>(values: &[T]) -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({ "object": "list", "data": values, "has_more": false, "next_cursor": null }))
}

pub async fn list_table(app: &App, table: Table, scope: &Scope, query: &ListQuery, path: &str) -> Answered<Response> {
    let (page, scope) = (query.page(table, "")?, query.scope(table, scope.clone())?);
    Ok(list(&app.store.list(table, &scope, &page).await?, path, query, "status"))
}

pub async fn get_from(app: &App, table: Table, scope: &Scope, id: &str, what: &str) -> Answered<Document> {
    let document = app.store.get(table, scope, id).await?;
    document.map(ok).ok_or_else(|| Problem::not_found(what))
}

/// The shape of every list, for the OpenAPI document.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub struct List<T> {
    #[schema(example = "list")]
    pub object: String,
    pub data: Vec<T>,
    pub has_more: bool,
    /// Where the next page begins: for `starting_after`, or for `ending_before` where that was asked with.
    pub next_cursor: Option<String>,
}

/// A line of CSV, RFC 4180.
pub fn csv_line(cells: &[String]) -> String {
    cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A spreadsheet runs what begins like this, in some of them also in full width and after blanks.
fn is_formula(text: &str) -> bool {
    let text = text.trim_start();
    let is_number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.parse::<f64>().is_ok();
    text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !text.strip_prefix('-').is_some_and(is_number)
}

/// A text in a CSV cell, guarded against spreadsheets that run formulas; negative numbers stay numbers.
pub fn csv_cell(text: &str) -> String {
    let guarded = if is_formula(text) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

pub fn csv_response(name: &str, text: String) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1+1", "-inf", "@cmd", "\t=1", "\r\n=1", " =1", "＝1", "－cmd", "=A1,B1"] {
            let cell = csv_cell(text);
            assert!(cell.trim_start_matches('"').starts_with('\''), "{text:?} as {cell:?}");
        }
        for text in ["", "-1", "-0.000001", "-12.5e3", "a=b", "2026-11-20T10:00:00Z", "available:par_1"] {
            assert_eq!(csv_cell(text), text, "as it is");
        }
        let line = csv_line(&["=1".to_owned(), "-1.5".to_owned(), "say \"x\", twice".to_owned()]);
        assert_eq!(line, "'=1,-1.5,\"say \"\"x\"\", twice\"\r\n");
    }
}
