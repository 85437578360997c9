//! Lookups by what clients and owners name: idempotency keys, client ids, the orders of a participant.
//!
//! Rows are appended, but these lie anywhere: as indexes of the rows they had every bid change a page
//! in three trees for forty bytes each, which was half of all that it wrote. So they are tables of
//! their own, and what is new waits in memory until it is written in one sorted run. Nothing is lost
//! by waiting: it all follows from the journal, and a start reads the rows after the last run again.
use crate::database::Store;
use crate::error::StoreError;
use crate::journal::client_key;
use crate::load::corrupt;
use crate::on_either;
use crate::seen::Seen;
use crate::sql::{Insert, Value, constant};
use crate::write::MARKET;
use headroom_market::event::Event;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows of the journal between two runs. The more there are, the more of them share a page, and the
/// longer the one batch takes that writes them; a start reads as many again.
const RUN: i64 = 4096;

/// An earlier command with the same idempotency key, and its answer.
#[derive(Clone, Debug)]
pub struct Replied {
    pub request_hash: String,
    pub reply: String,
    pub events: String,
}

/// What is already stored of a batch.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By idempotency key with its owner.
    pub replied: BTreeMap<String, Replied>,
    /// Orders by their client id with its owner.
    pub orders: BTreeMap<String, String>,
}

/// An order that was accepted: whose it is, and the key of its client id.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub order: String,
    pub participant: String,
    pub client_key: Option<String>,
}

/// The order that an event accepts: one that was asked for now, or a replacement that had to wait
/// for its round.
pub fn accepted(event: &Event) -> Option<Accepted> {
    let Event::OrderAccepted(order) = event else { return None };
    let participant = order.participant.to_string();
    let client_key = order.request.client_bid_id.as_ref().map(|id| client_key(&participant, id));
    Some(Accepted { order: order.id.to_string(), participant, client_key })
}

/// What is written in the journal and in no table of lookups yet.
#[derive(Debug, Default)]
struct Waiting {
    /// The last row of the journal whose lookups are written.
    written: i64,
    /// The last row whose lookups are here.
    sequence: i64,
    requests: HashMap<String, i64>,
    client_ids: HashMap<String, String>,
    owners: Vec<(String, String)>,
    /// The oldest bid and the oldest offer of `owners`.
    oldest: [Option<String>; 2],
}

/// Shared by the writer and those who read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookups {
    waiting: Arc<Mutex<Waiting>>,
    /// Idempotency keys and client ids, written or waiting.
    seen: Arc<Seen>,
}

/// What a batch adds, to be told once it is written.
pub(crate) struct Fresh {
    sequence: i64,
    requests: Vec<(String, i64)>,
    accepted: Vec<Accepted>,
}

const REQUEST_KEYS: Insert = Insert {
    table: "request_keys",
    columns: &["request_key", "sequence"],
    // A key is looked up before it is used; were it there all the same, the first reply stands.
    tail: "ON CONFLICT (request_key) DO NOTHING",
};
/// A replacement may keep the client id of what it replaces; the id then names the newest.
const CLIENT_IDS: Insert = Insert {
    table: "client_ids",
    columns: &["client_key", "market", "order_id"],
    tail: "ON CONFLICT (client_key) DO UPDATE SET order_id = excluded.order_id",
};
const ORDER_OWNERS: Insert = Insert {
    table: "order_owners",
    columns: &["participant", "order_id"],
    tail: "ON CONFLICT (participant, order_id) DO NOTHING",
};
const WRITTEN: Insert = Insert {
    table: "lookups_written",
    columns: &["market", "sequence"],
    tail: "ON CONFLICT (market) DO UPDATE SET sequence = excluded.sequence",
};

impl Fresh {
    pub(crate) fn of(batch: &crate::write::Batch) -> Fresh {
        let key = |row: &crate::journal::JournalRow| Some((row.idempotency.clone()?, row.sequence));
        Fresh {
            sequence: batch.journal.last().map_or(0, |row| row.sequence),
            requests: batch.journal.iter().filter_map(key).collect(),
            accepted: batch.accepted.clone(),
        }
    }
}

impl Lookups {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of a run, when it is time for one.
    pub(crate) fn run(&self) -> Option<Vec<(Insert, Vec<Vec<Value>>)>> {
        let waiting = self.waiting();
        if waiting.sequence - waiting.written < RUN {
            return None;
        }
        // Sorted, so that neighbours in the tables are written one after the other.
        let requests: BTreeMap<&String, &i64> = waiting.requests.iter().collect();
        let requests = requests.into_iter().map(|(key, sequence)| vec![key.as_str().into(), (*sequence).into()]);
        let client_ids: BTreeMap<&String, &String> = waiting.client_ids.iter().collect();
        let client_ids =
            client_ids.into_iter().map(|(key, order)| vec![key.as_str().into(), MARKET.into(), order.as_str().into()]);
        let owners: BTreeSet<&(String, String)> = waiting.owners.iter().collect();
        let owners = owners.into_iter().map(|(owner, order)| vec![owner.as_str().into(), order.as_str().into()]);
        Some(vec![
            (REQUEST_KEYS, requests.collect()),
            (CLIENT_IDS, client_ids.collect()),
            (ORDER_OWNERS, owners.collect()),
            (WRITTEN, vec![vec![MARKET.into(), waiting.sequence.into()]]),
        ])
    }

