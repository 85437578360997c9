//! What automatic orders keep of what decided them: by hand, and so that quantity and limit follow from it alone.
use crate::support::away::workload;
use crate::support::one_node::{CPU, One, cpu, one};
use crate::support::own_orders::{credits, place};
use crate::support::world::{RHYTHM, participant};
use headroom_market::book::{
    Assurance, ForecastUsed, Grounds, Input, Order, OrderRequest, Origin, PoolChoice, Rule, Side, Window,
};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::pool::ReserveStep;
use headroom_market::swap::draw::Draw;
use headroom_market::units::{Amounts, Credits, Price, Resource, Share, amount};
use headroom_market::workload::strategy::lent_by_default;
use headroom_market::workload::{AutoBid, AutoOffer, JointNeed, JointStep, SlotOutlook, Strategy};
use proptest::prelude::*;

type Member = (ParticipantId, InstanceId);

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn bids(cost: &str) -> Option<AutoBid> {
    let shortage_cost = [(CPU, price(cost))].into();
    Some(AutoBid { shortage_cost, promised_service_level: None, assurance: Assurance::Firm })
}

fn lends(minimum: &str) -> Option<AutoOffer> {
    let minimum_price = [(CPU, price(minimum))].into();
    Some(AutoOffer { minimum_price, at_least_reserve_price: false, recallable_price: [].into() })
}

fn set(one: &mut One, (participant, instance): Member, strategy: Strategy) {
    let reply = one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
}

/// What will be needed at most with the chances of one half, 90 and 97.5 %, and what may be lent.
fn foresee(one: &mut One, instance: InstanceId, need: [i64; 3], lendable: i64) {
    let need = [500, 900, 975].into_iter().zip(need.map(cpu)).collect();
    let outlook = SlotOutlook { slot: one.slot, need, lendable: cpu(lendable), joint: None };
    let outlooks = vec![(instance, vec![outlook])];
    one.world.run(Command::RecordOutlooks { model: Some("a-model".to_owned()), outlooks });
}

fn automatic(one: &One, instance: InstanceId) -> Vec<&Order> {
    let mine = |o: &&Order| o.origin != Origin::Manual && o.request.instance == Some(instance);
    let mut orders: Vec<&Order> = one.world.state.orders.values().filter(mine).collect();
    orders.sort_by_key(|o| (o.side, std::cmp::Reverse(o.request.limit)));
    orders
}

fn grounds(one: &One, instance: InstanceId) -> Vec<Grounds> {
    let orders = automatic(one, instance).into_iter();
    orders.map(|o| *o.grounds.clone().expect("an automatic order says why")).collect()
}

/// A workload of 2,000, which may have 2,500, with a floor of 300.
fn member(one: &mut One) -> Member {
    let owner = participant(&mut one.world, "automatic", "1000");
    let member = (owner, workload(&mut one.world, owner, "p", cpu(2_000), cpu(2_500)));
    let (baseline, floor) = (cpu(2_000), cpu(300));
    one.world.run(Command::SetBaseline { instance: member.1, baseline, floor });
    member
}

/// Quantity and limit of an automatic order as its grounds have them; `None` where one of the numbers is missing.
fn follows(order: &Order) -> Option<(Amounts, Credits)> {
    let grounds = order.grounds.as_ref()?;
    let mut resources = Amounts::new();
    let mut value = Credits::ZERO;
    for (resource, input) in &grounds.inputs {
        let needed = input.needed?.max(input.hinted);
        let quantity = match order.side {
            Side::Bid => input.limit.map_or(needed, |most| needed.min(most)) - input.baseline - input.already,
            Side::Offer => input.baseline - needed.max(input.floor) - input.already,
        };
        let round = if order.side == Side::Bid { Price::charge_half_even } else { Price::hold_round_up };
        value += input.price.map_or(Some(Credits::ZERO), |price| round(price, quantity))?;
        resources.insert(*resource, quantity);
    }
    let limit = match (grounds.rule, grounds.chance) {
        (Rule::BuyBack, _) => grounds.proceeds?.share_floor(amount(&resources, CPU), -grounds.inputs[&CPU].already),
        (_, Some(chance)) => value.share_floor(chance.units(), 1_000_000),
        (_, None) => value,
    };
    Some((resources, limit))
}

