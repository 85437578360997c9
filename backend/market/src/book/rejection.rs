//! Why an order is not accepted. Expected refusals are values, not faults.
//!
//! Precedence from top to bottom: the first that applies is the answer.
use crate::ids::OrderId;
use crate::pool::recallable::{self, firm};
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
    ResourceNotInPool {
        resource: Resource,
        slug: String,
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
    /// It could win a part of what it asks for, and with it a part of a device.
    GpuDivisible,
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
    /// No open bid of this id among the participant's own.
    UnknownParent {
        id: OrderId,
    },
    ParentOfOffer,
    /// A parent is had or not had; what can be had in any part is no condition.
    ParentWithoutMinFill {
        pointer: &'static str,
    },
    /// It would wait for itself.
    ParentCycle,
    FamilyTooDeep {
        most: usize,
    },
    FamilyTooLarge {
        most: usize,
    },
    /// A round that is being cleared has the old link.
    ParentPending,
    /// Classes decide ties, so an admin grants them.
    ClassNotAllowed {
        highest: &'static str,
    },
    OfferNeedsInstance,
    InstanceNotRunning,
    OfferOutsideHomePool {
        home: String,
    },
    /// Outside its own pool a workload is carried whole.
    AwayNotWhole {
        pool: String,
        home: String,
    },
    AwayWithoutMove {
        pool: String,
    },
    /// One order decides where a workload is; that one can't wait for another.
    AwayWithParent {
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
    /// Its owner owes for what its workloads kept.
    InArrears {
        owed: Credits,
    },
    CreditHoldExceedsBalance {
        needed: Credits,
        available: Credits,
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
            ResourceNotInPool { .. } => "resource_not_in_pool",
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
            NoDisplacementOfOffer => "no_displacement_of_offer",
            NoDisplacementNeedsInstance => "no_displacement_needs_instance",
            ClientIdOutOfRange => "client_id_out_of_range",
            UnknownProject { .. } => "unknown_project",
            ProjectOfOffer => "project_of_offer",
            UnknownParent { .. } => "unknown_parent",
            ParentOfOffer => "parent_of_offer",
            ParentWithoutMinFill { .. } => "parent_without_min_fill",
            ParentCycle => "parent_cycle",
            FamilyTooDeep { .. } => "family_too_deep",
            FamilyTooLarge { .. } => "family_too_large",
            ParentPending => "parent_pending",
            ClassNotAllowed { .. } => "class_not_allowed",
            OfferNeedsInstance => "offer_needs_instance",
            InstanceNotRunning => "instance_not_running",
            OfferOutsideHomePool { .. } => "offer_outside_home_pool",
            AwayNotWhole { .. } => "away_not_whole",
            AwayWithoutMove { .. } => "away_without_move",
            AwayWithParent { .. } => "away_with_parent",
            AwayWithoutResource { .. } => "away_without_resource",
            AboveInstanceLimit { .. } => "above_instance_limit",
            BelowFloor { .. } => "below_floor",
            TooManyOpenOrders { .. } => "too_many_open_orders",
            InArrears { .. } => "in_arrears",
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
            AwayNotWhole { .. } => "/min_fill".to_owned(),
            AwayWithoutMove { .. } => "/no_displacement".to_owned(),
            AwayWithParent { .. } => "/parent".to_owned(),
            NoResources => "/resources".to_owned(),
            ResourceNotInPool { resource, .. }
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
            GpuDivisible => "/min_fill".to_owned(),
            NoDisplacementOfOffer | NoDisplacementNeedsInstance => "/no_displacement".to_owned(),
            LimitOutOfRange => "/limit".to_owned(),
            AdderOutOfRange { index } => format!("/pools/{index}/adder"),
            MinFillOutOfRange | FillOrKillNeedsFullMinFill => "/min_fill".to_owned(),
            ExpiryMissing | ExpiryNotUsed | ExpiryInThePast => "/expires_at".to_owned(),
            UnknownProject { .. } | ProjectOfOffer => "/project".to_owned(),
            ParentWithoutMinFill { pointer } => (*pointer).to_owned(),
            UnknownParent { .. }
            | ParentOfOffer
            | ParentCycle
            | FamilyTooDeep { .. }
            | FamilyTooLarge { .. }
            | ParentPending => "/parent".to_owned(),
            ClassNotAllowed { .. } => "/class".to_owned(),
            OfferNeedsInstance | RecallableNeedsInstance | InstanceNotRunning => "/instance".to_owned(),
            TooManyOpenOrders { .. }
            | InArrears { .. }
            | CreditHoldExceedsBalance { .. }
            | OrderEnded { .. }
            | RecommendationOutdated => String::new(),
        }
    }

    /// What was needed, what was there, and what to do next.
    pub fn detail(&self) -> String {
        use Rejection::*;
        match self {
            NotFound { what, .. } => {
                format!("There is no such {what}. Check the id; objects of other participants are not shown.")
            }
            DuplicateClientId { existing } => {
                format!("This client id was used before, by {existing}. Use a new one, or read that order.")
            }
            AssuranceMixed { slug, .. } => format!(
                "`{slug}` is for capacity that may be taken back. Add `\"assurance\": \"recallable\"`, or name the pool `{}`.",
                firm(slug)
            ),
            RecallableNotTraded { firm, .. } => format!(
                "Recallable capacity is not traded in pool `{firm}`. Leave `assurance` out, or ask an admin to open it."
            ),
            NoVacatePath { resource } => format!(
                "{resource} can't be taken back in the middle of a slot by a limit alone. Order it firmly; CPU, I/O and network may be recallable."
            ),
            RecallableNeedsInstance => {
                "Recallable capacity is taken back by resizing a workload: name the `instance` that uses it.".to_owned()
            }
            RecallableOutsideHomePool { home } => format!(
                "Recallable capacity is only had where the workload runs: list `{home}` and no other pool."
            ),
            UnknownPool { slug, .. } => format!("There is no pool `{slug}`. GET /v1/pools lists them."),
            PoolRepeated { .. } => "Each pool may be listed once. Remove the repetition.".to_owned(),
            PoolHalted { slug, reason } => {
                format!("Pool `{slug}` is halted: {reason}. Choose another pool or wait for it to resume.")
            }
            NoPools => "List at least one pool.".to_owned(),
            TooManyAlternatives { count, most } => format!(
                "Pools × starts, or pools × runs, make {count} alternatives, the most is {most}. List fewer pools, an earlier latest_start_at or a larger min_run_slots."
            ),
            OrderTooWide { rows, most } => format!(
                "Pools × starts, or runs, × their slots × resources make {rows}, the most is {most}, so that no order takes a round for itself. List fewer pools, starts, slots or resources, a larger min_run_slots, or split the order."
            ),
            NoResources => "Ask for at least one resource.".to_owned(),
            ResourceNotInPool { resource, slug } => {
                format!("Pool `{slug}` does not have {resource}. GET /v1/pools/{slug} lists what it has.")
            }
            QuantityOutOfRange { resource } => {
                format!("{resource} must be from 1 to 1000000000000 base units, replicas and slots included.")
            }
            ReplicasOutOfRange => "replicas must be from 1 to 10000.".to_owned(),
            ReplicasOfInstance => "An instance grows in one place: with `instance`, replicas must be 1.".to_owned(),
            WindowNotOnSlots { slot_seconds, .. } => {
                format!("start_at, end_at and latest_start_at must be multiples of {slot_seconds} seconds.")
            }
            WindowEmpty => "end_at must be after start_at.".to_owned(),
            LatestStartBeforeStart => "latest_start_at must not be before start_at.".to_owned(),
            WindowOutsideHorizon { first_open, last_open } => format!(
                "The window must lie in open slots: the first open one starts at {first_open}, the last at {last_open}."
            ),
            MinRunLongerThanWindow { slots } => format!(
                "The window has {slots} slots, so no run in it is as long as min_run_slots. Set it to at most {slots}, or to 0 for the whole window."
            ),
            LimitOutOfRange => {
                "limit must be above 0 for a bid and not negative for an offer, and at most 1000000000.".to_owned()
            }
            AdderOutOfRange { .. } => "An adder must not be negative and, for a bid, not above the limit.".to_owned(),
            MinFillOutOfRange => "min_fill must be from \"0\" to \"1\".".to_owned(),
            FillOrKillNeedsFullMinFill => "fok means all or none: leave min_fill out or set it to \"1\".".to_owned(),
            ExpiryMissing => "time_in_force gtd needs expires_at.".to_owned(),
            ExpiryInThePast => "expires_at must be in the future.".to_owned(),
            ExpiryNotUsed => {
                "expires_at belongs to time_in_force gtd. Send \"gtd\", or leave expires_at out.".to_owned()
            }
            MinRunOfOffer => {
                "Only bids take runs of their window: leave `min_run_slots` out of an offer, or offer each slot by itself."
                    .to_owned()
            }
            GpuNotWhole { lot } => format!(
                "GPUs come whole: a replica has a multiple of {lot} gpu_milli, so many a device. Ask for whole devices."
            ),
            GpuDivisible => {
                "GPUs come whole, and this order could win a part of one. Set min_fill to 1, or ask for several replicas of whole devices: each of them is won whole or not at all.".to_owned()
            }
            MinRunWithLatestStart => {
                "latest_start_at and min_run_slots both say when it may begin. Leave one of them out: a longer window with a min_run_slots takes later starts, too."
                    .to_owned()
            }
            NoDisplacementOfOffer => {
                "No workload is moved for what it lends: leave `no_displacement` out of an offer.".to_owned()
            }
            NoDisplacementNeedsInstance => {
                "Without a workload there is nothing that could be moved: name the `instance`, or leave `no_displacement` out."
                    .to_owned()
            }
            ClientIdOutOfRange => "A client id has 1 to 64 printable characters.".to_owned(),
            UnknownProject { name } => {
                format!("You have no project `{name}`. Make it with PUT /v1/projects/NAME, or leave `project` out.")
            }
            ProjectOfOffer => "A project bounds what bids pay: leave `project` out of an offer.".to_owned(),
            UnknownParent { id } => format!(
                "You have no open bid `{id}`. Name one of your own that is open, or leave `parent` out: a bid whose parent has won needs none."
            ),
            ParentOfOffer => "Only bids have parents: leave `parent` out of an offer.".to_owned(),
            ParentWithoutMinFill { pointer: "/parent" } => {
                "The parent takes any part of what it asks for, so whether it has won is no condition. Replace it with a min_fill above \"0\" first (\"1\" is all or none)."
                    .to_owned()
            }
            ParentWithoutMinFill { .. } => {
                "Other bids name this one as their parent, so its min_fill must stay above \"0\". Cancel those first, or replace them without it."
                    .to_owned()
            }
            ParentCycle => {
                "That bid waits for this one already, directly or through others. Name another parent, or none.".to_owned()
            }
            FamilyTooDeep { most } => {
                format!("At most {most} bids may stand in one line of parents. Name a parent further up.")
            }
            FamilyTooLarge { most } => {
                format!("At most {most} open bids may hang together by parents. Leave `parent` out, or cancel some of them.")
            }
            ParentPending => {
                "A round with this bid is being cleared, or the parent is being replaced. Repeat the request in a few seconds."
                    .to_owned()
            }
            ClassNotAllowed { highest } => format!(
                "The highest class of this participant is {highest}. Ask for that one or a lower one; an admin can allow more."
            ),
            OfferNeedsInstance => "An offer lends what an instance has: name the instance.".to_owned(),
            InstanceNotRunning => {
                "The workload has stopped or failed. Restart it first. (A bid without `instance` is for capacity alone: nothing runs on it.)".to_owned()
            }
            OfferOutsideHomePool { home } => {
                format!("An instance lends where it runs: the only pool of this offer is `{home}`.")
            }
            AwayNotWhole { pool, home } => format!(
                "`{pool}` is not the workload's own pool, `{home}`: there it is carried whole, with its baseline, or not at all. Set min_fill to 1, or leave `{pool}` out."
            ),
            AwayWithoutMove { pool } => {
                format!("In `{pool}` the workload would have to be moved. Leave no_displacement or `{pool}` out.")
            }
            AwayWithParent { pool } => format!(
                "A bid that would carry its workload to `{pool}` decides alone where the workload is. Leave parent or `{pool}` out."
            ),
            AwayWithoutResource { resource, pool, .. } => {
                format!("The workload's baseline has {resource}, which `{pool}` does not have: it can't be carried there.")
            }
            AboveInstanceLimit { resource, limit } => format!(
                "The instance can use at most {limit} {resource}, baseline and what it has won for these slots included. Ask for less."
            ),
            BelowFloor { resource, lendable } => {
                format!("Lending more than {lendable} {resource} would take the instance under its capacity floor.")
            }
            TooManyOpenOrders { most } => format!("At most {most} orders may be open at once. Cancel some first."),
            InArrears { owed } => format!(
                "{owed} credits are owed for capacity that own workloads kept though it was lent or no longer theirs. They are taken from what is available when the next slot is settled: cancel bids to free what they hold, or ask for a grant."
            ),
            CreditHoldExceedsBalance { needed, available } => format!(
                "The order needs a hold of {needed} credits, {available} are available. Lower the limit or the quantity, cancel other orders, or ask for a grant."
            ),
            OrderEnded { status } if status.starts_with("pending") => format!(
                "The order is {status}: what was asked of it before waits for the end of its round. Try again then."
            ),
            OrderEnded { status } => format!("The order is {status}; that never changes. Place a new one."),
            RecommendationOutdated => {
                "Orders of the workload have changed since the recommendation was made. Nothing was placed; ask again."
                    .to_owned()
            }
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
                | ParentPending
                | TooManyOpenOrders { .. }
                | InArrears { .. }
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
            ResourceNotInPool { resource, slug: slug.clone() },
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
            NoDisplacementOfOffer,
            NoDisplacementNeedsInstance,
            ClientIdOutOfRange,
            UnknownProject { name: "training".to_owned() },
            ProjectOfOffer,
            UnknownParent { id: OrderId::Bid(crate::ids::BidId::from_raw(0)) },
            ParentOfOffer,
            ParentWithoutMinFill { pointer: "/parent" },
            ParentCycle,
            FamilyTooDeep { most: crate::book::family::MOST_GENERATIONS },
            FamilyTooLarge { most: crate::book::family::MOST_FAMILY },
            ParentPending,
            ClassNotAllowed { highest: "standard" },
            OfferNeedsInstance,
            InstanceNotRunning,
            OfferOutsideHomePool { home: slug.clone() },
            AwayNotWhole { pool: slug.clone(), home: slug.clone() },
            AwayWithoutMove { pool: slug.clone() },
            AwayWithParent { pool: slug.clone() },
            AwayWithoutResource { index: 0, resource, pool: slug },
            AboveInstanceLimit { resource, limit: 0 },
            BelowFloor { resource, lendable: 0 },
            TooManyOpenOrders { most: 0 },
            InArrears { owed: Credits::ZERO },
            CreditHoldExceedsBalance { needed: Credits::ZERO, available: Credits::ZERO },
            OrderEnded { status: "filled" },
            RecommendationOutdated,
        ]
    }
}
