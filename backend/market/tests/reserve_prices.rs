//! Reserve prices: what two people have to agree on, and what a simulation of past rounds says.
//!
//! The rounds are those of small random markets, sealed and awarded by the exchange itself. The replay
//! of an unchanged schedule must give them again to the last unit; a dearer one must never sell more.
use headroom_market::apply::apply;
use headroom_market::book::{OrderRequest, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::clearing::{self, Book, Limits, Mode, NoProposal, Outcome};
use headroom_market::command::{Command, Envelope, NewInstance, Reply};
use headroom_market::ids::{IdSource, InstanceId, ParticipantId, ReservePriceId, UserId};
use headroom_market::market::{Market, Rhythm};
use headroom_market::participant::Membership;
use headroom_market::participant::Role;
use headroom_market::pool::approval::Verdict;
use headroom_market::pool::simulate::{self, Life, Pass, PastRound, Question, Simulation};
use headroom_market::pool::{ReservePrice, ReserveState, ReserveStep, Tier};
use headroom_market::round::AwardKind;
use headroom_market::state::State;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Price, Resource, Share};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Strategy};
use std::collections::BTreeMap;
use std::sync::Arc;

const RHYTHM: Rhythm = Rhythm { slot_seconds: 60, horizon_slots: 4, lead_seconds: 10, round_seconds: 5 };
const CAPACITY: i64 = 6000;

struct World {
    state: State,
    now: Timestamp,
    chance: IdSource,
    rounds: Vec<PastRound>,
    requests: BTreeMap<String, OrderRequest>,
    members: Vec<(ParticipantId, InstanceId)>,
}

fn amounts(cpu: i64) -> Amounts {
    [(Resource::CpuMilli, cpu), (Resource::MemMib, cpu)].into()
}

fn steps(text: &[(&str, &str)]) -> Vec<ReserveStep> {
    text.iter()
        .map(|(share, price)| ReserveStep { share: share.parse().unwrap(), price: price.parse().unwrap() })
        .collect()
}

fn clear(book: &Arc<Book>) -> Option<Outcome> {
    let outcome = clearing::clear(book, Mode::Market, &NoProposal, &Limits::default()).ok()?;
    clearing::verify(book, outcome.clone(), Mode::Market).ok()?;
    Some(outcome)
}

