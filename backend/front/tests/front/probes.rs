//! The front's own requests during a shadow run.
use crate::common::*;
use headroom_front::{Front, Options, Protocol, Report, Rules, Verdict};
use std::sync::atomic::{AtomicUsize, Ordering};

fn rules(probes: &[&str], min_compared: u64) -> Rules {
    Rules { probes: probes.iter().map(|path| (*path).to_owned()).collect(), min_compared, ..Rules::default() }
}

fn report(front: &Front) -> Option<Report> {
    front.report()
}

#[test]
fn a_service_that_nobody_calls_is_compared_by_probes() -> anyhow::Result<()> {
    for backend_protocol in [Protocol::Http1, Protocol::Http2] {
        let runtime = runtime()?;
        let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "x")?);
        let front = front_with(original.address, Options { backend_protocol, ..Options::default() })?;
        front.start_shadow(copy.address, rules(&["/a?b=1", "/c"], 10))?;
        wait_until("a verdict", || report(&front).is_some_and(|report| report.verdict == Verdict::Passed));
        let seen: Vec<String> = copy.log().into_iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
        assert_eq!(seen[..3], ["GET /a?b=1", "GET /c", "GET /a?b=1"]);
        front.drop_shadow();
        let count = front.counts().requests;
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        assert!(front.counts().requests <= count + 1, "it ends with the shadow run");
    }
    Ok(())
}

#[test]
fn a_copy_that_differs_is_refused_by_probes() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "y")?);
    let front = front(original.address)?;
    front.start_shadow(copy.address, rules(&["/"], 5))?;
    let is_refused = |report: Report| matches!(report.verdict, Verdict::Failed { .. });
    wait_until("a verdict", || report(&front).is_some_and(is_refused));
    Ok(())
}

#[test]
fn clients_that_send_enough_leave_probes_little_to_do() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (original, copy) = (Backend::says(&runtime, "x")?, Backend::says(&runtime, "x")?);
    let front = front(original.address)?;
    front.start_shadow(copy.address, rules(&["/probed"], 5))?;
    for _ in 0..5 {
        assert_eq!(once(&runtime, front.address(), "GET", "/asked", "")?.0, 200);
    }
    let probed = AtomicUsize::new(0);
    wait_until("the first probe", || {
        probed.store(copy.log().iter().filter(|seen| seen.path == "/probed").count(), Ordering::Relaxed);
        probed.load(Ordering::Relaxed) > 0
    });
    assert_eq!(report(&front).map(|report| report.verdict), Some(Verdict::Passed));
    assert!(probed.into_inner() < 10, "the clients had sent enough before");
    Ok(())
}
