//! V6: among bids at the margin that ask for the same at the same price a unit, the first in rank is served first.

use crate::clearing::book::{Alternative, Book, Rank};
use crate::clearing::check::rules::{Broken, Check, Rule, value};
use std::collections::BTreeMap;

/// What bids of one tie have in common: worth a unit as a reduced fraction, and products in reduced proportion.
type Likeness = (i128, i128, Vec<(usize, i64)>);

struct Member<'b> {
    rank: Rank,
    order: usize,
    alternative: &'b Alternative,
    /// Units of the common proportion in a lot.
    size: i64,
}

impl Check<'_> {
    pub(super) fn ties(&mut self) {
        let book = self.book;
        let ranked = || {
            let all = book.orders.iter().enumerate().filter(|(_, form)| Self::is_ranked(form));
            all.filter_map(|(order, form)| Some((order, form.rank, book.alternatives_of(form).first()?)))
        };
        // Only a winner at the margin is served too early, and whoever bids another price a unit does not tie with it.
        let marginal = ranked().filter(|(order, _, alternative)| self.gains_nothing(*order, alternative));
        let mut prices: Vec<(i128, i128)> = marginal.map(|(.., alternative)| self.unit_price(alternative)).collect();
        let by_price = |a: &(i128, i128), b: &(i128, i128)| (a.0 * b.1).cmp(&(b.0 * a.1));
        prices.sort_unstable_by(by_price);
        let mut groups: BTreeMap<Likeness, Vec<Member<'_>>> = BTreeMap::new();
        for (order, rank, alternative) in ranked() {
            let (worth, units) = self.unit_price(alternative);
            if prices.binary_search_by(|known| by_price(known, &(worth, units))).is_err() {
                continue;
            }
            let lines = book.lines_of(alternative);
            let size = lot_size(book, alternative);
            let mut shape: Vec<(usize, i64)> = lines.iter().map(|line| (line.product, line.quantity / size)).collect();
            shape.sort_unstable();
            let common = gcd_wide(worth, units);
            let member = Member { rank, order, alternative, size };
            groups.entry((worth / common, units / common, shape)).or_default().push(member);
        }
        let mut broken = Vec::new();
        for mut group in groups.into_values().filter(|group| group.len() > 1) {
            group.sort_unstable_by_key(|member| member.rank);
            let winners: Vec<&Member<'_>> = group.iter().filter(|m| self.award[m.order].is_some()).collect();
            for earlier in group.iter().filter(|m| self.is_short(m)) {
                let key = |m: &Member<'_>| (m.rank.newcomer, m.rank.class, m.rank.accepted);
                let later = winners.iter().rev().take_while(|later| key(later) > key(earlier));
                if let Some(later) = later.copied().find(|later| self.makes_room(later, earlier)) {
                    let what = "a later bid at the margin is served before an earlier one";
                    let later = &book.orders[later.order].id;
                    broken.push(Broken::new(Rule::V6, what).order(book, earlier.order).text("later", later));
                }
            }
        }
        self.broken.extend(broken);
    }

    fn is_short(&self, member: &Member<'_>) -> bool {
        self.award[member.order].is_none_or(|award| award.lots < member.alternative.lots)
    }

    /// Worth, and units of the products' common proportion.
    fn unit_price(&self, alternative: &Alternative) -> (i128, i128) {
        let units = i128::from(alternative.lots) * i128::from(lot_size(self.book, alternative));
        (i128::from(alternative.value_micro), units)
    }

    /// Whether a winner gains nothing.
    fn gains_nothing(&self, order: usize, alternative: &Alternative) -> bool {
        let Some(award) = self.award[order] else { return false };
        let (lots, all) = (i128::from(award.lots), i128::from(alternative.lots));
        let gain = value(alternative) * lots / all - self.cost(award);
        gain.abs() <= self.tolerance(alternative, award.lots) + 1
    }

    /// Whether whole lots of a winner at the margin would make room for a lot of an earlier bid.
    fn makes_room(&self, later: &Member<'_>, earlier: &Member<'_>) -> bool {
        let Some(award) = self.award[later.order] else { return false };
        let needed = (earlier.size + later.size - 1) / later.size;
        let shares_node = |pool: &usize| {
            let here = |node: usize| self.book.hosts_in(earlier.alternative, *pool).any(|host| host == node);
            award
                .hosts
                .iter()
                .any(|(node, lots)| self.book.nodes[*node].pool == *pool && *lots >= needed && here(*node))
        };
        let is_marginal = self.gains_nothing(later.order, later.alternative);
        award.lots >= needed && is_marginal && self.book.pools_with_nodes(earlier.alternative).iter().all(shares_node)
    }
}

/// Units of the products' common proportion in a lot.
fn lot_size(book: &Book, alternative: &Alternative) -> i64 {
    book.lines_of(alternative).iter().map(|line| line.quantity).fold(0, gcd)
}

fn gcd(a: i64, b: i64) -> i64 {
    if a == 0 { b } else { gcd(b % a, a) }
}

fn gcd_wide(a: i128, b: i128) -> i128 {
    if a == 0 { b.max(1) } else { gcd_wide(b % a, a) }
}
