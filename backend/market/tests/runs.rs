//! Bids that take a run of their window, from placing to what becomes of what they won; and bids that move nobody.

use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use headroom_market::book::{OrderRequest, Side};
use headroom_market::clearing::document::Book;
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{OrderId, ParticipantId};
use headroom_market::pool::{ReserveStep, Tier};
use headroom_market::round::Award;
use headroom_market::units::{Credits, Resource, Share};
use headroom_solver::{Asked, Winning, winning_limit};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One node, for a reserve price of 0.0005 a unit: 1,000 milli of a slot cost 0.5.
fn market(capacity: i64) -> (World, ParticipantId) {
    market_at("0.0005", capacity)
}

fn market_at(price: &str, capacity: i64) -> (World, ParticipantId) {
    let mut world = World::new(1);
    let (pool, resource) = ("p".to_owned(), Resource::CpuMilli);
    world.run(Command::CreatePool {
        slug: pool.clone(),
        name: "P".into(),
        pop: "x".into(),
        tier: Tier::GeneralPurpose,
        resources: vec![resource],
        release_start: "1".parse().unwrap(),
    });
    let steps = vec![ReserveStep { share: Share::from_units(1_000_000), price: price.parse().unwrap() }];
    let effective_at = world.now.plus_seconds(-60);
    world.run(Command::ScheduleReserve {
        pool: pool.clone(),
        resource,
        steps,
        effective_at,
        expected_version: None,
        by: None,
    });
    let (capacity, properties) = ([(resource, capacity)].into(), BTreeMap::new());
    world.run(Command::CreateNode { name: "n".into(), pool, capacity, properties });
    let owner = participant(&mut world, "one", "1000");
    (world, owner)
}

/// 1,000 milli from one slot on for so many, or for a run of them.
fn request(world: &World, from: i64, slots: i64, min_run_slots: u32, limit: &str) -> OrderRequest {
    let at = |n: i64| RHYTHM.first_open(world.now).plus(n, RHYTHM.slot_seconds).start().to_string();
    serde_json::from_value(json!({
        "window": { "start_at": at(from), "end_at": at(from + slots) }, "resources": { "cpu_milli": 1_000 },
        "pools": [{ "pool": "p" }], "limit": limit, "min_fill": "1", "min_run_slots": min_run_slots,
    }))
    .unwrap()
}

fn place(world: &mut World, participant: ParticipantId, side: Side, request: OrderRequest) -> Reply {
    world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None })
}

