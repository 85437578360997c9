//! What the world is told: the events of the stream, made from the events of the journal.
//!
//! `participant = None` is public. `data` is the object as GET returns it.
use crate::event::Event;
use crate::ids::{ParticipantId, ProjectId};
use crate::ledger::Account;
use crate::project;
use crate::records::order::OrderStatus;
use crate::records::project::Project;
use crate::records::round::{NotRolled, Round};
use crate::records::row::Record;
use crate::state::State;
use crate::units::Credits;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Every kind of notice there is: what a subscription may name.
pub const KINDS: [&str; 39] = [
    "order.accepted",
    "order.pending",
    "order.partially_filled",
    "order.filled",
    "order.canceled",
    "order.expired",
    "order.replaced",
    "round.sealed",
    "round.awarded",
    "round.void",
    "price.published",
    "swap.planned",
    "swap.awaiting_approval",
    "swap.reserved",
    "swap.snapshot",
    "swap.transferred",
    "swap.shadow",
    "swap.fenced",
    "swap.activated",
    "swap.verified",
    "swap.released",
    "swap.done",
    "swap.infeasible",
    "swap.rejected",
    "swap.expired",
    "swap.aborted",
    "swap.rolled_back",
    "swap.failed",
    "award.recalled",
    "award.rolled",
    "award.not_rolled",
    "slot.rolled",
    "delivery.recorded",
    "balance.changed",
    "forecast.issued",
    "pool.changed",
    "workload.changed",
    "project.changed",
    "dispute.changed",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// One of [`KINDS`].
    pub kind: &'static str,
    pub participant: Option<ParticipantId>,
    /// The object's id as its route has it: a round's number, a pool's slug, else an id.
    pub object: String,
    /// JSON of the object.
    pub data: String,
}

/// A participant's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Balance {
    pub participant: ParticipantId,
    pub currency: &'static str,
    pub available: Credits,
    pub held: Credits,
}

impl Balance {
    pub fn of(state: &State, participant: ParticipantId) -> Self {
        let ledger = &state.ledger;
        Self {
            participant,
            currency: "credits",
            available: ledger.balance(Account::Available(participant)),
            held: ledger.balance(Account::Held(participant)),
        }
    }
}

