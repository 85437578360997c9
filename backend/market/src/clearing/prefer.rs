//! Ties that blocks decide: of choices of blocks that are worth the same, the one that the tie rule prefers.
//!
//! Blocks that nothing tells apart change places at once: incumbents keep what they have, then the class
//! decides, then the hash. Where there are no nodes, of others that are worth the same one is tried in the
//! place of another, and a refused incumbent beside the rest; the allocation stays that is first in the order
//! of `ties`.
//!
//! This is for books on nodes, or with more ties than can be gone through one by one (`tied`).
//!
//! Invariant: only what prices support leaves, with the welfare that was handed in. Tries are few, so among
//! many blocks that are worth the same and not alike another choice may have been preferred.
use super::model::Model;
use super::rational::Rat;
use super::search::{Allowance, Best, Search};
use super::simplex::Simplex;
use super::ties::{self, TieOrder};
use std::collections::BTreeMap;

/// How many allocations of a component are tried for a tie.
const TRIES: usize = 32;

/// Column of each block that wins.
pub(super) type Accepted = BTreeMap<usize, usize>;

impl Search<'_> {
    pub(super) fn prefer(&self, model: &Model, best: Best, left: &mut Allowance) -> Best {
        let mut found = self.rank_alike(model, best, left);
        // one in another's place may need other room, which no row may say
        if found.shared.is_some()
            || self.c.products.iter().any(|k| self.m.book.nodes.iter().any(|n| n.pool == self.m.products[*k].pool))
        {
            return found;
        }
        let mut refused: Vec<usize> =
            model.blocks.keys().copied().filter(|i| !found.accepted.contains_key(i)).collect();
        refused.sort_by_key(|i| self.rank(*i));
        let mut tries = TRIES;
        for i in refused {
            let mut places: Vec<Option<usize>> = self.rivals(i, &found.accepted).into_iter().map(Some).collect();
            if self.m.orders[i].incumbent {
                places.insert(0, None);
            }
            for place in places {
                if tries == 0 {
                    return found;
                }
                let Some(j) = model.blocks[&i].iter().find(|j| model.lp.cols[**j].hi.as_ref().is_some_and(Rat::is_pos))
                else {
                    break;
                };
                tries -= 1;
                let mut accepted = found.accepted.clone();
                place.map(|other| accepted.remove(&other));
                accepted.insert(i, *j);
                let Some(same) = self.same_welfare(model, &found, accepted, left) else { continue };
                if self.tie_order(model, &same) > self.tie_order(model, &found) {
                    found = same;
                    break;
                }
            }
        }
        found
    }

    /// The same with alike blocks in the order of the tie rule.
    pub(super) fn rank_alike(&self, model: &Model, best: Best, left: &mut Allowance) -> Best {
        let ranked = self.ranked_alike(model, &best.accepted);
        if ranked == best.accepted {
            return best;
        }
        self.same_welfare(model, &best, ranked, left).unwrap_or(best)
    }

    /// Incumbents, classes, the hash.
    fn rank(&self, order: usize) -> (bool, super::book::Class, [u8; 32]) {
        let o = &self.m.orders[order];
        (!o.incumbent, o.class, o.lot)
    }

    /// Blocks that nothing else ties to anything.
    fn stands_alone(&self, order: usize) -> bool {
        let o = &self.m.orders[order];
        o.rows.is_empty() && o.parent.is_none() && o.children.is_empty()
    }

    /// The same choice in which of alike blocks those win that the tie rule puts first.
    fn ranked_alike(&self, model: &Model, accepted: &Accepted) -> Accepted {
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for i in model.blocks.keys().copied().filter(|i| self.stands_alone(*i)) {
            let o = &self.m.orders[i];
            let alternatives: Vec<_> = o.alternatives.iter().map(|a| (a.value, &a.quantities)).collect();
            groups.entry((o.bid, &o.least, o.replicas, o.node, alternatives, &self.upper[i])).or_default().push(i);
        }
        let mut ranked = accepted.clone();
        for mut group in groups.into_values() {
            let column = |i: &usize| model.blocks[i].iter().position(|j| accepted.get(i) == Some(j));
            let mut won: Vec<usize> = group.iter().filter_map(column).collect();
            if won.is_empty() || (won.len() == group.len() && won.windows(2).all(|w| w[0] == w[1])) {
                continue;
            }
            // whoever comes first has the alternative that is worth most to a bid, or costs an offer least
            let worth = |a: &usize| {
                let o = &self.m.orders[group[0]];
                if o.bid { -o.alternatives[*a].value } else { o.alternatives[*a].value }
            };
            won.sort_by_key(|a| (worth(a), *a));
            group.sort_by_key(|i| self.rank(*i));
            group.iter().for_each(|i| {
                ranked.remove(i);
            });
            ranked.extend(group.iter().zip(won).map(|(i, alternative)| (*i, model.blocks[i][alternative])));
        }
        ranked
    }

    /// The winners whose place a refused block may have: on its side, of its value, after it in rank, with a
    /// product of its own. The last in rank first.
    fn rivals(&self, order: usize, accepted: &Accepted) -> Vec<usize> {
        let o = &self.m.orders[order];
        let [alternative] = &o.alternatives[..] else { return Vec::new() };
        let uses = |k: usize| alternative.quantities.iter().any(|q| q.0 == k);
        let mut rivals: Vec<usize> = accepted
            .keys()
            .copied()
            .filter(|i| self.rank(*i) > self.rank(order) && self.stands_alone(*i) && self.stands_alone(order))
            .filter(|i| match &self.m.orders[*i].alternatives[..] {
                [a] => {
                    self.m.orders[*i].bid == o.bid
                        && a.value == alternative.value
                        && a.quantities.iter().any(|q| uses(q.0))
                }
                _ => false,
            })
            .collect();
        rivals.sort_by_key(|i| std::cmp::Reverse(self.rank(*i)));
        rivals
    }

    /// The allocation of another choice, if prices support it and it is worth the same.
    fn same_welfare(&self, model: &Model, found: &Best, accepted: Accepted, left: &mut Allowance) -> Option<Best> {
        let mut simplex = found.simplex.as_deref().cloned().unwrap_or_else(|| Simplex::new(model.lp.clone()));
        self.decide_all(model, &mut simplex, &accepted);
        let same = self.drop_losers(model, simplex, accepted.clone(), 0, None, left)?;
        let as_asked = same.best.accepted == accepted && same.best.shared.is_some() == found.shared.is_some();
        let simplex = found.shared.is_none().then(|| Box::new(same.simplex));
        (as_asked && same.best.welfare == found.welfare).then_some(Best { simplex, ..same.best })
    }

    /// Of two allocations that are worth the same the greater one goes first.
    pub(super) fn tie_order(&self, model: &Model, best: &Best) -> TieOrder {
        best.simplex.as_deref().map(|s| ties::order(self.m, model, &ties::settle(self.m, model, s))).unwrap_or_default()
    }
}
