//! Bad requests, generated from the OpenAPI document: every one is answered with a problem that
//! names the field, none with a 5xx.
use crate::common::Sim;
use crate::operations::{Names, Operation, Sample, operations, samples, send, unknown};
use headroom_tests::Reply;
use serde_json::{Value, json};

/// A spoilt body: its bytes, the field at fault and how sure it is that it must be refused.
struct Spoilt {
    what: String,
    pointer: String,
    bytes: Vec<u8>,
    /// Refused whatever the field means; otherwise only: no fault of the server's.
    surely: bool,
}

/// Resolves `$ref`s until there is a schema with members.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..8 {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/components/schemas/")) {
            schema = &document["components"]["schemas"][name];
        } else if let Some(one) = schema["oneOf"].as_array().and_then(|o| o.iter().find(|s| s["type"] != "null")) {
            schema = one;
        } else {
            break;
        }
    }
    schema
}

fn required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|r| r.iter().any(|n| n == name))
}

/// All ways to spoil the member `name` of the object at `parent`.
fn spoil(document: &Value, schema: &Value, body: &Value, parent: &str, out: &mut Vec<Spoilt>) {
    let Some(object) = body.pointer(parent).and_then(Value::as_object).cloned() else { return };
    let with = |value: Option<Value>, name: &str| {
        let mut body = body.clone();
        if let Some(object) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
            match value {
                Some(value) => object.insert(name.to_owned(), value),
                None => object.remove(name),
            };
        }
        body.to_string().into_bytes()
    };
    // A map that takes any name has no unknown ones.
    let names = &schema["propertyNames"];
    let surely = names.is_null() || names["enum"].is_array();
    out.push(Spoilt {
        what: format!("unknown member in {parent:?}"),
        pointer: parent.to_owned(),
        bytes: with(Some(json!(1)), "surely_unknown"),
        surely,
    });
    for (name, value) in &object {
        let pointer = format!("{parent}/{name}");
        let mut push = |what: &str, bytes: Vec<u8>, surely: bool| {
            out.push(Spoilt { what: format!("{what} {pointer}"), pointer: pointer.clone(), bytes, surely });
        };
        let is_required = required(schema, name);
        push("missing", with(None, name), is_required);
        // The document itself says where nothing is something.
        let types = &schema["properties"][name.as_str()]["type"];
        let may_be_null = types.as_array().is_some_and(|types| types.contains(&json!("null")));
        if is_required && !may_be_null {
            push("null", with(Some(Value::Null), name), true);
        }
        let other_type = match value {
            Value::String(_) | Value::Null => json!({ "a": [1] }),
            Value::Number(_) | Value::Bool(_) => json!("text"),
            Value::Array(_) | Value::Object(_) => json!(7),
        };
        push("wrong type", with(Some(other_type), name), true);
        // A member twice, in the text.
        let text = body.to_string();
        let member = format!("{}:{value}", Value::from(name.as_str()));
        if text.matches(&member).count() == 1 {
            push("duplicated", text.replacen(&member, &format!("{member},{member}"), 1).into_bytes(), true);
        }
        match value {
            Value::Number(_) => {
                push("negative", with(Some(json!(-1)), name), false);
                push("overflow", with(Some(json!(1e300)), name), false);
                push("overflow of 64 bits", with(Some(json!(u64::MAX)), name), false);
                push("fraction", with(Some(json!(1.5)), name), false);
            }
            Value::String(text) => {
                let decimal = text.parse::<f64>().is_ok();
                push("too long", with(Some(json!("x".repeat(100_000))), name), true);
                push("empty", with(Some(json!("")), name), false);
                push("control characters", with(Some(json!("\u{0}\u{1}\u{202e}")), name), false);
                if decimal {
                    push("negative", with(Some(json!("-1.000000")), name), false);
                    push("overflow", with(Some(json!("9".repeat(40))), name), true);
                    push("too many digits", with(Some(json!("0.0000000000001")), name), true);
                    push("not a number", with(Some(json!("NaN")), name), true);
                    push("exponent", with(Some(json!("1e3")), name), true);
                }
            }
            Value::Object(_) => {
                spoil(document, resolved(document, &schema["properties"][name.as_str()]), body, &pointer, out)
            }
            Value::Array(items) => {
                push(
                    "very many",
                    with(Some(Value::Array(vec![items.first().cloned().unwrap_or(json!("x")); 3000])), name),
                    false,
                );
                if items.first().is_some_and(Value::is_object) {
                    let inner = resolved(document, &resolved(document, &schema["properties"][name.as_str()])["items"]);
                    spoil(document, inner, body, &format!("{pointer}/0"), out);
                }
            }
            Value::Bool(_) | Value::Null => {}
        }
    }
}

