//! Which workloads the bids of a round may take to another node.
//!
//! Where a workload's node is full, a bid of it can only be made true on another, and the workload's whole
//! baseline has to be kept free there while the round is cleared. That takes room from everybody else,
//! whatever the bid is worth and whether it wins or not. So a move has to earn its room: the round is tried
//! without it and with it, and it stays only if what is traded is worth more with it, and it wins. A bid that
//! is not let to another node stands on its own, where lenders may still make room for it.
//!
//! First all are tried together. Who would win nothing for the room kept for it is left out of what is tried next; where
//! that is no gain either, halves are tried. In the end those that were let in are tried without each other, as long as
//! there are trials left.
//!
//! The trials are cleared outside the core; what comes of them is an argument of `SealRound`.
use crate::clearing::book::Side;
use crate::clearing::document::{Book, Order, Outcome};
use crate::ids::{InstanceId, NodeId, OrderId};
pub use crate::records::round::Movers;
use crate::state::State;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the bids of a book do with workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Nodes on which the whole baseline of a workload is kept free.
    pub kept_free: BTreeSet<(InstanceId, NodeId)>,
    /// Workloads that another node has room for but may not go there, and their bids that want it.
    pub could: BTreeMap<InstanceId, BTreeSet<OrderId>>,
}

/// The next round as it would be sealed with these movers.
pub struct Preparation {
    pub book: Book,
    pub moves: Moves,
    /// Whose an order of the book is.
    pub workload_of: BTreeMap<String, InstanceId>,
}

/// Whether a bid has a workload: without one nobody can move, and no look at the round is needed.
pub fn could_be(state: &State) -> bool {
    state.orders.values().any(|o| o.side == crate::records::order::Side::Bid && o.request.instance.is_some())
}

/// What a trial came to.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Welfare, and where that is equal how many bids win something.
    worth: (i128, usize),
    /// Workloads for which room is kept that they have not won.
    idle: BTreeSet<InstanceId>,
}

impl Trial {
    pub fn of(prepared: &Preparation, outcome: &Outcome) -> Self {
        let won: BTreeSet<&str> = winners(outcome).collect();
        let winners = || prepared.book.orders.iter().filter(|o| o.side == Side::Bid && won.contains(o.id.as_str()));
        let place = |bid: &Order| Some((*prepared.workload_of.get(&bid.id)?, bid.node.as_ref()?.parse().ok()?));
        let used: BTreeSet<InstanceId> =
            winners().filter_map(place).filter(|at| prepared.moves.kept_free.contains(at)).map(|(id, _)| id).collect();
        let kept_for = prepared.moves.kept_free.iter().map(|(instance, _)| *instance);
        let idle = kept_for.filter(|id| !used.contains(id)).collect();
        Self { worth: (outcome.welfare_nano(), winners().count()), idle }
    }
}

/// Orders that win something.
fn winners(outcome: &Outcome) -> impl Iterator<Item = &str> {
    outcome.awards.iter().map(|a| a.order.as_str())
}

/// The choice of movers, a trial at a time: `next` says with whom, `record` takes what came of it.
pub struct Choice {
    chosen: Movers,
    best: Option<Trial>,
    /// Who is tried next beside those that are chosen.
    groups: VecDeque<Vec<InstanceId>>,
    /// Who of those that are chosen is then tried without.
    doubtful: VecDeque<InstanceId>,
    trials_left: usize,
}

impl Choice {
    /// Between all that could move in a round without movers.
    pub fn of(prepared: &Preparation) -> Self {
        let limits: BTreeMap<&str, i64> =
            prepared.book.orders.iter().map(|o| (o.id.as_str(), o.limit.units())).collect();
        let offered = |bids: &BTreeSet<OrderId>| -> i128 {
            bids.iter().filter_map(|id| limits.get(id.to_string().as_str())).map(|limit| i128::from(*limit)).sum()
        };
        let mut ids: Vec<(i128, InstanceId)> =
            prepared.moves.could.iter().map(|(id, bids)| (offered(bids), *id)).collect();
        ids.sort_by_key(|(offered, id)| (Reverse(*offered), *id));
        let all: Vec<InstanceId> = ids.into_iter().map(|(_, id)| id).collect();
        let groups: VecDeque<Vec<InstanceId>> = if all.is_empty() { VecDeque::new() } else { [all].into() };
        // A large round is seldom tried: everybody waits for it.
        let trials_left = match prepared.book.orders.len() {
            _ if groups.is_empty() => 0,
            0..=200 => 16,
            201..=1_000 => 8,
            _ => 5,
        };
        Self { chosen: Movers::new(), best: None, groups, doubtful: VecDeque::new(), trials_left }
    }

    /// The movers of the next trial; `None` when all is decided.
    pub fn next(&self) -> Option<Movers> {
        if self.trials_left == 0 {
            return None;
        }
        match (&self.best, self.groups.front(), self.doubtful.front()) {
            // First what the round is worth without any.
            (None, Some(_), _) => Some(Movers::new()),
            (Some(_), Some(group), _) => Some(self.chosen.iter().chain(group).copied().collect()),
            (Some(_), None, Some(doubtful)) => Some(self.chosen.iter().filter(|id| *id != doubtful).copied().collect()),
            _ => None,
        }
    }

