//! Moves of real programs that an operator has to approve when their shadow run has passed: one is approved and done, one
//! rejected, one expires, one begins to differ, with a kill while all of them wait.
use crate::common::{START, Sim, healthy, lends_nothing, small_pool, steady_member, steady_module};
use anyhow::Context;
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Reply, Server, time};
use serde_json::{Value, json};

async fn read(api: &Api, path: &str) -> anyhow::Result<Value> {
    api.get(path).await?.ok()
}

/// Its outputs are the same everywhere until a moment, and after that its node's `kind`.
fn turns_at(micros: i64) -> String {
    format!(
        r#"(module
  (import "headroom" "output" (func $output (param i32 i32)))
  (import "headroom" "now" (func $now (result i64)))
  (import "headroom" "node_property" (func $property (param i32 i32) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 64) "kind")
  (func (export "step") (result i32)
    (i64.store (i32.const 0) (i64.const 0))
    (if (i64.ge_s (call $now) (i64.const {micros}))
      (then (i64.store (i32.const 0) (call $property (i32.const 64) (i32.const 4)))))
    (call $output (i32.const 0) (i32.const 8))
    (i32.const 0)))"#
    )
}

/// A pool of two nodes that asks, a workload that fills the first of them, and one beside it that is to grow: the
/// second node has room for that.
struct Place {
    pool: &'static str,
    owner: Api,
    instance: String,
    node: Value,
    order: String,
    swap: String,
}

