//! What the journal says should be in the stream of events and in the audit.
//!
//! The ids of events follow from the journal. Of a participant's balances in one transaction only the last is told; which
//! rows of the journal were one transaction the transfers say. Old events are forgotten, oldest first.
use super::stored::{Batches, text_of_event, text_of_row};
use super::sums::{Kind, Side};
use crate::sequencer::EVENTS_A_COMMAND;
use crate::workers::prune;
use headroom_market::audit;
use headroom_market::command::{Command, Envelope, Reply};
use headroom_market::event::Event;
use headroom_market::notice::{Notice, notices};
use headroom_market::record::{Record, Table};
use headroom_market::state::State;
use headroom_store::journal::JournalRow;
use headroom_store::{Store, StoreError};
use serde_json::Value;
use std::collections::BTreeMap;

/// More than any command has ever told of: what is so far before the oldest event that is kept is not made again.
const FAR: i64 = 1000 * EVENTS_A_COMMAND;
/// What is forgotten is looked for once an hour.
const SLACK_MICROS: i64 = prune::EVERY_MICROS;

#[derive(Debug)]
pub struct Told {
    /// The id of the last event.
    event: i64,
    oldest: Option<i64>,
    /// What is younger is kept.
    kept_since: i64,
    /// The end of the transaction whose balances wait.
    batch: i64,
    balances: BTreeMap<String, (i64, String)>,
}

impl Told {
    pub async fn new(store: &Store) -> Result<Told, StoreError> {
        let (oldest, newest) = store.stream_range().await?;
        Ok(Told {
            event: 0,
            oldest: (newest > 0).then_some(oldest),
            kept_since: store.last_recorded_at().await? - prune::KEEP_EVENTS_HOURS * 3600 * 1_000_000 + SLACK_MICROS,
            batch: 0,
            balances: BTreeMap::new(),
        })
    }

    /// What a row of the journal told; `state` as it is after it. Answers an event that should be there and is older than
    /// all that are.
    pub async fn add(
        &mut self,
        store: &Store,
        batches: &Batches,
        row: &JournalRow,
        events: &[Event],
        state: &State,
        side: &mut Side,
    ) -> Result<Option<String>, StoreError> {
        let first = (row.sequence * EVENTS_A_COMMAND).max(self.event + 1);
        if self.oldest.is_some_and(|oldest| first + FAR < oldest) && row.recorded_at < self.kept_since {
            return Ok(None);
        }
        let moved = events.iter().any(|event| matches!(event, Event::Transferred(_)));
        for notice in notices(events, state) {
            self.event = (row.sequence * EVENTS_A_COMMAND).max(self.event + 1);
            let id = self.event;
            let Notice { kind, participant, object, data } = notice;
            let owner = participant.map(|p| p.to_string());
            let text = text_of_event(kind, owner.as_deref(), &object, &data, row.recorded_at);
            if self.oldest.is_none_or(|oldest| id < oldest) {
                // Of balances an earlier one may rightly not be there; the last one is the newest event of all.
                if row.recorded_at >= self.kept_since && kind != "balance.changed" {
                    return Ok(Some(format!("outbox: row {id} is not in the table; the journal gives {text}")));
                }
                continue;
            }
            if kind != "balance.changed" {
                side.add(Kind::Stream, &id.to_string(), || text);
                continue;
            }
            if moved {
                let end = batches.end_of(row.sequence).unwrap_or(row.sequence);
                if end != self.batch {
                    self.flush(side);
                    self.batch = end;
                }
                self.balances.insert(object, (id, text));
            } else if store.stream_has(id).await? {
                // Only the stream itself says whether another one of its transaction came after it.
                if row.sequence <= self.batch {
                    self.balances.insert(object, (id, text));
                } else {
                    side.add(Kind::Stream, &id.to_string(), || text);
                }
            }
        }
        Ok(None)
    }

    /// The balances of the last transaction.
    pub fn flush(&mut self, side: &mut Side) {
        for (id, text) in std::mem::take(&mut self.balances).into_values() {
            side.add(Kind::Stream, &id.to_string(), || text);
        }
    }
}

/// What an accepted change should be in the audit, `state` as it is after it.
pub fn audited(
    row: &JournalRow,
    envelope: &Envelope,
    events: &[Event],
    before: Option<Value>,
    state: &State,
    side: &mut Side,
) {
    if events.is_empty() {
        return;
    }
    let sequence = row.sequence as u64;
    let Some(event) = audit::event(sequence, envelope, &row.actor, &made(events, envelope), before, state) else {
        return;
    };
    let row = event.row();
    side.add(Kind::Rows(Table::AuditEvents), &row.id, || text_of_row(&row));
}

/// What the reply to a command that makes something named: the journal has it as its client was shown it.
fn made(events: &[Event], envelope: &Envelope) -> Reply {
    let reply = events.iter().find_map(|event| match (&envelope.command, event) {
        (Command::CreateParticipant { .. }, Event::ParticipantChanged(made)) => Some(Reply::Participant(made.id)),
        (Command::CreateUser { .. }, Event::UserChanged(made)) => Some(Reply::User(made.id)),
        (Command::CreateKey { .. }, Event::KeyChanged(made)) => Some(Reply::Key(made.id)),
        (Command::CreateNode { .. }, Event::NodeChanged(made)) => Some(Reply::Node(made.id)),
        (Command::ScheduleReserve { .. }, Event::ReserveScheduled(made)) => Some(Reply::ReservePrice(made.id)),
        (Command::RegisterModule { .. } | Command::OfferCommand { .. }, Event::ModuleRegistered(made)) => {
            Some(Reply::Module(made.id))
        }
        (Command::OpenDispute { .. }, Event::DisputeChanged(made)) => Some(Reply::Dispute(made.id)),
        (Command::RegisterInstance(_) | Command::Adopt(_), Event::InstanceChanged(made)) => {
            Some(Reply::Instance(made.id))
        }
        _ => None,
    });
    reply.unwrap_or(Reply::Done)
}