/// What is wrong with an answer to a spoilt body, if anything.
fn verdict(reply: &Reply, spoilt: &Spoilt) -> Option<String> {
    let head: String = reply.text.chars().take(300).collect();
    if reply.status >= 500 {
        return Some(format!("{}: {head}", reply.status));
    }
    if reply.status >= 400 && !reply.is_problem() {
        return Some(format!("{} is no problem document: {head}", reply.status));
    }
    if !spoilt.surely {
        return None;
    }
    if reply.is_success() {
        return Some(format!("{}: accepted", reply.status));
    }
    let named = reply
        .pointers()
        .iter()
        .any(|p| p.starts_with(&spoilt.pointer) || spoilt.pointer.starts_with(p.as_str()) && !p.is_empty());
    (!named).then(|| format!("{} does not name {}: {head}", reply.status, spoilt.pointer))
}

#[tokio::test]
async fn spoilt_bodies_are_refused_by_field() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let names = Names::of(&sim).await?;
    let (document, operations) = operations(&sim).await?;
    let samples = samples(&names);
    let mut wrong = unknown(&operations, &samples);
    let mut count = 0;
    for operation in operations.iter().filter(|o| o.has_json_body()) {
        let Some((sample, body)) = samples.get(operation.id.as_str()).and_then(|s| s.body.clone().map(|b| (s, b)))
        else {
            continue;
        };
        let schema = resolved(&document, &operation.document["requestBody"]["content"]["application/json"]["schema"]);
        let mut all = Vec::new();
        spoil(&document, schema, &body, "", &mut all);
        let api = sim.api(sample.role)?;
        let (mut path, mut tag) = (sample.path.clone(), "\"1\"".to_owned());
        for spoilt in &all {
            count += 1;
            let reply = send(&api, operation, sample, &path, Some(spoilt.bytes.clone()), &[("if-match", &tag)]).await?;
            // What was replaced has another id or version from now on.
            if reply.is_success() && operation.id.starts_with("replace") {
                let (parent, _) = path.rsplit_once('/').unwrap_or_default();
                path = format!("{parent}/{}", reply.id()?);
                tag = reply.json()["version"].as_i64().map_or(tag, |version| format!("\"{version}\""));
            }
            // Sign-in attempts are limited, and say nothing about what was wrong.
            if operation.id == "login" && matches!(reply.status, 401 | 429) {
                continue;
            }
            if let Some(fault) = verdict(&reply, spoilt) {
                wrong.push(format!("{} {} {}: {fault}", operation.method, operation.template, spoilt.what));
            }
        }
        if operation.id == "haltPool" {
            api.act("/v1/pools/ams1-lp/resume").await?.ok()?;
        }
    }
    assert!(count > 500, "only {count} requests were generated");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// A right body under a wrong name.
const OTHER_TYPE: &str = "another media type";

