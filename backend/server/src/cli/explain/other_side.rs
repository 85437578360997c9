//! Why the other side of the market has nothing more for an order: nobody is there, what there is costs too much, or
//! others have it.
use super::depth::{Depth, View, unit_limit, won};
use super::story::Story;
use super::words::{grouped, money_of, unit_price};
use headroom_market::clearing::ProductKey;
use headroom_market::clearing::book::{Order, Quantity, Side};
use headroom_market::clearing::outcome::Reason;
use headroom_market::clearing::rational::Rat;
use std::fmt::Write as _;

/// So many others are named.
const NAMED: usize = 5;

/// What of an alternative is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nobody supplies it, or bids for it.
    Nobody,
    /// There is not enough of it, or others have it.
    Gone { any_left: bool },
    /// What is left asks for more than its limit, or pays less.
    Limit,
    /// Nothing that can be seen here.
    None,
}

/// One alternative of an order, and the least that it could have (more) of it.
pub struct Wish<'s, 'a> {
    story: &'s Story<'a>,
    order: &'a Order,
    alternative: usize,
    part: Rat,
    /// Each product that it asks for, with its quantity.
    depths: Vec<(&'a Quantity, Depth<'a>)>,
}

impl<'s, 'a> Wish<'s, 'a> {
    pub fn new(story: &'s Story<'a>, order: &'a Order, alternative: usize) -> Wish<'s, 'a> {
        let view = View { book: story.book, outcome: story.outcome, side: order.side };
        let asked = order.alternatives[alternative].quantities.iter().filter(|q| q.quantity > 0);
        let depths: Vec<_> = asked.map(|q| (q, view.depth(&q.product))).collect();
        let unit = depths.iter().map(|(q, _)| Rat::ratio(1, q.quantity.into())).max().unwrap_or_default();
        let step = order.replicas.map_or(unit, |n| Rat::ratio(1, n.max(1).into()));
        let part = if story.award(&order.id).is_some() { step } else { step.max(order.least_fill()) };
        Wish { story, order, alternative, part, depths }
    }

    fn bid(&self) -> bool {
        self.order.side == Side::Bid
    }

    /// The least (more) of a product that it can have.
    fn need(&self, q: &Quantity) -> Rat {
        Rat::int((&self.part * &Rat::int(q.quantity.into())).ceil())
    }

    /// What all of it comes to at the prices that so much would have.
    fn total(&self, quantity: impl Fn(&Quantity) -> Rat) -> Option<Rat> {
        self.depths.iter().try_fold(Rat::ZERO, |total, (q, depth)| {
            let price = depth.price_of(&quantity(q))?;
            Some(&total + &(price * &Rat::int(q.quantity.into())))
        })
    }

    pub fn lack(&self) -> Lack {
        if self.depths.iter().any(|(_, d)| d.lots.is_empty() && !d.more) {
            return Lack::Nobody;
        }
        if let Some((_, depth)) = self.depths.iter().find(|(q, d)| !d.more && d.left() < self.need(q)) {
            return Lack::Gone { any_left: depth.left().is_pos() };
        }
        let limit = Rat::int(self.order.effective_limit(self.alternative));
        let known = self.depths.iter().all(|(_, d)| !d.more);
        match self.total(|q| self.need(q)).filter(|_| known) {
            Some(total) if (self.bid() && total > limit) || (!self.bid() && total < limit) => Lack::Limit,
            _ => Lack::None,
        }
    }

    /// The numbers of what is in the way.
    pub fn tell(&self, t: &mut String) {
        match self.lack() {
            Lack::Nobody => self.depths.iter().filter(|(_, d)| d.lots.is_empty() && !d.more).for_each(|(q, _)| {
                self.nobody(&q.product, t);
            }),
            Lack::Gone { .. } => {
                for (q, depth) in self.depths.iter().filter(|(q, d)| !d.more && d.left() < self.need(q)) {
                    self.gone(q, depth, t);
                }
            }
            Lack::Limit => self.beyond_limit(t),
            Lack::None => self.depths.iter().for_each(|(q, depth)| self.unwilling(q, depth, t)),
        }
    }

