//! One transaction a batch: journal, rows, ledger, outbox, archive.
use crate::database::{Database, Store};
use crate::error::StoreError;
use crate::journal;
use crate::journal::JournalRow;
use crate::lookups::{Accepted, Fresh, Lookups};
use crate::sql::{Insert, Value, constant};
use crate::under_way::UnderWay;
use headroom_market::audit::AuditEvent;
use headroom_market::record::{Record, Row, Table};
use headroom_market::state::ChangedRows;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The market that this version runs: one a database.
pub const MARKET: i64 = 1;

/// The name of a state table.
pub const fn table_name(table: Table) -> &'static str {
    match table {
        Table::Market => "state_market",
        Table::Participants => "participants",
        Table::Users => "users",
        Table::ApiKeys => "api_keys",
        Table::Pools => "pools",
        Table::Nodes => "nodes",
        Table::ReservePrices => "reserve_prices",
        Table::References => "state_references",
        Table::Products => "products",
        Table::Modules => "modules",
        Table::Instances => "instances",
        Table::Orders => "orders",
        Table::Awards => "awards",
        Table::Rounds => "rounds",
        Table::Swaps => "swaps",
        Table::Receipts => "receipts",
        Table::Hints => "hints",
        Table::Profiles => "profiles",
        Table::Projects => "projects",
        Table::Disputes => "disputes",
        Table::Shortages => "shortages",
        Table::HourlyPrices => "hourly_prices",
        Table::AuditEvents => "audit_events",
    }
}

/// An event of the stream with its id.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    pub id: i64,
    pub kind: &'static str,
    pub participant: Option<String>,
    pub object: String,
    pub data: String,
    pub created_at: i64,
}

/// Book and outcome of a round, for `replay` and everybody who wants to verify.
#[derive(Clone, Debug)]
pub struct ArchivedRound {
    pub round: i64,
    pub book: String,
    pub outcome: String,
    pub result_hash: String,
    pub recorded_at: i64,
}

/// All that one transaction writes.
#[derive(Debug, Default)]
pub struct Batch {
    pub journal: Vec<JournalRow>,
    pub changes: Vec<ChangedRows>,
    pub accepted: Vec<Accepted>,
    pub outbox: Vec<OutboxRow>,
    pub archive: Vec<ArchivedRound>,
    pub modules: Vec<(String, Vec<u8>)>,
    pub audit: Vec<AuditEvent>,
}

const ROW_COLUMNS: &[&str] =
    &["market", "id", "participant", "status", "live", "position", "created_at", "sequence", "document"];
const ROW_TAIL: &str = "ON CONFLICT (market, id) DO UPDATE SET participant = excluded.participant, status = excluded.status, live = excluded.live, position = excluded.position, sequence = excluded.sequence, document = excluded.document";

const JOURNAL: Insert = Insert {
    table: "journal",
    columns: &[
        "sequence",
        "market",
        "recorded_at",
        "actor",
        "idempotency",
        "request_hash",
        "command",
        "events",
        "reply",
        "rule_version",
        "chain_hash",
    ],
    tail: "",
};
const TRANSFERS: Insert = Insert {
    table: "transfers",
    columns: &[
        "id",
        "market",
        "sequence",
        "kind",
        "debit",
        "credit",
        "amount",
        "order_id",
        "round",
        "slot",
        "recorded_at",
    ],
    tail: "",
};
const ACCOUNTS: Insert = Insert {
    table: "accounts",
    columns: &["market", "id", "participant", "balance", "sequence"],
    tail: "ON CONFLICT (market, id) DO UPDATE SET balance = excluded.balance, sequence = excluded.sequence",
};
const OUTBOX: Insert = Insert {
    table: "outbox",
    columns: &["id", "market", "kind", "participant", "object", "data", "created_at"],
    tail: "",
};
const ARCHIVE: Insert = Insert {
    table: "round_archive",
    columns: &["market", "round", "book", "outcome", "result_hash", "recorded_at"],
    tail: "",
};
const MODULES: Insert =
    Insert { table: "module_blobs", columns: &["hash", "bytes"], tail: "ON CONFLICT (hash) DO NOTHING" };

/// Where a batch stands in the journal.
#[derive(Debug)]
pub(crate) struct Ends {
    /// The row before it.
    before: i64,
    last: i64,
    chain_hash: String,
}

impl Ends {
    fn of(batch: &Batch) -> Option<Ends> {
        let (first, last) = batch.journal.first().zip(batch.journal.last())?;
        Some(Ends { before: first.sequence - 1, last: last.sequence, chain_hash: last.chain_hash.clone() })
    }

