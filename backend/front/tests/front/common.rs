//! Backends that do as a test says, and clients that notice a dropped connection.
use anyhow::Context;
use headroom_front::{Front, Options, Report};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Long enough for a busy machine; no test waits for it unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// An address where nobody listens.
pub fn nobody() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(any_port())?.local_addr()?)
}

/// Waits until something is so.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "in {PATIENCE:?} not so: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A request as a backend has read it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A backend of HTTP/1.1 and HTTP/2. Dropped, it dies with all its connections.
pub struct Backend {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Backend {
    /// Answers each request by a function of it.
    pub fn start<F, A>(runtime: &Runtime, answer: F) -> anyhow::Result<Self>
    where
        F: Fn(Seen) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let listener = runtime.block_on(TcpListener::bind(any_port()))?;
        let address = listener.local_addr()?;
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let accepting = runtime.spawn(async move {
            // Dropped with this task, and its connections with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| handle(request, log.clone(), answer.clone()));
                    let _ = stream.set_nodelay(true);
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, seen, accepting })
    }

    /// Answers everything with the same text.
    pub fn says(runtime: &Runtime, text: &'static str) -> anyhow::Result<Self> {
        Self::start(runtime, move |_| async move { plain(200, text) })
    }

    /// How many requests of a method it has read.
    pub fn count(&self, method: &str) -> usize {
        self.log().iter().filter(|seen| seen.method == method).count()
    }

    pub fn log(&self) -> Vec<Seen> {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

async fn handle<F, A>(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<F>,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    F: Fn(Seen) -> A,
    A: Future<Output = Response<Full<Bytes>>>,
{
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("", |p| p.as_str()).to_owned();
    let Ok(body) = body.collect().await else {
        return Ok(plain(400, "the body broke off"));
    };
    let seen = Seen { method: head.method.to_string(), path, headers: head.headers, body: body.to_bytes() };
    if let Ok(mut log) = log.lock() {
        log.push(seen.clone());
    }
    Ok(answer(seen).await)
}

pub fn plain(status: u16, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}

pub fn json(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = plain(200, text);
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}

/// Raw connections, each given to a function.
pub fn raw_backend<F, A>(runtime: &Runtime, serve: F) -> anyhow::Result<SocketAddr>
where
    F: Fn(TcpStream) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = runtime.block_on(TcpListener::bind(any_port()))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

/// One connection of a client. It does not connect again: a dropped connection fails.
pub enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub async fn http1(to: SocketAddr) -> anyhow::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(to).await?)).await?;
        tokio::spawn(connection);
        Ok(Self::Http1(sender))
    }

    pub async fn http2(to: SocketAddr) -> anyhow::Result<Self> {
        let io = TokioIo::new(TcpStream::connect(to).await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    /// The head of an answer.
    pub async fn head(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => sender.send_request(request).await?,
        };
        Ok(response)
    }

    /// A whole answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        let (head, body) = self.head(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    pub async fn call(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let response = self.send(request(method, path, body)?).await?;
        Ok((response.status().as_u16(), String::from_utf8(response.into_body().to_vec())?))
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<(u16, String)> {
        self.call("GET", path, "").await
    }
}

pub fn request(method: &str, path: &str, body: &str) -> anyhow::Result<Request<Full<Bytes>>> {
    let uri = format!("http://service.example{path}");
    let request = Request::builder().method(method).uri(uri).header("host", "service.example");
    Ok(request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?)
}

/// One answer on a connection of its own.
pub fn once(runtime: &Runtime, to: SocketAddr, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
    runtime.block_on(async { Client::http1(to).await?.call(method, path, body).await })
}

pub fn front(active: SocketAddr) -> anyhow::Result<Front> {
    Ok(Front::start(any_port(), active)?)
}

pub fn front_with(active: SocketAddr, options: Options) -> anyhow::Result<Front> {
    Ok(Front::start_with(any_port(), active, options, None)?)
}

/// The report once every request is either compared or counted with its reason.
pub fn settled(front: &Front, requests: u64) -> anyhow::Result<Report> {
    let is_settled = || {
        front.report().is_some_and(|r| {
            let n = r.not_mirrored;
            let held = n.method + n.path + n.upgrade + n.unfinished + n.overflow;
            r.waiting == 0 && r.compared + held + n.request_too_large + n.answer_too_large + n.compressed == requests
        })
    };
    wait_until(&format!("{requests} requests are settled: {:?}", front.report()), is_settled);
    front.report().context("a report")
}
