//! Bonds, imbalance prices and overstays in numbers that can be worked out by hand: a lender of 500 MiB at
//! 0.0004, a collar of 0.003 (three times the reserve price), a buyer of them at up to 0.002.

use crate::support::movers;
use crate::support::world::{RHYTHM, World, amounts, participant};
use headroom_market::book::{OrderRequest, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::clearing::{self, Limits, Mode, NoProposal};
use headroom_market::command::{Command, NewInstance, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::pool::{Product, ReserveStep, Tier};
use headroom_market::round::AwardKind;
use headroom_market::settlement::Receipt;
use headroom_market::settlement::meter::{Reading, Run};
use headroom_market::swap::SwapState;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource, Share};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Strategy};
use std::collections::BTreeMap;
use std::sync::Arc;

const MEM: Resource = Resource::MemMib;

struct Market {
    world: World,
    slot: Slot,
}

type Member = (ParticipantId, InstanceId);

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

impl Market {
    /// One node with so much memory; memory has the reserve price 0.001.
    fn new(memory: i64) -> Self {
        let mut world = World::new(1);
        world.run(Command::CreatePool {
            slug: "p".into(),
            name: "P".into(),
            pop: "x".into(),
            tier: Tier::GeneralPurpose,
            resources: vec![Resource::CpuMilli, MEM],
            release_start: "1".parse().unwrap(),
        });
        let (name, capacity) = ("n".into(), amounts(9000, memory));
        world.run(Command::CreateNode { name, pool: "p".into(), capacity, properties: BTreeMap::new() });
        for resource in [Resource::CpuMilli, MEM] {
            world.run(Command::ScheduleReserve {
                pool: "p".into(),
                resource,
                steps: vec![ReserveStep { share: Share::from_units(1_000_000), price: "0.001".parse().unwrap() }],
                effective_at: world.now.plus_seconds(-60),
                expected_version: None,
                by: None,
            });
        }
        let slot = RHYTHM.first_open(world.now);
        Self { world, slot }
    }

    /// A participant with a workload of 1000 MiB.
    fn member(&mut self, name: &str, money: &str) -> Member {
        let owner = participant(&mut self.world, name, money);
        let module =
            Command::RegisterModule { participant: Some(owner), name: "m".into(), hash: name.into(), size_bytes: 1 };
        let Reply::Module(module) = self.world.run(module) else { panic!("module") };
        let new = NewInstance {
            participant: owner,
            name: name.into(),
            driver: "wasm".into(),
            module,
            arguments: Vec::new(),
            pool: "p".into(),
            node: None,
            class: Class::Standard,
            baseline: amounts(1000, 1000),
            floor: amounts(0, 0),
            limit: amounts(3000, 3000),
            at_end: AtEnd::Shrink,
            comparison: ComparisonRules::default(),
            strategy: Strategy::default(),
        };
        let Reply::Instance(id) = self.world.run(Command::RegisterInstance(Box::new(new))) else { panic!("instance") };
        self.world.drill(id);
        (owner, id)
    }

    fn order(&mut self, member: Member, side: Side, memory: i64, limit: &str, class: Class) {
        let reply = self.place(member, side, (self.slot, MEM, memory), limit, class);
        assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
    }

