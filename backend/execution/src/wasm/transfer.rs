//! Snapshots on their way to another node: chunks, each compressed and hash-checked.
//!
//! A chunk that was received once is not needed again, so a broken transfer goes on where it
//! stopped; a damaged chunk is refused and asked for anew. Absent: the wire itself.

use crate::driver::DriverError;

/// Nobody decompresses more than this for one chunk, whatever it claims.
const MAX_CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// A piece of a snapshot's serial form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub index: usize,
    pub of: usize,
    pub raw_bytes: usize,
    /// BLAKE3 of the uncompressed piece.
    pub hash: [u8; 32],
    pub compressed: Vec<u8>,
}

/// Cuts and compresses.
pub fn chunks(raw: &[u8], chunk_bytes: usize, level: i32) -> Result<Vec<Chunk>, DriverError> {
    let size = chunk_bytes.clamp(4_096, MAX_CHUNK_BYTES);
    let of = raw.len().div_ceil(size);
    raw.chunks(size)
        .enumerate()
        .map(|(index, piece)| {
            let compressed = zstd::bulk::compress(piece, level).map_err(|e| damaged(e.to_string()))?;
            let hash = *blake3::hash(piece).as_bytes();
            Ok(Chunk { index, of, raw_bytes: piece.len(), hash, compressed })
        })
        .collect()
}

/// Collects chunks in any order, each once.
#[derive(Debug, Default)]
pub struct Receiver {
    pieces: Vec<Option<Vec<u8>>>,
}

impl Receiver {
    /// Checks and keeps a chunk; one that is already here changes nothing.
    pub fn accept(&mut self, chunk: &Chunk) -> Result<(), DriverError> {
        if self.pieces.is_empty() {
            self.pieces.resize(chunk.of, None);
        }
        if self.pieces.len() != chunk.of || chunk.raw_bytes > MAX_CHUNK_BYTES {
            return Err(damaged(format!("{} chunks of {} bytes", chunk.of, chunk.raw_bytes)));
        }
        let slot = self
            .pieces
            .get_mut(chunk.index)
            .ok_or_else(|| damaged(format!("chunk {} of {}", chunk.index, chunk.of)))?;
        if slot.is_some() {
            return Ok(());
        }
        let raw = zstd::bulk::decompress(&chunk.compressed, chunk.raw_bytes)
            .map_err(|e| damaged(format!("chunk {}: {e}", chunk.index)))?;
        if *blake3::hash(&raw).as_bytes() != chunk.hash {
            return Err(damaged(format!("chunk {}: its hash differs", chunk.index)));
        }
        *slot = Some(raw);
        Ok(())
    }

    /// Indexes that are still to come.
    pub fn missing(&self) -> Vec<usize> {
        (0..self.pieces.len()).filter(|index| self.pieces[*index].is_none()).collect()
    }

    /// All pieces as one, once none is missing.
    pub fn finish(self) -> Result<Vec<u8>, DriverError> {
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(damaged(format!("chunks {missing:?} are missing")));
        }
        let mut whole = Vec::with_capacity(self.pieces.iter().flatten().map(Vec::len).sum());
        for piece in self.pieces.into_iter().flatten() {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

fn damaged(detail: String) -> DriverError {
    DriverError::Corrupt { what: "transfer", detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_transfer_goes_on_and_a_damaged_chunk_is_refused() {
        let raw: Vec<u8> = (0..40_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let sent = chunks(&raw, 16_384, 1).expect("compresses");
        assert_eq!(sent.len(), raw.len().div_ceil(16_384));
        let mut receiver = Receiver::default();
        for chunk in sent.iter().step_by(2) {
            receiver.accept(chunk).expect("fine");
        }
        let mut bad = sent[1].clone();
        bad.hash[0] ^= 1;
        assert_eq!(receiver.accept(&bad).map_err(|e| e.code()), Err("corrupt"));
        for index in receiver.missing() {
            receiver.accept(&sent[index]).expect("fine");
            receiver.accept(&sent[index]).expect("twice is once");
        }
        assert_eq!(receiver.finish().expect("complete"), raw);
    }

    #[test]
    fn an_incomplete_transfer_is_not_a_snapshot() {
        let sent = chunks(&[7; 10_000], 4_096, 1).expect("compresses");
        let mut receiver = Receiver::default();
        receiver.accept(&sent[2]).expect("fine");
        assert_eq!(receiver.finish().map_err(|e| e.code()), Err("corrupt"));
    }
}
