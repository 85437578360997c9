//! What is said of a module that may not run.

/// Why a module may not run. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{bytes} bytes, at most {limit} are admitted")]
    TooBig { bytes: usize, limit: usize },
    #[error("not a wasm module: {0}")]
    Malformed(String),
    #[error("import {module}.{name} is not offered; see the guest ABI for those that are")]
    UnknownImport { module: String, name: String },
    #[error("the mutable global {index} is private; export it, or it is lost when the job moves")]
    PrivateMutableGlobal { index: u32 },
    #[error("the mutable global {index} has a type that cannot be saved; use i32, i64, f32 or f64")]
    UnsavableGlobal { index: u32 },
    #[error("{0} changes a table, which cannot be saved")]
    TableMutation(&'static str),
    #[error("data.drop cannot be undone when the job is restored elsewhere")]
    DataDrop,
    #[error("elem.drop cannot be undone when the job is restored elsewhere")]
    ElemDrop,
    #[error("references to host objects (externref) cannot be saved")]
    ExternRef,
    #[error("threads and shared memory are not deterministic")]
    Threads,
    #[error("a start function runs before the first step; do it in the first step instead")]
    StartFunction,
    #[error("exactly one 32-bit memory, exported as \"memory\", is needed")]
    Memory,
    #[error("an initial memory of {kib} KiB is above the limit of {limit_kib} KiB")]
    MemoryTooBig { kib: u64, limit_kib: u64 },
    #[error("export {0} is missing or has another type")]
    MissingExport(&'static str),
    #[error("import headroom.{0} has another type than the guest ABI says")]
    ImportType(String),
    #[error("{seen} {what}, at most {limit} are admitted; split large functions, or leave code out")]
    TooMany { what: &'static str, seen: u64, limit: u64 },
    #[error("uses a feature that is not enabled: {0}")]
    Feature(String),
}
