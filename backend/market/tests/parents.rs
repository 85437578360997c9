//! Linked orders from their placing to their end: what a child may, when it is free, when it ends.

use crate::support;
use crate::support::families;
use crate::support::movers;
use crate::support::world::{RHYTHM, World, seeded};
use headroom_market::book::{OrderRequest, OrderStatus, PoolChoice, Side, TimeInForce, Window};
use headroom_market::clearing::{self, Book, Limits, Mode, NoProposal};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{BidId, InstanceId, OfferId, OrderId, ParticipantId};
use headroom_market::ledger::Account;
use headroom_market::units::{Credits, Resource};
use std::sync::Arc;

struct Exchange {
    world: World,
    owner: ParticipantId,
    other: ParticipantId,
    workload: InstanceId,
}

/// A bid of 600 milli for a slot costs 0.54 at the reserve price and at most 1.62.
fn ask(world: &World, limit: &str, min_fill: &str, parent: Option<OrderId>) -> OrderRequest {
    let first = RHYTHM.first_open(world.now).plus(1, RHYTHM.slot_seconds);
    OrderRequest {
        instance: None,
        window: Window { start_at: first.start(), end_at: first.plus(1, RHYTHM.slot_seconds).start() },
        latest_start_at: None,
        replicas: 1,
        resources: [(Resource::CpuMilli, 600)].into(),
        pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit: limit.parse().unwrap(),
        min_fill: min_fill.parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        expires_at: None,
        resell: Default::default(),
        parent,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Default::default(),
        client_bid_id: None,
    }
}

impl Exchange {
    fn new() -> Self {
        let (world, workloads) = seeded(1);
        Self { world, owner: workloads[0].0, other: workloads[2].0, workload: workloads[0].1 }
    }

    fn run(&mut self, command: Command) -> Reply {
        let reply = self.world.run(command);
        families::check_live(&self.world.state);
        reply
    }

    fn place(&mut self, request: OrderRequest) -> Reply {
        let participant = self.owner;
        self.run(Command::PlaceOrder { participant, side: Side::Bid, request: Box::new(request), client_order: None })
    }

    fn bid(&mut self, limit: &str, min_fill: &str, parent: Option<OrderId>) -> OrderId {
        let request = ask(&self.world, limit, min_fill, parent);
        let Reply::Order(id) = self.place(request) else { panic!("a bid") };
        id
    }

    fn refused(&mut self, request: OrderRequest) -> (&'static str, String) {
        refusal(&self.place(request))
    }

    fn replace(&mut self, order: OrderId, change: impl FnOnce(&mut OrderRequest)) -> Reply {
        let mut request = Box::new(self.world.state.orders[&order].request.clone());
        change(&mut request);
        self.run(Command::ReplaceOrder { participant: self.owner, order, request, client_order: None })
    }

    fn cancel(&mut self, order: OrderId) -> Reply {
        self.run(Command::CancelOrder { participant: self.owner, order })
    }

    fn seal(&mut self) -> (u64, Arc<Book>) {
        let seal = movers::seal(&self.world.state, self.world.now);
        let Reply::Sealed { round, book } = self.run(seal) else { panic!("a round") };
        (round, book)
    }

    fn clear(&mut self, (round, book): (u64, Arc<Book>)) {
        let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::default()).unwrap();
        let verified = clearing::verify(&book, outcome, Mode::Market).unwrap();
        let result_hash = verified.result_hash();
        let reply = self.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(verified)) });
        assert!(matches!(reply, Reply::Done), "{reply:?}");
        families::check_history(&self.world, &mut families::Seen::default());
    }

    fn round(&mut self) -> Arc<Book> {
        let sealed = self.seal();
        let book = sealed.1.clone();
        self.clear(sealed);
        book
    }

    /// How an order ended.
    fn end(&self, id: OrderId) -> (OrderStatus, Option<String>) {
        assert!(!self.world.state.orders.contains_key(&id), "{id} is open");
        let events = self.world.log.iter().flat_map(|(_, events)| events);
        let mut ends = events.filter_map(|e| match e {
            Event::OrderClosed { order, status, reason, .. } if *order == id => Some((*status, reason.clone())),
            Event::OrderFilled { order, status, .. } if *order == id => Some((*status, None)),
            _ => None,
        });
        ends.next_back().expect("it ended")
    }

    fn why(&self, id: OrderId) -> (String, Option<OrderId>) {
        let why = self.world.state.orders[&id].last_reason.clone().expect("a reason");
        (why.reason.code().to_owned(), why.parent)
    }

    fn hold(&self, id: OrderId) -> String {
        self.world.state.orders[&id].hold.to_string()
    }

    fn held(&self) -> Credits {
        self.world.state.ledger.balance(Account::Held(self.owner))
    }
}