    /// A batch is written; `ran` if a run was in its transaction.
    pub(crate) fn stored(&self, fresh: Fresh, ran: bool) {
        let keys = fresh.requests.iter().map(|(key, _)| key);
        self.seen.insert(keys.chain(fresh.accepted.iter().filter_map(|a| a.client_key.as_ref())));
        let mut waiting = self.waiting();
        if ran {
            *waiting = Waiting { written: waiting.sequence, sequence: waiting.sequence, ..Waiting::default() };
        }
        waiting.sequence = waiting.sequence.max(fresh.sequence);
        waiting.requests.extend(fresh.requests);
        for Accepted { order, participant, client_key } in fresh.accepted {
            let oldest = &mut waiting.oldest[usize::from(!order.starts_with("bid_"))];
            if oldest.as_ref().is_none_or(|oldest| order < *oldest) {
                *oldest = Some(order.clone());
            }
            waiting.client_ids.extend(client_key.map(|key| (key, order.clone())));
            waiting.owners.push((participant, order));
        }
    }

    /// All bids under the first and all offers under the second id are in `order_owners`. Others may
    /// be, too: ids of one millisecond have no order. An 8 is after all ids, in any collation.
    pub(crate) fn owners_are_written_before(&self) -> [String; 2] {
        let [bid, offer] = self.waiting().oldest.clone();
        [bid.unwrap_or_else(|| "bid_8".to_owned()), offer.unwrap_or_else(|| "off_8".to_owned())]
    }
}

const BY_KEY: &str = "SELECT k.request_key, j.request_hash, j.reply, j.events FROM request_keys k CROSS JOIN journal j WHERE j.sequence = k.sequence AND k.request_key";
const BY_SEQUENCE: &str = "SELECT idempotency, request_hash, reply, events FROM journal WHERE sequence = $1";
const ORDERS: &str = "SELECT client_key, order_id FROM client_ids WHERE client_key";
/// Few widths, so that the statements stay prepared; short lists repeat their last key.
const WIDTHS: [usize; 4] = [1, 8, 64, 256];

type RepliedColumns = (String, Option<String>, String, String);

impl Known {
    fn add(&mut self, (key, request_hash, reply, events): RepliedColumns) {
        self.replied.insert(key, Replied { request_hash: request_hash.unwrap_or_default(), reply, events });
    }
}

impl Store {
    /// Looks both lists of keys up; while PostgreSQL is away it waits.
    pub async fn known(&self, requests: Vec<String>, client_keys: Vec<String>) -> Result<Known, StoreError> {
        self.reach.patiently(|| self.look_up(requests.clone(), client_keys.clone())).await
    }