    fn place(
        &mut self,
        (participant, instance): Member,
        side: Side,
        (slot, resource, quantity): (Slot, Resource, i64),
        limit: &str,
        class: Class,
    ) -> Reply {
        let request = OrderRequest {
            instance: Some(instance),
            window: Window { start_at: slot.start(), end_at: RHYTHM.slot_end(slot) },
            latest_start_at: None,
            replicas: 1,
            resources: [(resource, quantity)].into(),
            pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
            assurance: Default::default(),
            limit: credits(limit),
            min_fill: "0".parse().unwrap(),
            time_in_force: TimeInForce::Gtc,
            expires_at: None,
            resell: Resell::Never,
            project: None,
            no_displacement: false,
            min_run_slots: 0,
            class,
            client_bid_id: None,
        };
        self.world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None })
    }

    /// So that there is a round.
    fn order_in(&mut self, member: Member, slot: Slot) {
        let reply = self.place(member, Side::Bid, (slot, MEM, 10), "0.1", Class::Standard);
        assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
    }

    fn lend(&mut self, lender: Member) {
        self.order(lender, Side::Offer, 500, "0.2", Class::Standard);
    }

    /// Clears a round and plans the slot.
    fn clear(&mut self) {
        let seal = movers::seal(&self.world.state, self.world.now);
        let Reply::Sealed { round, book } = self.world.run(seal) else { panic!("sealed") };
        let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).unwrap();
        let outcome = clearing::verify(&book, outcome, Mode::Market).unwrap();
        let result_hash = outcome.result_hash();
        let command = Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) };
        assert!(matches!(self.world.run(command), Reply::Done));
        self.world.now = RHYTHM.gate_closes(self.slot);
        self.world.run(Command::PlanSlot { slot: self.slot });
        self.world.now = self.slot.start();
    }

    fn step(&mut self, instance: InstanceId, result: impl Fn(SwapState) -> StepResult) {
        let swap = self.world.state.instances[&instance].swap.expect("a swap");
        let result = result(self.world.state.swaps[&swap].state);
        self.world.run(Command::StepSwap { swap, result });
    }

    /// Brings the swap of a workload to where its limits are changed.
    fn begin(&mut self, instance: InstanceId) {
        for _ in 0..2 {
            self.step(instance, |state| StepResult::Succeeded { state, report: StepReport::default() });
        }
    }

    /// Its program keeps what it has: memory is in use when it is to shrink.
    fn keeps(&mut self, instance: InstanceId) {
        self.begin(instance);
        self.step(instance, |state| StepResult::InUse { state });
    }

    /// Whether a workload's swap waits for another.
    fn waits(&self, instance: InstanceId) -> bool {
        let swap = self.world.state.instances[&instance].swap.expect("a swap");
        !self.world.state.swaps[&swap].depends_on.is_empty()
    }

    /// Settles the slot with what each workload had beyond its baseline.
    fn settle(&mut self, beyond: &[(Member, i64)]) {
        let reading = |((_, instance), beyond): &(Member, i64)| Reading {
            instance: *instance,
            resource: MEM,
            runs: vec![Run::Had(*beyond, 12)],
        };
        let readings = beyond.iter().map(reading).collect();
        self.world.now = RHYTHM.slot_end(self.slot).plus_seconds(5);
        self.world.run(Command::SettleSlot { slot: self.slot, readings });
    }

    fn receipt(&self, (participant, _): Member) -> &Receipt {
        self.world.receipts.iter().rfind(|r| r.participant == participant).expect("a receipt")
    }
    fn available(&self, (participant, _): Member) -> Credits {
        self.world.state.available(participant)
    }
    fn bond(&self, (participant, _): Member) -> Credits {
        self.world.state.ledger.balance(Account::Bond(participant))
    }
    fn arrears(&self, (participant, _): Member) -> Credits {
        self.world.state.participants[&participant].arrears
    }
    fn operator(&self) -> Credits {
        self.world.state.ledger.balance(Account::OperatorIncome)
    }
    /// The slot's product when it was settled.
    fn product(&self) -> Product {
        let events = self.world.log.iter().flat_map(|(_, events)| events);
        let mut products = events.filter_map(|e| if let Event::ProductChanged(p) = e { Some(p) } else { None });
        products.rfind(|p| p.slot == self.slot && p.resource == MEM).expect("it was traded").clone()
    }
    fn imbalance_price(&self) -> String {
        self.product().imbalance_price.expect("settled").to_string()
    }
}

/// A lender with `money`, a buyer with 10 credits that wins 500 MiB for 0.2.
fn lent(memory: i64, money: &str) -> (Market, Member, Member) {
    let mut market = Market::new(memory);
    let (lender, buyer) = (market.member("lender", money), market.member("buyer", "10"));
    market.lend(lender);
    market.order(buyer, Side::Bid, 500, "1", Class::Standard);
    market.clear();
    assert_eq!(market.available(buyer), credits("9.8"), "500 at 0.0004");
    (market, lender, buyer)
}

#[test]
fn a_bond_is_held_when_an_offer_wins_and_comes_back_when_it_has_delivered() {
    let (mut market, lender, buyer) = lent(2000, "1");
    // 500 × (0.003 − 0.0004) × 1/10
    assert_eq!((market.bond(lender), market.available(lender)), (credits("0.13"), credits("0.87")));
    market.settle(&[(lender, -500), (buyer, 500)]);
    assert_eq!((market.bond(lender), market.available(lender)), (Credits::ZERO, credits("1.2")));
    let receipt = market.receipt(lender);
    assert_eq!((receipt.bond, receipt.imbalance, receipt.amount), (credits("0.13"), Credits::ZERO, credits("0.2")));
    assert_eq!(market.available(buyer), credits("9.8"));
    assert_eq!((market.imbalance_price().as_str(), market.product().imbalance_volume), ("0.000400000", 0));
    assert_eq!(market.world.state.participants[&lender.0].lending.chance(1_500_000), 90_910, "1 of 11, rounded up");
}

