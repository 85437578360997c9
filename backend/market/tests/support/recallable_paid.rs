//! An auditor of what is paid where something was taken back. It reads nothing but the log: what was awarded, when it
//! was taken back and what the ticks showed; and says what each line's workload was entitled to.
#![allow(dead_code)]
use super::world::World;
use super::world_settle::middle;
use headroom_market::command::Command;
use headroom_market::event::Event;
use headroom_market::ids::{AwardId, InstanceId};
use headroom_market::round::{Award, AwardKind, AwardLine};
use headroom_market::settlement::meter::{Reading, Run};
use headroom_market::settlement::{Receipt, ReceiptLine};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::Resource;
use std::collections::{BTreeMap, BTreeSet};

/// What the histories have shown, in lines.
#[derive(Debug, Default)]
pub struct Paid {
    /// Bought, taken back while the slot was under way, and charged for the time before that.
    pub buyers: usize,
    /// Lent, taken back so, and paid for that time.
    pub lenders: usize,
    /// Of workloads that had something of theirs taken back: their other lines, paid in full.
    pub beside: usize,
    /// Lent in a round of which another has taken something back, and paid in full.
    pub others: usize,
}

/// What has been awarded by the log until now, and what of it has been taken back when.
#[derive(Default)]
struct Known {
    awards: BTreeMap<AwardId, Award>,
    taken: BTreeMap<(AwardId, usize), Vec<(Timestamp, i64)>>,
}

/// A line that may be settled, and how much of it was to be there at each tick of its workload.
struct Audited<'a> {
    award: &'a Award,
    line: &'a AwardLine,
    taken: &'a [(Timestamp, i64)],
    due: Vec<i64>,
}

impl Audited<'_> {
    /// Units × ticks.
    fn all(&self) -> i64 {
        self.due.iter().sum()
    }
    /// Whether nothing was taken back of it, at any time.
    fn is_untouched(&self) -> bool {
        self.taken.is_empty()
    }
}

pub fn check_paid(world: &World, paid: &mut Paid) {
    let mut known = Known::default();
    for (envelope, events) in &world.log {
        if let Command::SettleSlot { slot, readings } = &envelope.command {
            let receipts = events.iter().filter_map(|e| if let Event::Received(r) = e { Some(r) } else { None });
            let receipts: BTreeMap<_, _> = receipts.map(|r| (r.award, r)).collect();
            check_slot(&known, *slot, readings, &receipts, paid);
        }
        for event in events {
            known.note(event);
        }
    }
}

impl Known {
    fn note(&mut self, event: &Event) {
        match event {
            Event::AwardMade(award) => drop(self.awards.insert(award.id, award.clone())),
            Event::AwardResold { award, line, quantity } => {
                self.awards.get_mut(award).unwrap().lines[*line].resold += quantity;
            }
            Event::AwardRecalled { award, line, quantity, at } => {
                self.taken.entry((*award, *line)).or_default().push((*at, *quantity));
            }
            _ => {}
        }
    }

    /// Lines of a workload and resource in a slot.
    fn of(&self, reading: &Reading, slot: Slot) -> Vec<Audited<'_>> {
        let ticks = reading.ticks();
        let mut all = Vec::new();
        for award in self.awards.values().filter(|a| a.instance == Some(reading.instance)) {
            for (n, line) in award.lines.iter().enumerate() {
                if line.slot != slot || line.resource != reading.resource || award.kind == AwardKind::Resold {
                    continue;
                }
                let taken = self.taken.get(&(award.id, n)).map_or(&[][..], |taken| taken);
                let left = |tick: i64| {
                    let by_then = taken.iter().filter(|(at, _)| *at <= middle(slot, tick, ticks));
                    line.quantity - line.resold - by_then.map(|(_, quantity)| quantity).sum::<i64>()
                };
                all.push(Audited { award, line, taken, due: (0..ticks).map(left).collect() });
            }
        }
        all
    }
}

type Trade = (u64, String, Resource);

