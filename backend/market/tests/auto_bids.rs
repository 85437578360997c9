//! Automatic bids in numbers that can be worked out by hand: a workload of 1000 millicores and 1000 MiB for
//! which a missing unit costs 0.004 and 0.002 a slot.

use crate::support::world::{RHYTHM, World, amounts, participant};
use headroom_market::book::{Order, Origin, Side};
use headroom_market::command::{Command, NewInstance, Reply};
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::pool::{ReserveStep, Tier};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::vacate::Suspended;
use headroom_market::workload::{
    AtEnd, AutoBid, AutoOffer, Class, ComparisonRules, JointNeed, JointStep, SlotOutlook, Strategy,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const CPU: Resource = Resource::CpuMilli;
const MEM: Resource = Resource::MemMib;

struct Market {
    world: World,
    owner: ParticipantId,
    instance: InstanceId,
    slot: Slot,
}

fn strategy(costs: &[(Resource, &str)], promised: Option<&str>) -> Strategy {
    let auto_bid = AutoBid {
        shortage_cost: costs.iter().map(|(r, price)| (*r, price.parse().unwrap())).collect(),
        promised_service_level: promised.map(|level| level.parse().unwrap()),
        assurance: Default::default(),
    };
    Strategy { auto_bid: Some(auto_bid), ..Strategy::default() }
}

const BOTH: [(Resource, &str); 2] = [(CPU, "0.004"), (MEM, "0.002")];

impl Market {
    fn new() -> Self {
        let mut world = World::new(1);
        world.run(Command::CreatePool {
            slug: "p".into(),
            name: "P".into(),
            pop: "x".into(),
            tier: Tier::GeneralPurpose,
            resources: vec![CPU, MEM],
            release_start: "1".parse().unwrap(),
        });
        let (name, capacity) = ("n".into(), amounts(9000, 9000));
        world.run(Command::CreateNode { name, pool: "p".into(), capacity, properties: BTreeMap::new() });
        for resource in [CPU, MEM] {
            world.run(Command::ScheduleReserve {
                pool: "p".into(),
                resource,
                steps: vec![ReserveStep { share: Share::from_units(1_000_000), price: "0.001".parse().unwrap() }],
                effective_at: world.now.plus_seconds(-60),
                expected_version: None,
                by: None,
            });
        }
        let owner = participant(&mut world, "owner", "1000");
        let module =
            Command::RegisterModule { participant: Some(owner), name: "m".into(), hash: "h".into(), size_bytes: 1 };
        let Reply::Module(module) = world.run(module) else { panic!("module") };
        let new = NewInstance {
            participant: owner,
            name: "w".into(),
            driver: "wasm".into(),
            module,
            arguments: Vec::new(),
            pool: "p".into(),
            node: None,
            class: Class::Standard,
            baseline: amounts(1000, 1000),
            floor: amounts(0, 0),
            limit: amounts(3000, 3000),
            at_end: AtEnd::Shrink,
            comparison: ComparisonRules::default(),
            strategy: strategy(&BOTH, None),
        };
        let Reply::Instance(instance) = world.run(Command::RegisterInstance(Box::new(new))) else { panic!("instance") };
        world.drill(instance);
        let slot = RHYTHM.first_open(world.now);
        Self { world, owner, instance, slot }
    }

    fn set(&mut self, strategy: Strategy) -> Reply {
        let (participant, instance) = (self.owner, self.instance);
        self.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None })
    }

    /// Open automatic bids of the slot after this outlook, the dearest first.
    fn bids_after(&mut self, joint: Option<JointNeed>) -> Vec<(Amounts, Credits)> {
        let need = [(500, 1200), (900, 1400), (975, 1600)].map(|(level, need)| (level, amounts(need, need)));
        let outlook = SlotOutlook { slot: self.slot, need: need.into(), lendable: Amounts::new(), joint };
        self.world.run(Command::RecordOutlooks { model: None, outlooks: vec![(self.instance, vec![outlook])] });
        self.bids()
    }

    fn bids(&self) -> Vec<(Amounts, Credits)> {
        let open = self.world.state.orders.values().filter(|o| o.side == Side::Bid && o.origin == Origin::AutoBid);
        let mut bids: Vec<_> = open.map(|o| (o.request.resources.clone(), o.request.limit)).collect();
        bids.sort_by_key(|(resources, limit)| (std::cmp::Reverse(*limit), resources.keys().next().copied()));
        bids
    }
}

