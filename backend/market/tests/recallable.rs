//! What is lent so that it may be taken back: its own price, who gives it up, and what that costs.

use crate::support::away::{node, pool, workload};
use crate::support::movers;
use crate::support::one_node::*;
use crate::support::world::{RHYTHM, participant};
use headroom_market::book::{Assurance, OrderRequest, PoolChoice, Resell, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::round::AwardKind;
use headroom_market::settlement::meter::Reading;
use headroom_market::swap::recall::{self, Recall};
use headroom_market::units::{Credits, Resource, amount};
use headroom_market::workload::{AutoOffer, Class, SlotOutlook, Strategy};

#[test]
fn it_has_a_price_of_its_own_and_the_operator_sells_none() {
    let mut one = one(9_000);
    // 6,000 are free on the node, and none of it is in the recallable part.
    one.placed(one.buyers[0], Side::Bid, 500, "1");
    let seal = movers::seal(&one.world.state, one.world.now);
    one.world.run(seal);
    let order = one.world.state.orders.values().next().unwrap();
    assert!(order.awards.is_empty());
    let mut one = traded(9_000);
    assert_eq!(one.price().to_string(), "0.000200000", "the lender's limit, under the operator's 0.0005");
    one.begin();
    assert_eq!(one.in_force(one.lender.1), 1_000);
    assert_eq!((one.in_force(one.buyers[0].1), one.in_force(one.buyers[1].1)), (1_100, 900));
}

/// What is lent on one node serves nobody on another: it has a price of its own there. (An offer of one millicore for nothing,
/// on a node where nobody bids, kept the price of the pool at nothing, and nobody could sell anywhere.)
#[test]
fn who_lends_on_another_node_keeps_no_price_down() {
    for (offered, limit, bids) in
        [(1, "0", None), (1_000, "0", Some((10, "100"))), (1_000, "0.9", Some((1_000, "0.95")))]
    {
        // the first node is full
        let mut one = one(3_000);
        node(&mut one.world, "p", "other", [(CPU, 3_000), (Resource::MemMib, 9_000)].into());
        let there = second_lender(&mut one, 2_000);
        let owner = participant(&mut one.world, "buyer there", "1000");
        let buyer = (owner, workload(&mut one.world, owner, "p", cpu(1_000), cpu(5_000)));
        let [elsewhere, too] = [there.1, buyer.1].map(|id| one.world.state.instances[&id].node);
        assert!(elsewhere != one.node && too == elsewhere);
        one.placed(there, Side::Offer, offered, limit);
        let sold = bids.map_or(0, |(quantity, limit)| {
            one.placed(buyer, Side::Bid, quantity, limit);
            quantity
        });
        one.placed(one.lender, Side::Offer, 1_000, "0.2");
        one.placed(one.buyers[0], Side::Bid, 600, "0.6");
        one.placed(one.buyers[1], Side::Bid, 400, "0.8");
        one.round();
        let round = one.world.state.rounds.values().last().unwrap();
        assert_eq!(round.certificate.as_ref().map(|c| c.quality.as_str()), Some("optimal"));
        let price = |node| round.prices.iter().find(|p| p.node == Some(node) && p.pool == "p~recallable");
        let here = price(one.node).expect("it was traded");
        assert_eq!((here.price.to_string().as_str(), here.volume), ("0.000200000", 1_000));
        let there = price(elsewhere);
        assert_eq!(there.map_or(0, |p| p.volume), sold, "only what was traded has a price");
        // the product of the pool has what was bought on both, and what that came to
        let product = one.world.state.products.values().find(|p| p.pool == "p~recallable").expect("it was traded");
        assert_eq!(product.volume, 1_000 + sold);
        let nano = 200_000 * 1_000 + there.map_or(0, |p| i128::from(p.price.units())) * i128::from(sold);
        assert_eq!(product.value_nano, nano.to_string());
        let lines = one.world.state.awards.values().flat_map(|a| &a.lines);
        assert!(lines.clone().all(|l| l.pool == "p~recallable"), "no award has the name of a book");
        one.begin();
        assert_eq!(one.in_force(one.lender.1), 1_000);
    }
}

#[test]
fn on_a_full_node_who_pays_least_gives_it_up() {
    let mut one = traded(3_000);
    one.begin();
    let recalled = one.recall(Some(700));
    assert_eq!((recalled.quantity, recalled.from_idle), (700, 0));
    one.carry_out();
    // The first would have paid 0.001 a unit, the second 0.002.
    assert_eq!((one.in_force(one.buyers[0].1), one.in_force(one.buyers[1].1)), (500, 800));
    assert_eq!(one.in_force(one.lender.1), 1_700);
    let recalled = one.recall(None);
    assert_eq!((recalled.quantity, recalled.from_idle), (300, 0), "what is left");
    one.carry_out();
    assert_eq!((one.in_force(one.buyers[1].1), one.in_force(one.lender.1)), (500, 2_000));
    let recall = Recall { instance: one.lender.1, resource: CPU, slot: one.slot, quantity: None };
    let reply = one.world.run(Command::Recall { participant: None, recall });
    assert!(matches!(reply, Reply::Refused(r) if r.code == "nothing_to_recall"));
}

#[test]
fn of_three_classes_the_lowest_gives_it_up_first() {
    for (classes, limits) in [
        ([Class::Critical, Class::Standard], [1_100, 500, 1_400]),
        ([Class::Standard, Class::Opportunistic], [1_100, 500, 1_400]),
        ([Class::Opportunistic, Class::Standard], [700, 900, 1_400]),
    ] {
        let mut one = one(3_000);
        one.placed(one.lender, Side::Offer, 1_000, "0.2");
        for (index, (quantity, limit)) in [(600, "0.6"), (400, "0.8")].into_iter().enumerate() {
            let (participant, instance) = one.buyers[index];
            let allowed = Some(Class::Critical);
            one.world.run(Command::SetQuota { participant, quota: None, instance_limit: None, highest_class: allowed });
            let request = OrderRequest { class: classes[index], ..one.request(instance, quantity, limit) };
            assert!(matches!(one.place(participant, Side::Bid, request), Reply::Order(_)));
        }
        one.round();
        one.begin();
        one.recall(Some(400));
        one.carry_out();
        // The first bids less for a unit than the second.
        let has = [one.buyers[0].1, one.buyers[1].1, one.lender.1].map(|id| one.in_force(id));
        assert_eq!(has, limits, "{classes:?}");
    }
}

/// Given for what recallable capacity costs, two members could have it under the reserve price.
#[test]
fn what_the_operator_has_not_sold_stays_unsold() {
    let mut one = traded(3_400);
    one.begin();
    let recalled = one.recall(Some(700));
    assert_eq!((recalled.quantity, recalled.from_idle), (700, 0));
    one.carry_out();
    let limits = [one.buyers[0].1, one.buyers[1].1, one.lender.1].map(|id| one.in_force(id));
    assert_eq!(limits, [500, 800, 1_700], "400 of 3,400 are nobody's");
}

#[test]
fn firm_capacity_of_a_buyer_is_not_touched() {
    let mut one = one(3_400);
    one.placed(one.lender, Side::Offer, 1_000, "0.2");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    let mut firm = one.request(one.buyers[0].1, 400, "1");
    firm.assurance = Assurance::Firm;
    assert!(matches!(one.place(one.buyers[0].0, Side::Bid, firm), Reply::Order(_)));
    one.round();
    one.begin();
    assert_eq!(one.in_force(one.buyers[0].1), 1_500);
    // After the first of four ticks.
    one.world.now = one.slot.start().plus_seconds(10);
    assert_eq!(one.recall(None).from_idle, 0, "the node is full");
    one.carry_out();
    assert_eq!(one.in_force(one.buyers[0].1), 900, "its baseline, and what it bought firmly");
    // What is missing in the settlement is the recallable part, though its award is the earlier.
    one.settle([1_500, 900, 900, 900], one.buyers[0].1);
    let of = |pool: &str| {
        let lines = one.world.receipts.iter().filter(|r| r.side == Side::Bid).flat_map(|r| &r.lines);
        lines.filter(|l| l.pool == pool).map(|l| (l.awarded, l.delivered)).collect::<Vec<_>>()
    };
    assert_eq!((of("p"), of("p~recallable")), (vec![(400, 400)], vec![(600, 150)]));
}

#[test]
fn time_is_paid_for_and_nothing_is_owed() {
    let mut one = traded(3_000);
    let (lender, buyer) = (one.lender.0, one.buyers[0].0);
    one.begin();
    let before = (one.world.state.available(lender), one.world.state.available(buyer));
    // The first buyer has 600 for a quarter of the slot; the second keeps its 400.
    one.world.now = one.slot.start().plus_seconds(10);
    one.recall(Some(600));
    one.carry_out();
    let id = one.buyers[0].1;
    let quarters = [1_100, 500, 500, 500];
    let readings = |one: &One, instance: InstanceId, limits: [i64; 4]| {
        let baseline = amount(&one.world.state.instances[&instance].baseline, CPU);
        let mut reading = Reading::new(instance, CPU);
        limits.iter().for_each(|limit| reading.add_tick(limit - baseline));
        reading
    };
    let all = vec![
        readings(&one, one.lender.1, [1_000, 1_600, 1_600, 1_600]),
        readings(&one, id, quarters),
        readings(&one, one.buyers[1].1, [900; 4]),
    ];
    one.world.now = RHYTHM.slot_end(one.slot).plus_seconds(5);
    one.world.run(Command::SettleSlot { slot: one.slot, readings: all });
    let receipt = |side: Side, who: ParticipantId| {
        one.world.receipts.iter().find(|r| r.side == side && r.participant == who).unwrap()
    };
    let bought = receipt(Side::Bid, buyer);
    assert_eq!((bought.lines[0].delivered, bought.cause.as_deref()), (150, Some("recalled")));
    let lent = receipt(Side::Offer, lender);
    assert_eq!((lent.lines[0].delivered, lent.cause.as_deref()), (550, Some("recalled")));
    assert!(lent.compensation.is_zero() && lent.lines[0].kept == 0, "a recall is no debt");
    // 550 and 450 at 0.0002.
    assert_eq!(one.world.state.available(lender) - before.0, "0.11".parse().unwrap());
    assert_eq!(one.world.state.available(buyer) - before.1, "0.09".parse().unwrap());
}

#[test]
fn what_is_taken_back_before_the_slot_is_planned_so() {
    let mut one = traded(3_000);
    let recalled = one.recall(Some(600));
    assert_eq!(recalled.from_idle, 0);
    assert!(one.world.state.swaps.is_empty(), "there is time until the gate");
    one.begin();
    assert_eq!((one.in_force(one.buyers[0].1), one.in_force(one.lender.1)), (500, 1_600));
}

#[test]
fn a_recall_while_a_buyer_is_being_resized_is_carried_out_after_it() {
    let mut one = traded(3_000);
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.slot.start().plus_seconds(1);
    // Nobody has been resized yet.
    assert_eq!(one.world.state.swaps.len(), 3);
    one.recall(None);
    one.carry_out();
    assert_eq!(one.in_force(one.lender.1), 2_000);
    assert_eq!((one.in_force(one.buyers[0].1), one.in_force(one.buyers[1].1)), (500, 500));
}

#[test]
fn lending_both_ways_stays_over_the_floor_in_one_round() {
    let mut one = one(9_000);
    let request = |assurance| OrderRequest { assurance, ..one.request(one.lender.1, 1_900, "0.1") };
    let (firm, recallable) = (request(Assurance::Firm), request(Assurance::Recallable));
    for request in [firm, recallable] {
        assert!(matches!(one.place(one.lender.0, Side::Offer, request), Reply::Order(_)));
    }
    for (assurance, buyer) in [(Assurance::Firm, 0), (Assurance::Recallable, 1)] {
        let request = OrderRequest { assurance, ..one.request(one.buyers[buyer].1, 1_500, "3") };
        assert!(matches!(one.place(one.buyers[buyer].0, Side::Bid, request), Reply::Order(_)));
    }
    // `World::run` audits floors after every command.
    one.round();
    let lent: i64 =
        one.world.state.awards.values().filter(|a| a.kind == AwardKind::Lent).map(|a| a.lines[0].quantity).sum();
    assert_eq!(lent, 1_500, "what the firm offer leaves of 1,900 is none");
}

#[test]
fn orders_that_cannot_be_recallable_are_refused_with_the_reason() {
    let mut one = one(9_000);
    let (who, instance) = one.buyers[0];
    let good = one.request(instance, 100, "1");
    let refused = |one: &mut One, request: OrderRequest| match one.place(who, Side::Bid, request) {
        Reply::Refused(refusal) => (refusal.code, refusal.pointer),
        other => panic!("{other:?}"),
    };
    let memory = OrderRequest { resources: [(Resource::MemMib, 10)].into(), ..good.clone() };
    assert_eq!(refused(&mut one, memory), ("no_vacate_path", "/resources/mem_mib".to_owned()));
    let nobody = OrderRequest { instance: None, ..good.clone() };
    assert_eq!(refused(&mut one, nobody).0, "recallable_needs_instance");
    let twin = vec![PoolChoice { pool: "p~recallable".into(), adder: Credits::ZERO }];
    let firm = OrderRequest { assurance: Assurance::Firm, pools: twin.clone(), ..good.clone() };
    assert_eq!(refused(&mut one, firm), ("assurance_mixed", "/pools/0/pool".to_owned()));
    pool(&mut one.world, "q", &[CPU], "0.0005");
    node(&mut one.world, "q", "there", [(CPU, 1_000)].into());
    let elsewhere = vec![PoolChoice { pool: "q".into(), adder: Credits::ZERO }];
    let closed = OrderRequest { pools: elsewhere, ..good.clone() };
    assert_eq!(refused(&mut one, closed.clone()).0, "recallable_not_traded");
    one.world.run(Command::OpenRecallable { pool: "q".into() });
    assert_eq!(refused(&mut one, closed).0, "recallable_outside_home_pool");
    let named = OrderRequest { pools: twin, ..good };
    assert!(matches!(one.place(who, Side::Bid, named), Reply::Order(_)), "its own name will do");
    let reserve = Command::ScheduleReserve {
        pool: "p~recallable".into(),
        resource: CPU,
        steps: Vec::new(),
        effective_at: one.world.now,
        expected_version: None,
        by: None,
    };
    assert!(matches!(one.world.run(reserve), Reply::Refused(r) if r.code == "no_supply_in_recallable"));
    let halted =
        Command::HaltPool { pool: "p".into(), by: headroom_market::ids::UserId::from_raw(1), reason: "repair".into() };
    one.world.run(halted);
    let (_, lender) = one.lender;
    let offer = one.request(lender, 100, "0");
    assert!(matches!(one.place(one.lender.0, Side::Offer, offer), Reply::Refused(r) if r.code == "pool_halted"));
}

#[test]
fn what_is_bought_so_is_not_sold_on() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 500, "0.05");
    let resold = OrderRequest { resell: Resell::OwnLimit, ..one.request(one.buyers[0].1, 500, "0.2") };
    assert!(matches!(one.place(one.buyers[0].0, Side::Bid, resold), Reply::Order(_)));
    one.round();
    one.placed(one.buyers[1], Side::Bid, 500, "1");
    one.round();
    assert!(one.world.state.awards.values().all(|a| a.kind != AwardKind::Resold && a.lines[0].resold == 0));
}