    fn nobody(&self, product: &ProductKey, t: &mut String) {
        let does = if self.bid() { "supplies" } else { "bids for" };
        let _ = write!(t, "Nobody {does} {product}");
        let listed = || self.story.book.products.iter().map(|p| p.key());
        let like = |k: &ProductKey| k.to_string().eq_ignore_ascii_case(&product.to_string());
        if listed().all(|k| k != *product) {
            let _ = write!(t, ", which is not among the products of the book");
            if let Some(near) = listed().find(like) {
                let _ = write!(t, " (did you mean {near}?)");
            }
        }
        t.push_str(".\n");
    }

    /// The least that it takes, as the end of a sentence.
    fn takes(&self, q: &Quantity) -> String {
        let need = grouped(self.need(q).floor());
        match self.order.replicas {
            Some(n) if self.part == Rat::ratio(1, n.max(1).into()) => format!("one replica of it is {need}"),
            _ if self.part == Rat::ONE => format!("it takes all {need} or none"),
            _ => format!("it takes at least {need}"),
        }
    }

    fn gone(&self, q: &Quantity, depth: &Depth, t: &mut String) {
        let (all, product) = (depth.all(), &q.product);
        let count = grouped(all.floor());
        let exist = if self.bid() { "that there are" } else { "that are asked for" };
        let mut others = self.others(product);
        let has: i64 = others.iter().map(|o| o.1).sum();
        if all < self.need(q) || (has == 0 && depth.left() == all) {
            let only = if self.bid() { "There are only" } else { "Others ask only for" };
            let _ = writeln!(t, "{only} {count} {product}, and {}.", self.takes(q));
            return;
        }
        let own = unit_limit(self.order, self.alternative).map(|u| u.1);
        let better = |unit: &Option<Rat>| match (unit, &own) {
            (Some(unit), Some(own)) => {
                if self.bid() {
                    unit > own
                } else {
                    unit < own
                }
            }
            _ => false,
        };
        let ahead: i64 = others.iter().filter(|o| better(&o.2)).map(|o| o.1).sum();
        let rest = &all - &Rat::int(ahead.into());
        let which = if self.bid() { "higher" } else { "lower" };
        if ahead > 0 && rest < self.need(q) {
            others.retain(|o| better(&o.2));
            let _ = writeln!(
                t,
                "Others with {which} limits a unit have {} of the {count} {product} {exist} ({}): that leaves {}, and {}.",
                grouped(ahead.into()),
                named(&others),
                grouped(rest.floor().max(0)),
                self.takes(q)
            );
            return;
        }
        let where_it_went = match (has > 0, self.bid()) {
            (true, _) => format!("others have {}", named(&others)),
            (false, true) => "the rest goes elsewhere".to_owned(),
            (false, false) => "who asks for the rest has it elsewhere".to_owned(),
        };
        let left = grouped(depth.left().floor());
        let _ =
            writeln!(t, "Of the {count} {product} {exist} {left} are left: {where_it_went}, and {}.", self.takes(q));
    }

    /// The orders of its own side that have won of a product: how much, and what their limit is a unit.
    fn others(&self, product: &ProductKey) -> Vec<(&'a str, i64, Option<Rat>)> {
        let outcome = self.story.outcome;
        let same = |o: &&Order| o.side == self.order.side && o.id != self.order.id;
        let mut others: Vec<_> = self
            .story
            .book
            .orders
            .iter()
            .filter(same)
            .filter_map(|o| {
                let award = self.story.award(&o.id)?;
                let unit = unit_limit(o, award.alternative).map(|u| u.1);
                Some((o.id.as_str(), won(outcome, &o.id, product), unit)).filter(|other| other.1 > 0)
            })
            .collect();
        others.sort_by(|x, y| y.2.cmp(&x.2).then(x.0.cmp(y.0)));
        others
    }

