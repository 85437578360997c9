//! Clients that send bids as fast as they are answered, and keep a log of their own of what
//! was sent and what was acknowledged; and the comparison of that log with the server's list.
use crate::connection::Connection;
use headroom_tests::{Api, orders};
use serde::Deserialize;
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a bid asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub pool: String,
    pub cpu_milli: i64,
    pub limit: String,
}

/// What one load was.
#[derive(Debug, Default)]
pub struct Log {
    /// Acknowledged: client_bid_id to the id that the answer named.
    pub acked: HashMap<String, String>,
    /// Sent, and the connection ended before the answer: there or not, but never half.
    pub unanswered: HashSet<String>,
    /// Other answers, by status and code.
    pub refused: BTreeMap<String, u64>,
    /// Of answers inside the measured time.
    pub latencies_micros: Vec<u32>,
    /// When they came.
    pub answered_at: Vec<Instant>,
}

impl Log {
    /// The longest time in which nobody was answered, of all that was measured.
    pub fn standstill(&self, began: Instant, ended: Instant) -> Duration {
        let mut times = self.answered_at.clone();
        times.extend([began, ended]);
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
    fn add(&mut self, other: Log) {
        self.acked.extend(other.acked);
        self.unanswered.extend(other.unanswered);
        self.latencies_micros.extend(other.latencies_micros);
        self.answered_at.extend(other.answered_at);
        for (what, count) in other.refused {
            *self.refused.entry(what).or_default() += count;
        }
    }
}

/// A running load; all of it lives on the runner's one thread.
pub struct Load {
    clients: Vec<tokio::task::JoinHandle<Log>>,
    stop: Rc<Cell<bool>>,
    measuring: Rc<Cell<bool>>,
}

impl Load {
    /// Starts `clients` clients that are spread over the traders' keys. `tag` begins every
    /// client_bid_id. Must run inside a `LocalSet`.
    pub async fn start(
        url: &str,
        keys: &[String],
        clients: usize,
        tag: &str,
        ask: &Ask,
        window: &Value,
    ) -> anyhow::Result<Load> {
        let (stop, measuring) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let mut load = Load { clients: Vec::new(), stop, measuring };
        let body = orders::bid(&ask.pool, window, ask.cpu_milli, &ask.limit);
        for client in 0..clients {
            let connection = Connection::open(url, &keys[client % keys.len()]).await?;
            let (tag, body) = (format!("{tag}-{client}"), body.clone());
            let (stop, measuring) = (load.stop.clone(), load.measuring.clone());
            load.clients.push(tokio::task::spawn_local(one_client(connection, tag, body, stop, measuring)));
        }
        Ok(load)
    }
    /// From now on latencies count.
    pub fn measure(&self, on: bool) {
        self.measuring.set(on);
    }
    /// Lets every client finish its request and gathers the logs.
    pub async fn finish(self) -> anyhow::Result<Log> {
        self.stop.set(true);
        let mut log = Log::default();
        for client in self.clients {
            log.add(client.await?);
        }
        Ok(log)
    }
}

async fn one_client(
    mut connection: Connection,
    tag: String,
    body: Value,
    stop: Rc<Cell<bool>>,
    measuring: Rc<Cell<bool>>,
) -> Log {
    let mut log = Log::default();
    // The body is written once; only the client id changes.
    let text = body.to_string();
    let start = text.strip_suffix('}').unwrap_or(&text).to_owned();
    let mut number = 0u64;
    while !stop.get() {
        number += 1;
        let id = format!("{tag}-{number}");
        let body = format!("{start},\"client_bid_id\":\"{id}\"}}");
        let sent = Instant::now();
        let answer = match connection.post("/v1/bids", &id, &body).await {
            Ok(answer) => answer,
            Err(_) => {
                log.unanswered.insert(id);
                break;
            }
        };
        if answer.status == 201 {
            if measuring.get() {
                log.latencies_micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                log.answered_at.push(Instant::now());
            }
            let server_id = bid_id(answer.body).unwrap_or_default();
            log.acked.insert(id, server_id);
        } else {
            let problem: Value = serde_json::from_slice(answer.body).unwrap_or_default();
            let code = format!("{} {}", answer.status, problem["code"].as_str().unwrap_or("?"));
            *log.refused.entry(code).or_default() += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    log
}

/// The order's id out of its JSON, without parsing all of it.
fn bid_id(body: &[u8]) -> Option<String> {
    const BEFORE: &[u8] = b"\"id\":\"bid_";
    let at = body.windows(BEFORE.len()).position(|w| w == BEFORE)?;
    let id = body.get(at + 6..at + 6 + 30)?;
    std::str::from_utf8(id).ok().map(str::to_owned)
}

/// An order as the list shows it.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub id: String,
    #[serde(default)]
    pub client_bid_id: Option<String>,
    pub created_at: String,
    pub limit: String,
    pub resources: BTreeMap<String, i64>,
    pub pools: Vec<Value>,
    pub window: Value,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Listed>,
    next_cursor: Option<String>,
}

/// All bids whose client id begins with `tag`, as the admin sees them.
pub async fn listed(admin: &Api, tag: &str) -> anyhow::Result<Vec<Listed>> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let reply = admin.get(&format!("/v1/bids?limit=500&order=asc{after}")).await?;
        reply.ok()?;
        let page: Page = serde_json::from_str(&reply.text)?;
        all.extend(page.data.into_iter().filter(|o| o.client_bid_id.as_deref().is_some_and(|c| c.starts_with(tag))));
        match page.next_cursor {
            Some(cursor) => after = format!("&starting_after={cursor}"),
            None => return Ok(all),
        }
    }
}

/// What the server has against what the clients know.
#[derive(Debug, Default)]
pub struct Comparison {
    pub lost: u64,
    pub duplicated: u64,
    /// There, and neither acknowledged nor under way when the connection ended.
    pub unexpected: u64,
    /// There under another id or with another body than was sent.
    pub changed: u64,
    /// Orders there, and groups of them that were decided at once: one or a few a transaction.
    pub there: u64,
    pub batches: u64,
}

pub fn compare(log: &Log, listed: &[Listed], ask: &Ask) -> Comparison {
    let mut by_client: HashMap<&str, Vec<&Listed>> = HashMap::new();
    for order in listed {
        by_client.entry(order.client_bid_id.as_deref().unwrap_or_default()).or_default().push(order);
    }
    let mut result = Comparison { there: listed.len() as u64, ..Comparison::default() };
    result.lost = log.acked.keys().filter(|id| !by_client.contains_key(id.as_str())).count() as u64;
    for (client, orders) in &by_client {
        result.duplicated += orders.len() as u64 - 1;
        let acked = log.acked.get(*client);
        if acked.is_none() && !log.unanswered.contains(*client) {
            result.unexpected += 1;
        }
        let same_id = acked.is_none_or(|id| *id == orders[0].id);
        if !same_id || !orders.iter().all(|o| is_as_sent(o, ask)) {
            result.changed += 1;
        }
    }
    // What is decided at once has one time.
    result.batches = listed.iter().map(|o| o.created_at.as_str()).collect::<HashSet<_>>().len() as u64;
    result
}

fn is_as_sent(order: &Listed, ask: &Ask) -> bool {
    let resources = BTreeMap::from([("cpu_milli".to_owned(), ask.cpu_milli)]);
    let pools = order.pools.len() == 1 && order.pools[0]["pool"] == ask.pool.as_str();
    order.limit == ask.limit && order.resources == resources && pools && order.window["start_at"].is_string()
}