fn bid(world: &mut World, participant: ParticipantId, request: OrderRequest) -> OrderId {
    match place(world, participant, Side::Bid, request) {
        Reply::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

fn round(world: &mut World) -> Arc<Book> {
    let seal = movers::seal(&world.state, world.now);
    let Reply::Sealed { round, book } = world.run(seal) else { panic!("a round") };
    let outcome = crate::support::cleared(&book);
    let result_hash = outcome.result_hash().to_owned();
    let reply = world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    assert!(matches!(reply, Reply::Done), "{reply:?}");
    book
}

fn award_of(world: &World, order: OrderId) -> Option<&Award> {
    world.state.awards.values().find(|a| a.order == order)
}

/// From which slot on it won, and how many.
fn won(world: &World, order: OrderId) -> Option<(i64, usize)> {
    let award = award_of(world, order)?;
    let first = award.lines.iter().map(|l| l.slot).min()?;
    Some(((first.seconds() - RHYTHM.first_open(world.now).seconds()) / RHYTHM.slot_seconds, award.lines.len()))
}

#[test]
fn a_run_is_won_where_the_whole_window_can_not_be_had() {
    for (shortest, expected) in [(0, None), (1, Some((1, 3))), (3, Some((1, 3))), (4, None)] {
        let (mut world, owner) = market(1_000);
        let first = request(&world, 0, 1, 0, "2.6");
        let taken = bid(&mut world, owner, first);
        let runs = request(&world, 0, 4, shortest, "4.000001");
        let other = participant(&mut world, "two", "100");
        let runs = bid(&mut world, other, runs);
        assert_eq!(world.state.orders[&runs].hold, "4.000001".parse().unwrap(), "of the whole window");
        round(&mut world);
        assert_eq!((won(&world, taken), won(&world, runs)), (Some((0, 1)), expected), "{shortest}");
        if let Some(award) = award_of(&world, runs) {
            assert_eq!((award.money, award.limit), ("1.5".parse().unwrap(), "3.000000".parse().unwrap()));
            assert!(!world.state.orders.contains_key(&runs), "it closes with its award");
        }
    }
}

/// Bids that win a little set a price of 0.000016006 in three slots. A hundred of each are 0.0048018, and rounded
/// one by one a micro-credit more than the part of the limit.
#[test]
fn rounding_charges_no_run_beyond_its_part_of_the_limit() {
    let (mut world, owner) = market_at("0.000010", 150);
    let of = |quantity: i64, min_fill: &str, mut request: OrderRequest| {
        request.resources = [(Resource::CpuMilli, quantity)].into();
        request.min_fill = min_fill.parse().unwrap();
        request
    };
    let all_of_the_first = of(150, "1", request(&world, 0, 1, 0, "1"));
    bid(&mut world, owner, all_of_the_first);
    for slot in 1..4 {
        let sets_the_price = of(10_000, "0", request(&world, slot, 1, 0, "0.160060"));
        bid(&mut world, owner, sets_the_price);
    }
    let other = participant(&mut world, "two", "1");
    let runs = of(100, "1", request(&world, 0, 4, 1, "0.006403"));
    let runs = bid(&mut world, other, runs);
    round(&mut world);
    assert_eq!(won(&world, runs), Some((1, 3)));
    let award = award_of(&world, runs).expect("it won");
    let part: Credits = "0.004802".parse().unwrap();
    assert_eq!((award.money, award.limit), ("0.004803".parse().unwrap(), part), "line by line");
    let all: Credits = "1".parse().unwrap();
    let paid: Credits = "0.004801".parse().unwrap();
    assert_eq!(all - world.state.available(other), paid, "rounded down for the buyer; the exchange carries the rest");
}

/// A slot whose price is above a slot's part of the limit is left out, although the limit would pay for it.
#[test]
fn what_is_dearer_than_its_part_of_the_limit_is_not_bought() {
    let (mut world, owner) = market(1_000);
    let other = participant(&mut world, "two", "100");
    let dear = request(&world, 0, 1, 0, "0.9");
    bid(&mut world, other, dear);
    let runs = request(&world, 0, 2, 1, "1.6");
    let runs = bid(&mut world, owner, runs);
    round(&mut world);
    assert_eq!(won(&world, runs), Some((1, 1)), "0.8 a slot is less than 0.9");
}

/// The limit that is told wins, and one tick less does not: by the prices, and by clearing again.
#[test]
fn the_winning_limit_of_a_run_is_for_the_whole_window() {
    let refused = |limit: &str| {
        let (mut world, owner) = market(2_000);
        // Somebody buys, so that there is a price.
        let other = participant(&mut world, "two", "100");
        let beside = request(&world, 0, 3, 0, "4");
        bid(&mut world, other, beside);
        let request = request(&world, 0, 3, 2, limit);
        let id = bid(&mut world, owner, request);
        let book = round(&mut world);
        let why = world.state.orders.get(&id).and_then(|o| o.last_reason.clone());
        (id, book, why, won(&world, id))
    };
    let (id, book, why, none) = refused("0.9");
    let why = why.expect("a reason");
    // Its part of 0.9 for two slots is 0.6.
    let said = (why.slots, why.price_faced, why.shortfall);
    assert_eq!(said, (Some(2), Some("1".parse().unwrap()), Some("0.4".parse().unwrap())));
    let told = why.winning_limit.expect("a limit");
    assert_eq!((none, told), (None, "1.500001".parse().unwrap()));
    let asked = Asked { order: &id.to_string(), runs_of: Some(3) };
    let found = winning_limit(&book, asked, &|| true);
    let Winning::Limit(found) = found else { panic!("{found:?}") };
    assert!(found <= told, "{found:?} {told}");
    assert!(refused(&found.to_string()).3.is_some(), "{found:?}");
    assert!(refused(&(found - Credits::from_units(1)).to_string()).3.is_none(), "{found:?}");
}

/// What was won of a window is for sale again at the limit of that part, and at no less.
#[test]
fn a_run_is_sold_on_at_its_part_of_the_limit() {
    for (limit, sold) in [("3.5", true), ("2.9", false)] {
        let (mut world, owner) = market(1_000);
        let other = participant(&mut world, "two", "100");
        let first = request(&world, 0, 1, 0, "2.6");
        bid(&mut world, other, first);
        let runs = request(&world, 0, 4, 3, "4");
        let runs = bid(&mut world, owner, runs);
        round(&mut world);
        assert_eq!(won(&world, runs), Some((1, 3)));
        world.now = world.now.plus_seconds(RHYTHM.round_seconds);
        let later = request(&world, 1, 3, 0, limit);
        let later = bid(&mut world, other, later);
        round(&mut world);
        assert_eq!(won(&world, later).is_some(), sold, "{limit}");
    }
}

#[test]
fn runs_that_can_not_be_are_refused() {
    let (mut world, owner) = market(1_000);
    let codes = |world: &mut World, side, request| match place(world, owner, side, request) {
        Reply::Refused(refusal) => (refusal.code, refusal.pointer),
        other => panic!("{other:?}"),
    };
    let long = request(&world, 0, 3, 4, "1");
    let run = |code| (code, "/min_run_slots".to_owned());
    assert_eq!(codes(&mut world, Side::Bid, long), run("min_run_longer_than_window"));
    let fits = request(&world, 0, 3, 3, "1");
    let divisible = OrderRequest { min_fill: "0".parse().unwrap(), ..fits.clone() };
    assert_eq!(codes(&mut world, Side::Offer, divisible), run("min_run_of_offer"));
    let later = OrderRequest { latest_start_at: Some(fits.window.start_at), ..fits.clone() };
    assert_eq!(codes(&mut world, Side::Bid, later), run("min_run_with_latest_start"));
    let stays = |code| (code, "/no_displacement".to_owned());
    let in_place = OrderRequest { no_displacement: true, min_run_slots: 0, ..fits };
    assert_eq!(codes(&mut world, Side::Bid, in_place.clone()), stays("no_displacement_needs_instance"));
    let divisible = OrderRequest { min_fill: "0".parse().unwrap(), ..in_place };
    assert_eq!(codes(&mut world, Side::Offer, divisible), stays("no_displacement_of_offer"));
}
