//! Checkpoints on disk: one file an instance, replaced in one step.
//!
//! Layout: magic, length of the header, header (JSON), length of the body, BLAKE3 of header
//! and body, body (zstd: snapshot, then the module where it is not one of ours).
//! Invariants: a reader sees the old file or the new one, never a part; a file that fails a
//! check is an error with its path, never a silent fresh start.
//! Absent: inputs (durable before they are fed) and older checkpoints.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::outputs::OutputLog;
use super::snapshot::Snapshot;
use crate::driver::{DriverError, InstanceId, Limits, NodeId, Program};

const MAGIC: &[u8; 8] = b"HRCKPT1\n";
/// Refuses a damaged length before it is allocated: the largest wasm memory and its module.
const MAX_BODY_BYTES: u64 = 5 << 30;

/// What a restart needs besides the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub program: Program,
    pub limits: Limits,
    pub state_hash: String,
    pub taken_at_micros: i64,
    pub outputs: OutputLog,
    snapshot_bytes: u64,
    module_bytes: u64,
}

impl Header {
    pub fn new(
        instance: InstanceId,
        node: NodeId,
        epoch: u64,
        program: Program,
        limits: Limits,
        taken_at_micros: i64,
        outputs: OutputLog,
    ) -> Self {
        Self {
            instance,
            node,
            epoch,
            program,
            limits,
            state_hash: String::new(),
            taken_at_micros,
            outputs,
            snapshot_bytes: 0,
            module_bytes: 0,
        }
    }
}

/// A checkpoint that was read back.
pub(crate) struct Loaded {
    pub header: Header,
    pub snapshot: Snapshot,
    pub module: Option<Vec<u8>>,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DriverError + '_ {
    move |source| DriverError::Io { path: path.to_owned(), source }
}

fn damaged(path: &Path, detail: impl ToString) -> DriverError {
    DriverError::Corrupt { what: "checkpoint", detail: format!("{}: {}", path.display(), detail.to_string()) }
}

/// The file of an instance. Its id is hashed: ids come from outside and may hold anything.
fn path_of(dir: &Path, instance: &InstanceId) -> PathBuf {
    let name = blake3::hash(instance.as_str().as_bytes()).to_hex();
    dir.join(format!("{}.checkpoint", &name[..32]))
}

/// Writes durably and answers the size on disk.
pub(crate) fn write(
    dir: &Path,
    mut header: Header,
    snapshot: &Snapshot,
    module: Option<&[u8]>,
    level: i32,
) -> Result<u64, DriverError> {
    fs::create_dir_all(dir).map_err(io(dir))?;
    let path = path_of(dir, &header.instance);
    let mut raw = snapshot.to_bytes()?;
    header.state_hash = snapshot.state_hash();
    header.snapshot_bytes = raw.len() as u64;
    header.module_bytes = module.map_or(0, |module| module.len() as u64);
    raw.extend_from_slice(module.unwrap_or_default());
    let body = zstd::bulk::compress(&raw, level).map_err(io(&path))?;
    let header = serde_json::to_vec(&header).map_err(|e| damaged(&path, e))?;

    let mut file_bytes = Vec::with_capacity(56 + header.len() + body.len());
    file_bytes.extend_from_slice(MAGIC);
    file_bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
    file_bytes.extend_from_slice(&header);
    file_bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let hash = blake3::Hasher::new().update(&header).update(&body).finalize();
    file_bytes.extend_from_slice(hash.as_bytes());
    file_bytes.extend_from_slice(&body);

    let part = path.with_extension("part");
    let mut file = fs::File::create(&part).map_err(io(&part))?;
    file.write_all(&file_bytes).map_err(io(&part))?;
    file.sync_all().map_err(io(&part))?;
    drop(file);
    fs::rename(&part, &path).map_err(io(&path))?;
    // The rename itself is durable only with the directory.
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(io(dir))?;
    Ok(file_bytes.len() as u64)
}

/// Forgets an instance's checkpoint; none is fine.
pub(crate) fn remove(dir: &Path, instance: &InstanceId) -> Result<(), DriverError> {
    let path = path_of(dir, instance);
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io(&path)(e)),
        _ => Ok(()),
    }
}

/// Reads one file and checks all of it.
pub(crate) fn read(path: &Path) -> Result<Loaded, DriverError> {
    let file = fs::read(path).map_err(io(path))?;
    let bad = |detail: &str| damaged(path, detail);
    let rest = file.strip_prefix(MAGIC.as_slice()).ok_or_else(|| bad("not a checkpoint"))?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(|| bad("cut"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| bad("header length"))?;
    let (header_bytes, rest) = rest.split_at_checked(length).ok_or_else(|| bad("cut header"))?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(|| bad("cut"))?;
    let (hash, body) = rest.split_first_chunk::<32>().ok_or_else(|| bad("cut hash"))?;
    if body.len() as u64 != u64::from_le_bytes(*length) {
        return Err(bad("its length differs"));
    }
    let seen = blake3::Hasher::new().update(header_bytes).update(body).finalize();
    if seen.as_bytes() != hash {
        return Err(bad("its hash differs"));
    }
    let header: Header = serde_json::from_slice(header_bytes).map_err(|e| damaged(path, e))?;
    let total = header.snapshot_bytes.saturating_add(header.module_bytes);
    if total > MAX_BODY_BYTES {
        return Err(bad("it claims to be too big"));
    }
    let capacity = usize::try_from(total).map_err(|_| bad("body length"))?;
    let raw = zstd::bulk::decompress(body, capacity).map_err(|e| damaged(path, e))?;
    let at = usize::try_from(header.snapshot_bytes).map_err(|_| bad("snapshot length"))?;
    let (state, module) = raw.split_at_checked(at).ok_or_else(|| bad("cut body"))?;
    let snapshot = Snapshot::from_bytes(state, |_| None)?;
    if snapshot.state_hash() != header.state_hash {
        return Err(bad("the state's hash differs"));
    }
    let module = (header.module_bytes > 0).then(|| module.to_vec());
    Ok(Loaded { header, snapshot, module })
}

/// All checkpoint files of a directory, in the order of their names; none if it is missing.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, DriverError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(dir)(e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(io(dir))?.path();
        if path.extension().is_some_and(|extension| extension == "checkpoint") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
