//! Reserve prices: tried on past rounds, and decided by two people.
use crate::common::{START, Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Launch, Reply, time};
use serde_json::{Value, json};

const LIST: &str = "/v1/pools/fra1-gp/reserve_prices";
const SIMULATE: &str = "/v1/pools/fra1-gp/reserve_prices/simulate";

/// The steps in force for CPU.
async fn in_force(admin: &Api) -> anyhow::Result<Value> {
    let list = admin.get(LIST).await?.ok()?;
    let cpu = list["data"].as_array().into_iter().flatten().find(|r| r["resource"] == "cpu_milli");
    Ok(cpu.context("no schedule")?["steps"].clone())
}

fn refused(reply: &Reply, status: u16, code: &str, pointers: &[&str]) -> anyhow::Result<()> {
    ensure!(
        (reply.status, reply.code().as_str()) == (status, code) && reply.pointers() == pointers,
        "{status} {code} at {pointers:?} expected: {} {}",
        reply.status,
        reply.text
    );
    Ok(())
}

#[tokio::test]
async fn an_unchanged_schedule_gives_what_happened_and_a_dearer_one_sells_less() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let none = admin.post(SIMULATE, &json!({ "resource": "cpu_milli", "price": "0.001" })).await?.ok()?;
    ensure!(none["rounds"] == json!([]) && none["complete"] == json!(true), "{none}");
    admin.advance(200).await?;
    let etag = admin.get(LIST).await?.header("etag").to_owned();
    let steps = in_force(&admin).await?;
    // The first rounds are out of the window: what they have sold counts all the same.
    let body = json!({ "resource": "cpu_milli", "steps": steps, "rounds": 15, "effective_at": "2020-01-01T00:00:00Z" });
    let same = admin.post(SIMULATE, &body).await?.ok()?;
    let rounds = same["rounds"].as_array().context("rounds")?;
    ensure!(rounds.len() > 5 && same["complete"] == json!(true), "{same}");
    for round in rounds {
        ensure!(round["reproduced"] == json!(true) && round["before"] == round["after"], "{round}");
    }
    ensure!(same["before"] == same["after"] && same["priced_out_total"] == json!(0), "{same}");
    ensure!(same["before"]["volume"].as_i64() > Some(0), "the demo trades: {}", same["before"]);
    let dear =
        json!({ "resource": "cpu_milli", "price": "0.02", "rounds": 15, "elasticity": { "low": "0", "high": "1.5" } });
    let dear = admin.post(SIMULATE, &dear).await?.ok()?;
    let sold = |of: &Value| of["operator_volume"].as_i64().unwrap_or(-1);
    ensure!(sold(&dear["after"]) < sold(&dear["before"]) && sold(&dear["after"]) >= 0, "{dear}");
    ensure!(dear["before"] == same["before"], "before is what was");
    let band = dear["band"].as_array().context("band")?;
    ensure!(band.len() == 2 && band[0]["after"] == dear["after"], "elasticity 0 is bids held fixed: {band:?}");
    let out = dear["priced_out"].as_array().context("priced_out")?;
    ensure!(!out.is_empty() && out[0]["participant_name"].is_string(), "{dear}");
    ensure!(out.iter().all(|o| o["won_after"].as_i64() < o["won_before"].as_i64()), "{out:?}");
    // Nothing was stored.
    ensure!(admin.get(LIST).await?.header("etag") == etag, "a simulation schedules nothing");
    let Sim { server, folder: _folder } = sim;
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn a_simulation_names_what_is_wrong_and_is_for_admins() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let good = json!({ "resource": "cpu_milli", "price": "0.001" });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, code, pointers) in [
        (with("rounds", json!(0)), "rounds_out_of_range", &["/rounds"][..]),
        (with("rounds", json!(241)), "rounds_out_of_range", &["/rounds"]),
        (with("last_round", json!(0)), "last_round_out_of_range", &["/last_round"]),
        (with("last_round", json!(1_000_000)), "last_round_out_of_range", &["/last_round"]),
        (with("price", json!("5")), "price_out_of_range", &["/price"]),
        (with("price", json!("0.0000001")), "price_too_fine", &["/price"]),
        (with("resource", json!("gpu_milli")), "resource_not_in_pool", &["/resource"]),
        (with("steps", json!([{ "share": "1", "price": "0.1" }])), "price_or_steps", &["/price"]),
        (with("elasticity", json!({ "low": "0.125", "high": "1" })), "elasticity_out_of_range", &["/elasticity/low"]),
        (with("elasticity", json!({ "low": "0", "high": "3.01" })), "elasticity_out_of_range", &["/elasticity/high"]),
        (with("elasticity", json!({ "low": "1", "high": "0.5" })), "elasticity_out_of_range", &["/elasticity/low"]),
    ] {
        refused(&admin.post(SIMULATE, &body).await?, 422, code, pointers)?;
    }
    refused(&admin.post("/v1/pools/nope/reserve_prices/simulate", &good).await?, 404, "not_found", &[])?;
    for role in ["bidder", "tenant", "finance", "operator"] {
        refused(&sim.api(role)?.post(SIMULATE, &good).await?, 403, "forbidden", &[])?;
    }
    refused(&sim.server.nobody().post(SIMULATE, &good).await?, 401, "unauthorized", &[])
}

