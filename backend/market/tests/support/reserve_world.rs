//! Small random markets whose rounds are kept for a replay: sealed and awarded by the exchange itself.
use headroom_market::apply::apply;
use headroom_market::book::{OrderRequest, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::clearing::document::{Book, Outcome};
use headroom_market::command::{Command, Envelope, NewInstance, Reply};
use headroom_market::ids::{IdSource, InstanceId, ParticipantId, UserId};
use headroom_market::market::{Market, Rhythm};
use headroom_market::participant::Membership;
use headroom_market::participant::Role;
use headroom_market::pool::simulate::{self, Life, PastRound, Question, Simulation};
use headroom_market::pool::{ReservePrice, ReserveStep, Tier};
use headroom_market::round::AwardKind;
use headroom_market::state::State;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Strategy};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const RHYTHM: Rhythm = Rhythm { slot_seconds: 60, horizon_slots: 4, lead_seconds: 10, round_seconds: 5 };
pub const CAPACITY: i64 = 6000;

pub struct World {
    pub state: State,
    pub now: Timestamp,
    pub chance: IdSource,
    pub rounds: Vec<PastRound>,
    pub requests: BTreeMap<String, OrderRequest>,
    pub members: Vec<(ParticipantId, InstanceId)>,
}

pub fn amounts(cpu: i64) -> Amounts {
    [(Resource::CpuMilli, cpu), (Resource::MemMib, cpu)].into()
}

pub fn steps(text: &[(&str, &str)]) -> Vec<ReserveStep> {
    text.iter()
        .map(|(share, price)| ReserveStep { share: share.parse().unwrap(), price: price.parse().unwrap() })
        .collect()
}

pub fn clear(book: &Arc<Book>) -> Option<Outcome> {
    match headroom_solver::clear_document(book) {
        Ok(verified) => Some(verified.into_inner()),
        Err(fault) => {
            println!("{fault:?} {}", book.text());
            None
        }
    }
}

impl World {
    pub fn new(seed: u64, schedule: &[(&str, &str)]) -> Self {
        let now = Timestamp::from_seconds(1_800_000_000);
        let slot = Slot::default();
        let state = State::new(Market {
            name: String::new(),
            rhythm: RHYTHM,
            price_cap: "1".parse().unwrap(),
            demo: false,
            last_round: 0,
            last_root: String::new(),
            full_round: 0,
            pool_rounds: Default::default(),
            planned_until: slot,
            settled_until: slot,
            created_at: now,
            two_person_approval: false,
        });
        let (chance, rounds) = (IdSource::new(now, seed), Vec::new());
        let mut world = Self { state, now, chance, rounds, requests: BTreeMap::new(), members: Vec::new() };
        let name = "test".to_owned();
        world.run(Command::OpenMarket { name, rhythm: RHYTHM, price_cap: "1".parse().unwrap(), demo: false });
        world.run(Command::CreatePool {
            slug: "p".into(),
            name: "P".into(),
            pop: "x".into(),
            tier: Tier::GeneralPurpose,
            resources: vec![Resource::CpuMilli, Resource::MemMib],
            release_start: "0.4".parse().unwrap(),
        });
        for name in ["a", "b", "c"] {
            let (capacity, properties) = (amounts(CAPACITY / 3), BTreeMap::new());
            world.run(Command::CreateNode { name: name.into(), pool: "p".into(), capacity, properties });
        }
        world.schedule(Resource::MemMib, steps(&[("1", "0.000060")]), -60, None);
        world.schedule(Resource::CpuMilli, steps(schedule), -60, None);
        world
    }

    pub fn below(&mut self, n: u64) -> i64 {
        ((self.chance.next_raw() as u64 & 0xffff_ffff) % n) as i64
    }

    pub fn run(&mut self, command: Command) -> Reply {
        let seed = self.chance.next_raw() as u64;
        apply(&mut self.state, &Envelope { now: self.now, seed, command }).1
    }

    pub fn schedule(&mut self, resource: Resource, steps: Vec<ReserveStep>, ahead: i64, by: Option<UserId>) -> Reply {
        let effective_at = self.now.plus_seconds(ahead);
        self.run(Command::ScheduleReserve {
            pool: "p".into(),
            resource,
            steps,
            effective_at,
            expected_version: None,
            by,
        })
    }

    pub fn participant(&mut self, name: &str) -> ParticipantId {
        let command = Command::CreateParticipant {
            name: name.into(),
            platform: false,
            quota: amounts(100_000),
            open_order_limit: 1000,
            instance_limit: None,
            highest_class: None,
        };
        let Reply::Participant(id) = self.run(command) else { panic!("participant") };
        self.run(Command::Grant { participant: id, amount: "10000".parse().unwrap(), reason: None });
        id
    }

    pub fn user(&mut self, name: &str) -> UserId {
        let participant = self.participant(name);
        let command = Command::CreateUser {
            email: format!("{name}@example.org"),
            name: name.into(),
            password_hash: String::new(),
            memberships: vec![Membership { participant, role: Role::Tenant }],
        };
        let Reply::User(id) = self.run(command) else { panic!("user") };
        id
    }

    pub fn members(&mut self) {
        let command = Command::RegisterModule { participant: None, name: "m".into(), hash: "h".into(), size_bytes: 1 };
        let Reply::Module(module) = self.run(command) else { panic!("module") };
        for name in ["one", "two", "three"] {
            let participant = self.participant(name);
            let new = NewInstance {
                participant,
                name: name.into(),
                driver: "wasm".into(),
                module,
                arguments: Vec::new(),
                pool: "p".into(),
                node: None,
                class: Class::Standard,
                baseline: amounts(900),
                floor: amounts(300),
                limit: amounts(2000),
                at_end: AtEnd::Shrink,
                comparison: ComparisonRules::default(),
                strategy: Strategy::default(),
            };
            let Reply::Instance(instance) = self.run(Command::RegisterInstance(Box::new(new))) else {
                panic!("instance of {name}")
            };
            self.members.push((participant, instance));
        }
    }

