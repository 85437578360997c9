//! Moves under load: nothing fails, nothing is done twice, nothing reaches the old place behind a fence.
use crate::common::*;
use headroom_front::{Front, Options, Protocol, Rules, Verdict};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const MOVES: usize = 8;
/// Requests that a backend has to get before the next move.
const BETWEEN: usize = 60;

/// Clients that send until they are told to end. Each request has a number of its own.
struct Load {
    ends: Arc<AtomicBool>,
    clients: Vec<JoinHandle<anyhow::Result<Vec<u64>>>>,
}

impl Load {
    /// Eight connections of HTTP/1.1, and two of HTTP/2 with four requests at a time each.
    fn start(runtime: &Runtime, to: SocketAddr) -> anyhow::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU64::new(0));
        let mut clients = Vec::new();
        for _ in 0..8 {
            let client = runtime.block_on(Client::http1(to))?;
            clients.push(runtime.spawn(send(client, next.clone(), ends.clone())));
        }
        for _ in 0..2 {
            let Client::Http2(sender) = runtime.block_on(Client::http2(to))? else {
                anyhow::bail!("not HTTP/2");
            };
            for _ in 0..4 {
                let client = Client::Http2(sender.clone());
                clients.push(runtime.spawn(send(client, next.clone(), ends.clone())));
            }
        }
        Ok(Self { ends, clients })
    }

    /// The numbers of all requests that were answered, which are all.
    fn end(self, runtime: &Runtime) -> anyhow::Result<Vec<u64>> {
        self.ends.store(true, Ordering::SeqCst);
        let mut sent = Vec::new();
        for client in self.clients {
            sent.extend(runtime.block_on(client)??);
        }
        Ok(sent)
    }
}

async fn send(mut client: Client, next: Arc<AtomicU64>, ends: Arc<AtomicBool>) -> anyhow::Result<Vec<u64>> {
    let mut sent = Vec::new();
    while !ends.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let method = if number.is_multiple_of(2) { "POST" } else { "GET" };
        let body = if method == "POST" { "add one" } else { "" };
        let (status, text) = client.call(method, &format!("/{number}"), body).await?;
        anyhow::ensure!(status == 200 && text == format!("{method} /{number}"), "{method} {number}: {status} {text}");
        sent.push(number);
    }
    Ok(sent)
}

fn counter(runtime: &Runtime) -> anyhow::Result<Backend> {
    Backend::start(runtime, |seen| async move {
        // Long enough for requests to be in flight when a fence comes.
        tokio::time::sleep(Duration::from_millis(2)).await;
        plain(200, format!("{} {}", seen.method, seen.path))
    })
}

/// How often each request was executed, by its method and number, at both places.
fn executions(backends: &[&Backend]) -> BTreeMap<(String, String), usize> {
    let mut executions = BTreeMap::new();
    for seen in backends.iter().flat_map(|backend| backend.log()) {
        *executions.entry((seen.method, seen.path)).or_default() += 1;
    }
    executions
}

fn moves_lose_nothing(protocol: Protocol) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (mut here, mut there) = (counter(&runtime)?, counter(&runtime)?);
    let options = Options { backend_protocol: protocol, max_held_time: PATIENCE, ..Options::default() };
    let front = front_with(here.address, options)?;
    let load = Load::start(&runtime, front.address())?;
    for _ in 0..MOVES {
        let before = here.log().len();
        wait_until("the service gets requests", || here.log().len() >= before + BETWEEN);
        let fenced = front.fence(PATIENCE);
        assert!(fenced.in_flight == 0 && fenced.waited < PATIENCE, "{fenced:?}");
        let behind = here.log().len();
        wait_until("requests wait", || front.counts().held > 0);
        front.switch(there.address);
        let before = there.log().len();
        wait_until("the other place gets requests", || there.log().len() >= before + BETWEEN);
        assert_eq!(here.log().len(), behind, "a request reached the old place behind the fence");
        (here, there) = (there, here);
    }
    let sent = load.end(&runtime)?;
    let counts = front.counts();
    assert_eq!((counts.failed, counts.broken, counts.retried), (0, 0, 0), "{counts:?}");
    assert_eq!(counts.requests, sent.len() as u64);
    let executions = executions(&[&here, &there]);
    assert_eq!(executions.len(), sent.len());
    let twice: Vec<_> = executions.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    wait_until("nothing is in flight", || front.counts().in_flight == 0);
    Ok(())
}

#[test]
fn moves_under_load_lose_no_request_and_repeat_none() -> anyhow::Result<()> {
    moves_lose_nothing(Protocol::Http1)
}

#[test]
fn moves_between_http2_backends_lose_and_repeat_none() -> anyhow::Result<()> {
    moves_lose_nothing(Protocol::Http2)
}

#[test]
fn a_move_without_a_fence_drops_no_request() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (here, there) = (counter(&runtime)?, counter(&runtime)?);
    let front = front(here.address)?;
    let load = Load::start(&runtime, front.address())?;
    for number in 0..MOVES * 2 {
        let (next, before) =
            if number.is_multiple_of(2) { (&there, there.log().len()) } else { (&here, here.log().len()) };
        front.switch(next.address);
        wait_until("the other place gets requests", || next.log().len() >= before + 10);
    }
    let sent = load.end(&runtime)?;
    assert_eq!((front.counts().failed, front.counts().broken), (0, 0));
    let executions = executions(&[&here, &there]);
    assert!(executions.len() == sent.len() && executions.values().all(|times| *times == 1));
    Ok(())
}

/// Shadow run, verdict, fence, switch, and the old place goes away, all under load.
#[test]
fn a_whole_move_under_load_passes_and_loses_nothing() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (here, there) = (counter(&runtime)?, counter(&runtime)?);
    let front = front_with(here.address, Options { max_held_time: PATIENCE, ..Options::default() })?;
    let load = Load::start(&runtime, front.address())?;
    let rules = Rules { min_compared: 50, latency_allowance_millis: 20_000, ..Rules::default() };
    front.start_shadow(there.address, rules)?;
    let verdict = |front: &Front| front.report().map(|report| report.verdict);
    wait_until("there is a verdict", || !matches!(verdict(&front), Some(Verdict::Undecided { .. }) | None));
    assert_eq!(verdict(&front), Some(Verdict::Passed), "{:#?}", front.report());
    assert_eq!(there.count("POST"), 0, "an effect reached the copy");
    let fenced = front.fence(PATIENCE);
    assert_eq!(fenced.in_flight, 0);
    front.switch(there.address);
    let behind = here.log().len();
    wait_until("the copy gets requests with effects", || there.count("POST") >= BETWEEN);
    assert_eq!(here.log().len(), behind);
    drop(here);
    let before = there.log().len();
    wait_until("the copy goes on alone", || there.log().len() >= before + BETWEEN);
    load.end(&runtime)?;
    assert_eq!((front.counts().failed, front.counts().broken), (0, 0));
    Ok(())
}