impl World {
    fn new(seed: u64, schedule: &[(&str, &str)]) -> Self {
        let now = Timestamp::from_seconds(1_800_000_000);
        let slot = Slot::default();
        let state = State::new(Market {
            name: String::new(),
            rhythm: RHYTHM,
            price_cap: "1".parse().unwrap(),
            demo: false,
            last_round: 0,
            last_root: String::new(),
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

    fn below(&mut self, n: u64) -> i64 {
        ((self.chance.next_raw() as u64 & 0xffff_ffff) % n) as i64
    }

    fn run(&mut self, command: Command) -> Reply {
        let seed = self.chance.next_raw() as u64;
        apply(&mut self.state, &Envelope { now: self.now, seed, command }).1
    }

    fn schedule(&mut self, resource: Resource, steps: Vec<ReserveStep>, ahead: i64, by: Option<UserId>) -> Reply {
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

    fn participant(&mut self, name: &str) -> ParticipantId {
        let command = Command::CreateParticipant {
            name: name.into(),
            platform: false,
            quota: amounts(100_000),
            open_order_limit: 1000,
            instance_limit: None,
            highest_class: None,
        };
        let Reply::Participant(id) = self.run(command) else { panic!("participant") };
        self.run(Command::Grant { participant: id, amount: "10000".parse().unwrap() });
        id
    }

    fn user(&mut self, name: &str) -> UserId {
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

    fn members(&mut self) {
        let command = Command::RegisterModule { participant: None, name: "m".into(), hash: "h".into(), size_bytes: 1 };
        let Reply::Module(module) = self.run(command) else { panic!("module") };
        for name in ["one", "two", "three"] {
            let participant = self.participant(name);
            let new = NewInstance {
                participant,
                name: name.into(),
                driver: "wasm".into(),
                module,
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

    fn request(&self, quantity: i64, unit: i64, slots_ahead: i64) -> OrderRequest {
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
            parent: None,
            project: None,
            no_displacement: false,
            min_run_slots: 0,
            class: Class::Standard,
            client_bid_id: None,
        }
    }

    fn place(&mut self, participant: ParticipantId, side: Side, request: OrderRequest) -> Option<String> {
        let command = Command::PlaceOrder { participant, side, request: Box::new(request.clone()), client_order: None };
        let Reply::Order(id) = self.run(command) else { return None };
        self.requests.insert(id.to_string(), request);
        Some(id.to_string())
    }

    /// Bids and offers of every kind that a market has.
    fn random_order(&mut self) {
        let member = self.below(3) as usize;
        let (participant, instance) = self.members[member];
        let side = if self.below(4) == 0 { Side::Offer } else { Side::Bid };
        let (quantity, unit, ahead) = (50 + self.below(900), 200 + self.below(3000), self.below(2));
        let mut request = self.request(quantity, unit, ahead);
        request.instance = (side == Side::Offer || self.below(3) == 0).then_some(instance);
        if self.below(3) == 0 {
            request.resources = [(Resource::CpuMilli, quantity), (Resource::MemMib, 1 + quantity / 2)].into();
        }
        request.time_in_force =
            [TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok][self.below(4) as usize];
        if self.below(5) == 0 {
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

    fn round(&mut self) {
        let slots = RHYTHM.open_slots(self.now);
        if let Reply::Sealed { round, book } = self.run(Command::SealRound) {
            let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::default()).unwrap();
            let verified = clearing::verify(&book, outcome.clone(), Mode::Market).unwrap();
            let result_hash = outcome.result_hash();
            let command = Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(verified)) };
            assert!(matches!(self.run(command), Reply::Done));
            self.rounds.push(PastRound { number: round, sealed_at: self.now, slots, book, outcome });
        }
        self.now = self.now.plus_seconds(RHYTHM.round_seconds);
    }

    fn question(&self, new: Vec<ReserveStep>) -> Question {
        let life = |r: &OrderRequest| Life {
            once: matches!(r.time_in_force, TimeInForce::Ioc | TimeInForce::Fok),
            expires_at: r.expires_at,
            stays_open: r.stays_open_after_award(),
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
            awards: bought.map(|a| ((a.round, a.order.to_string()), a.id.to_string())).collect(),
            elasticities: [20, 100],
        }
    }

    fn simulate(&self, new: &[(&str, &str)]) -> Simulation {
        let mut clear = |book: &Arc<Book>| clear(book);
        simulate::run(&self.question(steps(new)), &self.rounds, &mut clear, &mut |_| true)
    }
}

fn random_market(seed: u64, schedule: &[(&str, &str)]) -> World {
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

const THREE: &[(&str, &str)] = &[("0.6", "0.0009"), ("0.25", "0.00126"), ("0.15", "0.00198")];

#[test]
fn the_unchanged_schedule_gives_what_happened() {
    let mut resales = 0;
    for seed in 0..24 {
        let world = random_market(seed, THREE);
        let sold_on = |r: &PastRound| r.outcome.awards.iter().filter(|a| a.order.starts_with("awd_")).count();
        resales += world.rounds.iter().map(sold_on).sum::<usize>();
        let simulation = world.simulate(THREE);
        assert!(simulation.complete && simulation.rounds.len() == world.rounds.len(), "seed {seed}");
        for (round, past) in simulation.rounds.iter().zip(&world.rounds) {
            assert!(round.reproduced, "seed {seed}, round {}", round.number);
            assert_eq!(round.before, round.after, "seed {seed}, round {}", past.number);
        }
        assert_eq!(simulation.before, simulation.after, "seed {seed}");
        assert!(simulation.priced_out.is_empty() && simulation.gained == 0, "seed {seed}");
        assert!(simulation.band.iter().all(|b| b.after == simulation.before && b.demand.units() == 1_000_000));
        let sold = world.state.products.values().filter(|p| p.resource == Resource::CpuMilli);
        assert_eq!(simulation.before.operator_volume, sold.flat_map(|p| &p.sold_steps).sum::<i64>(), "seed {seed}");
    }
    assert!(resales > 0, "what was won is sold on in some of them");
}

#[test]
fn a_simulated_market_sells_no_more_than_there_is_and_nothing_is_void() {
    for seed in 100..116 {
        let world = random_market(seed, THREE);
        for new in [&[("1", "0.0001")][..], &[("1", "0.0017")], &[("0.5", "0.0005"), ("0.5", "0.003")]] {
            let simulation = world.simulate(new);
            assert!(simulation.rounds.iter().all(|r| r.void.is_none()), "seed {seed}: {:?}", simulation.rounds);
            let slots = world.rounds.iter().flat_map(|r| &r.slots).collect::<std::collections::BTreeSet<_>>().len();
            let most = (CAPACITY - 3 * 900) * slots as i64;
            assert!(simulation.after.operator_volume <= most, "seed {seed}");
            assert_eq!(simulation.band.len(), 2);
        }
    }
}

/// One resource, divisible bids, nobody lends.
fn simple_market(seed: u64) -> World {
    let mut world = World::new(seed, &[("1", "0.0009")]);
    let owner = world.participant("one");
    for _ in 0..10 {
        for _ in 0..2 {
            let (quantity, unit, ahead) = (100 + world.below(1500), 500 + world.below(2500), world.below(2));
            let request = world.request(quantity, unit, ahead);
            world.place(owner, Side::Bid, request);
        }
        world.round();
    }
    world
}

#[test]
fn a_dearer_schedule_never_sells_more_of_the_operators_supply() {
    let mut less = 0;
    for seed in 0..20 {
        let world = simple_market(seed);
        let prices = ["0.0003", "0.0009", "0.0013", "0.0019", "0.004"];
        let all: Vec<_> = prices.iter().map(|p| world.simulate(&[("1", p)])).collect();
        let volumes: Vec<i64> = all.iter().map(|s| s.after.operator_volume).collect();
        assert!(volumes.is_sorted_by(|a, b| a >= b), "seed {seed}: {volumes:?}");
        assert_eq!(all[1].before, all[1].after);
        less += usize::from(volumes[4] < volumes[0]);
        for (simulation, price) in all.iter().zip(prices).skip(2) {
            let price: Price = price.parse().unwrap();
            assert!(simulation.after.price.is_none_or(|p| p >= price), "seed {seed}");
            let [low, high] = &simulation.band[..] else { panic!("two ends") };
            assert!(high.demand <= low.demand && low.demand.units() <= 1_000_000);
            assert!(high.after.volume <= simulation.after.volume, "seed {seed}");
        }
    }
    assert_eq!(less, 20);
}

#[test]
fn rounds_are_coupled() {
    let mut world = World::new(7, &[("1", "0.0009")]);
    let (early, late) = (world.participant("early"), world.participant("late"));
    let request = world.request(6000, 1000, 2);
    let first = world.place(early, Side::Bid, request).unwrap();
    world.round();
    world.round();
    let request = world.request(6000, 2000, 2);
    let second = world.place(late, Side::Bid, request).unwrap();
    for _ in 0..3 {
        world.round();
    }
    let dearer = world.simulate(&[("1", "0.0015")]);
    // Whoever came first can't pay the new price; what was sold to it is there for the other.
    let out = &dearer.priced_out[0];
    assert_eq!((out.order.as_str(), out.won_after, dearer.priced_out.len()), (first.as_str(), 0, 1));
    assert_eq!(out.participant, early.to_string());
    assert_eq!(dearer.gained, 1, "{second} gets what {first} got");
    assert_eq!(dearer.after.operator_volume, dearer.before.operator_volume);
    // What wins earlier is not sold again.
    let mut world = World::new(8, &[("1", "0.0009")]);
    let owner = world.participant("one");
    let (cheap, urgent) = (world.request(900, 500, 2), world.request(500, 2000, 2));
    world.place(owner, Side::Bid, cheap);
    world.place(owner, Side::Bid, urgent);
    for _ in 0..4 {
        world.round();
    }
    let cheaper = world.simulate(&[("1", "0.0002")]);
    assert_eq!((cheaper.before.volume, cheaper.after.volume), (500, 1400));
    // A priced-out order asks on, and wins once it can: nobody else takes the dear part here.
    let all = cheaper.rounds.iter().map(|r| r.after.volume).collect::<Vec<_>>();
    assert_eq!(all.iter().sum::<i64>(), 1400);
    assert!(all[0] > 0);
}

#[test]
fn demand_falls_with_a_dearer_schedule_even_if_nothing_is_bought() {
    let mut world = simple_market(5);
    // What is only proposed is no price.
    let author = world.user("author");
    world.run(Command::SetReserveApproval { two_person: true });
    propose(&mut world, "0.9", author);
    let simulation = world.simulate(&[("1", "0.5")]);
    assert_eq!((simulation.after.volume, simulation.after.price), (0, None));
    let [low, high] = &simulation.band[..] else { panic!("two ends") };
    assert!(high.demand < low.demand && low.demand.units() < 1_000_000, "{} {}", low.demand, high.demand);
}

#[test]
fn a_simulation_ends_where_it_is_told_to() {
    let world = simple_market(3);
    let mut left = 4;
    let mut clear = |book: &Arc<Book>| clear(book);
    let mut go_on = |pass: Pass| {
        left -= 1;
        pass == Pass::Replay && left >= 0
    };
    let simulation = simulate::run(&world.question(steps(&[("1", "0.002")])), &world.rounds, &mut clear, &mut go_on);
    assert!(!simulation.complete && simulation.rounds.len() == 4 && simulation.band.is_empty());
}

// ---- two people

fn refused(reply: &Reply, code: &str) {
    let Reply::Refused(refusal) = reply else { panic!("{code} expected: {reply:?}") };
    assert_eq!(refusal.code, code);
}

fn decide(world: &mut World, id: ReservePriceId, verdict: Verdict, by: UserId, version: Option<u64>) -> Reply {
    let (pool, reason) = ("p".to_owned(), None);
    world.run(Command::DecideReserve { pool, reserve: id, verdict, reason, expected_version: version, by })
}

fn propose(world: &mut World, price: &str, by: UserId) -> ReservePriceId {
    let Reply::ReservePrice(id) = world.schedule(Resource::CpuMilli, steps(&[("1", price)]), 60, Some(by)) else {
        panic!("scheduled")
    };
    id
}

#[test]
fn a_pending_schedule_prices_nothing_until_another_person_approves_it() {
    let mut world = World::new(1, &[("1", "0.0009")]);
    let (author, other, third) = (world.user("author"), world.user("other"), world.user("third"));
    assert!(matches!(world.run(Command::SetReserveApproval { two_person: true }), Reply::Done));
    assert!(matches!(world.run(Command::SetReserveApproval { two_person: true }), Reply::Nothing));
    let id = propose(&mut world, "0.002", author);
    let slot = Slot::containing(world.now, 60).plus(10, 60);
    let price = |world: &World| world.state.reserve_price("p", Resource::CpuMilli, slot).unwrap().to_string();
    let version = |world: &World| world.state.pools["p"].reserve_version;
    let state = |world: &World, id| world.state.reserve_prices[&id].state;
    assert_eq!((state(&world, id), price(&world).as_str()), (ReserveState::Pending, "0.000900000"));
    let before = version(&world);
    refused(&decide(&mut world, id, Verdict::Approve, author, None), "own_proposal");
    refused(&decide(&mut world, id, Verdict::Reject, author, None), "own_proposal");
    refused(&decide(&mut world, id, Verdict::Withdraw, other, None), "not_own_proposal");
    refused(&decide(&mut world, id, Verdict::Approve, other, Some(before - 1)), "stale_version");
    assert_eq!((version(&world), price(&world).as_str()), (before, "0.000900000"));
    assert!(matches!(decide(&mut world, id, Verdict::Approve, other, Some(before)), Reply::ReservePrice(_)));
    assert_eq!((state(&world, id), price(&world).as_str()), (ReserveState::Scheduled, "0.002000000"));
    let decision = world.state.reserve_prices[&id].decision.clone().unwrap();
    assert_eq!((decision.by, decision.at), (other, world.now));
    // Sent again it is answered as before, though the version has changed since; another's is not.
    assert!(matches!(decide(&mut world, id, Verdict::Approve, other, Some(before)), Reply::ReservePrice(_)));
    assert_eq!(version(&world), before + 1);
    refused(&decide(&mut world, id, Verdict::Approve, third, None), "proposal_decided");
    refused(&decide(&mut world, id, Verdict::Reject, other, None), "proposal_decided");
}

#[test]
fn what_is_rejected_withdrawn_or_late_never_prices() {
    let mut world = World::new(2, &[("1", "0.0009")]);
    let (author, other) = (world.user("author"), world.user("other"));
    let alone = propose(&mut world, "0.001", author);
    refused(&decide(&mut world, alone, Verdict::Approve, other, None), "not_pending");
    world.run(Command::SetReserveApproval { two_person: true });
    refused(&world.schedule(Resource::CpuMilli, steps(&[("1", "0.002")]), 0, Some(author)), "effective_in_the_past");
    let (rejected, withdrawn, late) = (
        propose(&mut world, "0.003", author),
        propose(&mut world, "0.004", author),
        propose(&mut world, "0.005", author),
    );
    assert!(matches!(decide(&mut world, rejected, Verdict::Reject, other, None), Reply::ReservePrice(_)));
    assert!(matches!(decide(&mut world, withdrawn, Verdict::Withdraw, author, None), Reply::ReservePrice(_)));
    world.run(Command::SetReserveApproval { two_person: false });
    world.now = world.now.plus_seconds(60);
    refused(&decide(&mut world, late, Verdict::Approve, other, None), "approval_too_late");
    let slot = Slot::containing(world.now, 60).plus(10, 60);
    assert_eq!(world.state.reserve_price("p", Resource::CpuMilli, slot).unwrap().to_string(), "0.001000000");
    assert_eq!(world.state.reserve_prices[&late].state, ReserveState::Pending);
    assert!(matches!(decide(&mut world, late, Verdict::Withdraw, author, None), Reply::ReservePrice(_)));
}

#[test]
fn a_schedule_of_an_older_journal_is_read_as_scheduled() {
    let text = r#"{"id":"rsp_1","pool":"p","resource":"cpu_milli","steps":[],"effective_at":"2026-11-20T10:00:00Z","created_by":null,"created_at":"2026-11-20T10:00:00Z"}"#;
    let id = ReservePriceId::next(&mut IdSource::new(Timestamp::default(), 1)).to_string();
    let old: ReservePrice = serde_json::from_str(&text.replace("rsp_1", &id)).unwrap();
    assert_eq!((old.state, old.decision), (ReserveState::Scheduled, None));
}
