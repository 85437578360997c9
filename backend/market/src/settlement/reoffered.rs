//! What was offered again because it could not be delivered (`round/resale.rs`), and was not taken by whoever bought it
//! then: its holder has not had it, and is credited as if it had never been sold; who sold it to the holder bears that
//! or is made whole, as of any failed delivery. Two members could else have a third pay for what they sell to each other.
use crate::round::{Award, AwardLine};
use crate::settlement::delivered::Deliveries;
use crate::settlement::shortfall::Shortfalls;
use crate::time::Slot;
use std::collections::BTreeSet;

/// Who bears what buyers of a slot did not get. `by_exchange`: how much of a bought line the exchange itself kept from its
/// workload.
pub fn shortfalls(
    slot: Slot,
    awards: &[Award],
    deliveries: &mut Deliveries,
    by_exchange: impl Fn(&Deliveries, &Award, &AwardLine) -> i64,
) -> Shortfalls {
    let of = |deliveries: &Deliveries| {
        Shortfalls::of(
            slot,
            awards,
            |award, line| deliveries.line(award, line),
            |award, line| by_exchange(deliveries, award, line),
        )
    };
    let rounds: BTreeSet<u64> = awards.iter().filter(|a| a.reoffered).map(|a| a.round).collect();
    // The newest first: what was bought of one re-offer may have been offered again itself.
    for round in rounds.into_iter().rev() {
        let known = of(deliveries);
        for award in awards.iter().filter(|a| a.reoffered && a.round == round) {
            for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
                let returned = line.quantity - known.handed_on(award, line);
                if let Some(holder) = award.resale_of.filter(|_| returned > 0) {
                    deliveries.give_back(holder, line.resource, returned);
                }
            }
        }
    }
    of(deliveries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::AwardKind;
    use crate::settlement::shortfall::tests::{SLOT, award};

    /// What the first could not use was bought by the second, which could not use it either, and by a third, which has
    /// nothing of it.
    #[test]
    fn what_the_last_of_several_did_not_take_none_before_has_had() {
        let of_round = |mut award: Award, round: u64, resold: i64| {
            award.round = round;
            award.lines[0].resold = resold;
            award
        };
        let reoffer = |number: u128, round: u64, holder: &Award| {
            let mut award = of_round(award(number, AwardKind::Resold, 10), round, 0);
            (award.reoffered, award.resale_of) = (true, Some(holder.id));
            award
        };
        let first = of_round(award(1, AwardKind::Bought, 10), 1, 10);
        let second = of_round(award(2, AwardKind::Bought, 10), 2, 10);
        let third = of_round(award(3, AwardKind::Bought, 10), 3, 0);
        let awards = [first.clone(), second.clone(), third, reoffer(4, 2, &first), reoffer(5, 3, &second)];
        let mut deliveries = Deliveries::default();
        let known = shortfalls(SLOT, &awards, &mut deliveries, |_, _, _| 0);
        let had = |award: &Award| deliveries.line(award, &award.lines[0]).had;
        assert_eq!((had(&first), had(&second)), (0, 0));
        assert_eq!(awards[3..].iter().map(|a| known.handed_on(a, &a.lines[0])).collect::<Vec<_>>(), [0, 0]);
    }
}
