//! Extractors whose rejections are problems that name the field.
use crate::http::problem::{FieldProblem, Problem};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A JSON body, read strictly: unknown, missing and ill-typed fields are named by pointer.
pub struct Body<T>(pub T);

/// The largest JSON body.
pub const MOST_BODY_BYTES: usize = 256 * 1024;

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request, state).await?;
        parse(&bytes).map(Body)
    }
}

/// A JSON body together with its bytes, for the idempotency hash.
pub struct HashedBody<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for HashedBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request, state).await?;
        let value = parse(&bytes)?;
        Ok(HashedBody { value, bytes })
    }
}

async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        let detail = "Send the body with Content-Type: application/json.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        let detail = "Send the body as it is, without Content-Encoding: none is read here.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    read_bytes(request, state, MOST_BODY_BYTES).await
}

/// For a whole body: a client that sends a byte now and then must not keep its connection.
const BODY: Duration = Duration::from_secs(30);

pub async fn read_bytes<S: Send + Sync>(request: Request, _state: &S, most: usize) -> Result<Bytes, Problem> {
    if will_not_be_read(request.headers(), most) {
        let detail = format!("The body is larger than {most} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
    }
    let read = tokio::time::timeout(BODY, collect(request.into_body(), most)).await;
    let read = read.map_err(|_| {
        let detail = format!("The body did not arrive within {} seconds. Send it again, faster.", BODY.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
    })?;
    read.ok_or_else(|| {
        let detail = format!("The body is larger than {most} bytes, or its transfer broke off.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })
}

/// How much of a body that is too large is read on and thrown away: a client that is still sending
/// when its connection is closed sees that and not the answer.
const THROWN_AWAY: usize = 32 * 1024 * 1024;

/// Whether a body is said to be so large that not a byte of it has to be read: more than is thrown away, or its client
/// asks before it sends it.
fn will_not_be_read(headers: &HeaderMap, most: usize) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    let asks = headers.contains_key(header::EXPECT);
    length.is_some_and(|n| n > most && (asks || n - most > THROWN_AWAY))
}

/// The whole body; `None` if it is larger than `most`, or breaks off.
async fn collect(body: axum::body::Body, most: usize) -> Option<Bytes> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(part) = stream.next().await {
        let part = part.ok()?;
        length += part.len();
        if length <= most {
            bytes.extend_from_slice(&part);
        } else if length > most + THROWN_AWAY {
            return None;
        }
    }
    (length <= most).then(|| bytes.into())
}

/// Walks a value only to see that no object names a member twice: maps would keep the last.
struct NoDuplicates;

impl<'de> serde::Deserialize<'de> for NoDuplicates {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> serde::de::Visitor<'de> for Walk {
            type Value = NoDuplicates;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<NoDuplicates, E> {
                Ok(NoDuplicates)
            }
            fn visit_i64<E>(self, _: i64) -> Result<NoDuplicates, E> {
                Ok(NoDuplicates)
            }
            fn visit_u64<E>(self, _: u64) -> Result<NoDuplicates, E> {
                Ok(NoDuplicates)
            }
            fn visit_f64<E>(self, _: f64) -> Result<NoDuplicates, E> {
                Ok(NoDuplicates)
            }
            fn visit_str<E>(self, _: &str) -> Result<NoDuplicates, E> {
                Ok(NoDuplicates)
            }
            fn visit_unit<E>(self) -> Result<NoDuplicates, E> {
                Ok(NoDuplicates)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<NoDuplicates, A::Error> {
                while items.next_element::<NoDuplicates>()?.is_some() {}
                Ok(NoDuplicates)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<NoDuplicates, A::Error> {
                let mut seen = std::collections::BTreeSet::new();
                while let Some(name) = members.next_key::<String>()? {
                    members.next_value::<NoDuplicates>()?;
                    if !seen.insert(name.clone()) {
                        return Err(serde::de::Error::custom(format!("duplicate field `{name}`")));
                    }
                }
                Ok(NoDuplicates)
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Nearly all bodies are right. Only what is at fault is read with its path.
    if serde_json::from_slice::<NoDuplicates>(bytes).is_ok()
        && bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        return Ok(value);
    }
    let mut walker = serde_json::Deserializer::from_slice(bytes);
    if let Err(error) = serde_path_to_error::deserialize::<_, NoDuplicates>(&mut walker) {
        let pointer = pointer(&error);
        let inner = error.into_inner();
        if inner.classify() == serde_json::error::Category::Data {
            return Err(Problem::field(code(&inner), &pointer, plain(&inner)));
        }
        return Err(Problem::new(StatusCode::BAD_REQUEST, "not_json", format!("The body is not JSON: {inner}.")));
    }
    // An array would be read as an object's fields in their order.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::field("wrong_type", "", "The body must be a JSON object."));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        let pointer = pointer(&e);
        let inner = e.into_inner();
        // It is JSON, as the first walk has shown: whatever is wrong is wrong with a field.
        Problem::field(code(&inner), &pointer, plain(&inner))
    })?;
    reader
        .end()
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "not_json", "There is something after the JSON value."))?;
    Ok(value)
}

/// The pointer to the field at fault, the missing or unknown one included.
fn pointer(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in error.path().iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let message = error.inner().to_string();
    let named = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| {
        let rest = message.split_once(start)?.1;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    });
    match named {
        Some(name) if !pointer.ends_with(&format!("/{name}")) => format!("{pointer}/{name}"),
        _ => pointer,
    }
}

