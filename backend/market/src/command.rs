//! What may be asked of the exchange. Everything a decision needs is inside: ids come from
//! the envelope's time and seed, numbers of forecasts from the shell.
use crate::clearing::document::{Book, Outcome, Verified};
use crate::ids::*;
use crate::records::class::Class;
use crate::records::dispute::{Decision, NewDispute};
use crate::records::market::Rhythm;
use crate::records::meter::Reading;
use crate::records::order::{OrderRequest, Recommended, Side};
use crate::records::participant::Membership;
use crate::records::pool::{NodeState, PoolSlug, ReserveStep, SlotShortage, Tier, Verdict};
use crate::records::relocation::RelocationRule;
use crate::records::round::Movers;
use crate::records::strategy::{SlotOutlook, Strategy};
use crate::records::swap::{Draw, Drawn, MoveVerdict, Recall, Recalled, StepResult};
use crate::records::workload::{Adopted, AtEnd, ComparisonRules};
use crate::refusal::Refusal;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A command with its time and chance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    pub now: Timestamp,
    pub seed: u64,
    pub command: Command,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", content = "data", rename_all = "snake_case")]
pub enum Command {
    OpenMarket {
        name: String,
        rhythm: Rhythm,
        price_cap: Price,
        demo: bool,
    },
    CreateParticipant {
        name: String,
        platform: bool,
        quota: Amounts,
        open_order_limit: u32,
        instance_limit: Option<u32>,
        highest_class: Option<Class>,
    },
    /// What is `None` keeps its value.
    SetQuota {
        participant: ParticipantId,
        quota: Option<Amounts>,
        instance_limit: Option<u32>,
        highest_class: Option<Class>,
    },
    CreateUser {
        email: String,
        name: String,
        password_hash: String,
        memberships: Vec<Membership>,
    },
    CreateKey {
        name: String,
        user: UserId,
        membership: Membership,
        scopes: Vec<String>,
        prefix: String,
        secret_hash: String,
        expires_at: Option<Timestamp>,
        /// The key that asked for it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made_by: Option<KeyId>,
    },
    /// Without a participant the operator does it, whosever key it is.
    RevokeKey {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        key: KeyId,
    },
    /// Below 0 it takes back what was granted by mistake, as far as it is still available.
    Grant {
        participant: ParticipantId,
        amount: Credits,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    CreatePool {
        slug: PoolSlug,
        name: String,
        pop: String,
        tier: Tier,
        resources: Vec<Resource>,
        release_start: Share,
    },
    CreateNode {
        name: String,
        pool: PoolSlug,
        capacity: Amounts,
        properties: BTreeMap<String, i64>,
    },
    SetNodeState {
        node: NodeId,
        state: NodeState,
    },
    HaltPool {
        pool: PoolSlug,
        by: UserId,
        reason: String,
    },
    ResumePool {
        pool: PoolSlug,
    },
    ScheduleReserve {
        pool: PoolSlug,
        resource: Resource,
        steps: Vec<ReserveStep>,
        effective_at: Timestamp,
        expected_version: Option<u64>,
        by: Option<UserId>,
    },
    /// What a missing unit costs in a pool; resources that are left out have no price of scarcity.
    SetShortageCost {
        pool: PoolSlug,
        shortage_cost: BTreeMap<Resource, Price>,
        expected_version: Option<u64>,
    },
    /// The driver has found that a workload stands still, or runs, where the market knew otherwise (a crash in between, a
    /// file that was lost).
    RecordSuspension {
        instance: InstanceId,
        epoch: u64,
        needs: Option<Amounts>,
    },
    /// How many workloads rounds may take to another node of a pool for one slot; `None`: no bound.
    SetMovesAtOnce {
        pool: PoolSlug,
        moves_at_once: Option<u32>,
        expected_version: Option<u64>,
    },
    /// Whether a person has to approve moves into a pool and out of it.
    SetMoveApproval {
        pool: PoolSlug,
        required: bool,
        expected_version: Option<u64>,
    },
    /// Approves, rejects or withdraws a schedule that waits for a second person.
    DecideReserve {
        pool: PoolSlug,
        reserve: ReservePriceId,
        verdict: Verdict,
        reason: Option<String>,
        expected_version: Option<u64>,
        by: UserId,
    },
    /// Whether reserve prices need a second person from now on.
    SetReserveApproval {
        two_person: bool,
    },
    RegisterModule {
        participant: Option<ParticipantId>,
        name: String,
        hash: String,
        size_bytes: i64,
    },
    /// The operator's nodes have a program of this name that workloads may run.
    OfferCommand {
        name: String,
    },
    /// The operator has defined an HTTP service of this name that a workload may be.
    OfferService {
        name: String,
    },
    RegisterInstance(Box<NewInstance>),
    /// An operator takes in what runs on a node already.
    Adopt(Box<Adopt>),
    SetBaseline {
        instance: InstanceId,
        baseline: Amounts,
        floor: Amounts,
    },
    SetStrategy {
        participant: ParticipantId,
        instance: InstanceId,
        strategy: Strategy,
        expected_version: Option<u64>,
    },
    StopInstance {
        participant: ParticipantId,
        instance: InstanceId,
    },
    /// Starts a stopped or failed workload again, from its beginning.
    StartInstance {
        participant: ParticipantId,
        instance: InstanceId,
    },
    /// The driver saw its program fault.
    ReportFault {
        instance: InstanceId,
        detail: String,
    },
    PutHint {
        participant: ParticipantId,
        instance: InstanceId,
        expected_demand: Amounts,
        avoid_nodes: Vec<NodeId>,
        starts_at: Timestamp,
        expires_at: Timestamp,
        source: Option<String>,
    },
    WithdrawHint {
        participant: ParticipantId,
        hint: HintId,
    },
    PutProfile {
        participant: ParticipantId,
        profile: Option<ProfileId>,
        expected_version: Option<u64>,
        name: String,
        instances: Vec<InstanceId>,
        typical: Amounts,
        peak: Amounts,
    },
    /// Makes a participant's project, or gives the one of this name another limit.
    PutProject {
        participant: ParticipantId,
        name: String,
        limit: Credits,
    },
    DeleteProject {
        participant: ParticipantId,
        name: String,
    },
    /// Says that a receipt is wrong.
    OpenDispute {
        participant: ParticipantId,
        dispute: Box<NewDispute>,
    },
    DecideDispute {
        dispute: DisputeId,
        decision: Decision,
    },
    WithdrawDispute {
        participant: ParticipantId,
        dispute: DisputeId,
    },
    /// `client_order`: a finished order that used the same client id, looked up by the shell.
    PlaceOrder {
        participant: ParticipantId,
        side: Side,
        #[serde(serialize_with = "crate::records::compact::serialize")]
        request: Box<OrderRequest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_order: Option<OrderId>,
    },
    /// All orders of a recommendation, or none.
    PlaceRecommended(Box<Recommended>),
    ReplaceOrder {
        participant: ParticipantId,
        order: OrderId,
        #[serde(serialize_with = "crate::records::compact::serialize")]
        request: Box<OrderRequest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_order: Option<OrderId>,
    },
    CancelOrder {
        participant: ParticipantId,
        order: OrderId,
    },
    CancelAll {
        participant: ParticipantId,
    },
    /// New outlooks; automatic orders follow from them in the same transaction.
    RecordOutlooks {
        /// What forecasts so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        outlooks: Vec<(InstanceId, Vec<SlotOutlook>)>,
    },
    /// What the forecast errors of pools say of the next slots.
    RecordShortages {
        shortages: Vec<(PoolSlug, Resource, Vec<SlotShortage>)>,
    },
    /// Closes orders whose time is over.
    ExpireOrders,
    /// Seals the next round; its bids may take these workloads to another node (`round/moves/movers.rs`).
    SealRound(Option<Movers>),
    RecordOutcome {
        round: u64,
        result_hash: String,
        #[serde(skip)]
        outcome: Option<Arc<Verified<Outcome>>>,
    },
    VoidRound {
        round: u64,
        reason: String,
    },
    /// The gate of the slot has closed: write its swap orders.
    PlanSlot {
        slot: Slot,
    },
    StepSwap {
        swap: SwapId,
        result: StepResult,
    },
    /// A person approves or rejects a move that waits for that.
    AnswerSwap {
        swap: SwapId,
        verdict: MoveVerdict,
        reason: Option<String>,
        by: UserId,
    },
    CancelSwap {
        swap: SwapId,
        participant: Option<ParticipantId>,
        reason: String,
    },
    /// A lender takes back what it lent as recallable; without a participant the exchange does it, for a workload
    /// that needs it.
    Recall {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        recall: Recall,
    },
    /// A workload takes at once what nobody has bought on its node; without a participant the exchange does it, for one
    /// whose strategy says so.
    Draw {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        draw: Draw,
    },
    /// A rule asks for another pool for a workload that may go there; the core decides by the same numbers again.
    Relocate {
        instance: InstanceId,
        pool: PoolSlug,
        rule: RelocationRule,
        /// What a move of it is expected to cost.
        migration_cost: Credits,
    },
    /// A workload is to show that it gives memory back this way; its own way where none is named.
    RequestDrill {
        participant: ParticipantId,
        instance: InstanceId,
        at_end: Option<AtEnd>,
    },
    RecordDrill {
        instance: InstanceId,
        epoch: u64,
        at_end: AtEnd,
        passed: bool,
        detail: String,
    },
    /// Swaps of recalls have failed in this slot: they are tried again.
    RetryRecalls {
        slot: Slot,
    },
    /// Opens trade in what is recallable of a pool.
    OpenRecallable {
        pool: PoolSlug,
    },
    /// The process has begun anew: the instance starts from its checkpoint under a new epoch.
    #[serde(rename = "restart_instance")]
    RecoverInstance {
        instance: InstanceId,
    },
    SettleSlot {
        slot: Slot,
        readings: Vec<Reading>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewInstance {
    pub participant: ParticipantId,
    pub name: String,
    pub driver: String,
    pub module: ModuleId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    pub pool: PoolSlug,
    pub node: Option<NodeId>,
    pub class: Class,
    pub baseline: Amounts,
    pub floor: Amounts,
    pub limit: Amounts,
    pub at_end: AtEnd,
    pub comparison: ComparisonRules,
    pub strategy: Strategy,
}

/// What runs on a node already, to take in as a workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Adopt {
    pub participant: ParticipantId,
    pub name: String,
    pub node: NodeId,
    pub class: Class,
    pub baseline: Amounts,
    pub floor: Amounts,
    pub limit: Amounts,
    pub strategy: Strategy,
    pub adopted: Adopted,
}

/// The answer to a command: what it made or changed, by id; the document is in the events
/// or in the tables.
#[derive(Clone, Debug)]
pub enum Reply {
    Done,
    Participant(ParticipantId),
    User(UserId),
    Key(KeyId),
    Pool(PoolSlug),
    Node(NodeId),
    ReservePrice(ReservePriceId),
    Module(ModuleId),
    Instance(InstanceId),
    Hint(HintId),
    Profile(ProfileId),
    Project(ProjectId),
    Dispute(DisputeId),
    Order(OrderId),
    /// Those of a recommendation.
    Orders(Vec<OrderId>),
    /// It waits for the sealed round.
    PendingOrder(OrderId),
    Canceled(u32),
    Swap(SwapId),
    Recalled(Recalled),
    Drawn(Drawn),
    Sealed {
        round: u64,
        book: Arc<Book>,
    },
    /// There was nothing to do.
    Nothing,
    Refused(Refusal),
}
