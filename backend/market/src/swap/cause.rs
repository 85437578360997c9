//! Why a workload is resized or moved: what of its own it won, lent or lost for a slot, and what that costs and brings.
//!
//! Kept with the swap, as awards are gone once their slots are settled. Source: rule book §4, to a bystander: why
//! was I moved, shrunk, recalled; who gained (`pair`), what I was paid.
use crate::ids::{InstanceId, OrderId};
use crate::records::pool::PoolSlug;
use crate::records::round::{Award, AwardKind, AwardLine, LeftOut, NotRolled};
pub use crate::records::swap::{Cause, CauseKind};
use crate::records::workload::Instance;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Resource};
use crate::workload::away;
use crate::workload::target::{self, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What makes the limits of `target` other than the baseline, and what of its awards does not.
pub(super) fn causes(state: &State, instance: &Instance, slot: Slot, target: &Target, now: Timestamp) -> Vec<Cause> {
    let stays = target::stays(state, instance, slot, now);
    let goes = instance.is_away_in(slot) && target.node != instance.home_node();
    let counts = |award: &&Award| stays || away::is_elsewhere(award, instance) == goes;
    let mut sums = Sums::default();
    for award in state.awards_of(instance.id).filter(counts) {
        for line in award.lines.iter().filter(|l| l.slot == slot) {
            sums.add_line(award, line, stays);
        }
    }
    sums.into_causes()
}

/// What a workload does not go on with, as causes of its swap.
pub(super) fn of_not_rolled(id: InstanceId, not_rolled: &[NotRolled]) -> Vec<Cause> {
    let mut sums: BTreeMap<(LeftOut, &PoolSlug, Resource), (u32, i64)> = BTreeMap::new();
    for left in not_rolled.iter().filter(|n| n.instance == id) {
        for (resource, quantity) in &left.amounts {
            let (orders, sum) = sums.entry((left.reason, &left.pool, *resource)).or_default();
            (*orders, *sum) = (*orders + 1, *sum + quantity);
        }
    }
    let cause = |((reason, pool, resource), (orders, quantity)): ((LeftOut, &PoolSlug, Resource), (u32, i64))| Cause {
        kind: CauseKind::NotRolled,
        order: None,
        orders,
        pool: pool.clone(),
        resource,
        quantity,
        pays: Credits::ZERO,
        is_paid: Credits::ZERO,
        left_out: Some(reason),
        rule: None,
    };
    sums.into_iter().map(cause).collect()
}

#[derive(Default)]
struct Sum {
    orders: BTreeSet<OrderId>,
    quantity: i64,
    pays: Credits,
    is_paid: Credits,
}

/// By kind and product.
#[derive(Default)]
struct Sums<'a>(BTreeMap<(CauseKind, &'a PoolSlug, Resource), Sum>);

impl<'a> Sums<'a> {
    fn add_line(&mut self, award: &'a Award, line: &'a AwardLine, stays: bool) {
        let part = |quantity: i64| line.money.share_floor(quantity, line.quantity.max(1));
        let mut add = |kind, quantity: i64, pays, is_paid| {
            if quantity <= 0 {
                return;
            }
            let sum = self.0.entry((kind, &line.pool, line.resource)).or_default();
            sum.orders.insert(award.order);
            sum.quantity += quantity;
            sum.pays += pays;
            sum.is_paid += is_paid;
        };
        let (zero, is_rolled) = (Credits::ZERO, award.rolled_from.is_some());
        match award.kind {
            AwardKind::Bought => {
                let left = line.left();
                match stays {
                    true => add(CauseKind::Stayed, left, zero, zero),
                    false if award.drawn => add(CauseKind::Drawn, left, part(left), zero),
                    false if is_rolled => add(CauseKind::Rolled, left, part(left), zero),
                    false => add(CauseKind::Won, left, part(left), zero),
                }
                add(CauseKind::Recalled, line.recalled, zero, zero);
                add(CauseKind::Sold, line.resold, part(line.resold), zero);
            }
            AwardKind::Lent => {
                let kind = if is_rolled { CauseKind::LentOn } else { CauseKind::Lent };
                add(kind, line.left(), zero, part(line.left()));
                add(CauseKind::TakenBack, line.recalled, zero, zero);
            }
            // Its quantity is `resold` of the award that was sold on.
            AwardKind::Resold => {
                let sum = self.0.entry((CauseKind::Sold, &line.pool, line.resource)).or_default();
                sum.is_paid += line.money;
            }
        }
    }

    fn into_causes(self) -> Vec<Cause> {
        let cause = |((kind, pool, resource), sum): ((CauseKind, &PoolSlug, Resource), Sum)| Cause {
            kind,
            order: sum.orders.first().copied().filter(|_| sum.orders.len() == 1),
            orders: u32::try_from(sum.orders.len()).unwrap_or(u32::MAX),
            pool: pool.clone(),
            resource,
            quantity: sum.quantity,
            pays: sum.pays,
            is_paid: sum.is_paid,
            left_out: None,
            rule: None,
        };
        self.0.into_iter().map(cause).filter(|cause| cause.quantity > 0).collect()
    }
}
