//! Why a file could not be processed: where in it, what is wrong, and what to do.
//! The name of the file is its reader's to add.

use std::fmt;

/// A cell of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    /// From 1.
    pub column: usize,
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {} ({})", self.line, self.column, self.name)
    }
}

/// Why a file could not be processed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("{option} {given} is not possible: {expected}")]
    Option { option: &'static str, given: String, expected: String },
    #[error("line 1: the header has to be {expected}; it is {given:?}")]
    Header { expected: &'static str, given: String },
    #[error("line 1, column {column}: a metric needs a name of its own, and {name:?} is also column {first}")]
    SameName { column: usize, name: String, first: usize },
    #[error("line 1, column {column}: a metric needs a name")]
    NoName { column: usize },
    #[error("line {line}: {found} cells, where the header has {expected}")]
    Cells { line: u64, found: u64, expected: u64 },
    #[error("{place}: {given:?} {wrong}")]
    Value { place: Place, given: String, wrong: &'static str },
    #[error("{place}: {what} is in line {first} already; leave one of the two out")]
    Again { place: Place, what: String, first: u64 },
    #[error(
        "{place}: rows are usually {steps} steps of {step_seconds} s apart, so nearly every step would be missing. \
         t counts steps: divide it so that it rises by 1 from sample to sample, and give --step the seconds between them"
    )]
    TimeUnit { place: Place, steps: i64, step_seconds: u32 },
    #[error(
        "{place}: {entity} has {steps} steps from its first to this one, more than {limit}; correct t or split the file"
    )]
    TooLong { place: Place, entity: String, steps: i64, limit: i64 },
    #[error("csv: {0}")]
    Csv(csv::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<csv::Error> for StreamError {
    fn from(error: csv::Error) -> Self {
        match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                Self::Cells { line: pos.as_ref().map_or(0, csv::Position::line), found: *len, expected: *expected_len }
            }
            _ => Self::Csv(error),
        }
    }
}
