//! Draws: what is free is had at once in the middle of a slot, at no lower price than by bidding, for what was there.
use crate::exchange_random::{check_replay, check_settlement};
use crate::support::draws::{Seen, check_history, draw, promised, some_of_it};
use crate::support::one_node::*;
use crate::support::recallable;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use crate::support::{crowded, movers};
use headroom_market::book::{Assurance, OrderRequest, OrderStatus, Origin, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, UserId};
use headroom_market::pool::NodeState;
use headroom_market::swap::draw::{Draw, LEAST_SECONDS};
use headroom_market::units::{Price, Resource};
use headroom_market::workload::{Strategy, need};

/// A node with a lender of 2,000 and buyers of 500 each, in a slot for which nothing was traded but what `before` says.
fn begun(capacity: i64, before: impl FnOnce(&mut One)) -> One {
    let mut one = one(capacity);
    before(&mut one);
    one.begin();
    one
}

fn asked(instance: InstanceId, quantity: i64) -> Draw {
    Draw { instance, resource: CPU, quantity, highest_price: None }
}

fn firm(one: &mut One, buyer: usize, quantity: i64, limit: &str) {
    let (owner, instance) = one.buyers[buyer];
    let request = OrderRequest { assurance: Assurance::Firm, ..one.request(instance, quantity, limit) };
    assert!(matches!(one.place(owner, Side::Bid, request), Reply::Order(_)));
}

fn refused(one: &mut One, draw: Draw) -> &'static str {
    let owner = one.world.state.instances[&draw.instance].participant;
    match one.world.run(Command::Draw { participant: Some(owner), draw }) {
        Reply::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    }
}

fn refused_of(one: &mut One, draw: impl Fn(&One) -> Draw) -> &'static str {
    let draw = draw(one);
    refused(one, draw)
}

fn receipts(world: &World, instance: InstanceId) -> Vec<&headroom_market::settlement::Receipt> {
    world.receipts.iter().filter(|r| r.instance == Some(instance)).collect()
}

#[test]
fn what_is_free_is_had_at_once_and_charged_from_then_on() {
    let mut one = begun(4_000, |_| {});
    let buyer = one.buyers[0].1;
    // A quarter of the slot has gone.
    one.world.now = one.slot.start().plus_seconds(RHYTHM.slot_seconds / 4);
    let drawn = draw(&mut one.world, asked(buyer, 600), &mut Seen::default()).expect("1,000 are free");
    assert_eq!((drawn.quantity, drawn.price.to_string().as_str()), (600, "0.000500000"), "the reserve price");
    assert_eq!(drawn.until, RHYTHM.slot_end(one.slot));
    let order = drawn.order.expect("it has an order");
    let placed = one.world.log.iter().flat_map(|(_, events)| events).find_map(|event| match event {
        Event::OrderAccepted(o) if o.id == order => Some((o.origin, o.request.instance)),
        _ => None,
    });
    assert_eq!(placed, Some((Origin::Draw, Some(buyer))));
    let filled = |event: &Event| matches!(event, Event::OrderFilled { order: id, status: OrderStatus::Filled, .. } if *id == order);
    assert!(one.world.log.iter().flat_map(|(_, events)| events).any(filled));
    one.carry_out();
    assert_eq!(one.in_force(buyer), 1_100);
    // In force in the last two of four quarters: its tick in the second still found it as it was.
    one.settle([500, 500, 1_100, 1_100], buyer);
    let [receipt] = receipts(&one.world, buyer)[..] else { panic!("one receipt") };
    assert_eq!((receipt.lines[0].awarded, receipt.lines[0].delivered), (600, 300));
    assert_eq!((receipt.amount.to_string(), receipt.credit_note.to_string()), ("0.150000".into(), "0.150000".into()));
    assert_eq!(receipt.cause.as_deref(), Some("drawn_in_slot"), "a quarter was before it, a quarter late");
}

