//! An exchange in memory that is driven by random commands, and what has to hold after each.
use headroom_market::advice::score::PERFORMANCE_PROPERTY;
use headroom_market::apply::apply;
use headroom_market::book::{OrderRequest, OrderStatus, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::command::{Command, Envelope, NewInstance, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{IdSource, InstanceId, ParticipantId};
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::market::{Market, Rhythm};
use headroom_market::pool::{ReserveStep, Tier, recallable};
use headroom_market::round::AwardKind;
use headroom_market::settlement::Receipt;
use headroom_market::settlement::dispute::DisputeState;
use headroom_market::state::{Changes, State};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Resource, Share, amount};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Strategy};
use std::collections::{BTreeMap, BTreeSet};

pub const RHYTHM: Rhythm = Rhythm { slot_seconds: 60, horizon_slots: 4, lead_seconds: 10, round_seconds: 5 };

/// Chance as an argument: the ids' own generator, seeded.
pub struct Chance(IdSource);

impl Chance {
    pub fn below(&mut self, n: u64) -> u64 {
        (self.0.next_raw() as u64 & 0xffff_ffff) % n
    }
}

pub struct World {
    pub state: State,
    /// A second state that only folds the events.
    pub folded: State,
    pub log: Vec<(Envelope, Vec<Event>)>,
    pub now: Timestamp,
    pub chance: Chance,
    pub receipts: Vec<Receipt>,
    pub charged: BTreeMap<TransferKindName, i128>,
    /// What left escrow, by reason and account.
    pub paid: BTreeMap<(TransferKindName, Account), Credits>,
    /// Slots for which the exchange itself ended a swap.
    pub failed_by_exchange: BTreeSet<Slot>,
    /// Codes of what was refused.
    pub refused: BTreeSet<&'static str>,
    /// How often somebody had a part of what it waits for.
    pub took_at_once: u32,
}

pub type TransferKindName = &'static str;

pub fn empty() -> State {
    let zero = Timestamp::default();
    let slot = Slot::default();
    State::new(Market {
        name: String::new(),
        rhythm: RHYTHM,
        price_cap: "1".parse().unwrap(),
        demo: false,
        last_round: 0,
        last_root: String::new(),
        full_round: 0,
        planned_until: slot,
        settled_until: slot,
        pool_rounds: BTreeMap::new(),
        two_person_approval: false,
        created_at: zero,
    })
}

impl World {
    pub fn new(seed: u64) -> Self {
        let now = Timestamp::from_seconds(1_800_000_000);
        let chance = Chance(IdSource::new(now, seed));
        let (state, folded) = (empty(), empty());
        let (receipts, charged, paid) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let (failed_by_exchange, refused) = (BTreeSet::new(), BTreeSet::new());
        let mut world = Self {
            state,
            folded,
            log: Vec::new(),
            now,
            chance,
            receipts,
            charged,
            paid,
            failed_by_exchange,
            refused,
            took_at_once: 0,
        };
        world.run(Command::OpenMarket {
            name: "test".into(),
            rhythm: RHYTHM,
            price_cap: "1".parse().unwrap(),
            demo: false,
        });
        world
    }

    /// A workload has shown that it gives memory back.
    pub fn drill(&mut self, instance: InstanceId) {
        let detail = "let go of half".to_owned();
        let epoch = self.state.instances[&instance].epoch;
        let command = Command::RecordDrill { instance, epoch, at_end: AtEnd::Shrink, passed: true, detail };
        // It takes no chance: what follows is as if there had been none.
        let passed = self.run_with(0, command);
        assert!(matches!(passed, Reply::Instance(id) if id == instance));
    }

    pub fn run(&mut self, command: Command) -> Reply {
        let seed = self.chance.below(u64::MAX);
        self.run_with(seed, command)
    }

