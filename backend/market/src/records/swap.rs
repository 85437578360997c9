//! Swap orders: how an allocation becomes true, and what is asked of them.
use crate::ids::{InstanceId, NodeId, OrderId, ParticipantId, SwapId, UserId};
pub use crate::records::move_forecast::Method;
use crate::records::move_forecast::MoveForecast;
use crate::records::pool::PoolSlug;
use crate::records::relocation::RelocationRule;
use crate::records::round::LeftOut;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum SwapState {
    Planned,
    Reserved,
    Snapshot,
    Transferred,
    Shadow,
    AwaitingApproval,
    Fenced,
    Activated,
    Verified,
    Released,
    Done,
    /// Not entered in this version: what can't be done is not planned.
    Infeasible,
    Rejected,
    Expired,
    Aborted,
    RolledBack,
    /// Not entered in this version: a swap that fails ends as aborted or rolled back.
    Failed,
}

impl SwapState {
    pub const ALL: [SwapState; 17] = {
        use SwapState::*;
        [
            Planned,
            Reserved,
            Snapshot,
            Transferred,
            Shadow,
            AwaitingApproval,
            Fenced,
            Activated,
            Verified,
            Released,
            Done,
            Infeasible,
            Rejected,
            Expired,
            Aborted,
            RolledBack,
            Failed,
        ]
    };
    pub const NAMES: [&'static str; 17] = {
        let mut names = [""; 17];
        let mut i = 0;
        while i < names.len() {
            names[i] = Self::ALL[i].name();
            i += 1;
        }
        names
    };

    pub const fn name(self) -> &'static str {
        match self {
            SwapState::Planned => "planned",
            SwapState::AwaitingApproval => "awaiting_approval",
            SwapState::Reserved => "reserved",
            SwapState::Snapshot => "snapshot",
            SwapState::Transferred => "transferred",
            SwapState::Shadow => "shadow",
            SwapState::Fenced => "fenced",
            SwapState::Activated => "activated",
            SwapState::Verified => "verified",
            SwapState::Released => "released",
            SwapState::Done => "done",
            SwapState::Infeasible => "infeasible",
            SwapState::Rejected => "rejected",
            SwapState::Expired => "expired",
            SwapState::Aborted => "aborted",
            SwapState::RolledBack => "rolled_back",
            SwapState::Failed => "failed",
        }
    }

    /// Whether anything has been done for it on a node.
    pub const fn has_begun(self) -> bool {
        !matches!(self, SwapState::Planned | SwapState::Reserved)
    }

    pub const fn is_terminal(self) -> bool {
        use SwapState::*;
        matches!(self, Done | Infeasible | Rejected | Expired | Aborted | RolledBack | Failed)
    }
    /// From here on the source is stopped: a failure has to roll back.
    pub const fn is_fenced(self) -> bool {
        matches!(self, SwapState::Fenced | SwapState::Activated | SwapState::Verified | SwapState::Released)
    }
    /// The next state when the effect of this one has succeeded, where nobody is asked. AWAITING_APPROVAL has none: only
    /// a person ends it.
    pub const fn next(self, moves: bool) -> Option<SwapState> {
        use SwapState::*;
        match (self, moves) {
            (Planned, _) => Some(Reserved),
            (Reserved, true) => Some(Snapshot),
            (Reserved, false) => Some(Activated),
            (Snapshot, _) => Some(Transferred),
            (Transferred, _) => Some(Shadow),
            (Shadow, _) => Some(Fenced),
            (Fenced, _) => Some(Activated),
            (Activated, _) => Some(Verified),
            (Verified, true) => Some(Released),
            (Verified, false) | (Released, _) => Some(Done),
            _ => None,
        }
    }
}

/// One state that the swap was in: the intent was durable at `started_at`, its effect known at `ended_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Phase {
    pub state: SwapState,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What happened, for people.
    pub detail: Option<String>,
}

