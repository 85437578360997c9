//! Signing in: passwords, rotated refresh tokens, cookies with CSRF, keys and their scopes.
use crate::common::{Sim, healthy};
use anyhow::ensure;
use headroom_tests::{Api, Reply};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn login(sim: &Sim, role: &str) -> anyhow::Result<Reply> {
    let (email, password) = sim.server.login(role)?;
    sim.server.nobody().post("/v1/auth/login", &json!({ "email": email, "password": password })).await
}

pub async fn refresh(api: &Api, token: &str) -> anyhow::Result<Reply> {
    api.send("POST", "/v1/auth/refresh", &[("x-refresh-token", token)], None).await
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_password_opens_a_session() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let reply = login(&sim, "bidder").await?;
    let session = reply.ok()?;
    let me = sim.server.nobody().with(session["access_token"].as_str()).get("/v1/me").await?.ok()?;
    assert_eq!((me["role"].as_str(), me["demo"].as_bool()), (Some("bidder"), Some(true)));
    let cookies: Vec<&str> = reply.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).collect();
    assert_eq!(cookies.len(), 4);
    for cookie in &cookies {
        assert!(cookie.contains("SameSite=Lax"), "{cookie}");
        assert_eq!(cookie.contains("HttpOnly"), !cookie.starts_with("headroom_csrf"), "{cookie}");
    }
    let (email, _) = sim.server.login("bidder")?;
    let wrong = |email: &str| json!({ "email": email, "password": "certainly-not-this" });
    let known = sim.server.nobody().post("/v1/auth/login", &wrong(&email)).await?;
    let unknown = sim.server.nobody().post("/v1/auth/login", &wrong("nobody@demo.example.org")).await?;
    assert_eq!((known.status, unknown.status), (401, 401));
    assert_eq!(known.json()["detail"], unknown.json()["detail"], "the answer does not tell who has an account");
    assert!(known.is_problem());
    Ok(())
}

#[tokio::test]
async fn refresh_tokens_rotate_and_signing_out_ends_the_family() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let nobody = sim.server.nobody();
    let first = text(&login(&sim, "tenant").await?.ok()?, "refresh_token");
    let second = refresh(&nobody, &first).await?.ok()?;
    assert_ne!(text(&second, "refresh_token"), first);
    assert_eq!(nobody.with(second["access_token"].as_str()).get("/v1/me").await?.status, 200);
    let other = text(&login(&sim, "tenant").await?.ok()?, "refresh_token");
    assert_eq!(refresh(&nobody, &other).await?.status, 200, "another family goes on");
    let third = text(&login(&sim, "tenant").await?.ok()?, "refresh_token");
    assert_eq!(nobody.send("POST", "/v1/auth/logout", &[("x-refresh-token", &third)], None).await?.status, 204);
    assert_eq!(refresh(&nobody, &third).await?.status, 401, "signed out");
    // The access token names its session: a client that kept only that one signs out as well.
    let fourth = login(&sim, "tenant").await?.ok()?;
    let bearer = nobody.with(fourth["access_token"].as_str());
    assert_eq!(bearer.act("/v1/auth/logout").await?.status, 204);
    assert_eq!(refresh(&nobody, &text(&fourth, "refresh_token")).await?.status, 401, "signed out by the access token");
    assert_eq!(bearer.get("/v1/me").await?.status, 401, "the access token ends with its session");
    assert_eq!(nobody.with(second["access_token"].as_str()).get("/v1/me").await?.status, 200, "another session's not");
    let key = sim.api("tenant")?.act("/v1/auth/logout").await?;
    assert_eq!((key.status, key.code().as_str()), (409, "not_a_session"), "a key is revoked, not signed out");
    for garbage in ["", "x", "a.b.c", &"f".repeat(5000)] {
        assert_eq!(refresh(&nobody, garbage).await?.status, 401);
    }
    // The role is taken from the membership, never from what the token says of itself.
    let honest = text(&login(&sim, "tenant").await?.ok()?, "refresh_token");
    assert_eq!(refresh(&nobody, &honest.replace("tenant", "admin")).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_cookie_writes_only_with_its_csrf_token() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let nobody = sim.server.nobody();
    let session = login(&sim, "bidder").await?.ok()?;
    let csrf = text(&session, "csrf_token");
    let cookies = format!("headroom_access={}; headroom_csrf={csrf}", text(&session, "access_token"));
    let cancel = "/v1/bids/cancel_all";
    assert_eq!(nobody.send("GET", "/v1/me", &[("cookie", &cookies)], None).await?.status, 200);
    assert_eq!(nobody.send("POST", cancel, &[("cookie", &cookies)], None).await?.status, 403);
    assert_eq!(
        nobody.send("POST", cancel, &[("cookie", &cookies), ("x-csrf-token", "guess")], None).await?.status,
        403
    );
    assert_eq!(nobody.send("POST", cancel, &[("cookie", &cookies), ("x-csrf-token", &csrf)], None).await?.status, 200);
    let without = format!("headroom_access={}", text(&session, "access_token"));
    assert_eq!(nobody.send("POST", cancel, &[("cookie", &without)], None).await?.status, 403);
    assert_eq!(nobody.send("POST", cancel, &[("cookie", &without), ("x-csrf-token", "")], None).await?.status, 403);
    // Whoever plants the token of a session of his own, as cookie and header, does not write with this one.
    let planted = text(&login(&sim, "bidder").await?.ok()?, "csrf_token");
    let cookies = format!("{without}; headroom_csrf={planted}");
    let headers = [("cookie", cookies.as_str()), ("x-csrf-token", planted.as_str())];
    assert_eq!(nobody.send("POST", cancel, &headers, None).await?.status, 403);
    // Tabs that have not seen a renewal yet go on with the token that they have.
    let renewed = refresh(&nobody, &text(&session, "refresh_token")).await?.ok()?;
    let cookies = format!("headroom_access={}", text(&renewed, "access_token"));
    let headers = [("cookie", cookies.as_str()), ("x-csrf-token", csrf.as_str())];
    assert_eq!(nobody.send("POST", cancel, &headers, None).await?.status, 200);
    assert_ne!(text(&renewed, "csrf_token"), csrf, "pages see by it that the session was renewed");
    Ok(())
}

