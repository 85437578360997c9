//! Connections to one backend.
//!
//! Invariant: a request is written once. It is written again only if it has no body and its method is idempotent, and
//! only after a connection that was used before has died with it.
use crate::body::RequestBody;
use crate::lock;
use crate::options::{Options, Protocol};
use crate::watch::{Asked, Served};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// A connection unused for longer is not used again: common servers close theirs after 2 seconds at the earliest, and a
/// request with a body that meets the end of its connection is lost.
const MOST_IDLE: Duration = Duration::from_secs(1);
/// Unused connections that are kept; further ones are closed.
const MOST_KEPT: usize = 256;
/// Bytes that a backend may send before they are read, for a connection of HTTP/2.
const WINDOW_BYTES: u32 = 1 << 20;

type Sender1 = http1::SendRequest<RequestBody>;
type Sender2 = http2::SendRequest<RequestBody>;
type Sending<T> = Result<T, TrySendError<Request<RequestBody>>>;

pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
    /// Requests that have a ticket to this backend.
    pub(crate) in_flight: AtomicU64,
    /// How it has answered clients.
    pub(crate) served: Arc<Served>,
    connect_timeout: Duration,
    unused: Mutex<Vec<(Sender1, Instant)>>,
    shared: tokio::sync::Mutex<Option<Sender2>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("no connection in time")]
    Late,
    #[error("no answer: {0}")]
    Lost(#[from] hyper::Error),
}

/// An answer whose body is still to come.
pub(crate) struct Sent {
    pub(crate) response: Response<Incoming>,
    /// The connection, to be given back after the body. HTTP/2 has none.
    pub(crate) lease: Option<Lease>,
    pub(crate) was_retried: bool,
}

/// Notes how a request of a client has ended. One that its client has broken off says nothing of the backend.
pub(crate) fn note(asked: Option<Asked>, sent: &Result<Sent, SendError>) {
    match (asked, sent) {
        (Some(asked), Ok(sent)) => asked.end(Some(sent.response.status())),
        (Some(_), Err(SendError::Lost(error))) if error.is_user() => {}
        (Some(asked), Err(_)) => asked.end(None),
        (None, _) => {}
    }
}

/// A connection in use. Dropped, it closes; given back, it serves the next request.
pub(crate) struct Lease {
    backend: Arc<Backend>,
    sender: Sender1,
}

impl Lease {
    /// To be called after the end of the answer.
    pub(crate) fn give_back(mut self) {
        if self.sender.is_ready() {
            return self.backend.keep(self.sender);
        }
        // Without a runtime the front has stopped, and the connection ends with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if self.sender.ready().await.is_ok() {
                    self.backend.keep(self.sender);
                }
            });
        }
    }
}

