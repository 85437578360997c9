//! The journal: one row a command, chained by hash.
//!
//! chain_hash = BLAKE3(previous ‖ canonical bytes of the row), so a row that was changed,
//! removed or put in between is found by walking the chain.

use crate::database::Database;
use crate::error::StoreError;
use crate::on_either;

/// The rules under which a command was decided. Data of any others is refused, as nothing here can decide it again.
pub const RULE_VERSION: i64 = 42;

/// The hash before the first row.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    pub sequence: i64,
    pub recorded_at: i64,
    pub actor: String,
    pub idempotency: Option<String>,
    pub request_hash: Option<String>,
    pub command: String,
    pub events: String,
    pub reply: String,
    pub rule_version: i64,
    pub chain_hash: String,
}

/// All rows of a journal are of one version, so its first tells of which.
pub(crate) async fn check_rules(market: &Database) -> Result<(), StoreError> {
    let text = "SELECT rule_version FROM journal ORDER BY sequence LIMIT 1";
    let found: Result<Option<(i64,)>, _> = on_either!(market, pool => sqlx::query_as(text).fetch_optional(pool).await);
    match found {
        Ok(Some((found,))) if found != RULE_VERSION => Err(StoreError::OtherRules { found }),
        // Where there is no journal yet, or no database of ours, what follows says so.
        _ => Ok(()),
    }
}

impl JournalRow {
    /// The hash that this row must carry after one with `previous`. Every field is preceded
    /// by its length, so that no two rows have the same bytes.
    pub fn chained(&self, previous: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut field = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(previous.as_bytes());
        field(&self.sequence.to_le_bytes());
        field(&self.recorded_at.to_le_bytes());
        field(self.actor.as_bytes());
        field(self.idempotency.as_deref().unwrap_or("").as_bytes());
        field(self.request_hash.as_deref().unwrap_or("").as_bytes());
        field(self.command.as_bytes());
        field(self.events.as_bytes());
        field(self.reply.as_bytes());
        field(&self.rule_version.to_le_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

/// The column value of an idempotency key: unique per participant, for ever.
pub fn idempotency_key(participant: &str, key: &str) -> String {
    owned(b"idempotency", participant, key)
}

/// The column value of a client id of an order.
pub fn client_key(participant: &str, client_id: &str) -> String {
    owned(b"client id", participant, client_id)
}

/// Longer texts are hashed, so that no client makes the index large.
const PLAIN_BYTES: usize = 64;

/// The text beside its owner. Texts that a client counts up stay neighbours in the index; a
/// hash of each would change another page of it for every order.
fn owned(kind: &[u8], participant: &str, text: &str) -> String {
    // Whatever a client sends is looked for before it is judged, and PostgreSQL takes no NUL.
    if text.len() <= PLAIN_BYTES && !text.chars().any(char::is_control) {
        return format!("{participant}={text}");
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind).update(b"\0").update(text.as_bytes());
    format!("{participant}#{}", hasher.finalize().to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_owners_or_lengths_never_meet() {
        let long = "k".repeat(PLAIN_BYTES + 1);
        let hashed = client_key("par_a", &long);
        let keys = [
            client_key("par_a", "1"),
            client_key("par_b", "1"),
            client_key("par_a", &hashed["par_a".len()..]),
            hashed.clone(),
            client_key("par_a", &"k".repeat(PLAIN_BYTES + 2)),
            client_key("par_a", "1\0"),
        ];
        let different: std::collections::BTreeSet<&String> = keys.iter().collect();
        assert_eq!(different.len(), keys.len(), "{keys:?}");
        assert!(hashed.len() < 80);
        assert!(keys.iter().all(|key| !key.contains('\0')), "{keys:?}");
    }
}
