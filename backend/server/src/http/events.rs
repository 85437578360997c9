//! The event stream: Server-Sent Events from the outbox, resumable, authorised per row: whose
//! it is, and whether the scopes that its object's route needs are there.
//!
//! `previous` is the id of the previous event that this subscription matched: a client that
//! sees another has a gap. A reader that falls behind reads from the database, so no buffer
//! grows; one that asks for what is pruned, or for what never was, gets `reset`.
//!
//! A stream outlives the request that opened it but not the key or token: whether that is still
//! good is asked before each read, so at least every two seconds, and the last event says why not.
use crate::app::App;
use crate::app::credential::{Credential, Lapse};
use crate::app::directory::Identity;
use crate::app::limiter::StreamSlot;
use crate::http::auth::Listener;
use crate::http::extract::Query;
use crate::http::problem::{Answered, Problem, Problems};
use crate::workers::prune::KEEP_EVENTS_HOURS;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use headroom_market::notice::KINDS;
use headroom_market::time::Timestamp;
use headroom_store::read::StreamRow;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// `price.*,order.*`: kinds, or the beginnings of kinds with a `*`; all by default. Kinds that
    /// the caller's scopes do not cover are left out.
    topics: Option<String>,
    /// Start after this event, 0 for all that are kept; the header Last-Event-ID does the same
    /// and wins. New events only by default.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// One event of the stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StreamEvent<'a> {
    pub id: i64,
    /// The previous event that this subscription matched; 0 for its first.
    pub previous: i64,
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub created_at: Timestamp,
    /// `null` is public.
    pub participant: Option<&'a str>,
    /// The object's id as its route has it: a round's number, a pool's slug, else an id.
    pub object: &'a str,
    /// The object as GET returns it.
    pub data: serde_json::Value,
}

/// Rows read at once for one subscriber.
const PAGE: i64 = 500;
/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The scopes of which one is needed for events of a kind: those of the route that reads the
/// object. A kind that is not here is nobody's.
fn scopes_for(kind: &str) -> &'static [&'static str] {
    match kind.split('.').next() {
        Some("round" | "price" | "pool" | "slot") => &["market:read"],
        Some("order" | "project") => &["orders:read"],
        Some("swap") => &["swaps:read"],
        Some("delivery" | "dispute") => &["finance:read"],
        Some("balance") => &["finance:read", "orders:read"],
        Some("forecast") => &["forecasts:read"],
        Some("workload" | "award") => &["allocations:read"],
        _ => &[],
    }
}

/// The kinds that the topics name and the caller may see.
fn kinds(topics: &str, by: &Identity) -> Answered<Vec<&'static str>> {
    let mut wanted = Vec::new();
    for topic in topics.split(',').map(str::trim).filter(|t| !t.is_empty()) {
        let named = |kind: &&&str| topic.strip_suffix('*').map_or(**kind == topic, |start| kind.starts_with(start));
        let before = wanted.len();
        wanted.extend(KINDS.iter().filter(named).copied());
        if wanted.len() == before {
            let detail = format!(
                "There are no events `{topic}`. There are: {}; `order.*` is all of a family.",
                KINDS.join(", ")
            );
            return Err(Problem::field("topic_unknown", "topics", detail));
        }
    }
    if topics.trim_matches([',', ' ']).is_empty() {
        wanted = KINDS.to_vec();
    }
    let needed: Vec<&str> = wanted.iter().flat_map(|kind| scopes_for(kind)).copied().collect();
    wanted.retain(|kind| scopes_for(kind).iter().any(|scope| by.may(scope).is_ok()));
    match needed.first() {
        // What it asks for without being allowed to is left out, but a stream of nothing is none.
        Some(scope) if wanted.is_empty() => by.may(scope).map(|()| wanted),
        _ => Ok(wanted),
    }
}

struct Subscription {
    /// Who listens.
    actor: String,
    kinds: Vec<&'static str>,
    participant: Option<String>,
    /// Read so far, matching or not.
    position: i64,
    /// The last that matched.
    previous: i64,
}

impl Subscription {
    fn matches(&self, row: &StreamRow) -> bool {
        let mine = match (&row.participant, &self.participant) {
            (None, _) | (_, None) => true,
            (Some(owner), Some(me)) => owner == me,
        };
        mine && self.kinds.contains(&row.kind.as_str())
    }

    fn event(&mut self, row: &StreamRow) -> Event {
        let event = StreamEvent {
            id: row.id,
            previous: self.previous,
            kind: &row.kind,
            created_at: Timestamp::from_micros(row.created_at),
            participant: row.participant.as_deref(),
            object: &row.object,
            data: serde_json::from_str(&row.data).unwrap_or_default(),
        };
        self.previous = row.id;
        let text = serde_json::to_string(&event).unwrap_or_default();
        Event::default().id(row.id.to_string()).event("message").data(text)
    }

    /// The last event of a stream whose credential is good no longer. Its id is where to go on:
    /// the last event that the client has, or where the stream was if it has none.
    fn end(&self, why: Lapse) -> Event {
        let id = if self.previous == 0 { self.position } else { self.previous };
        let text = serde_json::json!({ "code": why.code(), "detail": why.detail() }).to_string();
        Event::default().id(id.to_string()).event("end").data(text)
    }
}

