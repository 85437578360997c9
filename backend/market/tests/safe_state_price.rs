//! Where no round is held before a slot's gate, what is the price; by hand, in a market of one node.

use crate::support::one_node::{CPU, One, one};
use crate::support::rolls::*;
use crate::support::world::RHYTHM;
use headroom_market::book::{Assurance, Side, TimeInForce};
use headroom_market::command::Command;
use headroom_market::pool::hourly::{AdministeredBasis, AdministeredBound, MEAN_OF_DAYS, administered};
use headroom_market::round::safe_state::LeftOut;
use headroom_market::time::Slot;
use headroom_market::units::Price;

#[test]
fn nobody_pays_more_than_its_limit_and_nobody_lends_for_less() {
    // The lender asks 0.0007 a unit, the buyers have a limit of 0.0012 and 0.0014; the reserve price is 0.0005 and the
    // collar 0.0015, whatever the mean.
    let cases =
        [("0.0008", 1_100, 900), ("0.0013", 500, 900), ("0.9", 500, 500), ("0.0006", 500, 500), ("0", 500, 500)];
    for (mean, first, second) in cases {
        let mut one = lent_at(["0.7", "0.72", "0.56"]);
        cost(&mut one, &[(1, mean)]);
        let traded = &one.world.state.products[&("p".to_owned(), CPU, one.slot)];
        let value = i128::from(price(mean).units()) * i128::from(DAYS_VOLUME)
            + i128::from(traded.mean_price().expect("it was traded").units()) * i128::from(traded.volume);
        let of_all = Price::from_units((value / i128::from(DAYS_VOLUME + traded.volume)) as i64);
        let (rolls, left) = roll(&mut one);
        assert_eq!((one.in_force(one.buyers[0].1), one.in_force(one.buyers[1].1)), (first, second), "at {mean}");
        let at = rolls[0].prices[0].price;
        assert_eq!(at, of_all.clamp(price("0.0005"), price("0.0015")), "at {mean}");
        let bound = match of_all {
            low if low < price("0.0005") => Some(AdministeredBound::Reserve),
            high if high > price("0.0015") => Some(AdministeredBound::PriceBand),
            _ => None,
        };
        assert_eq!(rolls[0].prices[0].bound, bound, "at {mean}");
        let reason = if at < price("0.0007") { LeftOut::NoHostFits } else { LeftOut::PriceBeyondLimit };
        assert!(left.iter().all(|l| l.reason == reason), "at {mean}: {left:?}");
    }
}

#[test]
fn an_administered_price_is_the_mean_of_the_hour() {
    let mut one = bought();
    let slot = one.slot;
    let of = |one: &One, slot: Slot| {
        let p = administered(&one.world.state, "p", CPU, slot, slot.plus(-1, RHYTHM.slot_seconds)).expect("a price");
        (p.price, p.basis, p.slots)
    };
    cost_of(&mut one, &[(1, "0.0006"), (2, "0.0008"), (MEAN_OF_DAYS, "0.9")], 1_000);
    assert_eq!(of(&one, slot), (price("0.0007"), AdministeredBasis::Hour, 2), "28 days back is too long ago");
    let later = Slot::starting_at(slot.seconds() + 7_200);
    assert_eq!(of(&one, later), (price("0.0007"), AdministeredBasis::AllHours, 2));
    let readings = vec![one.reading(one.buyers[0].1, &[1_500], 0, 0)];
    one.end(readings);
    // 0.0006 + 0.0008 + 0.0005 in three slots.
    assert_eq!(of(&one, slot), (price("0.000633333"), AdministeredBasis::Hour, 3));
    let known = one.world.state.hourly_prices.values().next().unwrap();
    assert_eq!(known.days.len(), 3, "what is too old is forgotten");
}

