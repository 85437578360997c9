//! Bodies of requests as examples: `openapi/examples/` has one for each operation that takes JSON.
use crate::http::shapes::operations;
use rust_embed::RustEmbed;
use utoipa::openapi::{OpenApi, RefOr};

#[derive(RustEmbed)]
#[folder = "../../openapi/examples/"]
struct Examples;

/// Puts each example into the operation that its file is named after.
pub fn add(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let example = operation.operation_id.as_ref().and_then(|id| Examples::get(&format!("{id}.json")));
        let body = match &mut operation.request_body {
            Some(RefOr::T(body)) => body.content.get_mut("application/json"),
            _ => None,
        };
        if let (Some(example), Some(RefOr::T(body))) = (example, body) {
            body.example = serde_json::from_slice(&example.data).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// What is wrong with an example by its schema: fields that are not known or missing, and values that are none of those
    /// that there are.
    fn faults(document: &Value, schema: &Value, example: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let named = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
            return faults(document, named, example, at, found);
        }
        for all in schema["allOf"].as_array().into_iter().flatten() {
            faults(document, all, example, at, found);
        }
        if let Some(ways) = schema["oneOf"].as_array() {
            let fits = |way: &&Value| {
                let mut wrong = Vec::new();
                faults(document, way, example, at, &mut wrong);
                wrong.is_empty() && (way["type"] != "null" || example.is_null())
            };
            if !ways.iter().any(|way| fits(&way)) {
                found.push(format!("{at}: fits none of the alternatives"));
            }
        }
        if schema["enum"].as_array().is_some_and(|known| !known.contains(example)) {
            found.push(format!("{at}: {example} is not among the values"));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let is = match example {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let fits = types.contains(&is) || is == "integer" && types.contains(&"number");
        if !types.is_empty() && !fits {
            found.push(format!("{at}: {is} where {types:?} is asked for"));
        }
        for (n, item) in example.as_array().into_iter().flatten().enumerate() {
            faults(document, &schema["items"], item, &format!("{at}/{n}"), found);
        }
        let Some(fields) = example.as_object() else { return };
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(required) {
                found.push(format!("{at}: {required} is missing"));
            }
        }
        for (name, value) in fields {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Object(of_each)) => {
                    faults(document, &Value::Object(of_each.clone()), value, &format!("{at}/{name}"), found);
                }
                (Value::Null, _) if schema["properties"].is_object() => found.push(format!("{at}: {name} is unknown")),
                (known, _) => faults(document, known, value, &format!("{at}/{name}"), found),
            }
        }
    }

    #[test]
    fn every_body_has_an_example_that_fits_its_schema() {
        let document = serde_json::to_value(crate::http::openapi()).expect("JSON");
        let (mut found, mut of_operations) = (Vec::new(), BTreeSet::new());
        for item in document["paths"].as_object().expect("paths").values() {
            for operation in item.as_object().expect("operations").values() {
                let body = &operation["requestBody"]["content"]["application/json"];
                let Some(id) = operation["operationId"].as_str().filter(|_| body.is_object()) else { continue };
                of_operations.insert(format!("{id}.json"));
                match &body["example"] {
                    Value::Null => found.push(format!("{id} has no example")),
                    example => faults(&document, &body["schema"], example, id, &mut found),
                }
            }
        }
        assert!(of_operations.len() > 30, "{of_operations:?}");
        found.extend(
            Examples::iter()
                .filter(|name| !of_operations.contains(&**name))
                .map(|name| format!("{name} is of nothing")),
        );
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
