//! Comparing two answers by rules: a pure function, without a float.
use super::decimal::Decimal;
use super::json::{self, Kind, Value};
use super::rules::{BodyRule, Rules};
use hyper::HeaderMap;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// An answer with all of its body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What of two answers is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// The status.
    Status,
    /// The values of a header.
    Header(String),
    /// The body, from this byte on, counted from 0.
    BodyByte(u64),
    /// A value in the body, at this JSON Pointer.
    BodyValue(String),
    /// The copy gave no answer, or none to its end.
    NoAnswer,
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::BodyByte(at) => write!(f, "body at byte {at}"),
            Self::BodyValue(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::BodyValue(pointer) => write!(f, "body at {pointer}"),
            Self::NoAnswer => f.write_str("no answer"),
        }
    }
}

/// One thing that differs, with both values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) differs: Differs,
    pub(crate) original: String,
    pub(crate) copy: String,
}

/// Characters of a value that are shown.
const MOST_SHOWN: usize = 200;
/// Differences that one pair of answers may have; further ones add nothing.
const MOST_FOUND: usize = 8;
/// Bytes shown before the first byte that differs.
const BYTES_BEFORE: usize = 20;
/// What stands for a value that is not there.
const ABSENT: &str = "(absent)";

/// Everything in which the copy's answer differs, at most eight things.
pub(crate) fn compare(original: &Answer, copy: &Answer, rules: &Rules) -> Vec<Found> {
    let mut found = Vec::new();
    if original.status != copy.status {
        let [original, copy] = [original, copy].map(|answer| answer.status.to_string());
        found.push(Found { differs: Differs::Status, original, copy });
    }
    for name in &rules.headers {
        let [here, there] = [original, copy].map(|answer| header(&answer.headers, name));
        if here != there {
            let differs = Differs::Header(name.to_ascii_lowercase());
            found.push(Found { differs, original: shorten(&here), copy: shorten(&there) });
        }
    }
    compare_bodies(&original.body, &copy.body, &rules.body, &mut found);
    found.truncate(MOST_FOUND);
    found
}

/// The first characters of a text, up to what is shown of a value.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some(_) => text.chars().take(MOST_SHOWN - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// All values of a header in their order.
fn header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
    if values.is_empty() { ABSENT.to_owned() } else { values.join(", ") }
}

fn compare_bodies(original: &[u8], copy: &[u8], rule: &BodyRule, found: &mut Vec<Found>) {
    let parts_per_million = match rule {
        BodyRule::Ignore {} => return,
        BodyRule::Exact {} => return compare_bytes(original, copy, found),
        BodyRule::Json { .. } => 0,
        BodyRule::Tolerance { parts_per_million, .. } => *parts_per_million,
    };
    // The same bytes are the same JSON; this spares reading them.
    if original == copy {
        return;
    }
    let read = |body| std::str::from_utf8(body).ok().and_then(json::read);
    let (Some(original_value), Some(copy_value)) = (read(original), read(copy)) else {
        return compare_bytes(original, copy, found);
    };
    let ignored = rule.ignored().iter().map(|pointer| pointer.split('/').skip(1).map(unescape).collect()).collect();
    let mut walk = Walk { parts_per_million, ignored, path: Vec::new(), found };
    walk.compare(Some(&original_value), Some(&copy_value));
}

fn compare_bytes(original: &[u8], copy: &[u8], found: &mut Vec<Found>) {
    if original == copy {
        return;
    }
    let same = original.iter().zip(copy).take_while(|(here, there)| here == there).count();
    let [original, copy] = [original, copy].map(|body| {
        let from = body.get(same.saturating_sub(BYTES_BEFORE)..).unwrap_or_default();
        let part = &from[..from.len().min(MOST_SHOWN * 4)];
        if same >= body.len() {
            shorten(&format!("(ends after {} bytes)", body.len()))
        } else {
            shorten(&String::from_utf8_lossy(part))
        }
    });
    let differs = Differs::BodyByte(u64::try_from(same).unwrap_or(u64::MAX));
    found.push(Found { differs, original, copy });
}

