//! Workloads that go to another node so that somebody else's bid has room, for a fee; by hand.

use crate::support::crowded::{another_pool, bid, bid_that, market, node, round, workload};
use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::random_life_with;
use headroom_market::book::{OrderRequest, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, NodeId, OrderId, ParticipantId, SwapId};
use headroom_market::ledger::Account;
use headroom_market::round::movers::Movers;
use headroom_market::swap::Swap;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource, amount};
use headroom_market::workload::Strategy;
use std::collections::BTreeSet;

/// Two workloads fill a node: one of 2,000 that grows, and one of 2,000 that may make way. Another node has room for
/// one of them.
struct Crowded {
    world: World,
    full: NodeId,
    empty: NodeId,
    grows: (ParticipantId, InstanceId),
    yields: (ParticipantId, InstanceId),
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

impl Crowded {
    fn new(fee: Option<&str>) -> Self {
        Self::with(fee, 5_000, 2_500)
    }

    /// The nodes are so large.
    fn with(fee: Option<&str>, full: i64, empty: i64) -> Self {
        let mut world = market(1);
        let (full, empty) = (node(&mut world, "full", full), node(&mut world, "empty", empty));
        let (one, two) = (participant(&mut world, "one", "100"), participant(&mut world, "two", "100"));
        let grows = (one, workload(&mut world, one, full, 3_000));
        let yields = (two, workload(&mut world, two, full, 2_000));
        let mut crowded = Self { world, full, empty, grows, yields };
        crowded.asks(fee);
        crowded
    }

    fn asks(&mut self, fee: Option<&str>) {
        let (participant, instance) = self.yields;
        let strategy = Strategy { makes_way_for: fee.map(credits), ..Strategy::default() };
        let reply = self.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
        assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    }

    fn bid(&mut self, quantity: i64, limit: &str) -> OrderId {
        bid(&mut self.world, self.grows.0, Some(self.grows.1), quantity, limit)
    }

    fn available(&self, participant: ParticipantId) -> Credits {
        self.world.state.available(participant)
    }

    fn put_aside(&self) -> Credits {
        self.world.state.ledger.balance(Account::Migration)
    }

    fn plan(&mut self) -> Slot {
        let slot = RHYTHM.first_open(self.world.now);
        self.world.now = RHYTHM.gate_closes(slot);
        self.world.run(Command::PlanSlot { slot });
        slot
    }

    fn swap(&self, id: InstanceId) -> Option<&Swap> {
        self.world.state.instances[&id].swap.map(|swap| &self.world.state.swaps[&swap])
    }

    fn step(&mut self, swap: SwapId, fails: Option<&str>) {
        let (state, report) = (self.world.state.swaps[&swap].state, StepReport::default());
        let result = match fails {
            None => StepResult::Succeeded { state, report },
            Some(reason) => StepResult::Failed { state, reason: reason.into(), detail: "test".into(), report },
        };
        self.world.run(Command::StepSwap { swap, result });
    }

