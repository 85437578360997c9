//! The whole exchange under random commands, against invariants that a naive auditor checks
//! after each: money is conserved, holds cover open bids, folding the events gives the same
//! state, the same commands give the same events, every swap ends.
use headroom_market::apply::apply;
use headroom_market::book::{OrderRequest, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::clearing::{self, Limits, Mode, NoProposal};
use headroom_market::command::{Command, Envelope, NewInstance, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{IdSource, InstanceId, ParticipantId};
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::market::{Market, Rhythm};
use headroom_market::pool::{ReserveStep, Tier};
use headroom_market::settlement::Receipt;
use headroom_market::settlement::meter::Reading;
use headroom_market::state::{Changes, State};
use headroom_market::swap::SwapState;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Resource, Share, amount};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Strategy};
use std::collections::BTreeMap;
use std::sync::Arc;

const RHYTHM: Rhythm = Rhythm { slot_seconds: 60, horizon_slots: 4, lead_seconds: 10, round_seconds: 5 };

/// Chance as an argument: the ids' own generator, seeded.
struct Chance(IdSource);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        (self.0.next_raw() as u64 & 0xffff_ffff) % n
    }
}

struct World {
    state: State,
    /// A second state that only folds the events.
    folded: State,
    log: Vec<(Envelope, Vec<Event>)>,
    now: Timestamp,
    chance: Chance,
    receipts: Vec<Receipt>,
    charged: BTreeMap<TransferKindName, i128>,
}

type TransferKindName = &'static str;

fn empty() -> State {
    let zero = Timestamp::default();
    let slot = Slot::default();
    State::new(Market {
        name: String::new(),
        rhythm: RHYTHM,
        price_cap: "1".parse().unwrap(),
        demo: false,
        last_round: 0,
        last_root: String::new(),
        planned_until: slot,
        settled_until: slot,
        created_at: zero,
    })
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Timestamp::from_seconds(1_800_000_000);
        let chance = Chance(IdSource::new(now, seed));
        let (state, folded) = (empty(), empty());
        let mut world =
            Self { state, folded, log: Vec::new(), now, chance, receipts: Vec::new(), charged: BTreeMap::new() };
        world.run(Command::OpenMarket {
            name: "test".into(),
            rhythm: RHYTHM,
            price_cap: "1".parse().unwrap(),
            demo: false,
        });
        world
    }

    fn run(&mut self, command: Command) -> Reply {
        let seed = self.chance.below(u64::MAX);
        let envelope = Envelope { now: self.now, seed, command };
        let (events, reply) = apply(&mut self.state, &envelope);
        if matches!(reply, Reply::Refused(_)) {
            assert!(events.is_empty(), "a refused command changes nothing: {reply:?}");
        }
        for event in &events {
            if let Event::Transferred(transfer) = event {
                *self.charged.entry(transfer.kind.name()).or_default() += i128::from(transfer.amount.units());
            }
            if let Event::Received(receipt) = event {
                self.receipts.push(receipt.clone());
            }
            self.folded.fold(event);
        }
        self.audit();
        self.log.push((envelope, events));
        self.state.changes = Changes::default();
        self.folded.changes = Changes::default();
        reply
    }

    fn audit(&self) {
        assert_eq!(self.state.ledger.sum(), 0, "money is conserved");
        let mut holds: BTreeMap<ParticipantId, Credits> = BTreeMap::new();
        for order in self.state.orders.values() {
            assert!(!order.hold.is_negative());
            *holds.entry(order.participant).or_default() += order.hold;
        }
        for id in self.state.participants.keys() {
            let held = self.state.ledger.balance(Account::Held(*id));
            assert_eq!(
                held,
                holds.get(id).copied().unwrap_or_default(),
                "holds cover the open bids, no more and no less"
            );
            assert!(!self.state.available(*id).is_negative());
        }
    }
}

fn amounts(cpu: i64, mem: i64) -> Amounts {
    [(Resource::CpuMilli, cpu), (Resource::MemMib, mem)].into()
}

fn participant(world: &mut World, name: &str) -> ParticipantId {
    let command = Command::CreateParticipant {
        name: name.into(),
        platform: false,
        quota: amounts(9000, 9000),
        open_order_limit: 40,
        instance_limit: None,
        highest_class: None,
    };
    let Reply::Participant(id) = world.run(command) else { panic!("participant") };
    world.run(Command::Grant { participant: id, amount: "50".parse().unwrap() });
    id
}

