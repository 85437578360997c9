//! A captured state: pages of linear memory, mutable globals, input position.
//!
//! A full snapshot lists the pages that are not zero, a differential one the pages that
//! differ from its base; reading a page looks in the snapshot, then in its base, then it is
//! zero. So both are used in the same way.
//!
//! The state hash is a hash over page hashes. A differential snapshot takes those of unchanged
//! pages from its base, so that naming a state at the fence costs the changed pages only.
//!
//! Invariants: `pages` rises strictly and `bytes` has one page for each; two snapshots of the
//! same state have the same state hash, whatever their bases.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::driver::{DriverError, SnapshotId};

/// The unit of differences. Wasm's own pages of 64 KiB would send 16 times as much for a
/// changed word.
pub const PAGE_BYTES: usize = 4096;

pub(crate) static ZERO_PAGE: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// Bits of a mutable global.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlobalValue {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
}

/// A state at a step boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub base: Option<Arc<Snapshot>>,
    pub memory_bytes: u64,
    pub pages: Vec<u32>,
    pub bytes: Vec<u8>,
    pub globals: Vec<(String, GlobalValue)>,
    pub position: u64,
    pub held_kib: Option<u64>,
    /// Every page of the whole state that is not zero, the base's too.
    pub page_hashes: PageHashes,
}

/// Index and hash of pages, by index.
pub type PageHashes = Vec<(u32, [u8; 32])>;

/// What a snapshot is without its pages; the header of its serial form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    id: SnapshotId,
    base: Option<SnapshotId>,
    memory_bytes: u64,
    globals: Vec<(String, GlobalValue)>,
    position: u64,
    held_kib: Option<u64>,
    pages: Vec<u32>,
}

impl Snapshot {
    /// A state by its id and base: the pages of `memory` (whole ones) that differ from the base's, without their
    /// hashes, and what belongs to it beside.
    pub(crate) fn of(
        memory: &[u8],
        (id, base): (SnapshotId, Option<Arc<Snapshot>>),
        globals: Vec<(String, GlobalValue)>,
        position: u64,
        held_kib: Option<u64>,
    ) -> Self {
        let differs =
            |(index, page): &(u32, &[u8])| *page != base.as_deref().map_or(&ZERO_PAGE[..], |base| base.page(*index));
        let changed = || (0_u32..).zip(memory.chunks(PAGE_BYTES)).filter(differs);
        // Counted first: a vector that grows would be copied, and be twice as large for a while.
        let count = changed().count();
        let (mut pages, mut bytes) = (Vec::with_capacity(count), Vec::with_capacity(count * PAGE_BYTES));
        for (index, page) in changed() {
            pages.push(index);
            bytes.extend_from_slice(page);
        }
        let (memory_bytes, page_hashes) = (memory.len() as u64, PageHashes::new());
        Self { id, base, memory_bytes, pages, bytes, globals, position, held_kib, page_hashes }
    }

    /// The whole memory, page by page.
    pub(crate) fn memory(&self) -> Vec<u8> {
        let pages = usize::try_from(self.memory_bytes).unwrap_or(usize::MAX).div_ceil(PAGE_BYTES);
        (0_u32..).take(pages).flat_map(|index| self.page(index)).copied().collect()
    }

    /// One page of the state.
    pub(crate) fn page(&self, index: u32) -> &[u8] {
        let mut at = Some(self);
        while let Some(snapshot) = at {
            // Where no page is zero, each one is at its own index.
            let found = match snapshot.pages.get(index as usize) {
                Some(at) if *at == index => Ok(index as usize),
                _ => snapshot.pages.binary_search(&index),
            };
            if let Ok(n) = found {
                return &snapshot.bytes[n * PAGE_BYTES..(n + 1) * PAGE_BYTES];
            }
            at = snapshot.base.as_deref();
        }
        &ZERO_PAGE
    }

    /// Memory that counts, as [`held_kib`](super::guest::Guest::held_kib) of the guest that it is of.
    pub(crate) fn counted_kib(&self) -> u64 {
        self.held_kib.unwrap_or(self.memory_bytes / 1024)
    }

    pub(crate) fn state_hash(&self) -> String {
        state_hash(&self.page_hashes, &self.globals, self.position)
    }

