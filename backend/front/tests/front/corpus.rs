//! The corpus of copies: every bad one is refused, no healthy one is.
use crate::common::*;
use headroom_front::{BodyRule, Differs, Report, Rules, Verdict};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const CLIENTS: u64 = 8;
const REQUESTS_EACH: u64 = 5;
const PAGE: &str = "one page of the service";

/// Rules of the corpus: latency says nothing on a busy machine, except where a test asks for it.
fn rules(body: BodyRule) -> Rules {
    Rules { body, min_compared: 20, latency_allowance_millis: 20_000, ..Rules::default() }
}

fn json_rule(ignore: &[&str]) -> BodyRule {
    BodyRule::Json { ignore: ignore.iter().map(|&pointer| pointer.to_owned()).collect() }
}

/// Sends the same traffic to every copy and answers the report on it.
fn compared(runtime: &Runtime, original: SocketAddr, copy: SocketAddr, rules: Rules) -> anyhow::Result<Report> {
    let front = front(original)?;
    front.start_shadow(copy, rules)?;
    let address = front.address();
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(async move {
                let mut connection = Client::http1(address).await?;
                for number in 0..REQUESTS_EACH {
                    let (status, _) = connection.get(&format!("/page/{client}/{number}")).await?;
                    anyhow::ensure!(status == 200, "the client got {status}");
                }
                Ok(())
            });
        }
        clients.join_all().await.into_iter().collect::<anyhow::Result<()>>()
    })?;
    settled(&front, CLIENTS * REQUESTS_EACH)
}

/// A copy against an original that answers with a page.
fn page_against<F, A>(copy: F, rules: Rules) -> anyhow::Result<Report>
where
    F: Fn(Seen) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, PAGE)?, Backend::start(&runtime, copy)?);
    compared(&runtime, original.address, copy.address, rules)
}

fn is_refused(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Failed { .. })
}

#[test]
fn a_healthy_copy_passes() -> anyhow::Result<()> {
    let report = page_against(|_| async { plain(200, PAGE) }, rules(BodyRule::Exact {}))?;
    assert_eq!(report.verdict, Verdict::Passed, "{report:#?}");
    assert_eq!((report.compared, report.differences_total), (CLIENTS * REQUESTS_EACH, 0));
    assert!(report.copy_latency.p50_micros > 0 && report.original_latency.p50_micros > 0);
    Ok(())
}

