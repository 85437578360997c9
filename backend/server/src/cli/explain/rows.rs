//! The participant's own rows that a reason speaks of, with their numbers.
use super::story::Story;
use super::words::{grouped, list, money, money_of, percent};
use headroom_market::clearing::book::{Instance, Order, Quantity};
use headroom_market::clearing::outcome::{Award, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Money, ProductKey};
use std::fmt::Write as _;

fn listed(rows: &[Quantity], product: &ProductKey) -> Option<i64> {
    rows.iter().find(|q| q.product == *product).map(|q| q.quantity)
}

fn asked(order: &Order) -> impl Iterator<Item = &Quantity> {
    order.alternatives.iter().flat_map(|a| &a.quantities)
}

/// What a replica has of each product, if the order is had in replicas.
fn replica(order: &Order, alternative: usize) -> Option<Vec<Quantity>> {
    let n = order.replicas.filter(|n| *n > 0)?;
    let each = |q: &Quantity| Quantity { product: q.product.clone(), quantity: q.quantity / n };
    Some(order.alternatives[alternative].quantities.iter().filter(|q| q.quantity > 0).map(each).collect())
}

/// That an order is had in whole replicas, where less than one may be what is left for it.
pub fn replicas(order: &Order, alternative: usize, reason: Reason, t: &mut String) {
    let price_decides = matches!(reason, Reason::OutOfMoney | Reason::ParentRejected);
    let Some(each) = replica(order, alternative).filter(|_| !price_decides) else { return };
    let _ = match order.replicas {
        Some(1) => writeln!(t, "It is had in one replica of {}: all or none.", list(&each)),
        n => writeln!(t, "It is had in whole replicas only: {} of {} each.", n.unwrap_or(1), list(&each)),
    };
}

impl Story<'_> {
    pub fn rows(&self, order: &Order, reason: Reason, t: &mut String) {
        let workload = self.book.instances.iter().find(|i| Some(&i.id) == order.instance.as_ref());
        match (reason, workload) {
            (Reason::FloorProtected, Some(i)) => floor(i, order, t),
            (Reason::ThrashLimit, Some(i)) => {
                for most in i.max_swap.iter().filter(|q| asked(order).any(|a| a.product == q.product)) {
                    let most_of = grouped(most.quantity.into());
                    let _ = writeln!(t, "{} may change by {most_of} {} at once.", i.id, most.product);
                }
            }
            (Reason::Budget, _) => self.budget(order, t),
            // the search says nothing of what made it hard: a budget with too little left for all of it may be why
            (Reason::SolverFallback, _) if self.exceeds_budget(order) => self.budget(order, t),
            _ => {}
        }
    }

    /// What a fill of 1 takes of a budget: its limit, or its quantities at the collars if that is less.
    fn counts(&self, order: &Order, alternative: usize) -> (i128, i128) {
        let cap = |product: &ProductKey| {
            let own = self.book.products.iter().find(|p| p.key() == *product).and_then(|p| p.cap);
            i128::from(own.unwrap_or(self.book.cap).0)
        };
        let quantities = &order.alternatives[alternative].quantities;
        let at_collars: i128 = quantities.iter().map(|q| cap(&q.product) * i128::from(q.quantity)).sum();
        (at_collars.min(order.limit.0.into()), at_collars)
    }

    /// What the others under its budget leave of it for an order, in micro-credits.
    pub fn budget_left(&self, order: &Order) -> Option<Rat> {
        let budget = self.book.budgets.iter().find(|b| Some(&b.id) == order.budget.as_ref())?;
        let count = |other: &Order, award: &Award| {
            let fill = award.fill.as_ref().map_or(Rat::ONE, |f| f.0.clone());
            &fill * &Rat::int(self.counts(other, award.alternative).0)
        };
        let others = self.book.orders.iter().filter(|o| o.budget == order.budget && o.id != order.id);
        let amount = Rat::int(budget.amount.0.into());
        Some(others.filter_map(|o| Some(count(o, self.award(&o.id)?))).fold(amount, |left, taken| &left - &taken))
    }

    fn exceeds_budget(&self, order: &Order) -> bool {
        let count = Rat::int(self.counts(order, 0).0);
        self.budget_left(order).is_some_and(|left| left < count)
    }

    fn budget(&self, order: &Order, t: &mut String) {
        let budget = self.book.budgets.iter().find(|b| Some(&b.id) == order.budget.as_ref());
        let (Some(budget), Some(left)) = (budget, self.budget_left(order)) else { return };
        let alternative = self.award(&order.id).map_or(0, |a| a.alternative);
        let (count, at_collars) = self.counts(order, alternative);
        let _ = writeln!(
            t,
            "A budget counts what an order could come to, not what it pays: the lesser of its limit ({}) and of its \
             quantities at the highest prices that there can be ({}). All of it counts {}.",
            money(order.limit),
            money_of(at_collars),
            money_of(count)
        );
        let amount = money(budget.amount);
        let others = &Rat::int(budget.amount.0.into()) - &left;
        let _ = writeln!(
            t,
            "The budget {} is {amount}: other orders count {} of it, which leaves {} for this one. A lower limit \
             counts less.",
            budget.id,
            money_of(others.ceil()),
            money_of(left.floor().max(0))
        );
    }

    /// Of a bid with a budget, that raising its limit has it count more.
    pub fn budget_of_higher_limits(&self, order: &Order) -> String {
        match (&order.budget, self.budget_left(order)) {
            (Some(budget), Some(left)) => format!(
                " Its budget {budget} has {} left for it, and the higher its limit, the more of it each unit counts.",
                money_of(left.floor().max(0))
            ),
            _ => String::new(),
        }
    }

    /// A limit that its budget has enough left for, if it is lower than the order's own.
    pub fn limit_in_budget(&self, order: &Order) -> Option<Money> {
        let left = i64::try_from(self.budget_left(order)?.floor()).ok()?;
        (0 < left && left < order.limit.0).then_some(Money(left))
    }
}

