//! What became of each line in its slot, from the ticks of its workload: what of it was to be there, and what was.
//!
//! What was taken back (`swap/recall.rs`) was to be there until then and no longer, however long it took to make that
//! true: its buyer pays until then, its lender is paid until then, and nobody else has a part in it. So each tick is
//! looked at by what was entitled to be there at its time. From the sum of a slot it could not be told whether two
//! lines of a workload were both in force or both taken back.
use crate::ids::{AwardId, InstanceId};
use crate::records::meter::{EXCHANGE, Reading, Run};
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::time::{Slot, Timestamp};
use crate::units::Resource;
use std::collections::BTreeMap;

/// What became of a line in its slot: means over the ticks, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// What was to be there: all of it but what was taken back by then, or not drawn yet.
    pub due: i64,
    /// What of that was there to be used, or was given up.
    pub had: i64,
    /// What of that the exchange kept the workload from because it stood still itself, rounded up.
    pub missed: i64,
}

impl Delivered {
    fn whole(quantity: i64) -> Self {
        Self { due: quantity, had: quantity, missed: 0 }
    }
    /// What was to be there and was not.
    pub fn missing(self) -> i64 {
        (self.due - self.had).max(0)
    }
}

/// What became of the lines of a slot that ticks tell of.
#[derive(Debug, Default)]
pub struct Deliveries {
    lines: BTreeMap<(AwardId, Resource), Delivered>,
    /// Ticks of the slot, and those of them in which the exchange stood still, as far as that is known.
    exchange: Option<(i64, i64)>,
}

