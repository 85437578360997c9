//! The output of a copy: a file, because a pipe would break with the exchange.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// From this size on it is emptied.
const MOST_BYTES: u64 = 8 << 20;
/// Part of it in messages.
const LAST_BYTES: u64 = 4 << 10;
const LAST_LINES: usize = 8;
const LONGEST: usize = 600;

/// Opens it empty, for writing at its end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::create(path)?;
    OpenOptions::new().append(true).open(path)
}

/// The last lines, on one line.
pub(super) fn last_lines(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LAST_BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined = lines[lines.len().saturating_sub(LAST_LINES)..].join(" / ");
    let plain: Vec<char> = joined.chars().filter(|c| !c.is_control()).collect();
    let shown: String = plain[plain.len().saturating_sub(LONGEST)..].iter().collect();
    (!shown.is_empty()).then_some(shown)
}

/// Empties one that has grown large, so that a talkative program does not fill the disk.
pub(super) fn trim(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > MOST_BYTES)
        && let Ok(file) = OpenOptions::new().write(true).open(path)
    {
        let _ = file.set_len(0);
    }
}
