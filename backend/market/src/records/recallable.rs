//! Recallable capacity of a pool: a pool of its own, `p~recallable`, with prices of its own.
//!
//! Its supply is what members lend of their baselines and may take back in the middle of a slot
//! (`swap/recall.rs`); the operator has none in it. It has no nodes: what is lent there lies on nodes of `p`,
//! and is only ever used by workloads on the same node. So a recall is made true by resizing what is there, at
//! once, and no room is shared with what is sold firmly: a book has a node of its own for it.
//!
//! Only resources that are taken back by a limit are traded in it. Memory in use is not.
use crate::ids::NodeId;
use crate::records::pool::PoolSlug;
use crate::shape::{self, Kind};
use crate::units::Resource;

const SUFFIX: &str = "~recallable";
/// Between a pool and a node; no slug has it.
const NODE: char = '@';

/// Whether a product of this pool may be taken back.
pub fn is_recallable(slug: &str) -> bool {
    slug.ends_with(SUFFIX)
}

/// The pool whose nodes a product lies on: the pool itself, or the one that it is the recallable part of.
pub fn firm(slug: &str) -> &str {
    slug.strip_suffix(SUFFIX).unwrap_or(slug)
}

/// The pool of what may be taken back of a pool's capacity.
pub fn of(slug: &str) -> PoolSlug {
    format!("{}{SUFFIX}", firm(slug))
}

/// A node as books have it: the room for what is recallable there is apart from its other room.
pub fn book_node(node: NodeId, recallable: bool) -> String {
    if recallable { format!("{node}{SUFFIX}") } else { node.to_string() }
}

/// The node of a name in a book.
pub fn node_of(name: &str) -> Option<NodeId> {
    firm(name).parse().ok()
}

/// A pool as books have it: what may be taken back serves the node alone where it is lent, so each node has products, and
/// prices, of its own. Else whoever lends on one node for less than another, and finds nobody, would keep the other's price
/// down, and nobody could sell there.
pub fn book_pool(slug: &str, node: &str) -> PoolSlug {
    if is_recallable(slug) { format!("{}{NODE}{}{SUFFIX}", firm(slug), firm(node)) } else { slug.to_owned() }
}

/// The pool of a name in a book, and of what may be taken back the node.
pub fn pool_of(name: &str) -> (PoolSlug, Option<NodeId>) {
    match firm(name).split_once(NODE).filter(|_| is_recallable(name)) {
        Some((slug, node)) => (of(slug), node.parse().ok()),
        None => (name.to_owned(), None),
    }
}

/// Whether a resource can be taken back in the middle of a slot, by a limit alone.
pub fn can_be_recalled(resource: Resource) -> bool {
    shape::kind(resource) == Kind::Compressible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_there_and_back() {
        assert_eq!(of("eu-gp"), "eu-gp~recallable");
        assert_eq!(of("eu-gp~recallable"), "eu-gp~recallable");
        assert_eq!((firm("eu-gp~recallable"), firm("eu-gp")), ("eu-gp", "eu-gp"));
        let node = NodeId::from_raw(7);
        for recallable in [false, true] {
            assert_eq!(node_of(&book_node(node, recallable)), Some(node));
        }
        assert_ne!(book_node(node, true), book_node(node, false));
    }

    #[test]
    fn memory_and_storage_are_not_taken_back_by_a_limit() {
        let recallable: Vec<Resource> = Resource::ALL.into_iter().filter(|r| can_be_recalled(*r)).collect();
        assert_eq!(recallable, [Resource::CpuMilli, Resource::IoMbps, Resource::NetMbps]);
    }
}
