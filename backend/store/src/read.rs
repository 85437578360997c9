//! Reads for lists, single objects, statements and the event stream. Every query of a
//! tenant's data takes the participant: there is no unscoped one to misuse.
use crate::database::Store;
use crate::error::StoreError;
use crate::load::parse_balance;
use crate::sql::constant;
use crate::write::{MARKET, table_name};
use crate::{on_either, reference};
use headroom_market::ledger::Account;
use headroom_market::record::Table;
use headroom_market::units::Credits;

/// Whose rows may be seen.
#[derive(Clone, Debug)]
pub enum Scope {
    Participant(String),
    /// Platform roles see all participants.
    All,
}

/// One page of a list, newest first unless `ascending`.
#[derive(Clone, Debug)]
pub struct Page {
    pub limit: i64,
    /// Only ids after this one in the direction of reading.
    pub starting_after: Option<String>,
    /// Only ids before this one; the page is the last before it.
    pub ending_before: Option<String>,
    pub ascending: bool,
    /// Empty: any.
    pub statuses: Vec<String>,
    pub position: Option<i64>,
    pub created_from: Option<i64>,
    pub created_to: Option<i64>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            limit: 50,
            starting_after: None,
            ending_before: None,
            ascending: false,
            statuses: Vec::new(),
            position: None,
            created_from: None,
            created_to: None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Listed {
    /// (id, document)
    pub rows: Vec<(String, String)>,
    pub has_more: bool,
}

/// What moved between two accounts in a period, by kind, in micro-credits.
#[derive(Clone, Debug)]
pub struct TransferTotal {
    pub debit: String,
    pub credit: String,
    pub kind: String,
    pub amount: i64,
    pub count: i64,
}

#[derive(Clone, Debug, serde::Serialize)]
pub struct LedgerLine {
    pub id: String,
    pub kind: String,
    pub debit: String,
    pub credit: String,
    pub amount: i64,
    pub order_id: Option<String>,
    pub round: Option<i64>,
    pub slot: Option<i64>,
    pub recorded_at: i64,
}

#[derive(Clone, Debug)]
pub struct StreamRow {
    pub id: i64,
    pub kind: String,
    pub participant: Option<String>,
    pub object: String,
    pub data: String,
    pub created_at: i64,
}

// Orders of a participant: those whose owners are not written yet, and those of which they are.
const BIDS_NOT_WRITTEN: &str = " AND participant = $2 AND id >= $3 AND id < 'bid_8'";
const OFFERS_NOT_WRITTEN: &str = " AND participant = $2 AND id >= $4 AND id < 'off_8'";
const BY_OWNER: &str = "SELECT order_id, document FROM order_owners x CROSS JOIN orders WHERE market = $1 AND id = order_id AND x.participant = $2 AND (order_id < $3 OR (order_id > 'bid_8' AND order_id < $4))";

/// Moves between a participant's own accounts, which are many, change nothing of what it has. The
/// indexes of the transfers leave them out by these words.
macro_rules! between_owners {
    () => {
        "kind <> 'hold' AND kind <> 'release'"
    };
}

impl Store {
    /// A page of a table.
    pub async fn list(&self, table: Table, scope: &Scope, page: &Page) -> Result<Listed, StoreError> {
        // The direction in which rows are read; `ending_before` reads backwards and turns round.
        let backwards = page.ending_before.is_some();
        let ascending = page.ascending != backwards;
        let (compare, order) = if ascending { (">", "ASC") } else { ("<", "DESC") };
        let cursor = page.ending_before.as_ref().or(page.starting_after.as_ref());
        // Texts are bound first, numbers after them: $2… and what follows.
        let mut texts: Vec<String> = Vec::new();
        let mut filters = String::new();
        let mut by_owner = false;
        if let Scope::Participant(participant) = scope {
            by_owner = table == Table::Orders;
            texts.push(participant.clone());
            if by_owner {
                texts.extend(self.lookups.owners_are_written_before());
            }
        }
        if let Some(cursor) = cursor {
            texts.push(cursor.clone());
            filters.push_str(&format!(" AND id {compare} ${}", 1 + texts.len()));
        }
        if !page.statuses.is_empty() {
            let first = 2 + texts.len();
            let marks: Vec<String> = (first..first + page.statuses.len()).map(|n| format!("${n}")).collect();
            filters.push_str(&format!(" AND status IN ({})", marks.join(",")));
            texts.extend(page.statuses.iter().cloned());
        }
        let mut numbers: Vec<i64> = Vec::new();
        for (value, condition) in
            [(page.position, "position ="), (page.created_from, "created_at >="), (page.created_to, "created_at <")]
        {
            if let Some(value) = value {
                numbers.push(value);
                filters.push_str(&format!(" AND {condition} ${}", 1 + texts.len() + numbers.len()));
            }
        }
        let select = format!("SELECT id, document FROM {} WHERE market = $1", table_name(table));
        let mut text = match scope {
            Scope::All => format!("{select}{filters}"),
            Scope::Participant(_) if by_owner => {
                let [bids, offers] =
                    [BIDS_NOT_WRITTEN, OFFERS_NOT_WRITTEN].map(|part| format!("{select}{part}{filters}"));
                // The cursor has to be a place in the lookup, or a page would read all of it.
                let written = filters.replace(" AND id ", " AND order_id ");
                format!("{bids} UNION ALL {offers} UNION ALL {BY_OWNER}{written}")
            }
            Scope::Participant(_) => format!("{select} AND participant = $2{filters}"),
        };
        text.push_str(&format!(" ORDER BY 1 {order} LIMIT ${}", 2 + texts.len() + numbers.len()));
        let mut rows: Vec<(String, String)> = on_either!(&self.market, pool => {
            let mut query = sqlx::query_as(constant(text)).bind(MARKET);
            for value in &texts {
                query = query.bind(value.clone());
            }
            for value in &numbers {
                query = query.bind(*value);
            }
            query.bind(page.limit + 1).fetch_all(pool).await?
        });
        let has_more = rows.len() as i64 > page.limit;
        rows.truncate(page.limit as usize);
        if backwards {
            rows.reverse();
        }
        reference::resolve_rows(&self.market, table_name(table), &mut rows).await?;
        Ok(Listed { rows, has_more })
    }

