//! An exact, bounded, revised dual simplex for `max c·x, A·x + s = b, lo ≤ x ≤ hi, 0 ≤ s ≤ range`.
//!
//! Every variable of a clearing is boxed or earns nothing, so the slack basis can always be made
//! dual feasible and no first phase is needed; a changed bound (branching) keeps the basis dual
//! feasible, so the next solve goes on from where the last one ended. The inverse of the basis is
//! kept row by row, sparse: in a market most rows hold their own slack. The ratio test steps over
//! boxed variables (bound flipping), so a product with thousands of bids takes one pivot. A search
//! copies programs at every node, so what doesn't change is shared between copies, and a bound that
//! changed moves what depends on it and nothing else.
//!
//! Longer than 500 lines, as it is one algorithm on one table: every step reads and writes the same rows.
//!
//! Invariants: all arithmetic is exact; the choice of pivots depends on values and indices alone;
//! after a run of steps without progress the least index decides, so the method always ends.
use super::rational::{Rat, sum};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// A column: its objective, bounds (`None` = unlimited) and entries `(row, value)`.
#[derive(Clone, Debug)]
pub struct Column {
    pub cost: Rat,
    pub lo: Rat,
    pub hi: Option<Rat>,
    pub entries: Arc<SparseRow>,
}

impl Column {
    /// Adds an entry to a row that the column has none in.
    pub fn push(&mut self, row: usize, value: Rat) {
        Arc::make_mut(&mut self.entries).push((row, value));
    }

    fn is_fixed(&self) -> bool {
        self.hi.as_ref() == Some(&self.lo)
    }
}

/// The data of a linear program.
#[derive(Clone, Debug, Default)]
pub struct Lp {
    pub cols: Vec<Column>,
    pub rhs: Vec<Rat>,
    /// How far under its right side a row may stay: `None` = any (`≤`), 0 = not at all (`=`).
    pub range: Vec<Option<Rat>>,
}

impl Lp {
    /// Adds an empty row `… ≤ rhs` and returns its index.
    pub fn row(&mut self, rhs: Rat) -> usize {
        self.rhs.push(rhs);
        self.range.push(None);
        self.rhs.len() - 1
    }
    /// Adds an empty row `… = rhs` and returns its index.
    pub fn equality(&mut self, rhs: Rat) -> usize {
        self.rhs.push(rhs);
        self.range.push(Some(Rat::ZERO));
        self.rhs.len() - 1
    }
    pub fn col(&mut self, cost: Rat, lo: Rat, hi: Option<Rat>, entries: Vec<(usize, Rat)>) -> usize {
        self.cols.push(Column { cost, lo, hi, entries: Arc::new(entries) });
        self.cols.len() - 1
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Basic(usize),
    Lower,
    Upper,
}

/// What a solve ended with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Optimal,
    Infeasible,
    /// The effort is spent; `objective` is a bound all the same, see there.
    Exhausted,
}

pub type SparseRow = Vec<(usize, Rat)>;

/// Room to work in, one number a column, all 0 between two steps. A copy begins with none.
#[derive(Debug, Default)]
struct Scratch(Vec<Rat>);

impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }
}

/// A linear program together with a dual feasible basis.
#[derive(Clone, Debug)]
pub struct Simplex {
    /// Bounds change by `set_bounds` alone.
    pub lp: Lp,
    /// The same entries, row by row.
    rows: Arc<Vec<SparseRow>>,
    place: Vec<Place>,
    basis: Vec<usize>,
    inverse: Vec<Arc<SparseRow>>,
    /// Values of the basic variables, by position.
    value: Vec<Rat>,
    /// Reduced costs of all variables (0 for basic ones), columns first, then slacks.
    reduced: Vec<Rat>,
    /// Columns whose bounds have changed since the values were computed, with what they counted as.
    changed: Vec<(usize, Rat)>,
    /// By column, whether it is one of them.
    is_changed: Vec<bool>,
    /// How many columns have an upper bound below the lower one: nothing fits then.
    crossed: usize,
    scratch: Scratch,
    pub pivots: u64,
    /// Entries worked on, by their length, since the beginning, and how many there may be: pivots
    /// of large programs, and of programs whose fractions grow long, cost very unlike others.
    pub effort: u64,
    pub most_effort: u64,
}