#[test]
fn who_keeps_what_it_lent_pays_its_buyers_up_to_its_bond() {
    let (mut market, lender, buyer) = lent(2000, "1");
    assert!(market.waits(buyer.1), "it has room only if the lender shrinks");
    market.keeps(lender.1);
    market.settle(&[(lender, 0), (buyer, 0)]);
    // Nobody but the buyer itself has any: its limit, 1 for 500, is what a unit is worth.
    assert_eq!(market.imbalance_price(), "0.002000000");
    assert_eq!(market.product().imbalance_volume, 500);
    // It owes 500 × 0.0016 = 0.8 and pays its bond of 0.13.
    assert_eq!((market.bond(lender), market.available(lender)), (Credits::ZERO, credits("0.87")));
    assert_eq!(market.available(buyer), credits("10.13"), "its price back and the bond");
    let receipt = market.receipt(lender);
    assert_eq!(receipt.cause.as_deref(), Some("kept_by_program"));
    assert_eq!((receipt.imbalance, receipt.lines[0].kept, receipt.amount), (credits("0.13"), 500, Credits::ZERO));
    let bought = market.receipt(buyer);
    assert_eq!((bought.imbalance, bought.credit_note), (credits("0.13"), credits("0.2")));
    assert_eq!(market.operator(), Credits::ZERO);
    assert_eq!(market.world.state.participants[&lender.0].lending.chance(1_500_000), 181_819, "2 of 11, rounded up");
    assert!(market.world.state.instances[&lender.1].kept_by_program.is_empty(), "it is settled");
}

#[test]
fn who_has_no_money_lends_and_answers_with_what_it_earns() {
    let (mut market, lender, buyer) = lent(2000, "0");
    assert_eq!(market.bond(lender), Credits::ZERO);
    let award = market.world.state.awards.values().find(|a| a.kind == AwardKind::Lent).unwrap();
    assert_eq!((award.lines[0].bond, award.lines[0].bond_held), (credits("0.13"), Credits::ZERO));
    market.keeps(lender.1);
    // Half of it is given after all: 250 × 0.0004 are earned, 250 × 0.0016 owed, at most the bond of 0.13.
    market.settle(&[(lender, -250), (buyer, 250)]);
    assert_eq!(market.receipt(lender).amount, credits("0.1"));
    assert_eq!(market.receipt(lender).imbalance, credits("0.1"), "all that it has earned");
    assert_eq!((market.available(lender), market.arrears(lender)), (Credits::ZERO, credits("0.03")));
    assert_eq!(market.available(buyer), credits("10.0"), "9.8 and 0.1 and 0.1");
}

#[test]
fn a_part_of_the_bond_is_held_where_there_is_money_for_a_part() {
    let (mut market, lender, buyer) = lent(2000, "0.05");
    assert_eq!((market.bond(lender), market.available(lender)), (credits("0.05"), Credits::ZERO));
    market.keeps(lender.1);
    market.settle(&[(lender, -250), (buyer, 250)]);
    // 0.05 of the bond, then 0.08 of the 0.1 that it has earned.
    assert_eq!(market.receipt(lender).imbalance, credits("0.13"));
    assert_eq!(market.available(lender), credits("0.02"));
    assert_eq!(market.available(buyer), credits("10.03"));
}

#[test]
fn what_the_exchange_does_costs_no_lender_its_bond() {
    let (mut market, lender, buyer) = lent(2000, "1");
    market.begin(lender.1);
    let (reason, detail) = ("cancelled_by_operator".to_owned(), String::new());
    market.step(lender.1, |state| {
        let (reason, detail, report) = (reason.clone(), detail.clone(), StepReport::default());
        StepResult::Failed { state, reason, detail, report }
    });
    market.settle(&[(lender, 0), (buyer, 0)]);
    assert_eq!((market.bond(lender), market.available(lender)), (Credits::ZERO, credits("1")));
    assert_eq!(market.available(buyer), credits("10"));
    assert!(market.world.state.participants[&lender.0].lending.is_empty(), "nor its record");
}