    /// One document; `None` also where it belongs to somebody else.
    pub async fn get(&self, table: Table, scope: &Scope, id: &str) -> Result<Option<String>, StoreError> {
        let text = format!("SELECT document, participant FROM {} WHERE market = $1 AND id = $2", table_name(table));
        let row: Option<(String, Option<String>)> = on_either!(&self.market, pool => sqlx::query_as(constant(text)).bind(MARKET).bind(id).fetch_optional(pool).await?);
        let row = row.filter(|(_, owner)| match scope {
            Scope::All => true,
            Scope::Participant(participant) => owner.is_none() || owner.as_ref() == Some(participant),
        });
        let Some((document, _)) = row else { return Ok(None) };
        let mut rows = [(id.to_owned(), document)];
        reference::resolve_rows(&self.market, table_name(table), &mut rows).await?;
        Ok(rows.into_iter().next().map(|(_, document)| document))
    }

    /// The document at a position (a round by its number).
    pub async fn at_position(&self, table: Table, position: i64) -> Result<Option<String>, StoreError> {
        let text = format!(
            "SELECT document FROM {} WHERE market = $1 AND position = $2 ORDER BY id DESC LIMIT 1",
            table_name(table)
        );
        let row: Option<(String,)> = on_either!(&self.market, pool => sqlx::query_as(constant(text)).bind(MARKET).bind(position).fetch_optional(pool).await?);
        Ok(row.map(|(document,)| document))
    }

    /// All documents at positions from `from` (inclusive) to `to` (exclusive), by position.
    pub async fn between(
        &self,
        table: Table,
        scope: &Scope,
        from: i64,
        to: i64,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        self.between_of(table, scope, "", from, to, limit).await
    }