/// One place where the shadow run and the live run differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Difference {
    /// Position in the recorded inputs.
    pub position: i64,
    pub field: String,
    pub live: String,
    pub shadow: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Swap {
    pub id: SwapId,
    pub participant: ParticipantId,
    pub instance: InstanceId,
    pub instance_name: String,
    pub state: SwapState,
    pub method: Method,
    pub pool_from: PoolSlug,
    pub pool_to: PoolSlug,
    pub node_from: NodeId,
    pub node_to: NodeId,
    pub limits_from: Amounts,
    pub limits_to: Amounts,
    /// The slot that it prepares.
    pub slot: Slot,
    /// What the orders behind it were willing to pay beyond what they pay, for the slot. What the swap itself costs is not in it.
    /// Of a relocation, what its rule expects it to gain a slot.
    pub expected_gain: Credits,
    pub deadline: Timestamp,
    /// Swaps that have to free capacity first.
    pub depends_on: Vec<SwapId>,
    /// What a resize that waits for others takes before that, as soon as its slot begins: it is free already.
    #[serde(default, skip_serializing_if = "Amounts::is_empty")]
    pub at_once: Amounts,
    /// From whom it has what it wins in its slot, and to whom it gives what it lends.
    pub pairs: Vec<Pair>,
    /// Why it is made.
    pub causes: Vec<Cause>,
    /// A person has to approve it; left out where nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// One that it waits for was approved late, or not at all, or the process ended while it was prepared: what it misses
    /// for that is the exchange's doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_waiting: bool,
    /// Placement epoch of the source; the target runs under the next one.
    pub epoch: u64,
    pub phases: Vec<Phase>,
    /// What a move was expected to come to before it began; left out of a resize.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Box<MoveForecast>>,
    pub bytes: i64,
    pub downtime_micros: Option<i64>,
    pub positions_compared: i64,
    pub difference_count: i64,
    /// The first differences; `difference_count` counts all.
    pub differences: Vec<Difference>,
    /// Why it did not end in DONE, a stable code such as `shadow_mismatch`.
    pub reason: Option<String>,
    /// When what it takes back was first found in use by the workload's own program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use_since: Option<Timestamp>,
    /// A person asked for it to be undone or stopped.
    pub cancel_requested: Option<String>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Swap {
    pub fn moves(&self) -> bool {
        self.node_from != self.node_to
    }
    pub fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }
    /// The state after this one.
    pub fn next(&self) -> Option<SwapState> {
        match self.state {
            SwapState::Shadow if self.is_unanswered() => Some(SwapState::AwaitingApproval),
            state => state.next(self.moves()),
        }
    }
    /// A person is to answer for it, and has not.
    pub fn is_unanswered(&self) -> bool {
        self.approval.as_ref().is_some_and(|a| a.answer.is_none())
    }
    /// Its question waits for a person now.
    pub fn waits_for_answer(&self) -> bool {
        self.state == SwapState::AwaitingApproval && self.is_unanswered()
    }
    /// It does not go on when the process has ended in the middle of it. What a person answers for is prepared again, and
    /// keeps its answer; until its fence nothing of it is needed for that.
    pub fn is_ended_by_restart(&self) -> bool {
        self.state.has_begun() && (self.approval.is_none() || self.state.is_fenced())
    }
    /// The answer has not come before its slot began, though the question had.
    pub(crate) fn is_answered_late(&self) -> bool {
        let late = |a: &ApprovalAnswer| a.at >= self.slot.start();
        let asked = |a: &&Approval| a.asked_at.is_some_and(|at| at < self.slot.start());
        self.approval.as_ref().filter(asked).is_some_and(|a| a.answer.as_ref().is_none_or(late))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CauseKind {
    /// It has won this.
    Won,
    /// It has taken this in the slot itself, as it was free: it pays from then on.
    Drawn,
    /// It lends this.
    Lent,
    /// It had won this, and later bids have it: it pays what it won it for and is paid what they pay.
    Sold,
    /// It had bought this as recallable, and whoever had lent it has taken it back. It pays until then.
    Recalled,
    /// It had lent this and has taken it back. It is paid until then.
    TakenBack,
    /// It won this on another node, and can't be moved there now.
    Stayed,
    /// It goes on with this, which it had in the slot before, at an administered price: no round was held.
    Rolled,
    /// It goes on lending this, at an administered price: no round was held.
    LentOn,
    /// It had this in the slot before and does not go on with it, though no round was held.
    NotRolled,
    /// Its node is drained: this baseline goes to another one.
    Drained,
    /// A rule has asked for another pool: this baseline goes there.
    Relocated,
}

/// One of the reasons of a swap: all of a kind of one product together, however many awards it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cause {
    pub kind: CauseKind,
    /// `null` of several orders together.
    pub order: Option<OrderId>,
    /// Orders that it comes from.
    pub orders: u32,
    pub pool: PoolSlug,
    pub resource: Resource,
    /// Base units of the whole slot, above 0.
    pub quantity: i64,
    /// For all of the slot, if it is delivered; 0 of what was taken back or stays away.
    pub pays: Credits,
    pub is_paid: Credits,
    /// Why it does not go on with it, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Which rule has asked for another pool, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RelocationRule>,
}

/// Who is at the other end. Another member is not named: that it was another is all that one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Counterpart {
    /// The operator's own supply.
    Operator,
    /// Another workload of the same member.
    Own,
    AnotherMember,
}

