//! Whether a copy may be sent requests: it answers the path of its definition.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::copy::{Copy, Readiness};
use super::definition::Ready;
use super::port;

/// Longest time of one look.
const LOOK: Duration = Duration::from_secs(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);
/// Bytes of an answer that are read; the first line decides.
const MOST_BYTES: u64 = 64 << 10;

/// Asks once.
///
/// # Errors
/// Its answer, or the reason for none.
pub(super) fn ask(port: u16, path: &str) -> Result<(), String> {
    let status = status(port, path).map_err(|error| format!("{path} gave no answer: {error}"))?;
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("{path} answered {status}")) }
}

fn status(port: u16, path: &str) -> io::Result<u16> {
    let address = port::address(port);
    let mut stream = TcpStream::connect_timeout(&address, LOOK)?;
    stream.set_read_timeout(Some(LOOK))?;
    stream.set_write_timeout(Some(LOOK))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: headroom\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut part, until) = (Vec::new(), [0_u8; 4096], Instant::now() + LOOK);
    // Read to its end, so that the service sees a client that takes its answer.
    while answer.len() as u64 <= MOST_BYTES && Instant::now() < until {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split_ascii_whitespace().nth(1)?.parse().ok());
    status.ok_or_else(|| io::Error::other("it is no HTTP"))
}

/// Looks on a thread of its own until the copy is ready, has ended or is out of time. `then` comes first of all.
pub(super) fn watch(copy: &Arc<Copy>, ready: &Ready, then: impl FnOnce() + Send + 'static) {
    let (watched, ready) = (copy.clone(), ready.clone());
    let look = move || {
        let until = Instant::now() + Duration::from_secs(ready.within_seconds);
        loop {
            if watched.is_given_up() {
                return;
            }
            if let Some(ended) = watched.ended() {
                return watched.note(Readiness::Failed(ended));
            }
            match ask(watched.port(), &ready.path) {
                Ok(()) => {
                    then();
                    return watched.note(Readiness::Passed);
                }
                Err(why) if Instant::now() >= until => {
                    let late = format!("it was not ready within {} seconds: {why}", ready.within_seconds);
                    return watched.note(Readiness::Failed(watched.with_output(late)));
                }
                Err(_) => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("service-ready".to_owned()).spawn(look) {
        copy.note(Readiness::Failed(format!("nobody can look whether it is ready: {error}")));
    }
}