    /// The same of those whose ids begin so.
    pub async fn between_of(
        &self,
        table: Table,
        scope: &Scope,
        beginning: &str,
        from: i64,
        to: i64,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let participant = match scope {
            Scope::Participant(id) => id.clone(),
            Scope::All => String::new(),
        };
        let text = format!(
            "SELECT document FROM {} WHERE market = $1 AND position >= $2 AND position < $3 AND ($4 = '' OR participant = $4) AND ($5 = '' OR substr(id, 1, length($5)) = $5) ORDER BY position, id LIMIT $6",
            table_name(table)
        );
        let rows: Vec<(String,)> = on_either!(&self.market, pool => {
            sqlx::query_as(constant(text)).bind(MARKET).bind(from).bind(to).bind(participant).bind(beginning).bind(limit).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(|(document,)| document).collect())
    }

    /// Events after an id, oldest first.
    pub async fn stream_after(&self, after: i64, limit: i64) -> Result<Vec<StreamRow>, StoreError> {
        type Columns = (i64, String, Option<String>, String, String, i64);
        let text =
            "SELECT id, kind, participant, object, data, created_at FROM outbox WHERE id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<Columns> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(after).bind(limit).fetch_all(pool).await?);
        let row = |(id, kind, participant, object, data, created_at): Columns| StreamRow {
            id,
            kind,
            participant,
            object,
            data,
            created_at,
        };
        let mut rows: Vec<StreamRow> = rows.into_iter().map(row).collect();
        // Streams tell nobody what a power failure could take back.
        self.all_seen_is_durable().await;
        reference::resolve(&self.market, "outbox", rows.iter_mut().map(|r| (r.object.as_str(), &mut r.data))).await?;
        Ok(rows)
    }

    /// (oldest, newest) id of the stream, 0 where there is none.
    pub async fn stream_range(&self) -> Result<(i64, i64), StoreError> {
        let text = "SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM outbox";
        Ok(on_either!(&self.market, pool => sqlx::query_as(text).fetch_one(pool).await?))
    }

    /// Transfers between an account and those of others, oldest first, in [from, to).
    pub async fn ledger_lines(
        &self,
        account: &str,
        from: i64,
        to: i64,
        after: &str,
        limit: i64,
    ) -> Result<Vec<LedgerLine>, StoreError> {
        type Columns = (String, String, String, String, i64, Option<String>, Option<i64>, Option<i64>, i64);
        let text = concat!(
            "SELECT id, kind, debit, credit, amount, order_id, round, slot, recorded_at FROM transfers WHERE debit = $1 AND recorded_at >= $2 AND recorded_at < $3 AND id > $4 AND ",
            between_owners!(),
            " UNION SELECT id, kind, debit, credit, amount, order_id, round, slot, recorded_at FROM transfers WHERE credit = $1 AND recorded_at >= $2 AND recorded_at < $3 AND id > $4 AND ",
            between_owners!(),
            " ORDER BY 1 LIMIT $5"
        );
        let rows: Vec<Columns> = on_either!(&self.market, pool => {
            sqlx::query_as(text).bind(account).bind(from).bind(to).bind(after).bind(limit).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(ledger_line).collect())
    }

    /// All transfers after an id, oldest first.
    pub async fn all_transfers(
        &self,
        after: &str,
        from: i64,
        to: i64,
        limit: i64,
    ) -> Result<Vec<LedgerLine>, StoreError> {
        type Columns = (String, String, String, String, i64, Option<String>, Option<i64>, Option<i64>, i64);
        let text = "SELECT id, kind, debit, credit, amount, order_id, round, slot, recorded_at FROM transfers WHERE id > $1 AND recorded_at >= $2 AND recorded_at < $3 ORDER BY id LIMIT $4";
        let rows: Vec<Columns> = on_either!(&self.market, pool => {
            sqlx::query_as(text).bind(after).bind(from).bind(to).bind(limit).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(ledger_line).collect())
    }

    /// credits − debits between an account and those of others before a time.
    pub async fn balance_before(&self, account: &str, before: i64) -> Result<i64, StoreError> {
        let text = concat!(
            "SELECT CAST(COALESCE((SELECT SUM(amount) FROM transfers WHERE credit = $1 AND recorded_at < $2 AND ",
            between_owners!(),
            "), 0) - COALESCE((SELECT SUM(amount) FROM transfers WHERE debit = $1 AND recorded_at < $2 AND ",
            between_owners!(),
            "), 0) AS BIGINT)"
        );
        let (sum,): (i64,) =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(account).bind(before).fetch_one(pool).await?);
        Ok(sum)
    }

    /// What accounts have together, by the ledger, less what moved between them and others from a time on. One statement, so
    /// that nothing moves in between. What `balance_before` gives for them must be the same, or a transfer or a
    /// balance was changed.
    pub async fn ledger_before(&self, accounts: &[String; 2], before: i64) -> Result<i64, StoreError> {
        let text = concat!(
            "SELECT CAST(COALESCE((SELECT SUM(balance) FROM accounts WHERE market = $1 AND id IN ($3, $4)), 0) - COALESCE((SELECT SUM(amount) FROM transfers WHERE credit IN ($3, $4) AND recorded_at >= $2 AND ",
            between_owners!(),
            "), 0) + COALESCE((SELECT SUM(amount) FROM transfers WHERE debit IN ($3, $4) AND recorded_at >= $2 AND ",
            between_owners!(),
            "), 0) AS BIGINT)"
        );
        let [first, second] = accounts;
        let (sum,): (i64,) = on_either!(&self.market, pool => {
            sqlx::query_as(text).bind(MARKET).bind(before).bind(first).bind(second).fetch_one(pool).await?
        });
        Ok(sum)
    }

    /// What every account had before a time. One statement, so that nothing moves in between.
    pub async fn balances_before(&self, before: i64) -> Result<Vec<(Account, Credits)>, StoreError> {
        let text = concat!(
            "SELECT a.id, CAST(a.balance - COALESCE(later.net, 0) AS BIGINT) FROM accounts a LEFT JOIN (",
            "SELECT account, SUM(amount) AS net FROM (",
            "SELECT credit AS account, amount FROM transfers WHERE recorded_at >= $2 UNION ALL ",
            "SELECT debit AS account, -amount AS amount FROM transfers WHERE recorded_at >= $2) legs GROUP BY account",
            ") later ON later.account = a.id WHERE a.market = $1 ORDER BY a.id"
        );
        let rows: Vec<(String, i64)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(MARKET).bind(before).fetch_all(pool).await?);
        rows.into_iter().map(parse_balance).collect()
    }

    /// Sums of all transfers in [from, to), by both accounts and kind.
    pub async fn transfer_totals(&self, from: i64, to: i64) -> Result<Vec<TransferTotal>, StoreError> {
        let text = "SELECT debit, credit, kind, CAST(SUM(amount) AS BIGINT), CAST(COUNT(*) AS BIGINT) FROM transfers WHERE recorded_at >= $1 AND recorded_at < $2 GROUP BY debit, credit, kind ORDER BY debit, credit, kind";
        let rows: Vec<(String, String, String, i64, i64)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(from).bind(to).fetch_all(pool).await?);
        let total = |(debit, credit, kind, amount, count)| TransferTotal { debit, credit, kind, amount, count };
        Ok(rows.into_iter().map(total).collect())
    }