/// `turns_at`: where its program has one, on the second node.
async fn place(sim: &Sim, pool: &'static str, turns: Option<i64>) -> anyhow::Result<Place> {
    let admin = sim.api("admin")?;
    small_pool(&admin, pool, &[&format!("{pool}-a")]).await?;
    let capacity = json!({ "cpu_milli": 1000, "mem_mib": 1000 });
    let node = json!({ "name": format!("{pool}-b"), "pool": pool, "capacity": capacity, "properties": { "kind": 7 } });
    admin.post("/v1/nodes", &node).await?.ok()?;
    let settings = admin.get(&format!("/v1/pools/{pool}/settings")).await?;
    let version = settings.header("etag").to_owned();
    assert_eq!(settings.ok()?["move_approval"], json!(false));
    let route = format!("/v1/pools/{pool}/move_approval");
    let changed = admin.put_over(&version, &route, &json!({ "required": true })).await?.ok()?;
    assert_eq!(changed["move_approval"], json!(true), "{changed}");
    steady_member(sim, pool, 600, 1000).await?;
    let (owner, instance) = match turns {
        None => steady_member(sim, pool, 400, 1000).await?,
        Some(micros) => {
            let owner = sim.trader("100").await?;
            steady_module(sim, &owner).await?;
            let headers = [("content-type", "application/wasm"), ("idempotency-key", "turns")];
            let text = turns_at(micros).into_bytes();
            let module = owner.send("POST", "/v1/modules?name=turns", &headers, Some(text)).await?.id()?;
            let workload = json!({ "name": "turns", "module": module, "pool": pool,
                "baseline": { "cpu_milli": 400, "mem_mib": 64 }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
                "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
            let instance = owner.post_with_key("/v1/instances", "instance", &workload).await?.id()?;
            (owner, instance)
        }
    };
    let node = read(&owner, &format!("/v1/instances/{instance}")).await?["node"].clone();
    Ok(Place { pool, owner, instance, node, order: String::new(), swap: String::new() })
}

/// The move of a place's workload that waits.
async fn waiting(operator: &Api, place: &Place) -> anyhow::Result<Value> {
    let waiting = operator.list("/v1/swaps?status=awaiting_approval").await?;
    waiting.into_iter().find(|s| s["instance"] == json!(place.instance)).context("its move waits")
}

async fn say(api: &Api, place: &Place, verb: &str, reason: Option<&str>) -> anyhow::Result<Reply> {
    let body = reason.map_or(json!({}), |reason| json!({ "reason": reason }));
    api.post(&format!("/v1/swaps/{}/{verb}", place.swap), &body).await
}

/// Somebody else who may answer.
async fn second_operator(admin: &Api) -> anyhow::Result<Api> {
    let me = read(admin, "/v1/me").await?;
    let platform = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let (email, password) = ("second@operators.example.org", "long-enough-to-sign-in");
    let memberships = json!([{ "participant": platform, "role": "operator" }]);
    let user = json!({ "email": email, "name": "Second", "password": password, "memberships": memberships });
    admin.post("/v1/users", &user).await?.ok()?;
    let session =
        admin.with(None).post("/v1/auth/login", &json!({ "email": email, "password": password })).await?.ok()?;
    Ok(admin.with(session["access_token"].as_str()))
}

fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", reply.text);
    assert!(reply.is_problem(), "{}", reply.text);
}

async fn receipt(place: &Place) -> anyhow::Result<Value> {
    let receipts = place.owner.list("/v1/receipts").await?;
    receipts.into_iter().find(|r| r["order"] == json!(place.order)).context("it is settled")
}

/// The clock as it is, and then so many seconds after the slot began.
async fn go_to(admin: &Api, slot: i64, seconds: i64) -> anyhow::Result<()> {
    let now = Rhythm::of(admin).await?.now;
    admin.advance(slot + seconds - now).await
}

/// What a person has to look at: the run has passed, the room is held, and it is told what comes and until when.
async fn can_be_judged(api: &Api, place: &Place) -> anyhow::Result<Value> {
    let swap = read(api, &format!("/v1/swaps/{}", place.swap)).await?;
    assert_eq!(swap["state"], json!("awaiting_approval"), "{swap}");
    let seen = &swap["approval"]["evidence"];
    let compared = seen["positions_compared"].as_i64().context("what was compared")?;
    assert!(compared >= 4 && seen["states_compared"].as_i64() > Some(0), "{swap}");
    assert_eq!((&swap["difference_count"], seen["at"].is_string(), seen["lag"].is_i64()), (&json!(0), true, true));
    assert!(swap["bytes"].as_i64() > Some(0), "its snapshot was sent: {swap}");
    assert!(swap["cutover"]["pause_micros"].is_i64() && swap["cutover"]["bytes"].is_i64(), "{swap}");
    assert!(swap["causes"][0]["order"] == json!(place.order), "what it is for: {swap}");
    Ok(swap)
}

#[tokio::test]
async fn moves_are_answered_when_their_shadow_run_has_passed() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    // Until their reserve prices are in force the pools sell nothing.
    let early = Rhythm::of(&admin).await?;
    let slot = early.first_open() + 8 * early.slot_seconds;
    let mut places = Vec::new();
    for (pool, turns) in
        [("asks-yes", None), ("asks-no", None), ("asks-nobody", None), ("asks-turns", Some((slot + 20) * 1_000_000))]
    {
        places.push(place(&sim, pool, turns).await?);
    }
    go_to(&admin, slot, -2 * early.slot_seconds).await?;
    let rhythm = Rhythm::of(&admin).await?;
    let window = json!({ "start_at": time::rfc3339(slot), "end_at": time::rfc3339(slot + rhythm.slot_seconds) });
    for place in &mut places {
        let bid = json!({ "instance": place.instance, "window": window, "resources": { "cpu_milli": 400 },
            "pools": [{ "pool": place.pool }], "limit": "5", "resell": "never", "min_fill": "1" });
        place.order = place.owner.post_with_key("/v1/bids", place.pool, &bid).await?.id()?;
    }
    // The gate has closed: the moves are prepared, and nobody is asked before the shadow runs have passed.
    go_to(&admin, slot, 1 - rhythm.lead_seconds).await?;
    let operator = sim.api("operator")?;
    assert_eq!(operator.list("/v1/swaps?status=awaiting_approval").await?, [] as [Value; 0]);
    for place in &mut places {
        let swaps = operator.list("/v1/swaps?status=shadow").await?;
        let swap = swaps.into_iter().find(|s| s["instance"] == json!(place.instance)).context("its shadow run")?;
        place.swap = swap["id"].as_str().context("id")?.to_owned();
        let question = &swap["approval"];
        assert!(question["asked_at"].is_null() && question["evidence"].is_null(), "{swap}");
        let (ask_by, answer_by) = (slot + rhythm.slot_seconds - 2 * rhythm.lead_seconds, rhythm.lead_seconds);
        assert_eq!(question["ask_by"], json!(time::rfc3339(ask_by)));
        assert_eq!(question["answer_by"], json!(time::rfc3339(ask_by + answer_by)));
        refused(&say(&operator, place, "approve", None).await?, 409, "not_asked_yet");
    }
    go_to(&admin, slot, -3).await?;
    for place in &places {
        assert_eq!(waiting(&operator, place).await?["node_from"], place.node);
        let swap = can_be_judged(&operator, place).await?;
        assert!(swap["participant_name"].is_string(), "{swap}");
        assert!(can_be_judged(&place.owner, place).await?["participant_name"].is_null(), "members do not read names");
    }
    refused(&say(&places[0].owner, &places[0], "approve", None).await?, 403, "forbidden");
    refused(&say(&admin, &places[0], "approve", None).await?, 403, "forbidden");

    // A simulated clock begins where it is told to: no earlier than the process before has stood.
    let stood = time::rfc3339(Rhythm::of(&admin).await?.now);
    let mut launch = sim.server.kill()?;
    for argument in launch.arguments.iter_mut().filter(|a| *a == START) {
        argument.clone_from(&stood);
    }
    let server = launch.start().await?;
    let (operator, admin) = (server.api("operator")?, server.api("admin")?);
    for place in &mut places {
        // The same keys, at another address.
        place.owner = server.nobody().with(place.owner.bearer.as_deref());
        let again = read(&operator, &format!("/v1/swaps/{}", place.swap)).await?;
        assert_eq!((&again["state"], &again["approval"]["evidence"]), (&json!("reserved"), &Value::Null), "{again}");
        refused(&say(&operator, place, "approve", None).await?, 409, "not_asked_yet");
    }
    go_to(&admin, slot, 12).await?;
    one_of_each(&server, &places).await?;
    go_to(&admin, slot, 14).await?;
    let [yes, no, nobody, turns] = &places[..] else { anyhow::bail!("four") };
    let gone = read(&operator, &format!("/v1/swaps/{}", yes.swap)).await?;
    assert_eq!(gone["state"], json!("done"), "{gone}");
    let moved = read(&yes.owner, &format!("/v1/instances/{}", yes.instance)).await?;
    assert_ne!(moved["node"], yes.node, "it has gone");
    let second = second_operator(&admin).await?;
    for (place, state) in [(yes, "done"), (no, "rejected")] {
        assert_eq!(read(&operator, &format!("/v1/swaps/{}", place.swap)).await?["state"], json!(state));
        refused(&say(&second, place, "approve", None).await?, 409, "swap_answered");
    }
    let before = can_be_judged(&operator, turns).await?;
    go_to(&admin, slot, 28).await?;
    let differs = read(&operator, &format!("/v1/swaps/{}", turns.swap)).await?;
    assert_eq!((&differs["state"], &differs["reason"]), (&json!("aborted"), &json!("shadow_mismatch")), "{differs}");
    assert!(differs["positions_compared"].as_i64() > before["positions_compared"].as_i64(), "{differs}");
    assert!(differs["differences"][0]["shadow"].is_string(), "{differs}");
    refused(&say(&operator, turns, "approve", None).await?, 409, "swap_ended");
    let grown = can_be_judged(&operator, nobody).await?;
    let asked_again = grown["phases"].as_array().and_then(|p| p.last()?["started_at"].as_str()).context("asked")?;
    let seen = grown["approval"]["evidence"]["at"].as_str().context("evidence")?;
    assert!(time::seconds(seen) > time::seconds(asked_again), "the run goes on, and shows more: {grown}");
    go_to(&admin, slot, rhythm.slot_seconds - rhythm.lead_seconds + 1).await?;
    let expired = read(&operator, &format!("/v1/swaps/{}", nobody.swap)).await?;
    assert_eq!((&expired["state"], &expired["reason"]), (&json!("expired"), &json!("approval_expired")), "{expired}");
    refused(&say(&operator, nobody, "approve", None).await?, 409, "swap_ended");
    let why = read(&nobody.owner, &format!("/v1/swaps/{}/explain", nobody.swap)).await?;
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("No operator approved it in time")), "{why}");

    go_to(&admin, slot, rhythm.slot_seconds + 10).await?;
    let delivered = receipt(yes).await?;
    assert!(delivered["lines"][0]["delivered"].as_i64().is_some_and(|n| n > 200), "{delivered}");
    // In the slot itself the node was kept for what had been won there.
    the_room_is_free(&server, no).await?;
    the_room_is_free(&server, nobody).await?;
    for place in [no, nobody] {
        let stays = read(&place.owner, &format!("/v1/instances/{}", place.instance)).await?;
        assert_eq!((&stays["node"], &stays["state"]), (&place.node, &json!("running")), "{stays}");
        assert_eq!(stays["pinned_by_exchange"], json!(true), "{stays}");
        let credited = receipt(place).await?;
        assert_eq!((&credited["amount"], &credited["cause"]), (&json!("0.000000"), &json!("exchange_failed")));
        assert_eq!((&credited["credit_note"], &credited["reservation_fee"]), (&json!("0.200000"), &json!("0.000000")));
    }
    let by_program = read(&turns.owner, &format!("/v1/instances/{}", turns.instance)).await?;
    assert_eq!((&by_program["node"], &by_program["pinned_by_program"]), (&turns.node, &json!(true)), "{by_program}");
    let launch = server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

