//! An outcome from the text of its file, from whatever program. What does not fit its book is a broken rule, found here
//! and told with the others.

use crate::clearing::book::{Book, GREATEST, Side, WHOLE_NANO, parse};
use crate::clearing::check::rules::{Broken, Rule};
use crate::clearing::outcome::parts::{Award, Gap, Mode, Outcome, Quality, Reason, Refused, SetBy};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The greatest price in nano-credits, and the greatest quantity.
const GREATEST_NANO: i128 = GREATEST as i128 * WHOLE_NANO as i128;
const GREATEST_QUANTITY: i128 = GREATEST as i128;

/// The text is no outcome at all.
#[derive(Debug, thiserror::Error)]
#[error("this is no headroom.outcome/2: {0}")]
pub struct Malformed(String);

#[derive(Deserialize)]
struct Document {
    format: String,
    mode: Mode,
    quality: Quality,
    welfare: String,
    bound: String,
    gap: GapText,
    prices: Vec<PriceRow>,
    #[serde(default)]
    premiums: Vec<PremiumRow>,
    awards: Vec<AwardRow>,
    refused: Vec<RefusedRow>,
    #[serde(default)]
    supply: Vec<SupplyRow>,
    #[serde(default)]
    flows: Vec<FlowRow>,
}

#[derive(Deserialize)]
struct GapText {
    total: String,
    blocks: String,
    hosts: String,
    rounding: String,
}

#[derive(Deserialize)]
struct PriceRow {
    pool: String,
    resource: String,
    slot: i64,
    price: String,
}

#[derive(Deserialize)]
struct PremiumRow {
    node: String,
    resource: String,
    slot: i64,
    premium: String,
}

#[derive(Deserialize)]
struct AwardRow {
    order: String,
    #[serde(default)]
    alternative: usize,
    lots: i64,
    quantities: Vec<(String, String, i64, i64)>,
    #[serde(default)]
    nodes: Vec<(String, i64)>,
    money: String,
    #[serde(default)]
    limited_by: Option<Reason>,
}

#[derive(Deserialize)]
struct RefusedRow {
    order: String,
    reason: Reason,
}

#[derive(Deserialize)]
struct SupplyRow {
    pool: String,
    resource: String,
    slot: i64,
    step: usize,
    used: i64,
}

#[derive(Deserialize)]
struct FlowRow {
    arc: usize,
    flow: i64,
}

/// Reads an outcome of a book, with the rules that its form breaks already.
pub fn read(book: &Book, text: &[u8]) -> Result<(Outcome, Vec<Broken>), Malformed> {
    let document: Document = serde_json::from_slice(text).map_err(|error| Malformed(error.to_string()))?;
    if document.format != "headroom.outcome/2" {
        return Err(Malformed(format!("its format is \"{}\"", document.format)));
    }
    // Nothing larger comes of the numbers that a book may have, and sums of it fit.
    let number = |text: &str, digits: u32| {
        let read = parse(text, digits).filter(|value| value.abs() <= GREATEST_NANO * GREATEST_QUANTITY);
        read.ok_or_else(|| Malformed(format!("\"{text}\" is no decimal with up to {digits} digits")))
    };
    let mut reader = Reader::new(book, document.mode);
    reader.outcome.quality = document.quality;
    reader.outcome.welfare_nano = number(&document.welfare, 9)?;
    reader.outcome.bound_nano = number(&document.bound, 9)?;
    let GapText { total, blocks, hosts, rounding } = &document.gap;
    reader.outcome.gap =
        Gap { blocks_nano: number(blocks, 9)?, hosts_nano: number(hosts, 9)?, rounding_nano: number(rounding, 9)? };
    if number(total, 9)? != reader.outcome.gap.total_nano() {
        reader.broken.push(Broken::new(Rule::V8, "the parts of the gap do not add up").text("total", total));
    }
    for row in &document.prices {
        let price = number(&row.price, 9)?;
        reader.price(row, price);
    }
    for (number, product) in book.products.iter().enumerate() {
        if product.is_listed && !reader.priced.contains(&number) {
            reader.broken.push(Broken::new(Rule::V2, "a product has no price").product(book, number));
        }
    }
    for row in &document.premiums {
        let premium = number(&row.premium, 9)?;
        reader.premium(row, premium);
    }
    document.supply.iter().for_each(|row| reader.supply(row));
    document.flows.iter().for_each(|row| reader.flow(row));
    for row in &document.awards {
        let money = number(&row.money, 6)?;
        reader.award(row, money);
    }
    document.refused.iter().for_each(|row| reader.refused(row));
    let named = &reader.named;
    let missing = book.orders.iter().enumerate().filter(|(order, _)| !named.contains(order));
    let missing =
        missing.map(|(order, _)| Broken::new(Rule::V1, "an order is neither awarded nor refused").order(book, order));
    reader.broken.extend(missing);
    Ok((reader.outcome, reader.broken))
}

struct Reader<'b> {
    book: &'b Book,
    products: BTreeMap<(&'b str, &'b str, i64), usize>,
    nodes: BTreeMap<&'b str, usize>,
    orders: BTreeMap<&'b str, usize>,
    outcome: Outcome,
    broken: Vec<Broken>,
    priced: BTreeSet<usize>,
    named: BTreeSet<usize>,
    /// Supply steps and arcs that a row has told of.
    steps: BTreeSet<(Option<usize>, usize)>,
    arcs: BTreeSet<usize>,
}

