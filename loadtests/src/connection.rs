//! One keep-alive connection: the least that a client can cost beside the server it measures.
use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub struct Connection {
    send: SendRequest<Full<Bytes>>,
    host: String,
    bearer: String,
}

pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Connection {
    /// `url` as the server prints it, `http://HOST:PORT`.
    pub async fn open(url: &str, key: &str) -> anyhow::Result<Connection> {
        let host = url.strip_prefix("http://").context("not a http address")?.to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // Its end shows as a failed request.
            let _ended = connection.await;
        });
        Ok(Connection { send, host, bearer: format!("Bearer {key}") })
    }

    pub async fn post(&mut self, path: &str, idempotency_key: &str, body: String) -> anyhow::Result<Answer> {
        let request = Request::post(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", idempotency_key)
            .body(Full::new(Bytes::from(body)))?;
        self.send.ready().await?;
        let response = self.send.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}
