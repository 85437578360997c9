//! What the derived OpenAPI document can't say by itself.
use crate::http::problem::ProblemDocument;
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, AllOf, ArrayItems, Object};
use utoipa::openapi::{OpenApi, RefOr, Schema};

/// How a body may be refused before the operation reads it.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "names the responses in the OpenAPI document; never built")]
enum OfBodies {
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(ProblemDocument),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemDocument),
}

/// How a body may be refused that is to be JSON.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "names the responses in the OpenAPI document; never built")]
enum OfJson {
    /// The body is not sent as application/json, or with a coding.
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(ProblemDocument),
}

/// Puts what a body may be answered with into each operation that has one.
pub fn add_answers_to_bodies(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let Some(RefOr::T(body)) = &operation.request_body else { continue };
        let of_json = body.content.contains_key("application/json").then(OfJson::responses);
        let answers = OfBodies::responses().into_iter().chain(of_json.into_iter().flatten());
        operation.responses.responses.extend(answers);
    }
}

pub fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// A type inside another one is derived as `allOf` of both. Where one of the two is closed, because nothing else may be
/// sent in it, no value fits both: they become one object with all their fields.
pub fn join_closed(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    let known = components.schemas.clone();
    components.schemas.values_mut().for_each(|schema| join(schema, &known));
}

fn join(schema: &mut RefOr<Schema>, known: &Schemas) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => object.properties.values_mut().for_each(|field| join(field, known)),
        Schema::OneOf(one) => one.items.iter_mut().for_each(|way| join(way, known)),
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                join(items, known);
            }
        }
        Schema::AllOf(all) => {
            if let Some(whole) = joined(all, known) {
                *schema = Schema::Object(whole);
            }
        }
        _ => {}
    }
}

fn is_closed(object: &Object) -> bool {
    matches!(object.additional_properties.as_deref(), Some(AdditionalProperties::FreeForm(false)))
}

/// Its parts, where all are objects.
fn parts<'a>(all: &'a AllOf, known: &'a Schemas) -> Option<Vec<&'a Object>> {
    let part = |part: &'a RefOr<Schema>| {
        let named = match part {
            RefOr::Ref(name) => known.get(name.ref_location.rsplit('/').next()?)?,
            RefOr::T(_) => part,
        };
        match named {
            RefOr::T(Schema::Object(object)) => Some(object),
            _ => None,
        }
    };
    all.items.iter().map(part).collect()
}

fn joined(all: &AllOf, known: &Schemas) -> Option<Object> {
    let parts = parts(all, known)?;
    if !parts.iter().any(|part| is_closed(part)) {
        return None;
    }
    let mut whole = Object::new();
    whole.description = all.description.clone();
    for part in parts {
        whole.properties.extend(part.properties.clone());
        whole.required.extend(part.required.clone());
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// Each `allOf` with where it is.
    fn all_of<'a>(value: &'a Value, at: &str, found: &mut Vec<(String, &'a Vec<Value>)>) {
        if let Value::Array(parts) = &value["allOf"] {
            found.push((at.to_owned(), parts));
        }
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, v)| all_of(v, &format!("{at}/{name}"), found)),
            Value::Array(items) => items.iter().enumerate().for_each(|(n, v)| all_of(v, &format!("{at}/{n}"), found)),
            _ => {}
        }
    }

    #[test]
    fn no_schema_is_of_parts_that_exclude_each_other() {
        let document = serde_json::to_value(crate::http::openapi()).expect("JSON");
        let mut found = Vec::new();
        all_of(&document, "", &mut found);
        assert!(!found.is_empty(), "types are inside one another");
        for (at, parts) in found {
            for part in parts {
                let named = part["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
                assert_ne!(named.unwrap_or(part)["additionalProperties"], Value::Bool(false), "{at}");
            }
        }
        let order = &document["components"]["schemas"]["Order"];
        for field in ["window", "status"] {
            assert!(order["properties"][field].is_object(), "an order has a {field}: {order}");
        }
    }

    #[test]
    fn operations_with_a_body_name_how_it_is_refused() {
        let document = serde_json::to_value(crate::http::openapi()).expect("JSON");
        for (path, item) in document["paths"].as_object().expect("paths") {
            for operation in item.as_object().expect("operations").values() {
                let body = &operation["requestBody"]["content"];
                let is_json = body["application/json"].is_object();
                for (status, expected) in [("408", body.is_object()), ("413", body.is_object()), ("415", is_json)] {
                    assert_eq!(operation["responses"][status].is_object(), expected, "{path}: {status}");
                }
            }
        }
    }
}
