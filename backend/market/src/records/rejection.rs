//! Why an order is not accepted. Expected refusals are values, not faults.
//!
//! Where several apply, the order of the checks in `validate` decides: the form of the order, then its pools, window,
//! workload and project, then what its participant may do, then its money. Sentences are in
//! `rejection_detail`.
use crate::ids::OrderId;
use crate::records::order::Side;
use crate::records::recallable;
use crate::time::Slot;
use crate::units::{Credits, Resource};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No such object, or it belongs to somebody else (the two can't be told apart).
    NotFound {
        what: &'static str,
        pointer: &'static str,
    },
    DuplicateClientId {
        existing: OrderId,
    },
    /// A firm order names a pool of recallable capacity, or the reverse.
    AssuranceMixed {
        index: usize,
        slug: String,
    },
    /// What is recallable of a pool is not traded there.
    RecallableNotTraded {
        index: usize,
        firm: String,
    },
    /// It is not given back by a limit alone.
    NoVacatePath {
        resource: Resource,
    },
    RecallableNeedsInstance,
    RecallableOutsideHomePool {
        home: String,
    },
    UnknownPool {
        index: usize,
        slug: String,
    },
    PoolRepeated {
        index: usize,
    },
    PoolHalted {
        slug: String,
        reason: String,
    },
    NoPools,
    TooManyAlternatives {
        count: usize,
        most: usize,
    },
    /// Alternatives times slots times resources.
    OrderTooWide {
        rows: usize,
        most: usize,
    },
    NoResources,
    /// No node of the pool has it, with the pools that do.
    ResourceNotEnforced {
        resource: Resource,
        slug: String,
        pools: Vec<String>,
    },
    QuantityOutOfRange {
        resource: Resource,
    },
    ReplicasOutOfRange,
    ReplicasOfInstance,
    WindowNotOnSlots {
        field: &'static str,
        slot_seconds: i64,
    },
    WindowEmpty,
    LatestStartBeforeStart,
    WindowOutsideHorizon {
        first_open: Slot,
        last_open: Slot,
    },
    /// A run has no more slots than its window.
    MinRunLongerThanWindow {
        slots: i64,
    },
    LimitOutOfRange,
    AdderOutOfRange {
        index: usize,
    },
    MinFillOutOfRange,
    FillOrKillNeedsFullMinFill,
    ExpiryMissing,
    ExpiryNotUsed,
    ExpiryInThePast,
    /// Only bids take runs.
    MinRunOfOffer,
    /// Both would move the window.
    MinRunWithLatestStart,
    /// A replica takes a part of a device.
    GpuNotWhole {
        lot: i64,
    },
    /// The workload grows by whole nodes, and this is no multiple of one.
    LotNotWhole {
        resource: Resource,
        lot: i64,
    },
    /// It could win a part of a node.
    LotDivisible,
    /// The workload has whole nodes, and an offer is sold by the unit.
    LotLent {
        resource: Resource,
    },
    /// It could win a part of what it asks for, and with it a part of a device.
    GpuDivisible,
    /// Offers are sold by the unit, and a device is not.
    GpuLent,
    /// Nothing is moved for an offer.
    NoDisplacementOfOffer,
    /// Without a workload there is nothing to move.
    NoDisplacementNeedsInstance,
    ClientIdOutOfRange,
    /// No project of this name among the participant's own.
    UnknownProject {
        name: String,
    },
    /// A project bounds what bids pay.
    ProjectOfOffer,
    /// Classes decide ties, so an admin grants them.
    ClassNotAllowed {
        highest: &'static str,
    },
    OfferNeedsInstance,
    InstanceNotRunning,
    OfferOutsideHomePool {
        home: String,
    },
    /// An offer is for one resource in one slot.
    OfferOfSeveral {
        pointer: &'static str,
    },
    /// Outside its own pool a workload is carried whole.
    AwayNotWhole {
        pool: String,
        home: String,
    },
    /// An adopted workload stays where it is.
    AwayOfAdopted {
        index: usize,
        home: String,
    },
    /// The pool's nodes have agents.
    AwayToAgents {
        index: usize,
        pool: String,
    },
    AwayWithoutMove {
        pool: String,
    },
    AwayWithoutResource {
        index: usize,
        resource: Resource,
        pool: String,
    },
    AboveInstanceLimit {
        resource: Resource,
        limit: i64,
    },
    BelowFloor {
        resource: Resource,
        lendable: i64,
    },
    TooManyOpenOrders {
        most: u32,
    },
    /// It could trade with an open order of its own participant; of orders placed together with an earlier one.
    SelfTrade {
        other: Option<OrderId>,
        /// That of the refused order.
        side: Side,
    },
    CreditHoldExceedsBalance {
        needed: Credits,
        available: Credits,
    },
    /// Its project has less left than it needs.
    ProjectExhausted {
        name: String,
        needed: Credits,
        left: Credits,
    },
    /// Orders of the workload came, went or were filled since it was made.
    RecommendationOutdated,
    /// The order has ended; a terminal state never changes.
    OrderEnded {
        status: &'static str,
    },
}

