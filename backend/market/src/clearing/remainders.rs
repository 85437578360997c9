//! Whose floors rounding may raise: by largest remainder, then by the hash.
use super::rational::Rat;
use super::rounding::Rounding;

/// What an order was rounded down by (less than 0), its lot, the order, and in which place of its quantities.
pub(super) type Remainder = (Rat, [u8; 32], usize, usize);

impl Rounding<'_> {
    /// Partly filled orders without replicas that may have a unit more of a product, by largest remainder.
    pub(super) fn remainders(&self, k: usize, bids: bool) -> Vec<Remainder> {
        let mut queue = self.rounded_down(k, bids);
        queue.retain(|(_, _, i, p)| self.may_add(*i, *p));
        queue
    }

    /// Those that were rounded down in it, whether they may have more or not.
    pub(super) fn rounded_down(&self, k: usize, bids: bool) -> Vec<Remainder> {
        let mut queue = Vec::new();
        for (i, p, f) in self.users(k, bids) {
            let o = &self.m.orders[i];
            let x = &f.fill * &Rat::int(o.alternatives[f.alternative].quantities[p].1);
            if o.replicas.is_none() && !x.is_int() && f.quantities[p] == x.floor() {
                queue.push((&Rat::int(x.floor()) - &x, o.lot, i, p));
            }
        }
        queue.sort();
        queue
    }

    /// Offers that lend a product in replicas and were rounded down, by largest remainder.
    pub(super) fn parts_of_replicas(&self, k: usize) -> Vec<Remainder> {
        let mut queue = Vec::new();
        for (i, p, f) in self.users(k, false) {
            let o = &self.m.orders[i];
            let Some(n) = o.replicas else { continue };
            let full = &o.alternatives[f.alternative].quantities;
            let x = &f.fill * &Rat::int(n);
            let lent = f.quantities[p] * n / full[p].1;
            if !x.is_int() && lent == x.floor() && self.may_add(i, p) {
                queue.push((&Rat::int(lent) - &x, o.lot, i, p));
            }
        }
        queue.sort();
        queue
    }
}