fn is_crossed(lo: &Rat, hi: Option<&Rat>) -> bool {
    hi.is_some_and(|hi| hi < lo)
}

fn dot(row: &SparseRow, entries: &[(usize, Rat)]) -> Rat {
    let mut total = Rat::ZERO;
    if row.len() == 1 {
        let (i, v) = &row[0];
        for (r, e) in entries {
            if r == i {
                return v * e;
            }
        }
        return total;
    }
    for (r, e) in entries {
        if let Ok(p) = row.binary_search_by_key(r, |x| x.0) {
            total = &total + &(&row[p].1 * e);
        }
    }
    total
}

/// `a - f * b` for sparse rows sorted by index.
fn combine(a: &SparseRow, f: &Rat, b: &SparseRow) -> SparseRow {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if j == b.len() || (i < a.len() && a[i].0 < b[j].0) {
            out.push(a[i].clone());
            i += 1;
        } else if i == a.len() || b[j].0 < a[i].0 {
            out.push((b[j].0, -&(f * &b[j].1)));
            j += 1;
        } else {
            let v = a[i].1.sub_mul(f, &b[j].1);
            if !v.is_zero() {
                out.push((a[i].0, v));
            }
            i += 1;
            j += 1;
        }
    }
    out
}

impl Simplex {
    /// Starts from the slack basis. A column that earns something must have an upper bound.
    pub fn new(lp: Lp) -> Simplex {
        let (n, m) = (lp.cols.len(), lp.rhs.len());
        let mut place = Vec::with_capacity(n + m);
        for c in &lp.cols {
            place.push(if c.cost.is_pos() && c.hi.is_some() { Place::Upper } else { Place::Lower });
        }
        place.extend((0..m).map(Place::Basic));
        let mut reduced: Vec<Rat> = lp.cols.iter().map(|c| c.cost.clone()).collect();
        reduced.extend((0..m).map(|_| Rat::ZERO));
        let mut rows: Vec<SparseRow> = vec![Vec::new(); m];
        for (j, c) in lp.cols.iter().enumerate() {
            for (r, e) in c.entries.iter() {
                rows[*r].push((j, e.clone()));
            }
        }
        let mut s = Simplex {
            rows: Arc::new(rows),
            place,
            basis: (n..n + m).collect(),
            inverse: (0..m).map(|i| Arc::new(vec![(i, Rat::ONE)])).collect(),
            value: vec![Rat::ZERO; m],
            reduced,
            changed: Vec::new(),
            is_changed: vec![false; n],
            crossed: 0,
            scratch: Scratch::default(),
            pivots: 0,
            effort: 0,
            most_effort: u64::MAX,
            lp,
        };
        s.begin();
        s
    }

    /// The same basis for the same columns and rows with other bounds or right sides.
    pub fn with(mut self, lp: Lp) -> Simplex {
        self.lp = lp;
        self.begin();
        self
    }

    /// For a program whose bounds are not known yet.
    fn begin(&mut self) {
        self.changed.clear();
        self.is_changed = vec![false; self.n()];
        self.crossed = self.lp.cols.iter().filter(|c| is_crossed(&c.lo, c.hi.as_ref())).count();
        self.refresh();
    }

    fn n(&self) -> usize {
        self.lp.cols.len()
    }

    /// `None` as a lower bound is 0.
    fn bounds(&self, j: usize) -> (Option<&Rat>, Option<&Rat>) {
        let n = self.n();
        if j < n {
            (Some(&self.lp.cols[j].lo), self.lp.cols[j].hi.as_ref())
        } else {
            (None, self.lp.range[j - n].as_ref())
        }
    }

    fn is_fixed(&self, j: usize) -> bool {
        let n = self.n();
        if j < n { self.lp.cols[j].is_fixed() } else { self.lp.range[j - n].as_ref().is_some_and(Rat::is_zero) }
    }

    fn is_boxed(&self, j: usize) -> bool {
        self.bounds(j).1.is_some()
    }