#[tokio::test]
async fn forged_and_broken_tokens_are_nobody() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let token = text(&login(&sim, "bidder").await?.ok()?, "access_token");
    let mut parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    let signature = parts[2].to_owned();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    // {"alg":"HS256","typ":"JWT"}
    let symmetric = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let payload = parts[1].to_owned();
    let flipped: String = signature.chars().rev().collect();
    let mut forged = vec![
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{symmetric}.{payload}.{signature}"),
        format!("{}.{payload}.{flipped}", parts[0]),
        format!("{}.{payload}", parts[0]),
        token[..token.len() - 4].to_owned(),
        "xk_test_".to_owned(),
        format!("xk_test_{}", "0".repeat(64)),
        "x".repeat(20_000),
        "..".to_owned(),
    ];
    parts[1] = "e30";
    forged.push(parts.join("."));
    for bearer in &forged {
        let reply = sim.server.nobody().with(Some(bearer)).get("/v1/me").await?;
        assert!(matches!(reply.status, 401 | 431), "{} for {}", reply.status, &bearer[..bearer.len().min(60)]);
    }
    for header in ["", "Bearer", "Basic dXNlcjpwYXNz", "Bearer  ", "bearer\tx"] {
        let reply = sim.server.nobody().send("GET", "/v1/me", &[("authorization", header)], None).await?;
        assert_eq!(reply.status, 401, "{header:?}");
        assert!(reply.is_problem());
    }
    let log = sim.server.log();
    assert!(!log.contains(&token) && !log.contains(&signature), "tokens are never logged");
    Ok(())
}