/// Where a subscription begins.
struct Start {
    position: i64,
    previous: i64,
    /// Why the client has to read everything again.
    reset: Option<&'static str>,
}

/// The event after which the client wants to go on.
fn resume(headers: &HeaderMap, query: &StreamQuery) -> Answered<Option<i64>> {
    let invalid = |pointer: &str| {
        Problem::field("event_id_invalid", pointer, format!("{pointer} is the id of an event: a number from 0 up."))
    };
    let sent = match headers.get("last-event-id") {
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.parse().ok());
            Some((id.ok_or_else(|| invalid("Last-Event-ID"))?, "Last-Event-ID"))
        }
        None => query.after.map(|after| (after, "after")),
    };
    match sent {
        Some((id, pointer)) if id < 0 => Err(invalid(pointer)),
        sent => Ok(sent.map(|(id, _)| id)),
    }
}

async fn start(app: &App, resume: Option<i64>) -> Answered<Start> {
    let (oldest, newest) = app.store.stream_range().await?;
    let Some(after) = resume else { return Ok(Start { position: newest, previous: 0, reset: None }) };
    let gone = if after > newest {
        Some("newer than anything here")
    } else if 0 < after && after < oldest && was_pruned(app).await? {
        Some("older than the stream keeps")
    } else {
        None
    };
    Ok(match gone {
        // The reset's own id is the last that the client sees before what follows.
        Some(_) => Start { position: newest, previous: newest, reset: gone },
        None => Start { position: after, previous: after, reset: None },
    })
}

/// Whether events may be missing before the oldest one. Ids have gaps, so the ids do not say:
/// a market younger than what is kept has all its events.
async fn was_pruned(app: &App) -> Answered<bool> {
    let created_at = app.sequencer.query(|s| s.market.created_at).await?;
    Ok(created_at.plus_seconds(KEEP_EVENTS_HOURS * 3600) <= app.now())
}

/// Streams events as they are committed, until the API key, the access token or its session ends.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "streamEvents", params(StreamQuery, ("Last-Event-ID" = Option<i64>, Header, description = "Resume after this event")),
    responses((status = 200, description = "Server-Sent Events; each `data` is one StreamEvent; `event: reset` means: read everything again; `event: end` is the last one, its `code` one of token_expired, session_ended, key_expired, key_revoked, membership_ended", body = StreamEvent, content_type = "text/event-stream"), Problems))]
async fn stream_events(
    State(app): State<Arc<App>>,
    Listener { by, credential }: Listener,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Answered<Response> {
    let kinds = kinds(query.topics.as_deref().unwrap_or_default(), &by)?;
    let Start { position, previous, reset } = start(&app, resume(&headers, &query)?).await?;
    let slot = app.limiter.open_stream(&by.actor, by.participant)?;
    let participant = (!by.role.is_platform()).then(|| by.participant.to_string());
    let subscription = Subscription { actor: by.actor.to_string(), kinds, participant, position, previous };
    let events = Box::pin(follow(app, credential, subscription, reset, slot));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

fn follow(
    app: Arc<App>,
    credential: Credential,
    mut subscription: Subscription,
    reset: Option<&'static str>,
    slot: StreamSlot,
) -> impl futures::Stream<Item = Result<Event, Infallible>> {
    let mut wake = app.bus.subscribe();
    let mut stopping = app.stopping.clone();
    async_stream::stream! {
        // Tells the browser how soon to come back after the server has gone.
        yield Ok(Event::default().retry(Duration::from_secs(1)).comment("connected"));
        // Given back when the client has gone and this stream is dropped.
        let _slot = slot;
        if let Some(reason) = reset {
            let newest = subscription.position.to_string();
            yield Ok(Event::default().event("reset").id(newest).data(format!("{{\"reason\":\"{reason}\"}}")));
        }
        loop {
            wake.mark_unchanged();
            loop {
                // In memory, a fraction of what the read that follows costs.
                if let Err(why) = credential.check(&app.directory(), &app.sessions, app.now()) {
                    yield Ok(subscription.end(why));
                    return;
                }
                app.key_uses.note(&subscription.actor, app.now());
                let Ok(rows) = app.store.stream_after(subscription.position, PAGE).await else { break };
                let full = rows.len() as i64 == PAGE;
                for row in rows {
                    subscription.position = row.id;
                    if subscription.matches(&row) {
                        yield Ok(subscription.event(&row));
                    }
                }
                if !full {
                    break;
                }
            }
            if *stopping.borrow() {
                return;
            }
            tokio::select! {
                _ = wake.changed() => {}
                _ = tokio::time::sleep(POLL) => {}
                _ = stopping.changed() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::participant::Role;

    #[test]
    fn every_kind_has_a_scope_that_some_role_has() {
        for kind in KINDS {
            let scopes = scopes_for(kind);
            assert!(!scopes.is_empty(), "{kind}");
            assert!(scopes.iter().all(|s| Role::ALL.iter().any(|r| r.scopes().contains(s))), "{kind}: {scopes:?}");
        }
    }
}