#[test]
fn what_was_rolled_says_nothing_of_the_market() {
    let mut one = bought();
    roll(&mut one);
    let slot = one.slot;
    one.world.run(Command::SettleSlot { slot: slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    let known = one.world.state.hourly_prices.clone();
    one.end(Vec::new());
    assert_eq!(one.world.state.hourly_prices, known);
}

#[test]
fn a_partial_award_pays_no_more_a_unit_than_its_bid() {
    for time_in_force in [TimeInForce::Gtc, TimeInForce::Ioc] {
        let mut one = one(4_000);
        let (who, instance) = one.buyers[0];
        let mut request = one.request(instance, 2_000, "2");
        request.assurance = Assurance::Firm;
        request.min_fill = "0.1".parse().unwrap();
        request.time_in_force = time_in_force;
        one.place(who, Side::Bid, request);
        one.round();
        one.begin();
        assert_eq!(one.in_force(instance), 1_500, "half of it");
        cost(&mut one, &[(1, "0.0015")]);
        let (_, left) = roll(&mut one);
        assert_eq!(left[0].reason, LeftOut::PriceBeyondLimit);
        assert_eq!(one.in_force(instance), 500, "its limit was 0.001 a unit");
    }
}

#[test]
fn an_adder_counts() {
    let mut one = one(4_000);
    let (who, instance) = one.buyers[0];
    let mut request = one.request(instance, 1_000, "1");
    request.assurance = Assurance::Firm;
    request.pools[0].adder = credits("0.4");
    one.place(who, Side::Bid, request);
    one.round();
    one.begin();
    assert_eq!(one.in_force(instance), 1_500);
    cost(&mut one, &[(1, "0.0008")]);
    roll(&mut one);
    assert_eq!(one.in_force(instance), 500, "in this pool it is worth 0.0006 to it");
}

#[test]
fn a_gap_before_anything_is_settled_has_a_price() {
    let mut one = bought();
    one.slot = next(one.slot);
    let (rolls, _) = roll(&mut one);
    assert_eq!(rolls[0].awards, 1);
}

#[test]
fn the_operator_sells_nothing_under_its_reserve() {
    let mut one = one(4_000);
    // One unit between two who know each other, cheaper than anything.
    let (lender, buyer) = (one.lender, one.buyers[1]);
    firm(&mut one, lender, Side::Offer, 1, "0");
    firm(&mut one, buyer, Side::Bid, 1, "0.000001");
    one.round();
    one.begin();
    let readings = vec![one.reading(lender.1, &[1_999], 0, 0), one.reading(buyer.1, &[501], 0, 0)];
    let slot = one.slot;
    one.world.run(Command::SettleSlot { slot: slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    one.end(readings);
    one.slot = RHYTHM.first_open(one.world.now);
    let first = one.buyers[0];
    firm(&mut one, first, Side::Bid, 1_000, "0.9");
    one.round();
    one.begin();
    let (rolls, _) = roll(&mut one);
    assert!(rolls[0].prices[0].price >= price("0.0005"), "{}", rolls[0].prices[0].price);
}

#[test]
fn one_unit_makes_the_price_of_the_hour() {
    let mut one = one(3_000);
    let (lender, buyer, honest) = (one.lender, one.buyers[1], one.buyers[0]);
    firm(&mut one, lender, Side::Offer, 1, "0.0014");
    firm(&mut one, buyer, Side::Bid, 1, "0.002");
    one.round();
    one.begin();
    let readings = vec![one.reading(lender.1, &[1_999], 0, 0), one.reading(buyer.1, &[501], 0, 0)];
    let slot = one.slot;
    one.world.run(Command::SettleSlot { slot: slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    one.end(readings);
    one.slot = RHYTHM.first_open(one.world.now);
    firm(&mut one, lender, Side::Offer, 1_000, "0.4");
    firm(&mut one, honest, Side::Bid, 1_000, "1.5");
    one.round();
    one.begin();
    let (rolls, _) = roll(&mut one);
    assert!(rolls[0].prices[0].price < price("0.001"), "{}", rolls[0].prices[0].price);
}
