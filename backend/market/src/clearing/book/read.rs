//! A book from the bytes of its file, or all its faults.
//!
//! Orders are read one at a time, so that a million of them need no second copy. What they name may be listed after
//! them: names are resolved when everything is read.

use crate::clearing::book::fields::{Fault, Faults, GREATEST};
use crate::clearing::book::names::ProductNames;
use crate::clearing::book::orders::Orders;
use crate::clearing::book::parts::{Arc, Book, Node, Pool, Product, ProductKey, Side, SupplyStep, WHOLE_NANO};
use crate::clearing::book::tree::{Key, Tree};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Reads and validates a book; refused with all its faults, in the order of their pointers.
pub fn read(bytes: &[u8]) -> Result<Book, Vec<Fault>> {
    let mut parts = Parts::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    if let Err(error) = (&mut json).deserialize_map(&mut parts).and_then(|()| json.end()) {
        parts.faults.add("", format!("This is no JSON object of a book: {error}."));
        return Err(parts.faults.0);
    }
    let mut book = parts.resolve()?;
    book.hash = format!("blake3:{}", blake3::hash(bytes).to_hex());
    Ok(book)
}

/// What was read, before names are resolved.
#[derive(Default)]
struct Parts {
    faults: Faults,
    products: ProductNames,
    keys: Vec<String>,
    format: Option<String>,
    alpha_nano: i64,
    listed: BTreeMap<usize, Listed>,
    arcs: Vec<Arc>,
    nodes: Vec<ListedNode>,
    lending: BTreeMap<usize, BTreeMap<usize, Lending>>,
    orders: Orders,
}

struct Listed {
    reference_nano: i128,
    supply: Vec<SupplyStep>,
}

struct ListedNode {
    number: usize,
    id: String,
    pool: String,
    capacity: BTreeMap<String, i64>,
    committed: BTreeMap<(String, i64), i64>,
}

struct Lending {
    /// Baseline less the greater of floor and forecast.
    lendable: i64,
    offered: i128,
    at: String,
}

impl<'de> Visitor<'de> for &mut Parts {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a book")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = fields.next_key()? {
            if self.keys.iter().any(|known| *known == key) {
                self.faults.add(format!("/{key}"), "This key is given twice.");
            }
            self.keys.push(key.clone().into_owned());
            if key == "orders" {
                fields.next_value_seed(OrderList(self))?;
            } else {
                let value: Tree<'de> = fields.next_value()?;
                self.field(&key, &value);
            }
        }
        for key in ["format", "products", "orders"] {
            if !self.keys.iter().any(|known| known == key) {
                self.faults.add(format!("/{key}"), "This key is missing.");
            }
        }
        Ok(())
    }
}

/// The list of orders, read one by one.
struct OrderList<'p>(&'p mut Parts);

impl<'de> DeserializeSeed<'de> for OrderList<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OrderList<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of orders")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Parts { orders, products, faults, .. } = self.0;
        while let Some(order) = items.next_element::<Tree<'de>>()? {
            orders.add(&order, products, faults);
        }
        Ok(())
    }
}

impl Parts {
    fn field(&mut self, key: &str, value: &Tree<'_>) {
        match key {
            "format" => self.format = self.faults.text(value, "/format").map(str::to_owned),
            "alpha" => {
                let alpha = self.faults.decimal(Some(value), "/alpha", 9, 1, 0);
                self.alpha_nano = i64::try_from(alpha).unwrap_or(WHOLE_NANO);
            }
            "products" => self.each(value, key, Self::product),
            "arcs" => self.each(value, key, Self::arc),
            "nodes" => self.each(value, key, Self::node),
            "workloads" => self.each(value, key, Self::workload),
            _ => self.faults.add(format!("/{key}"), "This key is unknown."),
        }
    }

