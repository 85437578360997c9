//! What the sequencer asks before it decides: which requests and client ids it has seen.
use crate::database::Store;
use crate::error::StoreError;
use crate::on_either;
use crate::sql::constant;
use std::collections::BTreeMap;

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

const REPLIED: &str = "SELECT idempotency, request_hash, reply, events FROM journal WHERE idempotency";
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
    /// Looks both lists of hashes up.
    pub async fn known(&self, idempotency: Vec<String>, client_keys: Vec<String>) -> Result<Known, StoreError> {
        if idempotency.is_empty() && client_keys.is_empty() {
            return Ok(Known::default());
        }
        if let Some(writer) = &self.writer {
            return writer.run(move |connection| known_here(connection, &idempotency, &client_keys)).await;
        }
        let mut known = Known::default();
        for chunk in idempotency.chunks(256) {
            let (text, padded) = padded(REPLIED, chunk);
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
}

/// On the writer's own connection a statement is a call: one key each.
fn known_here(
    connection: &rusqlite::Connection,
    idempotency: &[String],
    client_keys: &[String],
) -> Result<Known, StoreError> {
    let mut known = Known::default();
    let mut statement = connection.prepare_cached(&format!("{REPLIED} IN ($1)"))?;
    for key in idempotency {
        for row in statement.query_map([key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))? {
            known.add(row?);
        }
    }
    let mut statement = connection.prepare_cached(&format!("{ORDERS} IN ($1)"))?;
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
