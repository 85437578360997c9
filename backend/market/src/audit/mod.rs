//! Who has changed what: one event for each accepted command of a person or a key that changes how the market is run, or
//! what a participant has in it. Orders, draws and recalls have lists of their own.
//!
//! Secrets and their hashes stay out of it.
mod before;

pub use crate::records::audit::*;
pub use before::before;

use crate::command::{Command, Envelope, Reply};
use crate::ids::{AuditId, KeyId, ParticipantId, ReservePriceId, UserId, counted_raw};
use crate::records::pool::ReserveState;
use crate::state::State;
use serde_json::{Map, Value};

/// Fields of commands that nobody is shown, not even the hashes of secrets.
const SECRET: [&str; 2] = ["password_hash", "secret_hash"];

impl Actor {
    /// What members are told of somebody of the operator.
    pub fn operator() -> Actor {
        Actor { id: "operator".to_owned(), name: "The operator".to_owned() }
    }

    /// Whether it is a user or a key of this participant.
    pub fn is_of(&self, participant: ParticipantId, state: &State) -> bool {
        if let Ok(user) = self.id.parse::<UserId>() {
            return state.users.get(&user).is_some_and(|u| u.memberships.iter().any(|m| m.participant == participant));
        }
        let key = self.id.parse().ok().and_then(|id: KeyId| state.keys.get(&id));
        key.is_some_and(|key| key.participant == participant)
    }
}

/// What a command is in the audit; `None` where it has no place there.
struct Audited {
    action: AuditAction,
    participant: Option<ParticipantId>,
    /// `None`: what the reply names.
    object: Option<String>,
}

impl Audited {
    fn of(command: &Command) -> Option<Audited> {
        use AuditAction as A;
        let by = |participant: Option<ParticipantId>, action: AuditAction, object: Option<String>| {
            Some(Audited { action, participant, object })
        };
        let operator = |action: AuditAction, object: String| by(None, action, Some(object));
        match command {
            Command::CreateParticipant { .. } => by(None, A::ParticipantCreated, None),
            Command::SetQuota { participant, .. } => operator(A::QuotaSet, participant.to_string()),
            Command::Grant { participant, .. } => operator(A::Granted, participant.to_string()),
            Command::CreateUser { .. } => by(None, A::UserCreated, None),
            Command::CreateKey { membership, .. } => {
                by((!membership.role.is_platform()).then_some(membership.participant), A::KeyCreated, None)
            }
            Command::RevokeKey { participant, key } => by(*participant, A::KeyRevoked, Some(key.to_string())),
            Command::CreatePool { slug, .. } => operator(A::PoolCreated, slug.clone()),
            Command::HaltPool { pool, .. } => operator(A::PoolHalted, pool.clone()),
            Command::ResumePool { pool } => operator(A::PoolResumed, pool.clone()),
            Command::OpenRecallable { pool } => operator(A::RecallableOpened, pool.clone()),
            Command::SetShortageCost { pool, .. } => operator(A::ShortageCostSet, pool.clone()),
            Command::SetMovesAtOnce { pool, .. } => operator(A::MovesAtOnceSet, pool.clone()),
            Command::SetMoveApproval { pool, .. } => operator(A::MoveApprovalSet, pool.clone()),
            Command::CreateNode { .. } => by(None, A::NodeCreated, None),
            Command::SetNodeState { node, .. } => operator(A::NodeStateSet, node.to_string()),
            Command::ScheduleReserve { .. } => by(None, A::ReserveScheduled, None),
            Command::DecideReserve { reserve, .. } => operator(A::ReserveDecided, reserve.to_string()),
            Command::RegisterModule { participant, .. } => by(*participant, A::ModuleRegistered, None),
            Command::OfferCommand { .. } | Command::OfferService { .. } => by(None, A::ModuleRegistered, None),
            Command::Adopt(asked) => by(Some(asked.participant), A::InstanceRegistered, None),
            Command::RegisterInstance(new) => by(Some(new.participant), A::InstanceRegistered, None),
            Command::SetBaseline { instance, .. } => operator(A::BaselineSet, instance.to_string()),
            Command::SetStrategy { participant, instance, .. } => {
                by(Some(*participant), A::StrategySet, Some(instance.to_string()))
            }
            Command::StopInstance { participant, instance } => {
                by(Some(*participant), A::InstanceStopped, Some(instance.to_string()))
            }
            Command::StartInstance { participant, instance } => {
                by(Some(*participant), A::InstanceRestarted, Some(instance.to_string()))
            }
            Command::AnswerSwap { swap, .. } => operator(A::SwapAnswered, swap.to_string()),
            Command::CancelSwap { swap, participant, .. } => by(*participant, A::SwapCanceled, Some(swap.to_string())),
            Command::PutProject { participant, name, .. } => by(Some(*participant), A::ProjectSet, Some(name.clone())),
            Command::DeleteProject { participant, name } => {
                by(Some(*participant), A::ProjectDeleted, Some(name.clone()))
            }
            Command::OpenDispute { participant, .. } => by(Some(*participant), A::DisputeOpened, None),
            Command::DecideDispute { dispute, .. } => operator(A::DisputeDecided, dispute.to_string()),
            Command::WithdrawDispute { participant, dispute } => {
                by(Some(*participant), A::DisputeWithdrawn, Some(dispute.to_string()))
            }
            Command::SetReserveApproval { .. } => operator(A::ReserveApprovalSet, "market".to_owned()),
            // Nobody asks for it over the API.
            Command::OpenMarket { .. } => None,
            // The market's own course.
            Command::RecordSuspension { .. }
            | Command::ReportFault { .. }
            | Command::RecordOutlooks { .. }
            | Command::RecordShortages { .. }
            | Command::ExpireOrders
            | Command::SealRound(_)
            | Command::RecordOutcome { .. }
            | Command::VoidRound { .. }
            | Command::PlanSlot { .. }
            | Command::StepSwap { .. }
            | Command::RecordDrill { .. }
            | Command::Relocate { .. }
            | Command::RetryRecalls { .. }
            | Command::RecoverInstance { .. }
            | Command::SettleSlot { .. } => None,
            // They have lists of their own.
            Command::PutHint { .. }
            | Command::WithdrawHint { .. }
            | Command::PutProfile { .. }
            | Command::PlaceOrder { .. }
            | Command::PlaceRecommended(_)
            | Command::ReplaceOrder { .. }
            | Command::CancelOrder { .. }
            | Command::CancelAll { .. }
            | Command::Recall { .. }
            | Command::Draw { .. }
            | Command::RequestDrill { .. } => None,
        }
    }
}

