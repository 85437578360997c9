//! Patches: merge patches, and strategic merge patches as far as containers need them.
use serde_json::Value;

/// Formats that are known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Merge,
    Strategic,
}

impl Format {
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type {
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }
}

/// Changes a document by a patch: objects are merged, null takes away, and a strategic patch merges lists whose items have
/// names.
pub fn apply(document: &mut Value, patch: &Value, format: Format) {
    match (document, patch) {
        (Value::Object(document), Value::Object(patch)) => {
            for (field, value) in patch {
                if value.is_null() {
                    document.remove(field);
                } else {
                    apply(document.entry(field.clone()).or_insert(Value::Null), value, format);
                }
            }
        }
        (document @ Value::Null, Value::Object(patch)) => {
            *document = Value::Object(Default::default());
            apply(document, &Value::Object(patch.clone()), format);
        }
        (Value::Array(items), Value::Array(changes)) if format == Format::Strategic && all_named(changes) => {
            for change in changes {
                match items.iter_mut().find(|item| item["name"] == change["name"]) {
                    Some(item) => apply(item, change, format),
                    None => items.push(change.clone()),
                }
            }
        }
        (document, patch) => *document = patch.clone(),
    }
}

fn all_named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_are_merged_by_name_in_strategic_patches_only() {
        let document = json!({ "a": 1, "containers": [{ "name": "x", "cpu": 1 }, { "name": "y", "cpu": 2 }] });
        let patch = json!({ "a": null, "b": { "c": null, "d": 1 }, "containers": [{ "name": "y", "cpu": 3 }] });
        let of = |format| {
            let mut document = document.clone();
            apply(&mut document, &patch, format);
            document
        };
        let merged = json!([{ "name": "x", "cpu": 1 }, { "name": "y", "cpu": 3 }]);
        assert_eq!(of(Format::Strategic), json!({ "b": { "d": 1 }, "containers": merged }));
        assert_eq!(of(Format::Merge), json!({ "b": { "d": 1 }, "containers": [{ "name": "y", "cpu": 3 }] }));
    }
}