/// To the minute, and a stop and a start forget nothing of it.
#[tokio::test]
async fn a_key_tells_when_it_was_last_used() -> anyhow::Result<()> {
    let Sim { server, folder } = Sim::start().await?;
    let tenant = server.api("tenant")?;
    let new = tenant.post("/v1/api_keys", &json!({ "name": "seldom" })).await?.ok()?;
    let of_key = |keys: Vec<Value>| keys.into_iter().find(|k| k["id"] == new["id"]).map(|k| k["last_used_at"].clone());
    assert_eq!(of_key(tenant.list("/v1/api_keys").await?), Some(Value::Null), "nobody has used it");
    tenant.with(new["secret"].as_str()).get("/v1/me").await?.ok()?;
    let used = of_key(tenant.list("/v1/api_keys").await?);
    assert!(used.as_ref().is_some_and(|at| at.as_str().is_some_and(|at| at.starts_with("20"))), "{used:?}");
    let server = server.stop().await?.start().await?;
    assert_eq!(of_key(server.api("tenant")?.list("/v1/api_keys").await?), used);
    healthy(&server.stop().await?).await?;
    drop(folder);
    Ok(())
}

#[tokio::test]
async fn a_key_has_its_scopes_ends_and_can_be_revoked() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    let reader = tenant.post("/v1/api_keys", &json!({ "name": "reader", "scopes": ["market:read"] })).await?.ok()?;
    assert!(text(&reader, "secret").starts_with("xk_test_"));
    let api = tenant.with(reader["secret"].as_str());
    assert_eq!(api.get("/v1/pools").await?.status, 200);
    for path in [
        "/v1/bids",
        "/v1/balance",
        "/v1/swaps",
        "/v1/instances",
        "/v1/statements",
        "/v1/allocation_hints",
        "/v1/projects",
        "/v1/application_profiles",
        "/v1/api_keys",
        "/v1/modules",
        "/v1/rounds/1/proof",
    ] {
        assert_eq!(api.get(path).await?.status, 403, "{path} with market:read only");
    }
    assert_eq!(api.act("/v1/bids/cancel_all").await?.status, 403);
    let more = tenant.post("/v1/api_keys", &json!({ "name": "more", "scopes": ["admin:write"] })).await?;
    assert!(matches!(more.status, 403 | 422), "a key never has more than its maker: {}", more.text);
    let none = tenant.post("/v1/api_keys", &json!({ "name": "none", "scopes": [] })).await?;
    assert_eq!((none.status, none.code().as_str()), (422, "scopes_empty"), "no scopes are not all scopes");
    let narrow = json!({ "name": "narrow", "scopes": ["keys:write", "market:read"] });
    let made = tenant.post("/v1/api_keys", &narrow).await?.ok()?;
    let maker = tenant.with(made["secret"].as_str());
    let child = maker.post("/v1/api_keys", &json!({ "name": "child" })).await?.ok()?;
    assert_eq!(child["scopes"], narrow["scopes"], "a key's child has the key's scopes, not the role's");
    let grown = maker.post("/v1/api_keys", &json!({ "name": "grown", "scopes": ["orders:write"] })).await?;
    assert_eq!((grown.status, grown.pointers()), (422, vec!["/scopes/0".to_owned()]));
    let own = api.post("/v1/api_keys", &json!({ "name": "child" })).await?;
    assert_eq!(own.status, 403, "a key without keys:write makes no keys");
    // Who has found a key may have made others with it, and with those more.
    let grandchild = maker.with(child["secret"].as_str());
    let grandchild = grandchild.post("/v1/api_keys", &json!({ "name": "grandchild" })).await?.ok()?;
    assert_eq!((&child["made_by"], &grandchild["made_by"]), (&made["id"], &child["id"]));
    let route = format!("/v1/api_keys/{}", made["id"].as_str().unwrap_or_default());
    assert_eq!(tenant.delete(&route).await?.status, 200);
    for key in [&made, &child, &grandchild] {
        assert_eq!(tenant.with(key["secret"].as_str()).get("/v1/me").await?.status, 401, "{key}");
    }
    assert_eq!(tenant.get("/v1/me").await?.status, 200, "whoever made them goes on");
    // A leaked key is cut off by its owner or by an admin, and by nobody else.
    let leaked = tenant.post("/v1/api_keys", &json!({ "name": "leaked" })).await?.ok()?;
    let (route, id) = (format!("/v1/api_keys/{}", leaked["id"].as_str().unwrap_or_default()), &leaked["id"]);
    let leaked = tenant.with(leaked["secret"].as_str());
    for other in ["bidder", "operator", "finance"] {
        assert!(matches!(sim.api(other)?.delete(&route).await?.status, 403 | 404), "{other}");
    }
    let seen = admin.get("/v1/api_keys").await?.ok()?;
    let listed = seen["data"].as_array().into_iter().flatten().find(|k| k["id"] == *id).cloned();
    assert!(listed.is_some_and(|k| k["participant"].is_string() && k["secret"].is_null()), "{seen}");
    assert_eq!((leaked.get("/v1/me").await?.status, admin.delete(&route).await?.status), (200, 200));
    assert_eq!(leaked.get("/v1/me").await?.status, 401);

    // The operator's people share a participant: each role makes keys of its own, and revokes no other role's.
    for (role, scope) in [("operator", "swaps:approve"), ("finance", "finance:platform")] {
        let by = sim.api(role)?;
        let made = by.post("/v1/api_keys", &json!({ "name": role, "scopes": [scope] })).await?.ok()?;
        assert_eq!((&made["role"], &made["scopes"]), (&json!(role), &json!([scope])));
        let route = format!("/v1/api_keys/{}", text(&made, "id"));
        let other = sim.api(if role == "finance" { "operator" } else { "finance" })?;
        assert_eq!((other.delete(&route).await?.status, by.delete(&route).await?.status), (403, 200), "{role}");
    }
    let of_admin = admin.post("/v1/api_keys", &json!({ "name": "of an admin" })).await?.ok()?;
    let of_admin = format!("/v1/api_keys/{}", text(&of_admin, "id"));
    assert_eq!(
        (sim.api("operator")?.delete(&of_admin).await?.status, admin.delete(&of_admin).await?.status),
        (403, 200)
    );

    let secrets = tenant.get("/v1/api_keys").await?;
    assert!(!secrets.text.contains("secret"), "secrets are shown once: {}", secrets.text);
    assert_eq!(tenant.delete(&format!("/v1/api_keys/{}", text(&reader, "id"))).await?.status, 200);
    assert_eq!(api.get("/v1/pools").await?.status, 401, "revoked");
    let short =
        tenant.post("/v1/api_keys", &json!({ "name": "short", "expires_at": "2026-11-20T10:01:00Z" })).await?.ok()?;
    let short = tenant.with(short["secret"].as_str());
    assert_eq!(short.get("/v1/pools").await?.status, 200);
    admin.advance(61).await?;
    assert_eq!(short.get("/v1/pools").await?.status, 401, "expired");
    // A key that works is one of 64; what is revoked or has expired makes room.
    let work = |keys: &serde_json::Value, now: &str| {
        let works =
            |k: &&serde_json::Value| k["revoked_at"].is_null() && k["expires_at"].as_str().is_none_or(|at| at > now);
        keys["data"].as_array().into_iter().flatten().filter(works).count()
    };
    let there = work(&tenant.get("/v1/api_keys").await?.ok()?, "2026-11-20T10:01:01Z");
    for n in there..64 {
        tenant.post("/v1/api_keys", &json!({ "name": format!("key {n}") })).await?.ok()?;
    }
    let refused = tenant.post("/v1/api_keys", &json!({ "name": "one too many" })).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "too_many_keys"), "{}", refused.text);
    let keys = tenant.get("/v1/api_keys").await?.ok()?;
    let last = keys["data"].as_array().into_iter().flatten().find(|k| k["name"] == "key 63");
    let last = last.and_then(|k| k["id"].as_str()).unwrap_or_default();
    assert_eq!(tenant.delete(&format!("/v1/api_keys/{last}")).await?.status, 200);
    tenant.post("/v1/api_keys", &json!({ "name": "in its place" })).await?.ok()?;
    let named = |name: &str| json!({ "name": name, "quota": { "cpu_milli": 1_000 } });
    admin.post("/v1/participants", &named("Twice")).await?.ok()?;
    let again = admin.post("/v1/participants", &named("twice")).await?;
    assert_eq!((again.status, again.code().as_str()), (409, "participant_name_taken"), "{}", again.text);
    assert_eq!(again.pointers(), ["/name"]);
    Ok(())
}

