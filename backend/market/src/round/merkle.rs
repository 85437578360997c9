//! Commit and open: the Merkle root of a sealed book, and the proof that an order is in it.
//!
//! The leaves are the orders in the book's order, and last of all the rest of the book (supply, collars,
//! nodes, workloads), so that nobody can change that either once the root is out. Leaf = BLAKE3("leaf" ‖
//! order, or rest, as JSON), node = BLAKE3("node" ‖ left ‖ right); an odd node
//! moves up unchanged. The tags keep a leaf from being passed off as a node.
use crate::clearing::{Book, Order};
use blake3::Hash;

/// The bytes of an order's leaf.
pub fn order_document(order: &Order) -> String {
    serde_json::to_string(order).unwrap_or_default()
}

/// The bytes of the last leaf: the book without its orders, with seed 0, as the seed is made from the root.
pub fn rest_document(book: &Book) -> String {
    let rest = Book {
        format: book.format.clone(),
        cap: book.cap,
        alpha: book.alpha.clone(),
        seed: 0,
        slot_base: book.slot_base.clone(),
        slot_seconds: book.slot_seconds,
        products: book.products.clone(),
        arcs: book.arcs.clone(),
        instances: book.instances.clone(),
        nodes: book.nodes.clone(),
        orders: Vec::new(),
        budgets: book.budgets.clone(),
    };
    serde_json::to_string(&rest).unwrap_or_default()
}

/// All leaves of a book: its orders, then the rest.
pub fn leaves(book: &Book) -> Vec<Hash> {
    let orders = book.orders.iter().map(|o| leaf(&order_document(o)));
    orders.chain([leaf(&rest_document(book))]).collect()
}

pub fn leaf(document: &str) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"leaf").update(document.as_bytes());
    hasher.finalize()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"node").update(left.as_bytes()).update(right.as_bytes());
    hasher.finalize()
}

fn level_up(level: &[Hash]) -> Vec<Hash> {
    level.chunks(2).map(|pair| if let [l, r] = pair { node(l, r) } else { pair[0] }).collect()
}

/// The root over the leaves in their order; of no leaves, the hash of nothing.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level_up(&level);
    }
    level.first().copied().unwrap_or_else(|| blake3::hash(b""))
}

/// The siblings from leaf `index` up; `None` where a node moved up alone.
pub fn proof(leaves: &[Hash], mut index: usize) -> Vec<Option<Hash>> {
    let mut level = leaves.to_vec();
    let mut path = Vec::new();
    while level.len() > 1 {
        path.push(level.get(index ^ 1).copied());
        level = level_up(&level);
        index /= 2;
    }
    path
}

/// Whether `leaf` at `index` belongs to `root`.
pub fn includes(root: &Hash, leaf: Hash, mut index: usize, path: &[Option<Hash>]) -> bool {
    let mut hash = leaf;
    for sibling in path {
        hash = match sibling {
            Some(other) if index.is_multiple_of(2) => node(&hash, other),
            Some(other) => node(other, &hash),
            None => hash,
        };
        index /= 2;
    }
    hash == *root
}

/// First 8 bytes, as a big-endian integer, of BLAKE3 over the text root ‖ line feed ‖ previous root ‖ line feed ‖
/// round number, both roots in hex and the number in decimal.
pub fn seed(root: &str, previous_root: &str, round: u64) -> u64 {
    let hash = blake3::hash(format!("{root}\n{previous_root}\n{round}").as_bytes());
    let mut first = [0u8; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_proved_and_nothing_else() {
        for count in 1..12 {
            let leaves: Vec<Hash> = (0..count).map(|n| leaf(&format!("order {n}"))).collect();
            let top = root(&leaves);
            for (index, one) in leaves.iter().enumerate() {
                let path = proof(&leaves, index);
                assert!(includes(&top, *one, index, &path));
                assert!(!includes(&top, leaf("another"), index, &path));
            }
        }
    }

    #[test]
    fn supply_is_committed_to_and_the_seed_is_not() {
        let mut book = Book::new(crate::clearing::Money(1), 7);
        let top = root(&leaves(&book));
        book.seed = 8;
        assert_eq!(root(&leaves(&book)), top);
        book.cap = crate::clearing::Money(2);
        assert_ne!(root(&leaves(&book)), top);
    }
}
