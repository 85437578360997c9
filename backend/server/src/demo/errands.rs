//! Jobs of the demo that go to another pool now and then, and home again: what a member's own program would order over
//! the API. Without them a demo shows a move in its first minute and hardly another one.
use headroom_market::book::{OrderRequest, PoolChoice, Side, TimeInForce, Window};
use headroom_market::command::Command;
use headroom_market::state::State;
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::Class;

/// Workload, where to, CPU beyond its baseline, limit in credits. They have no strategies: whoever has won or lent
/// something at home for later slots does not leave it.
const ERRANDS: [(&str, &str, i64, i64); 3] =
    [("annotation", "fra1-gp", 900, 12), ("transcode-hd", "fra1-hp", 800, 14), ("archive", "fra1-gp", 600, 10)];

/// One of them leaves every so many slots, so each is out once in three times as many: a workload makes four moves in
/// 36 slots at most, two for each errand.
const EVERY_SLOTS: i64 = 7;
/// From the slot in which the order is placed to the one in which the workload is there.
const AHEAD_SLOTS: i64 = 2;
const LASTS_SLOTS: i64 = 2;

/// Whether a workload's owner places its orders by such a program, and not by a strategy.
pub fn has_errands(name: &str) -> bool {
    ERRANDS.iter().any(|(workload, ..)| *workload == name)
}

/// The order that is placed in a slot, if one is. The same slot has the same order, under the same id of the client.
pub fn due(state: &State, slot: Slot) -> Option<Command> {
    let seconds = state.market.rhythm.slot_seconds;
    let number = slot.seconds() / seconds;
    if number % EVERY_SLOTS != 0 {
        return None;
    }
    let (name, pool, cpu, limit) = ERRANDS[(number / EVERY_SLOTS).rem_euclid(ERRANDS.len() as i64) as usize];
    let instance = state.instances.values().find(|i| i.name == name)?;
    let there = slot.plus(AHEAD_SLOTS, seconds);
    let request = OrderRequest {
        instance: Some(instance.id),
        window: Window { start_at: there.start(), end_at: there.plus(LASTS_SLOTS, seconds).start() },
        latest_start_at: None,
        replicas: 1,
        resources: Amounts::from([(Resource::CpuMilli, cpu)]),
        pools: vec![PoolChoice { pool: pool.to_owned(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit: Credits::from_units(limit * 1_000_000),
        min_fill: Share::from_units(1_000_000),
        time_in_force: TimeInForce::default(),
        expires_at: None,
        resell: Default::default(),
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Class::Standard,
        client_bid_id: Some(format!("errand-{}", slot.seconds())),
    };
    let participant = instance.participant;
    Some(Command::PlaceOrder { participant, side: Side::Bid, request: Box::new(request), client_order: None })
}