    fn beyond_limit(&self, t: &mut String) {
        let limit = self.order.effective_limit(self.alternative);
        for (q, depth) in &self.depths {
            let (first, all) = (depth.price_of(&self.need(q)), depth.price_of(&Rat::int(q.quantity.into())));
            let Some(first) = first else { continue };
            let rest = if depth.left() < depth.all() { " that is left" } else { "" };
            let (best, asks) = if self.bid() { ("cheapest supply of", "asks") } else { ("best bid for", "pays") };
            let _ = write!(t, "The {best} {}{rest} {asks} {} a unit", q.product, unit_price(first));
            match all {
                Some(all) if all != first => {
                    let _ =
                        write!(t, "; for all {} the price would be {}", grouped(q.quantity.into()), unit_price(all));
                }
                None => {
                    let left = if rest.is_empty() { "" } else { " left" };
                    let _ = write!(t, "; there are only {}{left}", grouped(depth.left().floor()));
                }
                Some(_) => {}
            }
            t.push_str(".\n");
        }
        let unit = unit_limit(self.order, self.alternative);
        let own = unit.map(|u| format!(", {} a unit", unit_price(&u.1))).unwrap_or_default();
        let adder = if self.order.alternatives[self.alternative].adder.0 == 0 { "" } else { " (with its adder)" };
        let whole = self.total(|q| Rat::int(q.quantity.into()));
        let comes = match whole.or_else(|| self.total(|q| self.need(q))) {
            Some(total) => format!("All of it comes to {} so: its", money_of(total.round())),
            None => "Its".to_owned(),
        };
        let _ = writeln!(t, "{comes} limit{adder} is {}{own}.", money_of(limit));
    }

    /// Who would trade at its limit, and does not.
    fn unwilling(&self, q: &Quantity, depth: &Depth, t: &mut String) {
        let Some((_, own)) = unit_limit(self.order, self.alternative) else { return };
        let would = |unit: &Rat| if self.bid() { *unit <= own } else { *unit >= own };
        for lot in depth.lots.iter().filter(|l| l.left.is_pos() && would(&l.unit)).take(NAMED) {
            let (left, unit, product) = (grouped(lot.left.floor()), unit_price(&lot.unit), &q.product);
            let Some(other) = lot.order else {
                let _ = writeln!(t, "The operator has {left} {product} left, from {unit} a unit.");
                continue;
            };
            let does = if self.bid() { "would supply" } else { "asks for" };
            let why = self
                .story
                .refusal(&other.id)
                .map(|r| format!(", but wins nothing because {}", self.story.because(r.reason, other)));
            let _ = writeln!(t, "{} {does} {left} {product} for {unit} a unit{}.", other.id, why.unwrap_or_default());
        }
    }
}

/// Names with what they have.
fn named(others: &[(&str, i64, Option<Rat>)]) -> String {
    let one = |(id, has, unit): &(&str, i64, Option<Rat>)| {
        let limit = unit.as_ref().map(|u| format!(" with a limit of {} a unit", unit_price(u))).unwrap_or_default();
        format!("{id} {}{limit}", grouped((*has).into()))
    };
    let mut text = others.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
    if others.len() > NAMED {
        let _ = write!(text, " and {} more", others.len() - NAMED);
    }
    text
}

/// Why an order lost that was not refused by its own rows, if the other side says it; nothing else is known of it then.
pub fn because_of(reason: Reason, order: &Order, lack: Lack, traded: bool) -> Option<&'static str> {
    let bid = order.side == Side::Bid;
    let price_decides = matches!(reason, Reason::MarginalProrata | Reason::TieLost | Reason::Paradoxical);
    if !price_decides && reason != Reason::OutOfMoney && reason != Reason::MinFillUnreachable {
        return None;
    }
    match lack {
        Lack::Nobody if bid => Some("nobody supplies what it asks for"),
        Lack::Nobody => Some("nobody bids for what it offers"),
        _ if !price_decides => None,
        Lack::Gone { any_left: false } if reason != Reason::Paradoxical => None,
        Lack::Gone { .. } if bid => Some("too little is left for it of what there is"),
        Lack::Gone { .. } => Some("too little is left for it of what is asked for"),
        Lack::Limit if bid && traded => Some("what is left costs more than its limit"),
        Lack::Limit if bid => Some("nobody supplies it for its limit, and nothing of it was traded"),
        Lack::Limit if traded => Some("no bid that is left pays its limit"),
        Lack::Limit => Some("nobody bids its limit for it, and nothing of it was traded"),
        Lack::None if traded || reason == Reason::Paradoxical => None,
        Lack::None => Some("nothing of it was traded, although there is somebody for it"),
    }
}
