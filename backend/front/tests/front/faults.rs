//! Backends and clients that do not do as they should.
use crate::common::*;
use headroom_front::{Front, Options, Protocol, Rules, WatchRules};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LARGE: usize = 8 << 20;

/// Reads up to the end of one head without a body; nothing at the end of the connection.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

#[test]
fn a_refused_connection_is_answered_502() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let front = front(nobody()?)?;
    for method in ["GET", "POST"] {
        let (status, text) = once(&runtime, front.address(), method, "/", "")?;
        assert_eq!((status, text.as_str()), (502, "The service does not answer.\n"));
    }
    assert_eq!((front.counts().failed, front.counts().in_flight), (2, 0));
    Ok(())
}

/// The second request on each connection meets its end.
#[test]
fn a_request_lost_with_its_old_connection_is_sent_once_more() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let lost = Arc::new(AtomicUsize::new(0));
    let count = lost.clone();
    let backend = raw_backend(&runtime, move |mut stream| {
        let count = count.clone();
        async move {
            if read_head(&mut stream).await.is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                if read_head(&mut stream).await.is_some() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    })?;
    let front = front(backend)?;
    runtime.block_on(async {
        let mut client = Client::http1(front.address()).await?;
        for _ in 0..50 {
            assert_eq!(client.get("/").await?, (200, "ok".to_owned()));
        }
        anyhow::Ok(())
    })?;
    let counts = front.counts();
    assert!(counts.failed == 0 && counts.retried > 0, "{counts:?}");
    assert_eq!(counts.retried, lost.load(Ordering::SeqCst) as u64);
    Ok(())
}

#[test]
fn a_lost_request_with_effects_is_not_sent_again() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let posts = Arc::new(AtomicUsize::new(0));
    let count = posts.clone();
    let backend = raw_backend(&runtime, move |mut stream| {
        let count = count.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                if head.starts_with("POST") {
                    count.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })?;
    let front = front(backend)?;
    runtime.block_on(async {
        let mut client = Client::http1(front.address()).await?;
        assert_eq!(client.get("/").await?.0, 200);
        assert_eq!(client.call("POST", "/", "").await?.0, 502);
        anyhow::Ok(())
    })?;
    assert_eq!((posts.load(Ordering::SeqCst), front.counts().retried), (1, 0));
    Ok(())
}

/// Each answer is the last on its connection, and nothing says so.
#[test]
fn a_backend_that_closes_after_each_answer_fails_no_get() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = raw_backend(&runtime, |mut stream| async move {
        if read_head(&mut stream).await.is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })?;
    let front = front(backend)?;
    runtime.block_on(async {
        let mut client = Client::http1(front.address()).await?;
        for _ in 0..200 {
            assert_eq!(client.get("/").await?, (200, "ok".to_owned()));
        }
        anyhow::Ok(())
    })?;
    assert_eq!(front.counts().failed, 0);
    Ok(())
}

#[test]
fn an_answer_broken_off_is_broken_off_for_the_client() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = raw_backend(&runtime, |mut stream| async move {
        if read_head(&mut stream).await.is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        }
    })?;
    let copy = Backend::says(&runtime, "half")?;
    let front = front(backend)?;
    front.start_shadow(copy.address, Rules::default())?;
    assert!(once(&runtime, front.address(), "GET", "/", "").is_err());
    assert_eq!((front.counts().broken, front.counts().failed), (1, 0));
    assert_eq!(settled(&front, 1)?.not_mirrored.unfinished, 1);
    assert_eq!(copy.log().len(), 0);
    Ok(())
}

#[test]
fn a_client_that_leaves_midway_disturbs_nobody() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::start(&runtime, |_| async { plain(200, "a".repeat(LARGE)) })?;
    let front = front(original.address)?;
    front.start_shadow(original_copy(&runtime)?.address, Rules::default())?;
    runtime.block_on(async {
        for _ in 0..5 {
            let mut client = Client::http1(front.address()).await?;
            let mut body = client.head(request("GET", "/", "")?).await?.into_body();
            anyhow::ensure!(body.frame().await.is_some(), "a first part");
        }
        anyhow::Ok(())
    })?;
    wait_until("nothing is in flight", || front.counts().in_flight == 0 && front.counts().connections == 0);
    assert_eq!(settled(&front, 5)?.not_mirrored.unfinished, 5);
    let (status, text) = once(&runtime, front.address(), "GET", "/", "")?;
    assert_eq!((status, text.len()), (200, LARGE));
    Ok(())
}