    pub fn request(&self, quantity: i64, unit: i64, slots_ahead: i64) -> OrderRequest {
        let first = RHYTHM.first_open(self.now).plus(slots_ahead, RHYTHM.slot_seconds);
        OrderRequest {
            instance: None,
            window: Window { start_at: first.start(), end_at: first.plus(1, RHYTHM.slot_seconds).start() },
            latest_start_at: None,
            replicas: 1,
            resources: [(Resource::CpuMilli, quantity)].into(),
            pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
            assurance: Default::default(),
            limit: Credits::from_units(quantity * unit),
            min_fill: Share::default(),
            time_in_force: TimeInForce::Gtc,
            expires_at: None,
            resell: Resell::Never,
            project: None,
            no_displacement: false,
            min_run_slots: 0,
            class: Class::Standard,
            client_bid_id: None,
        }
    }

    pub fn place(&mut self, participant: ParticipantId, side: Side, request: OrderRequest) -> Option<String> {
        let command = Command::PlaceOrder { participant, side, request: Box::new(request.clone()), client_order: None };
        let Reply::Order(id) = self.run(command) else { return None };
        self.requests.insert(id.to_string(), request);
        Some(id.to_string())
    }

    /// Bids and offers of every kind that a market has.
    pub fn random_order(&mut self) {
        let member = self.below(3) as usize;
        let (participant, instance) = self.members[member];
        let side = if self.below(4) == 0 { Side::Offer } else { Side::Bid };
        let (quantity, unit, ahead) = (50 + self.below(900), 200 + self.below(3000), self.below(2));
        let mut request = self.request(quantity, unit, ahead);
        request.instance = (side == Side::Offer || self.below(3) == 0).then_some(instance);
        if side == Side::Bid && self.below(3) == 0 {
            request.resources = [(Resource::CpuMilli, quantity), (Resource::MemMib, 1 + quantity / 2)].into();
        }
        let last = if side == Side::Bid { 4 } else { 3 };
        request.time_in_force =
            [TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok][self.below(last) as usize];
        if side == Side::Bid && self.below(5) == 0 {
            request.min_fill = "0.5".parse().unwrap();
        }
        if side == Side::Bid && self.below(5) == 0 && request.instance.is_none() {
            request.replicas = 3;
            request.limit = Credits::from_units(request.limit.units() * 3);
        }
        if self.below(2) == 0 {
            request.resell = Resell::OwnLimit;
        }
        self.place(participant, side, request);
        if self.below(8) == 0
            && let Some((id, participant)) = self.state.orders.values().next().map(|o| (o.id, o.participant))
        {
            self.run(Command::CancelOrder { participant, order: id });
        }
    }

    pub fn round(&mut self) {
        self.round_with(|_| ());
    }

    /// A round, and what happens while it is sealed.
    pub fn round_with(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        let slots = RHYTHM.open_slots(self.now);
        if let Reply::Sealed { round, book } = self.run(Command::SealRound(None)) {
            meanwhile(self);
            let verified = crate::support::cleared(&book);
            let (result_hash, outcome) = (verified.result_hash().to_owned(), verified.clone().into_inner());
            let command = Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(verified)) };
            assert!(matches!(self.run(command), Reply::Done));
            self.rounds.push(PastRound { number: round, sealed_at: self.now, slots, book, outcome });
        }
        self.now = self.now.plus_seconds(RHYTHM.round_seconds);
    }

    pub fn question(&self, new: Vec<ReserveStep>) -> Question {
        let life = |r: &OrderRequest| Life {
            once: matches!(r.time_in_force, TimeInForce::Ioc | TimeInForce::Fok),
            expires_at: r.expires_at,
            stays_open: r.stays_open_after_award(RHYTHM.slot_seconds),
            runs_of: r.runs_of(RHYTHM.slot_seconds),
            resells: r.resell == Resell::OwnLimit && r.replicas == 1,
        };
        let bought = self.state.awards.values().filter(|a| a.kind == AwardKind::Bought);
        let schedules: Vec<ReservePrice> =
            self.state.reserve_prices.values().filter(|r| r.resource == Resource::CpuMilli).cloned().collect();
        Question {
            pool: "p".into(),
            resource: Resource::CpuMilli,
            steps: new,
            schedules,
            rhythm: RHYTHM,
            release_start: "0.4".parse().unwrap(),
            capacity_now: CAPACITY,
            sold_before: BTreeMap::new(),
            orders: self.requests.iter().map(|(id, r)| (id.clone(), life(r))).collect(),
            awards: bought.fold(BTreeMap::new(), |mut found: BTreeMap<_, Vec<String>>, a| {
                found.entry((a.round, a.order.to_string())).or_default().push(a.id.to_string());
                found
            }),
            elasticities: [20, 100],
        }
    }

    pub fn simulate(&self, new: &[(&str, &str)]) -> Simulation {
        let mut clear = |book: &Arc<Book>| clear(book);
        simulate::run(&self.question(steps(new)), &self.rounds, &mut clear, &mut |_| true)
    }
}

pub fn random_market(seed: u64, schedule: &[(&str, &str)]) -> World {
    let mut world = World::new(seed, schedule);
    world.members();
    for _ in 0..16 {
        for _ in 0..3 {
            world.random_order();
        }
        world.round();
    }
    world
}