/// Whoever needs more of the node than the copy, which had 800 of 1,000, has left runs there at once.
async fn the_room_is_free(server: &Server, no: &Place) -> anyhow::Result<()> {
    let sim_admin = server.api("admin")?;
    let me = read(&no.owner, "/v1/me").await?;
    let participant = me["participant"]["id"].as_str().or(me["participant"].as_str()).context("participant")?;
    let quota = json!({ "quota": { "cpu_milli": 2000, "mem_mib": 2000 } });
    sim_admin.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let module = read(&no.owner, &format!("/v1/instances/{}", no.instance)).await?["module"].clone();
    let next = json!({ "name": "next", "module": module, "pool": no.pool,
        "baseline": { "cpu_milli": 600, "mem_mib": 100 }, "floor": { "cpu_milli": 0, "mem_mib": 0 },
        "limit": { "cpu_milli": 1000, "mem_mib": 1000 }, "strategy": lends_nothing() });
    let id = no.owner.post_with_key("/v1/instances", "next", &next).await?.id()?;
    sim_admin.advance(8).await?;
    let there = read(&no.owner, &format!("/v1/instances/{id}")).await?;
    assert_ne!(there["node"], no.node, "{there}");
    let metrics = read(&no.owner, &format!("/v1/instances/{id}/metrics")).await?;
    assert!(metrics["data"].as_array().is_some_and(|samples| !samples.is_empty()), "it runs: {metrics}");
    Ok(())
}