#[tokio::test]
async fn broken_bodies_are_refused_as_such() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let names = Names::of(&sim).await?;
    let (_, operations) = operations(&sim).await?;
    let samples = samples(&names);
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|o| o.has_json_body()) {
        let Some(sample) = samples.get(operation.id.as_str()) else { continue };
        let api = sim.api(sample.role)?;
        let good = sample.body.clone().unwrap_or_default().to_string().into_bytes();
        let deep = "[".repeat(50_000).into_bytes();
        let mut trailing = good.clone();
        trailing.extend_from_slice(b" {}");
        let bodies: [(&str, Vec<u8>, u16); 9] = [
            ("empty", Vec::new(), 400),
            ("not JSON", b"{\"a\":".to_vec(), 400),
            ("not UTF-8", b"{\"\xff\xfe\":1}".to_vec(), 400),
            ("an array", b"[]".to_vec(), 422),
            ("a number", b"7".to_vec(), 422),
            ("too deep", deep, 400),
            ("too large", vec![b' '; 300 * 1024], 413),
            ("something after it", trailing, 400),
            (OTHER_TYPE, good.clone(), 415),
        ];
        for (what, bytes, expected) in bodies {
            let media_type = if what == OTHER_TYPE { "text/plain" } else { "application/json" };
            let headers = &[("content-type", media_type)];
            let reply = send(&api, operation, sample, &sample.path, Some(bytes), headers).await?;
            let close = reply.status == expected || matches!((expected, reply.status), (400, 422) | (422, 400));
            if !close || !reply.is_problem() {
                wrong.push(format!("{} {what}: {} instead of {expected}: {}", operation.id, reply.status, reply.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

const GARBAGE: [&str; 10] = [
    "x",
    "-1",
    "99999999999999999999",
    "%00",
    "%F0%9F%98%80",
    "..%2f..%2fetc",
    "'%20OR%201=1--",
    "%ff%fe",
    "null",
    "a%0d%0ab",
];

#[tokio::test]
async fn garbage_in_paths_is_not_found() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let names = Names::of(&sim).await?;
    let (_, operations) = operations(&sim).await?;
    let samples = samples(&names);
    let long = "a".repeat(4000);
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|o| !o.parameters("path").is_empty()) {
        let Some(sample) = samples.get(operation.id.as_str()) else { continue };
        let api = sim.api(sample.role)?;
        let query = sample.path.split_once('?').map_or(String::new(), |(_, q)| format!("?{q}"));
        for garbage in GARBAGE.iter().copied().chain([long.as_str()]) {
            let mut path = operation.template.clone();
            for name in operation.parameters("path") {
                path = path.replace(&format!("{{{name}}}"), garbage);
            }
            let body = sample.body.as_ref().map(|b| b.to_string().into_bytes());
            let reply = send(&api, operation, sample, &format!("{path}{query}"), body, &[]).await?;
            // a project is made under any name of letters and digits
            let named = operation.id == "putProject" && garbage.chars().all(|c| c.is_ascii_alphanumeric());
            if named && reply.status == 200 {
                continue;
            }
            if !(400..500).contains(&reply.status) || !reply.is_problem() {
                let shown: String = reply.text.chars().take(200).collect();
                wrong.push(format!(
                    "{} {} with {}: {} {shown}",
                    operation.method,
                    operation.template,
                    &garbage[..garbage.len().min(30)],
                    reply.status
                ));
            }
        }
    }
    for (method, path) in [
        ("GET", "/v1/nothing"),
        ("POST", "/v1/nothing"),
        ("PUT", "/v1/bids"),
        ("DELETE", "/v1/pools"),
        ("GET", "/v1"),
        ("TRACE", "/v1/bids"),
    ] {
        let reply = sim.api("tenant")?.send(method, path, &[], None).await?;
        if !matches!(reply.status, 404 | 405) || !reply.is_problem() {
            let shown: String = reply.text.chars().take(200).collect();
            wrong.push(format!("{method} {path}: {} {shown}", reply.status));
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// Whether garbage in a query parameter must be refused; free texts may take anything.
fn is_free_text(name: &str) -> bool {
    matches!(name, "name" | "pool")
}

async fn one_query(sim: &Sim, operation: &Operation, sample: &Sample, query: &str) -> anyhow::Result<Reply> {
    let base = sample.path.split('?').next().unwrap_or_default();
    let own = sample.path.split_once('?').map_or("", |(_, q)| q);
    let name = query.split('=').next().unwrap_or_default();
    let kept: Vec<&str> = own.split('&').filter(|p| !p.is_empty() && p.split('=').next() != Some(name)).collect();
    let path = format!("{base}?{}", kept.into_iter().chain([query]).collect::<Vec<_>>().join("&"));
    send(&sim.api(sample.role)?, operation, sample, &path, None, &[]).await
}

#[tokio::test]
async fn garbage_in_queries_and_headers_is_named() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let names = Names::of(&sim).await?;
    let (_, operations) = operations(&sim).await?;
    let samples = samples(&names);
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|o| o.method == "GET" && !o.parameters("query").is_empty()) {
        let Some(sample) = samples.get(operation.id.as_str()) else { continue };
        for name in operation.parameters("query") {
            for garbage in GARBAGE {
                let reply = one_query(&sim, operation, sample, &format!("{name}={garbage}")).await?;
                let problem = reply.status < 500 && reply.is_problem();
                let fits = if reply.is_success() {
                    is_free_text(&name) || matches!(garbage, "-1" | "99999999999999999999")
                } else {
                    problem
                };
                if !fits {
                    wrong.push(format!(
                        "{} {name}={garbage}: {} {}",
                        operation.id,
                        reply.status,
                        reply.text.chars().take(200).collect::<String>()
                    ));
                }
            }
        }
        let reply = one_query(&sim, operation, sample, "surely_unknown=1").await?;
        if reply.status != 422 || !reply.pointers().contains(&"surely_unknown".to_owned()) {
            wrong.push(format!(
                "{} with an unknown parameter: {} {}",
                operation.id,
                reply.status,
                reply.text.chars().take(200).collect::<String>()
            ));
        }
    }
    let tenant = sim.api("tenant")?;
    for limit in ["0", "501", "-1"] {
        let reply = tenant.get(&format!("/v1/bids?limit={limit}")).await?;
        if reply.status != 422 || reply.pointers() != ["limit"] {
            wrong.push(format!("limit={limit}: {} {}", reply.status, reply.text));
        }
    }
    for query in [
        "status=%00",
        "status=bogus",
        "status=open,bogus",
        "starting_after=zzz",
        "starting_after=%00",
        "ending_before=bid_%00",
        // An id, but of the other list.
        "starting_after=off_01m7w6c380fh08zv3bjp1wmpmd",
    ] {
        let reply = tenant.get(&format!("/v1/bids?{query}")).await?;
        let name = query.split('=').next().unwrap_or_default();
        if reply.status != 422 || reply.pointers() != [name] {
            wrong.push(format!("{query}: {} {}", reply.status, reply.text));
        }
    }
    let both = tenant.get("/v1/bids?starting_after=bid_a&ending_before=bid_b").await?;
    if both.status != 422 {
        wrong.push(format!("two cursors: {}", both.status));
    }
    for (name, value) in [("last-event-id", "x"), ("last-event-id", "99999999999999999999")] {
        let reply = tenant.send("GET", "/v1/events", &[(name, value)], None).await?;
        if reply.status != 422 || !reply.is_problem() {
            wrong.push(format!("{name}: {value}: {} {}", reply.status, reply.text));
        }
    }
    let admin = sim.api("admin")?;
    let reserve = samples["scheduleReservePrice"].clone();
    let body = reserve.body.unwrap_or_default().to_string().into_bytes();
    let json_type = ("content-type", "application/json");
    let without = admin.send("POST", &reserve.path, &[json_type], Some(body.clone())).await?;
    if without.status != 428 || !without.is_problem() {
        wrong.push(format!("If-Match left out: {} {}", without.status, without.text));
    }
    let any = admin.send("POST", &reserve.path, &[json_type, ("if-match", "*")], Some(body.clone())).await?;
    if any.status != 201 || any.header("etag").is_empty() {
        wrong.push(format!("If-Match: *: {} {}", any.status, any.text));
    }
    for tag in ["\"999\"", "x", "", "W/\"1\"", "\"99999999999999999999\""] {
        let reply = admin.send("POST", &reserve.path, &[json_type, ("if-match", tag)], Some(body.clone())).await?;
        if !matches!(reply.status, 400 | 412 | 422) || !reply.is_problem() {
            wrong.push(format!("If-Match: {tag}: {} {}", reply.status, reply.text));
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
