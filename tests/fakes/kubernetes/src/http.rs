//! Requests: routes, permissions, faults, error documents.
use crate::locked;
use crate::patch::{self, Format};
use crate::rules::{self, Refused};
use crate::world::{World, key, now, written};
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The most that a body may have.
const MOST_BYTES: usize = 1 << 20;

pub(crate) fn router(world: Arc<Mutex<World>>) -> Router {
    Router::new().fallback(serve).with_state(world)
}

/// One request, taken apart.
struct Asked<'a> {
    method: &'a Method,
    query: BTreeMap<String, String>,
    user: String,
    content_type: &'a str,
    body: Bytes,
}

async fn serve(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let asked = Asked {
        method: &parts.method,
        query: query_of(&parts.uri),
        user: user_of(&parts.headers),
        content_type: header_of(&parts.headers, header::CONTENT_TYPE),
        body,
    };
    match route(&mut locked(&world), parts.uri.path(), &asked) {
        Ok((status, document)) => (status, Json(document)).into_response(),
        Err(Refused { status, reason, message }) => {
            let document = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": status });
            (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(document)).into_response()
        }
    }
}

fn header_of(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The token is the name. kubectl sends none without TLS, and counts as nobody in particular.
fn user_of(headers: &HeaderMap) -> String {
    header_of(headers, header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or("anonymous").to_owned()
}

/// Fields of a query; only what a field selector and a token of a list need is decoded.
fn query_of(uri: &Uri) -> BTreeMap<String, String> {
    let decoded = |text: &str| text.replace("%3D", "=").replace("%2F", "/").replace("%3A", ":");
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

type Answered = Result<(StatusCode, Value), Refused>;

fn route(world: &mut World, path: &str, asked: &Asked<'_>) -> Answered {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["version"]) => Ok((
            StatusCode::OK,
            json!({ "major": "1", "minor": "35", "gitVersion": "v1.35.0-fake", "gitCommit": "", "gitTreeState": "",
                "buildDate": now(), "goVersion": "", "compiler": "", "platform": "" }),
        )),
        ("GET", ["api"]) => Ok((StatusCode::OK, json!({ "kind": "APIVersions", "versions": ["v1"] }))),
        ("GET", ["apis"]) => Ok((StatusCode::OK, json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] }))),
        ("GET", ["api", "v1"]) => Ok((StatusCode::OK, resources(world))),
        ("POST", ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]) => review(world, asked),
        ("GET", ["apis", "metrics.k8s.io", "v1beta1", "namespaces", namespace, "pods"]) => {
            samples(world, namespace, asked)
        }
        (method, ["api", "v1", "namespaces", namespace, "pods", rest @ ..]) => {
            if let Some(status) = world.faults.pop_front() {
                return Err(Refused::new(status, "InternalError", "the fake was told to fail"));
            }
            let named = |name: &str| key(namespace, name);
            match (method, rest) {
                ("GET", []) => list(world, namespace, asked),
                ("POST", []) => {
                    allow(world, asked, "create pods", namespace)?;
                    let pod = read(&asked.body)?;
                    Ok((StatusCode::CREATED, world.create(namespace, pod)?))
                }
                ("GET", [name]) => {
                    allow(world, asked, "get pods", namespace)?;
                    Ok((StatusCode::OK, world.pod(namespace, name).cloned().ok_or_else(|| missing(name))?))
                }
                ("DELETE", [name]) => {
                    allow(world, asked, "delete pods", namespace)?;
                    Ok((StatusCode::OK, world.delete(namespace, name).ok_or_else(|| missing(name))?))
                }
                ("PATCH", [name]) => {
                    allow(world, asked, "patch pods", namespace)?;
                    patched(world, &named(name), asked, rules::updated)
                }
                ("PATCH", [name, "resize"]) if world.has_resize => {
                    allow(world, asked, "patch pods/resize", namespace)?;
                    patched(world, &named(name), asked, rules::resized)
                }
                _ => Err(Refused::new(404, "NotFound", "the server could not find the requested resource")),
            }
        }
        _ => Err(Refused::new(404, "NotFound", "the server could not find the requested resource")),
    }
}

fn missing(name: &str) -> Refused {
    Refused::new(404, "NotFound", format!("pods \"{name}\" not found"))
}

fn read(body: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::new(400, "BadRequest", error.to_string()))
}

/// Notes that a user has needed a permission. Errors: it is switched off.
fn allow(world: &mut World, asked: &Asked<'_>, permission: &str, namespace: &str) -> Result<(), Refused> {
    world.used.entry(asked.user.clone()).or_default().insert(permission.to_owned());
    if !world.forbidden.contains(permission) {
        return Ok(());
    }
    let (verb, resource) = permission.split_once(' ').unwrap_or((permission, ""));
    let user = &asked.user;
    let message = format!(
        "pods is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"{namespace}\""
    );
    Err(Refused::new(403, "Forbidden", message))
}