#[tokio::test]
async fn a_session_goes_on_for_another_participant_of_its_user() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, nobody) = (sim.api("admin")?, sim.server.nobody());
    let participants = admin.list("/v1/participants").await?;
    let ids: Vec<String> = participants.iter().filter(|p| p["platform"] != true).map(|p| text(p, "id")).collect();
    let (email, password) = ("two@example.org", "a long enough password");
    let memberships = json!([{ "participant": ids[0], "role": "tenant" }, { "participant": ids[1], "role": "bidder" }]);
    let new = json!({ "email": email, "name": "Two", "password": password, "memberships": memberships });
    admin.post("/v1/users", &new).await?.ok()?;
    let listed = admin.list("/v1/users").await?;
    let user = listed.iter().find(|u| u["email"] == email).cloned().unwrap_or_default();
    assert_eq!(user["memberships"].as_array().map(Vec::len), Some(2), "{user}");
    assert!(user.get("password_hash").is_none(), "{user}");
    assert_eq!(sim.api("tenant")?.get("/v1/users").await?.status, 403);

    let session = nobody.post("/v1/auth/login", &json!({ "email": email, "password": password })).await?.ok()?;
    let go_on = async |token: &str, participant: &str| {
        let path = format!("/v1/auth/refresh?participant={participant}");
        nobody.send("POST", &path, &[("x-refresh-token", token)], None).await
    };
    let other = go_on(&text(&session, "refresh_token"), &ids[1]).await?.ok()?;
    let me = nobody.with(other["access_token"].as_str()).get("/v1/me").await?.ok()?;
    assert_eq!((&me["participant"]["id"], me["role"].as_str()), (&json!(ids[1]), Some("bidder")));
    let elsewhere = go_on(&text(&session, "refresh_token"), &ids[0]).await?;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (409, "refresh_repeated"), "each token once");
    let same = refresh(&nobody, &text(&session, "refresh_token")).await?.ok()?;
    assert_eq!(same["refresh_token"], other["refresh_token"], "whoever comes late goes on where the session is");
    let me = nobody.with(same["access_token"].as_str()).get("/v1/me").await?.ok()?;
    assert_eq!((&me["participant"]["id"], me["role"].as_str()), (&json!(ids[1]), Some("bidder")));

    let again = nobody.post("/v1/auth/login", &json!({ "email": email, "password": password })).await?.ok()?;
    let refused = go_on(&text(&again, "refresh_token"), &ids[2]).await?;
    assert_eq!(refused.status, 403, "not a member there");
    assert!(refused.is_problem());
    assert_eq!(go_on(&text(&again, "refresh_token"), &ids[0]).await?.status, 200, "the session is not lost by it");
    Ok(())
}

