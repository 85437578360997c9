//! Requests for another protocol, such as WebSocket: bytes go both ways until a side closes.
//!
//! A tunnel stays at the backend where it began; a switch leaves it there.
use crate::backend::{Sent, note};
use crate::body::{AnswerBody, RequestBody, Rest};
use crate::front::Counters;
use crate::gate::Ticket;
use crate::headers;
use crate::serve::no_answer;
use crate::watch::SentAt;
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Asks the backend for the other protocol and connects both sides if it agrees.
pub(crate) async fn open(
    counters: Arc<Counters>,
    ticket: Ticket,
    client: SocketAddr,
    mut request: Request<Incoming>,
    protocol: HeaderValue,
) -> Response<AnswerBody> {
    if let Some(shadow) = &ticket.shadow {
        shadow.note_upgrade();
    }
    let client_side = hyper::upgrade::on(&mut request);
    let (mut head, body) = request.into_parts();
    // Only HTTP/1.1 has this way to another protocol.
    let by = crate::options::Protocol::Http1;
    headers::for_backend(&mut head, client.ip(), ticket.backend.address, by);
    headers::set_upgrade(&mut head.headers, protocol.clone());
    let body = if body.is_end_stream() {
        RequestBody::Whole(None)
    } else {
        RequestBody::Client(body, None, SentAt::default())
    };
    let request = Request::from_parts(head, body);
    let asked = ticket.ask(&request);
    let sent = ticket.backend.send_alone(request).await;
    note(asked, &sent);
    let Ok(Sent { mut response, lease, .. }) = sent else {
        return no_answer(&counters);
    };
    let agreed = response.headers().get(UPGRADE).cloned().unwrap_or(protocol);
    headers::for_client(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let rest = Rest { ticket, lease, mirror: None, counters, waited: Duration::ZERO, owed_since: None::<Instant> };
        return response.map(|body| AnswerBody::backend(body, rest));
    }
    headers::set_upgrade(response.headers_mut(), agreed);
    let backend_side = hyper::upgrade::on(&mut response);
    tokio::spawn(async move {
        let (Ok(backend_side), Ok(client_side)) = (backend_side.await, client_side.await) else {
            return;
        };
        counters.tunnels.fetch_add(1, Ordering::Relaxed);
        // An open tunnel is not in flight: it may stay for days, and no fence waits for it.
        drop(ticket);
        let (mut backend_side, mut client_side) = (TokioIo::new(backend_side), TokioIo::new(client_side));
        // How it ends is the business of both sides.
        let _ = tokio::io::copy_bidirectional(&mut client_side, &mut backend_side).await;
        counters.tunnels.fetch_sub(1, Ordering::Relaxed);
    });
    response.map(|_| AnswerBody::empty())
}