fn resources(world: &World) -> Value {
    let of = |name: &str| json!({ "name": name, "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get", "patch"] });
    let mut all = vec![of("pods"), of("pods/status")];
    if world.has_resize {
        all.push(of("pods/resize"));
    }
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": all })
}

fn review(world: &World, asked: &Asked<'_>) -> Answered {
    let mut review = read(&asked.body)?;
    let attributes = &review["spec"]["resourceAttributes"];
    let of = |field: &str| attributes[field].as_str().unwrap_or_default();
    let permission = match of("subresource") {
        "" => format!("{} {}", of("verb"), of("resource")),
        subresource => format!("{} {}/{subresource}", of("verb"), of("resource")),
    };
    review["status"] = json!({ "allowed": !world.forbidden.contains(&permission) });
    Ok((StatusCode::CREATED, review))
}

/// A page of the pods of a namespace, by name.
fn list(world: &mut World, namespace: &str, asked: &Asked<'_>) -> Answered {
    allow(world, asked, "list pods", namespace)?;
    let node = match asked.query.get("fieldSelector").map(String::as_str) {
        None | Some("") => None,
        Some(selector) => {
            let unknown = || Refused::new(400, "BadRequest", format!("field label not supported: {selector}"));
            Some(selector.strip_prefix("spec.nodeName=").ok_or_else(unknown)?)
        }
    };
    let (begun, after) = match asked.query.get("continue").map(String::as_str) {
        None | Some("") => (world.version(), String::new()),
        Some(token) => {
            let wrong = || Refused::new(400, "BadRequest", "continue key is not valid");
            let (begun, after) = token.split_once(':').ok_or_else(wrong)?;
            (begun.parse().map_err(|_| wrong())?, after.to_owned())
        }
    };
    if !after.is_empty() && world.expired > 0 {
        world.expired -= 1;
        let message = "The provided continue parameter is too old to display a consistent list result";
        return Err(Refused::new(410, "Expired", message));
    }
    let is_in = |pod: &&Value| {
        pod["metadata"]["namespace"] == namespace
            && node.is_none_or(|node| pod["spec"]["nodeName"] == node)
            && pod["metadata"]["name"].as_str().is_some_and(|name| name > after.as_str())
    };
    let all: Vec<&Value> = world.pods().filter(is_in).collect();
    let limit: usize = asked.query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let page: Vec<&Value> = all.iter().copied().take(limit.min(world.page)).collect();
    let mut metadata = json!({ "resourceVersion": begun.to_string() });
    if page.len() < all.len() {
        let last = page.last().and_then(|pod| pod["metadata"]["name"].as_str()).unwrap_or_default();
        metadata["continue"] = format!("{begun}:{last}").into();
    }
    Ok((StatusCode::OK, json!({ "kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": page })))
}

/// Somebody else's change of a pod.
fn overtake(world: &mut World, namespace: &str, name: &str) {
    if world.overtaken == 0 {
        return;
    }
    world.overtaken -= 1;
    let version = world.version();
    world.change(namespace, name, |pod| pod["metadata"]["annotations"]["somebody/else"] = version.to_string().into());
}

fn patched(
    world: &mut World,
    name: &(String, String),
    asked: &Asked<'_>,
    change: impl FnOnce(&Value, &Value) -> Result<Value, Refused>,
) -> Answered {
    let unknown = || Refused::new(415, "UnsupportedMediaType", format!("{} is no patch", asked.content_type));
    let format = Format::of(asked.content_type).ok_or_else(unknown)?;
    let patch = read(&asked.body)?;
    overtake(world, &name.0, &name.1);
    let before = world.pod(&name.0, &name.1).cloned().ok_or_else(|| missing(&name.1))?;
    let mut wanted = before.clone();
    patch::apply(&mut wanted, &patch, format);
    let after = change(&before, &wanted)?;
    Ok((StatusCode::OK, world.put(name, after)))
}

fn samples(world: &mut World, namespace: &str, asked: &Asked<'_>) -> Answered {
    let not_there = || Refused::new(404, "NotFound", "the server could not find the requested resource");
    let samples = world.samples.clone().ok_or_else(not_there)?;
    allow(world, asked, "list pods.metrics.k8s.io", namespace)?;
    let items: Vec<Value> = samples
        .iter()
        .filter(|((of, _), _)| of == namespace)
        .map(|((_, name), (at, milli))| {
            json!({ "metadata": { "name": name, "namespace": namespace }, "timestamp": written(*at), "window": "15s",
                "containers": [{ "name": "app", "usage": { "cpu": format!("{}n", milli * 1_000_000), "memory": "32Mi" } }] })
        })
        .collect();
    let document =
        json!({ "kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items });
    Ok((StatusCode::OK, document))
}