#[tokio::test]
async fn one_simulation_runs_at_a_time() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    admin.advance(120).await?;
    let body = json!({ "resource": "cpu_milli", "price": "0.002", "rounds": 240 });
    let all = (0..6).map(|_| admin.post(SIMULATE, &body));
    let (mut done, mut busy) = (0, 0);
    for reply in futures_of(all).await {
        let reply = reply?;
        if reply.status == 200 {
            done += 1;
        } else {
            refused(&reply, 503, "simulation_running", &[])?;
            ensure!(!reply.header("retry-after").is_empty(), "when to try again");
            busy += 1;
        }
    }
    ensure!(done >= 1 && done + busy == 6, "{done} and {busy}");
    // The turn is given back.
    admin.post(SIMULATE, &body).await?.ok().map(|_| ())
}

/// All at once, in tasks of their own.
async fn futures_of<F>(all: impl Iterator<Item = F>) -> Vec<anyhow::Result<Reply>>
where
    F: Future<Output = anyhow::Result<Reply>>,
{
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(move |context| {
        waiting.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(reply) => {
                done.push(reply);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(std::mem::take(&mut done)) } else { std::task::Poll::Pending }
    })
    .await
}

/// A second admin of the operator's participant, by an API key of its own.
async fn second_admin(admin: &Api) -> anyhow::Result<Api> {
    let operator = admin.get("/v1/me").await?.ok()?["participant"]["id"].clone();
    let (email, password) = ("second@example.org", "long-enough-second");
    let memberships = json!([{ "participant": operator, "role": "admin" }]);
    let user = json!({ "email": email, "name": "Second Admin", "password": password, "memberships": memberships });
    admin.post("/v1/users", &user).await?.ok()?;
    let login = json!({ "email": email, "password": password });
    let session = admin.with(None).post("/v1/auth/login", &login).await?.ok()?;
    let key = admin.with(session["access_token"].as_str()).post("/v1/api_keys", &json!({ "name": "second" })).await?;
    Ok(admin.with(key.ok()?["secret"].as_str()))
}

async fn decide(api: &Api, id: &str, verdict: &str, etag: &str) -> anyhow::Result<Reply> {
    let path = format!("{LIST}/{id}/{verdict}");
    let body = (verdict == "reject").then(|| json!({ "reason": "too dear" }).to_string().into_bytes());
    let mut headers = vec![("content-type", "application/json")];
    if !etag.is_empty() {
        headers.push(("if-match", etag));
    }
    api.send("POST", &path, &headers, body).await
}

async fn propose(api: &Api, price: &str, ahead: i64, key: &str) -> anyhow::Result<Reply> {
    let effective_at = time::rfc3339(Rhythm::of(api).await?.now + ahead);
    let body = json!({ "resource": "cpu_milli", "price": price, "effective_at": effective_at });
    let headers = [("content-type", "application/json"), ("if-match", "*"), ("idempotency-key", key)];
    api.send("POST", LIST, &headers, Some(body.to_string().into_bytes())).await
}

