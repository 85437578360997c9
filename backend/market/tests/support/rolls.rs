//! Slots that begin without a round, in a market of one node.
#![allow(dead_code)]
use super::one_node::{CPU, One, one};
use super::world::RHYTHM;
use headroom_market::book::{Assurance, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::pool::hourly::{DayPrice, HourlyPrice};
use headroom_market::round::safe_state::{NotRolled, RolledSlot};
use headroom_market::round::{Award, AwardKind};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Price};

pub type Member = (ParticipantId, InstanceId);

pub fn firm(one: &mut One, (who, instance): Member, side: Side, quantity: i64, limit: &str) {
    let mut request = one.request(instance, quantity, limit);
    request.assurance = Assurance::Firm;
    let reply = one.place(who, side, request);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
}

pub fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

pub fn next(slot: Slot) -> Slot {
    slot.plus(1, RHYTHM.slot_seconds)
}

/// The first buyer has 1,000 of what nobody needs for the slot, and runs with it.
pub fn bought() -> One {
    let mut one = one(4_000);
    let buyer = one.buyers[0];
    firm(&mut one, buyer, Side::Bid, 1_000, "0.9");
    one.round();
    one.begin();
    assert_eq!(one.in_force(buyer.1), 1_500);
    one
}

/// The gate of the next slot closes, and nobody has held a round for it.
pub fn roll(one: &mut One) -> (Vec<RolledSlot>, Vec<NotRolled>) {
    one.slot = next(one.slot);
    one.begin();
    let planned = one.world.log.iter().rev().find(|(e, _)| matches!(e.command, Command::PlanSlot { .. }));
    let (mut rolls, mut left) = (Vec::new(), Vec::new());
    for event in &planned.expect("it was planned").1 {
        if let Event::SlotRolled { rolled, not_rolled } = event {
            rolls.push(rolled.clone());
            left.extend(not_rolled.clone());
        }
    }
    (rolls, left)
}

/// So many seconds before the gate of the next slot.
pub fn before_the_gate(one: &mut One, seconds: i64) {
    one.world.now = RHYTHM.gate_closes(next(one.slot)).plus_seconds(-seconds);
}

/// What a workload has of a kind in the slot.
pub fn awards(one: &One, instance: InstanceId, kind: AwardKind) -> Vec<Award> {
    let mine = one.world.state.awards_of(instance).filter(|a| a.kind == kind);
    mine.filter(|a| a.lines.iter().any(|l| l.slot == one.slot)).cloned().collect()
}

/// The lender's 1,000 are what the buyers have: nothing else is free.
pub fn lent() -> One {
    lent_at(["0.4", "0.9", "0.9"])
}

/// The same with limits of the lender and the buyers of 600 and 400.
pub fn lent_at(limits: [&str; 3]) -> One {
    let mut one = one(3_000);
    let (lender, [first, second]) = (one.lender, [one.buyers[0], one.buyers[1]]);
    firm(&mut one, lender, Side::Offer, 1_000, limits[0]);
    firm(&mut one, first, Side::Bid, 600, limits[1]);
    firm(&mut one, second, Side::Bid, 400, limits[2]);
    one.round();
    one.begin();
    assert_eq!(one.in_force(lender.1), 1_000);
    one
}

/// So much of earlier days that what has been traded since counts for a nano-credit at most.
pub const DAYS_VOLUME: i64 = 1_000_000_000_000_000;

/// Prices of earlier days at this hour make the administered price another than that of the slot before.
pub fn cost(one: &mut One, prices: &[(i64, &str)]) {
    cost_of(one, prices, DAYS_VOLUME);
}

pub fn cost_of(one: &mut One, prices: &[(i64, &str)], volume: i64) {
    let day = 86_400;
    let today = one.slot.seconds().div_euclid(day);
    let hour = (one.slot.seconds().rem_euclid(day) / 3_600) as u8;
    let days = prices.iter().map(|(ago, text)| DayPrice {
        day: today - ago,
        slots: 1,
        volume,
        value_nano: (i128::from(price(text).units()) * i128::from(volume)).to_string(),
    });
    let days = days.collect();
    let event = HourlyPrice { pool: "p".into(), resource: CPU, hour, days };
    one.world.state.fold(&Event::HourlyPriceChanged(event.clone()));
    one.world.folded.fold(&Event::HourlyPriceChanged(event));
}