impl Rejection {
    /// Stable machine-readable code.
    pub fn code(&self) -> &'static str {
        use Rejection::*;
        match self {
            NotFound { .. } => "not_found",
            DuplicateClientId { .. } => "duplicate_client_id",
            RecommendationOutdated => "recommendation_outdated",
            AssuranceMixed { .. } => "assurance_mixed",
            RecallableNotTraded { .. } => "recallable_not_traded",
            NoVacatePath { .. } => "no_vacate_path",
            RecallableNeedsInstance => "recallable_needs_instance",
            RecallableOutsideHomePool { .. } => "recallable_outside_home_pool",
            UnknownPool { .. } => "unknown_pool",
            PoolRepeated { .. } => "pool_repeated",
            PoolHalted { .. } => "pool_halted",
            NoPools => "no_pools",
            TooManyAlternatives { .. } => "too_many_alternatives",
            OrderTooWide { .. } => "order_too_wide",
            NoResources => "no_resources",
            ResourceNotEnforced { .. } => "resource_not_enforced",
            QuantityOutOfRange { .. } => "quantity_out_of_range",
            ReplicasOutOfRange => "replicas_out_of_range",
            ReplicasOfInstance => "replicas_of_instance",
            WindowNotOnSlots { .. } => "window_not_on_slots",
            WindowEmpty => "window_empty",
            LatestStartBeforeStart => "latest_start_before_start",
            WindowOutsideHorizon { .. } => "window_outside_horizon",
            MinRunLongerThanWindow { .. } => "min_run_longer_than_window",
            LimitOutOfRange => "limit_out_of_range",
            AdderOutOfRange { .. } => "adder_out_of_range",
            MinFillOutOfRange => "min_fill_out_of_range",
            FillOrKillNeedsFullMinFill => "fill_or_kill_needs_full_min_fill",
            ExpiryMissing => "expiry_missing",
            ExpiryNotUsed => "expiry_not_used",
            ExpiryInThePast => "expiry_in_the_past",
            MinRunOfOffer => "min_run_of_offer",
            MinRunWithLatestStart => "min_run_with_latest_start",
            GpuNotWhole { .. } => "gpu_not_whole",
            GpuDivisible => "gpu_divisible",
            LotNotWhole { .. } => "lot_not_whole",
            LotDivisible => "lot_divisible",
            LotLent { .. } => "lot_lent",
            GpuLent => "gpu_lent",
            NoDisplacementOfOffer => "no_displacement_of_offer",
            NoDisplacementNeedsInstance => "no_displacement_needs_instance",
            ClientIdOutOfRange => "client_id_out_of_range",
            UnknownProject { .. } => "unknown_project",
            ProjectOfOffer => "project_of_offer",
            ProjectExhausted { .. } => "project_exhausted",
            ClassNotAllowed { .. } => "class_not_allowed",
            OfferNeedsInstance => "offer_needs_instance",
            InstanceNotRunning => "instance_not_running",
            OfferOutsideHomePool { .. } => "offer_outside_home_pool",
            OfferOfSeveral { .. } => "offer_of_several",
            AwayNotWhole { .. } => "away_not_whole",
            AwayOfAdopted { .. } => "adopted_stays",
            AwayToAgents { .. } => "pool_of_agents",
            AwayWithoutMove { .. } => "away_without_move",
            AwayWithoutResource { .. } => "away_without_resource",
            AboveInstanceLimit { .. } => "above_instance_limit",
            BelowFloor { .. } => "below_floor",
            TooManyOpenOrders { .. } => "too_many_open_orders",
            SelfTrade { .. } => "self_trade",
            CreditHoldExceedsBalance { .. } => "credit_hold_exceeds_balance",
            OrderEnded { .. } => "order_ended",
        }
    }

    /// JSON pointer to the field at fault.
    pub fn pointer(&self) -> String {
        use Rejection::*;
        match self {
            NotFound { pointer, .. } => (*pointer).to_owned(),
            DuplicateClientId { .. } | ClientIdOutOfRange => "/client_bid_id".to_owned(),
            UnknownPool { index, .. }
            | PoolRepeated { index }
            | AssuranceMixed { index, .. }
            | RecallableNotTraded { index, .. }
            | AwayWithoutResource { index, .. } => format!("/pools/{index}/pool"),
            PoolHalted { .. }
            | NoPools
            | TooManyAlternatives { .. }
            | OrderTooWide { .. }
            | RecallableOutsideHomePool { .. }
            | OfferOutsideHomePool { .. } => "/pools".to_owned(),
            OfferOfSeveral { pointer } => (*pointer).to_owned(),
            AwayNotWhole { .. } => "/min_fill".to_owned(),
            AwayOfAdopted { index, .. } | AwayToAgents { index, .. } => format!("/pools/{index}/pool"),
            AwayWithoutMove { .. } => "/no_displacement".to_owned(),
            NoResources => "/resources".to_owned(),
            ResourceNotEnforced { resource, .. }
            | QuantityOutOfRange { resource }
            | NoVacatePath { resource }
            | AboveInstanceLimit { resource, .. }
            | BelowFloor { resource, .. } => format!("/resources/{resource}"),
            ReplicasOutOfRange | ReplicasOfInstance => "/replicas".to_owned(),
            WindowNotOnSlots { field, .. } => format!("/{field}"),
            WindowEmpty | WindowOutsideHorizon { .. } => "/window".to_owned(),
            LatestStartBeforeStart => "/latest_start_at".to_owned(),
            MinRunLongerThanWindow { .. } | MinRunOfOffer | MinRunWithLatestStart => "/min_run_slots".to_owned(),
            GpuNotWhole { .. } => "/resources/gpu_milli".to_owned(),
            GpuDivisible | LotDivisible => "/min_fill".to_owned(),
            LotNotWhole { resource, .. } | LotLent { resource } => format!("/resources/{resource}"),
            GpuLent => "/resources/gpu_milli".to_owned(),
            NoDisplacementOfOffer | NoDisplacementNeedsInstance => "/no_displacement".to_owned(),
            LimitOutOfRange => "/limit".to_owned(),
            AdderOutOfRange { index } => format!("/pools/{index}/adder"),
            MinFillOutOfRange | FillOrKillNeedsFullMinFill => "/min_fill".to_owned(),
            ExpiryMissing | ExpiryNotUsed | ExpiryInThePast => "/expires_at".to_owned(),
            UnknownProject { .. } | ProjectOfOffer | ProjectExhausted { .. } => "/project".to_owned(),
            ClassNotAllowed { .. } => "/class".to_owned(),
            OfferNeedsInstance | RecallableNeedsInstance | InstanceNotRunning => "/instance".to_owned(),
            TooManyOpenOrders { .. }
            | SelfTrade { .. }
            | CreditHoldExceedsBalance { .. }
            | OrderEnded { .. }
            | RecommendationOutdated => String::new(),
        }
    }

    /// HTTP-independent kind, so that the edge needs one small table.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Rejection::NotFound { pointer, .. } if pointer.is_empty())
    }
    pub fn is_conflict(&self) -> bool {
        use Rejection::*;
        matches!(
            self,
            DuplicateClientId { .. }
                | InstanceNotRunning
                | RecommendationOutdated
                | OrderEnded { .. }
                | TooManyOpenOrders { .. }
                | SelfTrade { .. }
                | ProjectExhausted { .. }
                | PoolHalted { .. }
        )
    }
    /// Whether the request is well formed and money is what is missing.
    pub fn is_payment(&self) -> bool {
        matches!(self, Rejection::CreditHoldExceedsBalance { .. })
    }
    /// Every code, for the generated problem catalogue.
    pub fn catalogue() -> Vec<Rejection> {
        use Rejection::*;
        let slot = Slot::starting_at(0);
        let (resource, slug) = (Resource::CpuMilli, "fra1-gp".to_owned());
        vec![
            NotFound { what: "instance", pointer: "/instance" },
            DuplicateClientId { existing: OrderId::Bid(crate::ids::BidId::from_raw(0)) },
            AssuranceMixed { index: 0, slug: recallable::of(&slug) },
            RecallableNotTraded { index: 0, firm: slug.clone() },
            NoVacatePath { resource: Resource::MemMib },
            RecallableNeedsInstance,
            RecallableOutsideHomePool { home: slug.clone() },
            UnknownPool { index: 0, slug: slug.clone() },
            PoolRepeated { index: 0 },
            PoolHalted { slug: slug.clone(), reason: "maintenance".to_owned() },
            NoPools,
            TooManyAlternatives { count: 65, most: 64 },
            OrderTooWide { rows: 288, most: 240 },
            NoResources,
            ResourceNotEnforced { resource, slug: slug.clone(), pools: vec![slug.clone()] },
            QuantityOutOfRange { resource },
            ReplicasOutOfRange,
            ReplicasOfInstance,
            WindowNotOnSlots { field: "window", slot_seconds: 300 },
            WindowEmpty,
            LatestStartBeforeStart,
            WindowOutsideHorizon { first_open: slot, last_open: slot },
            MinRunLongerThanWindow { slots: 6 },
            LimitOutOfRange,
            AdderOutOfRange { index: 0 },
            MinFillOutOfRange,
            FillOrKillNeedsFullMinFill,
            ExpiryMissing,
            ExpiryNotUsed,
            ExpiryInThePast,
            MinRunOfOffer,
            MinRunWithLatestStart,
            GpuNotWhole { lot: 1000 },
            GpuDivisible,
            LotNotWhole { resource: Resource::CpuMilli, lot: 4000 },
            LotDivisible,
            LotLent { resource: Resource::CpuMilli },
            GpuLent,
            NoDisplacementOfOffer,
            NoDisplacementNeedsInstance,
            ClientIdOutOfRange,
            UnknownProject { name: "training".to_owned() },
            ProjectOfOffer,
            ProjectExhausted { name: "training".to_owned(), needed: Credits::ZERO, left: Credits::ZERO },
            ClassNotAllowed { highest: "standard" },
            OfferNeedsInstance,
            InstanceNotRunning,
            OfferOutsideHomePool { home: slug.clone() },
            OfferOfSeveral { pointer: "/window" },
            AwayNotWhole { pool: slug.clone(), home: slug.clone() },
            AwayOfAdopted { index: 0, home: slug.clone() },
            AwayToAgents { index: 0, pool: slug.clone() },
            AwayWithoutMove { pool: slug.clone() },
            AwayWithoutResource { index: 0, resource, pool: slug },
            AboveInstanceLimit { resource, limit: 0 },
            BelowFloor { resource, lendable: 0 },
            TooManyOpenOrders { most: 0 },
            SelfTrade { other: Some(OrderId::Offer(crate::ids::OfferId::from_raw(0))), side: Side::Bid },
            CreditHoldExceedsBalance { needed: Credits::ZERO, available: Credits::ZERO },
            OrderEnded { status: "filled" },
            RecommendationOutdated,
        ]
    }
}
