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
