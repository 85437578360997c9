//! One request, from its head to the head of its answer.
use crate::backend::{Sent, note};
use crate::body::{AnswerBody, RequestBody, Rest};
use crate::front::{Counters, Shared};
use crate::gate::Ticket;
use crate::shadow::Mirror;
use crate::watch::SentAt;
use crate::{headers, tunnel};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Version};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

const NO_ANSWER: &str = "The service does not answer.\n";
const HELD_TOO_LONG: &str = "The service is being moved. Try again shortly.\n";
const NO_CONNECT: &str = "This address serves requests and opens no connections to others.\n";

/// Answers a request of a client. Dropped before, it is given up.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let counters = &shared.counters;
    counters.requests.fetch_add(1, Ordering::Relaxed);
    if request.method() == Method::CONNECT {
        return Ok(says(counters, StatusCode::METHOD_NOT_ALLOWED, NO_CONNECT));
    }
    let Ok(ticket) = shared.gate.enter().await else {
        let mut response = says(counters, StatusCode::SERVICE_UNAVAILABLE, HELD_TOO_LONG);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return Ok(response);
    };
    if let Some(protocol) = headers::wanted_upgrade(request.version(), request.headers()) {
        return Ok(tunnel::open(counters.clone(), ticket, client, request, protocol).await);
    }
    let (request, mirror) = prepare(&ticket, client, request);
    if request.method().is_safe() {
        return Ok(exchange(counters.clone(), ticket, request, mirror).await);
    }
    // What has effects stays in flight until the backend has answered, whether or not the client waits for it: a fence
    // must not pass before.
    let exchange = tokio::spawn(exchange(counters.clone(), ticket, request, mirror));
    Ok(exchange.await.unwrap_or_else(|_| no_answer(counters)))
}

/// The request for the backend, and what is gathered for the copy.
fn prepare(
    ticket: &Ticket,
    client: SocketAddr,
    request: Request<Incoming>,
) -> (Request<RequestBody>, Option<Box<Mirror>>) {
    let (mut head, body) = request.into_parts();
    let consider = |shadow: &Arc<crate::shadow::Shadow>| shadow.consider(&head.method, &head.uri, &head.headers);
    let mut mirror = ticket.shadow.as_ref().and_then(consider);
    headers::for_backend(&mut head, client.ip(), ticket.backend.address, ticket.backend.protocol);
    let body = if body.is_end_stream() {
        RequestBody::Whole(None)
    } else {
        RequestBody::Client(body, mirror.as_mut().map(|mirror| mirror.copy_body()), SentAt::default())
    };
    let request = Request::from_parts(head, body);
    if let Some(mirror) = &mut mirror {
        mirror.set_request(&request);
    }
    (request, mirror)
}

async fn exchange(
    counters: Arc<Counters>,
    ticket: Ticket,
    request: Request<RequestBody>,
    mut mirror: Option<Box<Mirror>>,
) -> Response<AnswerBody> {
    let (started, asked) = (Instant::now(), ticket.ask(&request));
    let sent = ticket.backend.send(request).await;
    note(asked, &sent);
    let Ok(Sent { mut response, lease, was_retried }) = sent else {
        return no_answer(&counters);
    };
    counters.retried.fetch_add(u64::from(was_retried), Ordering::Relaxed);
    if let Some(mirror) = &mut mirror {
        mirror.set_head(&response);
    }
    headers::for_client(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    let waited = started.elapsed();
    response.map(|body| AnswerBody::backend(body, Rest { ticket, lease, mirror, counters, waited, owed_since: None }))
}

/// An answer of the front itself; those of 500 and more are failures.
pub(crate) fn says(counters: &Counters, status: StatusCode, text: &'static str) -> Response<AnswerBody> {
    if status.is_server_error() {
        counters.failed.fetch_add(1, Ordering::Relaxed);
    }
    let mut response = Response::new(AnswerBody::text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// An answer of the front for a backend that gave none.
pub(crate) fn no_answer(counters: &Counters) -> Response<AnswerBody> {
    says(counters, StatusCode::BAD_GATEWAY, NO_ANSWER)
}
