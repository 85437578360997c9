//! What a workload has lent, and how much it has changed, by slot and resource.
use crate::ids::InstanceId;
use crate::records::round::AwardKind;
use crate::state::State;
use crate::time::Slot;
use crate::units::Resource;
use std::collections::BTreeMap;

/// What earlier rounds made of an instance in a slot beyond its baseline: the least and the most that it may come to,
/// as what may be taken back goes or stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    least: i64,
    most: i64,
}

impl Changed {
    /// How much more it may win within a thrash limit: who has lent may win that, too.
    pub fn may_win(&self, most: i64) -> i64 {
        most.saturating_sub(self.most)
    }
    /// How much more it may lend within a thrash limit.
    pub fn may_lend(&self, most: i64) -> i64 {
        most.saturating_add(self.least)
    }
}

pub(crate) fn changed(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), Changed> {
    let mut changed: BTreeMap<(Slot, Resource), Changed> = BTreeMap::new();
    for award in state.awards_of(id) {
        for line in &award.lines {
            let Changed { least, most } = changed.entry((line.slot, line.resource)).or_default();
            let may_go = line.is_recallable();
            match award.kind {
                AwardKind::Bought => {
                    *least += if may_go { 0 } else { line.left() };
                    *most += line.left();
                }
                AwardKind::Lent => {
                    *least -= line.left();
                    *most -= if may_go { 0 } else { line.left() };
                }
                AwardKind::Resold => {}
            }
        }
    }
    changed
}

/// What an instance has already lent, by slot and resource.
pub fn lent(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), i64> {
    let mut total = BTreeMap::new();
    let awards = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent);
    for line in awards.flat_map(|a| a.lines.iter()) {
        *total.entry((line.slot, line.resource)).or_default() += line.left();
    }
    total
}
