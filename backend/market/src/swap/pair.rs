//! Who gives what somebody gets: lenders and winners of a slot paired over short distances.
//!
//! A transportation problem for each product: rows are lenders (the operator's supply is one), columns
//! winners, the cost of a unit is the distance between their nodes. A basic solution has at most
//! lenders + winners − 1 pairs. It says where capacity comes from; what a swap waits for is decided by
//! what each node has room for (`plan`).
use crate::ids::{InstanceId, NodeId, ParticipantId};
use crate::records::pool::PoolSlug;
use crate::records::round::AwardKind;
pub use crate::records::swap::{Counterpart, Pair};
use crate::state::State;
use crate::time::Slot;
use crate::units::Resource;
use std::collections::{BTreeMap, VecDeque};

/// One side of the problem: an instance, or an order without one.
struct Party {
    participant: ParticipantId,
    instance: Option<InstanceId>,
    node: Option<NodeId>,
    moves: bool,
    quantity: i64,
}

/// The pairs of every workload that wins or lends in a slot.
pub fn pairs(state: &State, slot: Slot) -> BTreeMap<InstanceId, Vec<Pair>> {
    let mut found: BTreeMap<InstanceId, Vec<Pair>> = BTreeMap::new();
    for ((pool, resource), parties) in parties(state, slot) {
        let (winners, mut lenders): (Vec<_>, Vec<_>) = parties.into_iter().partition(|p| p.quantity > 0);
        lenders.iter_mut().for_each(|p| p.quantity = -p.quantity);
        let all = |side: &[Party]| side.iter().map(|p| p.quantity).sum::<i64>();
        // what lenders do not give is the operator's
        let operator = (all(&winners) - all(&lenders)).max(0);
        let mut supply: Vec<i64> = lenders.iter().map(|p| p.quantity).collect();
        supply.push(operator);
        let demand: Vec<i64> = winners.iter().map(|p| p.quantity).collect();
        let cost = |i: usize, j: usize| match lenders.get(i) {
            Some(lender) => distance(state, lender.node, winners[j].node),
            None => i64::from(winners[j].moves),
        };
        for (i, j, quantity) in transport(&supply, &demand, cost) {
            let (lender, winner) = (lenders.get(i), &winners[j]);
            let mut tell = |to: &Party, from: Option<&Party>, quantity: i64| {
                let Some(id) = to.instance else { return };
                let counterpart = match from {
                    None => Counterpart::Operator,
                    Some(p) if p.participant == to.participant => Counterpart::Own,
                    Some(_) => Counterpart::AnotherMember,
                };
                let instance = from.filter(|p| p.participant == to.participant).and_then(|p| p.instance);
                let pair = Pair { pool: pool.clone(), resource, quantity, counterpart, instance, distance: cost(i, j) };
                found.entry(id).or_default().push(pair);
            };
            tell(winner, lender, quantity);
            if let Some(lender) = lender {
                tell(lender, Some(winner), -quantity);
            }
        }
    }
    found
}

/// Δ = won − lent of everybody, by product.
fn parties(state: &State, slot: Slot) -> BTreeMap<(PoolSlug, Resource), Vec<Party>> {
    type Who = (ParticipantId, Option<InstanceId>, Option<NodeId>);
    let mut net: BTreeMap<(PoolSlug, Resource), BTreeMap<Who, (i64, bool)>> = BTreeMap::new();
    for award in state.awards.values() {
        let home = award.instance.and_then(|id| state.instances.get(&id)).map(|i| i.node);
        let target = award.nodes.first().copied().or(home);
        for line in award.lines.iter().filter(|l| l.slot == slot) {
            let change = match award.kind {
                AwardKind::Bought => line.left(),
                AwardKind::Lent => -line.left(),
                AwardKind::Resold => 0,
            };
            let node = if change > 0 { target } else { home };
            // an instance is one party wherever it wins: it is on one node
            let key = (award.participant, award.instance, node.filter(|_| award.instance.is_none()));
            let entry = net.entry((line.pool.clone(), line.resource)).or_default().entry(key).or_default();
            entry.0 += change;
            entry.1 |= change > 0 && home.is_some_and(|h| Some(h) != target);
        }
    }
    let party = |((participant, instance, node), (quantity, moves)): (Who, (i64, bool))| {
        let home = instance.and_then(|id| state.instances.get(&id)).map(|i| i.node);
        Party { participant, instance, node: node.or(home), moves, quantity }
    };
    net.into_iter().map(|(k, who)| (k, who.into_iter().map(party).filter(|p| p.quantity != 0).collect())).collect()
}