#[test]
fn it_ends_with_its_slot_also_where_the_next_is_planned() {
    for planned_before in [false, true] {
        let mut one = begun(4_000, |_| {});
        let (buyer, next) = (one.buyers[0].1, one.slot.plus(1, RHYTHM.slot_seconds));
        let plan_next = |one: &mut One| {
            one.world.now = RHYTHM.gate_closes(next);
            one.world.run(Command::PlanSlot { slot: next });
        };
        if planned_before {
            plan_next(&mut one);
        }
        draw(&mut one.world, asked(buyer, 600), &mut Seen::default()).expect("it is free");
        one.carry_out_of(one.slot);
        assert_eq!(one.in_force(buyer), 1_100);
        if !planned_before {
            plan_next(&mut one);
        }
        one.world.now = next.start().plus_seconds(1);
        one.carry_out();
        assert_eq!(one.in_force(buyer), 500, "planned before: {planned_before}");
    }
}

#[test]
fn nobody_has_it_cheaper_than_by_bidding_and_it_sets_no_price() {
    // The first bids for 400 of 1,000 that are free, the second draws the rest.
    let mut one = begun(4_000, |one| {
        firm(one, 0, 400, "1");
        one.round();
    });
    let price = |one: &One| {
        let product = &one.world.state.products[&("p".to_owned(), CPU, one.slot)];
        (product.mean_price(), product.volume, product.last_price)
    };
    let before = price(&one);
    let second = one.buyers[1].1;
    let drawn = draw(&mut one.world, asked(second, 900), &mut Seen::default()).expect("600 are free");
    assert_eq!((drawn.quantity, Some(drawn.price)), (600, before.0));
    assert_eq!(price(&one), before);
    // There is nothing left, whoever asks.
    assert_eq!(refused_of(&mut one, |one| asked(one.lender.1, 1)), "nothing_to_draw");
    // And for less than it costs there is nothing.
    let mut one = begun(4_000, |_| {});
    let cheap = Draw { highest_price: Some("0.000499999".parse().unwrap()), ..asked(one.buyers[0].1, 1) };
    assert_eq!(refused(&mut one, cheap), "draw_too_dear");
}

/// What a lender may have back at any time is not free, whether somebody uses it or not.
#[test]
fn what_is_lent_and_may_be_taken_back_is_not_drawn() {
    let mut one = begun(3_000, |one| {
        one.placed(one.lender, Side::Offer, 1_000, "0.2");
        one.placed(one.buyers[0], Side::Bid, 600, "0.6");
        one.round();
    });
    let (quantity, _) = (one.in_force(one.lender.1), one.in_force(one.buyers[0].1));
    assert!(quantity < 2_000, "it lends");
    assert_eq!(refused_of(&mut one, |one| asked(one.buyers[1].1, 100)), "nothing_to_draw");
    let recalled = one.recall(None);
    one.carry_out();
    assert_eq!(one.in_force(one.lender.1), 2_000, "{recalled:?}");
}

#[test]
fn what_others_wait_for_is_not_drawn() {
    // The first has won what the lender lends; while that is late what is free is the first's.
    let mut one = one(3_100);
    one.placed(one.lender, Side::Offer, 500, "0.1");
    let (owner, lends) = one.lender;
    let request = OrderRequest { assurance: Assurance::Firm, ..one.request(lends, 400, "0.1") };
    assert!(matches!(one.place(owner, Side::Offer, request), Reply::Order(_)));
    firm(&mut one, 0, 500, "1");
    one.round();
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.slot.start().plus_seconds(1);
    assert_eq!(refused_of(&mut one, |one| asked(one.buyers[1].1, 50)), "nothing_to_draw");
    assert_eq!(refused_of(&mut one, |one| asked(one.buyers[0].1, 50)), "workload_changes", "it is being resized");
}

/// A round that takes longer than it should may still award the slot.
#[test]
fn what_a_sealed_round_may_award_is_not_drawn() {
    let mut one = one(4_000);
    firm(&mut one, 0, 400, "1");
    let seal = movers::seal(&one.world.state, one.world.now);
    assert!(matches!(one.world.run(seal), Reply::Sealed { .. }));
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.slot.start().plus_seconds(1);
    assert_eq!(refused_of(&mut one, |one| asked(one.buyers[1].1, 100)), "round_under_way");
    one.world.run(Command::VoidRound { round: 1, reason: "it took too long".into() });
    let second = one.buyers[1].1;
    assert!(draw(&mut one.world, asked(second, 100), &mut Seen::default()).is_some());
    // And what goes on without a round is not known before the slot is planned.
    let mut one = begun(4_000, |_| {});
    one.world.now = RHYTHM.slot_end(one.slot).plus_seconds(1);
    assert_eq!(refused_of(&mut one, |one| asked(one.buyers[1].1, 100)), "round_under_way");
}