fn notice(kind: &'static str, participant: Option<ParticipantId>, object: String, data: String) -> Notice {
    debug_assert!(KINDS.contains(&kind), "{kind} is not in KINDS");
    Notice { kind, participant, object, data }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What tells of an order that was accepted: its whole JSON.
pub const ACCEPTED: &str = "order.accepted";

/// The JSON of the orders that were accepted, by id, in the order of their events.
pub fn accepted_documents(told: &[Notice]) -> impl Iterator<Item = (&str, &str)> {
    let accepted = told.iter().filter(|notice| notice.kind == ACCEPTED);
    accepted.map(|notice| (notice.object.as_str(), notice.data.as_str()))
}

/// Events as the journal keeps them. The JSON of an accepted order, the longest part of a bid's, is
/// taken from what was told of it.
pub fn journal_text(events: &[Event], told: &[Notice]) -> String {
    let mut documents = accepted_documents(told);
    let mut text = String::from("[");
    for event in events {
        if text.len() > 1 {
            text.push(',');
        }
        match event {
            Event::OrderAccepted(order)
                if let Some((id, document)) = documents.next()
                    && order.id.to_string() == id =>
            {
                text.push_str("{\"event\":\"order_accepted\",\"data\":");
                text.push_str(document);
                text.push('}');
            }
            _ => text.push_str(&json(event)),
        }
    }
    text.push(']');
    text
}

/// Notices of one command's events; `state` is the state after them.
pub fn notices(events: &[Event], state: &State) -> Vec<Notice> {
    let mut list = Vec::new();
    let mut moved: BTreeSet<ParticipantId> = BTreeSet::new();
    // A round may change one many times: it is told once, as it is after them.
    let mut projects: BTreeMap<ProjectId, Project> = BTreeMap::new();
    for event in events {
        if let Event::Transferred(transfer) = event {
            moved.extend(transfer.debit.participant());
            moved.extend(transfer.credit.participant());
        } else if let Event::ProjectChanged(project) = event {
            projects.insert(project.id, project.clone());
        } else {
            list.extend(of_event(event, state));
            if let Event::SlotRolled { not_rolled, .. } = event {
                list.extend(not_rolled.iter().filter_map(|left| of_not_rolled(state, left)));
            }
            if let Event::RoundAwarded { number, .. } = event {
                list.extend(state.rounds.get(number).into_iter().flat_map(published));
            }
        }
    }
    for view in project::views(state, projects.into_values().collect()) {
        let (owner, id) = (view.project.participant, view.project.id.to_string());
        list.push(notice("project.changed", Some(owner), id, json(&view)));
    }
    for participant in moved {
        let balance = Balance::of(state, participant);
        list.push(notice("balance.changed", Some(participant), participant.to_string(), json(&balance)));
    }
    list
}

/// To the owner of what ends with its slot.
fn of_not_rolled(state: &State, left: &NotRolled) -> Option<Notice> {
    let owner = state.instances.get(&left.instance)?.participant;
    Some(notice("award.not_rolled", Some(owner), left.instance.to_string(), json(left)))
}

/// One notice a product that changed hands: a point of its price history, with the product.
fn published(round: &Round) -> Vec<Notice> {
    let traded = round.prices.iter().filter(|p| p.volume > 0);
    let point = |p: &crate::records::round::ClearingPrice| {
        let object = crate::records::pool::product_id(&p.pool, p.resource, p.slot);
        let data = serde_json::json!({
            "pool": p.pool, "node": p.node, "resource": p.resource, "slot": p.slot, "round": round.number, "price": p.price,
            "volume": p.volume, "set_by": p.set_by, "reserve": p.reserve,
            "cleared_at": round.awarded_at,
        });
        notice("price.published", None, object, json(&data))
    };
    traded.map(point).collect()
}

fn of_event(event: &Event, state: &State) -> Option<Notice> {
    let order = |kind: &'static str, id: &crate::ids::OrderId| {
        state.orders.get(id).map(|o| notice(kind, Some(o.participant), o.id.to_string(), o.document()))
    };
    match event {
        Event::OrderAccepted(o) => Some(notice(ACCEPTED, Some(o.participant), o.id.to_string(), o.document())),
        Event::OrderPending { order: id, .. } => order("order.pending", id),
        Event::OrderClosed { order: id, status, .. } => closed_order(state, id, *status),
        Event::OrderFilled { order: id, status, .. } => match status {
            OrderStatus::Filled => closed_order(state, id, *status),
            _ => order("order.partially_filled", id),
        },
        Event::RoundSealed { round, .. } => {
            Some(notice("round.sealed", None, round.number.to_string(), round.document()))
        }
        Event::RoundAwarded { number, .. } => {
            Some(notice("round.awarded", None, number.to_string(), round_document(state, *number)?))
        }
        Event::RoundVoided { number, .. } => {
            Some(notice("round.void", None, number.to_string(), round_document(state, *number)?))
        }
        // The state after all of the command's events: of several lines of one award each is told with all of them.
        Event::AwardMade(award) if award.rolled_from.is_some() => {
            Some(notice("award.rolled", Some(award.participant), award.id.to_string(), json(award)))
        }
        Event::SlotRolled { rolled, .. } => Some(notice("slot.rolled", None, rolled.pool.clone(), json(rolled))),
        Event::AwardRecalled { award, .. } => {
            state.awards.get(award).map(|a| notice("award.recalled", Some(a.participant), a.id.to_string(), json(a)))
        }
        Event::SwapChanged(s) => Some(notice(swap_kind(s.state), Some(s.participant), s.id.to_string(), s.document())),
        Event::Received(r) => Some(notice("delivery.recorded", Some(r.participant), r.id.to_string(), r.document())),
        Event::OutlookRecorded { instance, slots, .. } => {
            let owner = state.instances.get(instance).map(|i| i.participant);
            let data =
                serde_json::json!({ "instance": instance, "slots": slots.iter().map(|s| s.slot).collect::<Vec<_>>() });
            Some(notice("forecast.issued", owner, instance.to_string(), json(&data)))
        }
        Event::InstanceChanged(i) => {
            Some(notice("workload.changed", Some(i.participant), i.id.to_string(), i.document()))
        }
        Event::DisputeChanged(d) => {
            Some(notice("dispute.changed", Some(d.participant), d.id.to_string(), d.document()))
        }
        Event::PoolChanged(p) => Some(notice("pool.changed", None, p.slug.clone(), p.document())),
        _ => None,
    }
}

/// A round, also one that has ended with this command and left the live state.
fn round_document(state: &State, number: u64) -> Option<String> {
    if let Some(round) = state.rounds.get(&number) {
        return Some(round.document());
    }
    let ended = |row: &&crate::records::row::Row| {
        row.table == crate::records::row::Table::Rounds && row.position == number as i64
    };
    state.changes.touched.values().flatten().find(ended).map(|row| row.document.clone())
}

