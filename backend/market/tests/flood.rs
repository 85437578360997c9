//! More orders than a round takes: what waits goes first in the next one, is told why, and is not written anew.

use crate::support;
use crate::support::away;
use crate::support::one_node;
use headroom_market::apply::apply;
use headroom_market::book::{Order, OrderRequest, OrderStatus, Reason, Side, Window};
use headroom_market::command::{Command, Envelope, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{OrderId, ParticipantId};
use headroom_market::time::Timestamp;
use headroom_market::units::Resource;
use std::collections::BTreeSet;

use crate::support::world::{RHYTHM, World};

const CPU: Resource = Resource::CpuMilli;
/// Bids of four slots that a round has room for: each counts 4 rows of 20, of 24,000.
const ROOM: usize = 300;

struct Flood {
    world: World,
    owner: ParticipantId,
}

impl Flood {
    fn new() -> Self {
        let mut world = World::new(5);
        away::pool(&mut world, "p", &[CPU], "0.0005");
        away::node(&mut world, "p", "only", [(CPU, 4_000)].into());
        let command = Command::CreateParticipant {
            name: "owner".into(),
            platform: false,
            quota: [(CPU, 9_000)].into(),
            open_order_limit: 1_000,
            instance_limit: None,
            highest_class: None,
        };
        let Reply::Participant(owner) = world.run(command) else { panic!("a participant") };
        world.run(Command::Grant { participant: owner, amount: "1000".parse().unwrap(), reason: None });
        Self { world, owner }
    }
    /// Far under the reserve price.
    fn bids(&mut self, count: usize) -> Vec<OrderId> {
        let first = RHYTHM.first_open(self.world.now);
        let request = OrderRequest {
            window: Window { start_at: first.start(), end_at: first.plus(4, RHYTHM.slot_seconds).start() },
            resources: [(CPU, 1)].into(),
            pools: away::choices(&["p"]),
            ..one_node::plain("0.000001")
        };
        let place = |_| {
            let (participant, request) = (self.owner, Box::new(request.clone()));
            let command = Command::PlaceOrder { participant, side: Side::Bid, request, client_order: None };
            // Ids rise with the time.
            self.world.now = Timestamp::from_micros(self.world.now.micros() + 1_000);
            let Reply::Order(id) = self.world.run(command) else { panic!("a bid is taken") };
            id
        };
        (0..count).map(place).collect()
    }
    /// Who was told in the round that it has not won, and how many were held back without a word.
    fn round(&mut self) -> (BTreeSet<OrderId>, u32) {
        self.world.now = self.world.now.plus_seconds(5);
        one_node::hold_round(&mut self.world);
        let (_, events) = self.world.log.last().expect("a round");
        let awarded = events.iter().find_map(|event| match event {
            Event::RoundAwarded { not_won, held_back, .. } => Some((not_won, *held_back)),
            _ => None,
        });
        let (not_won, held_back) = awarded.expect("it was awarded");
        (not_won.iter().map(|(id, _)| *id).collect(), held_back)
    }
    fn order(&self, id: OrderId) -> &Order {
        &self.world.state.orders[&id]
    }
    fn was_taken(&self, id: OrderId) -> bool {
        self.order(id).last_reason.as_ref().is_some_and(|why| why.reason != Reason::RoundFull)
    }
    /// Why it has not won, as people are told, and since which round it waits for a place.
    fn told(&self, id: OrderId) -> (Option<Reason>, Option<u64>) {
        let full_round = self.world.state.market.full_round;
        (self.order(id).why_not_won(full_round).map(|w| w.reason), self.order(id).held_back_since(full_round))
    }
}

#[test]
fn what_no_round_has_taken_is_told_so_without_being_written() {
    let mut flood = Flood::new();
    let all = flood.bids(ROOM + 20);
    assert!(all.iter().all(|id| flood.told(*id) == (None, None)), "no round has been held");
    let (told, held_back) = flood.round();
    assert_eq!((told.len(), held_back), (ROOM, 20));
    let waiting: Vec<OrderId> = all.iter().copied().filter(|id| !told.contains(id)).collect();
    assert_eq!(waiting, all[ROOM..], "the last ones wait");
    for id in &waiting {
        assert_eq!(flood.told(*id), (Some(Reason::RoundFull), Some(1)));
        assert_eq!(flood.order(*id).last_reason, None);
    }

    // They go first now, and others wait for them: those have been in a round, and are told.
    let new = flood.bids(1)[0];
    let (told, held_back) = flood.round();
    assert!(waiting.iter().all(|id| told.contains(id) && flood.was_taken(*id)));
    assert_eq!(held_back, 1, "only the new one is held back without a word");
    assert_eq!(flood.told(new), (Some(Reason::RoundFull), Some(2)));
    let displaced: Vec<OrderId> = all.iter().copied().filter(|id| flood.told(*id).1 == Some(2)).collect();
    assert_eq!(displaced.len(), 20);
    assert!(displaced.iter().all(|id| told.contains(id) && flood.order(*id).last_reason.is_some()));

    // Who has waited longest is first, whether it was written down or not.
    let newest = flood.bids(1)[0];
    flood.round();
    for id in displaced.into_iter().chain([new]) {
        assert!(flood.was_taken(id), "{id}");
    }
    assert_eq!(flood.told(newest), (Some(Reason::RoundFull), Some(3)));
}

#[test]
fn what_waits_until_it_expires_has_expired_for_that() {
    let mut flood = Flood::new();
    let last = *flood.bids(ROOM + 1).last().unwrap();
    flood.round();
    flood.world.now = flood.world.now.plus_seconds(3_600);
    let probe = flood.bids(1)[0];
    one_node::hold_round(&mut flood.world);
    let ended = flood.world.log.iter().flat_map(|(_, events)| events).find_map(|event| match event {
        Event::OrderClosed { order, status, reason, .. } if *order == last => Some((*status, reason.clone())),
        _ => None,
    });
    assert_eq!(ended, Some((OrderStatus::Expired, Some(Reason::RoundFull.code().to_owned()))));
    assert!(flood.was_taken(probe));
}

#[test]
fn what_is_cancelled_or_replaced_keeps_its_reason() {
    let mut flood = Flood::new();
    let all = flood.bids(ROOM + 2);
    flood.round();
    let [canceled, waits] = [all[ROOM], all[ROOM + 1]];
    let reason = |order: &Order| order.last_reason.as_ref().map(|why| (why.reason, why.round));
    let full = Some((Reason::RoundFull, 1));
    let participant = flood.owner;
    // The next round takes both, and their owner changes his mind about one meanwhile.
    let seal = support::movers::seal(&flood.world.state, flood.world.now);
    assert!(matches!(flood.world.run(seal), Reply::Sealed { .. }));
    flood.world.run(Command::CancelOrder { participant, order: waits });
    assert_eq!((flood.order(waits).status, reason(flood.order(waits))), (OrderStatus::PendingCancel, full));
    flood.world.run(Command::VoidRound { round: 2, reason: "the check failed".into() });

    let command = Command::CancelOrder { participant, order: canceled };
    apply(&mut flood.world.state, &Envelope { now: flood.world.now, seed: 1, command });
    let row = flood.world.state.changes.touched.values().flatten().find(|row| row.id == canceled.to_string());
    let ended: Order = serde_json::from_str(&row.expect("its last row").document).unwrap();
    assert_eq!((ended.status, reason(&ended)), (OrderStatus::Canceled, full));
}

/// Who may move is tried apart from the state, without what has no place (`support/movers.rs` compares the books): with
/// workloads that could move, blocks with and without a place, and bids of a project among the flood.
#[test]
fn a_round_is_tried_without_what_has_no_place() {
    let mut flood = Flood::new();
    let first = RHYTHM.first_open(flood.world.now);
    let window = Window { start_at: first.start(), end_at: first.plus(2, RHYTHM.slot_seconds).start() };
    let owner = flood.owner;
    let (name, limit) = ("short".to_owned(), "1.2".parse().unwrap());
    let reply = flood.world.run(Command::PutProject { participant: owner, name, limit });
    assert!(matches!(reply, Reply::Project(_)), "{reply:?}");
    let movers: Vec<_> = (0..3)
        .map(|n| away::workload(&mut flood.world, owner, "p", [(CPU, 1_000 + n)].into(), [(CPU, 4_000)].into()))
        .collect();
    away::node(&mut flood.world, "p", "empty", [(CPU, 6_000)].into());
    let bid = |flood: &mut Flood, change: &dyn Fn(&mut OrderRequest)| {
        let pools = away::choices(&["p"]);
        let resources = [(CPU, 1_200)].into();
        let mut request = OrderRequest { window, resources, pools, ..one_node::plain("9") };
        change(&mut request);
        let request = Box::new(request);
        let command = Command::PlaceOrder { participant: owner, side: Side::Bid, request, client_order: None };
        let Reply::Order(id) = flood.world.run(command) else { panic!("a bid is taken") };
        id
    };
    for (n, id) in movers.iter().enumerate() {
        bid(&mut flood, &|r| r.instance = Some(*id));
        bid(&mut flood, &|r| r.min_fill = "1".parse().unwrap());
        bid(&mut flood, &|r| (r.project, r.limit) = (Some("short".into()), "0.4".parse().unwrap()));
        if n == 1 {
            flood.bids(ROOM + 20);
        }
    }
    let could = |flood: &Flood| {
        let look = support::movers::look(&flood.world.state, flood.world.now, &BTreeSet::new());
        look.expect("a round").moves.could.len()
    };
    assert!(could(&flood) > 0, "somebody could move");
    for _ in 0..3 {
        let (told, held_back) = flood.round();
        assert!(!told.is_empty() && held_back + told.len() as u32 > 20);
    }
}

#[test]
fn a_void_round_holds_nobody_back() {
    let mut flood = Flood::new();
    let all = flood.bids(ROOM + 20);
    let seal = support::movers::seal(&flood.world.state, flood.world.now);
    let Reply::Sealed { round, .. } = flood.world.run(seal) else { panic!("a round") };
    flood.world.run(Command::VoidRound { round, reason: "the check failed".into() });
    assert!(all.iter().all(|id| flood.told(*id) == (None, None)));
    let (told, held_back) = flood.round();
    assert_eq!((told.len(), held_back), (ROOM, 20));
    assert_eq!(flood.told(*all.last().unwrap()).0, Some(Reason::RoundFull));
}