/// A quantity that one gets from another, or gives to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pair {
    pub pool: PoolSlug,
    pub resource: Resource,
    /// Base units; what it gives is under 0.
    pub quantity: i64,
    pub counterpart: Counterpart,
    /// Of the same member.
    pub instance: Option<InstanceId>,
    /// 0 on the same node, 2 in the same POP, 5 beyond it; from the operator 0 where nothing moves, else 1.
    pub distance: i64,
}

/// That a move has to be approved, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Approval {
    /// Nobody is asked after that: the lead time before `answer_by`, so that there is time to look.
    pub ask_by: Timestamp,
    /// Without an answer by then it expires: when the gate of the next slot closes.
    pub answer_by: Timestamp,
    /// When its shadow run had passed, and the question was first put.
    pub asked_at: Option<Timestamp>,
    /// What the shadow run has shown; `null` until it has passed.
    pub evidence: Option<ShadowEvidence>,
    /// Its move ends without an answer, once its copy is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
    /// `null` while nobody has answered.
    pub answer: Option<ApprovalAnswer>,
}

/// What a shadow run has shown that goes on: written when it has passed, and again whenever twice as much was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ShadowEvidence {
    pub at: Timestamp,
    /// Inputs at which both runs were compared; at none of them is there a difference that counts.
    pub positions_compared: i64,
    /// Of those, where the whole state was compared too.
    pub states_compared: i64,
    /// Inputs by which the copy is behind.
    pub lag: i64,
    /// From due to done, the mean of all inputs that were compared.
    pub live_latency_micros: i64,
    pub shadow_latency_micros: i64,
}

/// Why nobody needs to answer any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Withdrawn {
    /// The code with which the move ends.
    pub reason: String,
    pub detail: String,
}

/// Who answered, when, and what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApprovalAnswer {
    pub verdict: MoveVerdict,
    pub by: UserId,
    pub at: Timestamp,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum MoveVerdict {
    Approved,
    Rejected,
}

/// What the worker reports of the effect that the present state asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum StepResult {
    /// The effect of `state` is known to have happened.
    Succeeded { state: SwapState, report: StepReport },
    /// The effect of `state` failed for a reason that trying again does not cure.
    Failed { state: SwapState, reason: String, detail: String, report: StepReport },
    /// What is to be given back is still in use by its program, and is waited for. Said once a swap.
    InUse { state: SwapState },
    /// What a resize frees is given back, and is in force; for the rest there is no room yet.
    GaveBack { state: SwapState, in_force: Amounts },
    /// A resize that waits for others has what is free already, and that is in force.
    TookAtOnce { state: SwapState, in_force: Amounts },
    /// While a person is asked the shadow run goes on: what it has shown by now.
    Compared { state: SwapState, evidence: ShadowEvidence },
    /// Nothing failed, but the deadline has passed.
    OutOfTime { state: SwapState },
}

/// Measured by the driver during one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    pub detail: Option<String>,
    pub bytes: i64,
    pub downtime_micros: Option<i64>,
    pub positions_compared: i64,
    pub difference_count: i64,
    pub differences: Vec<Difference>,
    /// Of a move that begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Box<MoveForecast>>,
    /// Of a shadow run that has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<ShadowEvidence>,
    /// Limits that the driver found in force.
    pub in_force: Option<Amounts>,
    /// The program stands still, written to disk, until it has these amounts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Amounts>,
}

/// What is asked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    pub instance: InstanceId,
    pub resource: Resource,
    pub slot: Slot,
    /// Base units; all that is left where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
}

/// What a recall came to, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Recalled {
    /// What the workload is to have again, as soon as its buyers have shrunk.
    pub quantity: i64,
    /// The part that nobody had bought, so that nobody had to give it up.
    pub from_idle: i64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    pub instance: InstanceId,
    pub resource: Resource,
    /// Base units, at most.
    pub quantity: i64,
    /// Per base unit and slot; the top of the price band where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_price: Option<Price>,
}

/// What could be drawn now, or what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Drawn {
    /// The order that stands for it; none of what could be drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    pub resource: Resource,
    /// Base units.
    pub quantity: i64,
    /// Per base unit and slot; what is charged is the part of the slot in which it is there.
    pub price: Price,
    /// It ends then.
    pub until: Timestamp,
}
