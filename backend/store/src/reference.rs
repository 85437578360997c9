//! Documents that the journal has already: the row of an order as it was accepted, and what the stream told of it,
//! name the journal row instead. The order's JSON is the longest part of a bid; it is written once.
//!
//! Invariant: a reference is `@` and the sequence of a journal row, whose events contain the acceptance of the order
//! that the reference is kept for. A document begins with a brace, so the two can't be taken for each other; journal
//! rows are never changed or removed.
use crate::database::Database;
use crate::error::StoreError;
use crate::load::corrupt;
use crate::on_either;
use crate::sql::constant;
use std::collections::BTreeMap;

/// To the order that was accepted by a command.
pub fn to(sequence: i64) -> String {
    format!("@{sequence}")
}

/// The sequence that a text names, if it is a reference.
fn named(text: &str) -> Option<i64> {
    text.strip_prefix('@')?.parse().ok()
}

/// Journal rows that are asked for at once: one, a page's, or what a start needs. Few texts, so that the database
/// knows them all.
const AT_ONCE: [usize; 3] = [1, 32, 512];

/// Puts documents in the place of references; each comes with the id of what it is of. One that the journal does not
/// have is a fault of the database.
pub(crate) async fn resolve<'a>(
    database: &Database,
    table: &str,
    documents: impl Iterator<Item = (&'a str, &'a mut String)>,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<i64, Vec<(&str, &mut String)>> = BTreeMap::new();
    for (id, document) in documents {
        if let Some(sequence) = named(document) {
            wanted.entry(sequence).or_default().push((id, document));
        }
    }
    let sequences: Vec<i64> = wanted.keys().copied().collect();
    for chunk in sequences.chunks(AT_ONCE[2]) {
        let mut rows = events_of(database, chunk).await?;
        for sequence in chunk {
            let events = rows.remove(sequence).unwrap_or_default();
            for (id, document) in wanted.remove(sequence).into_iter().flatten() {
                let lost = || corrupt(table, id, &format!("journal row {sequence} does not have it"));
                *document = accepted_in(&events, id).ok_or_else(lost)?.to_owned();
            }
        }
    }
    Ok(())
}

/// The same of a list of (id, document).
pub(crate) async fn resolve_rows(
    database: &Database,
    table: &str,
    rows: &mut [(String, String)],
) -> Result<(), StoreError> {
    resolve(database, table, rows.iter_mut().map(|(id, document)| (id.as_str(), document))).await
}

async fn events_of(database: &Database, sequences: &[i64]) -> Result<BTreeMap<i64, String>, StoreError> {
    let count = AT_ONCE.into_iter().find(|n| *n >= sequences.len()).unwrap_or(sequences.len());
    let marks: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
    let text = format!("SELECT sequence, events FROM journal WHERE sequence IN ({})", marks.join(","));
    // The last one fills the places that are left.
    let places = sequences.iter().chain(sequences.last().into_iter().cycle()).take(count);
    let rows: Vec<(i64, String)> = on_either!(database, pool => {
        let mut query = sqlx::query_as(constant(text));
        for sequence in places {
            query = query.bind(*sequence);
        }
        query.fetch_all(pool).await?
    });
    Ok(rows.into_iter().collect())
}

/// The JSON of an order in the events of the command that it was accepted by.
fn accepted_in<'a>(events: &'a str, id: &str) -> Option<&'a str> {
    const BEFORE: &str = "{\"event\":\"order_accepted\",\"data\":";
    let start = events.find(&format!("{BEFORE}{{\"id\":\"{id}\""))? + BEFORE.len();
    let rest = &events[start..];
    // Only the JSON itself says where it ends.
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    Some(&rest[..values.byte_offset()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_among_the_events_of_its_command() {
        let first = r#"{"id":"bid_1","window":{"start_at":"a"},"client_bid_id":"\"}],{\"event\":\"order_accepted\",\"data\":{\"id\":\"bid_3\""}"#;
        let second = r#"{"id":"bid_2","pools":[{"pool":"p"}]}"#;
        let events = format!(
            r#"[{{"event":"transferred","data":{{"id":"bid_1"}}}},{{"event":"order_accepted","data":{first}}},{{"event":"order_accepted","data":{second}}}]"#
        );
        assert_eq!(accepted_in(&events, "bid_1"), Some(first));
        assert_eq!(accepted_in(&events, "bid_2"), Some(second));
        assert_eq!(accepted_in(&events, "bid_3"), None, "what a client wrote is no event");
        assert_eq!(accepted_in("[]", "bid_1"), None);
        assert_eq!(accepted_in(&events[..events.len() - 10], "bid_2"), None);
    }

    #[test]
    fn a_document_is_no_reference() {
        assert_eq!(named(&to(12)), Some(12));
        assert_eq!([named("{}"), named("@"), named("@1x"), named("12")], [None; 4]);
    }
}