fn original_copy(runtime: &tokio::runtime::Runtime) -> anyhow::Result<Backend> {
    Backend::says(runtime, "x")
}

#[test]
fn a_client_that_breaks_off_its_body_is_not_executed() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::says(&runtime, "x")?;
    let front = front(original.address)?;
    runtime.block_on(async {
        let mut stream = TcpStream::connect(front.address()).await?;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf").await?;
        while front.counts().in_flight == 0 {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    })?;
    wait_until("nothing is in flight", || front.counts().in_flight == 0);
    assert_eq!(original.log().len(), 0);
    assert_eq!(once(&runtime, front.address(), "POST", "/", "whole")?.0, 200);
    let served = front.watched(&WatchRules::default(), false).after;
    assert_eq!((served.requests, served.errors), (1, 0), "that is no error of the service");
    Ok(())
}

#[test]
fn a_slow_client_gets_all_and_does_not_count_as_latency() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let large = |_| async { plain(200, "a".repeat(LARGE)) };
    let (original, copy) = (Backend::start(&runtime, large)?, Backend::start(&runtime, large)?);
    let front = front_with(original.address, Options { max_answer_bytes: LARGE, ..Options::default() })?;
    front.start_shadow(copy.address, Rules::default())?;
    let pause = Duration::from_secs(2);
    let bytes = runtime.block_on(async {
        let mut client = Client::http1(front.address()).await?;
        let body = client.head(request("GET", "/", "")?).await?.into_body();
        tokio::time::sleep(pause).await;
        assert_eq!(front.counts().in_flight, 1);
        anyhow::Ok(body.collect().await?.to_bytes().len())
    })?;
    assert_eq!(bytes, LARGE);
    let report = settled(&front, 1)?;
    assert_eq!((report.compared, report.differences_total), (1, 0));
    assert!(u128::from(report.original_latency.max_micros) < pause.as_micros(), "{report:#?}");
    Ok(())
}

#[test]
fn a_slow_upload_is_streamed_to_the_backend() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (told, mut first_part) = tokio::sync::mpsc::channel(1);
    let backend = raw_backend(&runtime, move |mut stream| {
        let told = told.clone();
        async move {
            let mut part = [0; 4];
            if read_head(&mut stream).await.is_some() && stream.read_exact(&mut part).await.is_ok() {
                let _ = told.send(part).await;
                let _ = stream.read_exact(&mut part).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })?;
    let front = front(backend)?;
    runtime.block_on(async {
        let mut stream = TcpStream::connect(front.address()).await?;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nhalf").await?;
        // The second half is sent once the backend has the first one.
        assert_eq!(first_part.recv().await.as_ref(), Some(b"half"));
        stream.write_all(b"rest").await?;
        let head = read_head(&mut stream).await.unwrap_or_default();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        anyhow::Ok(())
    })
}

#[test]
fn an_http2_backend_gets_and_gives_whole_bodies() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = Backend::start(&runtime, |seen| async move { plain(200, seen.body) })?;
    let front = front_with(backend.address, Options { backend_protocol: Protocol::Http2, ..Options::default() })?;
    let body = "0123456789".repeat(LARGE / 10);
    for _ in 0..2 {
        let (status, text) = once(&runtime, front.address(), "POST", "/", &body)?;
        assert!(status == 200 && text == body);
    }
    let by_http2 = runtime.block_on(async { Client::http2(front.address()).await?.call("PUT", "/", &body).await })?;
    assert!(by_http2 == (200, body));
    Ok(())
}

