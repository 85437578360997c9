//! What a refused order's owner is told: what is wrong, and what to do.
use crate::records::order::Side;
use crate::records::recallable::firm;
use crate::records::rejection::Rejection;

impl Rejection {
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
                "{resource} can't be taken back in the middle of a slot by a limit alone: order it for whole slots, as firm capacity. CPU may be recallable, or taken at once."
            ),
            RecallableNeedsInstance => {
                "Recallable capacity is taken back by resizing a workload: name the `instance` that uses it.".to_owned()
            }
            RecallableOutsideHomePool { home } => format!(
                "Recallable capacity is only had where the workload runs: list `{home}` and no other pool."
            ),
            UnknownPool { slug, .. } if slug.contains('/') => format!(
                "No pool at the level `{slug}` can have this. A level is POP/TIER, with * for all: fra1/*, */general_purpose. GET /v1/pools lists pools with both."
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
            ResourceNotEnforced { resource, slug, pools } if pools.is_empty() => {
                format!("No node of pool `{slug}` enforces {resource}, and no other pool has it. Leave {resource} out.")
            }
            ResourceNotEnforced { resource, slug, pools } => {
                let pools = pools.join("`, `");
                format!("No node of pool `{slug}` enforces {resource}. Choose a pool that has it: `{pools}`.")
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
            LotNotWhole { resource, lot } => {
                format!("This workload grows by whole nodes of {lot} {resource}. Ask for a multiple of {lot}.")
            }
            LotDivisible => "This workload grows by whole nodes. Set min_fill to 1, and place an order for each step.".to_owned(),
            LotLent { .. } => {
                "A job of a cluster has whole nodes and lends none. An admin can set a smaller baseline.".to_owned()
            }
            GpuLent => "GPUs are not lent: an offer is sold by the unit, and a device is not. Lend CPU or memory.".to_owned(),
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
            ProjectExhausted { name, needed, left } => format!(
                "The bid reserves {needed} credits, and project {name} has {left} left. Lower the limit or the quantity, cancel other bids of the project, or raise its limit."
            ),
            ClassNotAllowed { highest } => format!(
                "The highest class of this participant is {highest}. Ask for that one or a lower one; an admin can allow more."
            ),
            OfferNeedsInstance => "An offer lends what an instance has: name the instance.".to_owned(),
            InstanceNotRunning => {
                "The workload has stopped or failed. Restart it first. (A bid without `instance` is for capacity alone: nothing runs on it.)".to_owned()
            }
            OfferOfSeveral { .. } => {
                "An offer lends one resource in one slot, in any part. Make an offer for each resource and each slot, with `min_fill` 0.".to_owned()
            }
            OfferOutsideHomePool { home } => {
                format!("An instance lends where it runs: the only pool of this offer is `{home}`.")
            }
            AwayNotWhole { pool, home } => format!(
                "`{pool}` is not the workload's own pool, `{home}`: there it is carried whole, with its baseline, or not at all. Set min_fill to 1, or leave `{pool}` out."
            ),
            AwayOfAdopted { home, .. } => {
                format!("An adopted workload stays where it is. Bid in its own pool, `{home}`.")
            }
            AwayToAgents { pool, .. } => {
                format!("The nodes of `{pool}` have agents, and take in no workload of another pool. Leave `{pool}` out.")
            }
            AwayWithoutMove { pool } => {
                format!("In `{pool}` the workload would have to be moved. Leave no_displacement or `{pool}` out.")
            }
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
            SelfTrade { other, side } => {
                let of_own = match other {
                    Some(id) => format!("your own open order {id}"),
                    None => "an earlier order of the same request".to_owned(),
                };
                let otherwise = if *side == Side::Bid { "ask a lower limit" } else { "ask a higher limit" };
                format!(
                    "Nobody trades with itself, and this could trade with {of_own}. Cancel it, or {otherwise}, or leave out what both name."
                )
            }
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
}
