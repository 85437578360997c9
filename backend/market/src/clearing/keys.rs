//! A JSON document in which no object has a key twice: of two readers one would take the first value and one the
//! last, and both would print the same `input_hash`.
use super::book::Fault;
use super::values::escape;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// The document, and a fault for each key that comes again.
pub(super) fn read(text: &str) -> Result<(Value, Vec<Fault>), serde_json::Error> {
    let faults = RefCell::new(Vec::new());
    let mut from = serde_json::Deserializer::from_str(text);
    let value = At { pointer: String::new(), faults: &faults }.deserialize(&mut from)?;
    from.end()?;
    Ok((value, faults.into_inner()))
}

struct At<'a> {
    pointer: String,
    faults: &'a RefCell<Vec<Fault>>,
}

impl At<'_> {
    fn inside(&self, part: impl fmt::Display) -> At<'_> {
        At { pointer: format!("{}/{part}", self.pointer), faults: self.faults }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        Ok(Number::from_f64(v).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_string<E: Error>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(v) = seq.next_element_seed(self.inside(list.len()))? {
            list.push(v);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let inside = self.inside(escape(&key));
            if object.contains_key(&key) {
                let detail = format!("the key `{key}` is there twice");
                let pointer = inside.pointer.clone();
                self.faults.borrow_mut().push(Fault { pointer, code: "duplicate_key".into(), detail });
            }
            let value = map.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