/// A bid for what will hardly be needed of one resource keeps nobody from lending another.
#[test]
fn who_asks_for_memory_lends_processors_and_who_asks_for_processors_lends_nothing() {
    let sides_after = |need: Amounts, lendable: Amounts| {
        let mut market = Market::new();
        let minimum_price = [(CPU, "0.001".parse().unwrap()), (MEM, "0.001".parse().unwrap())].into();
        let lends = Strategy {
            auto_offer: Some(AutoOffer {
                minimum_price,
                at_least_reserve_price: false,
                recallable_price: BTreeMap::new(),
            }),
            ..strategy(&BOTH, None)
        };
        assert!(matches!(market.set(lends), Reply::Instance(_)));
        let need = vec![(975, need)];
        let outlook = SlotOutlook { slot: market.slot, need, lendable, joint: None };
        market.world.run(Command::RecordOutlooks { model: None, outlooks: vec![(market.instance, vec![outlook])] });
        let orders = market.world.state.orders.values();
        let mut orders: Vec<_> = orders.map(|o| (o.side, o.request.resources.clone())).collect();
        orders.sort_by_key(|(_, resources)| resources.keys().next().copied());
        orders
    };
    let (cpu, mem) = (|q: i64| Amounts::from([(CPU, q)]), |q: i64| Amounts::from([(MEM, q)]));
    let both = amounts(300, 300);
    assert_eq!(
        sides_after(amounts(500, 1200), both.clone()),
        [(Side::Offer, cpu(300)), (Side::Bid, mem(200))],
        "and not the memory that it asks for"
    );
    assert_eq!(sides_after(amounts(1200, 500), both.clone()), [(Side::Bid, cpu(200))]);
    assert_eq!(sides_after(amounts(1200, 1200), both.clone()), [(Side::Bid, amounts(200, 200))]);
    assert_eq!(sides_after(amounts(500, 500), both), [(Side::Offer, cpu(300)), (Side::Offer, mem(300))]);
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn step(level: &str, each: &str, need: i64) -> JointStep {
    JointStep { level: share(level), each: share(each), need: amounts(need, need) }
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

#[test]
fn without_a_joint_forecast_they_are_what_they_were() {
    let mut market = Market::new();
    // 200 × (0.004 + 0.002) × 75, 30 and 6.2 %.
    let both = amounts(200, 200);
    let wanted = ["0.9", "0.36", "0.0744"].map(|limit| (both.clone(), credits(limit)));
    assert_eq!(market.bids_after(None), wanted);
}

/// 1,700 MiB were written to disk and 1,000 are its own: 700 or nothing, whatever the forecast says of memory.
#[test]
fn one_that_stands_still_bids_for_what_it_takes_to_go_on() {
    let mut market = Market::new();
    let suspended = Suspended { since: market.world.now, needs: [(MEM, 1_700)].into() };
    market.world.state.instances.get_mut(&market.instance).unwrap().suspended = Some(suspended);
    let bids = market.bids_after(None);
    let memory: Vec<_> = bids.iter().filter(|(resources, _)| resources.contains_key(&MEM)).collect();
    assert_eq!(memory, [&([(MEM, 700)].into(), credits("1.4"))]);
    let whole = |o: &Order| o.request.resources.contains_key(&MEM) == (o.request.min_fill.units() == 1_000_000);
    assert!(market.world.state.orders.values().all(whole) && bids.len() > 1);
    // It stays as it is while nothing changes, and makes place for the usual ones once it goes on.
    let before: Vec<_> = market.world.state.orders.keys().copied().collect();
    market.bids_after(None);
    assert!(market.world.state.orders.keys().copied().eq(before));
    // A little less would be of no use.
    let instance = market.world.state.instances.get_mut(&market.instance).unwrap();
    instance.suspended.as_mut().unwrap().needs = [(MEM, 1_740)].into();
    let bids = market.bids_after(None);
    assert!(bids.contains(&([(MEM, 740)].into(), credits("1.48"))), "{bids:?}");
    market.world.state.instances.get_mut(&market.instance).unwrap().suspended = None;
    let mut other = Market::new();
    assert_eq!(market.bids_after(None), other.bids_after(None));
}

#[test]
fn resources_that_peak_together_are_one_order_a_step() {
    let mut market = Market::new();
    let steps = vec![step("0.5", "0.5", 1200), step("0.9", "0.9", 1400), step("0.975", "0.975", 1600)];
    let bids = market.bids_after(Some(JointNeed { together: share("1"), steps }));
    // A joint level that is each one's own: the middle of 0.9 and 0.975 is needed with 6.25 %.
    let wanted = ["0.9", "0.36", "0.075"].map(|limit| (amounts(200, 200), credits(limit)));
    assert_eq!(bids, wanted);
}

#[test]
fn resources_that_peak_in_turn_are_orders_of_their_own_and_reach_further() {
    let mut market = Market::new();
    let steps = vec![step("0.5", "0.75", 1300), step("0.9", "0.95", 1500), step("0.975", "0.9875", 1700)];
    let bids = market.bids_after(Some(JointNeed { together: Share::ZERO, steps }));
    let (cpu, mem) = (|q: i64| Amounts::from([(CPU, q)]), |q: i64| Amounts::from([(MEM, q)]));
    // 300 × 0.004 × (1 − 0.375), then 200 × 0.004 × (1 − 0.85) and × (1 − 0.96875); memory at half the cost.
    let wanted = [
        (cpu(300), "0.75"),
        (mem(300), "0.375"),
        (cpu(200), "0.12"),
        (mem(200), "0.06"),
        (cpu(200), "0.025"),
        (mem(200), "0.0125"),
    ];
    assert_eq!(bids, wanted.map(|(resources, limit)| (resources, credits(limit))));
}

#[test]
fn a_joint_forecast_of_other_resources_than_have_a_price_now_is_left_aside() {
    let mut market = Market::new();
    let mut only = step("0.9", "0.9", 1400);
    only.need.remove(&MEM);
    let joint = JointNeed { together: share("1"), steps: vec![only] };
    assert_eq!(market.bids_after(Some(joint.clone())).len(), 3, "the steps without a joint forecast");
    market.set(strategy(&BOTH[..1], None));
    let bids = market.bids();
    // 400 × 0.004 × (1 − 0.45).
    assert_eq!(bids, [(Amounts::from([(CPU, 400)]), credits("0.88"))], "now it is of what has a price");
}

#[test]
fn a_level_of_never_or_always_cannot_be_promised() {
    let mut market = Market::new();
    for level in ["0", "-0.5", "1", "1.5"] {
        let Reply::Refused(refusal) = market.set(strategy(&BOTH, Some(level))) else { panic!("{level} is refused") };
        assert_eq!(
            (refusal.code, refusal.pointer.as_str()),
            ("service_level_out_of_range", "/auto_bid/promised_service_level")
        );
        assert!(refusal.detail.contains(&share(level).to_string()), "{}", refusal.detail);
    }
    for level in ["0.000001", "0.95", "0.999999"] {
        assert!(matches!(market.set(strategy(&BOTH, Some(level))), Reply::Instance(_)), "{level}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// What a service level without a warning stands for: at a price that the level of a step carries, the
    /// orders for everything up to that step have limits of at least the price.
    #[test]
    fn what_a_level_carries_is_bid_for_at_its_price(
        mut levels in prop::collection::btree_set(1_i64..1_000_000, 1..5),
        together in prop::bool::ANY,
    ) {
        let mut market = Market::new();
        let levels: Vec<i64> = std::mem::take(&mut levels).into_iter().collect();
        let steps = levels.iter().enumerate().map(|(place, each)| JointStep {
            level: Share::from_units(*each),
            each: Share::from_units(*each),
            need: amounts(1100 + 100 * place as i64, 1100 + 100 * place as i64),
        });
        let together = Share::from_units(if together { 1_000_000 } else { 0 });
        let bids = market.bids_after(Some(JointNeed { together, steps: steps.collect() }));
        for each in &levels {
            let reached = levels.iter().filter(|level| *level <= each).count() as i64;
            // shortage cost × (1 − level), of one unit, in nano-credits.
            let price = |resource| if resource == CPU { 4_000_000 } else { 2_000_000 } * (1_000_000 - each) / 1_000_000;
            for resource in [CPU, MEM] {
                // Limits are whole micro-credits: a hundred units at less than three are not worth an order.
                if 100 * price(resource) < 3_000 {
                    continue;
                }
                let worth = |(amounts, limit): &&(Amounts, Credits)| {
                    let asked: i64 = amounts.iter().map(|(r, q)| q * price(*r)).sum();
                    amounts.contains_key(&resource) && (limit.units() + 3) * 1_000 >= asked
                };
                let carried: i64 = bids.iter().filter(worth).map(|(amounts, _)| amounts[&resource]).sum();
                prop_assert!(carried >= 100 * reached, "{bids:?} {each}");
            }
        }
    }
}