/// A part of a JSON Pointer as the key that it means.
fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Going through two values at once.
struct Walk<'a> {
    parts_per_million: u32,
    ignored: Vec<Vec<String>>,
    path: Vec<String>,
    found: &'a mut Vec<Found>,
}

impl Walk<'_> {
    fn compare(&mut self, original: Option<&Value>, copy: Option<&Value>) {
        if self.found.len() >= MOST_FOUND || self.is_ignored() {
            return;
        }
        let (Some(here), Some(there)) = (original, copy) else {
            return self.note(original, copy);
        };
        match (&here.kind, &there.kind) {
            (Kind::Object(ours), Kind::Object(theirs)) => {
                for key in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
                    self.below(key.clone(), ours.get(key), theirs.get(key));
                }
            }
            (Kind::List(ours), Kind::List(theirs)) => {
                for at in 0..ours.len().max(theirs.len()) {
                    self.below(at.to_string(), ours.get(at), theirs.get(at));
                }
            }
            (Kind::Number, Kind::Number) => {
                let near = match (Decimal::read(here.text), Decimal::read(there.text)) {
                    (Some(ours), Some(theirs)) => theirs.is_near(&ours, self.parts_per_million),
                    _ => false,
                };
                if !near {
                    self.note(original, copy);
                }
            }
            (Kind::Text(ours), Kind::Text(theirs)) if ours == theirs => {}
            (Kind::Word, Kind::Word) if here.text == there.text => {}
            _ => self.note(original, copy),
        }
    }

    fn below(&mut self, key: String, original: Option<&Value>, copy: Option<&Value>) {
        self.path.push(key);
        self.compare(original, copy);
        self.path.pop();
    }

    fn is_ignored(&self) -> bool {
        let matches = |pattern: &Vec<String>| {
            pattern.len() == self.path.len() && pattern.iter().zip(&self.path).all(|(p, key)| p == "*" || p == key)
        };
        self.ignored.iter().any(matches)
    }

    fn note(&mut self, original: Option<&Value>, copy: Option<&Value>) {
        let pointer = self.path.iter().map(|key| format!("/{}", escape(key))).collect();
        let [original, copy] = [original, copy].map(|value| shorten(value.map_or(ABSENT, |v| v.text)));
        self.found.push(Found { differs: Differs::BodyValue(pointer), original, copy });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{CONTENT_TYPE, HeaderValue};

    fn answer(body: &str) -> Answer {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Answer { status: 200, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn differing(original: &str, copy: &str, body: BodyRule) -> Vec<String> {
        let rules = Rules { body, ..Rules::default() };
        compare(&answer(original), &answer(copy), &rules).iter().map(|f| f.differs.to_string()).collect()
    }

    fn json(ignore: &[&str]) -> BodyRule {
        BodyRule::Json { ignore: ignore.iter().map(|&p| p.to_owned()).collect() }
    }

    #[test]
    fn the_same_answer_has_no_difference_by_any_rule() {
        let rules = [
            BodyRule::Exact {},
            json(&[]),
            BodyRule::Tolerance { parts_per_million: 1, ignore: vec![] },
            BodyRule::Ignore {},
        ];
        for rule in rules {
            assert_eq!(differing(r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#, rule), Vec::<String>::new());
        }
    }

    #[test]
    fn status_and_headers_of_the_rules_are_compared() {
        let mut copy = answer("");
        copy.status = 503;
        copy.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        copy.headers.insert("server", HeaderValue::from_static("another"));
        let found = compare(&answer(""), &copy, &Rules::default());
        let found: Vec<_> = found.iter().map(|f| (f.differs.to_string(), &*f.original, &*f.copy)).collect();
        let types = ("header content-type".to_owned(), "application/json", "text/html");
        assert_eq!(found, [("status".to_owned(), "200", "503"), types]);
        copy.headers.remove(CONTENT_TYPE);
        assert_eq!(compare(&answer(""), &copy, &Rules::default())[1].copy, ABSENT);
    }

    #[test]
    fn bytes_that_differ_are_found_at_their_place() {
        assert_eq!(differing("abcdef", "abcxef", BodyRule::Exact {}), ["body at byte 3"]);
        assert_eq!(differing("abc", "abcd", BodyRule::Exact {}), ["body at byte 3"]);
        assert_eq!(differing("", "a", BodyRule::Exact {}), ["body at byte 0"]);
        let found = compare(&answer("abc"), &answer("abcd"), &Rules::default());
        assert_eq!([&*found[0].original, &*found[0].copy], ["(ends after 3 bytes)", "abcd"]);
    }

    #[test]
    fn json_in_another_order_is_the_same_by_the_json_rule() {
        let [one, other] = [r#"{"a": 1, "b": [1.0, null]}"#, r#"{"b":[1,null],"a":1}"#];
        assert_eq!(differing(one, other, json(&[])), Vec::<String>::new());
        assert_eq!(differing(one, other, BodyRule::Exact {}), ["body at byte 2"]);
        assert_eq!(differing("[1,2]", "[2,1]", json(&[])), ["body at /0", "body at /1"]);
    }

    #[test]
    fn json_values_that_differ_are_found_by_pointer() {
        let [one, other] = [r#"{"a":{"b/c":1},"d":[1,2],"e":"1"}"#, r#"{"a":{"b/c":2},"d":[1],"e":1,"f":null}"#];
        let found = differing(one, other, json(&[]));
        assert_eq!(found, ["body at /a/b~1c", "body at /d/1", "body at /e", "body at /f"]);
        assert_eq!(differing("1", "2", json(&[])), ["body"]);
    }

    #[test]
    fn ignored_pointers_are_not_compared_and_others_are() {
        let [one, other] = [r#"{"t":1,"items":[{"t":1,"n":1}]}"#, r#"{"t":2,"items":[{"t":2,"n":2}]}"#];
        assert_eq!(differing(one, other, json(&["/t", "/items/*/t"])), ["body at /items/0/n"]);
        assert_eq!(differing(one, other, json(&["/items"])), ["body at /t"]);
        assert_eq!(differing(one, other, json(&[""])), Vec::<String>::new());
        assert_eq!(differing(r#"{"t":1}"#, "{}", json(&["/t"])), Vec::<String>::new());
    }

    #[test]
    fn numbers_within_the_tolerance_are_the_same() {
        let tolerance = |parts_per_million| BodyRule::Tolerance { parts_per_million, ignore: vec![] };
        let [one, other] = [r#"{"a":100.0,"b":"x"}"#, r#"{"a":100.1,"b":"x"}"#];
        assert_eq!(differing(one, other, tolerance(1_000)), Vec::<String>::new());
        assert_eq!(differing(one, other, tolerance(999)), ["body at /a"]);
        assert_eq!(differing(r#"{"a":"100.0"}"#, r#"{"a":"100.1"}"#, tolerance(1_000)), ["body at /a"]);
    }

    #[test]
    fn what_is_not_json_is_compared_by_bytes() {
        assert_eq!(differing("<a>", "<b>", json(&[])), ["body at byte 1"]);
        assert_eq!(differing("[1]", "[1", json(&[])), ["body at byte 2"]);
    }

    #[test]
    fn values_are_shortened_to_what_is_shown() {
        let found = compare(&answer(&"é".repeat(500)), &answer(""), &Rules::default());
        assert_eq!(found[0].original.chars().count(), MOST_SHOWN);
        assert_eq!(shorten(&"é".repeat(200)), "é".repeat(200));
    }

    #[test]
    fn one_pair_has_eight_differences_at_most() {
        let list = |from: u32| format!("{:?}", (from..from + 100).collect::<Vec<_>>());
        assert_eq!(differing(&list(0), &list(1), json(&[])).len(), MOST_FOUND);
    }
}
