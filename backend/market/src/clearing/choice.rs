//! The choice among supporting prices: `low` and `high`.
//!
//! `low` has the least Σ w·π, then the least Σ w·π²/ref, then, for products without volume, the
//! least Σ (π/ref)²; `high` mirrors it. Fixed variables and bounds are taken out first, and what is
//! left falls apart into small systems; most books are decided there.
use super::price::Polytope;
use super::qp::Qp;
use super::rational::Rat;
use super::simplex::End;
use std::collections::BTreeMap;

impl Polytope {
    /// The two vectors of the rule, or `None` if nothing supports the allocation.
    /// `volume`, `reference` and `cap` are by product of the component.
    pub fn choose(&self, volume: &[Rat], reference: &[Rat], cap: &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)> {
        let low = self.extreme(volume, reference, cap, false)?;
        let high = self.extreme(volume, reference, cap, true)?;
        Some((low, high))
    }

    fn extreme(&self, volume: &[Rat], reference: &[Rat], cap: &[Rat], high: bool) -> Option<Vec<Rat>> {
        let weighted = |v: usize| v < self.prices && volume[v].is_pos();
        let mut p = self.clone();
        if !p.reduce() {
            return None;
        }
        for part in p.parts() {
            let priced: Vec<usize> = part.0.iter().copied().filter(|v| weighted(*v)).collect();
            let mut s = p.program(&part, |v| match (weighted(v), high) {
                (false, _) => Rat::ZERO,
                (true, true) => volume[v].clone(),
                (true, false) => -&volume[v],
            });
            if s.solve() != End::Optimal {
                return None;
            }
            let value: BTreeMap<usize, Rat> = part.0.iter().enumerate().map(|(i, v)| (*v, s.var(i))).collect();
            let chosen: BTreeMap<usize, Rat> = if priced.len() <= 1 || s.unique() {
                value
            } else {
                let total = priced.iter().fold(Rat::ZERO, |t, v| &t + &(&volume[*v] * &value[v]));
                p.least_squares(
                    &part,
                    &priced,
                    total,
                    high,
                    |v| {
                        if weighted(v) { (&Rat::int(2) * &volume[v]).div(&reference[v]) } else { Rat::ZERO }
                    },
                    |_| Rat::ZERO,
                    volume,
                )?
            };
            for v in priced {
                p.lo[v] = chosen[&v].clone();
                p.hi[v] = Some(chosen[&v].clone());
            }
        }
        if !p.reduce() {
            return None;
        }
        for part in p.parts() {
            let open: Vec<usize> = part.0.iter().copied().filter(|v| *v < self.prices).collect();
            let chosen: BTreeMap<usize, Rat> = if open.is_empty() {
                BTreeMap::new()
            } else if part.1.is_empty() {
                let end = |v: usize| {
                    if high { p.hi[v].clone().unwrap_or_else(|| cap[v].clone()) } else { p.lo[v].clone() }
                };
                open.iter().map(|v| (*v, end(*v))).collect()
            } else {
                let square = |v: usize| {
                    if v < self.prices { Rat::int(2).div(&(&reference[v] * &reference[v])) } else { Rat::ZERO }
                };
                let linear = |v: usize| {
                    if v < self.prices && high { -&(&square(v) * &cap[v]) } else { Rat::ZERO }
                };
                p.least_squares(&part, &[], Rat::ZERO, high, square, linear, volume)?
            };
            for v in open {
                p.lo[v] = chosen[&v].clone();
                p.hi[v] = Some(chosen[&v].clone());
            }
        }
        Some(p.lo[..self.prices].to_vec())
    }

    /// Least squares over a part, on the face where the priced volume costs `total`.
    #[allow(clippy::too_many_arguments)]
    fn least_squares(
        &self,
        part: &(Vec<usize>, Vec<usize>),
        priced: &[usize],
        total: Rat,
        high: bool,
        square: impl Fn(usize) -> Rat,
        linear: impl Fn(usize) -> Rat,
        volume: &[Rat],
    ) -> Option<BTreeMap<usize, Rat>> {
        let at: BTreeMap<usize, usize> = part.0.iter().enumerate().map(|(i, v)| (*v, i)).collect();
        let mut rows = Vec::new();
        let mut add = |terms: Vec<(usize, Rat)>, limit: Rat| {
            // in y = value − lower bound
            let limit = terms.iter().fold(limit, |b, (v, e)| b.sub_mul(e, &self.lo[*v]));
            rows.push((terms.into_iter().map(|(v, e)| (at[&v], e)).collect::<Vec<_>>(), limit));
        };
        if !priced.is_empty() {
            let s = if high { Rat::int(-1) } else { Rat::ONE };
            add(priced.iter().map(|v| (*v, &s * &volume[*v])).collect(), &s * &total);
        }
        for &i in &part.1 {
            let r = &self.rules[i];
            add(r.terms.clone(), r.limit.clone());
            if r.equal {
                add(r.terms.iter().map(|(v, e)| (*v, -e)).collect(), -&r.limit);
            }
        }
        let squares: Vec<Rat> = part.0.iter().map(|v| square(*v)).collect();
        let qp = Qp {
            linear: part.0.iter().zip(&squares).map(|(v, d)| &linear(*v) + &(d * &self.lo[*v])).collect(),
            square: squares,
            upper: part.0.iter().map(|v| self.hi[*v].as_ref().map(|h| h - &self.lo[*v])).collect(),
            rows,
        };
        let y = qp.solve()?;
        Some(part.0.iter().zip(&y).map(|(v, y)| (*v, &self.lo[*v] + y)).collect())
    }
}
