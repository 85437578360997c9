//! Checkpoints on disk: one file an instance, replaced in one step.
//!
//! Layout: magic, length of the header, header (JSON), length of the body, BLAKE3 of header
//! and body, body (zstd: snapshot, then the module where it is not one of ours).
//! Invariants: a reader sees the old file or the new one, never a part; a file that fails a
//! check is an error with its path, never a silent fresh start.
//! Absent: inputs (durable before they are fed) and older checkpoints.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::outputs::OutputLog;
use super::snapshot::Snapshot;
use crate::driver::{DriverError, InstanceId, Limits, NodeId, Program};

const MAGIC: &[u8; 8] = b"HRCKPT1\n";
/// Names end so.
const WHOLE: &str = "checkpoint";
const PART: &str = "part";
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
    /// It was written to suspend the program, which holds no memory since. Only written where it
    /// is so: files are the same as ever otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
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
            suspended: false,
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
    /// Length of the file.
    pub stored_bytes: u64,
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
    dir.join(format!("{}.{WHOLE}", &name[..32]))
}

/// Compressed bytes after which they are brought to the disk and the writer rests: a whole state
/// at once would keep the journal's own writes waiting.
const BYTES_AT_ONCE: u64 = 4 << 20;
const COPIED_AT_ONCE: usize = 256 * 1024;

/// Whoever writes may rest a while between two stretches, or answer `false` to give up.
pub(crate) type Rest<'a> = &'a mut dyn FnMut() -> bool;

/// A file that is written and not yet in its place; dropped, it is gone.
pub(crate) struct Part {
    dir: PathBuf,
    part: PathBuf,
    path: PathBuf,
    pub stored_bytes: u64,
}

impl Part {
    /// Makes it the instance's checkpoint. [`Part::settle`] makes that durable.
    pub fn put(&self) -> Result<(), DriverError> {
        fs::rename(&self.part, &self.path).map_err(io(&self.path))
    }

    /// The rename itself is durable only with the directory.
    pub fn settle(&self) -> Result<(), DriverError> {
        fs::File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(io(&self.dir))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After `put` there is none any more.
        let _ = fs::remove_file(&self.part);
    }
}

/// Counts and hashes what goes to a file, and rests now and then.
struct Body<'a> {
    file: fs::File,
    hasher: blake3::Hasher,
    written: u64,
    since_rest: u64,
    rest: Rest<'a>,
}

impl Write for Body<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.written += count as u64;
        self.since_rest += count as u64;
        if self.since_rest >= BYTES_AT_ONCE {
            self.file.sync_data()?;
            if !(self.rest)() {
                // Not `Interrupted`, which is tried again.
                return Err(std::io::Error::other("given up"));
            }
            self.since_rest = 0;
        }
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes all of it durably beside its place. Nothing but the snapshot itself is ever in memory
/// whole. `number` tells apart files of one instance that are written at the same time.
pub(crate) fn write(
    dir: &Path,
    header: &Header,
    snapshot: &Snapshot,
    module: Option<&[u8]>,
    level: i32,
    number: u64,
    rest: Rest<'_>,
) -> Result<Part, DriverError> {
    fs::create_dir_all(dir).map_err(io(dir))?;
    let path = path_of(dir, &header.instance);
    let before = snapshot.leading_bytes()?;
    let header = Header {
        state_hash: snapshot.state_hash(),
        snapshot_bytes: (before.len() + snapshot.bytes.len()) as u64,
        module_bytes: module.map_or(0, |module| module.len() as u64),
        ..header.clone()
    };
    let header = serde_json::to_vec(&header).map_err(|e| damaged(&path, e))?;

    let part_path = path.with_extension(format!("{number}.{PART}"));
    let file = fs::File::create(&part_path).map_err(io(&part_path))?;
    let mut part = Part { dir: dir.to_owned(), part: part_path.clone(), path, stored_bytes: 0 };
    let fill = || -> std::io::Result<u64> {
        let mut file = file;
        file.write_all(MAGIC)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        // Length and hash of the body, once it is there.
        file.write_all(&[0; 40])?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header);
        let body = Body { file, hasher, written: 0, since_rest: 0, rest };
        let mut encoder = zstd::Encoder::new(body, level)?;
        for whole in [&before, &snapshot.bytes, module.unwrap_or_default()] {
            for piece in whole.chunks(COPIED_AT_ONCE) {
                encoder.write_all(piece)?;
            }
        }
        let Body { mut file, hasher, written, .. } = encoder.finish()?;
        let at = MAGIC.len() + 8 + header.len();
        file.seek(SeekFrom::Start(at as u64))?;
        file.write_all(&written.to_le_bytes())?;
        file.write_all(hasher.finalize().as_bytes())?;
        file.sync_all()?;
        Ok(at as u64 + 40 + written)
    };
    part.stored_bytes = fill().map_err(io(&part_path))?;
    Ok(part)
}

