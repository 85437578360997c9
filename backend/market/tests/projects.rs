//! Projects at their edges: a limit that just suffices, a round under way, a name that begins anew.

use crate::support::world::{RHYTHM, World, random_order, seeded};
use headroom_market::book::{OrderRequest, Side, TimeInForce, Window};
use headroom_market::clearing::{self, Book, Limits, Mode, NoProposal, Outcome};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::units::{Credits, Resource, Share};
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

    /// 600 milli for a slot, at a limit that only the collar bounds, all or none.
    fn bid(&mut self) -> (OrderId, Credits) {
        self.bid_for(Some("web"), TimeInForce::Gtc)
    }

    fn bid_for(&mut self, project: Option<&str>, time_in_force: TimeInForce) -> (OrderId, Credits) {
        let workloads = [(self.owner, InstanceId::from_raw(1))];
        let Command::PlaceOrder { request, .. } = random_order(&mut self.world, &workloads) else { panic!() };
        let first = RHYTHM.first_open(self.world.now);
        let request = OrderRequest {
            instance: None,
            window: Window { start_at: first.start(), end_at: first.plus(1, RHYTHM.slot_seconds).start() },
            resources: [(Resource::CpuMilli, 600)].into(),
            limit: "20".parse().unwrap(),
            min_fill: "1".parse().unwrap(),
            time_in_force,
            expires_at: None,
            project: project.map(str::to_owned),
            ..*request
        };
        let participant = self.owner;
        let command =
            Command::PlaceOrder { participant, side: Side::Bid, request: Box::new(request), client_order: None };
        let Reply::Order(id) = self.world.run(command) else { panic!("a bid") };
        (id, self.world.state.orders[&id].hold)
    }

    fn clear(&mut self, sealed: Reply) {
        let Reply::Sealed { round, book } = sealed else { panic!("a round") };
        let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::default()).unwrap();
        let verified = clearing::verify(&book, outcome, Mode::Market).unwrap();
        let result_hash = verified.result_hash();
        let reply = self.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(verified)) });
        assert!(matches!(reply, Reply::Done), "{reply:?}");
    }

    fn spent(&self) -> Credits {
        self.world.state.project(self.owner, "web").unwrap().spent
    }
}

fn code(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(refusal) => refusal.code,
        _ => "none",
    }
}

#[test]
fn of_two_bids_a_limit_for_one_lets_one_win_and_a_micro_credit_less_none() {
    for (short, winners) in [(0, 1), (1, 0)] {
        let mut exchange = Exchange::new();
        exchange.put("20".parse().unwrap());
        let [(one, hold), (two, same)] = [exchange.bid(), exchange.bid()];
        assert_eq!(hold, same);
        exchange.put(Credits::from_units(hold.units() - short));
        let sealed = exchange.world.run(Command::SealRound(None));
        exchange.clear(sealed);
        let open = [one, two].iter().filter(|id| exchange.world.state.orders.contains_key(id)).count();
        assert_eq!(open, 2 - winners, "{short} short");
        assert_eq!(exchange.spent().is_zero(), winners == 0);
        for order in exchange.world.state.orders.values() {
            let why = order.last_reason.as_ref().unwrap();
            assert_eq!(
                (why.reason.code(), why.budget_left),
                ("BUDGET", Some(Credits::from_units(hold.units() - short)))
            );
        }
    }
}