#[tokio::test]
async fn two_people_set_a_price_where_the_market_asks_for_two() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START);
    let server = launch.clone().argument("--two-person-approval").argument("on").start().await?;
    let (admin, bidder) = (server.api("admin")?, server.api("bidder")?);
    let second = second_admin(&admin).await?;
    let before = in_force(&bidder).await?;
    ensure!(admin.get("/v1/pools/fra1-gp").await?.ok()?["two_person_approval"] == json!(true), "it is shown");

    let proposed = propose(&admin, "0.005", 600, "first").await?;
    let id = proposed.id()?;
    ensure!(proposed.status == 201 && proposed.json()["state"] == "pending", "{}", proposed.text);
    // The same request again has the same answer; another under its key has none.
    let again = propose(&admin, "0.005", 600, "first").await?;
    ensure!(again.id()? == id, "{}", again.text);
    refused(&propose(&admin, "0.006", 600, "first").await?, 422, "idempotency_key_reused", &[])?;
    // Members see what prices, the operator's roles what waits.
    let of = |list: Value| list["data"].as_array().into_iter().flatten().any(|r| r["id"] == json!(id));
    ensure!(!of(bidder.get(LIST).await?.ok()?) && of(second.get(LIST).await?.ok()?), "who sees it");

    let etag = second.get(LIST).await?.header("etag").to_owned();
    refused(&decide(&bidder, &id, "approve", "*").await?, 403, "forbidden", &[])?;
    refused(&decide(&server.api("operator")?, &id, "approve", "*").await?, 403, "forbidden", &[])?;
    refused(&decide(&admin, &id, "approve", "*").await?, 409, "own_proposal", &[])?;
    refused(&decide(&admin, &id, "reject", "*").await?, 409, "own_proposal", &[])?;
    refused(&decide(&second, &id, "withdraw", "*").await?, 409, "not_own_proposal", &[])?;
    refused(&decide(&second, &id, "approve", "").await?, 428, "if_match_required", &[])?;
    refused(&decide(&second, &id, "approve", "\"999\"").await?, 412, "stale_version", &[])?;
    refused(&decide(&second, "rsv_nonsense", "approve", "*").await?, 404, "not_found", &[])?;
    let approved = decide(&second, &id, "approve", &etag).await?;
    let schedule = approved.ok()?;
    ensure!(schedule["state"] == "scheduled" && approved.header("etag") != etag, "{schedule}");
    ensure!(decide(&second, &id, "approve", &etag).await?.ok()? == schedule, "sent again it is answered as before");
    refused(&decide(&second, &id, "reject", "*").await?, 409, "proposal_decided", &[])?;
    ensure!(of(bidder.get(LIST).await?.ok()?), "now it is everybody's");

    // Who and when, in the list.
    let list = admin.get(LIST).await?.ok()?;
    let entry = list["data"].as_array().into_iter().flatten().find(|r| r["id"] == json!(id)).cloned();
    let entry = entry.context("listed")?;
    ensure!(entry["decided_by_name"] == "Second Admin" && entry["decision"]["at"].is_string(), "{entry}");
    ensure!(entry["created_by_name"].is_string(), "{entry}");

    let (late, rejected, withdrawn) = (
        propose(&admin, "0.007", 60, "late").await?.id()?,
        propose(&admin, "0.008", 900, "rejected").await?.id()?,
        propose(&admin, "0.009", 900, "withdrawn").await?.id()?,
    );
    refused(&propose(&admin, "0.005", 0, "now").await?, 422, "effective_in_the_past", &["/effective_at"])?;
    let in_a_thousand_years = 1_000 * 366 * 24 * 3600;
    refused(
        &propose(&admin, "0.005", in_a_thousand_years, "far").await?,
        422,
        "effective_too_far",
        &["/effective_at"],
    )?;
    ensure!(decide(&second, &rejected, "reject", "*").await?.ok()?["decision"]["reason"] == "too dear", "why");
    ensure!(decide(&admin, &withdrawn, "withdraw", "*").await?.ok()?["state"] == "withdrawn", "by its author");
    admin.advance(120).await?;
    refused(&decide(&second, &late, "approve", "*").await?, 409, "approval_too_late", &[])?;
    let told = admin.list("/v1/audit_events").await?;
    let count = |action: &str| told.iter().filter(|e| e["action"] == json!(format!("reserve_price.{action}"))).count();
    ensure!((count("proposed"), count("scheduled"), count("decided")) == (4, 0, 3), "{told:?}");
    // The approved one is not in force yet, the others never are.
    let pool = bidder.get("/v1/pools/fra1-gp").await?.ok()?;
    let cpu = pool["resources"].as_array().into_iter().flatten().find(|r| r["resource"] == "cpu_milli").cloned();
    ensure!(cpu.context("cpu")?["reserve"] == before[0]["price"], "nothing pending prices");

    // Turned off at a start, it is off; left out, it stays as it is.
    let stopped = server.stop().await?;
    healthy(&stopped).await?;
    let later = time::rfc3339(time::seconds(START).context("start")? + 300);
    let server = Launch::simulated(folder.path(), &later).start().await?;
    let admin = server.api("admin")?;
    ensure!(propose(&admin, "0.005", 900, "still").await?.ok()?["state"] == "pending", "it stays on");
    server.stop().await?;
    let off = Launch::simulated(folder.path(), &later).argument("--two-person-approval").argument("off");
    let server = off.start().await?;
    let admin = server.api("admin")?;
    ensure!(propose(&admin, "0.005", 900, "off").await?.ok()?["state"] == "scheduled", "it is off");
    refused(&decide(&second_of(&server, &second), &late, "approve", "*").await?, 409, "approval_too_late", &[])?;
    // Who starts the exchange has no name there; that it was done is in the audit, once for each change.
    let audit = admin.get("/v1/audit_events?action=market.reserve_approval_set").await?.ok()?;
    let events = audit["data"].as_array().context("audit")?;
    let told: Vec<Value> = events
        .iter()
        .map(|e| json!([e["actor"]["name"], e["before"]["two_person"], e["details"]["two_person"]]))
        .collect();
    let start = "Whoever started the exchange";
    ensure!(told == [json!([start, true, false]), json!([start, false, true])], "{told:?}");
    healthy(&server.stop().await?).await
}

