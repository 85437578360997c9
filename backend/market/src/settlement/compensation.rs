//! What a lender pays whose own program did not let go of what was lent: half the price of what its buyers missed, on top
//! of the credit notes that they get, as far as its available balance reaches. Nobody owes the rest.
//!
//! Lenders who kept more than buyers missed, as something else stood in for it, share what was missed by what they kept.
//! Only what is known to be a program's own doing counts ([`Instance::kept_by_program`]): nobody pays for a slow node,
//! for an operator's cancel or while the exchange stands still.
//! Absent on purpose: what may be taken back, and what goes on being lent without a round, as nobody has chosen to lend it.
use crate::ids::{AwardId, ParticipantId};
use crate::ledger::{Account, TransferKind};
use crate::records::pool::PoolSlug;
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::workload::Instance;
use crate::state::State;
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::{Credits, Price, Resource};
use std::collections::{BTreeMap, BTreeSet};

pub type Line = (AwardId, PoolSlug, Resource);
type Product = (PoolSlug, Resource);

/// What a buyer missed of a product.
#[derive(Debug)]
struct Missed {
    line: Line,
    buyer: ParticipantId,
    quantity: i64,
}

/// What lenders' own programs kept of what they had lent for a slot, and what buyers missed.
#[derive(Debug, Default)]
pub struct Kept {
    lines: BTreeMap<Line, i64>,
    missed: BTreeMap<Product, Vec<Missed>>,
}

impl Kept {
    /// `missing` is what a line did not get or give, and `by_exchange` what of it the exchange itself caused.
    pub fn of(
        state: &State,
        slot: Slot,
        awards: &[Award],
        missing: impl Fn(&Award, &AwardLine) -> i64,
        by_exchange: impl Fn(&Award, &AwardLine) -> i64,
    ) -> Self {
        let mut kept = Self::default();
        let mut lenders: BTreeSet<(Product, ParticipantId)> = BTreeSet::new();
        let instance_of = |award: &Award| award.instance.and_then(|id| state.instances.get(&id));
        for (award, line) in lines(slot, awards).filter(|(a, l)| a.kind == AwardKind::Lent && !l.is_recallable()) {
            let by_program = |i: &Instance| i.kept_by_program.contains(&slot) && !i.failed_by_exchange.contains(&slot);
            let quantity = missing(award, line);
            if quantity > 0 && instance_of(award).is_some_and(by_program) {
                kept.lines.insert(id_of(award, line), quantity);
                lenders.insert((product_of(line), award.participant));
            }
        }
        // What was drawn no lender had promised.
        for (award, line) in lines(slot, awards).filter(|(a, _)| a.kind == AwardKind::Bought && !a.drawn) {
            let elsewhere = |i: &Instance| award.nodes.first().is_some_and(|node| *node != i.node);
            let own_doing = instance_of(award).is_some_and(|i| {
                i.kept_by_program.contains(&slot)
                    || i.pinned_by_program && i.pinned_until.is_some_and(|until| slot.start() < until) && elsewhere(i)
            });
            let quantity = missing(award, line) - by_exchange(award, line);
            if quantity > 0 && !own_doing && !lenders.contains(&(product_of(line), award.participant)) {
                let missed = Missed { line: id_of(award, line), buyer: award.participant, quantity };
                kept.missed.entry(product_of(line)).or_default().push(missed);
            }
        }
        kept
    }

    /// What of a lent line its own program kept.
    pub fn of_line(&self, award: &Award, line: &AwardLine) -> i64 {
        self.lines.get(&id_of(award, line)).copied().unwrap_or(0)
    }

    /// Pays buyers, and answers what each line has paid or got: it is a part of the slot's settlement.
    pub fn pay(&self, turn: &mut Turn<'_>, slot: Slot, awards: &[Award]) -> BTreeMap<Line, Credits> {
        let mut all: BTreeMap<Product, i64> = BTreeMap::new();
        for ((_, pool, resource), quantity) in &self.lines {
            *all.entry((pool.clone(), *resource)).or_default() += quantity;
        }
        let mut moved: BTreeMap<Line, Credits> = BTreeMap::new();
        let cause = Cause { slot: Some(slot), ..Cause::default() };
        for (award, line) in lines(slot, awards).filter(|(award, _)| award.rolled_from.is_none()) {
            let (kept, product) = (self.of_line(award, line), product_of(line));
            let Some(buyers) = self.missed.get(&product).filter(|_| kept > 0) else { continue };
            let (all, missed) = (all[&product], buyers.iter().map(|m| m.quantity).sum::<i64>());
            let missing = (i128::from(kept) * i128::from(missed.min(all)) / i128::from(all)) as i64;
            let paid = half(line.price, missing).min(turn.state.available(award.participant));
            for buyer in buyers {
                let share = paid.share_floor(buyer.quantity, missed);
                let (from, to) = (Account::Available(award.participant), Account::Available(buyer.buyer));
                turn.transfer_known(TransferKind::Compensation, from, to, share, cause);
                for line in [&id_of(award, line), &buyer.line] {
                    *moved.entry(line.clone()).or_default() += share;
                }
            }
        }
        moved
    }
}

/// Half of price × quantity, rounded down.
fn half(price: Price, quantity: i64) -> Credits {
    let nano_credits = i128::from(price.units()) * i128::from(quantity);
    Credits::from_units(i64::try_from(nano_credits / 2_000).unwrap_or(i64::MAX))
}

fn lines(slot: Slot, awards: &[Award]) -> impl Iterator<Item = (&Award, &AwardLine)> {
    let open = move |l: &&AwardLine| l.slot == slot && !l.settled;
    awards.iter().flat_map(move |a| a.lines.iter().filter(open).map(move |l| (a, l)))
}

fn product_of(line: &AwardLine) -> Product {
    (line.pool.clone(), line.resource)
}

fn id_of(award: &Award, line: &AwardLine) -> Line {
    (award.id, line.pool.clone(), line.resource)
}