/// The first buyer asks for so much, for more than anybody wants.
fn buys(one: &mut One, quantity: i64) -> OrderId {
    let buyer = one.buyers[0];
    place(one, buyer, Side::Bid, quantity, "0.9")
}

fn forecast(one: &One) -> Option<ForecastUsed> {
    Some(ForecastUsed { model: Some("a-model".to_owned()), seen_until: one.world.now.min(one.slot.start()) })
}

#[test]
fn a_bid_says_what_was_needed_with_which_chance_and_what_being_short_costs() {
    let mut one = one(9_000);
    let member = member(&mut one);
    set(&mut one, member, Strategy { auto_bid: bids("0.004"), ..Strategy::default() });
    foresee(&mut one, member.1, [2_200, 2_400, 2_900], 0);
    let version = one.world.state.instances[&member.1].strategy_version;
    let step = |level: &str, chance: &str, needed: i64, already: i64, limit: Option<i64>| Grounds {
        rule: Rule::AutoBid,
        strategy_version: version,
        forecast: forecast(&one),
        level: Some(share(level)),
        each: None,
        chance: Some(share(chance)),
        proceeds: None,
        inputs: [(
            CPU,
            Input {
                baseline: 2_000,
                needed: Some(needed),
                already,
                limit,
                price: Some(price("0.004")),
                ..Input::default()
            },
        )]
        .into(),
    };
    let wanted = [
        step("0.5", "0.75", 2_200, 0, None),
        step("0.9", "0.3", 2_400, 200, None),
        step("0.975", "0.062", 2_900, 400, Some(2_500)),
    ];
    assert_eq!(grounds(&one, member.1), wanted);
    // A new strategy, the same forecast: the orders that follow say so.
    set(&mut one, member, Strategy { auto_bid: bids("0.008"), ..Strategy::default() });
    let versions: Vec<u64> = grounds(&one, member.1).iter().map(|g| g.strategy_version).collect();
    assert_eq!(versions, [version + 1; 3]);
    assert!(grounds(&one, member.1).iter().all(|g| g.forecast.as_ref().is_some_and(|f| f.model.is_some())));
}

#[test]
fn an_order_that_stays_keeps_what_it_was_decided_by() {
    let mut one = one(9_000);
    let member = member(&mut one);
    set(&mut one, member, Strategy { auto_bid: bids("0.004"), ..Strategy::default() });
    foresee(&mut one, member.1, [2_200, 2_200, 2_200], 0);
    let first = grounds(&one, member.1);
    // A twentieth more is no reason for another order.
    foresee(&mut one, member.1, [2_210, 2_210, 2_210], 0);
    assert_eq!(grounds(&one, member.1), first);
    foresee(&mut one, member.1, [2_300, 2_300, 2_300], 0);
    assert_eq!(grounds(&one, member.1)[0].inputs[&CPU].needed, Some(2_300));
}

#[test]
fn of_a_joint_forecast_both_levels_are_kept() {
    let mut one = one(9_000);
    let member = member(&mut one);
    set(&mut one, member, Strategy { auto_bid: bids("0.004"), ..Strategy::default() });
    let step = JointStep { level: share("0.9"), each: share("0.95"), need: cpu(2_300) };
    let joint = Some(JointNeed { together: Share::ZERO, steps: vec![step] });
    let need = vec![(500, cpu(2_100))];
    let outlook = SlotOutlook { slot: one.slot, need, lendable: Amounts::new(), joint };
    one.world.run(Command::RecordOutlooks { model: None, outlooks: vec![(member.1, vec![outlook])] });
    let [grounds] = &grounds(&one, member.1)[..] else { panic!("one bid") };
    // Up to 0.95 of each: 1 − 0.95 ÷ 2.
    assert_eq!(
        (grounds.level, grounds.each, grounds.chance),
        (Some(share("0.9")), Some(share("0.95")), Some(share("0.525")))
    );
    assert_eq!(grounds.forecast.as_ref().and_then(|f| f.model.as_ref()), None);
}