impl<'b> Reader<'b> {
    fn new(book: &'b Book, mode: Mode) -> Self {
        let key = |(number, product): (usize, &'b crate::clearing::book::Product)| {
            ((product.key.pool.as_str(), product.key.resource.as_str(), product.key.slot), number)
        };
        Reader {
            book,
            products: book.products.iter().enumerate().map(key).collect(),
            nodes: book.nodes.iter().enumerate().map(|(number, node)| (node.id.as_str(), number)).collect(),
            orders: book.orders.iter().enumerate().map(|(number, order)| (&*order.id, number)).collect(),
            outcome: Outcome { set_by: vec![SetBy::Nothing; book.products.len()], ..Outcome::empty(book, mode) },
            broken: Vec::new(),
            priced: BTreeSet::new(),
            named: BTreeSet::new(),
            steps: BTreeSet::new(),
            arcs: BTreeSet::new(),
        }
    }

    fn bad(&mut self, rule: Rule, what: &'static str, name: &str) {
        self.broken.push(Broken::new(rule, what).text("name", name));
    }

    fn price(&mut self, row: &PriceRow, price: i128) {
        let product = self.products.get(&(&*row.pool, &*row.resource, row.slot)).copied();
        match product.filter(|n| {
            (0..=GREATEST_NANO).contains(&price) && self.book.products[*n].is_listed && self.priced.insert(*n)
        }) {
            Some(product) => self.outcome.prices_nano[product] = price,
            None => self.bad(Rule::V2, "a price is out of range, given twice or of an unknown product", &row.pool),
        }
    }

    fn premium(&mut self, row: &PremiumRow, premium: i128) {
        let node = self.nodes.get(&*row.node).copied();
        let place = node.and_then(|node| {
            let pool = &self.book.pools[self.book.nodes[node].pool].name;
            Some((node, *self.products.get(&(pool.as_str(), &*row.resource, row.slot))?))
        });
        let is_new = |place: &(usize, usize)| !self.outcome.premiums_nano.contains_key(place);
        match place.filter(|place| (0..=GREATEST_NANO).contains(&premium) && is_new(place)) {
            Some(place) => drop(self.outcome.premiums_nano.insert(place, premium)),
            None => self.bad(Rule::V2, "a premium is out of range, given twice or of an unknown place", &row.node),
        }
    }

    fn supply(&mut self, row: &SupplyRow) {
        let product = self.products.get(&(&*row.pool, &*row.resource, row.slot)).copied();
        let is_new = self.steps.insert((product, row.step));
        let step = product.and_then(|product| self.outcome.used[product].get_mut(row.step));
        match step.filter(|_| row.used >= 0 && is_new) {
            Some(used) => *used = row.used,
            None => self.bad(Rule::V1, "a supply step is unknown, negative or given twice", &row.pool),
        }
    }

    fn flow(&mut self, row: &FlowRow) {
        let is_new = self.arcs.insert(row.arc);
        match self.outcome.flows.get_mut(row.arc).filter(|_| row.flow >= 0 && is_new) {
            Some(flow) => *flow = row.flow,
            None => self.bad(Rule::V1, "a flow is negative, given twice or of an unknown arc", &row.arc.to_string()),
        }
    }

    fn award(&mut self, row: &AwardRow, money_micro: i128) {
        let known = self.orders.get(&*row.order).copied();
        let Some(order) = known.filter(|order| self.named.insert(*order)) else {
            return self.bad(Rule::V1, "an award is of an unknown order, or one of two", &row.order);
        };
        let form = &self.book.orders[order];
        let alternative = self.book.alternatives_of(form).get(row.alternative);
        let Some(alternative) = alternative.filter(|a| (a.least..=a.lots).contains(&row.lots)) else {
            return self.bad(Rule::V1, "an alternative or a number of lots is out of range", &row.order);
        };
        let mut quantities: Vec<_> = self
            .book
            .lines_of(alternative)
            .iter()
            .map(|line| {
                let key = &self.book.products[line.product].key;
                (key.pool.clone(), key.resource.clone(), key.slot, line.quantity * row.lots)
            })
            .collect();
        let mut told = row.quantities.clone();
        quantities.sort_unstable();
        told.sort_unstable();
        if quantities != told {
            self.bad(Rule::V1, "quantities are not lots times lot", &row.order);
        }
        let mut hosts: Vec<(usize, i64)> = Vec::new();
        for (name, lots) in &row.nodes {
            let node = self.nodes.get(name.as_str()).copied();
            let is_free = |node: &usize| {
                let pool = self.book.nodes[*node].pool;
                let buys = self.book.pools_with_nodes(alternative).contains(&pool);
                buys && self.book.hosts_in(alternative, pool).any(|host| host == *node)
                    && hosts.iter().all(|(n, _)| n != node)
            };
            match node.filter(|node| *lots >= 1 && is_free(node)) {
                Some(node) => hosts.push((node, *lots)),
                None => self.bad(Rule::V1, "a lot lies where its order may not", &row.order),
            }
        }
        if form.side == Side::Offer && hosts.is_empty() {
            let pools = self.book.pools_with_nodes(alternative);
            hosts =
                pools.iter().flat_map(|pool| self.book.hosts_in(alternative, *pool)).map(|n| (n, row.lots)).collect();
        }
        let (alternative, limited_by) = (row.alternative, row.limited_by);
        self.outcome.awards.push(Award { order, alternative, lots: row.lots, hosts, money_micro, limited_by });
    }

    fn refused(&mut self, row: &RefusedRow) {
        let known = self.orders.get(&*row.order).copied();
        match known.filter(|order| self.named.insert(*order)) {
            Some(order) => {
                let refused = Refused { order, reason: row.reason, cost_micro: 0, shortfall_micro: 0 };
                self.outcome.refused.push(refused);
            }
            None => self.bad(Rule::V1, "a refusal is of an unknown order, given twice or of a winner", &row.order),
        }
    }
}
