//! Commit and open: the Merkle root of a sealed book, and the proof that an order is in it.
//!
//! The leaves are the orders in the book's order, and last of all the rest of the book (supply, nodes,
//! workloads), so that nobody can change that either once the root is out. Leaf = BLAKE3("leaf" ‖
//! order, or rest, as JSON), node = BLAKE3("node" ‖ left ‖ right); an odd node
//! moves up unchanged. The tags keep a leaf from being passed off as a node.
use crate::clearing::document::{Book, Order};
use blake3::Hash;

/// The bytes of an order's leaf.
pub fn order_document(order: &Order) -> String {
    serde_json::to_string(order).unwrap_or_default()
}

/// The bytes of the last leaf: the book without its orders.
pub fn rest_document(book: &Book) -> String {
    let (products, arcs) = (book.products.clone(), book.arcs.clone());
    let (nodes, workloads) = (book.nodes.clone(), book.workloads.clone());
    Book { products, arcs, nodes, workloads, alpha: book.alpha.clone(), ..Book::default() }.text()
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
    fn supply_is_committed_to() {
        let mut book = Book::default();
        let top = root(&leaves(&book));
        assert_eq!(root(&leaves(&book.clone())), top);
        book.alpha = "1".to_owned();
        assert_ne!(root(&leaves(&book)), top);
    }
}