async fn works(api: &Api, session: &Value) -> anyhow::Result<bool> {
    let status = api.with(session["access_token"].as_str()).get("/v1/me").await?.status;
    ensure!(matches!(status, 200 | 401), "{status}");
    Ok(status == 200)
}

/// Tabs that wake up together send the same token, and none of them may end the session of all.
#[tokio::test]
async fn a_token_that_is_used_many_times_at_once_has_one_successor() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (nobody, admin) = (sim.server.nobody(), sim.api("admin")?);
    let mut sessions = Vec::new();
    for _ in 0..6 {
        let token = text(&login(&sim, "tenant").await?.ok()?, "refresh_token");
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (api, token) = (nobody.clone(), token.clone());
            sending.spawn(async move { refresh(&api, &token).await });
        }
        let mut next = BTreeSet::new();
        for reply in sending.join_all().await {
            let session = reply?.ok()?;
            ensure!(works(&nobody, &session).await?, "each tab has a session");
            next.insert(text(&session, "refresh_token"));
        }
        assert_eq!(next.len(), 1, "one chain: {next:?}");
        sessions.push((token, next.pop_first().unwrap_or_default()));
    }
    admin.advance(9).await?;
    for (token, next) in &sessions {
        assert_eq!(text(&refresh(&nobody, token).await?.ok()?, "refresh_token"), *next, "an answer that was lost");
    }
    admin.advance(1).await?;
    for (_, next) in &sessions {
        assert_eq!(refresh(&nobody, next).await?.status, 200, "the session goes on");
    }
    Ok(())
}

