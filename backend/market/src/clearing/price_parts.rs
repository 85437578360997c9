//! What a published price consists of: `π = base + congestion + transfer + scarcity` (mechanism §7).
//!
//! The dearest source that a product is had from tells: a step of the operator, an offer, or an arc. Of an offer of
//! several products each has the part of what is asked that it has of what is paid. *base* is what a unit costs there,
//! *transfer* what arcs on the way charge, *congestion* what an arc at its limit earns beyond that, and *scarcity* what
//! whoever supplies gets more than it asked for, as there was no more. Along an arc the parts are those of where it comes
//! from, by what arrives of a unit. Of a product that nobody had any of, the price is base as far as the cheapest supply
//! asks for it, and scarcity beyond.
use super::book::{Arc, Book, Order, ProductKey, Side, Step};
use super::outcome::Outcome;
use super::rational::Rat;
use std::collections::{BTreeMap, BTreeSet};

const NANO_PER_MICRO: i128 = 1_000;

/// The parts of a price, in nano-credits per base unit and slot; they add up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceParts {
    pub base: i64,
    pub congestion: i64,
    pub transfer: i64,
    pub scarcity: i64,
}

/// The same before rounding.
#[derive(Clone, Default)]
struct Exact {
    base: Rat,
    congestion: Rat,
    transfer: Rat,
    scarcity: Rat,
}

/// Where a product is had from: what a unit from there costs at the prices of the round, and the arc that it comes
/// along with whether that is full; `None` of the operator or a lender.
type Source<'a> = (Rat, Option<(&'a Arc, bool)>);

struct Round<'a> {
    listed: BTreeMap<ProductKey, &'a [Step]>,
    prices: BTreeMap<ProductKey, Rat>,
    /// Sources of each product that something was had from.
    sources: BTreeMap<ProductKey, Vec<Source<'a>>>,
}

/// The parts of every price of an outcome.
pub fn price_parts(book: &Book, outcome: &Outcome) -> BTreeMap<ProductKey, PriceParts> {
    let key =
        |pool: &str, resource: &str, slot| ProductKey { pool: pool.to_owned(), resource: resource.to_owned(), slot };
    let prices =
        outcome.prices.iter().map(|p| (key(&p.pool, &p.resource, p.slot), Rat::int(i128::from(p.price.0)))).collect();
    let listed: BTreeMap<ProductKey, &[Step]> = book.products.iter().map(|p| (p.key(), &p.supply[..])).collect();
    let offers: BTreeMap<&str, &Order> =
        book.orders.iter().filter(|o| o.side == Side::Offer).map(|o| (o.id.as_str(), o)).collect();
    let mut round = Round { listed, prices, sources: BTreeMap::new() };
    for used in outcome.supply.iter().filter(|u| u.used > 0) {
        let product = key(&used.pool, &used.resource, used.slot);
        if let Some(step) = round.listed.get(&product).and_then(|steps| steps.get(used.step)) {
            round.had(product, nano(step.reserve.0), None);
        }
    }
    for award in &outcome.awards {
        let Some(order) = offers.get(award.order.as_str()) else { continue };
        let Some(alternative) = order.alternatives.get(award.alternative) else { continue };
        let paid = alternative.quantities.iter().map(|q| &round.price(&q.product) * &Rat::int(q.quantity.into()));
        let paid = paid.fold(Rat::ZERO, |sum, part| &sum + &part);
        let asked = Rat::int(order.effective_limit(award.alternative) * NANO_PER_MICRO);
        for lent in alternative.quantities.iter().filter(|q| q.quantity > 0) {
            let cost = match paid.is_pos() {
                true => (&round.price(&lent.product) * &asked).div(&paid),
                false => Rat::ZERO,
            };
            round.had(lent.product.clone(), cost, None);
        }
    }
    for flow in outcome.flows.iter().filter(|f| f.flow > 0) {
        let Some(arc) = book.arcs.get(flow.arc).filter(|a| a.ratio.0.is_pos()) else { continue };
        let from = round.price(&arc.from);
        let cost = (&from + &nano(arc.cost.0)).div(&arc.ratio.0);
        let full = arc.limit.is_some_and(|limit| flow.flow >= limit);
        round.had(arc.to.clone(), cost, Some((arc, full)));
    }
    let whole = |key: &ProductKey| (key.clone(), rounded(&round.parts(key, &mut BTreeSet::new()), &round.price(key)));
    round.prices.keys().map(whole).collect()
}

fn nano(micro: i64) -> Rat {
    Rat::int(i128::from(micro) * NANO_PER_MICRO)
}

impl<'a> Round<'a> {
    fn price(&self, product: &ProductKey) -> Rat {
        self.prices.get(product).cloned().unwrap_or_default()
    }