    /// (book, outcome, result hash) of a round.
    pub async fn archived_round(&self, round: i64) -> Result<Option<(String, String, String)>, StoreError> {
        let text = "SELECT book, outcome, result_hash FROM round_archive WHERE market = $1 AND round = $2";
        let row: Option<(Vec<u8>, Vec<u8>, String)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(MARKET).bind(round).fetch_optional(pool).await?);
        let Some((book, outcome, hash)) = row else { return Ok(None) };
        Ok(Some((unpack(&book)?, unpack(&outcome)?, hash)))
    }

    pub async fn archived_rounds(&self) -> Result<Vec<i64>, StoreError> {
        let text = "SELECT round FROM round_archive WHERE market = $1 ORDER BY round";
        let rows: Vec<(i64,)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(MARKET).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(round,)| round).collect())
    }

    pub async fn module_bytes(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let text = "SELECT bytes FROM module_blobs WHERE hash = $1";
        let row: Option<(Vec<u8>,)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(hash).fetch_optional(pool).await?);
        Ok(row.map(|(bytes,)| bytes))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _one: (i64,) =
            on_either!(&self.market, pool => sqlx::query_as("SELECT CAST(1 AS BIGINT)").fetch_one(pool).await?);
        Ok(())
    }
}

fn unpack(bytes: &[u8]) -> Result<String, StoreError> {
    let text = zstd::decode_all(bytes).map_err(StoreError::Archive)?;
    String::from_utf8(text).map_err(|e| StoreError::Archive(std::io::Error::other(e)))
}

#[expect(clippy::type_complexity, reason = "the columns of one query")]
fn ledger_line(
    (id, kind, debit, credit, amount, order_id, round, slot, recorded_at): (
        String,
        String,
        String,
        String,
        i64,
        Option<String>,
        Option<i64>,
        Option<i64>,
        i64,
    ),
) -> LedgerLine {
    LedgerLine { id, kind, debit, credit, amount, order_id, round, slot, recorded_at }
}
