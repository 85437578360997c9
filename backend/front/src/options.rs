//! Bounds of a front, fixed at its start.
use std::time::Duration;

/// The protocol that backends are spoken to with. Clients may use either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, with connections that are used again.
    #[default]
    Http1,
    /// HTTP/2 without TLS, known beforehand, on one connection.
    Http2,
}

/// Bounds of a front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How the service and its copy are spoken to. Default: HTTP/1.1.
    pub backend_protocol: Protocol,
    /// How long a connection to a backend may take to begin. Default: 5 seconds.
    pub connect_timeout: Duration,
    /// Open connections of clients; further ones wait. Default: 4,096.
    pub max_connections: usize,
    /// How long a client may take for the head of a request, or stay connected without one. Default: 75 seconds.
    pub head_timeout: Duration,
    /// Requests that wait behind a fence; further ones are answered 503. Default: 1,024.
    pub max_held: usize,
    /// How long one of them waits; then it is answered 503. Default: 10 seconds.
    pub max_held_time: Duration,
    /// Bytes of a request's body that are kept for the copy; larger ones are not mirrored. Default: 1 MiB.
    pub max_request_bytes: usize,
    /// Bytes of an answer that are kept for the comparison; larger ones are not compared. Default: 1 MiB.
    pub max_answer_bytes: usize,
    /// Requests that wait for the copy; further ones are not mirrored. Default: 1,024.
    pub queue_requests: usize,
    /// Bytes of bodies that wait for the copy; more than 4 GiB are 4 GiB. Default: 64 MiB.
    pub queue_bytes: usize,
    /// Requests that are at the copy at a time. Default: 32.
    pub mirror_concurrency: usize,
    /// Threads of the front's own runtime. Default: 2.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend_protocol: Protocol::Http1,
            connect_timeout: Duration::from_secs(5),
            max_connections: 4_096,
            head_timeout: Duration::from_secs(75),
            max_held: 1_024,
            max_held_time: Duration::from_secs(10),
            max_request_bytes: 1 << 20,
            max_answer_bytes: 1 << 20,
            queue_requests: 1_024,
            queue_bytes: 64 << 20,
            mirror_concurrency: 32,
            threads: 2,
        }
    }
}