    /// Whether the batch is stored already, where the journal ends so.
    pub(crate) fn are_stored(&self, end: Option<(i64, String)>) -> Result<bool, StoreError> {
        let (found, hash) = end.unwrap_or_default();
        let is_here = (found, &hash) == (self.last, &self.chain_hash);
        match is_here || found == self.before {
            true => Ok(is_here),
            false => Err(StoreError::OtherJournal { known: self.before, found }),
        }
    }
}

/// The rows of one table, with the statement that inserts them.
type Rows = (Insert, Vec<Vec<Value>>);

impl Store {
    /// Writes a batch and returns when it is durable. While PostgreSQL is away it waits and tries again, also where nobody has
    /// said whether it is stored: the journal says. After an error nothing of it is known to be stored: the caller must end the
    /// process.
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let lookups = self.lookups.clone();
        if let Some(writer) = &self.writer {
            let work = move |transaction: &rusqlite::Transaction<'_>| write_here(transaction, batch, &lookups);
            let (fresh, ran) = writer.transaction(work).await?;
            self.lookups.stored(fresh, ran);
            return Ok(());
        }
        let ends = Ends::of(&batch);
        let (fresh, tables, ran) = prepared(batch, &lookups)?;
        let (Database::Postgres { pool }, Some(lease)) = (&self.market, &self.lease) else {
            return Err(StoreError::ReadOnly);
        };
        self.reach.patiently(|| crate::lease::write(pool, lease, &tables, ends.as_ref())).await?;
        self.lookups.stored(fresh, ran);
        Ok(())
    }

    /// The same, and says when the next batch may be written: on SQLite before this one is durable, where batches may
    /// `overlap`.
    pub fn begin(self: &Arc<Self>, batch: Batch, overlap: bool) -> UnderWay {
        if let Some(writer) = &self.writer {
            let lookups = self.lookups.clone();
            let told = lookups.clone();
            let work = move |transaction: &rusqlite::Transaction<'_>| write_here(transaction, batch, &lookups);
            return writer.begin(overlap, work, move |(fresh, ran)| told.stored(fresh, ran));
        }
        let (under_way, told) = UnderWay::new();
        let store = self.clone();
        tokio::spawn(async move { told.durable(store.commit(batch).await) });
        under_way
    }

    /// Until all that readers may have seen is on the disk.
    pub async fn all_seen_is_durable(&self) {
        if let Some(writer) = &self.writer {
            writer.flushed.wait().await;
        }
    }

    /// Whether the database was away when it was last asked (PostgreSQL): nothing can be read or written.
    pub fn is_away(&self) -> bool {
        self.reach.is_away()
    }

    /// Returns once the database is away.
    pub async fn gone(&self) {
        self.reach.gone().await;
    }

    /// Whether the log could not be copied into the database when that was tried last (SQLite): it grows until it can.
    pub fn log_grows(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.flushed.grows())
    }

    /// Removes events older than `before` (micros); returns how many. In portions, oldest first, so that nobody waits for
    /// long and nothing is read that stays.
    pub async fn prune_stream(&self, before: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let portion = self.prune_portion(before).await?;
            removed += portion;
            if portion < PRUNED_AT_ONCE {
                return Ok(removed);
            }
        }
    }

    async fn prune_portion(&self, before: i64) -> Result<u64, StoreError> {
        let text = format!(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id, created_at FROM outbox ORDER BY id LIMIT {PRUNED_AT_ONCE}) AS oldest WHERE created_at < $1)"
        );
        if let Some(writer) = &self.writer {
            let work = move |transaction: &rusqlite::Transaction<'_>| Ok(transaction.execute(&text, [before])? as u64);
            return writer.transaction(work).await;
        }
        let mut transaction = self.market.begin().await?;
        let count = crate::in_either!(&mut transaction, connection => {
            sqlx::query(constant(text)).bind(before).execute(connection).await?.rows_affected()
        });
        transaction.commit().await?;
        Ok(count)
    }
}

/// Events that one transaction removes: some milliseconds.
const PRUNED_AT_ONCE: u64 = 2000;

/// Its rows with those of the lookups when it is time for them, and whether it was.
fn prepared(batch: Batch, lookups: &Lookups) -> Result<(Fresh, Vec<Rows>, bool), StoreError> {
    let fresh = Fresh::of(&batch);
    let mut tables = rows(batch)?;
    let run = lookups.run();
    let ran = run.is_some();
    tables.extend(run.into_iter().flatten());
    Ok((fresh, tables, ran))
}

fn write_here(
    transaction: &rusqlite::Transaction<'_>,
    batch: Batch,
    lookups: &Lookups,
) -> Result<(Fresh, bool), StoreError> {
    let (fresh, tables, ran) = prepared(batch, lookups)?;
    tables.iter().try_for_each(|(insert, rows)| insert.run_here(transaction, rows))?;
    Ok((fresh, ran))
}