    fn run_with(&mut self, seed: u64, command: Command) -> Reply {
        let envelope = Envelope { now: self.now, seed, command };
        let (events, reply) = apply(&mut self.state, &envelope);
        if let Reply::Refused(refusal) = &reply {
            self.refused.insert(refusal.code);
            assert!(events.is_empty(), "a refused command changes nothing: {reply:?}");
        }
        for event in &events {
            if let Event::Transferred(transfer) = event {
                *self.charged.entry(transfer.kind.name()).or_default() += i128::from(transfer.amount.units());
                if transfer.debit == Account::Escrow {
                    *self.paid.entry((transfer.kind.name(), transfer.credit)).or_default() += transfer.amount;
                }
                if transfer.kind == TransferKind::ReservationFee && transfer.credit == Account::Escrow {
                    *self.paid.entry((transfer.kind.name(), transfer.debit)).or_default() += -transfer.amount;
                }
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

    pub fn audit(&self) {
        assert_eq!(self.state.ledger.sum(), 0, "money is conserved");
        let mut holds: BTreeMap<ParticipantId, Credits> = BTreeMap::new();
        for order in self.state.orders.values() {
            assert!(!order.hold.is_negative());
            let waits = matches!(order.status, OrderStatus::PendingCancel | OrderStatus::PendingReplace);
            assert!(!waits || order.sealed_in.is_some(), "what waits for a round is done when the round is over");
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
        let claims = self.state.disputes.values().filter(|d| d.state == DisputeState::Open).map(|d| d.claimed);
        assert_eq!(
            self.state.ledger.balance(Account::Disputed),
            claims.sum(),
            "claims are set aside, no more and no less"
        );
        self.promises_can_be_kept();
    }

    /// What a workload has won and lent never takes it over its limit or under its floor.
    pub fn promises_can_be_kept(&self) {
        for instance in self.state.instances.values() {
            let mut net: BTreeMap<(Slot, Resource), i64> = BTreeMap::new();
            let mut elsewhere: BTreeSet<Slot> = BTreeSet::new();
            for award in self.state.awards.values().filter(|a| a.instance == Some(instance.id)) {
                for line in award.lines.iter().filter(|l| !l.settled) {
                    if recallable::firm(&line.pool) != instance.pool {
                        elsewhere.insert(line.slot);
                    }
                    let change = match award.kind {
                        AwardKind::Bought => line.left(),
                        AwardKind::Lent => -line.left(),
                        AwardKind::Resold => 0,
                    };
                    *net.entry((line.slot, line.resource)).or_default() += change;
                }
            }
            for ((slot, resource), net) in net {
                // Planned slots go on with what they were planned with; what has ended is not kept any more.
                if RHYTHM.slot_end(slot) <= self.now {
                    continue;
                }
                // In another pool the baseline is a part of what was bought.
                let carried = elsewhere.contains(&slot);
                let has = net + if carried { 0 } else { amount(instance.baseline_in(slot), resource) };
                assert!(has <= amount(&instance.limit, resource), "{has} {resource} in {slot}: over the limit");
                assert!(
                    has >= amount(instance.floor_in(slot), resource),
                    "{has} {resource} in {slot}: under the floor"
                );
            }
        }
    }
}

pub fn amounts(cpu: i64, mem: i64) -> Amounts {
    [(Resource::CpuMilli, cpu), (Resource::MemMib, mem)].into()
}

pub fn participant(world: &mut World, name: &str, credits: &str) -> ParticipantId {
    let command = Command::CreateParticipant {
        name: name.into(),
        platform: false,
        quota: amounts(9000, 9000),
        open_order_limit: 40,
        instance_limit: None,
        highest_class: None,
    };
    let Reply::Participant(id) = world.run(command) else { panic!("participant") };
    world.run(Command::Grant { participant: id, amount: credits.parse().unwrap(), reason: None });
    id
}

/// One pool, three nodes, three participants with two workloads each.
pub fn seeded(seed: u64) -> (World, Vec<(ParticipantId, InstanceId)>) {
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
            // now and then there is little beside the baselines, and what was bought is bought again
            capacity: if seed.is_multiple_of(3) { amounts(2900, 2400) } else { amounts(4000, 4000) },
            properties: [(PERFORMANCE_PROPERTY.to_owned(), 1_000)].into(),
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
    // The third can't afford all that it asks for.
    for (name, credits) in [("one", "50"), ("two", "50"), ("three", "2")] {
        let owner = participant(&mut world, name, credits);
        for index in 0..2 {
            let new = NewInstance {
                participant: owner,
                name: format!("{name}-{index}"),
                driver: "wasm".into(),
                module,
                arguments: Vec::new(),
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
            world.drill(id);
            workloads.push((owner, id));
        }
    }
    (world, workloads)
}

pub fn random_order(world: &mut World, workloads: &[(ParticipantId, InstanceId)]) -> Command {
    let (owner, instance) = workloads[world.chance.below(workloads.len() as u64) as usize];
    let side = if world.chance.below(3) == 0 { Side::Offer } else { Side::Bid };
    let first = RHYTHM.first_open(world.now).plus(world.chance.below(2) as i64, RHYTHM.slot_seconds);
    let is_offer = side == Side::Offer;
    let length = if is_offer { 1 } else { 1 + world.chance.below(2) as i64 };
    let cpu = 50 + world.chance.below(900) as i64;
    let mem = 50 + world.chance.below(600) as i64;
    let unit = 200 + world.chance.below(3000) as i64;
    let instance = (side == Side::Offer || world.chance.below(4) > 0).then_some(instance);
    let replicas = if instance.is_none() { 1 + world.chance.below(4) as u32 } else { 1 };
    let resources = match world.chance.below(4) {
        // An offer is of one resource, and so is what is sold on.
        0 if is_offer => [(Resource::MemMib, mem)].into(),
        _ if is_offer => [(Resource::CpuMilli, cpu)].into(),
        0 => [(Resource::CpuMilli, cpu)].into(),
        _ => amounts(cpu, mem),
    };
    let worth = |(resource, quantity): (&Resource, &i64)| match resource {
        Resource::CpuMilli => quantity * unit,
        _ => quantity * unit / 12,
    };
    let limit = Credits::from_units(resources.iter().map(worth).sum::<i64>() * length * i64::from(replicas));
    let last = if is_offer { 3 } else { 4 };
    let tif =
        [TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok][world.chance.below(last) as usize];
    let min_fill = if !is_offer && world.chance.below(5) == 0 { "0.5" } else { "0" };
    let request = OrderRequest {
        instance,
        window: Window { start_at: first.start(), end_at: first.plus(length, RHYTHM.slot_seconds).start() },
        latest_start_at: None,
        replicas,
        resources,
        pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit,
        min_fill: min_fill.parse().unwrap(),
        time_in_force: tif,
        expires_at: (world.chance.below(6) == 0).then(|| world.now.plus_seconds(5 + world.chance.below(60) as i64)),
        resell: if world.chance.below(2) == 0 { Resell::OwnLimit } else { Resell::Never },
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Class::Standard,
        client_bid_id: None,
    };
    Command::PlaceOrder { participant: owner, side, request: Box::new(request), client_order: None }
}
