//! The programs of workloads: WebAssembly modules, checked before they are accepted.
use crate::app::App;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{Query, read_bytes};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of};
use crate::sequencer::{Attached, Outcome};
use crate::workers::modules::{MOST_MODULE_BYTES, NotAdmitted};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use headroom_market::command::Command;
use headroom_market::workload::{Module, ModuleKind, register};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_modules, upload_module))
}

/// Lists modules: those that come with the product and one's own.
#[utoipa::path(get, path = "/modules", tag = "workloads", operation_id = "listModules",
    responses((status = 200, description = "Modules", body = List<OfferedModule>), Problems))]
async fn list_modules(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("allocations:read")?;
    let all = by.role.is_platform();
    let modules = app.sequencer.query(move |s| {
        let mine = |m: &&Module| !m.kind.is_adopted() && (all || m.participant.is_none_or(|p| p == by.participant));
        s.modules.values().filter(mine).cloned().collect::<Vec<_>>()
    });
    let offered = modules.await?.into_iter().map(|module| {
        let available = match module.kind {
            ModuleKind::Command => Some(app.nodes.command_missing(&module.name, &[]).is_none()),
            ModuleKind::Service => Some(app.nodes.service_missing(&module.name).is_none()),
            _ => None,
        };
        OfferedModule { module, available }
    });
    Ok(list_of(&offered.collect::<Vec<_>>()))
}

/// What a workload can be made of.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct OfferedModule {
    #[serde(flatten)]
    module: Module,
    /// Of a command or a service: whether it can be started now. Where not, its workloads stand still.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<bool>,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    name: String,
}

/// The bytes of a module, or its text format.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "names the body in the OpenAPI document; never built")]
struct WasmBytes(Vec<u8>);

/// The first line of a refusal: compilers draw the place in the text below it.
fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.next().unwrap_or("the module cannot be read").trim_end_matches(['.', ':']);
    match lines.find_map(|line| line.strip_prefix("--> ").and_then(|place| place.split_once(':'))) {
        Some((_, place)) => format!("{said}, at line and column {place}."),
        None => format!("{said}."),
    }
}

fn not_admitted(why: NotAdmitted) -> Problem {
    let (status, code, detail, seconds) = match why {
        NotAdmitted::Refused(error) => return Problem::field("module_refused", "", first_line(&error.to_string())),
        NotAdmitted::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "compiler_busy",
            "Too many modules are being checked at this moment. Try again after the time in Retry-After.",
            5,
        ),
        NotAdmitted::OwnBusy => (
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_uploads",
            "Several uploads of this participant are being checked. Upload one after the other, or wait for the time in Retry-After.",
            2,
        ),
    };
    let mut problem = Problem::new(status, code, detail);
    problem.retry_after_seconds = Some(seconds);
    problem
}

/// Uploads a wasm module (the body is the bytes). It is checked before it is accepted.
#[utoipa::path(post, path = "/modules", tag = "workloads", operation_id = "uploadModule", params(UploadQuery),
    request_body(content((WasmBytes = "application/wasm"), (WasmBytes = "application/octet-stream"))),
    responses((status = 201, description = "The module", body = Module), Problems))]
async fn upload_module(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Answered<Document> {
    by.may("workloads:write")?;
    let bytes: Arc<[u8]> = read_bytes(request, &(), MOST_MODULE_BYTES).await?.as_ref().into();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    // Asked before it is compiled, decided again with the command.
    let (participant, same) = (by.participant, hash.clone());
    let there = app.sequencer.query(move |s| register::may_add_module(s, Some(participant), &same)).await??;
    if there.is_none() {
        app.nodes.modules.admit(by.participant, bytes.clone()).await.map_err(not_admitted)?;
    }
    let command = Command::RegisterModule {
        participant: Some(by.participant),
        name: query.name,
        hash: hash.clone(),
        size_bytes: bytes.len() as i64,
    };
    let attached = Attached { module: Some((hash, bytes.to_vec())), ..Attached::default() };
    match app.submit(&by, command, None, attached).await?.outcome {
        Outcome::Object(document) => Ok(created(document)),
        // The same bytes were uploaded before: nothing new to store.
        _ => Err(Problem::not_found("module")),
    }
}