fn check_slot(
    known: &Known,
    slot: Slot,
    readings: &[Reading],
    receipts: &BTreeMap<AwardId, &Receipt>,
    paid: &mut Paid,
) {
    let lines: Vec<_> = readings.iter().map(|reading| known.of(reading, slot)).collect();
    // Whether each tick shows all that was won, or all that was lent gone.
    let mut had = BTreeSet::<(InstanceId, Resource)>::new();
    let mut gave = had.clone();
    for (reading, lines) in readings.iter().zip(&lines) {
        let ticks = reading.runs.iter().flat_map(|run| vec![*run; run.ticks() as usize]).enumerate();
        let owed = |tick: usize| -> i64 {
            let signed = |a: &Audited<'_>| if a.award.kind == AwardKind::Bought { a.due[tick] } else { -a.due[tick] };
            lines.iter().map(signed).sum()
        };
        let is = |wrong: &dyn Fn(i64, i64) -> bool| {
            !ticks.clone().any(|(tick, run)| matches!(run, Run::Had(beyond, _) if wrong(beyond, owed(tick))))
        };
        let id = (reading.instance, reading.resource);
        had.extend(is(&|beyond, owed| beyond < owed).then_some(id));
        gave.extend(is(&|beyond, owed| beyond > owed).then_some(id));
    }
    let trade = |a: &Audited<'_>| -> Trade { (a.award.round, a.line.pool.clone(), a.line.resource) };
    let id = |a: &Audited<'_>| (a.award.instance.unwrap(), a.line.resource);
    let all = || lines.iter().flatten();
    let bought = |a: &&Audited<'_>| a.award.kind == AwardKind::Bought;
    let short: BTreeSet<Trade> = all().filter(bought).filter(|a| !had.contains(&id(a))).map(trade).collect();
    let touched: BTreeSet<Trade> = all().filter(|a| !a.is_untouched()).map(trade).collect();
    let same_ticks = readings.iter().all(|r| r.ticks() == readings[0].ticks());
    for (lines, reading) in lines.iter().zip(readings) {
        for audited in lines {
            let Some(receipt) = receipts.get(&audited.award.id) else { continue };
            let told = line_of(receipt, audited.line);
            let ticks = reading.ticks();
            // A unit is rounding, as all lines of a workload are rounded together.
            let most = audited.line.resold + (audited.all() + ticks - 1) / ticks;
            let least = audited.line.resold + audited.all() / ticks;
            assert!(told.delivered <= most, "{told:?} of {audited}");
            let is_due = match audited.award.kind {
                AwardKind::Bought => had.contains(&id(audited)),
                // What a buyer failed to take its sellers share; and who took back bears it if its buyers' ticks stand
                // at other times than its own.
                _ => {
                    gave.contains(&id(audited))
                        && !short.contains(&trade(audited))
                        && (same_ticks || audited.is_untouched())
                }
            };
            if !is_due || !audited.line.is_recallable() {
                continue;
            }
            // Each buyer of its trade may have lost a part of a unit too early, which who took back bears.
            let of_trade = |a: &&Audited<'_>| trade(a) == trade(audited) && !a.is_untouched();
            let rounding = match (audited.award.kind, audited.is_untouched()) {
                (AwardKind::Bought, _) => 0,
                (_, true) => i64::from(touched.contains(&trade(audited))),
                (_, false) => all().filter(bought).filter(of_trade).count() as i64,
            };
            assert!(told.delivered >= least - rounding, "{told:?} of {audited}");
            let is_lent = audited.award.kind == AwardKind::Lent;
            let late = audited.taken.iter().any(|(at, _)| *at > slot.start()) && told.delivered > 0;
            paid.buyers += usize::from(late && !is_lent);
            paid.lenders += usize::from(late && is_lent);
            let beside = audited.is_untouched() && lines.iter().any(|a| !a.is_untouched());
            paid.beside += usize::from(beside);
            paid.others += usize::from(is_lent && audited.is_untouched() && touched.contains(&trade(audited)));
        }
    }
}

fn line_of<'a>(receipt: &'a Receipt, line: &AwardLine) -> &'a ReceiptLine {
    receipt.lines.iter().find(|l| l.pool == line.pool && l.resource == line.resource).expect("it is of its award")
}

impl std::fmt::Display for Audited<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {:?}, taken back {:?}, due {:?}", self.award.kind, self.line, self.taken, self.due)
    }
}
