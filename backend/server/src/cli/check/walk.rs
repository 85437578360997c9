//! One walk through the journal: its chain, what it decides, and what it says should be in the tables.
use super::archive::{self, Sealed};
use super::stored::{Batches, text_of_row, text_of_transfer};
use super::sums::{Kind, Side};
use super::told::{Told, audited};
use headroom_market::apply::apply;
use headroom_market::audit;
use headroom_market::command::{Command, Envelope};
use headroom_market::event::Event;
use headroom_market::ledger::{Transfer, TransferKind};
use headroom_market::market::Market;
use headroom_market::record::Record;
use headroom_market::state::{Changes, State};
use headroom_market::time::Slot;
use headroom_market::units::Credits;
use headroom_store::Store;
use headroom_store::journal::{GENESIS, JournalRow};
use std::collections::BTreeMap;

pub const PAGE: i64 = 1000;

/// The hash chain as far as it was read.
#[derive(Debug)]
pub struct Chain {
    pub sequence: i64,
    pub head: String,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { sequence: 0, head: GENESIS.to_owned() }
    }
}

impl Chain {
    /// Goes on to the next row, or says what is wrong with it.
    pub fn broken_by(&mut self, row: &JournalRow) -> Option<String> {
        if row.sequence != self.sequence + 1 {
            return Some(format!("journal: row {} follows row {}", row.sequence, self.sequence));
        }
        let expected = row.chained(&self.head);
        if row.chain_hash != expected {
            return Some(format!(
                "journal: row {} has chain hash {}, its content gives {expected}",
                row.sequence, row.chain_hash
            ));
        }
        self.sequence = row.sequence;
        self.head.clone_from(&row.chain_hash);
        None
    }
}

/// What was found on the way.
#[derive(Debug)]
pub struct Walked {
    pub chain: Chain,
    pub state: State,
    pub side: Side,
    pub decided: u64,
    pub made_whole: MadeWhole,
    /// The rounds that were cleared, by number.
    pub rounds: Vec<u64>,
}

/// Walks the journal; `Err` is the first bad row. `prove` also decides every row again and reads the archive; without it the
/// journal's `side` is all that is made. `Ok(None)`: there is no row.
pub async fn walk(
    store: &Store,
    batches: &Batches,
    mut side: Side,
    prove: bool,
) -> anyhow::Result<Result<Option<Walked>, String>> {
    let (mut chain, mut sealed, mut told) = (Chain::default(), Sealed::default(), Told::new(store).await?);
    let mut state: Option<State> = None;
    let (mut decided, mut made_whole, mut rounds) = (0, MadeWhole::default(), Vec::new());
    loop {
        let rows = store.journal_after(chain.sequence, PAGE).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let sequence = row.sequence;
            if let Some(bad) = chain.broken_by(&row) {
                return Ok(Err(bad));
            }
            let events: Vec<Event> = match serde_json::from_str(&row.events) {
                Ok(events) => events,
                Err(error) => return Ok(Err(format!("journal: events of row {sequence} cannot be read: {error}"))),
            };
            let envelope: Envelope = match serde_json::from_str(&row.command) {
                Ok(envelope) => envelope,
                Err(error) => return Ok(Err(format!("journal: command of row {sequence} cannot be read: {error}"))),
            };
            let before = state.as_ref().and_then(|state| audit::before(&envelope.command, state));
            if let Some(bad) = decide(&row, &envelope, &events, &mut state, prove.then_some(&mut decided)) {
                return Ok(Err(bad));
            }
            for event in &events {
                if let Event::Transferred(transfer) = event {
                    let owners = (transfer.debit.participant(), transfer.credit.participant());
                    if transfer.kind.stays_with_its_owner() && owners.0 != owners.1 {
                        return Ok(Err(format!(
                            "journal: transfer {} of row {sequence} leaves its owner",
                            transfer.id
                        )));
                    }
                    made_whole.count(transfer);
                }
                let Some(cleared) = sealed.follow(event).filter(|_| prove) else { continue };
                rounds.push(cleared.number);
                if let Err(bad) = archive::read(store, &cleared).await? {
                    return Ok(Err(bad));
                }
            }
            let Some(state) = &mut state else { continue };
            if state.ledger.sum() != 0 {
                return Ok(Err(format!(
                    "ledger: after row {sequence} all balances sum to {} micro-credits",
                    state.ledger.sum()
                )));
            }
            audited(&row, &envelope, &events, before, state, &mut side);
            // What has just ended is told as it was changed last, so this comes before the changes are taken.
            if side.wants(Kind::Stream)
                && let Some(bad) = told.add(store, batches, &row, &events, state, &mut side).await?
            {
                return Ok(Err(bad));
            }
            add_changes(std::mem::take(&mut state.changes), batches, sequence, &mut side);
        }
    }
    told.flush(&mut side);
    let Some(state) = state else { return Ok(Ok(None)) };
    for row in state.all_rows() {
        side.add(Kind::Rows(row.table), &row.id, || text_of_row(&row));
    }
    rounds.sort_unstable();
    Ok(Ok(Some(Walked { chain, state, side, decided, made_whole, rounds })))
}