#[test]
fn a_healthy_copy_of_json_with_tolerance_passes() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::start(&runtime, |_| async { json(r#"{"load": 100.0}"#) })?;
    let copy = Backend::start(&runtime, |_| async { json(r#"{"load":100.001}"#) })?;
    let tolerance = |parts_per_million| rules(BodyRule::Tolerance { parts_per_million, ignore: vec![] });
    let near = compared(&runtime, original.address, copy.address, tolerance(10))?;
    assert_eq!(near.verdict, Verdict::Passed, "{near:#?}");
    assert!(is_refused(&compared(&runtime, original.address, copy.address, tolerance(9))?));
    Ok(())
}

#[test]
fn a_copy_too_small_for_the_load_is_refused() -> anyhow::Result<()> {
    let room = Arc::new(Semaphore::new(1));
    let copy = move |_| {
        let room = room.clone();
        async move {
            let Ok(_place) = room.try_acquire() else {
                return plain(503, "no room");
            };
            tokio::time::sleep(Duration::from_millis(50)).await;
            plain(200, PAGE)
        }
    };
    let report = page_against(copy, rules(BodyRule::Exact {}))?;
    assert!(is_refused(&report), "{report:#?}");
    assert!(report.differences.iter().any(|d| d.differs == Differs::Status && d.copy == "503"));
    Ok(())
}

#[test]
fn a_copy_that_never_answers_is_refused() -> anyhow::Result<()> {
    let rules = Rules { answer_timeout_millis: 200, ..rules(BodyRule::Exact {}) };
    let report = page_against(|_| std::future::pending(), rules)?;
    assert!(is_refused(&report), "{report:#?}");
    assert_eq!(report.different_requests, CLIENTS * REQUESTS_EACH);
    assert!(report.differences.iter().all(|d| d.differs == Differs::NoAnswer));
    Ok(())
}

#[test]
fn a_copy_where_nobody_listens_is_refused() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::says(&runtime, PAGE)?;
    let report = compared(&runtime, original.address, nobody()?, rules(BodyRule::Exact {}))?;
    assert!(is_refused(&report), "{report:#?}");
    Ok(())
}

#[test]
fn a_slow_copy_is_refused() -> anyhow::Result<()> {
    let slow = |_| async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        plain(200, PAGE)
    };
    let report = page_against(slow, Rules { latency_allowance_millis: 250, ..rules(BodyRule::Exact {}) })?;
    let Verdict::Failed { reasons } = &report.verdict else {
        panic!("{report:#?}");
    };
    assert!(reasons.len() == 1 && reasons[0].contains("95th percentile"), "{reasons:?}");
    assert!(report.copy_latency.p50_micros >= 1_500_000);
    Ok(())
}

#[test]
fn a_copy_with_another_header_is_refused() -> anyhow::Result<()> {
    let report = page_against(|_| async { json(PAGE) }, rules(BodyRule::Exact {}))?;
    assert!(is_refused(&report), "{report:#?}");
    assert_eq!(report.differences[0].differs, Differs::Header("content-type".to_owned()));
    assert_eq!(report.differences[0].copy, "application/json");
    Ok(())
}

#[test]
fn a_copy_of_another_version_is_refused() -> anyhow::Result<()> {
    let report = page_against(|_| async { plain(200, "a page of version 2") }, rules(BodyRule::Exact {}))?;
    assert!(is_refused(&report), "{report:#?}");
    assert!(page_against(|_| async { plain(404, PAGE) }, rules(BodyRule::Exact {}))?.differences_total > 0);
    Ok(())
}

#[test]
fn a_copy_with_one_other_byte_is_refused() -> anyhow::Result<()> {
    let other = |seen: Seen| async move {
        let is_bad = seen.path == "/page/3/2";
        plain(200, if is_bad { "one page of the servicf" } else { PAGE })
    };
    let report = page_against(other, rules(BodyRule::Exact {}))?;
    assert!(is_refused(&report), "{report:#?}");
    assert_eq!((report.different_requests, report.differences_total), (1, 1));
    let difference = &report.differences[0];
    assert_eq!((difference.method.as_str(), difference.path.as_str()), ("GET", "/page/3/2"));
    assert_eq!(difference.differs, Differs::BodyByte(22));
    assert!(difference.number >= 1 && difference.number <= CLIENTS * REQUESTS_EACH);
    Ok(())
}

#[test]
fn a_time_in_the_answer_passes_only_by_its_rule() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let clock = Arc::new(AtomicU64::new(0));
    let backend = |clock: Arc<AtomicU64>| {
        Backend::start(&runtime, move |_| {
            let time = clock.fetch_add(1, Ordering::SeqCst);
            async move { json(format!(r#"{{"page": 1, "made": {{"at": {time}}}}}"#)) }
        })
    };
    let (original, copy) = (backend(clock.clone())?, backend(clock)?);
    let passed = compared(&runtime, original.address, copy.address, rules(json_rule(&["/made/at"])))?;
    assert_eq!(passed.verdict, Verdict::Passed, "{passed:#?}");
    let refused = compared(&runtime, original.address, copy.address, rules(json_rule(&[])))?;
    assert!(is_refused(&refused));
    assert_eq!(refused.differences[0].differs, Differs::BodyValue("/made/at".to_owned()));
    Ok(())
}

#[test]
fn json_in_another_order_passes_by_json_and_not_by_bytes() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::start(&runtime, |_| async { json(r#"{"a":1,"b":[2]}"#) })?;
    let copy = Backend::start(&runtime, |_| async { json("{\"b\": [2], \"a\": 1}\n") })?;
    let passed = compared(&runtime, original.address, copy.address, rules(json_rule(&[])))?;
    assert_eq!(passed.verdict, Verdict::Passed, "{passed:#?}");
    assert!(is_refused(&compared(&runtime, original.address, copy.address, rules(BodyRule::Exact {}))?));
    Ok(())
}

#[test]
fn a_copy_that_dies_midway_is_refused() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, PAGE)?, Backend::says(&runtime, PAGE)?);
    let front = front(original.address)?;
    front.start_shadow(copy.address, Rules { min_compared: 6, ..rules(BodyRule::Exact {}) })?;
    for _ in 0..5 {
        assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    }
    assert!(matches!(settled(&front, 5)?.verdict, Verdict::Undecided { .. }));
    drop(copy);
    for _ in 0..5 {
        assert_eq!(once(&runtime, front.address(), "GET", "/", "")?, (200, PAGE.to_owned()));
    }
    let report = settled(&front, 10)?;
    assert!(is_refused(&report), "{report:#?}");
    assert!(report.differences.iter().all(|d| d.differs == Differs::NoAnswer && d.number > 5));
    Ok(())
}

#[test]
fn a_copy_that_breaks_off_its_answers_is_refused() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let original = Backend::says(&runtime, PAGE)?;
    let copy = raw_backend(&runtime, |mut stream| async move {
        let mut bytes = [0; 4_096];
        let _ = stream.read(&mut bytes).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\none page of").await;
    })?;
    let report = compared(&runtime, original.address, copy, rules(BodyRule::Exact {}))?;
    assert!(is_refused(&report), "{report:#?}");
    assert!(report.differences[0].copy.contains("ends in the middle"), "{:?}", report.differences[0]);
    Ok(())
}