/// After the kill they wait again; the first is approved, the second rejected, the others left alone.
async fn one_of_each(server: &Server, places: &[Place]) -> anyhow::Result<()> {
    let operator = server.api("operator")?;
    for place in places {
        assert_eq!(waiting(&operator, place).await?["id"], json!(place.swap), "it waits again");
        can_be_judged(&operator, place).await?;
    }
    let [yes, no, ..] = places else { anyhow::bail!("four") };
    let approved = say(&operator, yes, "approve", Some("it is quiet")).await?.ok()?;
    assert_eq!(approved["state"], json!("shadow"), "{approved}");
    let answer = &approved["approval"]["answer"];
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("approved"), &json!("it is quiet")));
    let again = say(&operator, yes, "approve", None).await?.ok()?;
    assert_eq!(again["approval"], approved["approval"], "a request that was sent twice");
    refused(&say(&operator, yes, "reject", Some("no")).await?, 409, "swap_answered");

    assert_eq!(say(&operator, no, "reject", None).await?.status, 422, "a no has a reason");
    let rejected = say(&operator, no, "reject", Some("b is to be serviced")).await?.ok()?;
    let verdict = &rejected["approval"]["answer"]["verdict"];
    assert_eq!((verdict, &rejected["ended_at"]), (&json!("rejected"), &Value::Null), "once its copy is dropped");
    let cancel = operator.post(&format!("/v1/swaps/{}/cancel", no.swap), &json!({ "reason": "too" })).await?;
    refused(&cancel, 409, "swap_answered");
    server.api("admin")?.advance(1).await?;
    let ended = read(&operator, &format!("/v1/swaps/{}", no.swap)).await?;
    assert_eq!((&ended["state"], &ended["reason"]), (&json!("rejected"), &json!("rejected_by_operator")));
    let again = say(&operator, no, "reject", Some("said otherwise")).await?.ok()?;
    assert_eq!(again["approval"]["answer"]["reason"], json!("b is to be serviced"), "the first counts");
    let named = read(&operator, &format!("/v1/swaps/{}", no.swap)).await?;
    assert!(named["answered_by_name"].is_string(), "{named}");
    let own = read(&no.owner, &format!("/v1/swaps/{}", no.swap)).await?;
    assert!(own["answered_by_name"].is_null(), "members do not read names: {own}");
    let why = read(&no.owner, &format!("/v1/swaps/{}/explain", no.swap)).await?;
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("b is to be serviced")), "{why}");
    let unknown = operator.post("/v1/swaps/swp_01m7w6c380fh08zv3bjp1wmpmd/approve", &json!({})).await?;
    refused(&unknown, 404, "not_found");
    let resize = operator.list("/v1/swap_history").await?.into_iter().find(|s| s["method"] == json!("resize"));
    let resize = resize.and_then(|s| Some(s["id"].as_str()?.to_owned())).context("somebody was resized")?;
    refused(&operator.post(&format!("/v1/swaps/{resize}/approve"), &json!({})).await?, 409, "approval_not_needed");
    Ok(())
}
