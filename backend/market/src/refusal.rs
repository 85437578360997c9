//! Why a command is not done: expected, with a stable code, the field and what to do.
use crate::records::rejection::Rejection;

/// Refusals other than an order's: a stable code, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub code: &'static str,
    pub pointer: String,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    Invalid,
    NotFound,
    Conflict,
    /// The version in If-Match is not the present one.
    StaleVersion,
    Payment,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let kind = if rejection.is_not_found() {
            RefusalKind::NotFound
        } else if rejection.is_conflict() {
            RefusalKind::Conflict
        } else if rejection.is_payment() {
            RefusalKind::Payment
        } else {
            RefusalKind::Invalid
        };
        Refusal { kind, code: rejection.code(), pointer: rejection.pointer(), detail: rejection.detail() }
    }
}

pub fn invalid(code: &'static str, pointer: impl Into<String>, detail: impl Into<String>) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, code, pointer: pointer.into(), detail: detail.into() }
}

pub fn not_found(what: &str) -> Refusal {
    let detail = format!("There is no such {what}. Check the id; objects of other participants are not shown.");
    Refusal { kind: RefusalKind::NotFound, code: "not_found", pointer: String::new(), detail }
}

/// It can't be done as things are.
pub fn conflict(code: &'static str, detail: impl Into<String>) -> Refusal {
    conflict_at(code, "", detail)
}

/// The same of a field.
pub fn conflict_at(code: &'static str, pointer: &str, detail: impl Into<String>) -> Refusal {
    Refusal { kind: RefusalKind::Conflict, code, pointer: pointer.to_owned(), detail: detail.into() }
}

/// Somebody else has changed it since it was read: nobody's change is overwritten unseen.
pub fn stale(what_is: &str, version: u64) -> Refusal {
    Refusal {
        kind: RefusalKind::StaleVersion,
        code: "stale_version",
        pointer: String::new(),
        detail: format!("{what_is} at version {version}. Read it again and repeat the change."),
    }
}
