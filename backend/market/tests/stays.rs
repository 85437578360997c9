//! What keeps a workload on a full node, and with which limit its bid would have taken it to another.
use crate::support::crowded::{bid_that, market, node, round, workload};
use crate::support::world::{RHYTHM, World, participant};
use headroom_market::book::{OrderRequest, Side};
use headroom_market::clearing::{Asked, NoProposal, Winning};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, NodeId, OrderId, ParticipantId};
use headroom_market::round::book;
use headroom_market::round::movers::Movers;
use headroom_market::round::stays::{self, Elsewhere, MayGo, Stays};
use headroom_market::units::Credits;
use headroom_market::workload::Strategy;

/// A full node with a workload of 3,500 on it, another node of 10,000, and somebody who bids for most of that.
struct Crowd {
    world: World,
    full: NodeId,
    other: NodeId,
    tenant: ParticipantId,
    instance: InstanceId,
}

impl Crowd {
    fn new(other: i64, move_fee: &str, large: Option<&str>) -> Self {
        let mut world = market(1);
        let (full, other) = (node(&mut world, "full", 4_000), node(&mut world, "other", other));
        let (tenant, rival) = (participant(&mut world, "tenant", "1000"), participant(&mut world, "rival", "1000"));
        let instance = workload(&mut world, tenant, full, 3_500);
        let strategy = Strategy { move_fee: move_fee.parse().unwrap(), ..Strategy::default() };
        let reply = world.run(Command::SetStrategy { participant: tenant, instance, strategy, expected_version: None });
        assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
        if let Some(limit) = large {
            bid_that(&mut world, rival, None, 8_000, limit, |_| {});
        }
        Self { world, full, other, tenant, instance }
    }
    /// All or none, for more than its node has.
    fn bid(&mut self, limit: Credits) -> OrderId {
        self.bid_in(0, limit)
    }
    fn bid_in(&mut self, slots_later: i64, limit: Credits) -> OrderId {
        let change = |request: &mut OrderRequest| {
            (request.limit, request.min_fill) = (limit, "1".parse().unwrap());
            for at in [&mut request.window.start_at, &mut request.window.end_at] {
                *at = at.plus_seconds(slots_later * RHYTHM.slot_seconds);
            }
        };
        bid_that(&mut self.world, self.tenant, Some(self.instance), 1_000, "1", change)
    }
    fn looked_at(&self, bid: OrderId) -> Option<Result<MayGo, Stays>> {
        stays::of(&self.world.state, self.world.now, &self.world.state.orders[&bid])
    }
    /// In the book of a round in which everybody stays.
    fn elsewhere(&self, bid: OrderId) -> Elsewhere {
        let may_go = self.looked_at(bid).expect("it could go").expect("nothing of its own keeps it");
        let slots = RHYTHM.open_slots(self.world.now);
        let book = book::build(&self.world.state, self.world.now, &slots, &Movers::new()).book;
        let asked = Asked { order: &bid.to_string(), runs_of: None, guess: None };
        stays::elsewhere(&book, &may_go, asked, &NoProposal, &|| true)
    }
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

#[test]
fn with_the_limit_that_is_named_it_goes_and_with_a_tick_less_it_stays() {
    let mut named = Vec::new();
    for (move_fee, large) in
        [("0", None), ("1", None), ("0", Some("4.5")), ("1.25", Some("4.5")), ("0", Some("4.2")), ("0.1", Some("4"))]
    {
        let mut asks = Crowd::new(10_000, move_fee, large);
        let low = credits(move_fee) + credits("0.1");
        let bid = asks.bid(low);
        let Elsewhere::From(Winning::Limit(limit)) = asks.elsewhere(bid) else { panic!("{:?}", asks.elsewhere(bid)) };
        assert!(!round(&mut asks.world).contains_key(&bid), "it stays with {low:?}");
        for (ticks, goes) in [(0, true), (-1, false)] {
            let mut again = Crowd::new(10_000, move_fee, large);
            let bid = again.bid(Credits::from_units(limit.0 + ticks));
            let won = round(&mut again.world);
            assert_eq!(won.contains_key(&bid), goes, "fee {move_fee}, rival {large:?}, limit {limit:?} {ticks:+}");
            assert!(!goes || won[&bid].1 == [again.other]);
        }
        named.push(Credits::from_units(limit.0).to_string());
    }
    // Without a rival it is the reserve price and the fee; beside one, what the rival gains as well: 1,000 units of 0.0005,
    // the 4.5 or less that the rival bids less the 4 that it pays.
    assert_eq!(named, ["0.500001", "1.500001", "1.000001", "2.250001", "0.700001", "0.600001"]);
    // What a rival gains may be more than a bid can be charged, which is all that it counts for.
    let mut none = Crowd::new(10_000, "0", Some("5.5"));
    let bid = none.bid(credits("100"));
    assert_eq!(none.elsewhere(bid), Elsewhere::From(Winning::NoneTried));
    assert!(!round(&mut none.world).contains_key(&bid));
}

fn ask_a_least_gain(world: &mut World, share: &str) -> Reply {
    let least_move_gain = share.parse().unwrap();
    world.run(Command::SetLeastMoveGain { pool: "p".into(), least_move_gain, expected_version: None })
}

/// What is moved is worth 3,500 units of 0.0005, 1.75: a fifth of it is 0.35, ten times it 17.5. Just that is enough where nobody
/// else loses by it.
#[test]
fn a_move_gains_at_least_the_share_that_its_pool_asks_of_what_is_moved() {
    for (share, move_fee, large, expected) in [
        ("0", "0", None, Some("0.500001")),
        ("0.2", "0", None, Some("0.850000")),
        ("0.2", "0.25", None, Some("1.100000")),
        ("0.2", "0", Some("4.5"), Some("1.350001")),
        // It can be charged 1.5 at most, three times the reserve price, and so gain 1.
        ("0.571428", "0", None, Some("1.499999")),
        ("0.571429", "0", None, None),
        ("10", "0", None, None),
    ] {
        let mut asks = Crowd::new(10_000, move_fee, large);
        assert!(matches!(ask_a_least_gain(&mut asks.world, share), Reply::Pool(_)));
        let bid = asks.bid(credits("0.1").max(credits(move_fee) + credits("0.1")));
        let named = match asks.elsewhere(bid) {
            Elsewhere::From(Winning::Limit(limit)) => Some(Credits::from_units(limit.0)),
            Elsewhere::From(Winning::NoneTried) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(named, expected.map(credits), "a share of {share}");
        for (ticks, goes) in [(0, expected.is_some()), (-1, false)] {
            let mut again = Crowd::new(10_000, move_fee, large);
            ask_a_least_gain(&mut again.world, share);
            let bid = again.bid(Credits::from_units(named.map_or(100_000_000, |n| n.units()) + ticks));
            assert_eq!(round(&mut again.world).contains_key(&bid), goes, "a share of {share}, {named:?} {ticks:+}");
        }
    }
}

#[test]
fn a_least_gain_is_a_share_up_to_ten() {
    let mut crowd = Crowd::new(10_000, "0", None);
    for (share, refused) in [("-0.000001", true), ("10.000001", true), ("10", false), ("0", false)] {
        let reply = ask_a_least_gain(&mut crowd.world, share);
        let code = if let Reply::Refused(refusal) = &reply { refusal.code } else { "" };
        assert_eq!(code, if refused { "least_gain_out_of_range" } else { "" }, "{share}: {reply:?}");
    }
}

#[test]
fn what_keeps_it_is_named() {
    let mut small = Crowd::new(4_400, "0", None);
    let bid = small.bid(credits("5"));
    assert_eq!(small.elsewhere(bid), Elsewhere::NoRoom, "4,500 with its baseline");

    let mut dear = Crowd::new(10_000, "2", None);
    let bid = dear.bid(credits("2"));
    assert_eq!(dear.looked_at(bid), Some(Err(Stays::MoveFee(credits("2")))));

    let mut pinned = Crowd::new(10_000, "0", None);
    let until = pinned.world.now.plus_seconds(600);
    pinned.world.state.instances.get_mut(&pinned.instance).unwrap().pinned_until = Some(until);
    let bid = pinned.bid(credits("5"));
    assert_eq!(pinned.looked_at(bid), Some(Err(Stays::Pinned { until })));
    assert!(!round(&mut pinned.world).contains_key(&bid));
    pinned.world.now = until;
    assert!(matches!(pinned.looked_at(bid), Some(Ok(_))), "its rest is over");

    let mut bound = Crowd::new(10_000, "0", None);
    bound.world.run(Command::SetMovesAtOnce { pool: "p".into(), moves_at_once: Some(0), expected_version: None });
    let bid = bound.bid(credits("5"));
    assert_eq!(bound.looked_at(bid), Some(Err(Stays::MovesAtOnce(0))));
    assert!(!round(&mut bound.world).contains_key(&bid));

    // It wins what its node has in a later slot, and would have to come back for that.
    let mut won = Crowd::new(10_000, "0", None);
    let later = |request: &mut OrderRequest| {
        for at in [&mut request.window.start_at, &mut request.window.end_at] {
            *at = at.plus_seconds(2 * RHYTHM.slot_seconds);
        }
    };
    let (tenant, instance) = (won.tenant, won.instance);
    let has = bid_that(&mut won.world, tenant, Some(instance), 67, "5", later);
    assert_eq!(round(&mut won.world)[&has].1, [won.full]);
    won.world.now = won.world.now.plus_seconds(RHYTHM.round_seconds);
    let bid = won.bid(credits("5"));
    let until = RHYTHM.first_open(won.world.now).plus(2, RHYTHM.slot_seconds);
    assert_eq!(won.looked_at(bid), Some(Err(Stays::Won { until })));
    assert!(!round(&mut won.world).contains_key(&bid));
    let after = won.bid_in(3, credits("5"));
    assert!(matches!(won.looked_at(after), Some(Ok(_))), "later it may go");

    // What it offers is still its own; what it has lent is not.
    let mut lends = Crowd::new(10_000, "0", None);
    let buyer = participant(&mut lends.world, "buyer", "1000");
    let away = workload(&mut lends.world, buyer, lends.full, 300);
    bid_that(&mut lends.world, buyer, Some(away), 400, "5", |_| {});
    let (tenant, instance) = (lends.tenant, lends.instance);
    let mut offer = None;
    bid_that(&mut lends.world, tenant, Some(instance), 300, "0.00001", |request| offer = Some(request.clone()));
    let request = Box::new(offer.expect("the request"));
    lends.world.run(Command::CancelAll { participant: tenant });
    lends.world.run(Command::PlaceOrder { participant: tenant, side: Side::Offer, request, client_order: None });
    assert!(!round(&mut lends.world).is_empty());
    lends.world.now = lends.world.now.plus_seconds(RHYTHM.round_seconds);
    let until = RHYTHM.first_open(lends.world.now);
    let bid = lends.bid(credits("5"));
    assert_eq!(lends.looked_at(bid), Some(Err(Stays::Lends { until })));
}

#[test]
fn who_takes_nobody_anywhere_is_not_looked_at() {
    let mut crowd = Crowd::new(10_000, "0", None);
    let (tenant, instance) = (crowd.tenant, crowd.instance);
    let stays = bid_that(&mut crowd.world, tenant, Some(instance), 1_000, "5", |r| r.no_displacement = true);
    assert_eq!(crowd.looked_at(stays), None);
    let nobody = bid_that(&mut crowd.world, tenant, None, 1_000, "5", |_| {});
    assert_eq!(crowd.looked_at(nobody), None);
}
