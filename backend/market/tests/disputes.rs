//! Disputes: what is claimed is set aside, what is decided is paid from that, and nothing is paid twice.
use crate::support::world::{World, participant};
use headroom_market::book::Side;
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{AwardId, BidId, DisputeId, IdSource, OrderId, ParticipantId, ReceiptId, UserId};
use headroom_market::ledger::Account;
use headroom_market::round::AwardKind;
use headroom_market::settlement::dispute::{
    Decision, DisputeState, Evidence, MOST_OPEN, NewDispute, OPEN_FOR_SECONDS, at_stake,
};
use headroom_market::settlement::{Receipt, ReceiptLine};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource};

const FINANCE: UserId = UserId::from_raw(77);

struct One {
    world: World,
    member: ParticipantId,
    made: u64,
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

impl One {
    fn new() -> One {
        let mut world = World::new(1);
        let member = participant(&mut world, "member", "100");
        One { world, member, made: 0 }
    }

    /// 1,000 milli at 0.002, of which 750 were there.
    fn receipt(&mut self, side: Side) -> Receipt {
        self.made += 1;
        let mut ids = IdSource::new(self.world.now, self.made);
        let line = ReceiptLine {
            pool: "p".into(),
            resource: Resource::CpuMilli,
            awarded: 1_000,
            delivered: 750,
            price: "0.002".parse().unwrap(),
            premium: None,
            amount: credits("1.5"),
            credit_note: credits(if side == Side::Bid { "0.5" } else { "0" }),
            kept: 0,
            compensation: Credits::ZERO,
        };
        Receipt {
            id: ReceiptId::next(&mut ids),
            award: AwardId::next(&mut ids),
            order: OrderId::Bid(BidId::next(&mut ids)),
            kind: if side == Side::Bid { AwardKind::Bought } else { AwardKind::Lent },
            side,
            participant: self.member,
            instance: None,
            round: 7,
            slot: Slot::starting_at(self.world.now.seconds()),
            credit_note: line.credit_note,
            lines: vec![line],
            amount: credits("1.5"),
            reservation_fee: Credits::ZERO,
            compensation: Credits::ZERO,
            cause: None,
            recorded_at: self.world.now,
        }
    }

    fn open(&mut self, receipt: &Receipt, claimed: Option<&str>) -> Reply {
        let dispute = NewDispute {
            receipt: receipt.clone(),
            evidence: Evidence { result_hash: Some("blake3:00".into()), swaps: Vec::new() },
            reason: "It stood still for half the slot".into(),
            claimed: claimed.map(credits),
            by: UserId::from_raw(5),
        };
        self.world.run(Command::OpenDispute { participant: self.member, dispute: Box::new(dispute) })
    }

