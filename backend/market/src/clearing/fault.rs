//! Why a book was not cleared.
use super::book::Fault;

/// Why a book was not cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearFault {
    #[error("the book is refused: {} faults, the first at `{}`", .0.len(), .0.first().map_or("", |f| f.pointer.as_str()))]
    Refused(Vec<Fault>),
    #[error("no allocation of the component of {0} was found that prices support")]
    NoAllocation(String),
}