fn distance(state: &State, one: Option<NodeId>, other: Option<NodeId>) -> i64 {
    let pop = |node: Option<NodeId>| {
        let pool = node.and_then(|n| state.nodes.get(&n)).map(|n| &n.pool);
        pool.and_then(|p| state.pools.get(p)).map(|p| &p.pop)
    };
    match () {
        () if one.is_some() && one == other => 0,
        () if pop(one).is_some() && pop(one) == pop(other) => 2,
        () => 5,
    }
}

/// After every distance: what is over is found out last.
const LAST: i64 = 9;

/// Above this many cells the first basic solution is kept as it is.
const MOST_CELLS: usize = 2_500;

/// A basic solution of a transportation problem, `(row, column, quantity)` with quantities above 0: of
/// least cost where it is small (the method of potentials, Dantzig 1951), else by the cheapest cell first.
/// What one side has more than the other stays unpaired.
fn transport(supply: &[i64], demand: &[i64], cost: impl Fn(usize, usize) -> i64) -> Vec<(usize, usize, i64)> {
    let (mut supply, mut demand) = (supply.to_vec(), demand.to_vec());
    let (rows, columns) = (supply.len(), demand.len());
    let spare = supply.iter().sum::<i64>() - demand.iter().sum::<i64>();
    // a row or a column that takes what is over
    if spare >= 0 {
        demand.push(spare);
    } else {
        supply.push(-spare);
    }
    let price = |i: usize, j: usize| if i < rows && j < columns { cost(i, j) } else { 0 };
    let level = |i: usize, j: usize| if i < rows && j < columns { cost(i, j) } else { LAST };
    let mut basis = first_basis(&supply, &demand, &level);
    if supply.len() * demand.len() <= MOST_CELLS {
        for _ in 0..MOST_CELLS {
            if !improve(&mut basis, supply.len(), demand.len(), &price) {
                break;
            }
        }
    }
    basis.retain(|(i, j, q)| *i < rows && *j < columns && *q > 0);
    basis
}

/// The cheapest cells first, what is over last; each exhausts a row or a column, so they are a tree.
fn first_basis(supply: &[i64], demand: &[i64], level_of: &impl Fn(usize, usize) -> i64) -> Vec<(usize, usize, i64)> {
    let (mut left, mut lacks) = (supply.to_vec(), demand.to_vec());
    let (mut row_open, mut column_open) = (vec![true; left.len()], vec![true; lacks.len()]);
    let mut basis = Vec::new();
    for level in [0, 1, 2, 5, LAST] {
        for i in 0..left.len() {
            for j in 0..lacks.len() {
                if !(row_open[i] && column_open[j]) || level_of(i, j) != level {
                    continue;
                }
                let last_row = row_open.iter().filter(|o| **o).count() == 1;
                let quantity = left[i].min(lacks[j]);
                left[i] -= quantity;
                lacks[j] -= quantity;
                basis.push((i, j, quantity));
                // only one of the two closes, so that the cells stay one tree
                if left[i] == 0 && !(last_row && column_open.iter().filter(|o| **o).count() > 1) {
                    row_open[i] = false;
                } else {
                    column_open[j] = false;
                }
                if !row_open[i] {
                    break;
                }
            }
        }
    }
    basis
}

/// One step of the method of potentials; false where nothing is cheaper.
fn improve(
    basis: &mut Vec<(usize, usize, i64)>,
    rows: usize,
    columns: usize,
    price: &impl Fn(usize, usize) -> i64,
) -> bool {
    // nodes of the tree: rows first, then columns
    let mut potential: Vec<Option<i64>> = vec![None; rows + columns];
    for root in 0..rows {
        if potential[root].is_some() {
            continue;
        }
        potential[root] = Some(0);
        let mut queue = VecDeque::from([root]);
        while let Some(at) = queue.pop_front() {
            let value = potential[at].unwrap_or(0);
            for (i, j, _) in basis.iter() {
                let next = if at == *i {
                    rows + j
                } else if at == rows + j {
                    *i
                } else {
                    continue;
                };
                if potential[next].is_none() {
                    potential[next] = Some(price(*i, *j) - value);
                    queue.push_back(next);
                }
            }
        }
    }
    let value = |n: usize| potential[n].unwrap_or(0);
    let cells = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
    let gain = |(i, j): (usize, usize)| price(i, j) - value(i) - value(rows + j);
    let Some((i, j)) = cells.filter(|c| gain(*c) < 0).min_by_key(|c| (gain(*c), *c)) else { return false };
    let Some(path) = path(basis, rows, i, rows + j) else {
        basis.push((i, j, 0));
        return true;
    };
    // along the cycle quantities fall and rise in turn
    let falls: Vec<usize> = path.iter().copied().step_by(2).collect();
    let Some(least) = falls.iter().copied().min_by_key(|n| basis[*n].2) else { return false };
    let step = basis[least].2;
    for (n, cell) in path.iter().enumerate() {
        basis[*cell].2 += if n % 2 == 0 { -step } else { step };
    }
    basis[least] = (i, j, step);
    true
}