    /// Works out `page_hashes` from the base's and this snapshot's own pages.
    pub(crate) fn hash_pages(&mut self) {
        let mut own = self.pages.iter().copied().zip(self.bytes.chunks_exact(PAGE_BYTES)).peekable();
        let base = self.base.as_deref().map_or(&[][..], |base| &base.page_hashes);
        let mut inherited = base.iter().copied().peekable();
        let mut merged = PageHashes::with_capacity(base.len().max(self.pages.len()));
        loop {
            let next_own = own.peek().map_or(u64::MAX, |(index, _)| u64::from(*index));
            let next_base = inherited.peek().map_or(u64::MAX, |(index, _)| u64::from(*index));
            if next_own == u64::MAX && next_base == u64::MAX {
                break;
            }
            if next_base < next_own {
                merged.extend(inherited.next());
                continue;
            }
            if next_base == next_own {
                inherited.next();
            }
            if let Some((index, page)) = own.next()
                && page != ZERO_PAGE
            {
                merged.push((index, page_hash(page)));
            }
        }
        self.page_hashes = merged;
    }

    /// Header length, header; the pages follow in the serial form.
    pub(crate) fn leading_bytes(&self) -> Result<Vec<u8>, DriverError> {
        let header = Header {
            id: self.id.clone(),
            base: self.base.as_ref().map(|base| base.id.clone()),
            memory_bytes: self.memory_bytes,
            globals: self.globals.clone(),
            position: self.position,
            held_kib: self.held_kib,
            pages: self.pages.clone(),
        };
        let header = serde_json::to_vec(&header).map_err(damaged)?;
        let mut out = Vec::with_capacity(8 + header.len());
        out.extend_from_slice(&(header.len() as u64).to_le_bytes());
        out.extend_from_slice(&header);
        Ok(out)
    }

    /// The serial form.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, DriverError> {
        let mut out = self.leading_bytes()?;
        out.reserve_exact(self.bytes.len());
        out.extend_from_slice(&self.bytes);
        Ok(out)
    }

    /// The inverse; `find` looks up the base that the header names.
    pub(crate) fn from_bytes(
        mut raw: Vec<u8>,
        find: impl FnOnce(&SnapshotId) -> Option<Arc<Snapshot>>,
    ) -> Result<Self, DriverError> {
        let (length, rest) = raw.split_first_chunk::<8>().ok_or_else(|| damaged("too short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(damaged)?;
        let (header, bytes) = rest.split_at_checked(length).ok_or_else(|| damaged("header is cut"))?;
        let (header, pages_at): (Header, _) = (serde_json::from_slice(header).map_err(damaged)?, 8 + length);
        if bytes.len() != header.pages.len() * PAGE_BYTES {
            return Err(damaged("page count and bytes differ"));
        }
        if !header.pages.is_sorted_by(|a, b| a < b) {
            return Err(damaged("pages are out of order"));
        }
        let base = match &header.base {
            Some(id) => Some(find(id).ok_or_else(|| damaged(format!("base {id} is not here")))?),
            None => None,
        };
        raw.drain(..pages_at);
        let mut snapshot = Self {
            id: header.id,
            base,
            memory_bytes: header.memory_bytes,
            pages: header.pages,
            bytes: raw,
            globals: header.globals,
            position: header.position,
            held_kib: header.held_kib,
            page_hashes: PageHashes::new(),
        };
        snapshot.hash_pages();
        Ok(snapshot)
    }
}

fn damaged(detail: impl ToString) -> DriverError {
    DriverError::Corrupt { what: "snapshot", detail: detail.to_string() }
}

pub(crate) fn page_hash(page: &[u8]) -> [u8; 32] {
    *blake3::hash(page).as_bytes()
}

/// Names a state. Zero pages are not listed, so the size of the memory does not count.
pub(crate) fn state_hash(pages: &[(u32, [u8; 32])], globals: &[(String, GlobalValue)], position: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    for (index, hash) in pages {
        hasher.update(&index.to_le_bytes());
        hasher.update(hash);
    }
    // A tag that no page index has, so that pages and globals cannot be confused.
    hasher.update(&u32::MAX.to_le_bytes());
    for (name, value) in globals {
        let (tag, bits) = match *value {
            GlobalValue::I32(v) => (0_u8, u64::from(v as u32)),
            GlobalValue::I64(v) => (1, v as u64),
            GlobalValue::F32(bits) => (2, u64::from(bits)),
            GlobalValue::F64(bits) => (3, bits),
        };
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&[tag]);
        hasher.update(&bits.to_le_bytes());
    }
    hasher.update(&position.to_le_bytes());
    hasher.finalize().to_hex().to_string()
}