/// A batch as rows, in the order in which they are written.
fn rows(batch: Batch) -> Result<Vec<Rows>, StoreError> {
    let sequence = batch.journal.last().map_or(0, |row| row.sequence);
    let mut states: BTreeMap<Table, Vec<Vec<Value>>> = BTreeMap::new();
    let mut transfers = Vec::new();
    let mut accounts = Vec::new();
    for changes in batch.changes {
        for row in changes.rows {
            states.entry(row.table).or_default().push(row_values(row, sequence));
        }
        for receipt in changes.receipts {
            states.entry(Table::Receipts).or_default().push(row_values(receipt.row(), sequence));
        }
        for transfer in changes.transfers {
            transfers.push(transfer_values(transfer, sequence));
        }
        for (account, balance) in changes.balances {
            let participant = account.participant().map(|p| p.to_string());
            accounts.push(vec![
                MARKET.into(),
                account.to_string().into(),
                participant.into(),
                balance.units().into(),
                sequence.into(),
            ]);
        }
    }
    for event in batch.audit {
        let sequence = event.sequence as i64;
        states.entry(Table::AuditEvents).or_default().push(row_values(event.row(), sequence));
    }
    let mut tables: Vec<Rows> = vec![(JOURNAL, batch.journal.into_iter().map(journal_values).collect())];
    for (table, rows) in states {
        tables.push((Insert { table: table_name(table), columns: ROW_COLUMNS, tail: ROW_TAIL }, rows));
    }
    let archive: Result<Vec<_>, _> = batch.archive.into_iter().map(archive_values).collect();
    let modules = batch.modules.into_iter().map(|(hash, bytes)| vec![hash.into(), bytes.into()]);
    tables.push((TRANSFERS, transfers));
    tables.push((ACCOUNTS, accounts));
    tables.push((OUTBOX, batch.outbox.into_iter().map(outbox_values).collect()));
    tables.push((ARCHIVE, archive?));
    tables.push((MODULES, modules.collect()));
    Ok(tables)
}

fn journal_values(row: JournalRow) -> Vec<Value> {
    vec![
        row.sequence.into(),
        MARKET.into(),
        row.recorded_at.into(),
        row.actor.into(),
        row.idempotency.into(),
        row.request_hash.into(),
        row.command.into(),
        row.events.into(),
        row.reply.into(),
        journal::RULE_VERSION.into(),
        row.chain_hash.into(),
    ]
}

fn row_values(row: Row, sequence: i64) -> Vec<Value> {
    vec![
        MARKET.into(),
        row.id.into(),
        row.participant.into(),
        row.status.into(),
        i64::from(row.live).into(),
        row.position.into(),
        row.created_at.micros().into(),
        sequence.into(),
        row.document.into(),
    ]
}

fn transfer_values(transfer: headroom_market::ledger::Transfer, sequence: i64) -> Vec<Value> {
    vec![
        transfer.id.to_string().into(),
        MARKET.into(),
        sequence.into(),
        transfer.kind.name().into(),
        transfer.debit.to_string().into(),
        transfer.credit.to_string().into(),
        transfer.amount.units().into(),
        transfer.order.map(|o| o.to_string()).into(),
        transfer.round.map(|r| r as i64).into(),
        transfer.slot.map(|s| s.seconds()).into(),
        transfer.at.micros().into(),
    ]
}

fn outbox_values(row: OutboxRow) -> Vec<Value> {
    vec![
        row.id.into(),
        MARKET.into(),
        row.kind.into(),
        row.participant.into(),
        row.object.into(),
        row.data.into(),
        row.created_at.into(),
    ]
}

fn archive_values(round: ArchivedRound) -> Result<Vec<Value>, StoreError> {
    let pack = |text: &str| zstd::encode_all(text.as_bytes(), 3).map_err(StoreError::Archive);
    Ok(vec![
        MARKET.into(),
        round.round.into(),
        pack(&round.book)?.into(),
        pack(&round.outcome)?.into(),
        round.result_hash.into(),
        round.recorded_at.into(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_stored_where_the_journal_ends_with_its_hash() {
        let ends = Ends { before: 4, last: 6, chain_hash: "ours".to_owned() };
        let look = |sequence: i64, hash: &str| ends.are_stored(Some((sequence, hash.to_owned())));
        assert!(!look(4, "before").expect("it is not there yet"));
        assert!(look(6, "ours").expect("it is there"));
        for (sequence, hash) in [(6, "another's"), (3, "older"), (5, "ours"), (7, "newer")] {
            let other = look(sequence, hash).expect_err("it is another journal");
            assert!(matches!(other, StoreError::OtherJournal { known: 4, .. }), "{sequence}: {other}");
        }
        assert!(ends.are_stored(None).is_err(), "an empty database has taken its place");
    }
}
