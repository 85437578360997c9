//! What an outcome says about one order, told from top to bottom.
use super::words::{because, code, credits, credits_of_nano, grouped, trimmed};
use headroom_market::clearing::book::{Alternative, Book, NANO_PER_MICRO, Order, Side};
use headroom_market::clearing::document;
use headroom_market::clearing::outcome::{Award, Outcome, Reason};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Alternatives beyond which only the best is shown.
const MOST_SHOWN: usize = 4;

/// One order of a book and its outcome.
pub struct Story<'a> {
    book: &'a Book,
    outcome: &'a Outcome,
    names: &'a document::Outcome,
    told: &'a document::Order,
    number: usize,
    order: &'a Order,
    /// What awards take of each place beyond what they lend there.
    taken: BTreeMap<(usize, usize), i128>,
}

/// What all of an alternative comes to at the prices, where it may lie cheapest. Nano-credits.
struct Cost {
    prices: i128,
    premium: i128,
    /// A node in each pool with nodes.
    nodes: Vec<usize>,
}

impl Cost {
    fn all(&self) -> i128 {
        self.prices + self.premium
    }
}

fn worth(alternative: &Alternative) -> i128 {
    i128::from(alternative.value_micro) * NANO_PER_MICRO
}

impl<'a> Story<'a> {
    /// `told`: the order at that place of the book, by names.
    pub fn new(
        book: &'a Book,
        (outcome, names): (&'a Outcome, &'a document::Outcome),
        number: usize,
        told: &'a document::Order,
    ) -> Self {
        let mut taken = BTreeMap::new();
        for award in &outcome.awards {
            let order = &book.orders[award.order];
            let sign = if order.side == Side::Bid { 1 } else { -1 };
            let alternative = &book.alternatives_of(order)[award.alternative];
            for (node, lots) in &award.hosts {
                for line in book.load_in(alternative, book.nodes[*node].pool) {
                    *taken.entry((*node, line.product)).or_default() +=
                        sign * i128::from(line.quantity) * i128::from(*lots);
                }
            }
        }
        Story { book, outcome, names, told, number, order: &book.orders[number], taken }
    }

    fn premium(&self, alternative: &Alternative, node: usize) -> i128 {
        let premium = |product| self.outcome.premiums_nano.get(&(node, product)).copied().unwrap_or(0);
        let load = self.book.load_in(alternative, self.book.nodes[node].pool);
        let lot: i128 = load.iter().map(|line| premium(line.product) * i128::from(line.quantity)).sum();
        lot * i128::from(alternative.lots)
    }

    fn cost(&self, alternative: &Alternative) -> Cost {
        let lines = self.book.lines_of(alternative).iter();
        let lot: i128 = lines.map(|l| self.outcome.prices_nano[l.product] * i128::from(l.quantity)).sum();
        let mut cost = Cost { prices: lot * i128::from(alternative.lots), premium: 0, nodes: Vec::new() };
        for pool in self.book.pools_with_nodes(alternative) {
            let hosts = self.book.hosts_in(alternative, pool).map(|node| (self.premium(alternative, node), node));
            if let Some((premium, node)) = hosts.min() {
                cost.premium += premium;
                cost.nodes.push(node);
            }
        }
        cost
    }

