//! Least weighted squares over a polytope, exactly: Lemke's complementary pivoting with the
//! lexicographic rule, on rows that are taken in only when they are violated.
//!
//! The problem is `min ½ Σ d y² + c·y` over `A·y ≤ b`, `0 ≤ y ≤ u`, with `d ≥ 0`. The callers know
//! that the polytope is not empty and the objective bounded; an answer is returned only if it
//! satisfies every row, and Lemke's method ends at a point that satisfies the optimality
//! conditions by construction.
use super::rational::Rat;

/// `Σ value · y ≤ limit`.
pub type Row = (Vec<(usize, Rat)>, Rat);

pub struct Qp {
    pub square: Vec<Rat>,
    pub linear: Vec<Rat>,
    pub upper: Vec<Option<Rat>>,
    pub rows: Vec<Row>,
}

/// How many violated rows are taken in at once.
const BATCH: usize = 6;

impl Qp {
    /// Solves; `None` only if the polytope is empty.
    pub fn solve(&self) -> Option<Vec<Rat>> {
        let n = self.square.len();
        let mut all = self.rows.clone();
        let mut used = Vec::new();
        for (j, u) in self.upper.iter().enumerate() {
            if let Some(u) = u {
                if self.linear[j].is_neg() && self.square[j].is_zero() {
                    used.push(all.len());
                }
                all.push((vec![(j, Rat::ONE)], u.clone()));
            }
        }
        loop {
            let rows: Vec<&Row> = used.iter().map(|i| &all[*i]).collect();
            let y = lemke(n, &self.square, &self.linear, &rows)?;
            let mut bad: Vec<(Rat, usize)> = Vec::new();
            for (i, (r, b)) in all.iter().enumerate() {
                let t = r.iter().fold(Rat::ZERO, |t, (j, v)| &t + &(v * &y[*j]));
                if t > *b {
                    let scale = r.iter().map(|(_, v)| v.abs()).max().unwrap_or(Rat::ONE);
                    bad.push(((&t - b).div(&scale), i));
                }
            }
            if bad.is_empty() {
                return Some(y);
            }
            bad.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            used.extend(bad.into_iter().take(BATCH).map(|(_, i)| i));
        }
    }
}

/// A tableau row: coefficients of w (0..n), z (n..2n), z0 (2n), and the right side.
type Line = Vec<Rat>;

fn lemke(n: usize, square: &[Rat], linear: &[Rat], rows: &[&Row]) -> Option<Vec<Rat>> {
    let size = n + rows.len();
    let right = 2 * size + 1;
    let mut t: Vec<Line> = vec![vec![Rat::ZERO; right + 1]; size];
    for (i, line) in t.iter_mut().enumerate() {
        line[i] = Rat::ONE;
        line[2 * size] = Rat::int(-1);
    }
    for j in 0..n {
        t[j][size + j] = -&square[j];
        t[j][right] = linear[j].clone();
    }
    for (i, (r, b)) in rows.iter().enumerate() {
        for (j, v) in r {
            t[*j][size + n + i] = -v;
            t[n + i][size + j] = v.clone();
        }
        t[n + i][right] = b.clone();
    }
    if t.iter().all(|l| !l[right].is_neg()) {
        return Some(vec![Rat::ZERO; n]);
    }
    let mut basis: Vec<usize> = (0..size).collect();
    // z0 enters where the right side is least; among equals the last row is lexicographically least
    let mut r = 0;
    for i in 1..size {
        if t[i][right] <= t[r][right] {
            r = i;
        }
    }
    let mut out = basis[r];
    pivot(&mut t, &mut basis, r, 2 * size);
    loop {
        let enter = if out < size { out + size } else { out - size };
        let r = leaving(&t, &basis, enter, size, right)?;
        out = basis[r];
        pivot(&mut t, &mut basis, r, enter);
        if out == 2 * size {
            let mut y = vec![Rat::ZERO; n];
            for (i, &j) in basis.iter().enumerate() {
                if (size..size + n).contains(&j) {
                    y[j - size] = t[i][right].clone();
                }
            }
            return Some(y);
        }
    }
}

fn leaving(t: &[Line], basis: &[usize], enter: usize, size: usize, right: usize) -> Option<usize> {
    let mut left: Vec<usize> = (0..size).filter(|&i| t[i][enter].is_pos()).collect();
    if left.is_empty() {
        return None;
    }
    let keep = |key: usize, left: &mut Vec<usize>| {
        let ratios: Vec<Rat> = left.iter().map(|&i| t[i][key].div(&t[i][enter])).collect();
        if let Some(least) = ratios.iter().min().cloned() {
            let mut r = ratios.iter();
            left.retain(|_| r.next() == Some(&least));
        }
    };
    keep(right, &mut left);
    if let Some(&z) = left.iter().find(|&&i| basis[i] == 2 * size) {
        return Some(z);
    }
    for k in 0..size {
        if left.len() == 1 {
            break;
        }
        keep(k, &mut left);
    }
    left.first().copied()
}

fn pivot(t: &mut [Line], basis: &mut [usize], r: usize, j: usize) {
    let p = t[r][j].clone();
    if p != Rat::ONE {
        for v in t[r].iter_mut().filter(|v| !v.is_zero()) {
            *v = v.div(&p);
        }
    }
    let line = t[r].clone();
    let filled: Vec<usize> = (0..line.len()).filter(|&k| !line[k].is_zero()).collect();
    for (i, l) in t.iter_mut().enumerate() {
        if i != r && !l[j].is_zero() {
            let f = l[j].clone();
            for &k in &filled {
                l[k] = l[k].sub_mul(&f, &line[k]);
            }
        }
    }
    basis[r] = j;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_of_a_polytope() {
        // least x² + y² with x + y ≥ 4 and x ≤ 1: (1, 3)
        let r = Rat::int;
        let q = Qp {
            square: vec![r(2), r(2)],
            linear: vec![r(0), r(0)],
            upper: vec![Some(r(1)), None],
            rows: vec![(vec![(0, r(-1)), (1, r(-1))], r(-4))],
        };
        assert_eq!(q.solve(), Some(vec![r(1), r(3)]));
    }
}
