//! Signing in while others guess: nobody is locked out by them, and nobody waits for all of them.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::{Api, Reply};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

async fn guess(api: &Api, email: &str) -> anyhow::Result<Reply> {
    api.post("/v1/auth/login", &json!({ "email": email, "password": "guess-guess-guess" })).await
}

async fn guess_until_refused(api: &Api, email: &str) -> anyhow::Result<()> {
    let mut statuses = Vec::new();
    for _ in 0..40 {
        let reply = guess(api, email).await?;
        ensure!(reply.status != 429 || !reply.header("retry-after").is_empty());
        statuses.push(reply.status);
    }
    ensure!(statuses[..20].iter().all(|s| *s == 401), "{statuses:?}");
    ensure!(statuses.contains(&429) && statuses.iter().all(|s| matches!(s, 401 | 429)), "{statuses:?}");
    Ok(())
}

/// Signs in with the right password, from a browser that keeps these cookies.
async fn sign_in(sim: &Sim, api: &Api, role: &str, cookies: &str) -> anyhow::Result<Reply> {
    let (email, password) = sim.server.login(role)?;
    let body = json!({ "email": email, "password": password }).to_string();
    let headers = [("content-type", "application/json"), ("cookie", cookies)];
    api.send("POST", "/v1/auth/login", &headers, Some(body.into_bytes())).await
}

/// The cookie that a browser keeps after it has signed out.
fn browser(reply: &Reply) -> anyhow::Result<String> {
    let cookies = reply.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
    let kept = cookies.filter_map(|line| line.split(';').next()).find(|pair| pair.starts_with("headroom_browser="));
    Ok(kept.context("no cookie of the browser")?.to_owned())
}

/// Whether a network that has used up its attempts is refused. It gains one every three seconds, which a busy machine may
/// need for a single sign-in; a source of its own would have twenty.
async fn soon_refused(sim: &Sim, from: &Api, cookies: &str) -> anyhow::Result<bool> {
    for _ in 0..5 {
        if sign_in(sim, from, "finance", cookies).await?.status == 429 {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    guess_until_refused(&sim.server.nobody(), &sim.server.login("finance")?.0).await
}

#[tokio::test]
async fn guesses_from_elsewhere_lock_nobody_out() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (email, _) = sim.server.login("finance")?;
    let known = browser(&sign_in(&sim, &sim.server.nobody(), "finance", "").await?)?;
    let [home, thief, office] = [[127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 3]].map(|at| sim.server.nobody_at(at));
    let (home, thief, office) = (home?, thief?, office?);
    guess_until_refused(&thief, &email).await?;
    assert_eq!(sign_in(&sim, &home, "finance", "").await?.status, 200, "from another network");
    assert!(soon_refused(&sim, &thief, "").await?, "from that of the guesses");
    assert_eq!(sign_in(&sim, &thief, "finance", &known).await?.status, 200, "from a browser that has signed in before");
    for forged in ["headroom_browser=", "headroom_browser=x", &format!("headroom_browser={}", "0".repeat(64))] {
        assert!(soon_refused(&sim, &thief, forged).await?, "{forged}");
    }
    let other = browser(&sign_in(&sim, &office, "tenant", "").await?)?;
    assert!(soon_refused(&sim, &thief, &other).await?, "the cookie is of another account");
    Ok(())
}

/// Guessers of unknown accounts, each from a network of its own, until they are dropped; comes back once they are at it.
async fn crowd(sim: &Sim, number: u8) -> anyhow::Result<JoinSet<()>> {
    let (mut crowd, answers) = (JoinSet::new(), Arc::new(AtomicU32::new(0)));
    for n in 0..number {
        let (api, answers) = (sim.server.nobody_at([127, 1, number, n])?, answers.clone());
        crowd.spawn(async move {
            for attempt in 0_u32.. {
                let _shed = guess(&api, &format!("nobody-{n}-{attempt}@example.org")).await;
                answers.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while answers.load(Ordering::Relaxed) < u32::from(number) / 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(crowd)
}

#[tokio::test]
async fn a_crowd_of_guessers_keeps_nobody_from_signing_in() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let home = sim.server.nobody();
    let mut guessing = crowd(&sim, 100).await?;
    // A stranger waits for a turn of its network.
    let stranger = sign_in(&sim, &home, "finance", "").await?;
    ensure!(stranger.status == 200, "{}", stranger.text);
    let known = browser(&stranger)?;
    // More than may wait: strangers are shed, and who is known is not.
    let more = [crowd(&sim, 101).await?, crowd(&sim, 102).await?];
    for _ in 0..5 {
        let reply = sign_in(&sim, &home, "finance", &known).await?;
        ensure!(reply.status == 200, "{}", reply.text);
    }
    ensure!(guessing.try_join_next().is_none() && more.iter().all(|crowd| !crowd.is_empty()), "all were at it");
    Ok(())
}

#[tokio::test]
async fn a_demo_password_tells_nothing_of_its_key() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    for user in sim.server.access["users"].as_array().context("users")? {
        let (password, key) =
            (user["password"].as_str().context("password")?, user["api_key"].as_str().context("key")?);
        let secret = password.strip_prefix("demo-").context("a demo's password")?;
        ensure!(!key.contains(&secret[..8]), "{password} and {key}");
    }
    Ok(())
}
