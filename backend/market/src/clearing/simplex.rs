//! An exact, bounded, revised dual simplex for `max c·x, A·x + s = b, lo ≤ x ≤ hi, 0 ≤ s ≤ range`.
//!
//! Every variable of a clearing is boxed or earns nothing, so the slack basis can always be made
//! dual feasible and no first phase is needed; a changed bound (branching) keeps the basis dual
//! feasible, so the next solve goes on from where the last one ended. The inverse of the basis is
//! kept row by row, sparse: in a market most rows hold their own slack. The ratio test steps over
//! boxed variables (bound flipping), so a product with thousands of bids takes one pivot.
//!
//! Invariants: all arithmetic is exact; the choice of pivots depends on values and indices alone;
//! after a run of steps without progress the least index decides, so the method always ends.
use super::rational::{Rat, sum};

/// A column: its objective, bounds (`None` = unlimited) and entries `(row, value)`.
#[derive(Clone, Debug)]
pub struct Column {
    pub cost: Rat,
    pub lo: Rat,
    pub hi: Option<Rat>,
    pub entries: Vec<(usize, Rat)>,
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
        self.cols.push(Column { cost, lo, hi, entries });
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

type SparseRow = Vec<(usize, Rat)>;

/// A linear program together with a dual feasible basis.
#[derive(Clone, Debug)]
pub struct Simplex {
    pub lp: Lp,
    place: Vec<Place>,
    basis: Vec<usize>,
    inverse: Vec<SparseRow>,
    /// Values of the basic variables, by position.
    value: Vec<Rat>,
    /// Reduced costs of all variables (0 for basic ones), columns first, then slacks.
    reduced: Vec<Rat>,
    pub pivots: u64,
    /// Entries worked on, by their length, since the beginning, and how many there may be: pivots
    /// of large programs, and of programs whose fractions grow long, cost very unlike others.
    pub effort: u64,
    pub most_effort: u64,
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
        let mut s = Simplex {
            place,
            basis: (n..n + m).collect(),
            inverse: (0..m).map(|i| vec![(i, Rat::ONE)]).collect(),
            value: vec![Rat::ZERO; m],
            reduced,
            pivots: 0,
            effort: 0,
            most_effort: u64::MAX,
            lp,
        };
        s.refresh();
        s
    }

    fn n(&self) -> usize {
        self.lp.cols.len()
    }

    fn bounds(&self, j: usize) -> (Rat, Option<Rat>) {
        let n = self.n();
        if j < n {
            (self.lp.cols[j].lo.clone(), self.lp.cols[j].hi.clone())
        } else {
            (Rat::ZERO, self.lp.range[j - n].clone())
        }
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
        self.lp.cols[j].lo = lo;
        self.lp.cols[j].hi = hi;
    }