/// Forgets an instance's checkpoint; none is fine.
pub(crate) fn remove(dir: &Path, instance: &InstanceId) -> Result<(), DriverError> {
    let path = path_of(dir, instance);
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io(&path)(e)),
        _ => Ok(()),
    }
}

/// Reads one file and checks all of it: first that it is whole, then what it says.
pub(crate) fn read(path: &Path) -> Result<Loaded, DriverError> {
    let bad = |detail: &str| damaged(path, detail);
    let mut file = fs::File::open(path).map_err(io(path))?;
    let file_bytes = file.metadata().map_err(io(path))?.len();
    let mut take = |most: u64, what: &str| -> Result<Vec<u8>, DriverError> {
        // A damaged length is not allocated.
        let count = usize::try_from(most.min(file_bytes)).map_err(|_| bad(what))?;
        let mut bytes = vec![0; count];
        file.read_exact(&mut bytes).map_err(|_| bad(what))?;
        Ok(bytes)
    };
    if take(MAGIC.len() as u64, "cut")? != MAGIC {
        return Err(bad("not a checkpoint"));
    }
    let number = |bytes: Vec<u8>| bytes.try_into().map_or(u64::MAX, u64::from_le_bytes);
    let header_length = number(take(8, "cut")?);
    let header_bytes = take(header_length, "cut header")?;
    let body_length = number(take(8, "cut")?);
    let hash = take(32, "cut hash")?;
    let body_at = MAGIC.len() as u64 + 48 + header_bytes.len() as u64;
    if body_at.checked_add(body_length) != Some(file_bytes) {
        return Err(bad("its length differs"));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header_bytes);
    hasher.update_reader(&mut file).map_err(io(path))?;
    if hasher.finalize().as_bytes()[..] != hash[..] {
        return Err(bad("its hash differs"));
    }
    let header: Header = serde_json::from_slice(&header_bytes).map_err(|e| damaged(path, e))?;
    let total = header.snapshot_bytes.saturating_add(header.module_bytes);
    if total > MAX_BODY_BYTES {
        return Err(bad("it claims to be too big"));
    }
    file.seek(SeekFrom::Start(body_at)).map_err(io(path))?;
    let mut body = zstd::Decoder::new(file).map_err(io(path))?;
    let mut next = |count: u64| -> Result<Vec<u8>, DriverError> {
        let mut bytes = vec![0; usize::try_from(count).map_err(|_| bad("body length"))?];
        body.read_exact(&mut bytes).map_err(|e| damaged(path, e))?;
        Ok(bytes)
    };
    let snapshot = Snapshot::from_bytes(next(header.snapshot_bytes)?, |_| None)?;
    let module = next(header.module_bytes)?;
    if snapshot.state_hash() != header.state_hash {
        return Err(bad("the state's hash differs"));
    }
    let module = (header.module_bytes > 0).then_some(module);
    Ok(Loaded { header, snapshot, module, stored_bytes: file_bytes })
}

/// The newest checkpoint of an instance, if there is one.
pub(crate) fn read_of(dir: &Path, instance: &InstanceId) -> Result<Option<Loaded>, DriverError> {
    let path = path_of(dir, instance);
    match path.try_exists().map_err(io(&path))? {
        true => read(&path).map(Some),
        false => Ok(None),
    }
}

/// Removes what a process that was killed had not finished, as far as it can: it is in nobody's way.
pub(crate) fn remove_parts(dir: &Path) {
    for path in files(dir, PART).into_iter().flatten() {
        let _ = fs::remove_file(path);
    }
}

/// All checkpoint files of a directory, in the order of their names; none if it is missing.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, DriverError> {
    files(dir, WHOLE)
}

fn files(dir: &Path, wanted: &str) -> Result<Vec<PathBuf>, DriverError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(dir)(e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(io(dir))?.path();
        if path.extension().is_some_and(|extension| extension == wanted) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
