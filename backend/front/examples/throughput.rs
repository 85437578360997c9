//! What the front costs: the same clients at the same backend, directly, through the front, and with a shadow run.
//!
//! `cargo run --release -p headroom-front --example throughput [seconds] [clients]`. Clients, front and backends share the
//! machine, so throughput through the front is at best about half of that without it where the processor is the limit.
use anyhow::Context;
use headroom_front::{Front, Rules};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Bytes of an answer: a small page.
const ANSWER_BYTES: usize = 2_048;

struct Run {
    per_second: u64,
    p50_micros: u64,
    p99_micros: u64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let clients: usize = arguments.next().map_or(Ok(16), |text| text.parse())?;
    let runtime = Runtime::new()?;
    let (original, copy) = (runtime.block_on(backend())?, runtime.block_on(backend())?);
    let front = Front::start(SocketAddr::from(([127, 0, 0, 1], 0)), original)?;
    let duration = Duration::from_secs(seconds);
    // Once before, so that all have their connections and their code in memory.
    load(&runtime, front.address(), clients, Duration::from_secs(1))?;
    let direct = load(&runtime, original, clients, duration)?;
    print("direct", &direct, &direct);
    print("front", &load(&runtime, front.address(), clients, duration)?, &direct);
    front.start_shadow(copy, Rules::default())?;
    print("front, mirrored", &load(&runtime, front.address(), clients, duration)?, &direct);
    let report = front.report().context("a report")?;
    let overflow = report.not_mirrored.overflow;
    println!("compared {}, not for want of room {overflow}, {:?}", report.compared, report.verdict);
    println!("failed {}, retried {}", front.counts().failed, front.counts().retried);
    Ok(())
}

fn print(name: &str, run: &Run, direct: &Run) {
    let percent = |value: u64, of: u64| value * 100 / of.max(1);
    println!(
        "{name:16} {:7} requests/s ({:3} %)  p50 {:6} µs ({:3} %)  p99 {:6} µs ({:3} %)",
        run.per_second,
        percent(run.per_second, direct.per_second),
        run.p50_micros,
        percent(run.p50_micros, direct.p50_micros),
        run.p99_micros,
        percent(run.p99_micros, direct.p99_micros),
    );
}

async fn backend() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(&[b'a'; ANSWER_BYTES]))))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// Each client sends its next request when it has the answer to the last one.
fn load(runtime: &Runtime, to: SocketAddr, clients: usize, duration: Duration) -> anyhow::Result<Run> {
    let started = Instant::now();
    let running: Vec<_> = (0..clients).map(|_| runtime.spawn(client(to, started + duration))).collect();
    let mut micros = Vec::new();
    for client in running {
        micros.extend(runtime.block_on(client)??);
    }
    let elapsed_millis = started.elapsed().as_millis().max(1);
    micros.sort_unstable();
    let percentile = |percent: usize| micros.get(micros.len() * percent / 100).copied().unwrap_or(0);
    let per_second = u64::try_from(micros.len() as u128 * 1_000 / elapsed_millis)?;
    Ok(Run { per_second, p50_micros: percentile(50), p99_micros: percentile(99) })
}

async fn client(to: SocketAddr, until: Instant) -> anyhow::Result<Vec<u64>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut micros = Vec::new();
    while Instant::now() < until {
        let started = Instant::now();
        let request = Request::get("/page").header("host", "service.example").body(Full::<Bytes>::default())?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        anyhow::ensure!(response.status() == 200, "the status is {}", response.status());
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(body.len() == ANSWER_BYTES, "{} bytes", body.len());
        micros.push(u64::try_from(started.elapsed().as_micros())?);
    }
    Ok(micros)
}