/// A user of two participants, the ids of both, and a session for the first.
async fn two_memberships(sim: &Sim) -> anyhow::Result<(Vec<String>, Value)> {
    let (admin, nobody) = (sim.api("admin")?, sim.server.nobody());
    let participants = admin.list("/v1/participants").await?;
    let ids: Vec<String> = participants.iter().filter(|p| p["platform"] != true).map(|p| text(p, "id")).collect();
    let login = json!({ "email": "tabs@example.org", "password": "a long enough password" });
    let memberships = json!([{ "participant": ids[0], "role": "tenant" }, { "participant": ids[1], "role": "tenant" }]);
    let new =
        json!({ "email": login["email"], "name": "Tabs", "password": login["password"], "memberships": memberships });
    admin.post("/v1/users", &new).await?.ok()?;
    Ok((ids, nobody.post("/v1/auth/login", &login).await?.ok()?))
}

/// What a browser sends with a session, once another of its tabs has chosen another participant:
/// the cookies of that one, and the name of the participant that the page still shows.
#[tokio::test]
async fn a_page_never_spends_for_another_participant_than_it_shows() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let nobody = sim.server.nobody();
    let (ids, session) = two_memberships(&sim).await?;
    let path = format!("/v1/auth/refresh?participant={}", ids[1]);
    let token = text(&session, "refresh_token");
    let switched = nobody.send("POST", &path, &[("x-refresh-token", &token)], None).await?.ok()?;
    let bearer = nobody.with(switched["access_token"].as_str());
    let me = bearer.get("/v1/me").await?.ok()?;
    let csrf = text(&switched, "csrf_token");
    let cookies = format!("headroom_access={}; headroom_csrf={csrf}", text(&switched, "access_token"));
    let (shown, present, user) = (ids[0].as_str(), ids[1].as_str(), me["user"]["id"].as_str().unwrap_or_default());
    let order = serde_json::to_vec(&sim.bid(100, "0.01").await?)?;
    let place = async |key: &str, named: &[(&str, &str)]| {
        let mut headers = vec![("cookie", cookies.as_str()), ("x-csrf-token", &csrf), ("idempotency-key", key)];
        headers.push(("content-type", "application/json"));
        headers.extend_from_slice(named);
        nobody.send("POST", "/v1/bids", &headers, Some(order.clone())).await
    };
    let stranger = text(&sim.api("admin")?.get("/v1/me").await?.ok()?["user"], "id");
    for named in [
        [("Headroom-Participant", shown), ("Headroom-User", user)],
        [("Headroom-Participant", present), ("Headroom-User", &stranger)],
    ] {
        let refused = place("tab-a", &named).await?;
        assert_eq!((refused.status, refused.code().as_str()), (409, "acting_for_another"), "{}", refused.text);
        assert!(refused.is_problem() && refused.text.contains("Nothing was done"), "{}", refused.text);
    }
    let headers = [("cookie", cookies.as_str()), ("Headroom-Participant", shown)];
    let read = nobody.send("GET", "/v1/balance", &headers, None).await?;
    assert_eq!((read.status, read.code().as_str()), (409, "acting_for_another"), "nor is anything shown to it");
    assert_eq!(bearer.list("/v1/bids").await?.len(), 0, "nothing was placed for either");
    // The refusals have not used up the key.
    let placed = place("tab-a", &[("Headroom-Participant", present), ("Headroom-User", user)]).await?.ok()?;
    assert_eq!(placed["participant"], json!(present));
    // Who says nothing acts for whom the session is; a key's owner may say it too.
    assert_eq!(place("tab-b", &[]).await?.status, 201);
    let key = sim.api("tenant")?;
    let own = text(&key.get("/v1/me").await?.ok()?["participant"], "id");
    assert_eq!(key.send("GET", "/v1/balance", &[("Headroom-Participant", &own)], None).await?.status, 200);
    let other = ids.iter().find(|id| **id != own).cloned().unwrap_or_default();
    assert_eq!(key.send("GET", "/v1/balance", &[("Headroom-Participant", &other)], None).await?.status, 409);
    Ok(())
}