/// Rounds sell it dearer the less is left; at its reserve price it would be cheaper to wait for the slot.
#[test]
fn what_is_priced_by_the_chance_of_a_shortage_is_not_drawn() {
    let mut one = begun(4_000, |_| {});
    let shortage_cost = [(CPU, "0.01".parse::<Price>().unwrap())].into();
    let set = one.world.run(Command::SetShortageCost { pool: "p".into(), shortage_cost, expected_version: None });
    assert!(matches!(set, Reply::Pool(_)), "{set:?}");
    assert_eq!(refused_of(&mut one, |one| asked(one.buyers[0].1, 100)), "draw_of_scarce");
}

/// A shadow run takes its room before its slot begins.
#[test]
fn room_for_who_comes_for_the_next_slot_is_not_drawn() {
    let mut world = crowded::market(1);
    let (full, other) = (crowded::node(&mut world, "full", 3_000), crowded::node(&mut world, "other", 5_000));
    let (one, two) = (participant(&mut world, "one", "100"), participant(&mut world, "two", "100"));
    let comes = crowded::workload(&mut world, one, full, 2_500);
    let draws = crowded::workload(&mut world, two, other, 1_000);
    for _ in 0..2 {
        let slot = RHYTHM.first_open(world.now);
        world.now = RHYTHM.gate_closes(slot);
        world.run(Command::PlanSlot { slot });
        world.now = slot.start().plus_seconds(1);
    }
    let bid = crowded::bid(&mut world, one, Some(comes), 1_000, "9");
    assert_eq!(crowded::round(&mut world)[&bid], (1_000, vec![other]));
    let drawn = draw(&mut world, asked(draws, 9_000), &mut Seen::default()).expect("some of it is free");
    assert_eq!(drawn.quantity, 5_000 - 1_000 - 3_500);
}

#[test]
fn a_baseline_that_was_lowered_counts_as_long_as_it_is_there() {
    let mut one = begun(9_000, |_| {});
    let (_, lender) = one.lender;
    let lowered = one.world.run(Command::SetBaseline { instance: lender, baseline: cpu(500), floor: cpu(0) });
    assert!(matches!(lowered, Reply::Instance(_)), "{lowered:?}");
    let drawn = draw(&mut one.world, asked(lender, 50_000), &mut Seen::default()).expect("up to its limit");
    assert_eq!(drawn.quantity, 5_000 - 2_000);
}

#[test]
fn every_reason_why_nothing_is_drawn_has_a_code() {
    let mut one = begun(9_000, |_| {});
    let (owner, buyer) = one.buyers[0];
    assert_eq!(refused(&mut one, asked(buyer, 0)), "quantity_out_of_range");
    let gpus = Draw { resource: Resource::GpuMilli, ..asked(buyer, 1_000) };
    assert_eq!(refused(&mut one, gpus), "resource_not_enforced");
    let memory = Draw { resource: Resource::MemMib, ..asked(buyer, 10) };
    let shown = one.world.state.instances[&buyer].shown_at_end.is_some();
    if !shown {
        assert_eq!(refused(&mut one, memory), "no_vacate_path");
    }
    let stranger = one.world.run(Command::Draw { participant: Some(one.lender.0), draw: asked(buyer, 1) });
    assert!(matches!(stranger, Reply::Refused(r) if r.code == "not_found"));
    let strategy = |most: i64| Strategy { max_swap: cpu(most), ..Strategy::default() };
    let set = |one: &mut One, strategy| {
        let reply = one.world.run(Command::SetStrategy {
            participant: owner,
            instance: buyer,
            strategy,
            expected_version: None,
        });
        assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    };
    set(&mut one, strategy(100));
    let drawn = draw(&mut one.world, asked(buyer, 5_000), &mut Seen::default()).expect("a hundred");
    assert_eq!(drawn.quantity, 100, "its thrash limit");
    assert_eq!(refused(&mut one, asked(buyer, 1)), "workload_changes");
    one.carry_out();
    assert_eq!(refused(&mut one, asked(buyer, 1)), "above_instance_limit");
    set(&mut one, Strategy::default());
    let drawn = draw(&mut one.world, asked(buyer, 50_000), &mut Seen::default()).expect("up to its limit");
    assert_eq!(drawn.quantity, 5_000 - 500 - 100);
    one.carry_out();
    let second = one.buyers[1].1;
    one.world.now = RHYTHM.slot_end(one.slot).plus_seconds(1 - LEAST_SECONDS);
    assert_eq!(refused(&mut one, asked(second, 1)), "slot_nearly_over");
    let mut one = begun(9_000, |_| {});
    let (owner, second) = one.buyers[1];
    let by = UserId::from_raw(1);
    one.world.run(Command::HaltPool { pool: "p".into(), by, reason: "tests".to_owned() });
    assert_eq!(refused(&mut one, asked(second, 1)), "pool_halted");
    let mut one = begun(9_000, |_| {});
    let stopped = one.world.run(Command::StopInstance { instance: second, participant: owner });
    assert!(matches!(stopped, Reply::Instance(_)), "{stopped:?}");
    assert_eq!(refused(&mut one, asked(second, 1)), "instance_not_running");
}