/// One pool, three nodes, three participants with two workloads each.
fn seeded(seed: u64) -> (World, Vec<(ParticipantId, InstanceId)>) {
    let mut world = World::new(seed);
    let resources = vec![Resource::CpuMilli, Resource::MemMib];
    let slug = "p".to_owned();
    world.run(Command::CreatePool {
        slug: slug.clone(),
        name: "P".into(),
        pop: "x".into(),
        tier: Tier::GeneralPurpose,
        resources,
        release_start: "0.4".parse().unwrap(),
    });
    for name in ["a", "b", "c"] {
        world.run(Command::CreateNode {
            name: name.into(),
            pool: slug.clone(),
            capacity: amounts(4000, 4000),
            properties: BTreeMap::new(),
        });
    }
    for (resource, price) in [(Resource::CpuMilli, "0.000900"), (Resource::MemMib, "0.000060")] {
        let steps = vec![ReserveStep { share: Share::from_units(1_000_000), price: price.parse().unwrap() }];
        let effective_at = world.now.plus_seconds(-60);
        world.run(Command::ScheduleReserve {
            pool: slug.clone(),
            resource,
            steps,
            effective_at,
            expected_version: None,
            by: None,
        });
    }
    let Reply::Module(module) = world.run(Command::RegisterModule {
        participant: None,
        name: "steady".into(),
        hash: "h".into(),
        size_bytes: 1,
    }) else {
        panic!("module")
    };
    let mut workloads = Vec::new();
    for name in ["one", "two", "three"] {
        let owner = participant(&mut world, name);
        for index in 0..2 {
            let new = NewInstance {
                participant: owner,
                name: format!("{name}-{index}"),
                driver: "wasm".into(),
                module,
                pool: slug.clone(),
                node: None,
                class: Class::Standard,
                baseline: amounts(1300, 900),
                floor: amounts(400, 300),
                limit: amounts(3000, 3000),
                at_end: AtEnd::Shrink,
                comparison: ComparisonRules::default(),
                strategy: Strategy::default(),
            };
            let Reply::Instance(id) = world.run(Command::RegisterInstance(Box::new(new))) else { panic!("instance") };
            workloads.push((owner, id));
        }
    }
    (world, workloads)
}

fn random_order(world: &mut World, workloads: &[(ParticipantId, InstanceId)]) -> Command {
    let (owner, instance) = workloads[world.chance.below(workloads.len() as u64) as usize];
    let side = if world.chance.below(3) == 0 { Side::Offer } else { Side::Bid };
    let first = RHYTHM.first_open(world.now).plus(world.chance.below(2) as i64, RHYTHM.slot_seconds);
    let length = 1 + world.chance.below(2) as i64;
    let cpu = 50 + world.chance.below(900) as i64;
    let mem = 50 + world.chance.below(600) as i64;
    let unit = 200 + world.chance.below(3000) as i64;
    let limit = Credits::from_units((cpu * unit + mem * unit / 12) * length);
    let tif = [TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok][world.chance.below(4) as usize];
    let min_fill = if world.chance.below(5) == 0 { "0.5" } else { "0" };
    let request = OrderRequest {
        instance: (side == Side::Offer || world.chance.below(4) > 0).then_some(instance),
        window: Window { start_at: first.start(), end_at: first.plus(length, RHYTHM.slot_seconds).start() },
        latest_start_at: None,
        replicas: 1,
        resources: amounts(cpu, mem),
        pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit,
        min_fill: min_fill.parse().unwrap(),
        time_in_force: tif,
        expires_at: None,
        resell: if world.chance.below(2) == 0 { Resell::OwnLimit } else { Resell::Never },
        parent: None,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Class::Standard,
        client_bid_id: None,
    };
    Command::PlaceOrder { participant: owner, side, request: Box::new(request), client_order: None }
}

fn clear_round(world: &mut World) -> bool {
    let Reply::Sealed { round, book } = world.run(Command::SealRound) else { return false };
    if world.chance.below(4) == 0 {
        // What is cancelled while the round is sealed waits for it.
        let id = world.state.orders.keys().next().copied();
        if let Some(order) = id.and_then(|id| world.state.orders.get(&id)) {
            let command = Command::CancelOrder { participant: order.participant, order: order.id };
            world.run(command);
        }
    }
    let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::default());
    let verified = outcome.ok().and_then(|o| clearing::verify(&book, o, Mode::Market).ok());
    let Some(outcome) = verified else {
        world.run(Command::VoidRound { round, reason: "no verified outcome".into() });
        return false;
    };
    let result_hash = outcome.result_hash();
    let reply = world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    assert!(matches!(reply, Reply::Done), "a verified outcome can be applied: {reply:?}");
    true
}

/// Every live swap takes a step, sometimes a failing or a stale one.
fn step_swaps(world: &mut World) {
    let live: Vec<_> = world.state.swaps.values().map(|s| (s.id, s.state)).collect();
    for (swap, state) in live {
        let report = StepReport::default();
        let result = match world.chance.below(12) {
            0 => StepResult::Failed { state, reason: "shadow_mismatch".into(), detail: "test".into(), report },
            1 => StepResult::Succeeded { state: SwapState::Released, report },
            _ => StepResult::Succeeded { state, report },
        };
        world.run(Command::StepSwap { swap, result });
    }
}