fn floor(instance: &Instance, order: &Order, t: &mut String) {
    let mut floors: Vec<&Quantity> =
        instance.floor.iter().filter(|q| asked(order).any(|a| a.product == q.product)).collect();
    floors.dedup();
    for floor in floors {
        let (holds, keeps) = (listed(&instance.holding, &floor.product).unwrap_or(0), floor.quantity);
        let each = asked(order).find(|q| q.product == floor.product).and_then(|q| Some(q.quantity / order.replicas?));
        let replica = each.map(|each| format!(", and one replica is {}", grouped(each.into()))).unwrap_or_default();
        let (holds_of, keeps_of) = (grouped(holds.into()), grouped(keeps.into()));
        let _ = writeln!(
            t,
            "{} has {holds_of} {} and keeps {keeps_of}: it may lend {}{replica}.",
            instance.id,
            floor.product,
            grouped((holds - keeps).max(0).into())
        );
    }
}

/// What an award has of all that was asked for, "all of it" or "2 of 10 p/cpu/0 (20 %)".
pub fn part_won(order: &Order, award: &Award) -> String {
    let got = |q: &Quantity| listed(&award.quantities, &q.product).unwrap_or(0);
    let full: Vec<&Quantity> =
        order.alternatives[award.alternative].quantities.iter().filter(|q| q.quantity > 0).collect();
    if full.iter().all(|q| got(q) == q.quantity) {
        return format!("all of it ({})", list(&award.quantities));
    }
    let one = |q: &&Quantity| format!("{} of {} {}", grouped(got(q).into()), grouped(q.quantity.into()), q.product);
    format!("{} ({})", full.iter().map(one).collect::<Vec<_>>().join(", "), percent(&share_won(order, award)))
}

/// The part of what it asked for that it has, of the first product: the printed fill is that before rounding, and of
/// whole replicas it may be far from it.
pub fn share_won(order: &Order, award: &Award) -> Rat {
    let mut full = order.alternatives[award.alternative].quantities.iter().filter(|q| q.quantity > 0);
    let first = full.next().map(|q| (listed(&award.quantities, &q.product).unwrap_or(0), q.quantity));
    first.map(|(got, all)| Rat::ratio(got.into(), all.into())).unwrap_or_default()
}