/// The cells on the way from one node of the tree to another.
fn path(basis: &[(usize, usize, i64)], rows: usize, from: usize, to: usize) -> Option<Vec<usize>> {
    let mut came: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        if at == to {
            let mut cells = Vec::new();
            let mut at = to;
            while at != from {
                let (before, cell) = came[&at];
                cells.push(cell);
                at = before;
            }
            cells.reverse();
            return Some(cells);
        }
        for (n, (i, j, _)) in basis.iter().enumerate() {
            let next = if at == *i {
                rows + j
            } else if at == rows + j {
                *i
            } else {
                continue;
            };
            if next != from && !came.contains_key(&next) {
                came.insert(next, (at, n));
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least cost by trying every order of filling cells: each basic solution is one of those.
    fn brute(supply: &[i64], demand: &[i64], cost: &[Vec<i64>]) -> i64 {
        fn go(left: &mut [i64], lacks: &mut [i64], cost: &[Vec<i64>], most: i64) -> Option<i64> {
            if most == 0 {
                return Some(0);
            }
            let mut best: Option<i64> = None;
            for i in 0..left.len() {
                for j in 0..lacks.len() {
                    let q = left[i].min(lacks[j]);
                    if q == 0 {
                        continue;
                    }
                    left[i] -= q;
                    lacks[j] -= q;
                    let rest = go(left, lacks, cost, most - q);
                    left[i] += q;
                    lacks[j] += q;
                    best = [best, rest.map(|r| r + q * cost[i][j])].into_iter().flatten().min();
                }
            }
            best
        }
        let most = supply.iter().sum::<i64>().min(demand.iter().sum());
        go(&mut supply.to_vec(), &mut demand.to_vec(), cost, most).unwrap_or(0)
    }

    #[test]
    fn i24_pairs_are_few_net_to_what_is_due_and_as_near_as_can_be() {
        for seed in 0..400_u64 {
            let mut state = seed;
            let mut below = |n: u64| {
                // Knuth's linear congruential generator.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 33) % n) as i64
            };
            let (m, n) = (1 + below(3), 1 + below(3));
            let supply: Vec<i64> = (0..m).map(|_| below(7)).collect();
            let demand: Vec<i64> = (0..n).map(|_| below(7)).collect();
            let cost: Vec<Vec<i64>> =
                (0..m).map(|_| (0..n).map(|_| [0, 1, 2, 5][below(4) as usize]).collect()).collect();
            let pairs = transport(&supply, &demand, |i, j| cost[i][j]);
            assert!(pairs.len() < supply.len() + demand.len(), "seed {seed}: {pairs:?}");
            let given = |row: usize| pairs.iter().filter(|p| p.0 == row).map(|p| p.2).sum::<i64>();
            let got = |column: usize| pairs.iter().filter(|p| p.1 == column).map(|p| p.2).sum::<i64>();
            let moved: i64 = pairs.iter().map(|p| p.2).sum();
            assert_eq!(moved, supply.iter().sum::<i64>().min(demand.iter().sum()), "seed {seed}");
            assert!((0..supply.len()).all(|i| given(i) <= supply[i]), "seed {seed}");
            assert!((0..demand.len()).all(|j| got(j) <= demand[j]), "seed {seed}");
            let total: i64 = pairs.iter().map(|(i, j, q)| q * cost[*i][*j]).sum();
            assert_eq!(total, brute(&supply, &demand, &cost), "seed {seed}: {supply:?} {demand:?} {cost:?} {pairs:?}");
        }
    }
}