    /// The value of any variable.
    pub fn var(&self, j: usize) -> Rat {
        match self.place[j] {
            Place::Basic(i) => self.value[i].clone(),
            Place::Lower => self.bounds(j).0,
            Place::Upper => self.bounds(j).1.unwrap_or(Rat::ZERO),
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
        (0..self.place.len())
            .all(|j| self.is_basic(j) || !self.reduced[j].is_zero() || self.span(j).is_some_and(|s| s.is_zero()))
    }

    /// Puts every variable outside the basis on the side its reduced cost asks for and recomputes
    /// the values of the basic ones.
    fn refresh(&mut self) {
        let n = self.n();
        let mut right = self.lp.rhs.clone();
        for j in 0..self.place.len() {
            if let Place::Basic(_) = self.place[j] {
                continue;
            }
            let bounded = self.span(j).is_some();
            if self.reduced[j].is_pos() && bounded {
                self.place[j] = Place::Upper;
            } else if self.reduced[j].is_neg() || !bounded {
                self.place[j] = Place::Lower;
            }
            let v = self.var(j);
            if v.is_zero() {
                continue;
            }
            if j < n {
                for (r, e) in &self.lp.cols[j].entries {
                    right[*r] = right[*r].sub_mul(e, &v);
                }
            } else {
                right[j - n] = &right[j - n] - &v;
            }
        }
        for i in 0..self.value.len() {
            let mut t = Rat::ZERO;
            for (r, v) in &self.inverse[i] {
                if !right[*r].is_zero() {
                    t = &t + &(v * &right[*r]);
                }
            }
            self.value[i] = t;
        }
    }

    /// Solves from the present basis.
    pub fn solve(&mut self) -> End {
        if self.lp.cols.iter().any(|c| c.hi.as_ref().is_some_and(|h| *h < c.lo)) {
            return End::Infeasible;
        }
        self.refresh();
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
            let found = if *v < lo {
                (i, false, &lo - v)
            } else if hi.as_ref().is_some_and(|h| v > h) {
                (i, true, v - &hi.unwrap_or_default())
            } else {
                continue;
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
        let rho = self.inverse[r].clone();
        let mut alpha: Vec<(usize, Rat)> = Vec::new();
        let mut candidates: Vec<(Rat, usize, Rat)> = Vec::new();
        for j in 0..n {
            if self.is_basic(j) {
                continue;
            }
            let a = dot(&rho, &self.lp.cols[j].entries);
            if !a.is_zero() {
                alpha.push((j, a));
            }
        }
        for (i, v) in &rho {
            if !self.is_basic(n + i) {
                alpha.push((n + i, v.clone()));
            }
        }
        for (j, a) in &alpha {
            let span = self.span(*j);
            if span.as_ref().is_some_and(|s| s.is_zero()) {
                continue;
            }
            let up = a.is_pos() == above;
            let fits = match self.place[*j] {
                Place::Lower => up,
                Place::Upper => !up,
                Place::Basic(_) => false,
            };
            if fits {
                candidates.push((self.reduced[*j].abs().div(&a.abs()), *j, a.clone()));
            }
        }
        candidates.sort_by(|x, y| x.0.cmp(&y.0).then(x.1.cmp(&y.1)));
        let mut rest = gap.clone();
        let mut flips: Vec<usize> = Vec::new();
        let mut entering = None;
        for (_, j, a) in &candidates {
            match self.span(*j) {
                Some(s) if !careful => {
                    let after = rest.sub_mul(&a.abs(), &s);
                    if after.is_pos() {
                        flips.push(*j);
                        rest = after;
                        continue;
                    }
                }
                _ => {}
            }
            entering = Some((*j, a.clone()));
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
        let bound = if above { hi.unwrap_or_default() } else { lo };
        let t = (&self.value[r] - &bound).div(&aq);
        let start = self.var(q);
        let unit;
        let entries: &[(usize, Rat)] = if q < n {
            &self.lp.cols[q].entries
        } else {
            unit = [(q - n, Rat::ONE)];
            &unit
        };
        let direction: Vec<Rat> = self.inverse.iter().map(|row| dot(row, entries)).collect();
        let pivot: SparseRow = rho.iter().map(|(i, v)| (*i, v.div(&aq))).collect();
        let mut entries = alpha.len();
        for (i, w) in direction.iter().enumerate() {
            if i == r || w.is_zero() {
                continue;
            }
            self.value[i] = self.value[i].sub_mul(&t, w);
            entries += self.inverse[i].len() + pivot.len();
            self.inverse[i] = combine(&self.inverse[i], w, &pivot);
        }
        self.effort += entries as u64 * aq.weight().max(t.weight());
        self.inverse[r] = pivot;
        self.value[r] = &start + &t;
        self.place[out] = if above { Place::Upper } else { Place::Lower };
        self.place[q] = Place::Basic(r);
        self.basis[r] = q;
        self.pivots += 1;
        Some(moved)
    }

    fn flip(&mut self, flips: &[usize]) {
        if flips.is_empty() {
            return;
        }
        let n = self.n();
        let mut change = vec![Rat::ZERO; self.lp.rhs.len()];
        for &j in flips {
            let span = self.span(j).unwrap_or_default();
            let by = if self.place[j] == Place::Lower { span } else { -&span };
            self.place[j] = if self.place[j] == Place::Lower { Place::Upper } else { Place::Lower };
            if j < n {
                for (r, e) in &self.lp.cols[j].entries {
                    change[*r] = &change[*r] + &(e * &by);
                }
            } else {
                change[j - n] = &change[j - n] + &by;
            }
        }
        for (i, row) in self.inverse.iter().enumerate() {
            let mut t = Rat::ZERO;
            for (r, v) in row {
                if !change[*r].is_zero() {
                    t = &t + &(v * &change[*r]);
                }
            }
            if !t.is_zero() {
                self.value[i] = &self.value[i] - &t;
            }
        }
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