/// Whether an accepted command has an event in the audit; the exchange's own have none, but what whoever starts it says.
pub fn is_audited(actor: &str, command: &Command) -> bool {
    let of_a_person = actor.starts_with(UserId::PREFIX) || actor.starts_with(KeyId::PREFIX);
    (of_a_person || matches!(command, Command::SetReserveApproval { .. })) && Audited::of(command).is_some()
}

/// The id that the event of a journal row has: they sort as the journal does.
pub fn id_of(sequence: u64, envelope: &Envelope) -> AuditId {
    AuditId::from_raw(counted_raw(envelope.now, sequence))
}

/// The event of an accepted command, `state` as it is after it; what was `before` it says the function of that name.
pub fn event(
    sequence: u64,
    envelope: &Envelope,
    actor: &str,
    reply: &Reply,
    before: Option<Value>,
    state: &State,
) -> Option<AuditEvent> {
    if !is_audited(actor, &envelope.command) {
        return None;
    }
    let Audited { action, participant, object } = Audited::of(&envelope.command)?;
    let object = object.or_else(|| made(reply)).unwrap_or_default();
    let action = match action {
        AuditAction::ReserveScheduled if is_proposal(&object, state) => AuditAction::ReserveProposed,
        action => action,
    };
    Some(AuditEvent {
        id: id_of(sequence, envelope),
        created_at: envelope.now,
        sequence,
        actor: Actor { id: actor.to_owned(), name: name_of(actor, state) },
        participant: participant.or_else(|| concerned(&envelope.command, state)),
        action,
        object_name: before::name_of(&object, state),
        object,
        details: details(&envelope.command),
        before,
    })
}

/// Whose it is that somebody of the operator has changed.
fn concerned(command: &Command, state: &State) -> Option<ParticipantId> {
    match command {
        Command::SetQuota { participant, .. } => Some(*participant),
        Command::SetBaseline { instance, .. } => state.instances.get(instance).map(|i| i.participant),
        Command::DecideDispute { dispute, .. } => state.disputes.get(dispute).map(|d| d.participant),
        Command::RevokeKey { key, .. } => {
            state.keys.get(key).filter(|key| !key.role.is_platform()).map(|key| key.participant)
        }
        _ => None,
    }
}

/// Whether a reserve price that was just asked for waits for a second person.
fn is_proposal(object: &str, state: &State) -> bool {
    let reserve = object.parse().ok().and_then(|id: ReservePriceId| state.reserve_prices.get(&id));
    reserve.is_some_and(|reserve| reserve.state == ReserveState::Pending)
}

/// What a reply says was made.
fn made(reply: &Reply) -> Option<String> {
    Some(match reply {
        Reply::Participant(id) => id.to_string(),
        Reply::User(id) => id.to_string(),
        Reply::Key(id) => id.to_string(),
        Reply::Node(id) => id.to_string(),
        Reply::ReservePrice(id) => id.to_string(),
        Reply::Module(id) => id.to_string(),
        Reply::Instance(id) => id.to_string(),
        Reply::Dispute(id) => id.to_string(),
        _ => return None,
    })
}

fn name_of(actor: &str, state: &State) -> String {
    let user = |id: UserId| state.users.get(&id).map(|user| user.name.clone()).unwrap_or_default();
    if let Ok(id) = actor.parse() {
        return user(id);
    }
    if let Ok(id) = actor.parse::<KeyId>() {
        return state.keys.get(&id).map(|key| format!("{} ({})", user(key.user), key.name)).unwrap_or_default();
    }
    "Whoever started the exchange".to_owned()
}

fn details(command: &Command) -> Value {
    // A command holds only strings, integers and lists of them: this can't fail.
    let whole = serde_json::to_value(command).unwrap_or_default();
    match whole.get("data") {
        Some(Value::Object(fields)) => {
            let shown = fields.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
            Value::Object(shown.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        _ => Value::Object(Map::new()),
    }
}