fn refusal(reply: &Reply) -> (&'static str, String) {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert!(!refusal.detail.is_empty());
    (refusal.code, refusal.pointer.clone())
}

fn parent_in(book: &Book, id: OrderId) -> Option<Option<String>> {
    book.orders.iter().find(|o| o.id == id.to_string()).map(|o| o.parent.clone())
}

#[test]
fn a_child_wins_with_its_parent_or_not_at_all() {
    let mut exchange = Exchange::new();
    let parent = exchange.bid("0.45", "1", None);
    let child = exchange.bid("0.60", "1", Some(parent));
    let book = exchange.round();
    assert_eq!(parent_in(&book, child), Some(Some(parent.to_string())), "the book says so");
    assert!(exchange.world.state.awards.is_empty(), "the parent is 0.09 short, and the child gains 0.06");
    assert_eq!(exchange.why(child), ("PARENT_REJECTED".to_owned(), Some(parent)));
    assert!(matches!(exchange.replace(parent, |r| r.limit = "0.54".parse().unwrap()), Reply::Order(_)));
    exchange.round();
    assert_eq!(exchange.world.state.awards.len(), 2);
    assert_eq!(exchange.end(child).0, OrderStatus::Filled);
}

#[test]
fn what_a_child_gains_may_carry_its_parent_and_the_hold_covers_it() {
    let mut exchange = Exchange::new();
    let parent = exchange.bid("0.30", "1", None);
    assert_eq!(exchange.hold(parent), "0.300000");
    let child = exchange.bid("0.90", "1", Some(parent));
    assert_eq!((exchange.hold(parent).as_str(), exchange.hold(child).as_str()), ("1.200000", "0.900000"));
    let dear = exchange.bid("9.00", "1", Some(child));
    assert_eq!(exchange.hold(parent), "1.620000", "never more than it can cost");
    assert_eq!(exchange.hold(child), "1.620000");
    assert!(matches!(exchange.cancel(dear), Reply::Order(_)));
    assert_eq!((exchange.hold(parent).as_str(), exchange.hold(child).as_str()), ("1.200000", "0.900000"));
    exchange.round();
    assert_eq!(exchange.end(parent).0, OrderStatus::Filled);
    assert_eq!(exchange.end(child).0, OrderStatus::Filled);
    let paid: Vec<String> = exchange.world.state.awards.values().map(|a| a.money.to_string()).collect();
    assert_eq!(paid, ["0.540000", "0.540000"], "the parent pays more than its limit, both together less");
    assert_eq!(exchange.held(), Credits::ZERO);
}

#[test]
fn a_parent_that_lost_is_named_and_its_replacement_brings_the_child_along() {
    let mut exchange = Exchange::new();
    let parent = exchange.bid("0.30", "1", None);
    let child = exchange.bid("0.60", "0", Some(parent));
    exchange.round();
    assert_eq!(exchange.why(child), ("PARENT_REJECTED".to_owned(), Some(parent)));
    let Reply::Order(new) = exchange.replace(parent, |r| r.limit = "0.55".parse().unwrap()) else { panic!() };
    assert_eq!(exchange.world.state.orders[&child].request.parent, Some(new));
    assert_eq!(exchange.hold(new), "1.150000", "0.55 and what the child may carry");
    assert_eq!(exchange.world.state.orders[&child].last_reason.as_ref().unwrap().parent, Some(parent), "of that round");
    exchange.round();
    assert_eq!((exchange.end(new).0, exchange.end(child).0), (OrderStatus::Filled, OrderStatus::Filled));
}