#[test]
fn an_offer_says_what_was_kept_back_and_for_what_it_was_lent() {
    let mut one = one(9_000);
    let member = member(&mut one);
    let recallable_price = [(CPU, price("0.0001"))].into();
    let auto_offer = lends("0.0003").map(|offer| AutoOffer { recallable_price, ..offer });
    set(&mut one, member, Strategy { auto_offer, ..Strategy::default() });
    foresee(&mut one, member.1, [400, 700, 900], 800);
    let of = |assurance: Assurance| {
        let orders = automatic(&one, member.1);
        let found = orders.iter().find(|o| o.request.assurance == assurance).expect("offered");
        (found.request.resources.clone(), *found.grounds.clone().expect("says why"))
    };
    let (firm, why) = of(Assurance::Firm);
    let input = Input { baseline: 2_000, floor: 300, price: Some(price("0.0003")), ..Input::default() };
    assert_eq!((firm, why.level), (cpu(800), None));
    assert_eq!((why.rule, why.inputs), (Rule::AutoOffer, [(CPU, Input { needed: Some(1_200), ..input })].into()));
    // Of the 1,300 above what nine slots in ten need 800 are offered firmly.
    let (recallable, why) = of(Assurance::Recallable);
    assert_eq!((recallable, why.level), (cpu(500), Some(share("0.9"))));
    let input = Input { needed: Some(700), already: 800, price: Some(price("0.0001")), ..input };
    assert_eq!(why.inputs, [(CPU, input)].into());
}

#[test]
fn what_is_bought_back_says_what_was_lent_and_what_it_brought() {
    let mut one = one(6_000);
    let member = member(&mut one);
    set(&mut one, member, Strategy { auto_offer: lends("0.0004"), ..Strategy::default() });
    foresee(&mut one, member.1, [1_200, 1_400, 1_500], 400);
    buys(&mut one, 400);
    one.round();
    // 1,600 are left of 2,000, and 1,800 will rather be needed than not.
    foresee(&mut one, member.1, [1_800, 1_900, 1_950], 0);
    let [order] = automatic(&one, member.1)[..] else { panic!("one bid") };
    let grounds = order.grounds.as_ref().expect("says why");
    assert_eq!(
        (grounds.rule, grounds.proceeds, grounds.level),
        (Rule::BuyBack, Some(credits("0.16")), Some(share("0.5")))
    );
    let input = Input { baseline: 2_000, needed: Some(1_800), already: -400, ..Input::default() };
    assert_eq!(grounds.inputs, [(CPU, input)].into());
    assert_eq!(follows(order), Some((cpu(200), credits("0.08"))));
    assert_eq!(order.request.limit, credits("0.08"));
}

#[test]
fn a_draw_of_a_strategy_says_what_was_lacked_and_one_by_hand_says_nothing() {
    let mut one = one(4_000);
    one.begin();
    let (owner, instance) = one.buyers[0];
    let drawn = |one: &mut One, participant: Option<ParticipantId>| {
        let highest_price = Some(price("0.002"));
        let draw = Draw { instance, resource: CPU, quantity: 150, highest_price };
        let reply = one.world.run(Command::Draw { participant, draw });
        let Reply::Drawn(drawn) = reply else { panic!("{reply:?}") };
        let id = drawn.order.expect("it has an order");
        let accepted = one.world.log.iter().flat_map(|(_, events)| events).find_map(|event| match event {
            Event::OrderAccepted(order) if order.id == id => Some(order.grounds.clone()),
            _ => None,
        });
        accepted.expect("it was accepted")
    };
    let grounds = drawn(&mut one, None).expect("a strategy did it");
    assert_eq!((grounds.rule, grounds.strategy_version, grounds.forecast), (Rule::Draws, 1, None));
    let input = Input { baseline: 500, lacked: Some(150), price: Some(price("0.002")), ..Input::default() };
    assert_eq!(grounds.inputs, [(CPU, input)].into());
    one.carry_out();
    assert_eq!(drawn(&mut one, Some(owner)), None);
}

#[test]
fn what_a_person_asks_for_has_no_grounds_also_in_the_place_of_an_automatic_order() {
    let mut one = one(9_000);
    let member = member(&mut one);
    buys(&mut one, 100);
    set(&mut one, member, Strategy { auto_bid: bids("0.004"), ..Strategy::default() });
    foresee(&mut one, member.1, [2_200, 2_200, 2_200], 0);
    let [before] = automatic(&one, member.1)[..] else { panic!("one bid") };
    let (order, request) = (before.id, Box::new(OrderRequest { limit: credits("0.3"), ..before.request.clone() }));
    let command = Command::ReplaceOrder { participant: member.0, order, request, client_order: None };
    assert!(matches!(one.world.run(command), Reply::Order(_)));
    assert!(one.world.state.orders.values().all(|o| o.grounds.is_none()));
}

