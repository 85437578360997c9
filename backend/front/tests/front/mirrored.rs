//! What is mirrored and what is not, and that nobody waits for it.
use crate::common::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use headroom_front::{BodyRule, FrontError, Options, Protocol, Report, Rules, Verdict};
use hyper::header::HeaderValue;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

#[test]
fn a_request_with_effects_is_never_mirrored_by_default() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "x")?);
    let front = front(original.address)?;
    front.start_shadow(copy.address, Rules::default())?;
    for method in ["POST", "PUT", "DELETE", "PATCH", "GET"] {
        assert_eq!(once(&runtime, front.address(), method, "/a", "body")?.0, 200);
    }
    let report = settled(&front, 5)?;
    assert_eq!((report.compared, report.not_mirrored.method), (1, 4));
    let seen: Vec<String> = copy.log().into_iter().map(|seen| seen.method).collect();
    assert_eq!(seen, ["GET"]);
    assert_eq!(original.log().len(), 5);
    Ok(())
}

#[test]
fn a_held_path_is_never_mirrored() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "x")?);
    let front = front(original.address)?;
    front.start_shadow(copy.address, Rules { held_paths: vec!["/logout".to_owned()], ..Rules::default() })?;
    for path in ["/logout", "//logout?now=1", "/%6Cogout", "/a"] {
        assert_eq!(once(&runtime, front.address(), "GET", path, "")?.0, 200);
    }
    assert_eq!(settled(&front, 4)?.not_mirrored.path, 3);
    let seen: Vec<String> = copy.log().into_iter().map(|seen| seen.path).collect();
    assert_eq!(seen, ["/a"]);
    Ok(())
}

#[test]
fn an_allowed_body_reaches_the_copy_whole() -> anyhow::Result<()> {
    body_reaches_the_copy(Protocol::Http1)
}

#[test]
fn an_allowed_body_reaches_the_copy_whole_by_http2() -> anyhow::Result<()> {
    body_reaches_the_copy(Protocol::Http2)
}

fn body_reaches_the_copy(backend_protocol: Protocol) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "x")?);
    let front = front_with(original.address, Options { backend_protocol, ..Options::default() })?;
    front.start_shadow(copy.address, Rules { methods: vec!["POST".to_owned()], ..Rules::default() })?;
    let body = "0123456789".repeat(10_000);
    assert_eq!(once(&runtime, front.address(), "POST", "/search?q=1", &body)?.0, 200);
    let report = settled(&front, 1)?;
    assert_eq!((report.compared, report.differences_total), (1, 0));
    let (ours, theirs) = (&original.log()[0], &copy.log()[0]);
    assert_eq!((theirs.path.as_str(), theirs.body.len()), ("/search?q=1", body.len()));
    assert_eq!((&ours.body, &ours.headers), (&theirs.body, &theirs.headers));
    Ok(())
}

#[test]
fn bodies_over_the_bound_pass_through_unmirrored() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let echo = |seen: Seen| async move { plain(200, seen.body) };
    let (original, copy) = (Backend::start(&runtime, echo)?, Backend::start(&runtime, echo)?);
    let options = Options { max_request_bytes: 1_000, max_answer_bytes: 500, ..Options::default() };
    let front = front_with(original.address, options)?;
    front.start_shadow(copy.address, Rules { methods: vec!["POST".to_owned()], ..Rules::default() })?;
    for bytes in [500, 501, 1_000, 1_001, 300_000] {
        let body = "a".repeat(bytes);
        assert_eq!(once(&runtime, front.address(), "POST", "/", &body)?, (200, body));
    }
    let report = settled(&front, 5)?;
    let skipped = report.not_mirrored;
    assert_eq!((report.compared, skipped.answer_too_large, skipped.request_too_large), (1, 2, 2));
    assert_eq!((original.count("POST"), copy.count("POST")), (5, 1));
    Ok(())
}

#[test]
fn a_copy_with_a_longer_answer_than_is_kept_differs() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::says(&runtime, "short")?;
    let copy = Backend::start(&runtime, |_| async { plain(200, "a".repeat(3 << 20)) })?;
    let front = front(original.address)?;
    front.start_shadow(copy.address, Rules::default())?;
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    assert!(matches!(settled(&front, 1)?.verdict, Verdict::Failed { .. }));
    Ok(())
}

#[test]
fn large_json_is_compared_by_its_rule() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let list = |last: &str| format!("[{}{last}]", "{\"a\": 1.50},".repeat(5_000));
    let (one, other) = (list("1"), list("2").replace("1.50", "15e-1"));
    let original = Backend::start(&runtime, move |_| std::future::ready(json(one.clone())))?;
    let copy = Backend::start(&runtime, move |_| std::future::ready(json(other.clone())))?;
    let front = front(original.address)?;
    front.start_shadow(copy.address, Rules { body: BodyRule::Json { ignore: vec![] }, ..Rules::default() })?;
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    let report = settled(&front, 1)?;
    assert_eq!(report.differences_total, 1);
    assert_eq!(report.differences[0].differs.to_string(), "body at /5000");
    Ok(())
}