#[test]
fn a_child_is_free_once_its_parent_has_won() {
    let mut exchange = Exchange::new();
    let parent = exchange.bid("0.60", "0.5", None);
    let child = exchange.bid("0.10", "0", Some(parent));
    let sealed = exchange.seal();
    let late = exchange.bid("0.20", "0", Some(parent));
    assert_eq!(parent_in(&sealed.1, late), None, "the round has begun");
    let round = sealed.0;
    exchange.clear(sealed);
    assert_eq!(exchange.end(parent).0, OrderStatus::Filled);
    for id in [child, late] {
        let order = &exchange.world.state.orders[&id];
        assert_eq!((order.request.parent, order.parent_won_in, order.waits_for()), (Some(parent), Some(round), None));
    }
    let Reply::Order(child) = exchange.replace(child, |r| r.limit = "0.57".parse().unwrap()) else { panic!() };
    assert_eq!(exchange.world.state.orders[&child].parent_won_in, Some(round), "a new version is as free");
    let again = ask(&exchange.world, "1", "0", Some(parent));
    assert_eq!(exchange.refused(again).0, "unknown_parent", "whose parent has won needs none");
    let book = exchange.round();
    assert_eq!(parent_in(&book, child), Some(None), "it stands in the book as any order");
    assert_eq!(exchange.end(child).0, OrderStatus::Filled);
    assert_eq!(exchange.why(late).0, "OUT_OF_MONEY");
}

#[test]
fn a_parent_that_ends_without_an_award_ends_its_family_in_one_command() {
    let mut exchange = Exchange::new();
    let parent = exchange.bid("0.30", "1", None);
    let child = exchange.bid("0.30", "1", Some(parent));
    let grandchild = exchange.bid("0.30", "0", Some(child));
    assert!(matches!(exchange.cancel(parent), Reply::Order(_)));
    let ended = (OrderStatus::Canceled, Some("parent_ended".to_owned()));
    assert_eq!(exchange.end(parent), (OrderStatus::Canceled, Some("user".to_owned())));
    assert_eq!((exchange.end(child), exchange.end(grandchild)), (ended.clone(), ended));
    assert_eq!(exchange.held(), Credits::ZERO);
    // By time: the child's gate is a slot later, and it ends all the same.
    let mut request = ask(&exchange.world, "0.30", "1", None);
    (request.time_in_force, request.expires_at) = (TimeInForce::Gtd, Some(exchange.world.now.plus_seconds(5)));
    let Reply::Order(parent) = exchange.place(request) else { panic!() };
    let child = exchange.bid("0.30", "0", Some(parent));
    exchange.world.now = exchange.world.now.plus_seconds(6);
    exchange.run(Command::ExpireOrders);
    assert_eq!(exchange.end(parent).0, OrderStatus::Expired);
    assert_eq!(exchange.end(child), (OrderStatus::Canceled, Some("parent_ended".to_owned())));
    // By its one round, in which the child has the better reason.
    let mut request = ask(&exchange.world, "0.30", "1", None);
    request.time_in_force = TimeInForce::Ioc;
    let Reply::Order(parent) = exchange.place(request.clone()) else { panic!() };
    request.parent = Some(parent);
    let Reply::Order(once) = exchange.place(request) else { panic!() };
    let child = exchange.bid("0.30", "0", Some(parent));
    exchange.round();
    let of_its_round = (OrderStatus::Canceled, Some("not_filled_in_its_round".to_owned()));
    assert_eq!((exchange.end(parent), exchange.end(once)), (of_its_round.clone(), of_its_round));
    assert_eq!(exchange.end(child), (OrderStatus::Canceled, Some("parent_ended".to_owned())));
    // All of them at once, each counted.
    let parent = exchange.bid("0.30", "1", None);
    exchange.bid("0.30", "0", Some(parent));
    let all = exchange.run(Command::CancelAll { participant: exchange.owner });
    assert!(matches!(all, Reply::Canceled(2)), "{all:?}");
}

