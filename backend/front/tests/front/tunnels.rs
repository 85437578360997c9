//! Other protocols: they go through, are not mirrored, and stay where they are.
use crate::common::*;
use headroom_front::Rules;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const ASKS: &[u8] = b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";

async fn read_head(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head)?.to_ascii_lowercase())
}

/// Agrees to the protocol and sends back what it gets.
fn echoing(runtime: &Runtime) -> anyhow::Result<SocketAddr> {
    raw_backend(runtime, |mut stream| async move {
        let agrees = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        let head = read_head(&mut stream).await.unwrap_or_default();
        if head.contains("upgrade: echo\r\n") && stream.write_all(agrees).await.is_ok() {
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
        }
    })
}

async fn echo(stream: &mut TcpStream, text: &[u8]) -> anyhow::Result<()> {
    stream.write_all(text).await?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).await?;
    anyhow::ensure!(back == text, "{back:?}");
    Ok(())
}

#[test]
fn a_tunnel_is_not_mirrored_and_outlives_a_switch() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (copy, new) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "new")?);
    let front = front(echoing(&runtime)?)?;
    front.start_shadow(copy.address, Rules::default())?;
    let mut stream = runtime.block_on(async {
        let mut stream = TcpStream::connect(front.address()).await?;
        stream.write_all(ASKS).await?;
        let head = read_head(&mut stream).await?;
        assert!(head.starts_with("http/1.1 101 ") && head.contains("upgrade: echo\r\n"), "{head}");
        echo(&mut stream, b"before").await?;
        anyhow::Ok(stream)
    })?;
    wait_until("there is a tunnel", || front.counts().tunnels == 1);
    let fenced = front.fence(PATIENCE);
    assert_eq!(fenced.in_flight, 0, "no fence waits for a tunnel: {fenced:?}");
    front.switch(new.address);
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.1, "new");
    runtime.block_on(echo(&mut stream, b"after"))?;
    drop(stream);
    wait_until("the tunnel is closed", || front.counts().tunnels == 0);
    let report = front.report().unwrap_or_else(|| panic!("a report"));
    assert_eq!((report.not_mirrored.upgrade, report.compared, copy.log().len()), (1, 0, 0));
    Ok(())
}

#[test]
fn a_declined_tunnel_is_an_ordinary_answer() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = Backend::start(&runtime, |_| async { plain(426, "not here") })?;
    let front = front(backend.address)?;
    let answer = runtime.block_on(async {
        let mut stream = TcpStream::connect(front.address()).await?;
        stream.write_all(ASKS).await?;
        let head = read_head(&mut stream).await?;
        let mut body = [0; 8];
        stream.read_exact(&mut body).await?;
        anyhow::Ok((head, String::from_utf8(body.to_vec())?))
    })?;
    assert!(answer.0.starts_with("http/1.1 426 ") && answer.1 == "not here", "{answer:?}");
    wait_until("nothing is in flight", || front.counts().in_flight == 0 && front.counts().tunnels == 0);
    Ok(())
}

#[test]
fn a_tunnel_to_nobody_is_answered_502() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let front = front(nobody()?)?;
    let head = runtime.block_on(async {
        let mut stream = TcpStream::connect(front.address()).await?;
        stream.write_all(ASKS).await?;
        tokio::time::timeout(Duration::from_secs(60), read_head(&mut stream)).await?
    })?;
    assert!(head.starts_with("http/1.1 502 "), "{head}");
    Ok(())
}

#[test]
fn a_connection_to_others_is_not_opened() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = Backend::says(&runtime, "x")?;
    let front = front(backend.address)?;
    let head = runtime.block_on(async {
        let mut stream = TcpStream::connect(front.address()).await?;
        stream.write_all(b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        read_head(&mut stream).await
    })?;
    assert!(head.starts_with("http/1.1 405 "), "{head}");
    assert_eq!((backend.log().len(), front.counts().failed), (0, 0));
    Ok(())
}
