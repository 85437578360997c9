//! The values of a book document: every fault is told with the pointer to it.
use super::book::*;
use super::rational::{parse_decimal, parse_exact};
use serde_json::{Map, Value};

/// Walks a document and collects what is wrong with it.
pub(super) struct Walk {
    pub faults: Vec<Fault>,
}

/// Stands for a slot that can't be read, so that its product is no other one.
pub(super) const UNREAD_SLOT: i64 = i64::MAX;

pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl Walk {
    pub(super) fn fault(&mut self, at: &str, code: &str, detail: impl Into<String>) {
        self.faults.push(Fault { pointer: at.into(), code: code.into(), detail: detail.into() });
    }

    pub(super) fn object<'a>(
        &mut self,
        at: &str,
        v: &'a Value,
        known: &[&str],
        due: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(o) = v.as_object() else {
            self.fault(at, "not_an_object", format!("expected an object, found {}", kind(v)));
            return None;
        };
        for key in o.keys() {
            if !known.contains(&key.as_str()) {
                let detail = format!("unknown key `{key}`; known here: {}", known.join(", "));
                self.fault(&format!("{at}/{}", escape(key)), "unknown_key", detail);
            }
        }
        for key in due {
            if o.get(*key).is_none_or(Value::is_null) {
                self.fault(&format!("{at}/{key}"), "missing", format!("`{key}` has to be given"));
            }
        }
        Some(o)
    }

    pub(super) fn list<T>(
        &mut self,
        at: &str,
        v: Option<&Value>,
        mut each: impl FnMut(&mut Walk, &str, &Value) -> Option<T>,
        empty: impl Fn() -> T,
    ) -> Vec<T> {
        match v {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(a)) => {
                a.iter().enumerate().map(|(i, v)| each(self, &format!("{at}/{i}"), v).unwrap_or_else(&empty)).collect()
            }
            Some(v) => {
                self.fault(at, "not_an_array", format!("expected an array, found {}", kind(v)));
                Vec::new()
            }
        }
    }

    pub(super) fn text(&mut self, at: &str, v: Option<&Value>) -> Option<String> {
        match v {
            None | Some(Value::Null) => None,
            Some(Value::String(s)) => Some(s.clone()),
            Some(v) => {
                self.fault(at, "not_a_string", format!("expected a string, found {}", kind(v)));
                None
            }
        }
    }

    pub(super) fn integer(&mut self, at: &str, v: Option<&Value>) -> Option<i64> {
        match v {
            None | Some(Value::Null) => None,
            Some(Value::Number(n)) if n.is_i64() => n.as_i64(),
            Some(Value::Number(n)) if n.is_u64() => {
                self.fault(at, "overflow", format!("{n} is above the greatest integer, {}", i64::MAX));
                None
            }
            Some(v) => {
                self.fault(at, "not_an_integer", format!("expected an integer, found {}", kind(v)));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, at: &str, v: Option<&Value>) -> bool {
        match v {
            None | Some(Value::Null) => false,
            Some(Value::Bool(b)) => *b,
            Some(v) => {
                self.fault(at, "not_a_boolean", format!("expected true or false, found {}", kind(v)));
                false
            }
        }
    }

    pub(super) fn money(&mut self, at: &str, v: Option<&Value>) -> Option<Money> {
        let text = match v {
            None | Some(Value::Null) => return None,
            Some(Value::String(s)) => s,
            Some(v) => {
                self.fault(
                    at,
                    "not_a_decimal",
                    format!("money is a decimal string such as \"1.250000\", found {}", kind(v)),
                );
                return None;
            }
        };
        match parse_decimal(text, 6).map(i64::try_from) {
            Some(Ok(n)) => Some(Money(n)),
            Some(Err(_)) => {
                self.fault(at, "overflow", format!("{text} is more than {} credits", i64::MAX / 1_000_000));
                None
            }
            None => {
                self.fault(
                    at,
                    "not_a_decimal",
                    format!("`{text}` is not a decimal with up to 6 digits after the point"),
                );
                None
            }
        }
    }

    pub(super) fn fraction(&mut self, at: &str, v: Option<&Value>) -> Option<Fraction> {
        match v {
            None | Some(Value::Null) => None,
            Some(Value::String(s)) => match parse_exact(s) {
                Some(r) => Some(Fraction(r)),
                None => {
                    self.fault(at, "not_a_decimal", format!("`{s}` is not a decimal"));
                    None
                }
            },
            Some(v) => {
                self.fault(
                    at,
                    "not_a_decimal",
                    format!("expected a decimal string such as \"0.5\", found {}", kind(v)),
                );
                None
            }
        }
    }

    pub(super) fn key(&mut self, at: &str, v: Option<&Value>) -> Option<ProductKey> {
        let row = match v {
            None | Some(Value::Null) => return None,
            Some(Value::Array(a)) if a.len() == 3 => a,
            Some(_) => {
                self.fault(at, "not_a_product", "a product is [pool, resource, slot]");
                return None;
            }
        };
        let pool = self.text(&format!("{at}/0"), row.first());
        let resource = self.text(&format!("{at}/1"), row.get(1));
        let slot = self.integer(&format!("{at}/2"), row.get(2));
        // what can't be read is told; the rest is looked at all the same
        Some(ProductKey {
            pool: pool.unwrap_or_default(),
            resource: resource.unwrap_or_default(),
            slot: slot.unwrap_or(UNREAD_SLOT),
        })
    }

    pub(super) fn quantity(&mut self, at: &str, v: &Value) -> Option<Quantity> {
        let Some(row) = v.as_array().filter(|a| a.len() == 4) else {
            self.fault(at, "not_a_quantity", "a quantity is [pool, resource, slot, quantity]");
            return None;
        };
        let product = self.key(at, Some(&Value::Array(row[..3].to_vec())));
        let quantity = self.integer(&format!("{at}/3"), row.get(3));
        if quantity.is_none() && row[3].is_null() {
            self.fault(&format!("{at}/3"), "not_an_integer", "expected an integer, found null");
        }
        Some(Quantity { product: product?, quantity: quantity.unwrap_or_default() })
    }

    pub(super) fn quantities(&mut self, at: &str, v: Option<&Value>) -> Vec<Quantity> {
        let nothing =
            || Quantity { product: ProductKey { pool: String::new(), resource: String::new(), slot: 0 }, quantity: 0 };
        self.list(at, v, |w, at, v| w.quantity(at, v), nothing)
    }
}

pub(super) fn kind(v: &Value) -> &'static str {
    match v {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        // what is beyond 64 bits is read as one, too
        Value::Number(n) if n.is_f64() => "a number with a fraction, or beyond 2^64",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
