//! Connections of clients: HTTP/1.1, or HTTP/2 that begins at once.
use crate::front::Shared;
use crate::serve::serve;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// After a connection could not be accepted, for want of files say.
const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(20);
/// Between questions whether a client with HTTP/2 is still there.
const ARE_YOU_THERE: Duration = Duration::from_secs(20);
/// Bytes that a client may send before they are read, for a stream of HTTP/2.
const WINDOW_BYTES: u32 = 1 << 20;

/// Accepts connections until the front stops.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let builder = Arc::new(builder(shared.options.head_timeout));
    let room = Arc::new(Semaphore::new(shared.options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let next = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            _ = stop.wait_for(|stops| *stops) => return,
            next = next => next,
        };
        let Ok((stream, client)) = accepted else {
            tokio::time::sleep(PAUSE_AFTER_FAULT).await;
            continue;
        };
        let (builder, shared, stop) = (builder.clone(), shared.clone(), stop.clone());
        tokio::spawn(async move {
            let open = Open::new(shared);
            connection(&builder, &open.0, stream, client, stop).await;
            drop(place);
        });
    }
}

/// A connection that is counted as open.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.counters.connections.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

fn builder(head_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(ARE_YOU_THERE)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 4);
    builder
}

async fn connection(
    builder: &auto::Builder<TokioExecutor>,
    shared: &Arc<Shared>,
    stream: TcpStream,
    client: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    // Without it small answers wait for the client's acknowledgement; a connection that refuses it is gone.
    let is_open = stream.set_nodelay(true).is_ok();
    let first = tokio::time::timeout(shared.options.head_timeout, stream.readable()).await;
    if !is_open || !matches!(first, Ok(Ok(()))) {
        return;
    }
    let service = service_fn(|request| serve(shared.clone(), client, request));
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    // How a connection ends is the client's business.
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = stop.wait_for(|stops| *stops) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
