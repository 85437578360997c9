//! Projects at their edges: a limit that just suffices, a round under way, a name that begins anew.

use crate::support::away;
use crate::support::world::{RHYTHM, World, random_order, seeded};
use headroom_market::book::{OrderRequest, Side, TimeInForce, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId, UserId};
use headroom_market::project;
use headroom_market::units::{Credits, Resource};
use std::sync::Arc;

struct Exchange {
    world: World,
    owner: ParticipantId,
}

impl Exchange {
    fn new() -> Self {
        let (world, workloads) = seeded(1);
        Self { world, owner: workloads[0].0 }
    }

    fn put(&mut self, limit: Credits) -> Reply {
        self.world.run(Command::PutProject { participant: self.owner, name: "web".into(), limit })
    }

    /// 600 milli for a slot, all or none, at a limit that any price is under.
    fn bid(&mut self) -> (OrderId, Credits) {
        self.bid_for(Some("web"), TimeInForce::Gtc)
    }

    fn bid_for(&mut self, project: Option<&str>, time_in_force: TimeInForce) -> (OrderId, Credits) {
        let Reply::Order(id) = self.try_bid(project, time_in_force) else { panic!("a bid") };
        (id, self.world.state.orders[&id].hold)
    }

    fn try_bid(&mut self, project: Option<&str>, time_in_force: TimeInForce) -> Reply {
        self.try_bid_in("p", project, time_in_force)
    }

    fn try_bid_in(&mut self, pool: &str, project: Option<&str>, time_in_force: TimeInForce) -> Reply {
        let workloads = [(self.owner, InstanceId::from_raw(1))];
        let Command::PlaceOrder { request, .. } = random_order(&mut self.world, &workloads) else { panic!() };
        let first = RHYTHM.first_open(self.world.now);
        let request = OrderRequest {
            instance: None,
            window: Window { start_at: first.start(), end_at: first.plus(1, RHYTHM.slot_seconds).start() },
            resources: [(Resource::CpuMilli, 600)].into(),
            limit: "8".parse().unwrap(),
            min_fill: "1".parse().unwrap(),
            time_in_force,
            expires_at: None,
            project: project.map(str::to_owned),
            pools: away::choices(&[pool]),
            ..*request
        };
        let participant = self.owner;
        self.world.run(Command::PlaceOrder {
            participant,
            side: Side::Bid,
            request: Box::new(request),
            client_order: None,
        })
    }

    fn cancel(&mut self, order: OrderId) {
        let reply = self.world.run(Command::CancelOrder { participant: self.owner, order });
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    }

    fn clear(&mut self, sealed: Reply) {
        let Reply::Sealed { round, book } = sealed else { panic!("a round") };
        let verified = crate::support::cleared(&book);
        let result_hash = verified.result_hash().to_owned();
        let reply = self.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(verified)) });
        assert!(matches!(reply, Reply::Done), "{reply:?}");
    }

    fn spent(&self) -> Credits {
        self.world.state.project(self.owner, "web").unwrap().spent
    }

    fn left(&self) -> Credits {
        let state = &self.world.state;
        project::left(state, state.project(self.owner, "web").unwrap())
    }
}

fn code(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(refusal) => refusal.code,
        _ => "none",
    }
}

#[test]
fn a_bid_reserves_its_hold_and_a_second_one_is_refused() {
    for (short, is_taken) in [(0, true), (1, false)] {
        let mut exchange = Exchange::new();
        exchange.put("20".parse().unwrap());
        let (first, hold) = exchange.bid();
        exchange.cancel(first);
        exchange.put(Credits::from_units(hold.units() - short));
        let reply = exchange.try_bid(Some("web"), TimeInForce::Gtc);
        assert_eq!(code(&reply), if is_taken { "none" } else { "project_exhausted" }, "{short} short");
        let refused = exchange.try_bid(Some("web"), TimeInForce::Gtc);
        assert_eq!(code(&refused) == "project_exhausted", is_taken || short > 0);
        if let Reply::Order(taken) = reply {
            exchange.cancel(taken);
            assert!(
                matches!(exchange.try_bid(Some("web"), TimeInForce::Gtc), Reply::Order(_)),
                "its hold is free again"
            );
        }
    }
}

