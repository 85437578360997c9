//! What a command is answered with, now and when the same request comes again.
use super::Outcome;
use headroom_market::command::Reply;
use headroom_market::event::Event;
use headroom_market::ids::{OrderId, SwapId};
use headroom_market::notice::Notice;
use headroom_market::project;
use headroom_market::record::Record;
use headroom_market::refusal::{Refusal, RefusalKind};
use headroom_market::state::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The object that a reply names, as JSON, in the state after the command.
pub(super) fn render(reply: &Reply, state: &State, told: &[Notice], events: &[Event]) -> Outcome {
    fn object<R: Record>(record: Option<&R>) -> Outcome {
        record.map_or(Outcome::Done, |r| Outcome::Object(r.document().into()))
    }
    match reply {
        Reply::Done => Outcome::Done,
        Reply::Nothing => Outcome::Nothing,
        Reply::Refused(refusal) => Outcome::Refused(refusal.clone()),
        Reply::Sealed { round, book } => Outcome::Sealed { round: *round, book: book.clone() },
        Reply::Canceled(count) => Outcome::Object(format!("{{\"canceled\":{count}}}").into()),
        Reply::Participant(id) => object(state.participants.get(id)),
        Reply::User(id) => object(state.users.get(id)),
        Reply::Key(id) => object(state.keys.get(id)),
        Reply::Pool(slug) => object(state.pools.get(slug)),
        Reply::Node(id) => object(state.nodes.get(id)),
        Reply::ReservePrice(id) => object(state.reserve_prices.get(id)),
        Reply::Module(id) => object(state.modules.get(id)),
        Reply::Instance(id) => object(state.instances.get(id)),
        Reply::Hint(id) => object(state.hints.get(id)),
        Reply::Profile(id) => object(state.profiles.get(id)),
        Reply::Project(id) => project_document(state, id, told),
        Reply::Dispute(id) => object(state.disputes.get(id)),
        Reply::Swap(id) => swap_document(state, id, told),
        Reply::Recalled(recalled) => {
            serde_json::to_string(recalled).map_or(Outcome::Done, |text| Outcome::Object(text.into()))
        }
        Reply::Drawn(drawn) => serde_json::to_string(drawn).map_or(Outcome::Done, |text| Outcome::Object(text.into())),
        Reply::Order(id) => Outcome::Object(order_document(state, id, told)),
        Reply::Orders(_) => events.iter().find_map(applied).map_or(Outcome::Done, |d| Outcome::Object(d.into())),
        Reply::PendingOrder(id) => Outcome::Pending(order_document(state, id, told)),
    }
}

/// A recommendation as it was when its orders were placed, with their ids.
fn applied(event: &Event) -> Option<String> {
    let Event::RecommendationApplied { orders, advice, .. } = event else { return None };
    let mut document: serde_json::Value = serde_json::from_str(advice).ok()?;
    document["placed"] = serde_json::json!(orders);
    Some(document.to_string())
}

/// A swap as it is, or as it was when it ended in this batch.
fn swap_document(state: &State, id: &SwapId, told: &[Notice]) -> Outcome {
    if let Some(swap) = state.swaps.get(id) {
        return Outcome::Object(swap.document().into());
    }
    let text = id.to_string();
    let ended = told.iter().rfind(|notice| notice.object == text);
    ended.map_or(Outcome::Done, |notice| Outcome::Object(notice.data.as_str().into()))
}

/// An order as the stream was just told, as it is now, or as it was when it ended in this batch.
fn order_document(state: &State, id: &OrderId, told: &[Notice]) -> Arc<str> {
    let text = id.to_string();
    if let Some(notice) = told.iter().rfind(|notice| notice.object == text) {
        return notice.data.as_str().into();
    }
    if let Some(order) = state.orders.get(id) {
        return order.document().into();
    }
    let key = headroom_market::record::RowKey { table: headroom_market::record::Table::Orders, id: text };
    let row = state.changes.touched.get(&key).and_then(|row| row.as_ref());
    row.map(|row| row.document.as_str()).unwrap_or_default().into()
}

/// A project as the stream was just told, or, where nothing has changed, as it is.
fn project_document(state: &State, id: &headroom_market::ids::ProjectId, told: &[Notice]) -> Outcome {
    let text = id.to_string();
    if let Some(notice) = told.iter().rfind(|notice| notice.object == text) {
        return Outcome::Object(notice.data.as_str().into());
    }
    let views = project::views(state, state.projects.get(id).cloned().into_iter().collect());
    let document = views.first().and_then(|view| serde_json::to_string(view).ok());
    document.map_or(Outcome::Done, |document| Outcome::Object(document.into()))
}

