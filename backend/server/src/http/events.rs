//! The event stream: Server-Sent Events from the outbox, resumable, authorised per row.
//!
//! `previous` is the id of the previous event that this subscription matched: a client that
//! sees another has a gap. A reader that falls behind reads from the database, so no buffer
//! grows; one that asks for what is pruned gets `reset`.
use crate::app::App;
use crate::http::auth::Anyone;
use crate::http::extract::Query;
use crate::http::problem::{Answered, Problem, Problems};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
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
    /// `price.*,order.*`: kinds or prefixes, all by default.
    topics: Option<String>,
    /// Start after this event; the header Last-Event-ID does the same and wins. New events
    /// only by default.
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
    pub object: &'a str,
    /// The object as GET returns it.
    pub data: serde_json::Value,
}

/// Rows read at once for one subscriber.
const PAGE: i64 = 500;
/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Subscription {
    topics: Vec<String>,
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
        let wanted = |topic: &String| match topic.strip_suffix('*') {
            Some(prefix) => row.kind.starts_with(prefix),
            None => row.kind == *topic,
        };
        mine && (self.topics.is_empty() || self.topics.iter().any(wanted))
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
}

/// Streams events as they are committed.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "streamEvents", params(StreamQuery, ("Last-Event-ID" = Option<i64>, Header, description = "Resume after this event")),
    responses((status = 200, description = "Server-Sent Events; each `data` is one StreamEvent; `event: reset` means: read everything again", body = StreamEvent, content_type = "text/event-stream"), Problems))]
async fn stream_events(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Answered<Response> {
    by.may("market:read")?;
    let sent = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let resume = match sent {
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::field("event_id_invalid", "Last-Event-ID", "Last-Event-ID is the id of an event.")
        })?),
        None => query.after,
    };
    let (oldest, newest) = app.store.stream_range().await?;
    let pruned = resume.is_some_and(|after: i64| after > 0 && after + 1 < oldest);
    let position = match resume {
        Some(after) if !pruned => after,
        _ => newest,
    };
    let topics = query.topics.unwrap_or_default();
    let topics = topics.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect();
    let participant = (!by.role.is_platform()).then(|| by.participant.to_string());
    let subscription =
        Subscription { topics, participant, position, previous: if pruned { 0 } else { resume.unwrap_or(0) } };
    let events = Box::pin(follow(app, subscription, pruned));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

fn follow(
    app: Arc<App>,
    mut subscription: Subscription,
    pruned: bool,
) -> impl futures::Stream<Item = Result<Event, Infallible>> {
    let mut wake = app.bus.subscribe();
    let mut stopping = app.stopping.clone();
    async_stream::stream! {
        // Tells the browser how soon to come back after the server has gone.
        yield Ok(Event::default().retry(Duration::from_secs(1)).comment("connected"));
        if pruned {
            let newest = subscription.position;
            yield Ok(Event::default().event("reset").id(newest.to_string()).data("{\"reason\":\"older than the stream keeps\"}"));
        }
        loop {
            wake.mark_unchanged();
            loop {
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