fn code(error: &serde_json::Error) -> &'static str {
    let message = error.to_string();
    if message.starts_with("missing field") {
        "missing"
    } else if message.starts_with("unknown field") {
        "unknown_field"
    } else if message.starts_with("duplicate field") {
        "duplicate_field"
    } else if message.starts_with("invalid type") {
        "wrong_type"
    } else {
        "invalid"
    }
}

/// The greatest whole number of a type.
fn most_of(whole: &str) -> Option<u64> {
    match whole {
        "i8" => Some(i8::MAX.unsigned_abs().into()),
        "i16" => Some(i16::MAX.unsigned_abs().into()),
        "i32" => Some(i32::MAX.unsigned_abs().into()),
        "i64" => Some(i64::MAX.unsigned_abs()),
        "u8" => Some(u8::MAX.into()),
        "u16" => Some(u16::MAX.into()),
        "u32" => Some(u32::MAX.into()),
        "u64" | "usize" => Some(u64::MAX),
        _ => None,
    }
}

/// serde's message without its position in the text, and without the names that its types have in Rust.
fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let text = message.split(" at line ").next().unwrap_or(&message);
    let text = text.replace("unknown variant `", "unknown value `");
    let text = match text.rsplit_once(", expected ") {
        Some((
            start,
            whole @ ("i8" | "i16" | "i32" | "i64" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize"),
        )) => {
            let least = if whole.starts_with('u') { " of 0 or more" } else { "" };
            // a whole number that is refused all the same is too large, or below 0 where nothing may be
            let most = most_of(whole).filter(|_| start.starts_with("invalid value") && !start.contains("`-"));
            let most = most.map(|most| format!(", at most {most}")).unwrap_or_default();
            format!("{start}, expected a whole number{least}{most}")
        }
        Some((start, "f32" | "f64")) => format!("{start}, expected a number"),
        _ => text,
    };
    format!("{text}.")
}

/// Query parameters, read strictly. No value has control characters: nothing that is looked for
/// has any, and PostgreSQL takes no NUL in a text.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        if let Ok(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            && let Some((name, _)) = pairs.0.iter().find(|(n, v)| n.chars().chain(v.chars()).any(char::is_control))
        {
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            let detail = format!("`{name}` has a control character. Leave it out.");
            return Err(Problem::field("query_invalid", &name, detail));
        }
        axum::extract::Query::<T>::try_from_uri(&parts.uri).map(|q| Query(q.0)).map_err(|e| {
            let text = e.body_text();
            let mut detail = text.rsplit("query string: ").next().unwrap_or(&text).to_owned();
            for (of_the_library, plain) in [
                ("invalid digit found in string", "a whole number is expected"),
                ("cannot parse integer from empty string", "a whole number is expected"),
                ("number too large to fit in target type", "the number is too large"),
                ("number too small to fit in target type", "the number is too small"),
            ] {
                detail = detail.replace(of_the_library, plain);
            }
            let name = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| {
                detail.split_once(start).and_then(|(_, rest)| rest.split_once('`')).map(|(name, _)| name.to_owned())
            });
            let name = name.or_else(|| detail.split_once(':').map(|(name, _)| name.to_owned())).unwrap_or_default();
            let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "query_invalid", detail.clone());
            problem.errors.push(FieldProblem { pointer: name, code: "query_invalid".to_owned(), detail });
            problem
        })
    }
}

/// A path parameter that parses; one that does not is an object that does not exist.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let text = text.map_err(|_| Problem::not_found("object"))?;
        if text.0.chars().any(char::is_control) {
            return Err(Problem::not_found("object"));
        }
        text.0.parse().map(Path).map_err(|_| Problem::not_found("object"))
    }
}

/// The two parameters of a path whose last names an object inside another; unreadable ones name nothing.
pub struct PathWithin<T>(pub String, pub T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for PathWithin<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts = axum::extract::Path::<(String, String)>::from_request_parts(parts, state).await;
        let axum::extract::Path((outer, inner)) = texts.map_err(|_| Problem::not_found("object"))?;
        if outer.chars().chain(inner.chars()).any(char::is_control) {
            return Err(Problem::not_found("object"));
        }
        inner.parse().map(|inner| PathWithin(outer, inner)).map_err(|_| Problem::not_found("object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::units::Amounts;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[expect(dead_code, reason = "only read")]
        resources: Amounts,
    }

    /// Pointer, code and what it says.
    fn fault(body: &str) -> (String, String, String) {
        let problem = parse::<Asked>(body.as_bytes()).expect_err("it is wrong");
        let FieldProblem { pointer, code, detail } = problem.errors.into_iter().next().expect("a field");
        (pointer, code, detail)
    }

    #[test]
    fn a_fault_in_a_map_names_the_member() {
        for (body, pointer, code, says) in [
            (r#"{"resources":{"mem_mib":"x"}}"#, "/resources/mem_mib", "wrong_type", "expected a whole number."),
            (r#"{"resources":{"mem_mib":1.5}}"#, "/resources/mem_mib", "wrong_type", "expected a whole number."),
            (r#"{"resources":{"gpu_mili":1}}"#, "/resources/gpu_mili", "invalid", "unknown value `gpu_mili`"),
            (r#"{"resources":{"cpu_milli":1,"cpu_milli":1}}"#, "/resources/cpu_milli", "duplicate_field", "cpu_milli"),
            (r#"{"resources":[]}"#, "/resources", "wrong_type", "expected a map."),
        ] {
            let (found, found_code, detail) = fault(body);
            assert_eq!((found.as_str(), found_code.as_str()), (pointer, code), "{body}: {detail}");
            assert!(detail.contains(says), "{body}: {detail}");
        }
    }
}
