//! What the other side of a market has for an order, and how much of it is left: supply for a bid, bids for an offer.
use headroom_market::clearing::book::{Order, Side};
use headroom_market::clearing::rational::{Rat, sum};
use headroom_market::clearing::{Book, Outcome, ProductKey};

/// So many products are looked at, along arcs, for one answer.
const STEPS: usize = 200;

/// A step of the operator's supply or an order, as seen from a product.
#[derive(Clone)]
pub struct Lot<'a> {
    /// Nobody's: the operator's.
    pub order: Option<&'a Order>,
    /// What it asks or pays for a unit, in micro-credits.
    pub unit: Rat,
    pub all: Rat,
    pub left: Rat,
}

/// All lots of a product, the best first.
#[derive(Default)]
pub struct Depth<'a> {
    pub lots: Vec<Lot<'a>>,
    /// There is more that has no price of its own: bundles, or what lies too many arcs away.
    pub more: bool,
}

impl<'a> Depth<'a> {
    pub fn all(&self) -> Rat {
        sum(self.lots.iter().map(|l| l.all.clone()))
    }

    pub fn left(&self) -> Rat {
        sum(self.lots.iter().map(|l| l.left.clone()))
    }

    /// The price that so much of what is left would have: that of the last unit, as all pay the same.
    pub fn price_of(&self, quantity: &Rat) -> Option<&Rat> {
        let mut before = Rat::ZERO;
        let reaches = |lot: &&Lot| {
            before = &before + &lot.left;
            lot.left.is_pos() && before >= *quantity
        };
        self.lots.iter().find(reaches).map(|lot| &lot.unit)
    }

    fn sort(&mut self, side: Side) {
        self.lots.sort_by(|x, y| match side {
            Side::Bid => x.unit.cmp(&y.unit),
            Side::Offer => y.unit.cmp(&x.unit),
        });
    }
}

/// What an alternative of an order asks or pays for a unit, if it is of one product.
pub fn unit_limit(order: &Order, alternative: usize) -> Option<(&ProductKey, Rat)> {
    let mut asked = order.alternatives[alternative].quantities.iter().filter(|q| q.quantity > 0);
    let (only, None) = (asked.next()?, asked.next()) else { return None };
    Some((&only.product, Rat::ratio(order.effective_limit(alternative), only.quantity.into())))
}

/// How much of a product an order has won.
pub fn won(outcome: &Outcome, order: &str, product: &ProductKey) -> i64 {
    let award = outcome.awards.iter().find(|a| a.order == order);
    let of_it = award.into_iter().flat_map(|a| &a.quantities).filter(|q| q.product == *product);
    of_it.map(|q| q.quantity).sum()
}

/// Looks from an order's side at the other one.
pub struct View<'a> {
    pub book: &'a Book,
    pub outcome: &'a Outcome,
    pub side: Side,
}

impl<'a> View<'a> {
    pub fn depth(&self, product: &'a ProductKey) -> Depth<'a> {
        let mut left = STEPS;
        self.along(product, &mut Vec::new(), &mut left)
    }

    fn here(&self, product: &ProductKey) -> Depth<'a> {
        let mut depth = Depth::default();
        if self.side == Side::Bid {
            depth.lots = self.steps(product);
        }
        for order in self.book.orders.iter().filter(|o| o.side != self.side) {
            let wants =
                |a: &usize| order.alternatives[*a].quantities.iter().any(|q| q.product == *product && q.quantity > 0);
            let mut lots = Vec::new();
            for a in (0..order.alternatives.len()).filter(wants) {
                match unit_limit(order, a) {
                    Some((_, unit)) => lots.push((a, self.of_order(order, a, unit, product))),
                    None => depth.more = true,
                }
            }
            // one of its alternatives wins: the one that has, else the largest, stands for all
            let won = self.outcome.awards.iter().find(|award| award.order == order.id).map(|award| award.alternative);
            let stands = lots
                .into_iter()
                .max_by(|(a, x), (b, y)| (Some(*a) == won, &x.all, b).cmp(&(Some(*b) == won, &y.all, a)));
            depth.lots.extend(stands.map(|(_, lot)| lot));
        }
        depth
    }

