//! Whether a copy may be sent requests: it answers the path of its definition.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::definition::Ready;
use super::place::{Readiness, Running};

/// Longest time of one look.
const LOOK: Duration = Duration::from_secs(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);
/// Bytes of an answer that are read; the first line decides.
const MOST_BYTES: u64 = 64 << 10;

/// Asks once.
///
/// # Errors
/// Its answer, or the reason for none.
pub(super) fn ask(address: SocketAddr, path: &str) -> Result<(), String> {
    let status = status(address, path).map_err(|error| format!("{path} gave no answer: {error}"))?;
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("{path} answered {status}")) }
}

fn status(address: SocketAddr, path: &str) -> io::Result<u16> {
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

/// Looks on a thread of its own until the copy is ready, has ended or is out of time. `then` comes first of all. Time runs
/// once its address is known; one that is only not reached from here is looked at on.
pub(super) fn watch(copy: &Arc<Running>, ready: &Ready, then: impl FnOnce(SocketAddr) + Send + 'static) {
    let (watched, ready) = (copy.clone(), ready.clone());
    let look = move || {
        let mut until = None;
        loop {
            if watched.is_given_up() {
                return;
            }
            if let Some(ended) = watched.ended() {
                return watched.note(Readiness::Failed(ended));
            }
            if let Some(address) = watched.address() {
                let until = *until.get_or_insert_with(|| Instant::now() + Duration::from_secs(ready.within_seconds));
                match ask(address, &ready.path) {
                    Ok(()) => {
                        then(address);
                        return watched.note(Readiness::Passed);
                    }
                    Err(why) if Instant::now() >= until => {
                        let late = format!("it was not ready within {} seconds: {why}", ready.within_seconds);
                        let late = watched.late(late);
                        let is_over = matches!(late, Readiness::Failed(_));
                        watched.note(late);
                        if is_over {
                            return;
                        }
                    }
                    Err(_) => {}
                }
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("service-ready".to_owned()).spawn(look) {
        copy.note(Readiness::Failed(format!("nobody can look whether it is ready: {error}")));
    }
}
