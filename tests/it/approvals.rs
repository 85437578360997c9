//! Moves of real programs that an operator has to approve: one is approved and done, one rejected, one expires, with a
//! kill while all three wait.
use crate::common::{START, Sim, healthy, small_pool, steady_member};
use anyhow::Context;
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Reply, Server, time};
use serde_json::{Value, json};

async fn read(api: &Api, path: &str) -> anyhow::Result<Value> {
    api.get(path).await?.ok()
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

async fn place(sim: &Sim, pool: &'static str) -> anyhow::Result<Place> {
    let admin = sim.api("admin")?;
    small_pool(&admin, pool, &[&format!("{pool}-a"), &format!("{pool}-b")]).await?;
    let settings = admin.get(&format!("/v1/pools/{pool}/settings")).await?;
    let version = settings.header("etag").to_owned();
    assert_eq!(settings.ok()?["move_approval"], json!(false));
    let route = format!("/v1/pools/{pool}/move_approval");
    let changed = admin.put_over(&version, &route, &json!({ "required": true })).await?.ok()?;
    assert_eq!(changed["move_approval"], json!(true), "{changed}");
    steady_member(sim, pool, 600, 1000).await?;
    let (owner, instance) = steady_member(sim, pool, 400, 1000).await?;
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

#[tokio::test]
async fn one_move_is_approved_one_rejected_and_one_expires() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let mut places = Vec::new();
    for pool in ["asks-yes", "asks-no", "asks-nobody"] {
        places.push(place(&sim, pool).await?);
    }
    let admin = sim.api("admin")?;
    // Until their reserve prices are in force the pools sell nothing.
    let late = Rhythm::of(&admin).await?;
    admin.advance(late.first_open() + 4 * late.slot_seconds - late.now).await?;
    let rhythm = Rhythm::of(&admin).await?;
    let slot = rhythm.first_open() + rhythm.slot_seconds;
    for place in &mut places {
        let bid = json!({ "instance": place.instance, "window": rhythm.window(1, 1), "resources": { "cpu_milli": 400 },
            "pools": [{ "pool": place.pool }], "limit": "5", "resell": "never", "min_fill": "1" });
        place.order = place.owner.post_with_key("/v1/bids", place.pool, &bid).await?.id()?;
    }
    // The gate has closed, and the moves are planned.
    admin.advance(slot - rhythm.lead_seconds + 2 - rhythm.now).await?;
    let operator = sim.api("operator")?;
    for place in &mut places {
        let swap = waiting(&operator, place).await?;
        place.swap = swap["id"].as_str().context("id")?.to_owned();
        assert_eq!((&swap["node_from"], swap["approval"]["answer"].is_null()), (&place.node, true), "{swap}");
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
    one_of_each(&server, &mut places).await?;
    let admin = server.api("admin")?;
    let now = Rhythm::of(&admin).await?.now;
    admin.advance(slot + 30 - now).await?;
    let [yes, no, nobody] = &places[..] else { anyhow::bail!("three") };
    let operator = server.api("operator")?;
    let gone = read(&operator, &format!("/v1/swaps/{}", yes.swap)).await?;
    assert_eq!(gone["state"], json!("done"), "{gone}");
    let moved = read(&yes.owner, &format!("/v1/instances/{}", yes.instance)).await?;
    assert_ne!(moved["node"], yes.node, "it has gone");
    assert_eq!(waiting(&operator, nobody).await?["id"], json!(nobody.swap), "nobody has answered");
    let second = second_operator(&admin).await?;
    let ended = [(yes, "done"), (no, "rejected")];
    for (place, state) in ended {
        assert_eq!(read(&operator, &format!("/v1/swaps/{}", place.swap)).await?["state"], json!(state));
        refused(&say(&second, place, "approve", None).await?, 409, "swap_answered");
    }
    let now = Rhythm::of(&admin).await?.now;
    admin.advance(slot + rhythm.slot_seconds + 1 - now).await?;
    let expired = read(&operator, &format!("/v1/swaps/{}", nobody.swap)).await?;
    assert_eq!((&expired["state"], &expired["reason"]), (&json!("expired"), &json!("approval_expired")), "{expired}");
    refused(&say(&operator, nobody, "approve", None).await?, 409, "swap_ended");
    let why = read(&nobody.owner, &format!("/v1/swaps/{}/explain", nobody.swap)).await?;
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("No operator approved it in time")), "{why}");

    admin.advance(10).await?;
    let delivered = receipt(yes).await?;
    assert!(delivered["lines"][0]["delivered"].as_i64().is_some_and(|n| n > 200), "{delivered}");
    for place in [no, nobody] {
        let stays = read(&place.owner, &format!("/v1/instances/{}", place.instance)).await?;
        assert_eq!((&stays["node"], &stays["state"]), (&place.node, &json!("running")), "{stays}");
        assert_eq!(stays["pinned_by_exchange"], json!(true), "{stays}");
        let credited = receipt(place).await?;
        assert_eq!((&credited["amount"], &credited["cause"]), (&json!("0.000000"), &json!("exchange_failed")));
        assert_eq!((&credited["credit_note"], &credited["reservation_fee"]), (&json!("0.200000"), &json!("0.000000")));
    }
    let launch = server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

/// After the kill they wait as before; the first is approved, the second rejected, the third left alone.
async fn one_of_each(server: &Server, places: &mut [Place]) -> anyhow::Result<()> {
    let operator = server.api("operator")?;
    for place in places.iter_mut() {
        // The same keys, at another address.
        place.owner = server.nobody().with(place.owner.bearer.as_deref());
        assert_eq!(waiting(&operator, place).await?["id"], json!(place.swap), "it waits as before the kill");
    }
    let [yes, no, _] = places else { anyhow::bail!("three") };
    let approved = say(&operator, yes, "approve", Some("it is quiet")).await?.ok()?;
    assert_eq!(approved["state"], json!("reserved"), "{approved}");
    let answer = &approved["approval"]["answer"];
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("approved"), &json!("it is quiet")));
    let again = say(&operator, yes, "approve", None).await?.ok()?;
    assert_eq!(again["approval"], approved["approval"], "a request that was sent twice");
    refused(&say(&operator, yes, "reject", Some("no")).await?, 409, "swap_answered");

    assert_eq!(say(&operator, no, "reject", None).await?.status, 422, "a no has a reason");
    let rejected = say(&operator, no, "reject", Some("b is to be serviced")).await?.ok()?;
    assert_eq!((&rejected["state"], &rejected["reason"]), (&json!("rejected"), &json!("rejected_by_operator")));
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
