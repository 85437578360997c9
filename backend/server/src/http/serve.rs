//! Connections: accepting them, giving each request its peer, and not waiting for ever.
//!
//! `axum::serve` has no time limits, so a client that sends its header a byte at a time, or
//! nothing at all, would keep its connection. Bodies have their limit in `extract`.
use crate::http::Service;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, request::Parts};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// For a whole request header, and for the pause between two requests on one connection.
const HEADER: Duration = Duration::from_secs(30);
/// After an accept that failed, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_secs(1);

/// The other end of a request's connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The client's address: the connection's, or what the proxy in front adds last to
/// X-Forwarded-For. What comes before it there is the client's own word.
pub fn client_address(parts: &Parts, behind_proxy: bool) -> Option<IpAddr> {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    if behind_proxy { forwarded(&parts.headers).or(peer) } else { peer }
}

fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

/// Serves until `stopping`; returns when the open requests are done.
pub async fn run(listener: TcpListener, service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => connection(stream, peer, service.clone(), &graceful),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

fn connection(stream: TcpStream, peer: SocketAddr, service: Arc<Service>, graceful: &GracefulShutdown) {
    // Answers are small and written at once: waiting for more to send only delays them.
    let _as_it_is = stream.set_nodelay(true);
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER);
    let serving = graceful.watch(http.serve_connection(TokioIo::new(stream), answer));
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proxys_own_word_counts() {
        let (mut parts, ()) = axum::http::Request::new(()).into_parts();
        parts.extensions.insert(Peer(SocketAddr::from(([10, 0, 0, 1], 5))));
        parts.headers.insert("x-forwarded-for", "1.1.1.1, 203.0.113.7".parse().unwrap());
        let text = |behind| client_address(&parts, behind).map(|a| a.to_string());
        assert_eq!(text(true).as_deref(), Some("203.0.113.7"));
        assert_eq!(text(false).as_deref(), Some("10.0.0.1"));
    }
}