fn settle(world: &mut World) {
    let due = |slot: &Slot, now: Timestamp| RHYTHM.slot_end(*slot).plus_seconds(5) <= now;
    let now = world.now;
    let lines = world.state.awards.values().flat_map(|a| a.lines.iter()).filter(|l| !l.settled).map(|l| l.slot);
    let Some(slot) = lines.filter(|s| due(s, now)).min() else { return };
    let instances: Vec<_> = world.state.instances.values().map(|i| (i.id, i.in_force.clone())).collect();
    let mut readings = Vec::new();
    for (instance, in_force) in instances {
        for resource in [Resource::CpuMilli, Resource::MemMib] {
            let mut reading = Reading { instance, resource, runs: Vec::new() };
            for _ in 0..1 + world.chance.below(3) {
                reading.add_tick(amount(&in_force, resource));
            }
            readings.push(reading);
        }
    }
    world.run(Command::SettleSlot { slot, readings });
}

#[test]
fn random_commands_conserve_money_and_replay_to_the_same_state() {
    let (mut rounds, mut settled, mut moves) = (0, 0, 0);
    for seed in 0..60 {
        let (mut world, workloads) = seeded(seed);
        for _ in 0..120 {
            match world.chance.below(10) {
                0..=4 => {
                    let command = random_order(&mut world, &workloads);
                    world.run(command);
                }
                5 => {
                    let id = world.state.orders.keys().next_back().copied();
                    if let Some(order) = id.and_then(|id| world.state.orders.get(&id)) {
                        let command = Command::CancelOrder { participant: order.participant, order: order.id };
                        world.run(command);
                    }
                }
                6 => rounds += u32::from(clear_round(&mut world)),
                7 => step_swaps(&mut world),
                _ => world.now = world.now.plus_seconds(5 + world.chance.below(20) as i64),
            }
            let gate = world.state.market.planned_until.max(Slot::containing(world.now, RHYTHM.slot_seconds));
            if world.state.sealed.is_none() && world.now >= RHYTHM.gate_closes(gate) {
                world.run(Command::PlanSlot { slot: gate });
            }
            settle(&mut world);
        }
        finish(&mut world);
        settled += world.receipts.len();
        moves +=
            world.log.iter().flat_map(|(_, e)| e).filter(|e| matches!(e, Event::SwapChanged(s) if s.moves())).count();
        check_settlement(&world);
        check_replay(&world);
    }
    // The run has to have exercised what it claims to check.
    assert!(
        rounds > 300 && settled > 300 && moves > 20,
        "rounds {rounds}, receipts {settled}, swap steps of moves {moves}"
    );
}

/// Lets everything that is under way come to its end.
fn finish(world: &mut World) {
    for order in world.state.orders.keys().copied().collect::<Vec<_>>() {
        let participant = world.state.orders[&order].participant;
        world.run(Command::CancelOrder { participant, order });
    }
    for _ in 0..60 {
        world.now = world.now.plus_seconds(15);
        step_swaps(world);
        settle(world);
    }
    assert!(world.state.swaps.is_empty(), "every swap ends");
    assert!(world.state.awards.is_empty(), "every award is settled");
    assert!(world.state.instances.values().all(|i| i.swap.is_none()));
}

/// Σ charges − credit notes = Σ price × delivered, to the micro-credit, and escrow is empty.
fn check_settlement(world: &World) {
    let of = |kind: TransferKind| world.charged.get(kind.name()).copied().unwrap_or(0);
    let mut delivered = 0i128;
    for receipt in world.receipts.iter().filter(|r| r.side == Side::Bid) {
        for line in &receipt.lines {
            let exact = line.price.charge_half_even(line.delivered).unwrap();
            assert_eq!(exact, line.amount, "an amount is price × delivered");
            delivered += i128::from(exact.units());
        }
    }
    assert_eq!(of(TransferKind::Charge) + of(TransferKind::Rounding) - of(TransferKind::CreditNote), delivered);
    assert_eq!(world.state.ledger.balance(Account::Escrow), Credits::ZERO, "nothing stays in escrow");
}

/// Folding the events gives the state; applying the commands again gives the events.
fn check_replay(world: &World) {
    let rows = |state: &State| state.all_rows();
    assert_eq!(rows(&world.state), rows(&world.folded), "state is the fold of its events");
    let mut again = empty();
    for (envelope, events) in &world.log {
        let (repeated, _) = apply(&mut again, envelope);
        assert_eq!(&repeated, events, "the same command gives the same events");
    }
    assert_eq!(rows(&world.state), rows(&again));
}