/// Whoever uses a token a second time may be a thief: after the grace, or when its successor was
/// used, nobody goes on with that session.
#[tokio::test]
async fn an_old_token_ends_the_session() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (nobody, admin) = (sim.server.nobody(), sim.api("admin")?);
    let is_over = async |newest: &Value, why: &str| {
        ensure!(!works(&nobody, newest).await?, "{why}: the access token still works");
        ensure!(refresh(&nobody, &text(newest, "refresh_token")).await?.status == 401, "{why}: the session goes on");
        anyhow::Ok(())
    };
    let first = login(&sim, "tenant").await?.ok()?;
    let second = refresh(&nobody, &text(&first, "refresh_token")).await?.ok()?;
    admin.advance(10).await?;
    assert!(works(&nobody, &second).await?);
    assert_eq!(refresh(&nobody, &text(&first, "refresh_token")).await?.status, 401, "used up");
    is_over(&second, "after the grace").await?;

    let first = login(&sim, "tenant").await?.ok()?;
    let second = refresh(&nobody, &text(&first, "refresh_token")).await?.ok()?;
    let third = refresh(&nobody, &text(&second, "refresh_token")).await?.ok()?;
    assert_eq!(refresh(&nobody, &text(&first, "refresh_token")).await?.status, 401, "not the last one");
    is_over(&third, "its successor was used").await?;

    // A thief within the grace has the owner's token, not one more: the next renewals collide.
    let first = login(&sim, "tenant").await?.ok()?;
    let owner = refresh(&nobody, &text(&first, "refresh_token")).await?.ok()?;
    let thief = refresh(&nobody, &text(&first, "refresh_token")).await?.ok()?;
    let thief = refresh(&nobody, &text(&thief, "refresh_token")).await?.ok()?;
    admin.advance(600).await?;
    assert_eq!(refresh(&nobody, &text(&owner, "refresh_token")).await?.status, 401, "the owner is told");
    is_over(&thief, "the thief's").await
}

/// What is over stays over when the server starts again, and what is not goes on.
#[tokio::test]
async fn a_restart_knows_which_sessions_are_over() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (over, live) = (login(&sim, "tenant").await?.ok()?, login(&sim, "tenant").await?.ok()?);
    assert_eq!(sim.server.nobody().with(over["access_token"].as_str()).act("/v1/auth/logout").await?.status, 204);
    let server = sim.server.kill_and_restart().await?;
    assert!(!works(&server.nobody(), &over).await?, "it was signed out");
    assert!(works(&server.nobody(), &live).await?);
    Ok(())
}

/// A browser's tokens stay in cookies that no script can read, and no other site makes it renew or end a session.
#[tokio::test]
async fn a_session_is_renewed_by_cookie_only_with_the_csrf_header() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let first = login(&sim, "bidder").await?;
    let jar = |reply: &Reply| {
        let set = reply.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
        set.filter_map(|line| line.split(';').next()).collect::<Vec<_>>().join("; ")
    };
    let (cookies, csrf) = (jar(&first), text(&first.json(), "csrf_token"));
    let nobody = sim.server.nobody();
    for path in ["/v1/auth/refresh", "/v1/auth/logout"] {
        // No other site can send a header of ours, whatever is in it.
        for headers in [vec![("cookie", cookies.as_str())], vec![("cookie", cookies.as_str()), ("x-csrf-token", "")]] {
            assert_eq!(nobody.send("POST", path, &headers, None).await?.status, 403, "{path}");
        }
    }
    let headers = [("cookie", cookies.as_str()), ("x-csrf-token", csrf.as_str())];
    let renewed = nobody.send("POST", "/v1/auth/refresh", &headers, None).await?;
    let body = renewed.ok()?;
    assert!(body["access_token"].is_null() && body["refresh_token"].is_null(), "{body}");
    let (cookies, csrf) = (jar(&renewed), text(&body, "csrf_token"));
    let headers = [("cookie", cookies.as_str()), ("x-csrf-token", csrf.as_str())];
    assert_eq!(nobody.send("GET", "/v1/me", &headers[..1], None).await?.status, 200);
    assert_eq!(nobody.send("POST", "/v1/auth/logout", &headers, None).await?.status, 204);
    assert_eq!(nobody.send("GET", "/v1/me", &headers[..1], None).await?.status, 401);
    assert_eq!(nobody.send("POST", "/v1/auth/logout", &[], None).await?.status, 204, "nobody is signed out already");
    Ok(())
}
