//! The JSON text of an outcome.

use crate::clearing::book::{Book, Line, print as decimal};
use crate::clearing::outcome::parts::{Award, Mode, Outcome, Quality, Reason, Refused, SetBy};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

type ProductRow<'b> = (&'b str, &'b str, i64, i64);

#[derive(Serialize)]
struct Document<'b> {
    format: &'static str,
    mode: Mode,
    quality: Quality,
    welfare: String,
    bound: String,
    gap: GapText,
    prices: Vec<PriceRow<'b>>,
    premiums: Vec<PremiumRow<'b>>,
    awards: Rows<'b, Award, AwardRow<'b>>,
    refused: Rows<'b, Refused, RefusedRow<'b>>,
    supply: Vec<SupplyRow<'b>>,
    flows: Vec<FlowRow>,
    certificate: Certificate<'b>,
}

#[derive(Serialize)]
struct GapText {
    total: String,
    blocks: String,
    hosts: String,
    rounding: String,
}

#[derive(Serialize)]
struct PriceRow<'b> {
    pool: &'b str,
    resource: &'b str,
    slot: i64,
    price: String,
    set_by: String,
}

#[derive(Serialize)]
struct PremiumRow<'b> {
    node: &'b str,
    resource: &'b str,
    slot: i64,
    premium: String,
}

#[derive(Serialize)]
struct AwardRow<'b> {
    order: &'b str,
    alternative: usize,
    lots: i64,
    quantities: Vec<ProductRow<'b>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<(&'b str, i64)>,
    money: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_by: Option<Reason>,
}

#[derive(Serialize)]
struct RefusedRow<'b> {
    order: &'b str,
    reason: Reason,
    cost: String,
    shortfall: String,
}

#[derive(Serialize)]
struct SupplyRow<'b> {
    pool: &'b str,
    resource: &'b str,
    slot: i64,
    step: usize,
    used: i64,
}

#[derive(Serialize)]
struct FlowRow {
    arc: usize,
    flow: i64,
}

#[derive(Serialize)]
struct Certificate<'b> {
    verified: bool,
    input_hash: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_hash: Option<String>,
}

/// Rows that are written one by one, so that a million of them need no second copy.
struct Rows<'b, T, R> {
    book: &'b Book,
    items: &'b [T],
    row: fn(&'b Book, &'b T) -> R,
}

impl<T, R: Serialize> Serialize for Rows<'_, T, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.items.len()))?;
        self.items.iter().try_for_each(|item| list.serialize_element(&(self.row)(self.book, item)))?;
        list.end()
    }
}

/// The JSON text, with the hash of all of it but the certificate.
pub fn print(book: &Book, outcome: &Outcome) -> String {
    let mut document = document(book, outcome);
    let bare = text(&document);
    document.certificate.result_hash = Some(format!("blake3:{}", blake3::hash(bare.as_bytes()).to_hex()));
    text(&document)
}

fn text(document: &Document<'_>) -> String {
    serde_json::to_string(document).expect("an outcome holds nothing that JSON can't")
}

fn document<'b>(book: &'b Book, outcome: &'b Outcome) -> Document<'b> {
    let gap = &outcome.gap;
    let priced = book.products.iter().enumerate().filter(|(_, product)| product.is_listed);
    let prices = priced.map(|(number, product)| PriceRow {
        pool: &product.key.pool,
        resource: &product.key.resource,
        slot: product.key.slot,
        price: decimal(outcome.prices_nano[number], 9),
        set_by: set_by(book, outcome.set_by[number]),
    });
    let premiums = outcome.premiums_nano.iter().map(|((node, product), premium)| {
        let key = &book.products[*product].key;
        PremiumRow {
            node: &book.nodes[*node].id,
            resource: &key.resource,
            slot: key.slot,
            premium: decimal(*premium, 9),
        }
    });
    let supply = outcome.used.iter().enumerate().flat_map(|(number, steps)| {
        let key = &book.products[number].key;
        let row = move |(step, used): (usize, &i64)| SupplyRow {
            pool: &key.pool,
            resource: &key.resource,
            slot: key.slot,
            step,
            used: *used,
        };
        steps.iter().enumerate().map(row)
    });
    let flows = outcome.flows.iter().enumerate().map(|(arc, flow)| FlowRow { arc, flow: *flow });
    Document {
        format: "headroom.outcome/2",
        mode: outcome.mode,
        quality: outcome.quality,
        welfare: decimal(outcome.welfare_nano, 9),
        bound: decimal(outcome.bound_nano, 9),
        gap: GapText {
            total: decimal(gap.total_nano(), 9),
            blocks: decimal(gap.blocks_nano, 9),
            hosts: decimal(gap.hosts_nano, 9),
            rounding: decimal(gap.rounding_nano, 9),
        },
        prices: prices.collect(),
        premiums: premiums.collect(),
        awards: Rows { book, items: &outcome.awards, row: award_row },
        refused: Rows { book, items: &outcome.refused, row: refused_row },
        supply: supply.collect(),
        flows: flows.collect(),
        certificate: Certificate { verified: true, input_hash: &book.hash, result_hash: None },
    }
}

fn award_row<'b>(book: &'b Book, award: &'b Award) -> AwardRow<'b> {
    let order = &book.orders[award.order];
    let lines = book.lines_of(&book.alternatives_of(order)[award.alternative]);
    let quantity = |line: &Line| {
        let key = &book.products[line.product].key;
        (key.pool.as_str(), key.resource.as_str(), key.slot, line.quantity * award.lots)
    };
    AwardRow {
        order: &order.id,
        alternative: award.alternative,
        lots: award.lots,
        quantities: lines.iter().map(quantity).collect(),
        nodes: award.hosts.iter().map(|(node, lots)| (book.nodes[*node].id.as_str(), *lots)).collect(),
        money: decimal(award.money_micro, 6),
        limited_by: award.limited_by,
    }
}

fn refused_row<'b>(book: &'b Book, refused: &'b Refused) -> RefusedRow<'b> {
    RefusedRow {
        order: &book.orders[refused.order].id,
        reason: refused.reason,
        cost: decimal(refused.cost_micro, 6),
        shortfall: decimal(refused.shortfall_micro, 6),
    }
}

fn set_by(book: &Book, set_by: SetBy) -> String {
    match set_by {
        SetBy::Bid(order) => format!("bid:{}", book.orders[order].id),
        SetBy::Offer(order) => format!("offer:{}", book.orders[order].id),
        SetBy::Reserve(step) => format!("reserve:{step}"),
        SetBy::Arc(arc) => format!("arc:{arc}"),
        SetBy::Nothing => "none".to_owned(),
    }
}