#[test]
fn what_a_sealed_round_has_is_decided_by_it() {
    let mut exchange = Exchange::new();
    // Cancelled while it wins: the award counts, the child is free.
    let parent = exchange.bid("0.60", "1", None);
    let child = exchange.bid("0.10", "0", Some(parent));
    let sealed = exchange.seal();
    assert!(matches!(exchange.cancel(parent), Reply::PendingOrder(_)));
    assert!(exchange.world.state.orders.contains_key(&child));
    exchange.clear(sealed);
    assert_eq!(exchange.end(parent).0, OrderStatus::Filled);
    assert!(exchange.world.state.orders[&child].parent_won_in.is_some());
    exchange.cancel(child);
    // Cancelled while it loses: the child ends after the round, except one that asked to be without it.
    let parent = exchange.bid("0.30", "1", None);
    let (child, leaver) = (exchange.bid("0.10", "0", Some(parent)), exchange.bid("0.10", "0", Some(parent)));
    let sealed = exchange.seal();
    exchange.cancel(parent);
    let unlinked = exchange.replace(leaver, |r| r.parent = None);
    assert!(matches!(unlinked, Reply::PendingOrder(_)), "{unlinked:?}");
    let late = ask(&exchange.world, "1", "0", Some(parent));
    assert_eq!(exchange.refused(late).0, "unknown_parent", "it is as good as gone");
    exchange.clear(sealed);
    assert_eq!(exchange.end(child).1.as_deref(), Some("parent_ended"));
    assert_eq!(exchange.end(leaver).0, OrderStatus::Replaced);
    exchange.run(Command::CancelAll { participant: exchange.owner });
    // Both replaced while sealed: the child's new version follows the parent's.
    let parent = exchange.bid("0.30", "1", None);
    let child = exchange.bid("0.10", "0", Some(parent));
    let sealed = exchange.seal();
    assert!(matches!(exchange.replace(parent, |r| r.limit = "0.40".parse().unwrap()), Reply::PendingOrder(_)));
    assert!(matches!(exchange.replace(child, |r| r.limit = "0.20".parse().unwrap()), Reply::PendingOrder(_)));
    let late = ask(&exchange.world, "1", "0", Some(parent));
    assert_eq!(exchange.refused(late), ("parent_pending", "/parent".to_owned()));
    exchange.clear(sealed);
    let open = exchange.world.state.orders.values();
    let (children, parents): (Vec<_>, Vec<_>) = open.partition(|o| o.request.parent.is_some());
    let ([parent], [child]) = (&parents[..], &children[..]) else { panic!("{parents:?} {children:?}") };
    assert_eq!((child.request.parent, child.request.limit.to_string().as_str()), (Some(parent.id), "0.200000"));
    assert_eq!(parent.hold.to_string(), "0.600000");
}

#[test]
fn a_child_sits_out_with_its_parent_and_is_told_which() {
    let mut exchange = Exchange::new();
    let participant = exchange.owner;
    let put = |limit: &str| Command::PutProject { participant, name: "web".into(), limit: limit.parse().unwrap() };
    exchange.run(put("0"));
    let mut request = ask(&exchange.world, "0.60", "1", None);
    request.project = Some("web".into());
    let Reply::Order(parent) = exchange.place(request) else { panic!() };
    let child = exchange.bid("0.60", "1", Some(parent));
    let grandchild = exchange.bid("0.60", "0", Some(child));
    let alone = exchange.bid("0.10", "0", None);
    let book = exchange.round();
    assert_eq!(book.orders.iter().map(|o| &o.id).collect::<Vec<_>>(), [&alone.to_string()]);
    assert_eq!(exchange.why(parent).0, "BUDGET");
    assert_eq!(exchange.why(child), ("PARENT_SAT_OUT".to_owned(), Some(parent)));
    assert_eq!(exchange.why(grandchild), ("PARENT_SAT_OUT".to_owned(), Some(child)));
    // The family may carry 1.02 of its price, for which the project has no room yet.
    exchange.run(put("1"));
    exchange.round();
    assert_eq!(exchange.why(parent).0, "BUDGET");
    exchange.run(put("1.62"));
    let book = exchange.round();
    assert_eq!(book.budgets[0].amount.0, 600_000, "1.02 of 1.62 is kept back");
    assert_eq!(exchange.end(grandchild).0, OrderStatus::Filled);
    assert_eq!(exchange.world.state.project(exchange.owner, "web").unwrap().spent.to_string(), "0.540000");
}

#[test]
fn a_project_is_charged_for_a_carried_parent_and_never_more_than_it_has() {
    let mut exchange = Exchange::new();
    let participant = exchange.owner;
    exchange.run(Command::PutProject { participant, name: "web".into(), limit: "2".parse().unwrap() });
    let mut request = ask(&exchange.world, "0.30", "1", None);
    request.project = Some("web".into());
    let Reply::Order(parent) = exchange.place(request) else { panic!() };
    let child = exchange.bid("0.90", "1", Some(parent));
    exchange.round();
    assert_eq!((exchange.end(parent).0, exchange.end(child).0), (OrderStatus::Filled, OrderStatus::Filled));
    let spent = exchange.world.state.project(exchange.owner, "web").unwrap().spent;
    assert_eq!(spent.to_string(), "0.540000", "not 0.30");
}