/// A part of a unit would be nothing in the end, and hold a price that others pay, for nothing.
#[test]
fn who_has_too_little_for_one_unit_moves_no_price() {
    for (short, wins) in [(0, true), (1, false)] {
        let mut exchange = Exchange::new();
        exchange.put("20".parse().unwrap());
        let (all, hold) = exchange.bid();
        let participant = exchange.owner;
        let mut request = exchange.world.state.orders[&all].request.clone();
        request.min_fill = Share::ZERO;
        let cancelled = exchange.world.run(Command::CancelOrder { participant, order: all });
        assert!(!matches!(cancelled, Reply::Refused(_)), "{cancelled:?}");
        let place = |request: OrderRequest| Command::PlaceOrder {
            participant,
            side: Side::Bid,
            request: Box::new(request),
            client_order: None,
        };
        let Reply::Order(attacks) = exchange.world.run(place(request.clone())) else { panic!("a bid") };
        let unit = (hold.units() + 599) / 600;
        exchange.put(Credits::from_units(unit - short));
        // a unit is worth half as much to it
        let limit = Credits::from_units(hold.units() / 2);
        let Reply::Order(pays) = exchange.world.run(place(OrderRequest { project: None, limit, ..request })) else {
            panic!("a bid")
        };
        let sealed = exchange.world.run(Command::SealRound(None));
        let Reply::Sealed { book, .. } = &sealed else { panic!("a round") };
        let kept: Book = serde_json::from_str(&serde_json::to_string(&**book).unwrap()).unwrap();
        assert_eq!(kept, **book, "it is kept as it is");
        // All that there is, is what the other asks for.
        let scarce = |without: bool| {
            let mut book = Book::clone(book);
            for product in &mut book.products {
                product.supply.truncate(1);
                product.supply.iter_mut().for_each(|step| step.quantity = 600);
            }
            book.orders.retain(|o| !without || o.id != attacks.to_string());
            let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).unwrap();
            clearing::verify_round(&book, outcome).unwrap().into_inner()
        };
        let of = |outcome: &Outcome, id: OrderId| {
            let award = outcome.awards.iter().find(|a| a.order == id.to_string());
            award.map_or((0, 0), |a| (a.quantities[0].quantity, a.money.0))
        };
        let (alone, beside) = (scarce(true), scarce(false));
        assert_eq!(of(&alone, pays).0, 600);
        if wins {
            assert_eq!((of(&beside, attacks).0, of(&beside, pays).0), (1, 599), "one unit, and its price");
        } else {
            assert_eq!((of(&beside, attacks).0, of(&beside, pays)), (0, of(&alone, pays)), "{beside:?}");
        }
        exchange.clear(sealed);
        if !wins {
            let why = exchange.world.state.orders[&attacks].last_reason.clone().expect("a reason");
            assert_eq!((why.reason.code(), why.budget_left), ("BUDGET", Some(Credits::from_units(unit - short))));
        }
    }
}

/// What is for the next round only ends with it, also where it had to sit that round out.
#[test]
fn an_order_for_one_round_that_sat_it_out_ends_with_it() {
    for once in [TimeInForce::Ioc, TimeInForce::Fok] {
        let mut exchange = Exchange::new();
        exchange.put(Credits::ZERO);
        let (waits, _) = exchange.bid_for(Some("web"), once);
        let (stays, _) = exchange.bid();
        exchange.bid_for(None, TimeInForce::Gtc);
        let sealed = exchange.world.run(Command::SealRound(None));
        let (late, _) = exchange.bid_for(Some("web"), once);
        exchange.clear(sealed);
        let orders = &exchange.world.state.orders;
        let there = [waits, stays, late].map(|id| orders.contains_key(&id));
        assert_eq!(
            there,
            [false, true, true],
            "{once:?}: of the round, for as long as it may wait, and of the next one"
        );
        assert_eq!(orders[&stays].last_reason.as_ref().map(|why| why.reason.code()), Some("BUDGET"));
    }
}

#[test]
fn a_limit_is_not_lowered_under_what_a_round_may_charge() {
    let mut exchange = Exchange::new();
    exchange.put("20".parse().unwrap());
    let (_, hold) = exchange.bid();
    let sealed = exchange.world.run(Command::SealRound(None));
    let less = Credits::from_units(hold.units() - 1);
    assert_eq!(code(&exchange.put(less)), "project_in_round");
    assert!(matches!(exchange.put(hold), Reply::Project(_)), "what it may charge is enough");
    exchange.clear(sealed);
    let spent = exchange.spent();
    assert!(!spent.is_zero() && spent < hold);
    assert!(matches!(exchange.put(spent), Reply::Project(_)), "the round is over");
    assert_eq!(code(&exchange.put(Credits::from_units(spent.units() - 1))), "project_limit_below_spent");
}

#[test]
fn a_round_that_is_void_charges_nothing() {
    let mut exchange = Exchange::new();
    exchange.put("20".parse().unwrap());
    exchange.bid();
    let Reply::Sealed { round, .. } = exchange.world.run(Command::SealRound(None)) else { panic!("a round") };
    exchange.world.run(Command::VoidRound { round, reason: "test".into() });
    assert_eq!(exchange.spent(), Credits::ZERO);
    assert!(matches!(exchange.put(Credits::ZERO), Reply::Project(_)));
    // Nothing is left, so nothing is asked for, and no round is held.
    assert!(matches!(exchange.world.run(Command::SealRound(None)), Reply::Nothing));
}