impl Backend {
    pub(crate) fn new(address: SocketAddr, options: &Options) -> Arc<Self> {
        Arc::new(Self {
            address,
            protocol: options.backend_protocol,
            in_flight: AtomicU64::new(0),
            served: Arc::default(),
            connect_timeout: options.connect_timeout,
            unused: Mutex::default(),
            shared: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(self: &Arc<Self>, request: Request<RequestBody>) -> Result<Sent, SendError> {
        match self.protocol {
            Protocol::Http1 => self.send_by_http1(request).await,
            Protocol::Http2 => self.send_by_http2(request).await,
        }
    }

    async fn send_by_http1(self: &Arc<Self>, mut request: Request<RequestBody>) -> Result<Sent, SendError> {
        let mut was_retried = false;
        while let Some(mut sender) = self.take_unused() {
            let again = copy_if_repeatable(&request);
            match unsent(sender.try_send_request(request).await, again)? {
                Unsent::Answered(response) => return Ok(self.sent(response, sender, was_retried)),
                Unsent::Unwritten(back) => request = back,
                Unsent::Repeatable(copy) => {
                    was_retried = true;
                    request = copy;
                    break;
                }
            }
        }
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await?;
        Ok(self.sent(response, sender, was_retried))
    }

    /// Sends a request on a connection of its own, by HTTP/1.1: one that may become a tunnel.
    pub(crate) async fn send_alone(self: &Arc<Self>, request: Request<RequestBody>) -> Result<Sent, SendError> {
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await?;
        Ok(self.sent(response, sender, false))
    }

    async fn send_by_http2(&self, request: Request<RequestBody>) -> Result<Sent, SendError> {
        let again = copy_if_repeatable(&request);
        let (mut sender, is_new) = self.shared_connection().await?;
        let sent = sender.try_send_request(request).await;
        let (request, was_retried) = match unsent(sent, again.filter(|_| !is_new))? {
            Unsent::Answered(response) => return Ok(Sent { response, lease: None, was_retried: false }),
            Unsent::Unwritten(request) => (request, false),
            Unsent::Repeatable(request) => (request, true),
        };
        // Whatever others still do on that connection, this request gets another one.
        let mut sender = self.connect_shared(&mut *self.shared.lock().await).await?;
        let response = sender.send_request(request).await?;
        Ok(Sent { response, lease: None, was_retried })
    }

    fn sent(self: &Arc<Self>, response: Response<Incoming>, sender: Sender1, was_retried: bool) -> Sent {
        Sent { response, lease: Some(Lease { backend: self.clone(), sender }), was_retried }
    }

    /// The connection that was used last, so that a few connections serve little traffic.
    fn take_unused(&self) -> Option<Sender1> {
        let mut unused = lock(&self.unused);
        while let Some((sender, since)) = unused.pop() {
            if since.elapsed() > MOST_IDLE {
                // All others have waited for longer.
                unused.clear();
                return None;
            }
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: Sender1) {
        let mut unused = lock(&self.unused);
        let expired = unused.partition_point(|(_, since)| since.elapsed() > MOST_IDLE);
        unused.drain(..expired);
        if unused.len() < MOST_KEPT {
            unused.push((sender, Instant::now()));
        }
    }

    async fn stream(&self) -> Result<TokioIo<TcpStream>, SendError> {
        let connecting = TcpStream::connect(self.address);
        let stream = tokio::time::timeout(self.connect_timeout, connecting).await.map_err(|_| SendError::Late)??;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    async fn connect(&self) -> Result<Sender1, SendError> {
        let (sender, connection) = http1::handshake(self.stream().await?).await?;
        // How a connection ends is told to the request that is on it.
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    /// The connection that all requests share, and whether it is new.
    async fn shared_connection(&self) -> Result<(Sender2, bool), SendError> {
        let mut shared = self.shared.lock().await;
        match shared.as_ref().filter(|sender| !sender.is_closed()) {
            Some(sender) => Ok((sender.clone(), false)),
            None => Ok((self.connect_shared(&mut shared).await?, true)),
        }
    }

    async fn connect_shared(&self, shared: &mut Option<Sender2>) -> Result<Sender2, SendError> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES * 4)
            .handshake(self.stream().await?)
            .await?;
        tokio::spawn(connection);
        Ok(shared.insert(sender).clone())
    }
}

enum Unsent {
    Answered(Response<Incoming>),
    /// Not a byte of it was written.
    Unwritten(Request<RequestBody>),
    /// It may have been written; this is a copy of it that may be sent again.
    Repeatable(Request<RequestBody>),
}

fn unsent(sent: Sending<Response<Incoming>>, again: Option<Request<RequestBody>>) -> Result<Unsent, SendError> {
    match sent {
        Ok(response) => Ok(Unsent::Answered(response)),
        Err(mut error) => match (error.take_message(), again) {
            (Some(request), _) => Ok(Unsent::Unwritten(request)),
            (None, Some(copy)) => Ok(Unsent::Repeatable(copy)),
            (None, None) => Err(SendError::Lost(error.into_error())),
        },
    }
}

/// A copy of a request that has the same effect if it arrives twice and has nothing to be streamed.
fn copy_if_repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let body = request.body().copy()?;
    if !request.method().is_idempotent() {
        return None;
    }
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