#[test]
fn an_automatic_order_is_not_much_longer_for_them() {
    let mut one = one(9_000);
    let member = member(&mut one);
    set(&mut one, member, Strategy { auto_bid: bids("0.004"), ..Strategy::default() });
    foresee(&mut one, member.1, [2_200, 2_400, 2_900], 0);
    for order in automatic(&one, member.1) {
        let text = serde_json::to_string(&order.grounds).expect("writes");
        assert!(text.len() <= 300, "{} bytes: {text}", text.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    /// Whatever is forecast, hinted and lent: quantity and limit follow from the grounds and nothing else.
    #[test]
    fn quantity_and_limit_follow_from_the_grounds(
        need in [0..3_000i64, 0..3_000i64, 0..3_000i64],
        next in [0..3_000i64, 0..3_000i64, 0..3_000i64],
        lendable in 0..2_000i64,
        hinted in prop::option::of(1..2_400i64),
        priced in any::<bool>(),
    ) {
        let mut one = one(6_000);
        let member = member(&mut one);
        let auto_bid = if priced { bids("0.004") } else { None };
        let recallable_price = [(CPU, price("0.0001"))].into();
        let auto_offer = lends("0.000333").map(|offer| AutoOffer { recallable_price, ..offer });
        set(&mut one, member, Strategy { auto_bid, auto_offer, ..Strategy::default() });
        if let Some(expected) = hinted {
            let (participant, instance) = member;
            one.world.run(Command::PutHint {
                participant, instance, expected_demand: cpu(expected), avoid_nodes: Vec::new(),
                starts_at: one.world.now, expires_at: one.world.now.plus_seconds(3_600), source: None,
            });
        }
        let mut sorted = need;
        sorted.sort_unstable();
        foresee(&mut one, member.1, sorted, lendable);
        buys(&mut one, 300);
        one.round();
        let mut sorted = next;
        sorted.sort_unstable();
        foresee(&mut one, member.1, sorted, lendable / 2);
        let accepted = one.world.log.iter().flat_map(|(_, events)| events).filter_map(|event| match event {
            Event::OrderAccepted(order) if order.origin != Origin::Manual => Some(order),
            _ => None,
        });
        for order in accepted {
            let of = (order.request.resources.clone(), order.request.limit);
            prop_assert_eq!(follows(order), Some(of), "{:?}", order.grounds);
        }
    }
}

#[test]
fn what_is_lent_by_default_is_what_a_limit_takes_back() {
    let baseline: Amounts =
        [(CPU, 1_000), (Resource::MemMib, 500), (Resource::GpuMilli, 1_000), (Resource::NetMbps, 0)].into();
    let offer = lent_by_default(&baseline).expect("processors");
    assert_eq!(offer.minimum_price, [(CPU, Price::ZERO)].into());
    assert!(offer.at_least_reserve_price && offer.recallable_price.is_empty());
    assert_eq!(lent_by_default(&[(Resource::MemMib, 500)].into()), None);
}

/// A lender that has said nothing of lending, and what it offers for a slot.
fn by_default() -> (One, Member) {
    let mut one = one(9_000);
    let member = member(&mut one);
    let auto_offer = lent_by_default(&one.world.state.instances[&member.1].baseline);
    set(&mut one, member, Strategy { auto_offer, ..Strategy::default() });
    (one, member)
}

fn offered(one: &One, instance: InstanceId) -> Vec<(i64, Credits)> {
    let offers = automatic(one, instance).into_iter().filter(|o| o.side == Side::Offer);
    offers.map(|o| (amount(&o.remaining, CPU), o.remaining_limit)).collect()
}

#[test]
fn by_default_it_lends_at_the_reserve_price_whatever_that_is_and_comes_before_the_operator() {
    let (mut one, member) = by_default();
    // The pool asks 0.0005 for a unit.
    foresee(&mut one, member.1, [500, 700, 900], 801);
    assert_eq!(offered(&one, member.1), [(801, credits("0.4005"))]);
    let bid = buys(&mut one, 700);
    one.round();
    let sold: Vec<_> = one.world.state.awards.values().filter(|a| a.order != bid).collect();
    assert_eq!(sold.iter().map(|a| (a.instance, a.money)).collect::<Vec<_>>(), [(Some(member.1), credits("0.35"))]);

    // Another price of the pool is another minimum, from the next forecast on.
    let (mut one, member) = by_default();
    let later = one.slot.plus(6, RHYTHM.slot_seconds);
    let reply = one.world.run(Command::ScheduleReserve {
        pool: "p".into(),
        resource: CPU,
        steps: vec![ReserveStep { share: share("1"), price: price("0.000123") }],
        effective_at: later.start(),
        expected_version: None,
        by: None,
    });
    assert!(matches!(reply, Reply::ReservePrice(_)), "{reply:?}");
    (one.world.now, one.slot) = (one.slot.plus(2, RHYTHM.slot_seconds).start(), later);
    foresee(&mut one, member.1, [500, 700, 900], 301);
    assert_eq!(offered(&one, member.1), [(301, credits("0.037023"))]);
    let bid = buys(&mut one, 200);
    one.round();
    assert!(one.world.state.awards.values().any(|a| a.order != bid && a.instance == Some(member.1)));
}

#[test]
fn a_minimum_of_its_own_holds_where_it_is_above_the_reserve_price() {
    let (mut one, member) = by_default();
    let minimum_price = [(CPU, price("0.0007"))].into();
    let auto_offer = Some(AutoOffer { minimum_price, at_least_reserve_price: true, recallable_price: [].into() });
    set(&mut one, member, Strategy { auto_offer, ..Strategy::default() });
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1), [(800, credits("0.56"))]);
}