/// A replacement frees the hold of the order that it replaces.
#[test]
fn a_replacement_reserves_no_more_than_the_difference() {
    let mut exchange = Exchange::new();
    exchange.put("20".parse().unwrap());
    let (order, hold) = exchange.bid();
    exchange.put(hold);
    let participant = exchange.owner;
    let mut request = exchange.world.state.orders[&order].request.clone();
    let mut replace = |request: &OrderRequest| {
        let request = Box::new(request.clone());
        exchange.world.run(Command::ReplaceOrder { participant, order, request, client_order: None })
    };
    request.limit = Credits::from_units(hold.units() + 1);
    assert_eq!(code(&replace(&request)), "project_exhausted");
    request.limit = hold;
    assert_eq!(code(&replace(&request)), "none");
}

/// What is for the next round only ends with it, also where it had to sit that round out.
#[test]
fn an_order_for_one_round_that_sat_it_out_ends_with_it() {
    for once in [TimeInForce::Ioc, TimeInForce::Fok] {
        let mut exchange = Exchange::new();
        let (waits, _) = exchange.bid_for(None, once);
        let (stays, _) = exchange.bid_for(None, TimeInForce::Gtc);
        // Another pool has what keeps the round going.
        away::pool(&mut exchange.world, "q", &[Resource::CpuMilli], "0.0009");
        away::node(&mut exchange.world, "q", "d", [(Resource::CpuMilli, 4_000)].into());
        let Reply::Order(_) = exchange.try_bid_in("q", None, TimeInForce::Gtc) else { panic!("a bid in q") };
        let by = UserId::from_raw(1);
        exchange.world.run(Command::HaltPool { pool: "p".into(), by, reason: "test".into() });
        let sealed = exchange.world.run(Command::SealRound(None));
        let Reply::Order(late) = exchange.try_bid_in("q", None, once) else { panic!("a late bid") };
        exchange.clear(sealed);
        let orders = &exchange.world.state.orders;
        let there = [waits, stays, late].map(|id| orders.contains_key(&id));
        assert_eq!(
            there,
            [false, true, true],
            "{once:?}: of the round, for as long as it may wait, and of the next one"
        );
        assert_eq!(orders[&stays].last_reason.as_ref().map(|why| why.reason.code()), Some("HALTED"));
    }
}

#[test]
fn a_limit_is_not_lowered_under_what_is_spent_and_held() {
    let mut exchange = Exchange::new();
    exchange.put("20".parse().unwrap());
    let (_, hold) = exchange.bid();
    let less = Credits::from_units(hold.units() - 1);
    assert_eq!(code(&exchange.put(less)), "project_limit_too_low");
    assert!(matches!(exchange.put(hold), Reply::Project(_)), "what is held is enough");
    let sealed = exchange.world.run(Command::SealRound(None));
    assert_eq!(code(&exchange.put(less)), "project_limit_too_low", "nor while a round is sealed");
    exchange.clear(sealed);
    let spent = exchange.spent();
    assert!(!spent.is_zero() && spent < hold);
    assert!(matches!(exchange.put(spent), Reply::Project(_)), "the rest of the hold came back");
    assert_eq!(code(&exchange.put(Credits::from_units(spent.units() - 1))), "project_limit_too_low");
}

#[test]
fn a_round_that_is_void_charges_nothing() {
    let mut exchange = Exchange::new();
    exchange.put("20".parse().unwrap());
    let (order, hold) = exchange.bid();
    let Reply::Sealed { round, .. } = exchange.world.run(Command::SealRound(None)) else { panic!("a round") };
    exchange.world.run(Command::VoidRound { round, reason: "test".into() });
    assert_eq!((exchange.spent(), exchange.left()), (Credits::ZERO, "20".parse::<Credits>().unwrap() - hold));
    exchange.cancel(order);
    assert!(matches!(exchange.put(Credits::ZERO), Reply::Project(_)));
}