/// What the journal keeps of a reply: enough to give it again.
pub(super) fn stored_reply(reply: &Reply, outcome: &Outcome) -> String {
    let value = match reply {
        // Nearly all are such: an id has nothing to escape.
        Reply::Order(id) => return format!("{{\"order\":\"{id}\"}}"),
        // Its events say what is to become of it, not what it was: the answer is kept as it was given.
        Reply::PendingOrder(id) => {
            let answer = match outcome {
                Outcome::Pending(document) => serde_json::from_str(document).unwrap_or_default(),
                _ => serde_json::Value::Null,
            };
            serde_json::json!({ "order": id, "pending": answer })
        }
        Reply::Refused(r) => serde_json::json!({
            "refused": r.code, "kind": format!("{:?}", r.kind), "pointer": r.pointer, "detail": r.detail,
        }),
        Reply::Orders(ids) => serde_json::json!({ "orders": ids }),
        Reply::Participant(id) => serde_json::json!({ "participant": id }),
        Reply::Instance(id) => serde_json::json!({ "instance": id }),
        Reply::ReservePrice(id) => serde_json::json!({ "reserve_price": id }),
        Reply::Sealed { round, .. } => serde_json::json!({ "round": round }),
        Reply::Drawn(drawn) => serde_json::json!({ "answer": drawn }),
        Reply::Recalled(recalled) => serde_json::json!({ "answer": recalled }),
        _ => serde_json::json!({ "done": true }),
    };
    value.to_string()
}

/// The answer to an earlier request, from its journal row.
pub(super) fn stored_outcome(reply: &str, events: &str) -> Outcome {
    let value: serde_json::Value = serde_json::from_str(reply).unwrap_or_default();
    if let Some(code) = value["refused"].as_str() {
        let kind = match value["kind"].as_str() {
            Some("NotFound") => RefusalKind::NotFound,
            Some("Conflict") => RefusalKind::Conflict,
            Some("StaleVersion") => RefusalKind::StaleVersion,
            Some("Payment") => RefusalKind::Payment,
            _ => RefusalKind::Invalid,
        };
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        // Codes are few and live as long as the process: one leak each.
        let code: &'static str = known_code(code);
        return Outcome::Refused(Refusal { kind, code, pointer: text("pointer"), detail: text("detail") });
    }
    if value["answer"].is_object() {
        return Outcome::Object(value["answer"].to_string().into());
    }
    if value["pending"].is_object() {
        return Outcome::Pending(value["pending"].to_string().into());
    }
    let events: Vec<Event> = serde_json::from_str(events).unwrap_or_default();
    // Others may have been placed or changed by the same command.
    if let Some(id) = value["order"].as_str() {
        let placed = events.iter().find_map(|event| match event {
            Event::OrderAccepted(order) if order.id.to_string() == id => Some(order.document()),
            _ => None,
        });
        return placed.map_or(Outcome::Done, |document| Outcome::Object(document.into()));
    }
    for event in events.iter().rev() {
        let document = match event {
            Event::RecommendationApplied { .. } => applied(event).unwrap_or_default(),
            Event::OrderAccepted(order) => order.document(),
            Event::InstanceChanged(instance) => instance.document(),
            Event::ReserveScheduled(reserve) | Event::ReserveDecided(reserve) => reserve.document(),
            Event::ParticipantChanged(participant) => participant.document(),
            Event::HintChanged(hint) => hint.document(),
            Event::ProfileChanged(profile) => profile.document(),
            Event::ModuleRegistered(module) => module.document(),
            Event::DisputeChanged(dispute) => dispute.document(),
            _ => continue,
        };
        return Outcome::Object(document.into());
    }
    Outcome::Done
}

fn known_code(code: &str) -> &'static str {
    use std::sync::Mutex;
    static CODES: Mutex<BTreeMap<String, &'static str>> = Mutex::new(BTreeMap::new());
    let mut codes = CODES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    codes.entry(code.to_owned()).or_insert_with(|| code.to_owned().leak())
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::ids::BidId;

    #[test]
    fn a_change_that_waits_is_answered_alike_when_it_comes_again() {
        let id = OrderId::Bid(BidId::from_raw(1));
        let document = format!(r#"{{"id":"{id}","status":"pending_replace"}}"#);
        let stored = stored_reply(&Reply::PendingOrder(id), &Outcome::Pending(document.as_str().into()));
        let Outcome::Pending(again) = stored_outcome(&stored, "[]") else { panic!("{stored}") };
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(parsed(&again), parsed(&document));
    }

    #[test]
    fn an_order_that_is_not_among_the_events_is_not_taken_for_another() {
        let id = OrderId::Bid(BidId::from_raw(1));
        let stored = stored_reply(&Reply::Order(id), &Outcome::Done);
        assert!(matches!(stored_outcome(&stored, "[]"), Outcome::Done));
    }
}
