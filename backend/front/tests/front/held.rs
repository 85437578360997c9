//! The fence: who waits, for how long, and what follows.
use crate::common::*;
use headroom_front::{Front, Options};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

type Answered = JoinHandle<anyhow::Result<(u16, String)>>;

/// Sends a request in the background.
fn begin(runtime: &Runtime, front: &Front, method: &'static str) -> Answered {
    let to = front.address();
    runtime.spawn(async move { Client::http1(to).await?.call(method, "/", "").await })
}

/// A backend that answers each request once it is let go.
fn hanging(runtime: &Runtime, text: &'static str) -> anyhow::Result<(Backend, Arc<Semaphore>)> {
    let let_go = Arc::new(Semaphore::new(0));
    let waits = let_go.clone();
    let backend = Backend::start(runtime, move |_| {
        let waits = waits.clone();
        async move {
            if let Ok(one) = waits.acquire().await {
                one.forget();
            }
            plain(200, text)
        }
    })?;
    Ok((backend, let_go))
}

#[test]
fn a_rollback_while_held_sends_requests_to_the_old_place() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (old, new) = (Backend::says(&runtime, "old")?, Backend::says(&runtime, "new")?);
    let front = front(old.address)?;
    assert_eq!(front.fence(Duration::ZERO).in_flight, 0);
    assert!(front.is_fenced());
    let waiting: Vec<Answered> = (0..5).map(|_| begin(&runtime, &front, "POST")).collect();
    wait_until("five wait", || front.counts().held == 5);
    assert_eq!(old.log().len(), 0);
    front.resume();
    front.resume();
    for answered in waiting {
        assert_eq!(runtime.block_on(answered)??, (200, "old".to_owned()));
    }
    assert_eq!((old.log().len(), new.log().len(), front.counts().failed), (5, 0, 0));
    assert!(!front.is_fenced() && front.counts().held == 0);
    Ok(())
}

#[test]
fn a_request_held_for_too_long_is_told_to_come_again() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let old = Backend::says(&runtime, "old")?;
    let options = Options { max_held_time: Duration::from_millis(50), ..Options::default() };
    let front = front_with(old.address, options)?;
    front.fence(Duration::ZERO);
    let response = runtime.block_on(async {
        let request = request("POST", "/", "x")?;
        Client::http1(front.address()).await?.send(request).await
    })?;
    assert_eq!(response.status().as_u16(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let counts = front.counts();
    assert_eq!((counts.failed, counts.held, counts.in_flight, old.log().len()), (1, 0, 0, 0));
    Ok(())
}

#[test]
fn one_held_request_too_many_is_told_at_once() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let old = Backend::says(&runtime, "old")?;
    let options = Options { max_held: 2, max_held_time: PATIENCE, ..Options::default() };
    let front = front_with(old.address, options)?;
    front.fence(Duration::ZERO);
    let waiting = [begin(&runtime, &front, "GET"), begin(&runtime, &front, "GET")];
    wait_until("two wait", || front.counts().held == 2);
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 503);
    front.resume();
    for answered in waiting {
        assert_eq!(runtime.block_on(answered)??.0, 200);
    }
    Ok(())
}

#[test]
fn a_held_client_that_leaves_frees_its_place() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let old = Backend::says(&runtime, "old")?;
    let front = front(old.address)?;
    front.fence(Duration::ZERO);
    let leaves = begin(&runtime, &front, "POST");
    wait_until("one waits", || front.counts().held == 1);
    leaves.abort();
    wait_until("none waits", || front.counts().held == 0);
    front.resume();
    assert_eq!(once(&runtime, front.address(), "GET", "/", "")?.0, 200);
    assert_eq!(old.count("POST"), 0);
    Ok(())
}

#[test]
fn a_fence_says_what_hangs_once_its_deadline_has_passed() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (old, let_go) = hanging(&runtime, "old")?;
    let new = Backend::says(&runtime, "new")?;
    let front = front(old.address)?;
    let hangs = begin(&runtime, &front, "GET");
    wait_until("one hangs", || old.log().len() == 1);
    let deadline = Duration::from_millis(50);
    for _ in 0..2 {
        let fenced = front.fence(deadline);
        assert!(fenced.in_flight == 1 && fenced.waited >= deadline && front.is_fenced(), "{fenced:?}");
    }
    let waits = begin(&runtime, &front, "GET");
    wait_until("one waits", || front.counts().held == 1);
    front.switch(new.address);
    front.switch(new.address);
    assert_eq!(runtime.block_on(waits)??.1, "new");
    assert_eq!(front.counts().in_flight, 1);
    // What hung is answered where it was.
    let_go.add_permits(1);
    assert_eq!(runtime.block_on(hangs)??.1, "old");
    Ok(())
}

#[test]
fn a_fence_waits_for_requests_in_flight() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (old, let_go) = hanging(&runtime, "old")?;
    let front = front(old.address)?;
    let hangs = begin(&runtime, &front, "GET");
    wait_until("one hangs", || old.log().len() == 1);
    let fenced = std::thread::scope(|scope| {
        let fencing = scope.spawn(|| front.fence(PATIENCE));
        wait_until("it is fenced", || front.is_fenced());
        assert!(!fencing.is_finished());
        let_go.add_permits(1);
        fencing.join().unwrap_or_else(|_| panic!("the fence panicked"))
    });
    assert!(fenced.in_flight == 0 && fenced.waited < PATIENCE, "{fenced:?}");
    assert_eq!(runtime.block_on(hangs)??.0, 200);
    Ok(())
}

#[test]
fn a_fence_waits_for_an_effect_whose_client_has_left() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (old, let_go) = hanging(&runtime, "old")?;
    let front = front(old.address)?;
    let leaves = begin(&runtime, &front, "POST");
    wait_until("one hangs", || old.log().len() == 1);
    leaves.abort();
    wait_until("the client has left", || front.counts().connections == 0);
    assert_eq!(front.fence(Duration::from_millis(20)).in_flight, 1);
    let_go.add_permits(1);
    assert_eq!(front.fence(PATIENCE).in_flight, 0);
    Ok(())
}

#[test]
fn a_fence_after_a_switch_back_counts_what_still_hangs() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (old, let_go) = hanging(&runtime, "old")?;
    let new = Backend::says(&runtime, "new")?;
    let front = front(old.address)?;
    let hangs = begin(&runtime, &front, "GET");
    wait_until("one hangs", || old.log().len() == 1);
    front.switch(new.address);
    assert_eq!(front.fence(Duration::ZERO).in_flight, 0);
    front.switch(old.address);
    assert_eq!(front.active(), old.address);
    assert_eq!(front.fence(Duration::ZERO).in_flight, 1);
    let_go.add_permits(1);
    assert_eq!(front.fence(PATIENCE).in_flight, 0);
    assert_eq!(runtime.block_on(hangs)??.0, 200);
    Ok(())
}