#[test]
fn an_automatic_offer_lends_what_is_probably_not_needed() {
    // Of 2,000 at most 700 are needed in nine slots of ten, and 1,200 are needed somewhere in the window.
    let mut one = one(9_000);
    let prices = |price: &str| [(CPU, price.parse().unwrap())].into();
    let auto_offer = AutoOffer {
        minimum_price: prices("0.0003"),
        at_least_reserve_price: false,
        recallable_price: prices("0.0001"),
    };
    let strategy = Strategy { auto_offer: Some(auto_offer), ..Strategy::default() };
    let (participant, instance) = one.lender;
    let reply = one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    let need = vec![(500, cpu(400)), (900, cpu(700)), (975, cpu(900))];
    let outlook = SlotOutlook { slot: one.slot, need, lendable: cpu(800), joint: None };
    one.world.run(Command::RecordOutlooks { model: None, outlooks: vec![(instance, vec![outlook])] });
    let orders = one.world.state.orders.values();
    // In whichever order their ids are.
    let mut offers: Vec<_> = orders.map(|o| (amount(&o.remaining, CPU), o.request.assurance)).collect();
    offers.sort_by_key(|(quantity, _)| *quantity);
    assert_eq!(offers, [(500, Assurance::Recallable), (800, Assurance::Firm)]);
}

#[test]
fn what_is_needed_back_is_what_is_asked_for_and_a_little_more() {
    let one = one(9_000);
    let instance = &one.world.state.instances[&one.lender.1];
    let needed = |demand, throttled, most| recall::needed(instance, CPU, 1_000, demand, throttled, most);
    assert_eq!(needed(900, false, 800), 0, "it has enough");
    assert_eq!(needed(1_100, false, 800), 300, "100, and a tenth of its baseline");
    assert_eq!(needed(900, true, 800), 200, "it waits and nothing tells for how much");
    assert_eq!(needed(9_000, true, 800), 800, "no more than it has lent");
    assert_eq!(needed(9_000, true, 0), 0);
}
