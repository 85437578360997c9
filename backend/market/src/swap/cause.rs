//! Why a workload is resized or moved: what of its own it won, lent or lost, and what that pays.
//!
//! Kept with the swap, as awards are gone once their slots are settled. Source: mechanism §7, to a bystander: why
//! was I moved, shrunk, recalled; who gained (`pair`), what I was paid.
use crate::ids::{AwardId, OrderId};
use crate::pool::PoolSlug;
use crate::round::{Award, AwardKind, AwardLine};
use crate::state::State;
use crate::swap::plan::{self, Target};
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Resource, amount};
use crate::workload::{Instance, away};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CauseKind {
    /// It won this; `money` is what it pays.
    Won,
    /// It lent this; `money` is what it is paid.
    Lent,
    /// It had won this and sold it on; `money` is what it is paid.
    Sold,
    /// It had bought this as recallable, and its lender took it back; `money` is what it does not pay.
    Recalled,
    /// It had lent this and takes it back; `money` is what it is not paid.
    TakenBack,
    /// It won this on another node and stays where it is; `money` is what it does not pay.
    Stayed,
    /// It had this beyond its baseline until now.
    Ended,
    /// It had lent this until now.
    Returned,
}

/// One of the reasons of a swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cause {
    pub kind: CauseKind,
    /// `null` of what it had before.
    pub order: Option<OrderId>,
    pub award: Option<AwardId>,
    pub pool: PoolSlug,
    pub resource: Resource,
    /// Base units, above 0.
    pub quantity: i64,
    /// For the slot; 0 of what it had before.
    pub money: Credits,
}

/// What makes `target` what it is, and what of the present limits is over.
pub(super) fn causes(state: &State, instance: &Instance, slot: Slot, target: &Target, now: Timestamp) -> Vec<Cause> {
    let wanted = plan::target(state, instance, slot);
    let stays = instance.is_pinned(now) && wanted.node != target.node;
    let is_there = |award: &&Award| {
        let goes = instance.is_away_in(slot) && target.node != instance.home_node();
        away::is_elsewhere(award, instance) == goes || stays
    };
    let mut found = Vec::new();
    for award in state.awards_of(instance.id).filter(is_there) {
        for line in award.lines.iter().filter(|l| l.slot == slot) {
            of_line(award, line, stays, &mut found);
        }
    }
    found.extend(before(instance, slot, target));
    found.sort_by_key(|cause| (cause.kind, cause.pool.clone(), cause.resource, cause.award));
    found
}

fn of_line(award: &Award, line: &AwardLine, stays: bool, found: &mut Vec<Cause>) {
    let mut tell = |kind, quantity: i64| {
        if quantity <= 0 {
            return;
        }
        found.push(Cause {
            kind,
            order: Some(award.order),
            award: Some(award.id),
            pool: line.pool.clone(),
            resource: line.resource,
            quantity,
            money: line.money.share_floor(quantity, line.quantity.max(1)),
        });
    };
    match award.kind {
        AwardKind::Bought => {
            tell(if stays { CauseKind::Stayed } else { CauseKind::Won }, line.left());
            tell(CauseKind::Recalled, line.recalled);
        }
        AwardKind::Lent => {
            tell(CauseKind::Lent, line.left());
            tell(CauseKind::TakenBack, line.recalled);
        }
        AwardKind::Resold => tell(CauseKind::Sold, line.quantity),
    }
}

/// What it has until then beyond its baseline, or short of it. In another pool it has no baseline.
fn before<'a>(instance: &'a Instance, slot: Slot, target: &'a Target) -> impl Iterator<Item = Cause> + 'a {
    let is_home = instance.node == instance.home_node();
    let resources = instance.in_force.keys().chain(instance.baseline.keys());
    let resources: std::collections::BTreeSet<Resource> = resources.copied().collect();
    resources.into_iter().filter_map(move |resource| {
        let baseline = if is_home { amount(instance.baseline_in(slot), resource) } else { 0 };
        let over = amount(&instance.in_force, resource) - baseline;
        let changes =
            target.node != instance.node || amount(&target.limits, resource) != amount(&instance.in_force, resource);
        (over != 0 && changes).then(|| Cause {
            kind: if over > 0 { CauseKind::Ended } else { CauseKind::Returned },
            order: None,
            award: None,
            pool: instance.pool.clone(),
            resource,
            quantity: over.abs(),
            money: Credits::ZERO,
        })
    })
}