#[test]
fn only_what_can_be_taken_back_by_a_limit_is_drawn_automatically() {
    let mut one = one(9_000);
    let (participant, instance) = one.buyers[0];
    let mut set = |draws: &[(Resource, &str)]| {
        let draws = draws.iter().map(|(r, p)| (*r, p.parse::<Price>().unwrap())).collect();
        let strategy = Strategy { draws, ..Strategy::default() };
        match one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None }) {
            Reply::Refused(refusal) => (refusal.code, refusal.pointer),
            _ => ("", String::new()),
        }
    };
    assert_eq!(set(&[(CPU, "0.001")]).0, "");
    assert_eq!(set(&[(Resource::MemMib, "0.001")]), ("draws_by_hand_only", "/draws/mem_mib".to_owned()));
    assert_eq!(set(&[(CPU, "-0.001")]), ("price_out_of_range", "/draws/cpu_milli".to_owned()));
    let instance = one.world.state.instances[&instance].clone();
    // What it needs beyond what it has, and a tenth of its baseline.
    assert_eq!(need::beyond(&instance, CPU, 500, 700, true), 250);
    assert_eq!(need::beyond(&instance, CPU, 500, 400, true), 50, "it waited for its allowance all the same");
    assert_eq!(need::beyond(&instance, CPU, 500, 400, false), 0);
}

/// Whatever else happens: no node is promised twice, money is conserved, what is drawn is paid for as far as it was there.
#[test]
fn random_histories_with_draws() {
    let (mut seen, mut rounds) = (Seen::default(), 0);
    for seed in 6_000..6_150 {
        let mut lent = recallable::Seen::default();
        let (world, cleared) = random_life_with(seed, |world, command| {
            let command = if seed % 3 == 0 { recallable::some_of_it(world, command, &mut lent) } else { command };
            some_of_it(world, command, &mut seen)
        });
        rounds += cleared;
        check_history(&world, &mut seen);
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {seen:?}");
    assert!(rounds > 1_000 && seen.draws > 600 && seen.before_the_next > 5 && seen.partly > 200, "{rounds} {seen:?}");
    assert!(seen.delivered > 100 && seen.in_part > 100 && seen.refused.len() >= 6, "{seen:?}");
}

/// The auditor sees it where a node is promised twice.
#[test]
fn the_auditor_counts_what_is_promised() {
    let one = begun(4_000, |_| {});
    assert_eq!(promised(&one.world, one.node, CPU, one.slot), 3_000);
}

#[test]
fn on_a_cordoned_node_nothing_is_drawn() {
    let mut one = begun(4_000, |_| {});
    let buyer = one.buyers[0].1;
    let node = one.world.state.instances[&buyer].node;
    let set = |state| Command::SetNodeState { node, state };
    assert!(matches!(one.world.run(set(NodeState::Cordoned)), Reply::Node(_)));
    assert_eq!(refused(&mut one, asked(buyer, 1)), "node_takes_nothing");
    assert!(matches!(one.world.run(set(NodeState::Up)), Reply::Node(_)));
    draw(&mut one.world, asked(buyer, 1), &mut Seen::default()).expect("it takes something again");
}