    fn each(&mut self, value: &Tree<'_>, key: &str, read: impl Fn(&mut Self, &Tree<'_>, &str)) {
        let at = format!("/{key}");
        for (index, item) in self.faults.list(Some(value), &at).iter().enumerate() {
            read(self, item, &format!("{at}/{index}"));
        }
    }

    fn product(&mut self, tree: &Tree<'_>, at: &str) {
        let need = ["pool", "resource", "slot"];
        let Some(fields) = self.faults.object(tree, at, &need, &["reference", "supply", "band"]) else { return };
        let parts = need.map(|key| fields.get(key).cloned().unwrap_or(Tree::Null));
        let Some(number) = self.products.read_parts(&parts, at, &mut self.faults) else { return };
        let reference = self.faults.decimal(fields.get("reference"), &format!("{at}/reference"), 9, GREATEST, 1);
        self.faults.decimal(fields.get("band"), &format!("{at}/band"), 9, GREATEST, 0);
        if reference == 0 {
            self.faults.add(format!("{at}/reference"), "A reference price is above 0.");
        }
        let mut supply = Vec::new();
        for (index, step) in self.faults.list(fields.get("supply"), &format!("{at}/supply")).iter().enumerate() {
            let here = format!("{at}/supply/{index}");
            let Some(step) = self.faults.object(step, &here, &["quantity"], &["reserve"]) else { continue };
            let quantity = step.get("quantity").map(|q| self.faults.quantity(q, &format!("{here}/quantity"), 0));
            let reserve_nano = self.faults.decimal(step.get("reserve"), &format!("{here}/reserve"), 9, GREATEST, 0);
            supply.push(SupplyStep { quantity: quantity.unwrap_or(0), reserve_nano });
        }
        let listed = Listed { reference_nano: reference, supply };
        if self.listed.insert(number, listed).is_some() {
            self.faults.add(at, "This product is listed twice.");
        }
    }

    fn arc(&mut self, tree: &Tree<'_>, at: &str) {
        let Some(fields) = self.faults.object(tree, at, &["from", "to"], &["cost", "limit"]) else { return };
        let mut end = |key: &str| {
            let tree = fields.get(key).unwrap_or(&Tree::Null);
            self.products.read(tree, &format!("{at}/{key}"), &mut self.faults)
        };
        let (from, to) = (end("from"), end("to"));
        let cost_nano = self.faults.decimal(fields.get("cost"), &format!("{at}/cost"), 9, GREATEST, 0);
        let limit = fields.get("limit").filter(|limit| !matches!(limit, Tree::Null));
        let limit = limit.map(|limit| self.faults.quantity(limit, &format!("{at}/limit"), 0));
        let (Some(from), Some(to)) = (from, to) else { return };
        if from == to {
            self.faults.add(at, "An arc joins two products.");
        }
        self.arcs.push(Arc { from, to, cost_nano, limit });
    }

    fn node(&mut self, tree: &Tree<'_>, at: &str) {
        let Some(fields) = self.faults.object(tree, at, &["id", "pool", "capacity"], &["committed"]) else { return };
        let mut text = |key: &str| {
            let tree = fields.get(key).unwrap_or(&Tree::Null);
            self.faults.text(tree, &format!("{at}/{key}")).map(str::to_owned)
        };
        let (Some(id), Some(pool)) = (text("id"), text("pool")) else { return };
        let number = self.orders.nodes.number(&id);
        if self.nodes.iter().any(|known| known.number == number) {
            self.faults.add(format!("{at}/id"), "This node is listed twice.");
        }
        let mut capacity = BTreeMap::new();
        match fields.get("capacity") {
            Some(Tree::Object(rooms)) => {
                for (resource, room) in rooms {
                    let here = format!("{at}/capacity/{resource}");
                    let room = self.faults.quantity(room, &here, 0);
                    if capacity.insert(resource.clone().into_owned(), room).is_some() {
                        self.faults.add(here, "This key is given twice.");
                    }
                }
            }
            _ => self.faults.add(format!("{at}/capacity"), "This is not an object."),
        }
        let committed = self.committed(fields.get("committed"), &format!("{at}/committed"));
        self.nodes.push(ListedNode { number, id, pool, capacity, committed });
    }

    /// Rows `[resource, slot, quantity]` of what earlier rounds have given of a node.
    fn committed(&mut self, tree: Option<&Tree<'_>>, at: &str) -> BTreeMap<(String, i64), i64> {
        let mut committed = BTreeMap::new();
        for (index, row) in self.faults.list(tree, at).iter().enumerate() {
            let here = format!("{at}/{index}");
            let parts: &[Tree<'_>] = if let Tree::List(parts) = row { parts } else { &[] };
            let [Tree::Text(resource), Tree::Integer(slot), quantity] = parts else {
                self.faults.add(here, "This is not [resource, slot, quantity].");
                continue;
            };
            let quantity = self.faults.quantity(quantity, &format!("{here}/2"), 0);
            if committed.insert((resource.clone().into_owned(), *slot), quantity).is_some() {
                self.faults.add(here, "This resource and slot are given twice.");
            }
        }
        committed
    }

    fn workload(&mut self, tree: &Tree<'_>, at: &str) {
        let Some(fields) = self.faults.object(tree, at, &["id", "lending"], &[]) else { return };
        let Some(id) = fields.get("id").and_then(|id| self.faults.text(id, &format!("{at}/id"))) else { return };
        let number = self.orders.workloads.number(id);
        if self.lending.contains_key(&number) {
            self.faults.add(format!("{at}/id"), "This workload is listed twice.");
        }
        let mut lending = BTreeMap::new();
        for (index, row) in self.faults.list(fields.get("lending"), &format!("{at}/lending")).iter().enumerate() {
            let at = format!("{at}/lending/{index}");
            let need = ["product", "baseline", "floor", "forecast"];
            let Some(row) = self.faults.object(row, &at, &need, &[]) else { continue };
            let [baseline, floor, forecast] = ["baseline", "floor", "forecast"].map(|key| {
                let tree = row.get(key).unwrap_or(&Tree::Null);
                self.faults.quantity(tree, &format!("{at}/{key}"), 0)
            });
            let product = row.get("product").unwrap_or(&Tree::Null);
            let product = self.products.read(product, &format!("{at}/product"), &mut self.faults);
            if let Some(product) = product {
                lending.insert(product, Lending { lendable: baseline - floor.max(forecast), offered: 0, at });
            }
        }
        self.lending.insert(number, lending);
    }

    /// Numbers products by name and checks what orders name.
    fn resolve(mut self) -> Result<Book, Vec<Fault>> {
        if self.format.as_deref() != Some("headroom.book/2") {
            self.faults.add("/format", "The format is \"headroom.book/2\".");
        }
        let (keys, places) = std::mem::take(&mut self.products).sorted();
        let (pools, nodes, node_places) = self.pools_and_nodes(&keys);
        self.check_names(&keys, &pools, &nodes, &node_places, &places);
        self.check_lending();
        let Parts { mut faults, listed, arcs, orders, alpha_nano, .. } = self;
        if !faults.0.is_empty() {
            faults.0.sort();
            faults.0.dedup();
            return Err(faults.0);
        }
        let mut listed: BTreeMap<usize, Listed> = listed.into_iter().map(|(n, of)| (places[n], of)).collect();
        let pool_of: BTreeMap<&str, usize> = pools.iter().enumerate().map(|(n, p)| (p.name.as_str(), n)).collect();
        let products = keys.iter().enumerate().map(|(number, key)| {
            let of = listed.remove(&number);
            Product {
                key: key.clone(),
                pool: pool_of[key.pool.as_str()],
                reference_nano: of.as_ref().map_or(i128::from(WHOLE_NANO), |of| of.reference_nano),
                is_listed: of.is_some(),
                supply: of.map(|of| of.supply).unwrap_or_default(),
            }
        });
        let mut products: Vec<Product> = products.collect();
        let arcs: Vec<Arc> = arcs.into_iter().map(|a| Arc { from: places[a.from], to: places[a.to], ..a }).collect();
        let Orders { orders, names, mut alternatives, mut lines, mut hosts, .. } = orders;
        lines.iter_mut().for_each(|line| line.product = places[line.product]);
        hosts.iter_mut().for_each(|host| *host = node_places[host]);
        for (order, names) in orders.iter().zip(&names) {
            for alternative in &mut alternatives[order.alternatives.clone()] {
                alternative.bound = !alternative.hosts.is_empty();
                if let Some(node) = names.node.filter(|_| !alternative.bound) {
                    alternative.hosts = hosts.len()..hosts.len() + 1;
                    hosts.push(node_places[&node]);
                }
            }
        }
        let ends = arcs.iter().flat_map(|arc| [arc.from, arc.to]);
        let bought = alternatives.iter().flat_map(|a| a.lines.clone()).map(|line| lines[line].product);
        ends.chain(bought).for_each(|product| products[product].is_listed = true);
        let hash = String::new();
        Ok(Book { alpha_nano, pools, products, nodes, arcs, orders, alternatives, lines, hosts, hash })
    }

    /// Pools in the order of their names, nodes in that of their pools and ids, and the place of each node's number.
    fn pools_and_nodes(&mut self, keys: &[ProductKey]) -> (Vec<Pool>, Vec<Node>, BTreeMap<usize, usize>) {
        let mut pools: BTreeMap<&str, Pool> = BTreeMap::new();
        for (number, key) in keys.iter().enumerate() {
            let pool = pools.entry(&key.pool).or_insert_with(|| Pool { products: number..number, ..Pool::default() });
            pool.products.end = number + 1;
        }
        self.nodes.sort_by(|a, b| (&a.pool, &a.id).cmp(&(&b.pool, &b.id)));
        let (mut nodes, mut places) = (Vec::new(), BTreeMap::new());
        for listed in &self.nodes {
            let pool = pools.entry(&listed.pool).or_default();
            pool.nodes.push(nodes.len());
            places.insert(listed.number, nodes.len());
            let room = pool.products.clone().map(|n| {
                let all = listed.capacity.get(&keys[n].resource).copied().unwrap_or(0);
                let committed = listed.committed.get(&(keys[n].resource.clone(), keys[n].slot)).copied().unwrap_or(0);
                (all - committed).max(0)
            });
            nodes.push(Node { id: listed.id.clone(), pool: 0, room: room.collect() });
        }
        let mut list = Vec::new();
        for (number, (name, pool)) in pools.into_iter().enumerate() {
            pool.nodes.iter().for_each(|node| nodes[*node].pool = number);
            list.push(Pool { name: name.to_owned(), ..pool });
        }
        (list, nodes, places)
    }

    /// Ids that are used twice, nodes and workloads that are not listed, offers without their node.
    fn check_names(
        &mut self,
        keys: &[ProductKey],
        pools: &[Pool],
        nodes: &[Node],
        node_places: &BTreeMap<usize, usize>,
        places: &[usize],
    ) {
        let orders = &self.orders.orders;
        let mut by_id: Vec<usize> = (0..orders.len()).collect();
        by_id.sort_unstable_by_key(|n| (&orders[*n].id, *n));
        for pair in by_id.windows(2).filter(|pair| orders[pair[0]].id == orders[pair[1]].id) {
            let at = format!("/orders/{}/id", self.orders.names[pair[1]].place);
            self.faults.add(at, "This order id is used twice.");
        }
        let with_nodes: BTreeMap<&str, usize> =
            pools.iter().enumerate().filter(|(_, p)| !p.nodes.is_empty()).map(|(n, p)| (p.name.as_str(), n)).collect();
        for (order, names) in orders.iter().zip(&self.orders.names) {
            let at = || format!("/orders/{}", names.place);
            let node = names.node.and_then(|node| node_places.get(&node));
            if names.node.is_some() && node.is_none() {
                self.faults.add(format!("{}/node", at()), "This node is not listed.");
            }
            for (index, alternative) in self.orders.alternatives[order.alternatives.clone()].iter().enumerate() {
                let at = || format!("{}/alternatives/{index}", at());
                let unlisted = |host: &usize| !node_places.contains_key(&self.orders.hosts[*host]);
                if alternative.hosts.clone().any(|host| unlisted(&host)) {
                    self.faults.add(format!("{}/nodes", at()), "These nodes are not all listed.");
                }
                let pool = |line: usize| keys[places[self.orders.lines[line].product]].pool.as_str();
                let buys_in = |name: &str| alternative.lines.clone().any(|line| pool(line) == name);
                let in_other = |line: usize| !buys_in(pool(line)) || !with_nodes.contains_key(pool(line));
                if alternative.room.clone().any(in_other) {
                    let detail = "Room is taken only in a pool with nodes that the alternative buys in.";
                    self.faults.add(format!("{}/room", at()), detail);
                }
                if order.side == Side::Bid {
                    continue;
                }
                if alternative.lines.len() > 1 {
                    let detail = "An offer has one product in one slot. Make an offer for each.";
                    self.faults.add(format!("{}/quantities", at()), detail);
                }
                let home = alternative.lines.clone().find_map(|line| with_nodes.get(pool(line)));
                if home.is_some_and(|home| node.is_none_or(|node| nodes[*node].pool != *home)) {
                    let detail = "An offer in a pool with nodes names one of them.";
                    self.faults.add(format!("/orders/{}/node", names.place), detail);
                }
            }
        }
    }

    /// Each workload offers no more than its baseline less the greater of floor and forecast (rule book §3).
    fn check_lending(&mut self) {
        for (order, names) in self.orders.orders.iter().zip(&self.orders.names) {
            let Some(workload) = names.workload else { continue };
            let at = || format!("/orders/{}/workload", names.place);
            let Some(lending) = self.lending.get_mut(&workload) else {
                self.faults.add(at(), "This workload is not listed.");
                continue;
            };
            for alternative in &self.orders.alternatives[order.alternatives.clone()] {
                for line in &self.orders.lines[alternative.lines.clone()] {
                    match lending.get_mut(&line.product) {
                        Some(of) => of.offered += i128::from(line.quantity) * i128::from(alternative.lots),
                        None => self.faults.add(at(), "This workload does not list the product."),
                    }
                }
            }
        }
        for of in self.lending.values().flat_map(BTreeMap::values).filter(|of| of.offered > i128::from(of.lendable)) {
            let detail =
                format!("Offers of {} are more than baseline - max(floor, forecast) = {}.", of.offered, of.lendable);
            self.faults.add(&of.at, detail);
        }
    }
}
