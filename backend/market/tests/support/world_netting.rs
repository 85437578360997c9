//! What must hold of a member that bids for what it offers: what one of its workloads has from another costs nothing and is
//! given by that one, and in no round do both sides meet.
use super::world::*;
use headroom_market::clearing::book::{Alternative, Book, Order, Side};
use headroom_market::event::Event;
use headroom_market::round::{Award, AwardKind};
use headroom_market::units::{Credits, Price};
use std::collections::BTreeMap;

/// At no price of a product could its owner's bid and offer both win. Of orders for one product, which is easy to see.
pub fn nobody_meets_itself(book: &Book) {
    let simple = |o: &&Order| o.alternatives.iter().all(|a| a.quantities.len() == 1);
    let units = |o: &Order| -> Vec<_> {
        let sign = if o.side == Side::Bid { -1 } else { 1 };
        let row = |a: &Alternative| {
            let limit = i128::from(o.limit.0) + sign * i128::from(a.adder.0);
            (a.quantities[0].product.clone(), limit, i128::from(a.quantities[0].quantity))
        };
        o.alternatives.iter().map(row).collect()
    };
    for offer in book.orders.iter().filter(|o| o.side == Side::Offer).filter(simple) {
        for bid in book.orders.iter().filter(|o| o.side == Side::Bid && o.owner == offer.owner).filter(simple) {
            for (product, asks, of) in units(offer) {
                let reaches = |pays: i128, n: i128| pays * of >= asks * n;
                let meets = units(bid).into_iter().any(|(p, pays, n)| p == product && reaches(pays, n));
                assert!(!meets, "{} and {} of {}", bid.id, offer.id, offer.owner);
            }
        }
    }
}

/// How many bids were served by their owners' own offers.
pub fn check_netted(world: &World) -> u32 {
    let mut pairs = 0;
    for (_, events) in &world.log {
        let made = events.iter().filter_map(|e| if let Event::AwardMade(award) = e { Some(award) } else { None });
        let (bought, lent): (Vec<&Award>, Vec<&Award>) =
            made.filter(|a| a.netted_with.is_some()).partition(|a| a.kind == AwardKind::Bought);
        assert_eq!(bought.len(), lent.len());
        let amounts = |a: &Award| -> BTreeMap<_, i64> {
            a.lines.iter().map(|l| ((l.pool.clone(), l.resource, l.slot), l.quantity)).collect()
        };
        for bought in bought {
            let is_other = |a: &&&Award| {
                (Some(a.order), a.netted_with) == (bought.netted_with, Some(bought.order))
                    && amounts(a) == amounts(bought)
            };
            let other = lent.iter().find(is_other).expect("it is given by somebody");
            assert_eq!((other.participant, other.kind), (bought.participant, AwardKind::Lent));
            assert_ne!(other.instance, bought.instance);
            for award in [bought, other] {
                assert_eq!((award.money, award.round_number()), (Credits::ZERO, None));
                assert!(
                    award.lines.iter().all(|l| l.price == Price::ZERO && l.money == Credits::ZERO && l.quantity > 0)
                );
            }
            pairs += 1;
        }
    }
    pairs
}