    fn span(&self, j: usize) -> Option<Rat> {
        let n = self.n();
        if j < n {
            let c = &self.lp.cols[j];
            c.hi.as_ref().map(|h| h - &c.lo)
        } else {
            self.lp.range[j - n].clone()
        }
    }

    /// Changes the bounds of a column; `solve` has to follow.
    pub fn set_bounds(&mut self, j: usize, lo: Rat, hi: Option<Rat>) {
        if !self.is_basic(j) && !self.is_changed[j] {
            self.changed.push((j, self.var(j)));
            self.is_changed[j] = true;
        }
        let column = &mut self.lp.cols[j];
        let before = usize::from(is_crossed(&column.lo, column.hi.as_ref()));
        (column.lo, column.hi) = (lo, hi);
        let now = usize::from(is_crossed(&column.lo, column.hi.as_ref()));
        self.crossed = self.crossed + now - before;
    }

    /// The value of any variable.
    pub fn var(&self, j: usize) -> Rat {
        match self.place[j] {
            Place::Basic(i) => self.value[i].clone(),
            Place::Lower => self.bounds(j).0.cloned().unwrap_or_default(),
            Place::Upper => self.bounds(j).1.cloned().unwrap_or_default(),
        }
    }

    pub fn values(&self) -> Vec<Rat> {
        (0..self.n()).map(|j| self.var(j)).collect()
    }

    /// The dual value of a row.
    pub fn dual(&self, row: usize) -> Rat {
        -&self.reduced[self.n() + row]
    }

    /// The reduced cost of a column.
    pub fn reduced(&self, j: usize) -> &Rat {
        &self.reduced[j]
    }

    pub fn is_basic(&self, j: usize) -> bool {
        matches!(self.place[j], Place::Basic(_))
    }

    /// What the present point earns. No feasible point earns more, also where `solve` ended early:
    /// every basis on the way is dual feasible.
    pub fn objective(&self) -> Rat {
        let earning = (0..self.n()).filter(|j| !self.lp.cols[*j].cost.is_zero());
        sum(earning.map(|j| &self.lp.cols[j].cost * &self.var(j)))
    }

    /// True if no other point is as good: every variable outside the basis that could move loses.
    pub fn unique(&self) -> bool {
        (0..self.place.len()).all(|j| self.is_basic(j) || !self.reduced[j].is_zero() || self.is_fixed(j))
    }

    /// Puts a variable outside the basis on the side that its reduced cost asks for.
    fn settle(&mut self, j: usize) {
        let boxed = self.is_boxed(j);
        if self.reduced[j].is_pos() && boxed {
            self.place[j] = Place::Upper;
        } else if self.reduced[j].is_neg() || !boxed {
            self.place[j] = Place::Lower;
        }
    }

    /// Puts every variable outside the basis on the side its reduced cost asks for and computes
    /// the values of the basic ones.
    fn refresh(&mut self) {
        let n = self.n();
        let mut right = self.lp.rhs.clone();
        for j in 0..self.place.len() {
            if self.is_basic(j) {
                continue;
            }
            self.settle(j);
            let v = self.var(j);
            if v.is_zero() {
                continue;
            }
            if j < n {
                for (r, e) in self.lp.cols[j].entries.iter() {
                    right[*r] = right[*r].sub_mul(e, &v);
                }
            } else {
                right[j - n] = &right[j - n] - &v;
            }
        }
        for (row, value) in self.inverse.iter().zip(&mut self.value) {
            let mut t = Rat::ZERO;
            for (r, v) in row.iter() {
                if !right[*r].is_zero() {
                    t = &t + &(v * &right[*r]);
                }
            }
            *value = t;
        }
    }

    /// Brings places and values up to date with the bounds that have changed.
    fn follow(&mut self) {
        let mut moves = Vec::new();
        for (j, before) in std::mem::take(&mut self.changed) {
            self.is_changed[j] = false;
            self.settle(j);
            let by = &self.var(j) - &before;
            if !by.is_zero() {
                moves.push((j, by));
            }
        }
        self.shift(&moves);
    }

