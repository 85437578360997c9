//! Which of several equally good allocations: the order of `Among outcomes of equal welfare`.
//!
//! On the optimal face (everything with a reduced cost stays where it is) a sequence of
//! objectives is maximised, each on the face of the one before: value of the bids, as little
//! operator supply as possible, earlier steps first, nothing lent in vain, incumbents, classes, and
//! then order by order of the hash. Most faces are a single point, and then nothing is done at all.
//!
//! Alike divisible orders are one column and so filled pro-rata; where bounds of their own (a
//! host that has room for a part) keep them in several, these are brought to one level at last.
use super::model::{Meaning, Model};
use super::problem::Market;
use super::rational::{Rat, sum};
use super::simplex::{End, Lp, Simplex};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The chosen values of all columns, given a solved program.
pub fn settle(m: &Market, model: &Model, s: &Simplex) -> Vec<Rat> {
    let values = s.values();
    if s.unique() {
        return values;
    }
    let mut face = Face::of(s, &values);
    for objective in rules(m, model).into_iter().chain(lots(m, model)) {
        if face.free.len() <= 1 && face.single() {
            break;
        }
        if !face.maximise(&objective) {
            break;
        }
    }
    let mut values = face.values;
    level(m, model, &s.lp, &mut values);
    values
}

/// What decides between allocations of equal welfare, the first that differs: the greater one is preferred.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TieOrder {
    pub by_rule: Vec<Rat>,
    /// Incumbents, by a hash that is the same in every round: alternative of each, the first one greatest.
    pub as_before: Vec<Option<Reverse<usize>>>,
    pub by_lot: Vec<Rat>,
}

/// The place of an allocation in that order, without what only a choice of blocks says.
pub fn order(m: &Market, model: &Model, values: &[Rat]) -> TieOrder {
    let earned = |objective: Objective| sum(objective.iter().map(|(j, v)| v * &values[*j]));
    TieOrder {
        by_rule: rules(m, model).into_iter().map(earned).collect(),
        as_before: Vec::new(),
        by_lot: lots(m, model).into_iter().map(earned).collect(),
    }
}

/// Alike divisible orders in several columns get one fill, as far as each column's bound and its participant's rows
/// allow.
fn level(m: &Market, model: &Model, lp: &Lp, values: &mut [Rat]) {
    // what a column may come to, if nothing but its bounds and rows that are its alone hold it back
    let most = |j: usize| -> Option<(usize, Rat)> {
        let Meaning::Orders { members, .. } = &model.meaning[j] else { return None };
        let i = members[0].0;
        let (o, col) = (&m.orders[i], &lp.cols[j]);
        if o.block || o.parent.is_some() || !col.lo.is_zero() || col.hi.as_ref() == Some(&Rat::ZERO) {
            return None;
        }
        let mut most = col.hi.clone()?;
        for r in &o.rows {
            let row = &m.rows[*r];
            if row.terms.iter().any(|t| t.0 != i) {
                return None;
            }
            let used = row.terms.iter().map(|t| t.2.clone()).max()?;
            if used.is_pos() {
                most = most.min((&row.limit * &model.units(j)).div(&used));
            }
        }
        Some((i, most))
    };
    let open: BTreeMap<usize, (usize, Rat)> = (0..values.len()).filter_map(|j| Some((j, most(j)?))).collect();
    if !open.iter().any(|(j, (i, most))| !m.orders[*i].rows.is_empty() || *most < model.units(*j)) {
        return;
    }
    let own: BTreeSet<usize> = model.own_row.values().copied().collect();
    type Alike<'a> = (bool, Vec<&'a (usize, Rat)>, &'a Rat, bool, super::book::Class);
    let mut groups: BTreeMap<Alike, Vec<usize>> = BTreeMap::new();
    for (j, (i, _)) in &open {
        let (o, col) = (&m.orders[*i], &lp.cols[*j]);
        let entries = col.entries.iter().filter(|e| !own.contains(&e.0)).collect();
        groups.entry((o.bid, entries, &col.cost, o.incumbent, o.class)).or_default().push(*j);
    }
    for mut group in groups.into_values().filter(|g| g.len() > 1) {
        let mut left = group.iter().fold(Rat::ZERO, |t, j| &t + &values[*j]);
        let mut units = group.iter().fold(Rat::ZERO, |t, j| &t + &model.units(*j));
        group.sort_by_cached_key(|j| (open[j].1.div(&model.units(*j)), *j));
        for j in group {
            let share = (&left * &model.units(j)).div(&units);
            values[j] = share.min(open[&j].1.clone());
            left = &left - &values[j];
            units = &units - &model.units(j);
        }
    }
}

