//! One keep-alive connection: the least that a client can cost beside the server it measures.
//!
//! A request is written with one call and its answer read with one, into buffers that stay: clients and
//! server share the machine, and what a client spends the server does not have.
use anyhow::{Context, ensure};
use std::io::Write as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Headers of an answer; more are an error.
const MOST_HEADERS: usize = 64;
/// What is read at once: an answer to a bid is a third of it.
const READ_BYTES: usize = 4096;

pub struct Connection {
    stream: TcpStream,
    host: String,
    bearer: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// The answer to one request; its body is in the connection's buffer until the next one.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// What the head of an answer says.
struct Head {
    status: u16,
    head_bytes: usize,
    body_bytes: usize,
}

impl Connection {
    /// `url` as the server prints it, `http://HOST:PORT`.
    pub async fn open(url: &str, key: &str) -> anyhow::Result<Connection> {
        let host = url.strip_prefix("http://").context("not a http address")?.to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        let bearer = format!("Bearer {key}");
        Ok(Connection { stream, host, bearer, request: Vec::new(), answer: Vec::new() })
    }

    pub async fn post(&mut self, path: &str, idempotency_key: &str, body: &str) -> anyhow::Result<Answer<'_>> {
        self.request.clear();
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: application/json\r\nidempotency-key: {idempotency_key}\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            self.bearer,
            body.len()
        )?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            self.answer.reserve(READ_BYTES);
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection was closed before the answer");
            let Some(head) = head(&self.answer)? else { continue };
            let whole = head.head_bytes + head.body_bytes;
            while self.answer.len() < whole {
                ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection was closed in an answer");
            }
            ensure!(self.answer.len() == whole, "more than one answer to one request");
            return Ok(Answer { status: head.status, body: &self.answer[head.head_bytes..] });
        }
    }
}

/// `None` until all of the head is there.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = response.parse(bytes)? else { return Ok(None) };
    let length = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without content-length")?;
    let body_bytes = std::str::from_utf8(length.value)?.parse()?;
    Ok(Some(Head { status: response.code.context("an answer without a status")?, head_bytes, body_bytes }))
}
