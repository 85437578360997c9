//! What is in the tables, as texts that the journal's side can be compared with.
use super::sums::{Kind, Side};
use headroom_market::ledger::Transfer;
use headroom_market::record::{Row, Table};
use headroom_store::proof::{StoredRow, StoredTransfer};
use headroom_store::read::StreamRow;
use headroom_store::{Store, StoreError};

/// Rows that are read at once.
const PAGE: i64 = 2000;

/// The ends of transactions that moved money, by their last row of the journal: a bit a row.
#[derive(Debug, Default)]
pub struct Batches {
    ends: Vec<u64>,
}

impl Batches {
    fn note(&mut self, sequence: i64) {
        // No journal is so long; a wrong number shows as a wrong row.
        let Some(sequence) = usize::try_from(sequence).ok().filter(|s| *s < 1 << 36) else { return };
        let word = sequence / 64;
        if self.ends.len() <= word {
            self.ends.resize(word + 1, 0);
        }
        self.ends[word] |= 1 << (sequence % 64);
    }

    /// The end of the transaction that a row of the journal which moved money was in.
    pub fn end_of(&self, sequence: i64) -> Option<i64> {
        let sequence = usize::try_from(sequence).ok()?;
        let first = self.ends.get(sequence / 64)? & (u64::MAX << (sequence % 64));
        let later = self.ends.iter().copied().skip(sequence / 64 + 1);
        let (word, bits) = std::iter::once(first).chain(later).enumerate().find(|(_, bits)| *bits != 0)?;
        i64::try_from((sequence / 64 + word) * 64 + bits.trailing_zeros() as usize).ok()
    }
}

/// Reads all transfers; `batches` gets the ends of their transactions.
pub async fn transfers(store: &Store, side: &mut Side, mut batches: Option<&mut Batches>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows = store.transfers_after(&after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for row in rows {
            if let Some(batches) = &mut batches {
                batches.note(row.sequence);
            }
            side.add(Kind::Transfers, &row.id, || transfer_text(&row));
        }
    }
}

fn transfer_text(row: &StoredTransfer) -> String {
    let StoredTransfer { sequence, kind, debit, credit, amount, order_id, round, slot, recorded_at, id: _ } = row;
    let or_none = |number: &Option<i64>| number.map_or_else(|| "none".to_owned(), |n| n.to_string());
    let (order, round, slot) = (order_id.as_deref().unwrap_or("none"), or_none(round), or_none(slot));
    format!(
        "{kind} of {amount} micro-credits from {debit} to {credit} (order {order}, round {round}, slot {slot}, at {recorded_at}, in the transaction of row {sequence})"
    )
}

/// The same of a transfer of the journal.
pub fn text_of_transfer(transfer: &Transfer, sequence: i64) -> String {
    transfer_text(&StoredTransfer {
        id: String::new(),
        sequence,
        kind: transfer.kind.name().to_owned(),
        debit: transfer.debit.to_string(),
        credit: transfer.credit.to_string(),
        amount: transfer.amount.units(),
        order_id: transfer.order.map(|o| o.to_string()),
        round: transfer.round.map(|r| r as i64),
        slot: transfer.slot.map(|s| s.seconds()),
        recorded_at: transfer.at.micros(),
    })
}

/// Reads all state tables.
pub async fn tables(store: &Store, side: &mut Side) -> Result<(), StoreError> {
    for table in Table::ALL {
        if !side.wants(Kind::Rows(table)) {
            continue;
        }
        let mut after = String::new();
        loop {
            let rows = store.rows_after(table, &after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.id);
            for row in rows {
                side.add(Kind::Rows(table), &row.id, || row_text(table, &row));
            }
        }
    }
    Ok(())
}

fn row_text(table: Table, row: &StoredRow) -> String {
    let StoredRow { participant, status, live, position, created_at, document, id: _ } = row;
    text(participant.as_deref(), status, *live, *position, first_written(table, *created_at), document)
}

/// The same of a row that the journal gives.
pub fn text_of_row(row: &Row) -> String {
    let live = i64::from(row.live);
    let created_at = first_written(row.table, row.created_at.micros());
    text(row.participant.as_deref(), row.status, live, row.position, created_at, &row.document)
}

/// A row keeps when it was first written, and a shortage is of its last forecast: nothing reads when the first one was.
fn first_written(table: Table, created_at: i64) -> i64 {
    if table == Table::Shortages { 0 } else { created_at }
}

fn text(owner: Option<&str>, status: &str, live: i64, position: i64, created_at: i64, document: &str) -> String {
    format!(
        "{document} (columns: participant {owner:?}, status {status}, live {live}, position {position}, created at {created_at})"
    )
}

/// Reads the stream.
pub async fn stream(store: &Store, side: &mut Side) -> Result<(), StoreError> {
    if !side.wants(Kind::Stream) {
        return Ok(());
    }
    let mut after = i64::MIN;
    loop {
        let rows = store.stream_after(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in rows {
            let StreamRow { id, kind, participant, object, data, created_at } = row;
            side.add(Kind::Stream, &id.to_string(), || {
                text_of_event(&kind, participant.as_deref(), &object, &data, created_at)
            });
        }
    }
}

pub fn text_of_event(kind: &str, owner: Option<&str>, object: &str, data: &str, at: i64) -> String {
    format!("{kind} of {object} to {owner:?} at {at}: {data}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_transaction_is_the_next_one_noted() {
        let mut batches = Batches::default();
        [3, 64, 200].into_iter().for_each(|end| batches.note(end));
        let ends = [1, 3, 4, 64, 65, 200, 201].map(|sequence| batches.end_of(sequence));
        assert_eq!(ends, [Some(3), Some(3), Some(64), Some(64), Some(200), Some(200), None]);
        assert_eq!(Batches::default().end_of(1), None);
    }
}