    fn node(&self, node: usize) -> &'a str {
        &self.book.nodes[node].id
    }

    /// The alternative that gains most.
    fn best(&self) -> &'a Alternative {
        let all = self.book.alternatives_of(self.order);
        all.iter().max_by_key(|a| worth(a) - self.cost(a).all()).unwrap_or(&all[0])
    }

    pub fn about(&self) -> String {
        let (told, first) = (self.told, &self.book.alternatives_of(self.order)[0]);
        let mut t = match self.order.side {
            Side::Bid => format!("{} is a bid of {}", told.id, told.owner),
            Side::Offer => format!("{} is an offer of {}", told.id, told.owner),
        };
        if let Some(replicas) = told.replicas {
            let _ = write!(t, " in {replicas} replica{}", if replicas == 1 { "" } else { "s" });
        }
        if !told.min_fill.is_zero() && first.least == first.lots {
            t += ", all or none";
        } else if !told.min_fill.is_zero() {
            let _ = write!(t, ", at least {} of {} lots", grouped(first.least.into()), grouped(first.lots.into()));
        }
        told.node.iter().for_each(|node| t += &format!(", on node {node}"));
        let _ = writeln!(t, ", with a limit of {}.", credits(told.limit.units().into()));
        let refused = self.outcome.refused.iter().find(|r| r.order == self.number);
        match (self.outcome.awards.iter().find(|a| a.order == self.number), refused) {
            (Some(award), _) => self.won(award, &mut t),
            (None, Some(refused)) => self.lost(refused.reason, &mut t),
            (None, None) => t += "The outcome does not mention it.\n",
        }
        self.faced(&mut t);
        t
    }

    fn won(&self, award: &Award, t: &mut String) {
        let all = self.book.alternatives_of(self.order);
        let alternative = &all[award.alternative];
        let part = match award.lots == alternative.lots {
            true => "all of it".to_owned(),
            false => format!("{} of its {} lots", grouped(award.lots.into()), grouped(alternative.lots.into())),
        };
        let quantity = |line: &headroom_market::clearing::book::Line| {
            let won = i128::from(line.quantity) * i128::from(award.lots);
            format!("{} {}", grouped(won), self.book.products[line.product].key)
        };
        let list: Vec<String> = self.book.lines_of(alternative).iter().map(quantity).collect();
        let (pays, beside) = if self.order.side == Side::Bid { ("pays", "under") } else { ("is paid", "over") };
        let _ = writeln!(t, "It wins {part}: {}; it {pays} {}.", list.join(", "), credits(award.money_micro));
        if all.len() > 1 {
            let _ = writeln!(t, "Of its {} alternatives it wins number {}.", all.len(), award.alternative + 1);
        }
        let hosts: Vec<String> = award
            .hosts
            .iter()
            .map(|(node, lots)| format!("{} ({})", self.node(*node), grouped((*lots).into())))
            .collect();
        if !hosts.is_empty() && self.order.side == Side::Bid {
            let _ = writeln!(t, "Its lots lie on {}.", hosts.join(", "));
        }
        let part = i128::from(alternative.value_micro) * i128::from(award.lots) / i128::from(alternative.lots);
        let gain = (part - award.money_micro).abs();
        let of = if award.lots == alternative.lots { "its limit" } else { "that part of its limit" };
        let _ = writeln!(t, "That is {} {beside} {of}.", credits(gain));
        if let Some(reason) = award.limited_by {
            let _ = writeln!(t, "It has no more because {} ({}).", because(reason, self.order.side), code(reason));
            self.binds(reason, alternative, t);
        }
    }

    fn lost(&self, reason: Reason, t: &mut String) {
        let best = self.best();
        let dearer = if self.order.side == Side::Bid { self.dearer(best) } else { Vec::new() };
        let why = match reason {
            Reason::Tie if !dearer.is_empty() => "its limit is the price, at which nobody sells",
            _ => because(reason, self.order.side),
        };
        let _ = writeln!(t, "It wins nothing because {why} ({}).", code(reason));
        let cost = self.cost(best);
        let sign = if self.order.side == Side::Bid { 1 } else { -1 };
        let short = sign * (cost.all() - worth(best));
        let limit = if worth(best) == i128::from(self.told.limit.units()) * NANO_PER_MICRO {
            "its limit"
        } else {
            "its limit less the adder"
        };
        let (what, ahead, behind) = match self.order.side {
            Side::Bid => ("costs", "short", "more than that"),
            Side::Offer => ("brings", "more than that", "less than that"),
        };
        let beside = if short > 0 { ahead } else { behind };
        let _ = match short {
            0 => writeln!(t, "At these prices all of it {what} {}, which is {limit}.", credits_of_nano(cost.all())),
            _ => writeln!(
                t,
                "At these prices all of it {what} {}: {limit} is {} {beside}.",
                credits_of_nano(cost.all()),
                credits_of_nano(short.abs())
            ),
        };
        for (product, cost) in dearer {
            let key = &self.book.products[product].key;
            let _ = match cost {
                Some(cost) => {
                    writeln!(t, "Nobody has bought {key}: the cheapest of it costs {} a unit.", trimmed(cost, 9))
                }
                None => writeln!(t, "Nobody sells {key}."),
            };
        }
        self.binds(reason, best, t);
    }

    /// Products that nobody has bought and that cost more than their price, which is then a bid's; with the cheapest cost, if
    /// anybody sells them.
    fn dearer(&self, alternative: &Alternative) -> Vec<(usize, Option<i128>)> {
        let bids = self.outcome.awards.iter().filter(|award| self.book.orders[award.order].side == Side::Bid);
        let won = bids.map(|award| &self.book.alternatives_of(&self.book.orders[award.order])[award.alternative]);
        let bought: BTreeSet<usize> = won.flat_map(|a| self.book.lines_of(a)).map(|line| line.product).collect();
        let products = self.book.lines_of(alternative).iter().map(|line| line.product);
        let cheapest = |product: usize| {
            let steps = self.book.products[product].supply.iter().filter(|step| step.quantity > 0);
            let offers = self.book.orders.iter().filter(|order| order.side == Side::Offer);
            let offers = offers.map(|order| &self.book.alternatives_of(order)[0]);
            let offers = offers.filter(|offer| self.book.lines_of(offer)[0].product == product);
            let costs =
                steps.map(|step| step.reserve_nano).chain(offers.map(|offer| worth(offer) / i128::from(offer.lots)));
            (product, costs.min())
        };
        let unbought = products.filter(|product| !bought.contains(product)).map(cheapest);
        let comes_over = |product: usize| self.book.arcs.iter().any(|arc| arc.to == product);
        let is_dearer = |(product, cost): &(usize, Option<i128>)| match cost {
            Some(cost) => *cost > self.outcome.prices_nano[*product] + 1,
            None => !comes_over(*product),
        };
        unbought.filter(is_dearer).collect()
    }

    /// What stands in its way: a full node, too little room or too little for sale.
    fn binds(&self, reason: Reason, alternative: &Alternative, t: &mut String) {
        if self.order.side == Side::Offer {
            return;
        }
        match reason {
            Reason::OutOfMoney | Reason::Tie | Reason::Block => self.dear_node(alternative, t),
            Reason::NoRoom => self.unsold(alternative, t),
            Reason::NoHost => self.nearest_node(alternative, t),
            _ => {}
        }
    }

    /// Which node is full, and what lying elsewhere would cost instead.
    fn dear_node(&self, alternative: &Alternative, t: &mut String) {
        let cost = self.cost(alternative);
        for node in cost.nodes.iter().copied().filter(|node| self.premium(alternative, *node) > 0) {
            let premium = self.premium(alternative, node);
            let _ = write!(
                t,
                "{} of that is the premium of node {}, which is full.",
                credits_of_nano(premium),
                self.node(node)
            );
            let others = self.book.pools[self.book.nodes[node].pool].nodes.iter();
            let cheapest = others.map(|other| (self.premium(alternative, *other), *other)).min();
            let _ = match cheapest.filter(|(other, _)| *other < premium) {
                Some((other, at)) => {
                    let all = cost.all() - premium + other;
                    writeln!(t, " On node {} all of it would cost {}.", self.node(at), credits_of_nano(all))
                }
                None => writeln!(t, " No other node of its pool costs less."),
            };
        }
    }

    /// The products of which less is left at these prices than the least that it takes.
    fn unsold(&self, alternative: &Alternative, t: &mut String) {
        for line in self.book.lines_of(alternative) {
            let (needed, left) = (i128::from(line.quantity) * i128::from(alternative.least), self.left(line.product));
            if left < needed {
                let key = &self.book.products[line.product].key;
                let _ = writeln!(
                    t,
                    "Of {key} {} are left unsold at these prices; the least that it takes is {}.",
                    grouped(left),
                    grouped(needed)
                );
            }
        }
    }

    /// Units of supply and offers that are not sold and cost at most the price.
    fn left(&self, product: usize) -> i128 {
        let price = self.outcome.prices_nano[product] + 1;
        let steps = self.book.products[product].supply.iter().zip(&self.outcome.used[product]);
        let steps = steps.filter(|(step, _)| step.reserve_nano <= price);
        let steps: i128 = steps.map(|(step, used)| i128::from(step.quantity - used)).sum();
        let sold: BTreeMap<usize, i64> = self.outcome.awards.iter().map(|a| (a.order, a.lots)).collect();
        let offers = self.book.orders.iter().enumerate().filter(|(_, order)| order.side == Side::Offer);
        let open = offers.filter_map(|(number, order)| {
            let offer = &self.book.alternatives_of(order)[0];
            let sells = self.book.lines_of(offer)[0].product == product;
            let is_cheap = worth(offer) <= price * i128::from(offer.lots);
            (sells && is_cheap).then(|| i128::from(offer.lots - sold.get(&number).copied().unwrap_or(0)))
        });
        steps + open.sum::<i128>()
    }

    /// Of the nodes that it may use the one with the most room for a lot, and what it lacks.
    fn nearest_node(&self, alternative: &Alternative, t: &mut String) {
        for pool in self.book.pools_with_nodes(alternative) {
            let load = self.book.load_in(alternative, pool);
            let free = |node: usize, product: usize| {
                i128::from(self.book.room(node, product)) - self.taken.get(&(node, product)).copied().unwrap_or(0)
            };
            // What lacks most there, in thousandths of what a lot takes.
            let tightest = |node: usize| {
                let part = |line: &headroom_market::clearing::book::Line| {
                    (free(node, line.product) * 1_000 / i128::from(line.quantity), line.product, line.quantity)
                };
                load.iter().map(part).min()
            };
            let hosts = self.book.hosts_in(alternative, pool);
            let nearest = hosts.filter_map(|node| tightest(node).map(|lack| (lack, node))).max();
            if let Some(((part, product, takes), node)) = nearest.filter(|((part, ..), _)| *part < 1_000) {
                let key = &self.book.products[product].key;
                let _ = part;
                let _ = writeln!(
                    t,
                    "The nearest is node {}: {} {} are free there in slot {}, and a lot takes {}.",
                    self.node(node),
                    grouped(free(node, product)),
                    key.resource,
                    key.slot,
                    grouped(takes.into())
                );
            }
        }
    }

    /// The prices of everything that it asks for, who set them, and premiums.
    fn faced(&self, t: &mut String) {
        let (all, best) = (self.book.alternatives_of(self.order), self.best());
        for (number, alternative) in all.iter().enumerate() {
            if all.len() > MOST_SHOWN && !std::ptr::eq(alternative, best) {
                continue;
            }
            let _ = match all.len() {
                1 => writeln!(t, "\nWhat it faced:"),
                _ => writeln!(t, "\nWhat alternative {} faced:", number + 1),
            };
            let nodes = self.cost(alternative).nodes;
            for line in self.book.lines_of(alternative) {
                let (key, price) = (&self.book.products[line.product].key, self.outcome.prices_nano[line.product]);
                let quantity = i128::from(line.quantity) * i128::from(alternative.lots);
                let row = self.names.prices.iter().find(|row| row.key() == *key);
                let _ = writeln!(
                    t,
                    "  {:>12} x {:<28} at {:>14} = {:>14}   {}",
                    grouped(quantity),
                    key.to_string(),
                    trimmed(price, 9),
                    trimmed(price * quantity, 9),
                    row.map_or("", |row| &row.set_by)
                );
            }
            let premiums = nodes.iter().flat_map(|node| self.outcome.premiums_nano.range((*node, 0)..(*node + 1, 0)));
            for ((node, product), premium) in premiums {
                let load = self.book.load_in(alternative, self.book.nodes[*node].pool);
                if let Some(line) = load.iter().find(|line| line.product == *product) {
                    let quantity = i128::from(line.quantity) * i128::from(alternative.lots);
                    let place = format!("{}/{}", self.node(*node), self.book.products[*product].key);
                    let (each, sum) = (trimmed(*premium, 9), trimmed(premium * quantity, 9));
                    let _ = writeln!(
                        t,
                        "  {:>12} x {place:<28} at {each:>14} = {sum:>14}   premium, the node is full",
                        grouped(quantity)
                    );
                }
            }
        }
    }
}