/// An objective, sparse over columns.
type Objective = Vec<(usize, Rat)>;

/// The objectives that are the same whatever the names are, in their order.
fn rules(m: &Market, model: &Model) -> Vec<Objective> {
    let cols = &model.meaning;
    let orders = |f: &dyn Fn(usize) -> bool| -> Vec<(usize, Rat)> {
        cols.iter()
            .enumerate()
            .filter_map(|(j, c)| match c {
                Meaning::Orders { alternative, members } if f(members[0].0) => {
                    // by value at the references, so that alike orders count alike
                    let (i, units) = members[0];
                    let at = |t, (k, q): &(usize, i128)| t + m.reference[*k] * (q / units);
                    let full = &m.orders[i].alternatives[*alternative].quantities;
                    Some((j, Rat::int(full.iter().fold(0, at))))
                }
                _ => None,
            })
            .collect()
    };
    let steps = |f: &dyn Fn(usize) -> Rat| -> Vec<(usize, Rat)> {
        cols.iter()
            .enumerate()
            .filter_map(|(j, c)| match c {
                Meaning::Step(s) => Some((j, f(*s))),
                _ => None,
            })
            .collect()
    };
    vec![
        cols.iter()
            .enumerate()
            .filter_map(|(j, c)| match c {
                Meaning::Orders { members, .. } if m.orders[members[0].0].bid => {
                    Some((j, model.lp.cols[j].cost.clone()))
                }
                _ => None,
            })
            .collect(),
        // lenders before operator supply, by value and then by quantity at the references
        steps(&|s| Rat::int(-m.steps[s].reserve)),
        steps(&|s| Rat::int(-m.reference[m.steps[s].product])),
        steps(&|s| Rat::int(-(m.steps[s].index as i128) * m.reference[m.steps[s].product])),
        cols.iter()
            .enumerate()
            .filter_map(|(j, c)| match c {
                Meaning::Arc(_) => Some((j, Rat::int(-1))),
                _ => None,
            })
            .collect(),
        // nobody lends what nobody takes: only what costs nothing could be lent so
        orders(&|i| !m.orders[i].bid)
            .into_iter()
            .filter(|(j, _)| model.lp.cols[*j].cost.is_zero())
            .map(|(j, v)| (j, -&v))
            .collect(),
        orders(&|i| m.orders[i].incumbent),
        orders(&|i| m.orders[i].class == super::book::Class::Critical),
        orders(&|i| m.orders[i].class == super::book::Class::Standard),
    ]
}

/// Those that follow: order by order of the hash.
fn lots(m: &Market, model: &Model) -> Vec<Objective> {
    let cols = &model.meaning;
    let mut lots: Vec<([u8; 32], usize)> = cols
        .iter()
        .enumerate()
        .filter_map(|(j, c)| match c {
            Meaning::Orders { members, .. } => members.iter().map(|(i, _)| m.orders[*i].lot).min().map(|l| (l, j)),
            _ => None,
        })
        .collect();
    lots.sort();
    lots.into_iter().map(|(_, j)| vec![(j, Rat::ONE)]).collect()
}

