//! Rounding where a node is full: bids are not rounded up into room that is not there, and what
//! rounding left a node short of is lent or given back, unit by unit.
use super::problem::HostRow;
use super::rational::Rat;
use super::rounding::Rounding;

impl Rounding<'_> {
    /// Whether the one node of a bid, if its room is a row, has a unit more of a product: what is
    /// lent there counts as rounded up, which `make_room` sees to.
    pub(super) fn hosts_allow(&self, i: usize, k: usize) -> bool {
        let mine = |h: &&HostRow| h.product == k && h.terms.iter().any(|t| t.0 == i);
        self.hosts.iter().filter(mine).all(|h| self.room(h, true) > 0)
    }

    /// What a node has left of a product.
    fn room(&self, h: &HostRow, optimistic: bool) -> i128 {
        let mut room = h.free;
        for (i, a, full) in &h.terms {
            let Some(f) = self.whole.orders.get(i).filter(|f| f.alternative == *a) else { continue };
            let lent = if optimistic { (&f.fill * &Rat::int(-full)).ceil() } else { 0 };
            room += if *full > 0 { -self.got(*i, h.product) } else { self.got(*i, h.product).max(lent) };
        }
        room
    }

    /// What an order has of a product.
    fn got(&self, i: usize, k: usize) -> i128 {
        let f = &self.whole.orders[&i];
        let full = &self.m.orders[i].alternatives[f.alternative].quantities;
        full.iter().zip(&f.quantities).filter(|x| x.0.0 == k).map(|x| *x.1).sum()
    }

    /// Where units left a node short, an offer there that was rounded down lends one more, or else
    /// the bid with the least remainder gives one back. True if anything moved.
    pub(super) fn make_room(&mut self) -> bool {
        let mut moved = false;
        for h in self.hosts {
            while self.room(h, false) < 0 {
                let m = self.m;
                let mut lend: Option<(Rat, [u8; 32], usize, usize)> = None;
                let mut give: Option<(bool, Rat, [u8; 32], usize, usize)> = None;
                for (i, a, full) in &h.terms {
                    let Some(f) = self.whole.orders.get(i).filter(|f| f.alternative == *a) else { continue };
                    let parts = &m.orders[*i].alternatives[*a].quantities;
                    let Some(p) = parts.iter().position(|q| q.0 == h.product) else { continue };
                    let (q, x) = (f.quantities[p], &f.fill * &Rat::int(full.abs()));
                    let rest = &Rat::int(q) - &x;
                    if *full < 0 && Rat::int(q) < x && self.may_add(*i, p) {
                        let better = lend.as_ref().is_none_or(|l| (&rest, m.orders[*i].lot) < (&l.0, l.1));
                        lend = if better { Some((rest, m.orders[*i].lot, *i, p)) } else { lend };
                    } else if *full > 0 && q > 0 {
                        let key = (m.orders[*i].block, -&rest, m.orders[*i].lot);
                        let better = give.as_ref().is_none_or(|g| (key.0, &key.1, key.2) < (g.0, &g.1, g.2));
                        give = if better { Some((key.0, key.1, key.2, *i, p)) } else { give };
                    }
                }
                let (i, p, by) = match (lend, give) {
                    (Some((.., i, p)), _) => (i, p, 1),
                    (None, Some((.., i, p))) => (i, p, -1),
                    (None, None) => break,
                };
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] += by;
                    moved = true;
                }
            }
        }
        moved
    }
}