#[test]
fn an_http2_backend_that_comes_back_is_reached_again() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let first = Backend::says(&runtime, "first")?;
    let front = front_with(first.address, Options { backend_protocol: Protocol::Http2, ..Options::default() })?;
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    let address = first.address;
    drop(first);
    wait_until("it is away", || once(&runtime, front.address(), "GET", "/", "").is_ok_and(|(s, _)| s == 502));
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    runtime.spawn(async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        while let Ok((stream, _)) = listener.accept().await {
            let service =
                hyper::service::service_fn(|_| async { Ok::<_, std::convert::Infallible>(plain(200, "again")) });
            let executor = hyper_util::rt::TokioExecutor::new();
            let builder = hyper::server::conn::http2::Builder::new(executor);
            tokio::spawn(builder.serve_connection(hyper_util::rt::TokioIo::new(stream), service));
        }
    });
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?, (200, "again".to_owned()));
    Ok(())
}

#[test]
fn a_backend_learns_the_client_and_its_host() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = Backend::says(&runtime, "x")?;
    let front = front(backend.address)?;
    assert_eq!(once(&runtime, front.address(), "GET", "/a?b=c", "")?.0, 200);
    let seen = &backend.log()[0];
    let header = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!((seen.path.as_str(), header("host")), ("/a?b=c", Some("service.example")));
    assert_eq!(header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(header("forwarded"), Some("for=127.0.0.1;host=\"service.example\";proto=http"));
    Ok(())
}

#[test]
fn a_front_that_stops_lets_requests_end() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = Backend::start(&runtime, |_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        plain(200, "x")
    })?;
    // On a runtime of the caller's.
    let handle = runtime.handle().clone();
    let front = Front::start_with(any_port(), backend.address, Options::default(), Some(handle))?;
    let to = front.address();
    let answered = runtime.spawn(async move { Client::http1(to).await?.get("/").await });
    wait_until("it is in flight", || front.counts().in_flight == 1);
    assert_eq!(front.stop(PATIENCE), 0);
    assert_eq!(runtime.block_on(answered)??.0, 200);
    wait_until("nobody listens", || runtime.block_on(TcpStream::connect(to)).is_err());
    Ok(())
}

#[test]
fn an_answer_in_parts_arrives_as_it_is_made() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (go_on, told) = tokio::sync::mpsc::channel::<()>(1);
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let backend = raw_backend(&runtime, move |mut stream| {
        let told = told.clone();
        async move {
            if read_head(&mut stream).await.is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
                let _ = told.lock().await.recv().await;
                let _ = stream.write_all(b"4\r\nrest\r\n0\r\n\r\n").await;
            }
        }
    })?;
    let copy = Backend::says(&runtime, "halfrest")?;
    let front = front(backend)?;
    front.start_shadow(copy.address, Rules { headers: Vec::new(), ..Rules::default() })?;
    runtime.block_on(async {
        let mut client = Client::http2(front.address()).await?;
        let mut body = client.head(request("GET", "/", "")?).await?.into_body();
        let first = body.frame().await.transpose()?.and_then(|frame| frame.into_data().ok());
        assert_eq!(first.as_deref(), Some(b"half".as_slice()));
        // The second part is made once the client has the first one.
        go_on.send(()).await?;
        assert_eq!(body.collect().await?.to_bytes().as_ref(), b"rest");
        anyhow::Ok(())
    })?;
    let report = settled(&front, 1)?;
    assert_eq!((report.compared, report.differences_total), (1, 0));
    Ok(())
}

#[test]
fn an_answer_to_head_keeps_the_length_of_its_body() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let backend = Backend::says(&runtime, "a body of 21 letters.")?;
    let front = front(backend.address)?;
    front.start_shadow(Backend::says(&runtime, "x")?.address, Rules::default())?;
    let answers = runtime.block_on(async {
        let by_http1 = Client::http1(front.address()).await?.send(request("HEAD", "/", "")?).await?;
        let by_http2 = Client::http2(front.address()).await?.send(request("HEAD", "/", "")?).await?;
        anyhow::Ok([by_http1, by_http2])
    })?;
    for answer in answers {
        assert_eq!(answer.headers().get("content-length").map(|length| length.as_bytes()), Some(b"21".as_slice()));
        assert!(answer.body().is_empty());
    }
    Ok(())
}
