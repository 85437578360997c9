//! Which workloads the bids of a round may take to another node.
//!
//! Where a workload's node is full, a bid of it can only be made true on another, and the workload's whole
//! baseline has to be kept free there while the round is cleared. That takes room from everybody else,
//! whatever the bid is worth and whether it wins or not. So a move has to earn its room: the round is tried
//! without it and with it, and it stays only if what is traded is worth more with it, and it wins. A bid that
//! is not let to another node stands on its own, where lenders may still make room for it.
//!
//! The trials are cleared outside the core; what comes of them is an argument of `SealRound`.
use crate::clearing::{Book, Limits, Outcome, Side};
use crate::ids::{InstanceId, NodeId, OrderId};
use crate::round::book;
use crate::state::State;
use crate::time::Timestamp;
use crate::units::Credits;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The workloads that may be taken to another node by what they win.
pub type Movers = BTreeSet<InstanceId>;

/// Those that bid most are tried one by one, the rest together and, where that is no gain, in halves.
const ONE_BY_ONE: usize = 6;

/// Trials are far cheaper than rounds: they only compare.
pub const TRIAL: Limits = Limits { nodes: 400, max_cuts: 50, effort: 1_000_000, work: 60_000, ..Limits::PRODUCTION };

/// What the bids of a book do with workloads.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// Nodes on which the whole baseline of a workload is kept free.
    pub kept_free: BTreeSet<(InstanceId, NodeId)>,
    /// Workloads that another node has room for but may not go there, and what their bids that want it offer.
    pub could: BTreeMap<InstanceId, BTreeMap<OrderId, Credits>>,
}

/// The next round as it would be sealed with these movers.
pub struct Preparation {
    pub book: Book,
    pub moves: Moves,
}

/// A look at the next round before it is sealed; `None` where no round can be.
pub fn prepare(state: &State, now: Timestamp, movers: &Movers) -> Option<Preparation> {
    let slots = state.market.rhythm.open_slots(now);
    if state.sealed.is_some() || slots.is_empty() {
        return None;
    }
    let draft = book::build(state, now, &slots, movers);
    Some(Preparation { book: draft.book, moves: draft.moves })
}

/// What a trial came to.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Welfare, and where that is equal what bids get.
    worth: (crate::clearing::rational::Rat, i128),
    /// Workloads for which room is kept that they have not won.
    idle: BTreeSet<InstanceId>,
}

impl Trial {
    pub fn of(prepared: &Preparation, outcome: &Outcome) -> Self {
        let won: BTreeMap<&str, i128> = outcome
            .awards
            .iter()
            .map(|a| (a.order.as_str(), a.quantities.iter().map(|q| i128::from(q.quantity)).sum()))
            .collect();
        let bids = prepared.book.orders.iter().filter(|o| o.side == Side::Bid);
        let mut volume = 0;
        let mut used: BTreeSet<InstanceId> = BTreeSet::new();
        for bid in bids {
            let Some(quantity) = won.get(bid.id.as_str()).filter(|quantity| **quantity > 0) else { continue };
            volume += quantity;
            let instance = bid.instance.as_ref().and_then(|id| id.parse().ok());
            let node = bid.node.as_ref().and_then(|node| node.parse().ok());
            used.extend(instance.filter(|id| node.is_some_and(|n| prepared.moves.kept_free.contains(&(*id, n)))));
        }
        let kept_for = prepared.moves.kept_free.iter().map(|(instance, _)| *instance);
        let idle = kept_for.filter(|id| !used.contains(id)).collect();
        Self { worth: (outcome.welfare.0.clone(), volume), idle }
    }
}

/// The choice of movers, a trial at a time: `next` says with whom, `record` takes what came of it.
pub struct Choice {
    chosen: Movers,
    best: Option<Trial>,
    /// Who is tried next beside those that are chosen, and then which of those is better left out.
    groups: VecDeque<Vec<InstanceId>>,
    doubtful: VecDeque<InstanceId>,
    trials_left: usize,
}