impl Deliveries {
    pub fn of(slot: Slot, slot_end: Timestamp, awards: &[Award], readings: &[Reading]) -> Self {
        let mut traded = BTreeMap::<(InstanceId, Resource), [Vec<Counted<'_>>; 2]>::new();
        for award in awards.iter().filter(|a| a.kind != AwardKind::Resold) {
            let Some(instance) = award.instance else { continue };
            for line in award.lines.iter().filter(|l| l.slot == slot) {
                let [won, lent] = traded.entry((instance, line.resource)).or_default();
                let side = if award.kind == AwardKind::Bought { won } else { lent };
                side.push(Counted::new(award, line));
            }
        }
        let mut all = Self::default();
        let exchange = readings.iter().find(|r| r.instance == EXCHANGE && r.ticks() > 0);
        all.exchange = exchange.map(|r| (r.ticks(), r.missed()));
        for reading in readings {
            let Some(mut sides) = traded.remove(&(reading.instance, reading.resource)) else { continue };
            // What is firm is the last to be missing, of equals the earliest; what was drawn comes on top of it.
            sides.iter_mut().for_each(|side| side.sort_by_key(|c| (c.line.is_recallable(), c.from)));
            count(reading, slot, slot_end, &mut sides);
            sides.iter().for_each(|side| all.enter(side, reading));
        }
        all
    }

    /// Rounded down as a running total, so that all lines of a workload together have what it had.
    fn enter(&mut self, side: &[Counted<'_>], reading: &Reading) {
        let ticks = i128::from(reading.ticks()).max(1);
        let (mut due, mut had) = (0, 0);
        for counted in side {
            let part = |before: i128, more: i128| ((before + more) / ticks - before / ticks) as i64;
            let delivered = Delivered {
                due: part(due, counted.due),
                had: part(had, counted.had),
                missed: ((counted.missed + ticks - 1) / ticks) as i64,
            };
            (due, had) = (due + counted.due, had + counted.had);
            self.lines.insert((counted.award, reading.resource), delivered);
        }
    }

    /// What a workload had won in another pool and gave up by standing still was there to be used.
    pub fn give_up(&mut self, award: &Award, line: &AwardLine) {
        self.lines.insert((award.id, line.resource), Delivered::whole(line.quantity - line.resold));
    }

    /// Capacity without a workload of ours is made available by keeping its node free, as long as the exchange does.
    fn without_workload(&self, line: &AwardLine) -> Delivered {
        let Some((ticks, missed)) = self.exchange else { return Delivered::whole(line.quantity) };
        let kept = i128::from(line.quantity - line.resold);
        let missed = ((kept * i128::from(missed) + i128::from(ticks) - 1) / i128::from(ticks)) as i64;
        Delivered { due: line.quantity, had: line.quantity - missed, missed }
    }

    /// What a line got or gave, whatever became of it elsewhere.
    pub fn line(&self, award: &Award, line: &AwardLine) -> Delivered {
        match (award.kind, award.instance) {
            // Sold on before the slot: handed over in full, whoever runs there now.
            (AwardKind::Resold, _) => Delivered::whole(line.quantity),
            (AwardKind::Bought, None) => self.without_workload(line),
            (AwardKind::Bought | AwardKind::Lent, _) => {
                // What nobody saw was not delivered.
                let unseen = Delivered { due: line.left(), ..Delivered::default() };
                let of_workload = self.lines.get(&(award.id, line.resource)).copied().unwrap_or(unseen);
                Delivered {
                    due: line.resold + of_workload.due,
                    had: line.resold + of_workload.had,
                    missed: of_workload.missed,
                }
            }
        }
    }
}

/// A line, and what its ticks have come to: base units × ticks.
struct Counted<'a> {
    award: AwardId,
    line: &'a AwardLine,
    /// When it was drawn: before that nothing of it was to be there.
    from: Option<Timestamp>,
    /// What of it is to be there at the present tick.
    now: i64,
    due: i128,
    had: i128,
    missed: i128,
}

impl<'a> Counted<'a> {
    fn new(award: &Award, line: &'a AwardLine) -> Self {
        let from = award.drawn.then_some(award.created_at);
        Self { award: award.id, line, from, now: 0, due: 0, had: 0, missed: 0 }
    }
    fn have(&mut self, quantity: i64, ticks: u32) {
        self.had += i128::from(quantity) * i128::from(ticks);
    }
}

fn count(reading: &Reading, slot: Slot, slot_end: Timestamp, sides: &mut [Vec<Counted<'_>>; 2]) {
    let changes = sides.iter().flatten().any(|c| !c.line.recalls.is_empty() || c.from.is_some());
    let mut tick = 0;
    for run in &reading.runs {
        // As long as nothing is taken back or drawn all ticks of a run are alike.
        let ticks = if changes { 1 } else { run.ticks() };
        for _ in 0..run.ticks() / ticks.max(1) {
            let at = reading.time_of(tick, slot, slot_end);
            count_ticks(run, ticks, at, sides);
            tick += i64::from(ticks);
        }
    }
}

/// Counts ticks of a run at which the same was to be there.
fn count_ticks(run: &Run, ticks: u32, at: Timestamp, sides: &mut [Vec<Counted<'_>>; 2]) {
    for counted in sides.iter_mut().flatten() {
        let is_there = counted.from.is_none_or(|from| at > from);
        let whole = counted.line.quantity - counted.line.resold - counted.line.recalled_by(at);
        counted.now = if is_there { whole } else { 0 };
        counted.due += i128::from(counted.now) * i128::from(ticks);
    }
    let [won, lent] = sides;
    match run {
        Run::Had(beyond, _) => {
            let sum = |side: &[Counted<'_>]| side.iter().map(|c| c.now).sum::<i64>();
            let (all_won, all_lent) = (sum(won), sum(lent));
            share(won, (beyond + all_lent).clamp(0, all_won), ticks);
            share(lent, (all_won - beyond).clamp(0, all_lent), ticks);
        }
        Run::Absent { .. } => won.iter_mut().chain(lent).for_each(|c| c.have(c.now, ticks)),
        Run::Missed { .. } => {
            lent.iter_mut().for_each(|c| c.have(c.now, ticks));
            won.iter_mut().for_each(|c| c.missed += i128::from(c.now) * i128::from(ticks));
        }
    }
}

/// Splits what was there among lines, the first ones first. What is taken back later in the slot is the first to be
/// missing: it may have gone a moment before it was seen.
fn share(side: &mut [Counted<'_>], had: i64, ticks: u32) {
    let mut rest = had;
    for stays in [true, false] {
        for counted in side.iter_mut() {
            let left = counted.line.left().min(counted.now);
            let part = rest.min(if stays { left } else { counted.now - left });
            counted.have(part, ticks);
            rest -= part;
        }
    }
}