/// The part of a program that is still free.
struct Face {
    values: Vec<Rat>,
    /// Free columns, and the program over them.
    free: Vec<usize>,
    lp: Lp,
    unique: bool,
}

impl Face {
    fn of(s: &Simplex, values: &[Rat]) -> Face {
        let n = s.lp.cols.len();
        let free: Vec<usize> = (0..n)
            .filter(|&j| {
                s.is_basic(j) || (s.reduced(j).is_zero() && s.lp.cols[j].hi.as_ref() != Some(&s.lp.cols[j].lo))
            })
            .collect();
        let range = (0..s.lp.rhs.len())
            .map(|i| if s.dual(i).is_zero() { s.lp.range[i].clone() } else { Some(Rat::ZERO) })
            .collect::<Vec<_>>();
        let full = Lp { cols: s.lp.cols.clone(), rhs: s.lp.rhs.clone(), range };
        let mut f = Face { values: values.to_vec(), free: Vec::new(), lp: Lp::default(), unique: false };
        f.restrict(&full, &(0..n).collect::<Vec<_>>(), free);
        f
    }

    /// Rebuilds the program over `keep` (positions in `names`); everything else stays as it is.
    fn restrict(&mut self, old: &Lp, names: &[usize], keep: Vec<usize>) {
        let mut rhs = old.rhs.clone();
        let mut touched = vec![false; rhs.len()];
        let mut kept = vec![false; names.len()];
        for &p in &keep {
            kept[p] = true;
            for (r, _) in old.cols[p].entries.iter() {
                touched[*r] = true;
            }
        }
        for (p, &j) in names.iter().enumerate() {
            if !kept[p] && !self.values[j].is_zero() {
                for (r, e) in old.cols[p].entries.iter() {
                    if touched[*r] {
                        rhs[*r] = rhs[*r].sub_mul(e, &self.values[j]);
                    }
                }
            }
        }
        let mut at = vec![usize::MAX; rhs.len()];
        let mut lp = Lp::default();
        for r in 0..rhs.len() {
            if touched[r] {
                at[r] = lp.rhs.len();
                lp.rhs.push(rhs[r].clone());
                lp.range.push(old.range[r].clone());
            }
        }
        for &p in &keep {
            let c = &old.cols[p];
            let entries = c.entries.iter().map(|(r, e)| (at[*r], e.clone())).collect();
            lp.col(Rat::ZERO, c.lo.clone(), c.hi.clone(), entries);
        }
        self.free = keep.iter().map(|&p| names[p]).collect();
        self.lp = lp;
    }

    fn single(&self) -> bool {
        self.unique || self.free.is_empty()
    }

    /// Maximises one objective and shrinks to its face; false if nothing is left to decide.
    fn maximise(&mut self, objective: &[(usize, Rat)]) -> bool {
        if self.single() {
            return false;
        }
        let mut lp = self.lp.clone();
        let mut any = false;
        for (j, v) in objective {
            if !v.is_zero()
                && let Ok(p) = self.free.binary_search(j)
            {
                lp.cols[p].cost = v.clone();
                any = true;
            }
        }
        if !any {
            return true;
        }
        let mut s = Simplex::new(lp);
        if s.solve() != End::Optimal {
            return false; // can't happen: the face holds at least the point it was made from
        }
        for (p, j) in self.free.clone().into_iter().enumerate() {
            self.values[j] = s.var(p);
        }
        self.unique = s.unique();
        let keep: Vec<usize> = (0..self.free.len())
            .filter(|&p| {
                s.is_basic(p) || (s.reduced(p).is_zero() && s.lp.cols[p].hi.as_ref() != Some(&s.lp.cols[p].lo))
            })
            .collect();
        let mut old = s.lp.clone();
        for r in 0..old.rhs.len() {
            if !s.dual(r).is_zero() {
                old.range[r] = Some(Rat::ZERO);
            }
        }
        let names = self.free.clone();
        self.restrict(&old, &names, keep);
        !self.single()
    }
}
