//! An auditor of what lenders pay to buyers for what their own programs kept. It reads nothing but the log: what was
//! awarded, what the ticks and the buyers' receipts showed, and what everybody had when the slot was settled.
#![allow(dead_code)]
use super::world::{World, empty};
use super::world_settle::delivered;
use headroom_market::command::Command;
use headroom_market::event::Event;
use headroom_market::ids::{AwardId, ParticipantId};
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::round::{Award, AwardKind, AwardLine};
use headroom_market::settlement::meter::{EXCHANGE, Reading, Run};
use headroom_market::settlement::{Receipt, ReceiptLine};
use headroom_market::state::State;
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource};
use std::collections::BTreeMap;

/// What a number of histories have shown, in lines.
#[derive(Debug, Default)]
pub struct Seen {
    /// Lent, and kept in part by their lender's own program.
    pub kept: u32,
    /// Of these, those that cost their lender something, and those whose lender had less than was due.
    pub paid: u32,
    pub short: u32,
    /// Of these, those whose buyers missed less than was kept, as something else stood in for it.
    pub stood_in: u32,
    /// Those that were paid to more than one buyer.
    pub shared: u32,
    /// Bought, and compensated.
    pub compensated: u32,
}

type Line = (AwardId, String, Resource);
type Receipts<'a> = BTreeMap<AwardId, &'a Receipt>;

/// Follows every settlement of a history.
pub fn check(world: &World, seen: &mut Seen) {
    let mut state = empty();
    for (envelope, events) in &world.log {
        let slot = match &envelope.command {
            Command::SettleSlot { slot, readings } => Some((*slot, readings)),
            _ => None,
        };
        let is_paid = |e: &Event| matches!(e, Event::Transferred(_) | Event::Received(_));
        let is_compensated = |e: &Event| match e {
            Event::Transferred(t) => t.kind == TransferKind::Compensation,
            other => matches!(other, Event::Received(_)),
        };
        let first = |is: &dyn Fn(&Event) -> bool| events.iter().position(is).unwrap_or(events.len());
        let (settles, compensates) = (first(&is_paid), first(&is_compensated));
        let mut audit = None;
        for (n, event) in events.iter().enumerate() {
            if let Some((slot, readings)) = slot.filter(|_| n == settles) {
                audit = Some(Audit::of(&state, slot, readings, &receipts(events)));
            }
            if let Some(audit) = audit.take_if(|_| n == compensates) {
                audit.compare(&state, events, seen);
            }
            if let Event::Transferred(t) = event {
                assert!(slot.is_some() || t.kind != TransferKind::Compensation, "nothing is taken later");
            }
            state.fold(event);
            if let Event::Transferred(t) = event {
                let left = state.ledger.balance(t.debit);
                assert!(t.debit.participant().is_none() || !left.is_negative(), "{t:?} leaves {left}");
            }
        }
    }
}

fn receipts(events: &[Event]) -> Receipts<'_> {
    events.iter().filter_map(|e| if let Event::Received(r) = e { Some((r.award, r)) } else { None }).collect()
}

/// Who is at fault in a slot, and who missed what.
struct Audit {
    /// Lent lines: their lender, what it kept, and the price of a unit.
    kept: Vec<(Line, ParticipantId, i64, i64, bool)>,
    /// Bought lines: their buyer, and what it missed.
    missed: Vec<(Line, ParticipantId, i64)>,
}

impl Audit {
    fn of(state: &State, slot: Slot, readings: &[Reading], receipts: &Receipts<'_>) -> Self {
        let mut audit = Self { kept: Vec::new(), missed: Vec::new() };
        let open = |l: &&AwardLine| l.slot == slot && !l.settled;
        let all = || state.awards.values().flat_map(|a| a.lines.iter().filter(open).map(move |l| (a, l)));
        for (award, line) in all().filter(|(a, _)| a.kind == AwardKind::Lent) {
            let told = told(receipts, award, line);
            if told.kept > 0 {
                let chosen = award.rolled_from.is_none();
                let lender = award.participant;
                audit.kept.push((id_of(award, line), lender, told.kept, line.price.units(), chosen));
            }
        }
        what_was_kept_is_what_ticks_show(state, slot, readings, receipts);
        let keeps = |who: ParticipantId, line: &AwardLine| {
            audit.kept.iter().any(|(id, lender, ..)| (*lender, &id.1, id.2) == (who, &line.pool, line.resource))
        };
        for (award, line) in all().filter(|(a, _)| a.kind == AwardKind::Bought && !a.drawn) {
            let instance = award.instance.map(|id| &state.instances[&id]);
            let is_pinned = instance.is_some_and(|i| {
                let until = i.pinned_until.filter(|_| i.pinned_by_program);
                until.is_some_and(|until| until > slot.start()) && award.nodes.first().is_some_and(|n| *n != i.node)
            });
            let own_doing = is_pinned || instance.is_some_and(|i| i.kept_by_program.contains(&slot));
            let by_exchange = instance.is_some_and(|i| i.failed_by_exchange.contains(&slot));
            let told = told(receipts, award, line);
            let missed = told.awarded - told.delivered - line.recalled - stood_still(award, line, readings);
            if missed > 0 && !own_doing && !by_exchange && !keeps(award.participant, line) {
                audit.missed.push((id_of(award, line), award.participant, missed));
            }
        }
        audit
    }