    fn opened(&mut self, receipt: &Receipt, claimed: Option<&str>) -> DisputeId {
        match self.open(receipt, claimed) {
            Reply::Dispute(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn decide(&mut self, dispute: DisputeId, note: &str) -> Reply {
        let decision = Decision { note: credits(note), reason: "Its node was slow".into(), by: FINANCE };
        self.world.run(Command::DecideDispute { dispute, decision })
    }

    fn withdraw(&mut self, dispute: DisputeId) -> Reply {
        self.world.run(Command::WithdrawDispute { participant: self.member, dispute })
    }

    /// Available to the member, set aside, and what the exchange has paid for its risks.
    fn money(&self) -> [String; 3] {
        let balance = |account| self.world.state.ledger.balance(account).to_string();
        [balance(Account::Available(self.member)), balance(Account::Disputed), balance(Account::PlatformRisk)]
    }
}

fn code(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(refusal) => refusal.code,
        _ => "none",
    }
}

#[test]
fn what_is_claimed_is_set_aside_and_a_part_of_it_paid() {
    let mut one = One::new();
    let receipt = one.receipt(Side::Bid);
    let id = one.opened(&receipt, Some("1.2"));
    assert_eq!(one.money(), ["100.000000", "1.200000", "-1.200000"]);
    assert_eq!(code(&one.decide(id, "1.200001")), "note_out_of_range");
    assert_eq!(code(&one.decide(id, "-0.1")), "note_out_of_range");
    assert_eq!(code(&one.decide(id, "0.8")), "none");
    assert_eq!(one.money(), ["100.800000", "0.000000", "-0.800000"]);
    let decided = one.world.state.disputes[&id].clone();
    assert_eq!(
        (decided.state, decided.note, decided.decided_by),
        (DisputeState::Upheld, credits("0.8"), Some(FINANCE))
    );
    // the same again is answered as before, another decision is not taken
    assert_eq!(code(&one.decide(id, "0.8")), "none");
    assert_eq!(code(&one.decide(id, "0.9")), "dispute_decided");
    assert_eq!(code(&one.withdraw(id)), "dispute_decided");
    assert_eq!(code(&one.open(&receipt, None)), "dispute_exists");
    assert_eq!(one.money(), ["100.800000", "0.000000", "-0.800000"]);
    one.world.audit();
}

#[test]
fn what_is_rejected_or_withdrawn_goes_back() {
    let mut one = One::new();
    let receipt = one.receipt(Side::Bid);
    let id = one.opened(&receipt, None);
    assert_eq!(one.money(), ["100.000000", "2.000000", "-2.000000"]);
    assert_eq!(code(&one.open(&receipt, None)), "dispute_exists");
    for _ in 0..2 {
        assert_eq!(code(&one.withdraw(id)), "none");
    }
    // a receipt whose dispute was withdrawn may be disputed again
    let id = one.opened(&receipt, None);
    assert_eq!(code(&one.decide(id, "0")), "none");
    assert_eq!(one.world.state.disputes[&id].state, DisputeState::Rejected);
    assert_eq!(one.money(), ["100.000000", "0.000000", "0.000000"]);
    assert_eq!(code(&one.open(&receipt, None)), "dispute_exists");
    one.world.audit();
}

#[test]
fn no_more_may_be_claimed_than_is_at_stake() {
    let mut one = One::new();
    let (bought, lent) = (one.receipt(Side::Bid), one.receipt(Side::Offer));
    // a buyer what it has paid for good and what was missing, a lender what it would have had more
    assert_eq!((at_stake(&bought), at_stake(&lent)), (Some(credits("2")), Some(credits("0.5"))));
    for (receipt, too_much) in [(&bought, "2.000001"), (&lent, "0.500001"), (&lent, "0"), (&lent, "-1")] {
        assert_eq!(code(&one.open(receipt, Some(too_much))), "claim_out_of_range", "{too_much}");
    }
    let nothing = Receipt { amount: Credits::ZERO, credit_note: Credits::ZERO, ..one.receipt(Side::Bid) };
    assert_eq!(code(&one.open(&nothing, None)), "nothing_to_dispute");
    let somebody = Receipt { participant: ParticipantId::from_raw(9), ..one.receipt(Side::Bid) };
    assert_eq!(code(&one.open(&somebody, None)), "not_found");
    let late = one.receipt(Side::Bid);
    one.world.now = one.world.now.plus_seconds(OPEN_FOR_SECONDS + 1);
    assert_eq!(code(&one.open(&late, None)), "dispute_too_late");
    assert_eq!(one.money(), ["100.000000", "0.000000", "0.000000"]);
}

#[test]
fn a_participant_has_so_many_open_disputes_and_only_its_own() {
    let mut one = One::new();
    let receipts: Vec<Receipt> = (0..=MOST_OPEN).map(|_| one.receipt(Side::Bid)).collect();
    let ids: Vec<DisputeId> = receipts[1..].iter().map(|receipt| one.opened(receipt, None)).collect();
    assert_eq!(code(&one.open(&receipts[0], None)), "too_many_disputes");
    let other = participant(&mut one.world, "other", "1");
    let foreign = one.world.run(Command::WithdrawDispute { participant: other, dispute: ids[0] });
    assert_eq!(code(&foreign), "not_found");
    assert_eq!(code(&one.decide(ids[0], "0")), "none");
    assert_eq!(code(&one.open(&receipts[0], None)), "none");
    one.world.audit();
}