#[test]
fn a_late_swap_that_nobody_is_known_to_have_kept_costs_no_bond() {
    let (mut market, lender, buyer) = lent(2000, "1");
    market.settle(&[(lender, -400), (buyer, 400)]);
    assert_eq!(market.receipt(lender).imbalance, Credits::ZERO);
    assert_eq!(market.available(lender), credits("1.16"), "400 are paid");
    assert_eq!(market.available(buyer), credits("9.84"));
}

/// 500 MiB of the node are nobody's: the buyer grows into them, whatever the lender does. That is charged
/// to the lender and sets no price of a round.
#[test]
fn where_unsold_headroom_stands_in_the_operator_has_what_the_lender_pays() {
    let (mut market, lender, buyer) = lent(2500, "1");
    assert!(!market.waits(buyer.1), "what is free comes first");
    market.keeps(lender.1);
    market.settle(&[(lender, 0), (buyer, 500)]);
    assert_eq!(market.imbalance_price(), "0.001000000", "the reserve price of what stands in");
    assert_eq!(market.available(lender), credits("0.87"), "0.3 are owed, the bond is 0.13");
    assert_eq!(market.available(buyer), credits("9.8"), "it has all that it bought");
    assert_eq!(market.receipt(buyer).imbalance, Credits::ZERO);
    assert_eq!(market.operator(), credits("0.33"), "for the 500 that it gave, and the bond");
    assert_eq!(market.product().last_price.unwrap().to_string(), "0.000400000");
}

/// The class *opportunistic* is asked first even where its limit is higher, then the lowest limit.
#[test]
fn what_stands_in_is_taken_by_class_and_then_by_limit() {
    for (given, price, kept) in [(400, "0.002500000", 100), (200, "0.002000000", 300)] {
        let mut market = Market::new(3000);
        let lender = market.member("lender", "1");
        let (first, second) = (market.member("first", "10"), market.member("second", "10"));
        market.lend(lender);
        market.order(first, Side::Bid, 250, "0.625", Class::Opportunistic);
        market.order(second, Side::Bid, 250, "0.5", Class::Standard);
        market.clear();
        market.keeps(lender.1);
        market.settle(&[(lender, -given), (first, given - 250), (second, 250)]);
        assert_eq!((market.imbalance_price().as_str(), market.product().imbalance_volume), (price, kept));
    }
}

#[test]
fn buyers_share_a_bond_by_what_they_missed() {
    let mut market = Market::new(3000);
    let lender = market.member("lender", "1");
    let (first, second) = (market.member("first", "10"), market.member("second", "10"));
    market.lend(lender);
    market.order(first, Side::Bid, 250, "0.5", Class::Standard);
    market.order(second, Side::Bid, 250, "0.5", Class::Standard);
    market.clear();
    market.keeps(lender.1);
    market.settle(&[(lender, 0), (first, 0), (second, 150)]);
    // 250 and 100 missed of 0.13.
    assert_eq!(market.receipt(first).imbalance, credits("0.092857"));
    assert_eq!(market.receipt(second).imbalance, credits("0.037142"));
    assert_eq!(market.operator(), credits("0.060001"), "the 150 that the second had, and what rounding left");
}

/// Of what was won for a slot 200 MiB are kept in the next one, which nobody trades: a unit costs the collar.
#[test]
fn an_overstay_costs_the_imbalance_price_as_far_as_there_is_money() {
    for (money, paid) in [("10", "0.6"), ("0.3", "0.1")] {
        let mut market = Market::new(2000);
        let (lender, buyer) = (market.member("lender", "1"), market.member("buyer", money));
        market.lend(lender);
        market.order(buyer, Side::Bid, 500, if money == "10" { "1" } else { "0.25" }, Class::Standard);
        market.clear();
        for (_, instance) in [lender, buyer] {
            market.begin(instance);
            for _ in 0..2 {
                let report = StepReport::default();
                market.step(instance, |state| StepResult::Succeeded { state, report: report.clone() });
            }
        }
        market.settle(&[(lender, -500), (buyer, 500)]);
        let before = market.available(buyer);
        market.slot = market.slot.plus(1, RHYTHM.slot_seconds);
        market.world.run(Command::PlanSlot { slot: market.slot });
        market.keeps(buyer.1);
        market.settle(&[(lender, 0), (buyer, 200)]);
        assert_eq!(before - market.available(buyer), credits(paid), "200 × 0.003, or all that it has");
        assert_eq!(market.operator(), credits(paid));
        assert_eq!(market.arrears(buyer), credits("0.6") - credits(paid), "what is lacking stays owed");
        let of = |kind: TransferKind| market.world.charged.get(kind.name()).copied().unwrap_or(0);
        assert_eq!(of(TransferKind::Overstay), i128::from(credits(paid).units()));
    }
}

