//! Who has changed what: one event for each change.
use crate::ids::{AuditId, ParticipantId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! actions {
    ($($action:ident $name:literal;)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum AuditAction {
            $(#[serde(rename = $name)] $action,)*
        }
        impl AuditAction {
            /// Every action, by name.
            pub const NAMES: &'static [&'static str] = &[$($name),*];
            pub const fn name(self) -> &'static str {
                match self {
                    $(AuditAction::$action => $name,)*
                }
            }
        }
    };
}

actions! {
    ParticipantCreated "participant.created";
    QuotaSet "participant.quota_set";
    Granted "participant.granted";
    UserCreated "user.created";
    KeyCreated "api_key.created";
    KeyRevoked "api_key.revoked";
    PoolCreated "pool.created";
    PoolHalted "pool.halted";
    PoolResumed "pool.resumed";
    RecallableOpened "pool.recallable_opened";
    ShortageCostSet "pool.shortage_cost_set";
    MovesAtOnceSet "pool.moves_at_once_set";
    MoveApprovalSet "pool.move_approval_set";
    NodeCreated "node.created";
    NodeStateSet "node.state_set";
    ReserveScheduled "reserve_price.scheduled";
    ReserveProposed "reserve_price.proposed";
    ReserveDecided "reserve_price.decided";
    ReserveApprovalSet "market.reserve_approval_set";
    ModuleRegistered "module.registered";
    InstanceRegistered "instance.registered";
    BaselineSet "instance.baseline_set";
    StrategySet "instance.strategy_set";
    InstanceStopped "instance.stopped";
    InstanceRestarted "instance.restarted";
    SwapAnswered "swap.answered";
    SwapCanceled "swap.canceled";
    ProjectSet "project.set";
    ProjectDeleted "project.deleted";
    DisputeOpened "dispute.opened";
    DisputeDecided "dispute.decided";
    DisputeWithdrawn "dispute.withdrawn";
}

// Not derived: that would name the variants of the macro.
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for AuditAction {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(AuditAction::NAMES.iter().copied()))
            .description(Some("What was done."))
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for AuditAction {}

/// A user, or an API key with its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Actor {
    /// `usr_…`, or `key_…` where an API key was used; `operator` where a member is told of somebody of the operator,
    /// `exchange` where whoever started the exchange said so.
    pub id: String,
    /// Of the user; of a key its own name follows in brackets.
    pub name: String,
}

/// One change, as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEvent {
    pub id: AuditId,
    pub created_at: Timestamp,
    /// The row of the journal.
    pub sequence: u64,
    pub actor: Actor,
    /// Whose change it was; `null`: the operator's.
    pub participant: Option<ParticipantId>,
    pub action: AuditAction,
    /// What was made or changed, by its id or name.
    pub object: String,
    /// The name of what has one beside its id; of a swap its workload's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_name: Option<String>,
    /// What was asked for, field by field; without passwords and secrets.
    pub details: Value,
    /// Those of the same fields that there were before, as they were; left out where something new was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
}