    async fn look_up(&self, mut requests: Vec<String>, mut client_keys: Vec<String>) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let mut sequences = Vec::new();
        for keys in [&mut requests, &mut client_keys] {
            self.lookups.seen.retain_used(keys);
        }
        {
            let waiting = self.lookups.waiting();
            requests.retain(|key| waiting.requests.get(key).map(|sequence| sequences.push(*sequence)).is_none());
            let mut found =
                |key: &String| waiting.client_ids.get(key).map(|id| known.orders.insert(key.clone(), id.clone()));
            client_keys.retain(|key| found(key).is_none());
        }
        for sequence in sequences {
            let row: RepliedColumns = on_either!(&self.market, pool => {
                sqlx::query_as(BY_SEQUENCE).bind(sequence).fetch_one(pool).await?
            });
            known.add(row);
        }
        if requests.is_empty() && client_keys.is_empty() {
            return Ok(known);
        }
        if let Some(writer) = &self.writer {
            return writer.run(move |connection| known_here(connection, known, &requests, &client_keys)).await;
        }
        for chunk in requests.chunks(256) {
            let (text, padded) = padded(BY_KEY, chunk);
            let rows: Vec<RepliedColumns> = on_either!(&self.market, pool => {
                let query = padded.into_iter().fold(sqlx::query_as(constant(text)), |query, key| query.bind(key));
                query.fetch_all(pool).await?
            });
            rows.into_iter().for_each(|row| known.add(row));
        }
        for chunk in client_keys.chunks(256) {
            let (text, padded) = padded(ORDERS, chunk);
            let rows: Vec<(String, String)> = on_either!(&self.market, pool => {
                let query = padded.into_iter().fold(sqlx::query_as(constant(text)), |query, key| query.bind(key));
                query.fetch_all(pool).await?
            });
            known.orders.extend(rows);
        }
        Ok(known)
    }

    pub async fn order_by_client_key(&self, client_key: &str) -> Result<Option<String>, StoreError> {
        let waiting = self.lookups.waiting().client_ids.get(client_key).cloned();
        if waiting.is_some() {
            return Ok(waiting);
        }
        let text = "SELECT order_id FROM client_ids WHERE client_key = $1";
        let row: Option<(String,)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(client_key).fetch_optional(pool).await?);
        Ok(row.map(|(id,)| id))
    }

    /// Reads every key that was ever used, in the background: until that is done, all are looked up.
    pub(crate) fn read_seen(&self) {
        let (seen, market) = (self.lookups.seen.clone(), self.market.clone());
        tokio::spawn(async move {
            if let Err(error) = seen.read_all(&market).await {
                tracing::warn!(%error, "used keys could not be read; every key is looked up in the database");
            }
        });
    }

    /// Reads again what waited when the last process ended.
    pub(crate) async fn read_lookups(&self) -> Result<(), StoreError> {
        let text = "SELECT sequence FROM lookups_written WHERE market = $1";
        let row: Option<(i64,)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(MARKET).fetch_optional(pool).await?);
        let written = row.map_or(0, |(sequence,)| sequence);
        *self.lookups.waiting() = Waiting { written, sequence: written, ..Waiting::default() };
        let text = "SELECT sequence, idempotency, events FROM journal WHERE sequence > $1 ORDER BY sequence LIMIT 256";
        let mut sequence = written;
        loop {
            let rows: Vec<(i64, Option<String>, String)> =
                on_either!(&self.market, pool => sqlx::query_as(text).bind(sequence).fetch_all(pool).await?);
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            sequence = *last;
            let mut fresh = Fresh { sequence, requests: Vec::new(), accepted: Vec::new() };
            for (sequence, key, events) in rows {
                fresh.requests.extend(key.map(|key| (key, sequence)));
                // Rounds have large events and accept next to nothing.
                if events.contains("\"order_accepted\"") {
                    let events: Vec<Event> = serde_json::from_str(&events)
                        .map_err(|error| corrupt("journal", &sequence.to_string(), &error.to_string()))?;
                    fresh.accepted.extend(events.iter().filter_map(accepted));
                }
            }
            self.lookups.stored(fresh, false);
        }
    }

    /// What the tables of lookups lack, or have twice; for `doctor`.
    pub async fn lookup_faults(&self) -> Result<Vec<String>, StoreError> {
        let checks = [
            (
                "more than one row of the journal has the idempotency key",
                "SELECT idempotency FROM journal WHERE idempotency IS NOT NULL GROUP BY idempotency HAVING COUNT(*) > 1 LIMIT 3",
            ),
            (
                "request_keys lacks the idempotency key",
                "SELECT j.idempotency FROM journal j LEFT JOIN request_keys k ON k.request_key = j.idempotency AND k.sequence = j.sequence WHERE j.idempotency IS NOT NULL AND k.sequence IS NULL AND j.sequence <= (SELECT MAX(sequence) FROM lookups_written) LIMIT 3",
            ),
            (
                "order_owners has another owner of",
                "SELECT x.order_id FROM order_owners x LEFT JOIN orders o ON o.market = 1 AND o.id = x.order_id AND o.participant = x.participant WHERE o.id IS NULL LIMIT 3",
            ),
            (
                "client_ids names no order, but",
                "SELECT c.order_id FROM client_ids c LEFT JOIN orders o ON o.market = c.market AND o.id = c.order_id WHERE o.id IS NULL LIMIT 3",
            ),
        ];
        let mut faults = Vec::new();
        for (what, text) in checks {
            let rows: Vec<(String,)> = on_either!(&self.market, pool => sqlx::query_as(text).fetch_all(pool).await?);
            faults.extend(rows.into_iter().map(|(name,)| format!("{what} {name}")));
        }
        Ok(faults)
    }
}

/// On the writer's own connection a statement is a call: one key each. They are one transaction, or
/// each would lock the file and find the end of the log again.
fn known_here(
    connection: &mut rusqlite::Connection,
    mut known: Known,
    requests: &[String],
    client_keys: &[String],
) -> Result<Known, StoreError> {
    let transaction = connection.transaction()?;
    let mut statement = transaction.prepare_cached(&format!("{BY_KEY} IN ($1)"))?;
    for key in requests {
        for row in statement.query_map([key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))? {
            known.add(row?);
        }
    }
    let mut statement = transaction.prepare_cached(&format!("{ORDERS} IN ($1)"))?;
    for key in client_keys {
        for row in statement.query_map([key], |r| Ok((r.get(0)?, r.get(1)?)))? {
            let (key, order) = row?;
            known.orders.insert(key, order);
        }
    }
    Ok(known)
}

fn padded<'k>(text: &str, keys: &'k [String]) -> (String, Vec<&'k str>) {
    let width = WIDTHS.into_iter().find(|w| keys.len() <= *w).unwrap_or(keys.len());
    let marks: Vec<String> = (1..=width).map(|n| format!("${n}")).collect();
    let last = keys.len().saturating_sub(1);
    (format!("{text} IN ({})", marks.join(",")), (0..width).map(|n| keys[n.min(last)].as_str()).collect())
}

#[cfg(test)]
mod tests;