/// A lender whose money waits in a bid that can't win owes its bond all the same, and buys nothing before it has paid.
#[test]
fn money_in_holds_is_no_way_round_a_bond() {
    let mut market = Market::new(2000);
    let (lender, buyer) = (market.member("lender", "1"), market.member("buyer", "10"));
    let later = market.slot.plus(3, RHYTHM.slot_seconds);
    let parked = market.place(lender, Side::Bid, (later, Resource::CpuMilli, 2000), "1", Class::Standard);
    let Reply::Order(parked) = parked else { panic!("{parked:?}") };
    assert_eq!(market.available(lender), Credits::ZERO);
    market.lend(lender);
    market.order(buyer, Side::Bid, 500, "1", Class::Standard);
    market.clear();
    assert_eq!(market.bond(lender), Credits::ZERO, "there is no money to hold");
    market.keeps(lender.1);
    market.settle(&[(lender, 0), (buyer, 0)]);
    assert_eq!((market.arrears(lender), market.available(lender)), (credits("0.13"), Credits::ZERO));

    // The bid has no part in rounds, and there are no new ones. Lending goes on.
    let reply = market.place(lender, Side::Bid, (later, MEM, 1), "0.000001", Class::Standard);
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert_eq!(refusal.code, "in_arrears");
    assert!(refusal.detail.contains("0.13"), "{}", refusal.detail);
    let reply = market.place(lender, Side::Offer, (later, MEM, 100), "0.01", Class::Standard);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
    market.order_in(buyer, later);
    let Reply::Sealed { round, book } = market.world.run(Command::SealRound(None)) else { panic!("sealed") };
    assert!(book.orders.iter().all(|o| o.id != parked.to_string()));
    let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).unwrap();
    let outcome = clearing::verify(&book, outcome, Mode::Market).unwrap();
    let result_hash = outcome.result_hash();
    market.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    let why = market.world.state.orders[&parked].last_reason.clone().expect("it is told why");
    assert_eq!(why.reason.code(), "IN_ARREARS");

    // It may be made smaller, which frees money for what is owed, and not larger.
    let mut replace = |limit: &str| {
        let mut request = Box::new(market.world.state.orders[&parked].request.clone());
        request.limit = credits(limit);
        market.world.run(Command::ReplaceOrder { participant: lender.0, order: parked, request, client_order: None })
    };
    let larger = replace("1.01");
    assert!(matches!(&larger, Reply::Refused(refusal) if refusal.code == "in_arrears"), "{larger:?}");
    let Reply::Order(parked) = replace("0.95") else { panic!("it is smaller") };
    assert_eq!(market.available(lender), credits("0.05"));

    // Once the money is free it pays, to the operator, and all is as before.
    let before = market.operator();
    market.world.run(Command::CancelOrder { participant: lender.0, order: parked });
    market.slot = market.slot.plus(1, RHYTHM.slot_seconds);
    market.world.run(Command::PlanSlot { slot: market.slot });
    market.settle(&[(lender, 0), (buyer, 0)]);
    assert_eq!(market.arrears(lender), Credits::ZERO);
    assert_eq!(market.operator() - before, credits("0.13"));
    let last = market.slot.plus(3, RHYTHM.slot_seconds);
    let reply = market.place(lender, Side::Bid, (last, Resource::CpuMilli, 10), "0.01", Class::Standard);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
}

/// What is available when the slot is settled pays what the bond that was held lacks, and the buyer has it.
#[test]
fn what_a_bond_lacked_is_paid_from_what_is_available_by_then() {
    let (mut market, lender, buyer) = lent(2000, "0.05");
    market.world.run(Command::Grant { participant: lender.0, amount: credits("1"), reason: None });
    market.keeps(lender.1);
    market.settle(&[(lender, 0), (buyer, 0)]);
    assert_eq!((market.receipt(lender).imbalance, market.arrears(lender)), (credits("0.13"), Credits::ZERO));
    assert_eq!((market.available(lender), market.available(buyer)), (credits("0.92"), credits("10.13")));
}