    /// `None` where the trial has no outcome: nobody moves for such a round.
    pub fn record(&mut self, trial: Option<Trial>) {
        self.trials_left = self.trials_left.saturating_sub(1);
        let Some(best) = &self.best else {
            match trial {
                Some(trial) => self.best = Some(trial),
                None => self.groups.clear(),
            }
            return;
        };
        let Some(group) = self.groups.pop_front() else {
            if let (Some(id), Some(trial)) = (self.doubtful.pop_front(), trial)
                && trial.worth >= best.worth
            {
                self.chosen.remove(&id);
                self.best = Some(trial);
                // Those that were weighed beside it are weighed again.
                let again: Vec<_> = self.chosen.iter().filter(|id| !self.doubtful.contains(id)).copied().collect();
                self.doubtful.extend(again);
            }
            return;
        };
        let Some(trial) = trial else { return self.halve(&group) };
        let rest: Vec<InstanceId> = group.iter().copied().filter(|id| !trial.idle.contains(id)).collect();
        if rest.len() < group.len() {
            // Room kept for nothing is room for others, and nothing is chosen that was not tried just so.
            self.groups.extend((!rest.is_empty()).then_some(rest));
        } else if trial.worth > best.worth {
            // The last that came is the first to be doubted: it bids least.
            group.iter().for_each(|id| self.doubtful.push_front(*id));
            self.chosen.extend(group);
            self.best = Some(trial);
        } else {
            self.halve(&group);
        }
        if self.groups.is_empty() && self.chosen.len() == 1 {
            // Without the only one the round has been tried.
            self.doubtful.clear();
        }
    }

    fn halve(&mut self, group: &[InstanceId]) {
        if group.len() > 1 {
            let (first, second) = group.split_at(group.len() / 2);
            self.groups.extend([first.to_vec(), second.to_vec()]);
        }
    }

    pub fn chosen(self) -> Movers {
        self.chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::IdSource;
    use crate::time::Timestamp;

    /// Workloads of which each adds so much to a round, or takes it away, and whether it wins.
    fn choose(gains: &[(i64, bool)]) -> (Vec<bool>, usize) {
        let mut ids = IdSource::new(Timestamp::default(), 7);
        let order: BTreeSet<InstanceId> = gains.iter().map(|_| InstanceId::next(&mut ids)).collect();
        let workloads: BTreeMap<InstanceId, (i64, bool)> = order.iter().copied().zip(gains.iter().copied()).collect();
        let could = order.iter().map(|id| (*id, BTreeSet::new())).collect();
        let moves = Moves { could, ..Moves::default() };
        let mut choice = Choice::of(&Preparation { book: Book::default(), moves, workload_of: BTreeMap::new() });
        let mut trials = 0;
        while let Some(movers) = choice.next() {
            trials += 1;
            let worth = movers.iter().map(|id| i128::from(workloads[id].0)).sum();
            let idle = movers.iter().copied().filter(|id| !workloads[id].1).collect();
            choice.record(Some(Trial { worth: (worth, 0), idle }));
        }
        let chosen = choice.chosen();
        (order.iter().map(|id| chosen.contains(id)).collect(), trials)
    }

    #[test]
    fn who_takes_more_than_it_brings_stays() {
        assert_eq!(choose(&[]), (vec![], 0));
        assert_eq!(choose(&[(5, true)]), (vec![true], 2));
        assert_eq!(choose(&[(-5, true)]), (vec![false], 2));
        // Together they are a gain; then each is tried without.
        assert_eq!(choose(&[(5, true), (-1, true), (3, true)]), (vec![true, false, true], 6));
    }

    #[test]
    fn groups_that_are_no_gain_are_halved() {
        assert_eq!(choose(&[(2, true), (1, true), (-9, true), (1, true)]).0, [true, true, false, true]);
    }

    /// Who could never win and comes first, with whatever it says that it bids, costs others one trial.
    #[test]
    fn room_is_not_kept_for_who_wins_nothing() {
        assert_eq!(choose(&[(1, false)]), (vec![false], 2));
        let fakes = [(-100, false); 30];
        let honest = [(1, true); 30];
        let (chosen, trials) = choose(&[&fakes[..], &honest[..]].concat());
        assert_eq!(chosen, [vec![false; 30], vec![true; 30]].concat());
        assert!(trials <= 16, "{trials}");
        assert_eq!(choose(&[&[(0, false)][..], &honest[..]].concat()).0, [vec![false], vec![true; 30]].concat());
    }

    #[test]
    fn trials_end() {
        let (chosen, trials) = choose(&[(-1, true); 40]);
        assert!(trials <= 16 && chosen.iter().all(|c| !c));
    }

    #[test]
    fn a_round_that_can_not_be_tried_moves_nobody() {
        let groups = [vec![]].into();
        let (chosen, doubtful) = (Movers::new(), VecDeque::new());
        let mut choice = Choice { chosen, best: None, groups, doubtful, trials_left: 3 };
        choice.record(None);
        assert_eq!(choice.next(), None);
    }
}