/// A closed order has left the live state; its last row is among the changes of this batch.
fn closed_order(state: &State, id: &crate::ids::OrderId, status: OrderStatus) -> Option<Notice> {
    let key = crate::records::row::RowKey { table: crate::records::row::Table::Orders, id: id.to_string() };
    let row = state.changes.touched.get(&key)?.as_ref()?;
    let kind = match status {
        OrderStatus::Filled => "order.filled",
        OrderStatus::Canceled => "order.canceled",
        OrderStatus::Expired => "order.expired",
        OrderStatus::Replaced => "order.replaced",
        _ => return None,
    };
    let participant = row.participant.as_ref().and_then(|p| p.parse().ok());
    Some(notice(kind, participant, row.id.clone(), row.document.clone()))
}

fn swap_kind(state: crate::records::swap::SwapState) -> &'static str {
    use crate::records::swap::SwapState::*;
    match state {
        Planned => "swap.planned",
        AwaitingApproval => "swap.awaiting_approval",
        Reserved => "swap.reserved",
        Snapshot => "swap.snapshot",
        Transferred => "swap.transferred",
        Shadow => "swap.shadow",
        Fenced => "swap.fenced",
        Activated => "swap.activated",
        Verified => "swap.verified",
        Released => "swap.released",
        Done => "swap.done",
        Infeasible => "swap.infeasible",
        Rejected => "swap.rejected",
        Expired => "swap.expired",
        Aborted => "swap.aborted",
        RolledBack => "swap.rolled_back",
        Failed => "swap.failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kind that is missing in the list would be sent to nobody.
    #[test]
    fn every_notice_is_of_a_known_kind() {
        let source = include_str!("notice.rs").split("mod tests").next().unwrap();
        let quoted = source.split('"').skip(1).step_by(2);

        let is_kind = |text: &&str| {
            text.split_once('.').is_some_and(|(family, rest)| {
                !family.is_empty()
                    && !rest.is_empty()
                    && text.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c))
            })
        };
        let used: BTreeSet<&str> = quoted.filter(is_kind).collect();
        assert!(used.len() >= KINDS.len(), "{used:?}");
        let unknown: Vec<&&str> = used.iter().filter(|kind| !KINDS.contains(kind)).collect();
        assert!(unknown.is_empty(), "{unknown:?} are not in KINDS");
    }

    /// The text of the journal is what serde gives, whoever wrote the order's part of it.
    #[test]
    fn journalled_events_are_written_as_they_are_read() {
        let order = r#"{"id":"bid_01m7zqz320fvhr63jemb5exd45","side":"bid","participant":"par_01m7zqyxncfvysexyrg0ahsvzr","status":"open","instance":null,"window":{"start_at":"2026-11-21T19:10:00Z","end_at":"2026-11-21T19:11:00Z"},"latest_start_at":null,"replicas":1,"resources":{"cpu_milli":1},"pools":[{"pool":"fra1-gp","adder":"0.000000"}],"assurance":"firm","limit":"0.000001","min_fill":"0.000000","time_in_force":"gtc","expires_at":null,"resell":"own_limit","project":null,"no_displacement":false,"min_run_slots":0,"class":"standard","client_bid_id":"a \"b\"","remaining":{"cpu_milli":1},"remaining_replicas":1,"remaining_limit":"0.000001","hold":"0.000001","awarded":"0.000000","awards":[],"origin":"manual","first_round":1,"last_reason":null,"closed_reason":null,"replaces":null,"replaced_by":null,"pending_replacement":null,"created_at":"2026-11-21T19:05:11Z","updated_at":"2026-11-21T19:05:11Z"}"#;
        let accepted = Event::OrderAccepted(Box::new(serde_json::from_str(order).unwrap()));
        let Event::OrderAccepted(order) = &accepted else { unreachable!() };
        let held = Event::OrderPending {
            order: order.id,
            status: OrderStatus::PendingCancel,
            replacement: None,
            at: order.created_at,
        };
        let told = vec![notice("order.accepted", Some(order.participant), order.id.to_string(), order.document()); 2];
        let events = [held.clone(), accepted.clone(), held, accepted];
        for events in [&events[..0], &events[..1], &events[1..2], &events[..]] {
            assert_eq!(journal_text(events, &told), serde_json::to_string(events).unwrap());
            assert_eq!(journal_text(events, &[]), serde_json::to_string(events).unwrap());
        }
    }

    #[test]
    fn every_swap_state_has_its_kind() {
        use crate::records::swap::SwapState;
        let states = SwapState::ALL;
        for state in states {
            assert!(KINDS.contains(&swap_kind(state)), "{}", swap_kind(state));
            assert_eq!(swap_kind(state), format!("swap.{}", state.name()));
        }
        assert_eq!(KINDS.iter().filter(|k| k.starts_with("swap.")).count(), states.len());
    }
}
