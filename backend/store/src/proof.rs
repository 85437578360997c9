//! Whole tables with every column, page by page in the order of their ids: what `doctor` compares with the journal.
use crate::database::Store;
use crate::error::StoreError;
use crate::sql::constant;
use crate::write::{MARKET, table_name};
use crate::{on_either, reference};
use headroom_market::record::Table;

/// A row of a state table.
#[derive(Clone, Debug)]
pub struct StoredRow {
    pub id: String,
    pub participant: Option<String>,
    pub status: String,
    pub live: i64,
    pub position: i64,
    pub created_at: i64,
    pub document: String,
}

/// A row of `transfers`.
#[derive(Clone, Debug)]
pub struct StoredTransfer {
    pub id: String,
    pub sequence: i64,
    pub kind: String,
    pub debit: String,
    pub credit: String,
    pub amount: i64,
    pub order_id: Option<String>,
    pub round: Option<i64>,
    pub slot: Option<i64>,
    pub recorded_at: i64,
}

/// A transfer's columns, in their order.
type TransferColumns = (String, i64, String, String, String, i64, Option<String>, Option<i64>, Option<i64>, i64);

impl Store {
    /// Rows after an id, at most `limit`.
    pub async fn rows_after(&self, table: Table, after: &str, limit: i64) -> Result<Vec<StoredRow>, StoreError> {
        type Columns = (String, Option<String>, String, i64, i64, i64, String);
        let name = table_name(table);
        let text = format!(
            "SELECT id, participant, status, live, position, created_at, document FROM {name} WHERE market = $1 AND id > $2 ORDER BY id LIMIT $3"
        );
        let rows: Vec<Columns> = on_either!(&self.market, pool => {
            sqlx::query_as(constant(text)).bind(MARKET).bind(after).bind(limit).fetch_all(pool).await?
        });
        let row = |(id, participant, status, live, position, created_at, document): Columns| StoredRow {
            id,
            participant,
            status,
            live,
            position,
            created_at,
            document,
        };
        let mut rows: Vec<StoredRow> = rows.into_iter().map(row).collect();
        reference::resolve(&self.market, name, rows.iter_mut().map(|r| (r.id.as_str(), &mut r.document))).await?;
        Ok(rows)
    }

    /// Transfers after an id, at most `limit`.
    pub async fn transfers_after(&self, after: &str, limit: i64) -> Result<Vec<StoredTransfer>, StoreError> {
        let text = "SELECT id, sequence, kind, debit, credit, amount, order_id, round, slot, recorded_at FROM transfers WHERE id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<TransferColumns> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(after).bind(limit).fetch_all(pool).await?);
        let row = |(id, sequence, kind, debit, credit, amount, order_id, round, slot, recorded_at): TransferColumns| {
            StoredTransfer { id, sequence, kind, debit, credit, amount, order_id, round, slot, recorded_at }
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Whether the stream still has an event.
    pub async fn stream_has(&self, id: i64) -> Result<bool, StoreError> {
        let text = "SELECT id FROM outbox WHERE id = $1";
        let row: Option<(i64,)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(id).fetch_optional(pool).await?);
        Ok(row.is_some())
    }

    /// When the last row of the journal was decided, in micros; 0 where there is none.
    pub async fn last_recorded_at(&self) -> Result<i64, StoreError> {
        let text = "SELECT recorded_at FROM journal ORDER BY sequence DESC LIMIT 1";
        let row: Option<(i64,)> = on_either!(&self.market, pool => sqlx::query_as(text).fetch_optional(pool).await?);
        Ok(row.map_or(0, |(at,)| at))
    }
}