    /// `state` is that in which the slot's buyers and sellers have had what is theirs.
    fn compare(self, state: &State, events: &[Event], seen: &mut Seen) {
        let mut expected: Vec<(ParticipantId, ParticipantId, i64)> = Vec::new();
        let mut lines: BTreeMap<Line, i64> = BTreeMap::new();
        let mut balances: BTreeMap<ParticipantId, i64> = BTreeMap::new();
        for (id, lender, kept, price, chosen) in &self.kept {
            let same = |other: &&Line| other.1 == id.1 && other.2 == id.2;
            let all_kept: i64 = self.kept.iter().filter(|(other, ..)| same(&other)).map(|k| k.2).sum();
            let buyers: Vec<_> = self.missed.iter().filter(|(other, ..)| same(&other)).collect();
            let missed: i64 = buyers.iter().map(|(_, _, quantity)| quantity).sum();
            seen.kept += 1;
            if !chosen || missed == 0 {
                continue;
            }
            let missing = if missed < all_kept { kept * missed / all_kept } else { *kept };
            assert!(missing <= *kept && missing <= missed);
            let due = price * missing / 2_000;
            let has = |balances: &BTreeMap<ParticipantId, i64>, who: ParticipantId| {
                balances.get(&who).copied().unwrap_or_else(|| state.available(who).units())
            };
            let paid = due.min(has(&balances, *lender));
            let mut served = 0;
            for (of, buyer, quantity) in &buyers {
                let share = paid * quantity / missed;
                for (who, line, signed) in [(lender, id, -share), (buyer, of, share)] {
                    balances.insert(*who, has(&balances, *who) + signed);
                    *lines.entry(line.clone()).or_default() += share;
                }
                served += u32::from(share > 0);
                expected.extend((share > 0).then_some((*lender, *buyer, share)));
            }
            seen.paid += u32::from(served > 0);
            seen.short += u32::from(paid < due);
            seen.stood_in += u32::from(missing < *kept);
            seen.shared += u32::from(served > 1);
        }
        let mut moved = Vec::new();
        for event in events {
            let Event::Transferred(t) = event else { continue };
            if t.kind == TransferKind::Compensation {
                let (Account::Available(from), Account::Available(to)) = (t.debit, t.credit) else { panic!("{t:?}") };
                assert!(t.order.is_none() && t.round.is_none(), "nobody is told of another one's order");
                moved.push((from, to, t.amount.units()));
            }
        }
        assert_eq!(moved, expected, "who pays, to whom and how much");
        for receipt in receipts(events).values() {
            let mut sum = Credits::ZERO;
            for line in &receipt.lines {
                let id = (receipt.award, line.pool.clone(), line.resource);
                let told = line.compensation.units();
                assert_eq!(told, lines.get(&id).copied().unwrap_or(0), "of {line:?}");
                sum += line.compensation;
                seen.compensated += u32::from(told > 0 && receipt.kind == AwardKind::Bought);
                let half = line.price.units() * line.kept / 2_000;
                assert!(receipt.kind != AwardKind::Lent || told <= half, "at most half: {line:?}");
            }
            assert_eq!(receipt.compensation, sum, "a receipt is the sum of its lines");
        }
    }
}

/// What of lent lines was kept is told where a program is known to have kept it, and nowhere else.
fn what_was_kept_is_what_ticks_show(state: &State, slot: Slot, readings: &[Reading], receipts: &Receipts<'_>) {
    for reading in readings.iter().filter(|r| r.instance != EXCHANGE) {
        let Some(instance) = state.instances.get(&reading.instance) else { continue };
        let awards = state.awards.values().filter(|a| a.instance == Some(instance.id) && a.kind == AwardKind::Lent);
        let lines = awards.flat_map(|a| a.lines.iter().map(move |l| (a, l)));
        let lines: Vec<_> =
            lines.filter(|(_, l)| l.slot == slot && l.resource == reading.resource && !l.settled).collect();
        let told: i64 = lines.iter().map(|(award, line)| told(receipts, award, line).kept).sum();
        let by_program = instance.kept_by_program.contains(&slot) && !instance.failed_by_exchange.contains(&slot);
        if !by_program {
            assert_eq!(told, 0, "a lender whose program is not known to be the cause");
        } else if lines.iter().all(|(_, l)| !l.is_recallable()) {
            let lent: i64 = lines.iter().map(|(_, l)| l.quantity).sum();
            assert_eq!(told, lent - delivered(state, slot, reading).1, "by the ticks of {}", instance.name);
        }
    }
}

/// What a buyer missed as the exchange stood still, rounded up.
fn stood_still(award: &Award, line: &AwardLine, readings: &[Reading]) -> i64 {
    let of = award.instance.unwrap_or(EXCHANGE);
    let is_its = |r: &&Reading| r.instance == of && (of == EXCHANGE || r.resource == line.resource);
    let Some(reading) = readings.iter().find(is_its).filter(|r| r.ticks() > 0) else { return 0 };
    let ticks = reading.runs.iter().filter(|run| matches!(run, Run::Missed { .. })).map(|run| i64::from(run.ticks()));
    ((line.quantity - line.resold) * ticks.sum::<i64>() + reading.ticks() - 1) / reading.ticks()
}

fn id_of(award: &Award, line: &AwardLine) -> Line {
    (award.id, line.pool.clone(), line.resource)
}

fn told<'a>(receipts: &Receipts<'a>, award: &Award, line: &AwardLine) -> &'a ReceiptLine {
    let of = receipts[&award.id].lines.iter().find(|l| l.pool == line.pool && l.resource == line.resource);
    of.expect("a receipt is of its award")
}