impl Choice {
    /// Between all that could move in a round without movers.
    pub fn of(prepared: &Preparation) -> Self {
        let mut bids: Vec<(InstanceId, Credits)> =
            prepared.moves.could.iter().map(|(id, bids)| (*id, bids.values().copied().sum())).collect();
        bids.sort_by_key(|(id, offered)| (Reverse(*offered), *id));
        let ids: Vec<InstanceId> = bids.into_iter().map(|(id, _)| id).collect();
        let (single, rest) = ids.split_at(ids.len().min(ONE_BY_ONE));
        let mut groups: VecDeque<Vec<InstanceId>> = single.iter().map(|id| vec![*id]).collect();
        if !rest.is_empty() {
            groups.push_back(rest.to_vec());
        }
        // A large round is seldom tried: everybody waits for it.
        let trials_left = match prepared.book.orders.len() {
            _ if groups.is_empty() => 0,
            0..=200 => 20,
            201..=1_000 => 6,
            _ => 3,
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
            }
            return;
        };
        match trial {
            Some(trial) if trial.worth > best.worth => {
                // Who came before was weighed without these.
                self.doubtful = self.chosen.iter().copied().collect();
                self.chosen.extend(group);
                // Room kept for nothing is room for others: without it the same can be traded, or more.
                self.chosen.retain(|id| !trial.idle.contains(id));
                self.doubtful.retain(|id| !trial.idle.contains(id));
                self.best = Some(trial);
            }
            _ if group.len() > 1 => {
                let (first, second) = group.split_at(group.len() / 2);
                self.groups.push_front(second.to_vec());
                self.groups.push_front(first.to_vec());
            }
            _ => {}
        }
    }

    pub fn chosen(self) -> Movers {
        self.chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearing::rational::Rat;
    use crate::ids::IdSource;

    /// Workloads of which each adds so much to a round, or takes it away, and whether it wins.
    fn choose(gains: &[(i64, bool)]) -> (Vec<bool>, usize) {
        let mut ids = IdSource::new(Timestamp::default(), 7);
        let order: BTreeSet<InstanceId> = gains.iter().map(|_| InstanceId::next(&mut ids)).collect();
        let workloads: BTreeMap<InstanceId, (i64, bool)> = order.iter().copied().zip(gains.iter().copied()).collect();
        let book = Book::new(crate::clearing::Money(1), 0);
        let bids =
            |n: usize| [(OrderId::Bid(crate::ids::BidId::next(&mut ids)), Credits::from_units(-(n as i64)))].into();
        let could = order.iter().copied().zip((0..gains.len()).map(bids)).collect();
        let mut choice = Choice::of(&Preparation { book, moves: Moves { could, ..Moves::default() } });
        let mut trials = 0;
        while let Some(movers) = choice.next() {
            trials += 1;
            let worth = movers.iter().map(|id| i128::from(workloads[id].0)).sum();
            let idle = movers.iter().copied().filter(|id| !workloads[id].1).collect();
            choice.record(Some(Trial { worth: (Rat::int(worth), 0), idle }));
        }
        let chosen = choice.chosen();
        (order.iter().map(|id| chosen.contains(id)).collect(), trials)
    }

    #[test]
    fn who_takes_more_than_it_brings_stays() {
        assert_eq!(choose(&[]), (vec![], 0));
        assert_eq!(choose(&[(5, true), (-1, true), (3, true)]), (vec![true, false, true], 5));
    }

    /// The eighth of eight takes more than the seventh brings: they are tried together, then apart.
    #[test]
    fn groups_that_are_no_gain_are_halved() {
        let mut gains = vec![(1, true); 6];
        gains.extend([(2, true), (-9, true)]);
        assert_eq!(choose(&gains), ([vec![true; 7], vec![false]].concat(), 1 + 6 + 3 + 6));
    }

    /// Where there are too many to try them all, those that bid least wait.
    #[test]
    fn trials_end() {
        let (chosen, trials) = choose(&[(-1, true); 40]);
        assert!(trials <= 20 && chosen.iter().all(|c| !c));
    }

    #[test]
    fn room_is_not_kept_for_who_wins_nothing() {
        assert_eq!(choose(&[(1, false)]).0, [false]);
        let mut gains = vec![(1, true); 6];
        gains.extend([(1, true), (0, false)]);
        assert_eq!(choose(&gains).0, [vec![true; 7], vec![false]].concat());
    }

    #[test]
    fn a_round_that_can_not_be_tried_moves_nobody() {
        let mut choice = Choice {
            chosen: Movers::new(),
            best: None,
            groups: [vec![]].into(),
            doubtful: VecDeque::new(),
            trials_left: 3,
        };
        choice.record(None);
        assert_eq!(choice.next(), None);
    }
}