#[test]
fn links_that_can_not_be_are_refused() {
    let mut exchange = Exchange::new();
    let at = |pointer: &str, code: &'static str| (code, pointer.to_owned());
    let divisible = exchange.bid("0.30", "0", None);
    let request = |e: &Exchange, parent| ask(&e.world, "0.30", "1", Some(parent));
    let asked = request(&exchange, divisible);
    assert_eq!(exchange.refused(asked), at("/parent", "parent_without_min_fill"));
    for nobody in [OrderId::Bid(BidId::from_raw(7)), OrderId::Offer(OfferId::from_raw(7))] {
        let asked = request(&exchange, nobody);
        assert_eq!(exchange.refused(asked), at("/parent", "unknown_parent"));
    }
    let parent = exchange.bid("0.30", "1", None);
    let theirs = Command::PlaceOrder {
        participant: exchange.other,
        side: Side::Bid,
        request: Box::new(request(&exchange, parent)),
        client_order: None,
    };
    let reply = exchange.run(theirs);
    assert_eq!(refusal(&reply), at("/parent", "unknown_parent"), "somebody else's is as unknown");
    let mut lent = request(&exchange, parent);
    lent.instance = Some(exchange.workload);
    let offer = Command::PlaceOrder {
        participant: exchange.owner,
        side: Side::Offer,
        request: Box::new(lent),
        client_order: None,
    };
    let reply = exchange.run(offer);
    assert_eq!(refusal(&reply), at("/parent", "parent_of_offer"));
    // Its own descendants, and itself.
    let child = exchange.bid("0.30", "1", Some(parent));
    let grandchild = exchange.bid("0.30", "1", Some(child));
    for forebear in [parent, child, grandchild] {
        let reply = exchange.replace(parent, |r| r.parent = Some(forebear));
        assert_eq!(refusal(&reply), at("/parent", "parent_cycle"));
    }
    let reply = exchange.replace(child, |r| r.min_fill = "0".parse().unwrap());
    assert_eq!(refusal(&reply), at("/min_fill", "parent_without_min_fill"), "it has a child");
    // Four in a line, by placing and by replacing.
    let last = exchange.bid("0.30", "1", Some(grandchild));
    let asked = request(&exchange, last);
    assert_eq!(exchange.refused(asked), at("/parent", "family_too_deep"));
    let top = exchange.bid("0.30", "1", None);
    let reply = exchange.replace(parent, |r| r.parent = Some(top));
    assert_eq!(refusal(&reply), at("/parent", "family_too_deep"));
    // Sixteen in a family, by placing and by replacing.
    for _ in 4..16 {
        exchange.bid("0.10", "1", Some(parent));
    }
    let asked = request(&exchange, parent);
    assert_eq!(exchange.refused(asked), at("/parent", "family_too_large"));
    let reply = exchange.replace(top, |r| r.parent = Some(parent));
    assert_eq!(refusal(&reply), at("/parent", "family_too_large"));
    let reply = exchange.replace(last, |r| r.parent = Some(parent));
    assert!(matches!(reply, Reply::Order(_)), "a move within the family is no growth: {reply:?}");
}

#[test]
fn the_hold_of_a_family_has_to_be_there() {
    let mut exchange = Exchange::new();
    let mut big = ask(&exchange.world, "40", "1", None);
    big.resources = [(Resource::CpuMilli, 60_000)].into();
    let Reply::Order(parent) = exchange.place(big.clone()) else { panic!() };
    assert_eq!(exchange.hold(parent), "40.000000");
    // 50 credits: 6 for the child would be there, but not 6 more for what it may carry.
    let mut child = ask(&exchange.world, "6", "0", Some(parent));
    child.resources = [(Resource::CpuMilli, 6_000)].into();
    assert_eq!(exchange.refused(child.clone()).0, "credit_hold_exceeds_balance");
    child.limit = "5".parse().unwrap();
    assert!(matches!(exchange.place(child), Reply::Order(_)));
    assert_eq!(exchange.hold(parent), "45.000000");
    assert_eq!(exchange.held().to_string(), "50.000000");
}

#[test]
fn a_restart_knows_who_waits_for_whom() {
    let mut exchange = Exchange::new();
    let parent = exchange.bid("0.30", "1", None);
    let child = exchange.bid("0.10", "0", Some(parent));
    let mut loaded = support::world::empty();
    for order in exchange.world.state.orders.values() {
        let row = serde_json::to_string(order).unwrap();
        loaded.add_order(serde_json::from_str(&row).unwrap());
    }
    assert_eq!(loaded.children_of(parent).collect::<Vec<_>>(), [child]);
}