/// One comparison by the rule `json` of answers with an encoding.
fn encoded(coding: &'static str, original: Vec<u8>, copy: Vec<u8>) -> anyhow::Result<Report> {
    let runtime = runtime()?;
    let answer = |body: Vec<u8>| {
        move |_| {
            let mut response = json(body.clone());
            response.headers_mut().insert("content-encoding", HeaderValue::from_static(coding));
            std::future::ready(response)
        }
    };
    let (original, copy) = (Backend::start(&runtime, answer(original))?, Backend::start(&runtime, answer(copy))?);
    let front = front(original.address)?;
    let body = BodyRule::Json { ignore: vec!["/time".to_owned()] };
    front.start_shadow(copy.address, Rules { body, min_compared: 1, ..Rules::default() })?;
    assert_eq!(
        runtime
            .block_on(async { Client::http1(front.address()).await?.send(request("GET", "/", "")?).await })?
            .status(),
        200
    );
    settled(&front, 1)
}

#[test]
fn json_in_gzip_is_read_and_in_an_unknown_coding_not() -> anyhow::Result<()> {
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes())?;
        encoder.finish()
    };
    let (one, later, other) = (r#"{"a":1,"time":1}"#, r#"{"time":2,"a":1}"#, r#"{"time":2,"a":2}"#);
    assert_eq!(encoded("gzip", gzip(one)?, gzip(later)?)?.verdict, Verdict::Passed);
    assert_eq!(encoded("gzip", gzip(one)?, gzip(other)?)?.differences[0].differs.to_string(), "body at /a");
    assert!(matches!(encoded("gzip", gzip(one)?, later.into())?.verdict, Verdict::Failed { .. }));
    let unknown = encoded("br", one.into(), later.into())?;
    assert_eq!((unknown.not_mirrored.compressed, unknown.compared), (1, 0));
    Ok(())
}

#[test]
fn clients_do_not_wait_for_a_copy_that_hangs() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::says(&runtime, "x")?;
    let copy = Backend::start(&runtime, |_| std::future::pending())?;
    let options = Options { queue_requests: 4, mirror_concurrency: 2, ..Options::default() };
    let front = front_with(original.address, options)?;
    front.start_shadow(copy.address, Rules { answer_timeout_millis: 600_000, ..Rules::default() })?;
    let started = Instant::now();
    runtime.block_on(async {
        let mut client = Client::http1(front.address()).await?;
        for _ in 0..200 {
            assert_eq!(client.get("/").await?.0, 200);
        }
        anyhow::Ok(())
    })?;
    // A request that waited for the copy would take ten minutes.
    assert!(started.elapsed() < PATIENCE);
    let report = front.report().unwrap_or_else(|| panic!("a report"));
    assert_eq!(report.waiting + report.not_mirrored.overflow, 200, "{report:#?}");
    // Two at the copy, one that is next, four in the queue.
    assert!((4..=7).contains(&report.waiting), "{report:#?}");
    front.drop_shadow();
    assert_eq!(front.report(), None);
    Ok(())
}

#[test]
fn a_full_queue_by_bytes_is_counted_as_overflow() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::start(&runtime, |_| async { plain(200, "a".repeat(1_000)) })?;
    let copy = Backend::start(&runtime, |_| std::future::pending())?;
    let front = front_with(original.address, Options { queue_bytes: 2_500, ..Options::default() })?;
    front.start_shadow(copy.address, Rules::default())?;
    for _ in 0..5 {
        assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    }
    wait_until("three overflow", || front.report().is_some_and(|r| r.not_mirrored.overflow == 3 && r.waiting == 2));
    Ok(())
}

#[test]
fn a_dropped_shadow_gets_nothing_more() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let let_go = Arc::new(Semaphore::new(0));
    let waits = let_go.clone();
    let original = Backend::says(&runtime, "x")?;
    let copy = Backend::start(&runtime, move |_| {
        let waits = waits.clone();
        async move {
            let _place = waits.acquire().await;
            plain(200, "x")
        }
    })?;
    let front = front_with(original.address, Options { mirror_concurrency: 1, ..Options::default() })?;
    front.start_shadow(copy.address, Rules::default())?;
    for _ in 0..5 {
        assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    }
    wait_until("one is at the copy", || copy.log().len() == 1 && front.report().is_some_and(|r| r.waiting == 5));
    front.drop_shadow();
    front.drop_shadow();
    let_go.add_permits(100);
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(copy.log().len(), 1);
    Ok(())
}

#[test]
fn a_shadow_started_twice_goes_on_and_another_is_refused() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "x")?);
    let front = front(original.address)?;
    let own = front.start_shadow(original.address, Rules::default());
    assert_eq!(own, Err(FrontError::CopyIsActive(original.address)));
    let wrong = front.start_shadow(copy.address, Rules { min_compared: 0, ..Rules::default() });
    assert!(matches!(wrong, Err(FrontError::Rules(_))));
    front.start_shadow(copy.address, Rules::default())?;
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    settled(&front, 1)?;
    front.start_shadow(copy.address, Rules::default())?;
    assert_eq!(front.report().map(|r| r.compared), Some(1));
    let other = front.start_shadow(copy.address, Rules { min_compared: 7, ..Rules::default() });
    assert_eq!(other, Err(FrontError::OtherShadow { copy: copy.address }));
    // A switch ends the comparison and leaves its report.
    front.switch(copy.address);
    let report = front.report().unwrap_or_else(|| panic!("a report"));
    assert!(!report.is_mirroring && report.compared == 1);
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    assert_eq!((original.log().len(), copy.log().len()), (1, 2));
    Ok(())
}