#[test]
fn who_asks_for_more_by_hand_lends_nothing_beside_it() {
    let (mut one, member) = by_default();
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1).len(), 1);
    // The forecast does not know why its owner bids.
    let bid = place(&mut one, member, Side::Bid, 300, "0.9");
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1), []);
    one.round();
    assert!(!one.world.state.orders.contains_key(&bid), "it has won");
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1), [], "what it has won it has not bought to lend as much");
    // Of other slots it lends as ever.
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1).len(), 1);
}

#[test]
fn a_bid_by_hand_for_memory_keeps_no_processors_and_a_withdrawn_one_nothing() {
    let (mut one, member) = by_default();
    let request = OrderRequest {
        resources: [(Resource::MemMib, 100)].into(),
        assurance: Assurance::Firm,
        ..one.request(member.1, 0, "0.000001")
    };
    // The limit of the workload has no memory; it is the form that counts here.
    let (instance, limit) = (member.1, [(CPU, 2_500), (Resource::MemMib, 500)].into());
    one.world.state.instances.get_mut(&instance).expect("there").limit = limit;
    assert!(matches!(one.place(member.0, Side::Bid, request), Reply::Order(_)));
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1).len(), 1);
    let order = place(&mut one, member, Side::Bid, 300, "0.000001");
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1), []);
    one.world.run(Command::CancelOrder { participant: member.0, order });
    foresee(&mut one, member.1, [500, 700, 900], 800);
    assert_eq!(offered(&one, member.1).len(), 1);
}

/// Lent at home it could not go.
#[test]
fn who_bids_in_another_pool_lends_nothing_from_then_on() {
    let (mut one, member) = by_default();
    crate::support::away::pool(&mut one.world, "q", &[CPU, Resource::MemMib], "0.0005");
    crate::support::away::node(&mut one.world, "q", "there", [(CPU, 4_000), (Resource::MemMib, 4_000)].into());
    let later = one.slot.plus(1, RHYTHM.slot_seconds);
    let window = Window { start_at: later.start(), end_at: RHYTHM.slot_end(later) };
    let request = OrderRequest {
        window,
        pools: vec![PoolChoice::new("q".into())],
        assurance: Assurance::Firm,
        min_fill: share("1"),
        ..one.request(member.1, 100, "9")
    };
    let reply = one.place(member.0, Side::Bid, request);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
    let lent = |one: &mut One, slots: i64| {
        one.slot = one.slot.plus(slots, RHYTHM.slot_seconds);
        foresee(one, member.1, [500, 700, 900], 800);
        let of = |o: &&Order| o.request.first_slot() == one.slot && o.side == Side::Offer;
        automatic(one, member.1).into_iter().filter(of).count()
    };
    assert_eq!([lent(&mut one, 0), lent(&mut one, 1), lent(&mut one, 1)], [1, 0, 0], "before, in its window, after it");
}
