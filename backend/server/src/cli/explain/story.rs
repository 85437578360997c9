//! What an outcome says about one order, told from top to bottom.
use super::other_side::{Lack, Wish, because_of};
use super::reasons::because;
use super::rows::{part_won, replicas, share_won};
use super::words::{bottleneck, grouped, list, money, money_of, percent, trimmed};
use headroom_market::clearing::book::{Order, Quantity, Side};
use headroom_market::clearing::outcome::{Award, PriceRow, Reason, Refusal};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Book, Money, Outcome, ProductKey, Winning};
use std::fmt::Write as _;

/// A book and its outcome, told.
pub struct Story<'a> {
    pub book: &'a Book,
    pub outcome: &'a Outcome,
}

impl<'a> Story<'a> {
    pub fn refusal(&self, id: &str) -> Option<&'a Refusal> {
        self.outcome.refused.iter().find(|r| r.order == id)
    }

    pub fn award(&self, id: &str) -> Option<&'a Award> {
        self.outcome.awards.iter().find(|a| a.order == id)
    }

    pub fn because(&self, reason: Reason, order: &Order) -> &'static str {
        let asks = |key: &ProductKey| order.alternatives.iter().flat_map(|a| &a.quantities).any(|q| q.product == *key);
        let key = |p: &PriceRow| ProductKey { pool: p.pool.clone(), resource: p.resource.clone(), slot: p.slot };
        because(reason, order, self.outcome.prices.iter().any(|p| p.set_by == "cap" && asks(&key(p))))
    }

    pub fn about(&self, order: &'a Order) -> String {
        let mut t = String::new();
        let kind = if order.side == Side::Bid { "a bid" } else { "an offer" };
        let whole = match (order.side, order.least_fill().is_pos()) {
            (_, true) if order.least_fill() == Rat::ONE => ", all or none",
            (_, true) => ", with a minimum fill",
            _ => "",
        };
        let _ =
            writeln!(t, "{} is {kind} of {}{whole}, with a limit of {}.", order.id, order.owner, money(order.limit));
        match (self.award(&order.id), self.refusal(&order.id)) {
            (Some(award), _) => self.won(order, award, &mut t),
            (None, Some(refused)) => self.lost(order, refused, &mut t),
            (None, None) => {
                let _ = writeln!(t, "The outcome does not mention it.");
            }
        }
        self.faced(order, &mut t);
        t
    }

    fn won(&self, order: &'a Order, award: &Award, t: &mut String) {
        let (pays, beside) = match order.side {
            Side::Bid => ("pays", "under"),
            Side::Offer => ("is paid", "over"),
        };
        let effective = order.effective_limit(award.alternative);
        let asked = &order.alternatives[award.alternative].quantities;
        let got =
            |q: &Quantity| award.quantities.iter().any(|won| won.product == q.product && won.quantity == q.quantity);
        let full = asked.iter().filter(|q| q.quantity > 0).all(got);
        let part = match (full, percent(&share_won(order, award))) {
            (true, _) => "all of it".to_owned(),
            (false, share) => format!("{share} of it"),
        };
        let _ = writeln!(t, "It wins {part}: {}; it {pays} {}.", list(&award.quantities), money(award.money));
        if order.alternatives.len() > 1 {
            let _ = writeln!(
                t,
                "Of its {} alternatives it wins number {}.",
                order.alternatives.len(),
                award.alternative + 1
            );
        }
        let gain = (effective - i128::from(award.money.0)) * if order.side == Side::Bid { 1 } else { -1 };
        if full && gain >= 0 {
            let _ = writeln!(t, "That is {} {beside} its limit.", money_of(gain));
        } else if full {
            let _ = writeln!(t, "That is {} beyond its limit: its children carry it.", money_of(-gain));
        }
        if let Some(reason) = award.limited_by {
            let wish = Wish::new(self, order, award.alternative);
            let why = because_of(reason, order, wish.lack(), true).unwrap_or(self.because(reason, order));
            let _ = writeln!(t, "It has no more of it because {why}.");
            if reason == Reason::MarginalProrata && wish.lack() == Lack::Limit {
                wish.tell(t);
            }
            replicas(order, award.alternative, reason, t);
            self.rows(order, reason, t);
        }
        if let Some(b) = &award.binding {
            let _ = writeln!(t, "{}", bottleneck(b));
        }
        let children: Vec<&str> = self.children(order).filter(|id| self.award(id).is_some()).collect();
        if !children.is_empty() {
            let _ = writeln!(t, "With it won: {}.", children.join(", "));
        }
    }

    fn lost(&self, order: &'a Order, refused: &Refusal, t: &mut String) {
        let wishes: Vec<Wish> = (0..order.alternatives.len()).map(|a| Wish::new(self, order, a)).collect();
        let lacks: Vec<Lack> = wishes.iter().map(Wish::lack).collect();
        let (traded, reason) = (self.traded(order), refused.reason);
        let same = lacks.first().filter(|first| lacks.iter().all(|l| l == *first));
        let why = same.and_then(|lack| because_of(reason, order, *lack, traded)).unwrap_or(self.because(reason, order));
        let _ = writeln!(t, "It wins nothing because {why} ({}).", reason.code());
        self.priced(order, refused, traded, t);
        let by_others = matches!(
            reason,
            Reason::MarginalProrata | Reason::TieLost | Reason::Paradoxical | Reason::MinFillUnreachable
        );
        if by_others || (reason == Reason::OutOfMoney && !traded) {
            for (n, wish) in wishes.iter().enumerate() {
                let mut told = String::new();
                wish.tell(&mut told);
                if wishes.len() > 1 && !told.is_empty() {
                    let _ = write!(t, "Alternative {}: ", n + 1);
                }
                *t += &told;
            }
        }
        if let Some(b) = refused.binding.as_ref().filter(|_| reason != Reason::OutOfMoney) {
            let _ = writeln!(t, "{}", bottleneck(b));
        }
        replicas(order, 0, reason, t);
        self.rows(order, refused.reason, t);
        if let Some(parent) = &order.parent {
            let state = if self.award(parent).is_some() { "has won" } else { "has not won" };
            let _ = writeln!(t, "Its parent {parent} {state}.");
        }
        let children = self.children(order).count();
        if children > 0 {
            let _ = writeln!(t, "{children} order(s) can win only with it.");
        }
    }

    /// Whether anybody had any of what it asks for.
    fn traded(&self, order: &Order) -> bool {
        let mut asked = order.alternatives.iter().flat_map(|a| &a.quantities);
        asked.any(|q| self.outcome.awards.iter().flat_map(|a| &a.quantities).any(|won| won.product == q.product))
    }

    /// What all of it comes to at the published prices. Where nothing was traded and its limit would do, a
    /// price says nothing.
    fn priced(&self, order: &Order, refused: &Refusal, traded: bool, t: &mut String) {
        let Some(price) = refused.price else { return };
        let (what, way) = match order.side {
            Side::Bid => ("costs", "short"),
            Side::Offer => ("brings", "too high"),
        };
        if let Some(short) = refused.shortfall.filter(|s| s.0 > 0) {
            let _ =
                writeln!(t, "At these prices all of it {what} {}: its limit is {} {way}.", money(price), money(short));
        } else if traded {
            let _ = writeln!(t, "At these prices all of it comes to {}.", money(price));
        }
    }

    fn children(&self, order: &'a Order) -> impl Iterator<Item = &'a str> {
        let mine = |o: &&Order| o.parent.as_deref() == Some(&order.id);
        self.book.orders.iter().filter(mine).map(|o| o.id.as_str())
    }

    /// The prices of everything that it asks for, and who set them.
    fn faced(&self, order: &Order, t: &mut String) {
        for (n, alternative) in order.alternatives.iter().enumerate() {
            let title = match order.alternatives.len() {
                1 => "What it faced:".to_owned(),
                _ => format!("What alternative {} faced:", n + 1),
            };
            let _ = writeln!(t, "\n{title}");
            for q in &alternative.quantities {
                let Some(row) =
                    self.outcome.prices.iter().find(|p| {
                        (&p.pool, &p.resource, p.slot) == (&q.product.pool, &q.product.resource, q.product.slot)
                    })
                else {
                    continue;
                };
                let cost = i128::from(row.price.0) * i128::from(q.quantity);
                let _ = writeln!(
                    t,
                    "  {:>12} x {:<28} at {:>14} = {:>14}   {}",
                    grouped(q.quantity.into()),
                    q.product.to_string(),
                    trimmed(row.price.0.into(), 9),
                    trimmed(cost, 9),
                    self.set_by(&q.product, &row.set_by)
                );
            }
        }
    }

    fn set_by(&self, product: &ProductKey, set_by: &str) -> String {
        let (kind, name) = set_by.split_once(':').unwrap_or((set_by, ""));
        match kind {
            "bid" => format!("set by the bid {name}"),
            "offer" => format!("set by the offer {name}"),
            "reserve" => format!("the operator's reserve price, step {name}"),
            "arc" => format!("what it costs by arc {name}"),
            "cap" => "at its collar: there is less than is asked for".into(),
            _ => {
                let used = self.outcome.awards.iter().flat_map(|a| &a.quantities).any(|q| q.product == *product);
                if used { "nobody is at the margin".into() } else { "nobody trades it".into() }
            }
        }
    }

    /// `award`: what it would have won with the limit that was found.
    pub fn would_win(&self, order: &Order, refused: &Refusal, found: Winning, award: Option<&Award>) -> String {
        let mut t = String::from("\n");
        let worse = if order.side == Side::Bid { "less" } else { "more" };
        let _ = match found {
            Winning::Limit(limit) => writeln!(
                t,
                "With a limit of {} it would have won{}, and with a micro-credit {worse} nothing: the book was cleared \
                 again with both, all else as it was.",
                money(limit),
                award.map(|a| format!(" {}", part_won(order, a))).unwrap_or_default()
            ),
            Winning::Between { loses, wins } => writeln!(
                t,
                "A bound: with a limit of {} it would have won, with {} nothing. The search for the least one was ended between \
                 the two (--seconds gives it longer).",
                money(wins),
                money(loses)
            ),
            Winning::NoneTried if order.side == Side::Offer && order.limit == Money(0) => {
                writeln!(t, "It asks for nothing already: no other limit would have helped.")
            }
            Winning::NoneTried if order.side == Side::Offer => writeln!(
                t,
                "None of the lower limits that were tried would have brought it anything, down to 0: who then lends for \
                 nothing has not won."
            ),
            Winning::NoneTried => writeln!(
                t,
                "None of the higher limits that were tried would have helped, up to one that nobody outbids.{}",
                self.budget_of_higher_limits(order)
            ),
            Winning::Unknown => match refused.winning_limit {
                Some(limit) => writeln!(
                    t,
                    "A bound: at these prices it would take a limit of at least about {}. The search for the exact one was \
                     ended (--seconds gives it longer).",
                    money(limit)
                ),
                None => writeln!(t, "What limit would have won was not found in time (--seconds gives it longer)."),
            },
        };
        let carried = order.parent.as_ref().filter(|parent| self.award(parent).is_none());
        if let (Some(parent), Winning::Limit(_)) = (carried, found) {
            let _ = writeln!(t, "Its parent {parent} has not won by itself: with that limit it pays for both.");
        }
        t
    }

    /// That a lower limit, which counts less for its budget, would have won more; nothing where it would not.
    pub fn in_budget(&self, order: &Order, limit: Money, award: &Award) -> String {
        let sum = |a: &Award| a.quantities.iter().map(|q| i128::from(q.quantity)).sum::<i128>();
        if self.award(&order.id).is_some_and(|own| sum(own) >= sum(award)) {
            return String::new();
        }
        format!(
            "Lowered to {}, which is what its budget has left, its limit would have won {}: the book was cleared again \
             with it.\n",
            money(limit),
            part_won(order, award)
        )
    }

    /// What the order changes for others.
    pub fn changes(&self, before: &Outcome, id: &str) -> String {
        let mut t = String::from("\nWith it in the book:\n");
        let mut any = false;
        for now in &self.outcome.prices {
            let was =
                before.prices.iter().find(|p| (&p.pool, &p.resource, p.slot) == (&now.pool, &now.resource, now.slot));
            let Some(was) = was.filter(|was| was.price != now.price) else { continue };
            any = true;
            let product = ProductKey { pool: now.pool.clone(), resource: now.resource.clone(), slot: now.slot };
            let (was, now) = (trimmed(was.price.0.into(), 9), trimmed(now.price.0.into(), 9));
            let _ = writeln!(t, "  {product} costs {now} instead of {was}");
        }
        let got = |o: &Outcome, id: &str| -> i128 {
            let award = o.awards.iter().find(|a| a.order == id);
            award.map_or(0, |a| a.quantities.iter().map(|q| i128::from(q.quantity)).sum())
        };
        let others = || self.book.orders.iter().map(|o| o.id.as_str()).filter(|other| *other != id);
        for (what, way) in [("win less", std::cmp::Ordering::Less), ("win more", std::cmp::Ordering::Greater)] {
            let changed: Vec<&str> = others().filter(|o| got(self.outcome, o).cmp(&got(before, o)) == way).collect();
            if !changed.is_empty() {
                any = true;
                let shown = changed.iter().take(5).copied().collect::<Vec<_>>().join(", ");
                let more = changed.len().saturating_sub(5);
                let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
                let _ = writeln!(t, "  {} {what}: {shown}{rest}", changed.len());
            }
        }
        if !any {
            t += "  nothing changes for anybody else\n";
        }
        t
    }
}