    fn make(&mut self, swap: SwapId) {
        while self.world.state.swaps.contains_key(&swap) {
            self.step(swap, None);
        }
    }
}

/// It is paid when it has been moved, by the bid, within its limit; and the bid has what it has won after that.
#[test]
fn who_makes_way_is_paid_for_it_and_the_bid_has_its_room() {
    let mut crowded = Crowded::new(Some("3"));
    let ((one, grows), (two, yields)) = (crowded.grows, crowded.yields);
    let order = crowded.bid(1_000, "5");
    assert_eq!(round(&mut crowded.world)[&order], (1_000, vec![crowded.full]));
    assert_eq!(crowded.put_aside(), credits("3"));
    assert_eq!(crowded.available(one), credits("96.5"), "3 and 1,000 times 0.0005");
    assert_eq!(crowded.available(two), credits("100"));
    crowded.plan();
    let moves = crowded.swap(yields).expect("it is moved").clone();
    assert_eq!((moves.node_from, moves.node_to), (crowded.full, crowded.empty));
    assert_eq!(moves.makes_way_for, Some(credits("3")));
    let waits = crowded.swap(grows).expect("it grows").clone();
    assert_eq!((waits.depends_on.as_slice(), waits.makes_way_for), ([moves.id].as_slice(), None));
    crowded.make(moves.id);
    assert_eq!((crowded.put_aside(), crowded.available(two)), (Credits::ZERO, credits("103")));
    assert_eq!(crowded.world.state.instances[&yields].node, crowded.empty);
    assert!(crowded.world.state.market.ways.is_empty());
    crowded.make(waits.id);
    assert_eq!(amount(&crowded.world.state.instances[&grows].in_force, Resource::CpuMilli), 4_000);
}

#[test]
fn nobody_is_moved_for_others_who_does_not_say_for_what() {
    let mut crowded = Crowded::new(None);
    let order = crowded.bid(1_000, "50");
    let won = round(&mut crowded.world);
    assert!(!won.contains_key(&order), "{won:?}");
    let why = crowded.world.state.orders[&order].last_reason.clone().map(|why| why.reason.code().to_owned());
    assert_eq!(why.as_deref(), Some("NO_HOST_FITS"));
}

/// What the bid can spend is its limit and no more, with the price and the fee; as a block it wins only if it gains.
#[test]
fn a_bid_pays_price_and_fee_out_of_its_limit() {
    for (limit, wins) in [("3.500001", true), ("3.5", false), ("3", false), ("0.6", false)] {
        let mut crowded = Crowded::new(Some("3"));
        let order = bid_that(&mut crowded.world, crowded.grows.0, Some(crowded.grows.1), 1_000, limit, |r| {
            r.min_fill = "1".parse().unwrap();
        });
        assert_eq!(round(&mut crowded.world).contains_key(&order), wins, "{limit}");
        assert_eq!(crowded.put_aside(), if wins { credits("3") } else { Credits::ZERO });
        assert_eq!(crowded.available(crowded.grows.0) == credits("96.5"), wins);
    }
}

/// A hold may be all that its owner has; then there is nothing to pay the fee with.
#[test]
fn who_can_not_put_the_fee_aside_has_nobody_moved() {
    for (left, wins) in [("3", true), ("2.999999", false)] {
        let mut crowded = Crowded::new(Some("3"));
        let participant = crowded.grows.0;
        let order = crowded.bid(1_000, "5");
        // It can't win, and holds the rest.
        let rest = (crowded.available(participant) - credits(left)).to_string();
        another_pool(&mut crowded.world, "q");
        bid_that(&mut crowded.world, participant, None, 900_000, &rest, |r| r.pools[0].pool = "q".into());
        assert_eq!(crowded.available(participant), credits(left));
        assert_eq!(round(&mut crowded.world).contains_key(&order), wins, "{left}");
        assert_eq!(crowded.put_aside(), if wins { credits("3") } else { Credits::ZERO });
    }
}

/// Of two that are willing the one that asks less goes.
#[test]
fn who_asks_least_is_moved() {
    let mut crowded = Crowded::with(Some("3"), 6_000, 2_500);
    let (three, full) = (participant(&mut crowded.world, "three", "100"), crowded.full);
    let cheaper = workload(&mut crowded.world, three, full, 1_000);
    let strategy = Strategy { makes_way_for: Some(credits("1")), ..Strategy::default() };
    crowded.world.run(Command::SetStrategy { participant: three, instance: cheaper, strategy, expected_version: None });
    let order = crowded.bid(1_000, "9");
    assert_eq!(round(&mut crowded.world)[&order].0, 1_000);
    assert_eq!(crowded.world.state.market.ways.keys().collect::<Vec<_>>(), [&cheaper]);
    assert_eq!(crowded.put_aside(), credits("1"));
}

/// Somewhere else it has to have room, and it does not go where it has sold or bought something for the time.
#[test]
fn who_has_no_place_elsewhere_or_something_to_keep_here_stays() {
    let mut no_place = Crowded::with(Some("1"), 5_000, 1_999);
    let order = no_place.bid(1_000, "9");
    assert!(!round(&mut no_place.world).contains_key(&order));
    for side in [Side::Bid, Side::Offer] {
        let mut busy = Crowded::new(Some("1"));
        let (participant, instance) = busy.yields;
        let request = |r: &mut OrderRequest| r.min_fill = "0".parse().unwrap();
        match side {
            Side::Bid => _ = bid_that(&mut busy.world, participant, Some(instance), 100, "1", request),
            Side::Offer => {
                // It lends to somebody who names no workload.
                busy.lends(500);
                let order = bid(&mut busy.world, busy.grows.0, None, 500, "9");
                assert_eq!(round(&mut busy.world)[&order].0, 500);
                busy.world.now = busy.world.now.plus_seconds(RHYTHM.round_seconds);
            }
        }
        let order = busy.bid(1_000, "9");
        let could = movers::look(&busy.world.state, busy.world.now, &Movers::new()).expect("a round").moves.could;
        assert!(!could.get(&instance).is_some_and(|bids| bids.contains(&order)), "{side:?}: {could:?}");
        let won = round(&mut busy.world);
        assert!(won.get(&order).is_none_or(|(quantity, _)| *quantity < 1_000), "{won:?}");
        assert!(busy.world.state.market.ways.is_empty());
    }
}

impl Crowded {
    fn lends(&mut self, quantity: i64) {
        let (participant, instance) = self.yields;
        let first = RHYTHM.first_open(self.world.now);
        let mut request = None;
        // The shape of a bid, as an offer.
        let order = bid_that(&mut self.world, participant, Some(instance), quantity, "0.000001", |r| {
            r.window.start_at = first.start();
            request = Some(r.clone());
        });
        self.world.run(Command::CancelOrder { participant, order });
        let (request, client_order) = (Box::new(request.expect("it was placed")), None);
        let reply = self.world.run(Command::PlaceOrder { participant, side: Side::Offer, request, client_order });
        assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
    }
}

/// A move that fails leaves everybody where he is: the fee goes back, and what was won is not delivered.
#[test]
fn a_move_that_fails_is_not_paid_and_not_tried_again() {
    for reason in ["shadow_mismatch", "cancelled_by_operator"] {
        let mut crowded = Crowded::new(Some("3"));
        let ((one, _), (two, yields)) = (crowded.grows, crowded.yields);
        let order = crowded.bid(1_000, "5");
        assert_eq!(round(&mut crowded.world)[&order].0, 1_000);
        crowded.plan();
        let swap = crowded.swap(yields).expect("it is moved").id;
        crowded.step(swap, None);
        crowded.step(swap, Some(reason));
        assert_eq!((crowded.put_aside(), crowded.available(two)), (Credits::ZERO, credits("100")));
        assert_eq!(crowded.available(one), credits("99.5"), "the price is credited when its slot is settled");
        let stays = &crowded.world.state.instances[&yields];
        assert_eq!((stays.node, stays.swap, amount(&stays.in_force, Resource::CpuMilli)), (crowded.full, None, 2_000));
        assert!(crowded.world.state.market.ways.is_empty());
    }
}

/// One that is stopped, pinned or stands still when it should go does not go, and nobody pays.
#[test]
fn who_can_not_go_after_all_is_not_paid() {
    for stops in [true, false] {
        let mut crowded = Crowded::new(Some("3"));
        let ((one, _), (two, yields)) = (crowded.grows, crowded.yields);
        let order = crowded.bid(1_000, "5");
        assert_eq!(round(&mut crowded.world)[&order].0, 1_000);
        if stops {
            crowded.world.run(Command::StopInstance { participant: two, instance: yields });
        } else {
            let until = crowded.world.now.plus_seconds(3_600);
            for state in [&mut crowded.world.state, &mut crowded.world.folded] {
                state.instances.get_mut(&yields).unwrap().pinned_until = Some(until);
            }
        }
        crowded.plan();
        assert!(crowded.swap(yields).is_none_or(|swap| !swap.moves()));
        crowded.world.now = crowded.world.now.plus_seconds(RHYTHM.lead_seconds + 1);
        crowded.plan();
        assert!(crowded.world.state.market.ways.is_empty());
        assert_eq!((crowded.put_aside(), crowded.available(two)), (Credits::ZERO, credits("100")));
        // The price, once more for the next slot where there is room: no round was held for it.
        assert_eq!(crowded.available(one), credits(if stops { "99" } else { "99.5" }));
    }
}

/// A round without an outcome moves nobody.
#[test]
fn a_void_round_gives_the_fee_back() {
    let mut crowded = Crowded::new(Some("3"));
    let order = crowded.bid(1_000, "5");
    let seal = movers::seal(&crowded.world.state, crowded.world.now);
    let Reply::Sealed { round: number, .. } = crowded.world.run(seal) else { panic!("a round") };
    assert_eq!(crowded.put_aside(), credits("3"));
    assert!(crowded.world.state.market.ways.values().all(|way| way.order == order && !way.won));
    let stays = crowded.plan();
    assert!(crowded.swap(crowded.yields.1).is_none(), "nothing is won yet for {stays}");
    crowded.world.run(Command::VoidRound { round: number, reason: "test".into() });
    assert_eq!(crowded.put_aside(), Credits::ZERO);
    assert!(crowded.world.state.market.ways.is_empty());
}

/// From the slot on in which it is elsewhere, what it bids for is there, and it lends nothing here.
#[test]
fn who_is_to_make_way_bids_there() {
    let mut crowded = Crowded::new(Some("3"));
    let (two, yields) = crowded.yields;
    let order = crowded.bid(1_000, "5");
    assert_eq!(round(&mut crowded.world)[&order].0, 1_000);
    crowded.world.now = crowded.world.now.plus_seconds(RHYTHM.round_seconds);
    let own = bid(&mut crowded.world, two, Some(yields), 400, "5");
    assert_eq!(round(&mut crowded.world)[&own], (400, vec![crowded.empty]));
    crowded.plan();
    let swap = crowded.swap(yields).expect("it is moved").clone();
    assert_eq!((swap.node_to, swap.makes_way_for), (crowded.empty, Some(credits("3"))));
    assert_eq!(amount(&swap.limits_to, Resource::CpuMilli), 2_400);
    crowded.make(swap.id);
    assert_eq!(crowded.available(two), credits("102.8"), "paid 3, and 0.2 for what it has won");
}

/// Nothing is kept of it once it has been paid: it may stay where it is, and is not brought back.
#[test]
fn it_stays_where_it_went() {
    let mut crowded = Crowded::new(Some("0"));
    let yields = crowded.yields.1;
    let order = crowded.bid(1_000, "5");
    assert_eq!(round(&mut crowded.world)[&order].0, 1_000);
    let slot = crowded.plan();
    let swap = crowded.swap(yields).expect("it is moved").id;
    crowded.make(swap);
    let grows = crowded.swap(crowded.grows.1).expect("it grows").id;
    crowded.make(grows);
    crowded.world.now = slot.start().plus_seconds(1);
    crowded.plan();
    assert!(crowded.swap(yields).is_none());
    assert_eq!(crowded.world.state.instances[&yields].node, crowded.empty);
}

/// Random histories in which everybody makes way for little: nothing is promised twice, money stays in its accounts, and
/// fees are paid to who has gone and given back otherwise.
#[test]
fn random_histories_in_which_everybody_makes_way() {
    let lives: u64 = std::env::var("LIVES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let (mut went, mut stayed) = (0, 0);
    for seed in 0..lives {
        let mut begun = BTreeSet::new();
        let (world, _) = random_life_with(50_000 + seed, |world, command| {
            for id in world.state.instances.keys().copied().collect::<Vec<_>>() {
                if begun.insert(id) {
                    let participant = world.state.instances[&id].participant;
                    let fee = Credits::from_units(world.chance.below(300_000) as i64);
                    let strategy = Strategy { makes_way_for: Some(fee), ..Strategy::default() };
                    world.run(Command::SetStrategy { participant, instance: id, strategy, expected_version: None });
                }
            }
            command
        });
        assert!(world.state.market.ways.is_empty(), "everybody has gone or stays");
        went += world.made_way.0;
        stayed += world.made_way.1;
    }
    println!("{went} made way, {stayed} did not");
    assert!(lives < 60 || went > 1 && stayed > 3, "{went} made way, {stayed} did not");
}