/// The same person on a server that was started anew.
fn second_of(server: &headroom_tests::Server, second: &Api) -> Api {
    server.nobody().with(second.bearer.as_deref())
}

/// A list of schedules says by itself which of them is in force, which is to come and which never was.
#[tokio::test]
async fn of_each_schedule_it_is_told_until_when_it_counts() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, bidder) = (sim.api("admin")?, sim.api("bidder")?);
    let until = async |id: &str| -> anyhow::Result<Value> {
        let list = bidder.get(LIST).await?.ok()?;
        let one = list["data"].as_array().into_iter().flatten().find(|r| r["id"] == json!(id));
        Ok(one.context("the schedule")?["in_force_until"].clone())
    };
    let list = admin.get(LIST).await?.ok()?;
    let first = list["data"].as_array().into_iter().flatten().find(|r| r["resource"] == "cpu_milli");
    let first = first.and_then(|r| r["id"].as_str()).context("the first")?.to_owned();
    ensure!(until(&first).await? == Value::Null, "nothing follows it");

    let last = propose(&admin, "0.007", 1200, "last").await?.ok()?;
    let (last, its_start) = (last["id"].as_str().context("id")?.to_owned(), last["effective_at"].clone());
    ensure!(until(&first).await? == its_start && until(&last).await? == Value::Null, "the last follows the first");
    let early = propose(&admin, "0.005", 600, "early").await?.ok()?;
    let (early, moment) = (early["id"].as_str().context("id")?.to_owned(), early["effective_at"].clone());
    ensure!(until(&first).await? == moment && until(&early).await? == its_start, "one comes between");
    admin.advance(5).await?;
    let instead = propose(&admin, "0.006", 595, "instead").await?.ok()?;
    ensure!(instead["effective_at"] == moment, "the same moment: {instead}");
    let instead = instead["id"].as_str().context("id")?.to_owned();
    ensure!(until(&early).await? == moment, "it never is in force");
    ensure!(until(&instead).await? == its_start && until(&first).await? == moment, "the other one is");
    Ok(())
}
