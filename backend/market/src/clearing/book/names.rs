//! Names as numbers while a book is read: products and nodes may be used before they are listed.

use crate::clearing::book::fields::Faults;
use crate::clearing::book::parts::ProductKey;
use crate::clearing::book::tree::Tree;
use std::collections::BTreeMap;

/// Products in the order in which they were first named.
#[derive(Default)]
pub struct ProductNames {
    numbers: BTreeMap<String, BTreeMap<String, BTreeMap<i64, usize>>>,
    pub count: usize,
}

impl ProductNames {
    pub fn number(&mut self, pool: &str, resource: &str, slot: i64) -> usize {
        let known = self.numbers.get(pool).and_then(|of| of.get(resource)).and_then(|of| of.get(&slot));
        if let Some(number) = known {
            return *number;
        }
        let of_pool = self.numbers.entry(pool.to_owned()).or_default();
        of_pool.entry(resource.to_owned()).or_default().insert(slot, self.count);
        self.count += 1;
        self.count - 1
    }

    /// A product written `[pool, resource, slot]`.
    pub fn read(&mut self, tree: &Tree<'_>, at: &str, faults: &mut Faults) -> Option<usize> {
        match tree {
            Tree::List(parts) => self.read_parts(parts, at, faults),
            _ => self.read_parts(&[], at, faults),
        }
    }

    pub fn read_parts(&mut self, parts: &[Tree<'_>], at: &str, faults: &mut Faults) -> Option<usize> {
        match parts {
            [Tree::Text(pool), Tree::Text(resource), Tree::Integer(slot)]
                if !pool.is_empty() && !resource.is_empty() && *slot >= 0 =>
            {
                Some(self.number(pool, resource, *slot))
            }
            _ => {
                faults.add(at, "This is not a product: [pool, resource, slot].");
                None
            }
        }
    }

    /// The products in the order of their names, and the place of each number in it.
    pub fn sorted(self) -> (Vec<ProductKey>, Vec<usize>) {
        let mut places = vec![0; self.count];
        let mut keys = Vec::with_capacity(self.count);
        for (pool, resources) in self.numbers {
            for (resource, slots) in resources {
                for (slot, number) in slots {
                    places[number] = keys.len();
                    keys.push(ProductKey { pool: pool.clone(), resource: resource.clone(), slot });
                }
            }
        }
        (keys, places)
    }
}