    fn of_order(&self, order: &'a Order, alternative: usize, unit: Rat, product: &ProductKey) -> Lot<'a> {
        let quantities = &order.alternatives[alternative].quantities;
        let all: i64 = quantities.iter().filter(|q| q.product == *product).map(|q| q.quantity).sum();
        let award = self.outcome.awards.iter().find(|a| a.order == order.id);
        let left = match award {
            Some(award) if award.alternative != alternative => 0,
            _ => all - won(self.outcome, &order.id, product),
        };
        Lot { order: Some(order), unit, all: Rat::int(all.into()), left: Rat::int(left.into()) }
    }

    fn steps(&self, product: &ProductKey) -> Vec<Lot<'a>> {
        let supply =
            self.book.products.iter().filter(|p| p.key() == *product).flat_map(|p| p.supply.iter().enumerate());
        let used = |step: usize| {
            let of_it = |s: &&headroom_market::clearing::outcome::SupplyUse| {
                s.step == step && (&s.pool, &s.resource, s.slot) == (&product.pool, &product.resource, product.slot)
            };
            self.outcome.supply.iter().find(of_it).map_or(0, |s| s.used)
        };
        let lot = |(i, step): (usize, &headroom_market::clearing::Step)| Lot {
            order: None,
            unit: Rat::int(step.reserve.0.into()),
            all: Rat::int(step.quantity.into()),
            left: Rat::int((step.quantity - used(i)).into()),
        };
        supply.map(lot).filter(|l| l.all.is_pos()).collect()
    }

    /// With what lies beyond arcs, in no circle.
    fn along(&self, product: &'a ProductKey, way: &mut Vec<&'a ProductKey>, steps: &mut usize) -> Depth<'a> {
        let Some(fewer) = steps.checked_sub(1) else { return Depth { lots: Vec::new(), more: true } };
        *steps = fewer;
        let mut depth = self.here(product);
        way.push(product);
        for (e, arc) in self.book.arcs.iter().enumerate() {
            let (here, there) = match self.side {
                Side::Bid => (&arc.to, &arc.from),
                Side::Offer => (&arc.from, &arc.to),
            };
            if here != product || way.contains(&there) {
                continue;
            }
            let beyond = self.along(there, way, steps);
            depth.more |= beyond.more;
            depth.lots.extend(self.through(e, beyond));
        }
        way.pop();
        depth.sort(self.side);
        depth
    }

    /// Lots as they look from this side of an arc, the best first as far as its limit goes.
    fn through(&self, arc: usize, beyond: Depth<'a>) -> Vec<Lot<'a>> {
        let flow = self.outcome.flows.iter().find(|f| f.arc == arc).map_or(0, |f| f.flow);
        let arc = &self.book.arcs[arc];
        let (ratio, cost) = (&arc.ratio.0, Rat::int(arc.cost.0.into()));
        let bid = self.side == Side::Bid;
        // of the units that are sent
        let mut rooms = arc.limit.map(|limit| (Rat::int(limit.into()), Rat::int((limit - flow).into())));
        let mut lots = Vec::new();
        for lot in beyond.lots {
            let sent = |n: &Rat| if bid { n.clone() } else { n.div(ratio) };
            let (mut all, mut left) = (sent(&lot.all), sent(&lot.left));
            if let Some((room, room_left)) = &mut rooms {
                (all, left) = (all.min(room.clone()), left.min(room_left.clone()));
                (*room, *room_left) = (&*room - &all, &*room_left - &left);
            }
            let unit = if bid { (&lot.unit + &cost).div(ratio) } else { &(&lot.unit * ratio) - &cost };
            let arrives = |n: Rat| if bid { &n * ratio } else { n };
            lots.push(Lot { order: lot.order, unit, all: arrives(all), left: arrives(left) });
        }
        lots.retain(|lot| lot.all.is_pos());
        lots
    }
}