    /// Moves variables outside the basis, and with them the basic ones.
    fn shift(&mut self, moves: &[(usize, Rat)]) {
        if moves.is_empty() {
            return;
        }
        let n = self.n();
        let mut change = vec![Rat::ZERO; self.lp.rhs.len()];
        for (j, by) in moves {
            if *j < n {
                for (r, e) in self.lp.cols[*j].entries.iter() {
                    change[*r] = &change[*r] + &(e * by);
                }
            } else {
                change[j - n] = &change[j - n] + by;
            }
        }
        for (row, value) in self.inverse.iter().zip(&mut self.value) {
            let mut t = Rat::ZERO;
            for (r, v) in row.iter() {
                if !change[*r].is_zero() {
                    t = &t + &(v * &change[*r]);
                }
            }
            if !t.is_zero() {
                *value = &*value - &t;
            }
        }
    }

    /// Solves from the present basis.
    pub fn solve(&mut self) -> End {
        if self.crossed > 0 {
            return End::Infeasible;
        }
        self.follow();
        let mut stalled = 0_u32;
        loop {
            let careful = stalled > 40;
            let Some((r, above, gap)) = self.leaving(careful) else {
                return End::Optimal;
            };
            if self.effort > self.most_effort {
                return End::Exhausted;
            }
            match self.step(r, above, &gap, careful) {
                None => return End::Infeasible,
                Some(true) => stalled = 0,
                Some(false) => stalled += 1,
            }
        }
    }

    /// The basic variable that leaves: its position, whether it is too high, and by how much.
    fn leaving(&self, careful: bool) -> Option<(usize, bool, Rat)> {
        let mut best: Option<(usize, bool, Rat)> = None;
        for i in 0..self.basis.len() {
            let j = self.basis[i];
            let (lo, hi) = self.bounds(j);
            let v = &self.value[i];
            let found = match (lo, hi) {
                (None, _) if v.is_neg() => (i, false, -v),
                (Some(lo), _) if v < lo => (i, false, lo - v),
                (_, Some(hi)) if v > hi => (i, true, v - hi),
                _ => continue,
            };
            let better = match &best {
                None => true,
                Some(b) if careful => j < self.basis[b.0],
                Some(b) => found.2 > b.2,
            };
            if better {
                best = Some(found);
            }
        }
        best
    }

    /// One dual step. `None` = the row proves that there is no solution; else whether the dual
    /// objective moved.
    fn step(&mut self, r: usize, above: bool, gap: &Rat, careful: bool) -> Option<bool> {
        let n = self.n();
        let rho = Arc::clone(&self.inverse[r]);
        let alpha = self.row_of(&rho);
        let mut candidates: Vec<Reverse<(Rat, usize, usize)>> = Vec::new();
        for (at, (j, a)) in alpha.iter().enumerate() {
            let up = a.is_pos() == above;
            let fits = match self.place[*j] {
                Place::Lower => up,
                Place::Upper => !up,
                Place::Basic(_) => false,
            };
            if fits && !self.is_fixed(*j) {
                candidates.push(Reverse((self.reduced[*j].abs().div(&a.abs()), *j, at)));
            }
        }
        // most of many candidates are never looked at
        let mut candidates = BinaryHeap::from(candidates);
        let mut rest = gap.clone();
        let mut flips: Vec<usize> = Vec::new();
        let mut entering = None;
        while let Some(Reverse((_, j, at))) = candidates.pop() {
            let a = &alpha[at].1;
            match self.span(j) {
                Some(s) if !careful => {
                    let after = rest.sub_mul(&a.abs(), &s);
                    if after.is_pos() {
                        flips.push(j);
                        rest = after;
                        continue;
                    }
                }
                _ => {}
            }
            entering = Some((j, a.clone()));
            break;
        }
        let (q, aq) = entering?;
        self.flip(&flips);
        let theta = self.reduced[q].div(&aq);
        let moved = !theta.is_zero() || !flips.is_empty();
        if !theta.is_zero() {
            for (j, a) in &alpha {
                self.reduced[*j] = self.reduced[*j].sub_mul(&theta, a);
            }
        }
        let out = self.basis[r];
        self.reduced[out] = -&theta;
        self.reduced[q] = Rat::ZERO;
        let (lo, hi) = self.bounds(out);
        let bound = if above { hi } else { lo };
        let t = bound.map_or_else(|| self.value[r].clone(), |b| &self.value[r] - b).div(&aq);
        let start = self.var(q);
        let column = if q < n { Arc::clone(&self.lp.cols[q].entries) } else { Arc::new(vec![(q - n, Rat::ONE)]) };
        let pivot: SparseRow = rho.iter().map(|(i, v)| (*i, v.div(&aq))).collect();
        let mut entries = alpha.len();
        for i in (0..self.inverse.len()).filter(|i| *i != r) {
            let w = dot(&self.inverse[i], &column);
            if w.is_zero() {
                continue;
            }
            self.value[i] = self.value[i].sub_mul(&t, &w);
            entries += self.inverse[i].len() + pivot.len();
            self.inverse[i] = Arc::new(combine(&self.inverse[i], &w, &pivot));
        }
        self.effort += entries as u64 * aq.weight().max(t.weight());
        self.inverse[r] = Arc::new(pivot);
        self.value[r] = &start + &t;
        self.place[out] = if above { Place::Upper } else { Place::Lower };
        self.place[q] = Place::Basic(r);
        self.basis[r] = q;
        self.pivots += 1;
        Some(moved)
    }