    fn had(&mut self, product: ProductKey, cost: Rat, along: Option<(&'a Arc, bool)>) {
        self.sources.entry(product).or_default().push((cost, along));
    }

    fn parts(&self, product: &ProductKey, seen: &mut BTreeSet<ProductKey>) -> Exact {
        let price = self.price(product);
        let sources = self.sources.get(product).map_or(&[][..], Vec::as_slice);
        // a circle has no beginning: what leads back to where it came from says nothing
        let open = |s: &&Source| s.1.is_none_or(|(arc, _)| !seen.contains(&arc.from));
        let dearest = sources.iter().filter(open).max_by(|a, b| a.0.cmp(&b.0));
        match dearest {
            Some((cost, None)) => {
                let base = cost.clone().min(price.clone());
                Exact { scarcity: &price - &base, base, ..Exact::default() }
            }
            Some((cost, Some((arc, full)))) => {
                seen.insert(product.clone());
                let before = self.parts(&arc.from, seen);
                seen.remove(product);
                let arrives = |part: &Rat| part.div(&arc.ratio.0);
                // of one that has room left it is what rounding a price leaves
                let rent = if *full { (&price - cost).max(Rat::ZERO) } else { Rat::ZERO };
                Exact {
                    base: arrives(&before.base),
                    congestion: &arrives(&before.congestion) + &rent,
                    transfer: &arrives(&before.transfer) + &nano(arc.cost.0).div(&arc.ratio.0),
                    scarcity: arrives(&before.scarcity),
                }
            }
            None => {
                let steps = self.listed.get(product).copied().unwrap_or_default();
                let cheapest = steps.iter().map(|s| nano(s.reserve.0)).min();
                let base = cheapest.unwrap_or_else(|| price.clone()).min(price.clone());
                Exact { scarcity: &price - &base, base, ..Exact::default() }
            }
        }
    }
}

/// Whole nano-credits that add up to the price: what rounding leaves is base, which is none of them below 0.
fn rounded(parts: &Exact, price: &Rat) -> PriceParts {
    let whole = |part: &Rat| i64::try_from(part.floor()).unwrap_or(i64::MAX);
    let mut left = whole(price);
    let mut take = |part: &Rat| {
        let taken = whole(part).clamp(0, left);
        left -= taken;
        taken
    };
    let (transfer, congestion, scarcity) = (take(&parts.transfer), take(&parts.congestion), take(&parts.scarcity));
    PriceParts { base: left, congestion, transfer, scarcity }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearing::{Limits, Mode, NoProposal, clear, parse};

    fn parts_of(book: &str) -> BTreeMap<String, PriceParts> {
        let book = parse(book).unwrap_or_else(|faults| panic!("{faults:?}"));
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("a book that can be cleared");
        let parts = price_parts(&book, &outcome);
        for row in &outcome.prices {
            let key = ProductKey { pool: row.pool.clone(), resource: row.resource.clone(), slot: row.slot };
            let p = &parts[&key];
            assert_eq!(p.base + p.congestion + p.transfer + p.scarcity, row.price.0, "{key}");
        }
        parts.into_iter().map(|(key, parts)| (key.pool, parts)).collect()
    }

    /// Two pools, `a` with supply, `b` reached by an arc, and a bid in each.
    fn two(supply: i64, limit_of_arc: &str, in_a: &str, in_b: &str) -> String {
        let bid = |id: &str, pool: &str, limit: &str| {
            format!(
                r#"{{"id":"{id}","owner":"{id}","side":"bid","limit":"{limit}",
                    "alternatives":[{{"quantities":[["{pool}","cpu",0,100]]}}]}}"#
            )
        };
        format!(
            r#"{{"format":"headroom.book/1","cap":"100",
                "products":[{{"pool":"a","resource":"cpu","slot":0,"supply":[{{"quantity":{supply},"reserve":"2"}}]}},
                            {{"pool":"b","resource":"cpu","slot":0,"cap":"50"}}],
                "arcs":[{{"from":["a","cpu",0],"to":["b","cpu",0],"cost":"1"{limit_of_arc}}}],
                "orders":[{},{}]}}"#,
            bid("x", "a", in_a),
            bid("y", "b", in_b)
        )
    }

    #[test]
    fn where_there_is_enough_a_price_is_what_its_supply_and_the_way_cost() {
        let parts = parts_of(&two(500, "", "500", "900"));
        assert_eq!(parts["a"], PriceParts { base: 2_000_000_000, ..PriceParts::default() });
        assert_eq!(parts["b"], PriceParts { base: 2_000_000_000, transfer: 1_000_000_000, ..PriceParts::default() });
    }

    #[test]
    fn what_supply_is_short_of_is_scarcity_here_and_along_the_arc() {
        let parts = parts_of(&two(150, "", "500", "900"));
        assert_eq!(parts["a"], PriceParts { base: 2_000_000_000, scarcity: 3_000_000_000, ..PriceParts::default() });
        assert_eq!(
            parts["b"],
            PriceParts {
                base: 2_000_000_000,
                transfer: 1_000_000_000,
                scarcity: 3_000_000_000,
                ..PriceParts::default()
            }
        );
    }

    #[test]
    fn what_an_arc_at_its_limit_earns_is_congestion() {
        let parts = parts_of(&two(500, r#","limit":50"#, "500", "900"));
        assert_eq!(parts["a"], PriceParts { base: 2_000_000_000, ..PriceParts::default() });
        assert_eq!(
            parts["b"],
            PriceParts {
                base: 2_000_000_000,
                transfer: 1_000_000_000,
                congestion: 6_000_000_000,
                ..PriceParts::default()
            }
        );
    }

    #[test]
    fn what_a_lender_asks_is_base_and_the_rest_scarcity() {
        let parts = parts_of(
            r#"{"format":"headroom.book/1","cap":"100",
                "products":[{"pool":"a","resource":"cpu","slot":0}],
                "orders":[
                  {"id":"l","owner":"l","side":"offer","limit":"40","alternatives":[{"quantities":[["a","cpu",0,10]]}]},
                  {"id":"x","owner":"x","side":"bid","limit":"140","alternatives":[{"quantities":[["a","cpu",0,20]]}]}]}"#,
        );
        assert_eq!(parts["a"], PriceParts { base: 4_000_000_000, scarcity: 3_000_000_000, ..PriceParts::default() });
    }

    #[test]
    fn of_a_bundle_each_product_has_its_part_of_what_is_asked() {
        let book = r#"{"format":"headroom.book/1","cap":"100",
            "products":[{"pool":"a","resource":"cpu","slot":0},{"pool":"b","resource":"mem","slot":0}],
            "orders":[
              {"id":"l","owner":"l","side":"offer","limit":"60",
               "alternatives":[{"quantities":[["a","cpu",0,10],["b","mem",0,10]]}]},
              {"id":"x","owner":"x","side":"bid","limit":"100",
               "alternatives":[{"quantities":[["a","cpu",0,10],["b","mem",0,10]]}]},
              {"id":"y","owner":"y","side":"bid","limit":"100",
               "alternatives":[{"quantities":[["a","cpu",0,10],["b","mem",0,10]]}]}]}"#;
        let parts = parts_of(book);
        let (base, scarcity) =
            (parts.values().map(|p| p.base).sum::<i64>(), parts.values().map(|p| p.scarcity).sum::<i64>());
        assert_eq!((base, scarcity), (6_000_000_000, 4_000_000_000), "{parts:?}");
    }

    #[test]
    fn the_dearest_lender_says_what_is_asked_beside_the_operator() {
        let parts = parts_of(
            r#"{"format":"headroom.book/1","cap":"100",
                "products":[{"pool":"a","resource":"cpu","slot":0,"supply":[{"quantity":10,"reserve":"2"}]}],
                "orders":[
                  {"id":"l","owner":"l","side":"offer","limit":"120","alternatives":[{"quantities":[["a","cpu",0,20]]}]},
                  {"id":"x","owner":"x","side":"bid","limit":"200","alternatives":[{"quantities":[["a","cpu",0,20]]}]}]}"#,
        );
        assert_eq!(parts["a"], PriceParts { base: 6_000_000_000, ..PriceParts::default() });
    }

    #[test]
    fn no_part_is_below_zero_however_ratios_round() {
        for ratio in ["0.9", "0.7", "0.3", "1"] {
            let book = format!(
                r#"{{"format":"headroom.book/1","cap":"100",
                    "products":[{{"pool":"a","resource":"cpu","slot":0,"supply":[{{"quantity":70,"reserve":"0"}}]}},
                                {{"pool":"b","resource":"cpu","slot":0}}],
                    "arcs":[{{"from":["a","cpu",0],"to":["b","cpu",0],"cost":"0.000001","ratio":"{ratio}"}}],
                    "orders":[{{"id":"x","owner":"x","side":"bid","limit":"33.333333",
                        "alternatives":[{{"quantities":[["b","cpu",0,7]]}}]}}]}}"#
            );
            for of in parts_of(&book).values() {
                assert!(of.base >= 0 && of.congestion == 0 && of.transfer >= 0 && of.scarcity >= 0, "{ratio}: {of:?}");
            }
        }
    }
}
