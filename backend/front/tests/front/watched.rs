//! How a service answers since a switch beside how it answered before.
use crate::common::*;
use headroom_front::{Front, Outcome, Rules, WatchRules};
use std::time::Duration;
use tokio::runtime::Runtime;

fn ask(runtime: &Runtime, front: &Front, method: &str, times: usize) -> anyhow::Result<()> {
    runtime.block_on(async {
        let mut client = Client::http1(front.address()).await?;
        for _ in 0..times {
            client.call(method, "/", "").await?;
        }
        Ok(())
    })
}

fn outcome(front: &Front) -> Outcome {
    front.watched(&WatchRules::default(), false).outcome
}

#[test]
fn a_copy_that_fails_writes_is_worse_since_the_switch() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let source = Backend::says(&runtime, "old")?;
    let status = |method: &str| if method == "POST" { 500 } else { 200 };
    let copy = Backend::start(&runtime, move |seen| async move { plain(status(&seen.method), "new") })?;
    let front = front(source.address)?;
    ask(&runtime, &front, "POST", 60)?;
    front.switch(copy.address);
    front.switch(copy.address);
    let since = front.watched(&WatchRules::default(), false);
    assert_eq!((since.before.requests, since.before.errors, since.after.requests), (60, 0, 0));
    ask(&runtime, &front, "GET", 20)?;
    ask(&runtime, &front, "POST", 2)?;
    assert_eq!(outcome(&front), Outcome::Undecided);
    ask(&runtime, &front, "POST", 1)?;
    assert!(matches!(outcome(&front), Outcome::Worse(_)), "{:?}", outcome(&front));

    // The way back counts anew, also where the source is known already.
    front.switch(source.address);
    assert_eq!(front.watched(&WatchRules::default(), false).after.requests, 0);
    Ok(())
}

#[test]
fn a_copy_that_answers_as_before_passes() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (source, copy) = (Backend::says(&runtime, "old")?, Backend::says(&runtime, "new")?);
    let front = front(source.address)?;
    ask(&runtime, &front, "POST", 60)?;
    front.switch(copy.address);
    ask(&runtime, &front, "POST", 49)?;
    assert_eq!(outcome(&front), Outcome::Undecided);
    ask(&runtime, &front, "POST", 1)?;
    assert_eq!(outcome(&front), Outcome::Passed);
    Ok(())
}

#[test]
fn a_copy_that_hangs_is_worse_before_it_answers() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let source = Backend::says(&runtime, "old")?;
    let copy = Backend::start(&runtime, |_| std::future::pending())?;
    let front = front(source.address)?;
    ask(&runtime, &front, "GET", 60)?;
    front.switch(copy.address);
    let to = front.address();
    for _ in 0..3 {
        runtime.spawn(async move { Client::http1(to).await?.get("/").await });
    }
    wait_until("it is too slow", || matches!(outcome(&front), Outcome::Worse(_)));
    Ok(())
}

#[test]
fn what_nobody_answers_and_what_breaks_off_are_errors() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let source = Backend::says(&runtime, "old")?;
    let front = front(source.address)?;
    front.switch(nobody()?);
    ask(&runtime, &front, "GET", 3)?;
    let served = front.watched(&WatchRules::default(), false).after;
    assert_eq!((served.requests, served.errors), (3, 3));

    let broken = raw_backend(&runtime, |mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    })?;
    front.switch(broken);
    assert!(once(&runtime, front.address(), "GET", "/", "").is_err());
    let served = front.watched(&WatchRules::default(), false).after;
    assert_eq!((served.requests, served.errors), (1, 1));
    Ok(())
}

#[test]
fn what_waits_behind_the_fence_counts_without_its_latency() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (source, copy) = (Backend::says(&runtime, "old")?, Backend::says(&runtime, "new")?);
    let front = front(source.address)?;
    front.fence(Duration::ZERO);
    let to = front.address();
    let held = runtime.spawn(async move { Client::http1(to).await?.get("/").await });
    wait_until("it waits", || front.counts().held == 1);
    front.switch(copy.address);
    assert_eq!(runtime.block_on(held)??.0, 200);
    let served = front.watched(&WatchRules::default(), false).after;
    assert_eq!((served.requests, served.p95_micros), (1, 0));
    Ok(())
}

#[test]
fn requests_held_at_the_fence_are_not_slow_while_they_wait() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let source = Backend::says(&runtime, "old")?;
    let copy = Backend::start(&runtime, |_| std::future::pending())?;
    let front = front(source.address)?;
    ask(&runtime, &front, "GET", 60)?;
    front.fence(Duration::from_secs(5));
    let to = front.address();
    for _ in 0..5 {
        runtime.spawn(async move { Client::http1(to).await?.get("/").await });
    }
    wait_until("they wait", || front.counts().held == 5);
    front.switch(copy.address);
    wait_until("they are let through", || front.counts().held == 0);
    // Longer than any answer may take: twice the one before and 250 ms.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(outcome(&front), Outcome::Undecided);
    Ok(())
}

#[test]
fn a_slow_upload_is_no_slow_answer() -> anyhow::Result<()> {
    use std::io::{Read, Write};
    let runtime = runtime()?;
    let (source, copy) = (Backend::says(&runtime, "old")?, Backend::says(&runtime, "new")?);
    let front = front(source.address)?;
    ask(&runtime, &front, "GET", 60)?;
    front.switch(copy.address);
    let mut uploads = Vec::new();
    for _ in 0..5 {
        let mut upload = std::net::TcpStream::connect(front.address())?;
        upload.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na")?;
        uploads.push(upload);
    }
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(outcome(&front), Outcome::Undecided, "nothing is answered yet");
    for mut upload in uploads {
        upload.write_all(b"b")?;
        assert!(upload.read(&mut [0; 256])? > 0);
    }
    assert_eq!((outcome(&front), front.watched(&WatchRules::default(), false).after.errors), (Outcome::Undecided, 0));
    Ok(())
}

#[test]
fn probes_of_a_shadow_run_are_not_counted() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (source, copy) = (Backend::says(&runtime, "old")?, Backend::says(&runtime, "old")?);
    let front = front(source.address)?;
    front.start_shadow(copy.address, Rules { probes: vec!["/".into()], min_compared: 3, ..Rules::default() })?;
    wait_until("three are compared", || front.report().is_some_and(|report| report.compared >= 3));
    assert_eq!(front.watched(&WatchRules::default(), false).after.requests, 0);
    Ok(())
}