/// What a command has ended, moved and handed over; what is live still changes, and is added at the end.
fn add_changes(changes: Changes, batches: &Batches, sequence: i64, side: &mut Side) {
    for row in changes.touched.into_values().flatten() {
        side.add(Kind::Rows(row.table), &row.id, || text_of_row(&row));
    }
    for receipt in changes.receipts {
        let row = receipt.row();
        side.add(Kind::Rows(row.table), &row.id, || text_of_row(&row));
    }
    // Where no transaction with transfers is left, they are not in the table either.
    let end = if changes.transfers.is_empty() { None } else { batches.end_of(sequence) };
    for transfer in changes.transfers {
        side.add(Kind::Transfers, &transfer.id.to_string(), || text_of_transfer(&transfer, end.unwrap_or(sequence)));
    }
}

/// Decides a row again: it must give the same events. Commands whose inputs are not in the journal (an outcome is in the
/// archive) are folded only.
fn decide(
    row: &JournalRow,
    envelope: &Envelope,
    events: &[Event],
    state: &mut Option<State>,
    decided: Option<&mut u64>,
) -> Option<String> {
    let folded_only = matches!(envelope.command, Command::RecordOutcome { .. });
    match (state, decided) {
        (Some(state), Some(decided)) if !folded_only => {
            // A rule that finds itself wrong panics; here it is a row that is wrong.
            let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| apply(state, envelope).0));
            *decided += 1;
            let sequence = row.sequence;
            match again {
                Err(_) => Some(format!("journal: row {sequence} can't be decided again: its rule finds itself wrong")),
                Ok(again) if again != events => {
                    Some(format!("journal: row {sequence} decides otherwise when its command is applied again"))
                }
                Ok(_) => None,
            }
        }
        (state, _) => fold(row.sequence, events, state),
    }
}

fn fold(sequence: i64, events: &[Event], state: &mut Option<State>) -> Option<String> {
    for event in events {
        if let Event::MarketChanged(market) = event {
            state.get_or_insert_with(|| State::new(Market { last_round: 0, ..market.clone() }));
        }
        let state = state.as_mut()?;
        if let Event::Transferred(transfer) = event
            && let Err(error) = state.ledger.check(transfer)
        {
            return Some(format!("journal: transfer {} of row {sequence}: {error}", transfer.id));
        }
        state.fold(event);
    }
    None
}

/// What the exchange has paid out of its own account because sellers were due more than buyers paid. No
/// fault by itself, but where it grows without failures, somebody has found a way to be paid for nothing.
#[derive(Debug, Default)]
pub struct MadeWhole {
    by_slot: BTreeMap<Option<Slot>, Credits>,
}

impl MadeWhole {
    fn count(&mut self, transfer: &Transfer) {
        if transfer.kind == TransferKind::PlatformRisk {
            *self.by_slot.entry(transfer.slot).or_default() += transfer.amount;
        }
    }
}

impl std::fmt::Display for MadeWhole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((slot, most)) = self.by_slot.iter().max_by_key(|(_, paid)| **paid) else { return Ok(()) };
        let sum: Credits = self.by_slot.values().copied().sum();
        let of = slot.map_or_else(String::new, |slot| format!(" of {slot}"));
        writeln!(
            out,
            "note: platform_risk has paid {sum} credits in {} slots because sellers were due more than buyers paid, most ({most}) in the slot{of}. Failures of the exchange explain that; without them, look for who sold in that slot",
            self.by_slot.len()
        )
    }
}