    /// A row of the program in the present basis: what variables outside it add to a basic one, by index.
    fn row_of(&mut self, rho: &SparseRow) -> SparseRow {
        let n = self.n();
        let mut alpha: SparseRow = Vec::new();
        if let [(i, v)] = rho.as_slice() {
            let outside = self.rows[*i].iter().filter(|(j, _)| !self.is_basic(*j));
            alpha.extend(outside.map(|(j, e)| (*j, v * e)));
        } else {
            let mut sums = std::mem::take(&mut self.scratch.0);
            sums.resize(n, Rat::ZERO);
            let mut touched: Vec<usize> = Vec::new();
            for (i, v) in rho {
                for (j, e) in &self.rows[*i] {
                    if !self.is_basic(*j) {
                        if sums[*j].is_zero() {
                            touched.push(*j);
                        }
                        sums[*j] = &sums[*j] + &(v * e);
                    }
                }
            }
            touched.sort_unstable();
            // a sum that was 0 in between is there twice
            touched.dedup();
            alpha.extend(touched.into_iter().map(|j| (j, std::mem::take(&mut sums[j]))).filter(|(_, a)| !a.is_zero()));
            self.scratch.0 = sums;
        }
        alpha.extend(rho.iter().filter(|(i, _)| !self.is_basic(n + i)).map(|(i, v)| (n + i, v.clone())));
        alpha
    }

    /// Takes boxed variables to their other bound.
    fn flip(&mut self, flips: &[usize]) {
        let mut moves = Vec::with_capacity(flips.len());
        for &j in flips {
            let span = self.span(j).unwrap_or_default();
            let up = self.place[j] == Place::Lower;
            self.place[j] = if up { Place::Upper } else { Place::Lower };
            moves.push((j, if up { span } else { -&span }));
        }
        self.shift(&moves);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(n: i128) -> Rat {
        Rat::int(n)
    }

    #[test]
    fn a_knapsack_takes_one_pivot() {
        let mut lp = Lp::default();
        let row = lp.row(r(10));
        for v in [9, 7, 5, 3] {
            lp.col(r(v), r(0), Some(r(4)), vec![(row, r(1))]);
        }
        let mut s = Simplex::new(lp);
        assert_eq!(s.solve(), End::Optimal);
        assert_eq!(s.values(), vec![r(4), r(4), r(2), r(0)]);
        assert_eq!(s.dual(row), r(5));
        assert_eq!(s.pivots, 1);
        assert!(s.unique());
        s.set_bounds(0, r(0), Some(r(0)));
        assert_eq!(s.solve(), End::Optimal);
        assert_eq!(s.values(), vec![r(0), r(4), r(4), r(2)]);
        assert_eq!(s.dual(row), r(3));
    }

    #[test]
    fn an_impossible_row_is_seen() {
        let mut lp = Lp::default();
        let row = lp.equality(r(5));
        lp.col(r(1), r(0), Some(r(2)), vec![(row, r(2))]);
        assert_eq!(Simplex::new(lp).solve(), End::Infeasible);
    }
}
