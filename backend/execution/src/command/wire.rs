//! What is said to a command and what it answers: one line of JSON each, bytes in base64.
//!
//! | line | answer |
//! |---|---|
//! | `{"start":{"workload":…,"position":…,"state":…,"node_properties":{…}}}` | `{}` once it is ready; `state` is null or what it has saved |
//! | `{"step":{"position":…,"now_micros":…,"cpu_milli":…,"mem_mib":…,"input":…}}` | `{"position":…,"output":…}`, the position that it was asked for |
//! | `{"save":{}}` | `{"state":…}` |
//!
//! `{"error":"…"}` instead of any of them ends the workload as faulty, with that text.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask<'a> {
    Start(Start<'a>),
    Step(Step<'a>),
    Save {},
}

#[derive(Debug, Serialize)]
pub(super) struct Start<'a> {
    pub workload: &'a str,
    /// The first input that it will read.
    pub position: u64,
    #[serde(serialize_with = "optional_base64")]
    pub state: Option<&'a [u8]>,
    /// Not recorded: a command that lets them into its state differs on another kind of node.
    pub node_properties: &'a BTreeMap<String, i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Step<'a> {
    pub position: u64,
    /// When the input was due: a replay sees the same.
    pub now_micros: i64,
    pub cpu_milli: u64,
    /// What it may hold at the end of this step.
    pub mem_mib: u64,
    #[serde(serialize_with = "base64")]
    pub input: &'a [u8],
}

fn base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&BASE64_STANDARD.encode(bytes))
}

fn optional_base64<S: Serializer>(bytes: &Option<&[u8]>, to: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => base64(bytes, to),
        None => to.serialize_none(),
    }
}

/// Longest line that carries so many bytes.
pub(super) const fn line_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4 + 4096
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    position: Option<u64>,
    output: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// The start of what it said, on one line.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(200) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

fn answer(line: &[u8]) -> Result<Answer, String> {
    let answer: Answer = serde_json::from_slice(line)
        .map_err(|error| format!("its answer is not what a command answers ({error}): {}", excerpt(line)))?;
    match answer.error {
        Some(error) => Err(format!("it says: {}", excerpt(error.as_bytes()))),
        None => Ok(answer),
    }
}

fn bytes(field: &str, text: Option<String>, most: usize) -> Result<Vec<u8>, String> {
    let text = text.ok_or_else(|| format!("its answer has no `{field}`"))?;
    let bytes =
        BASE64_STANDARD.decode(text).map_err(|error| format!("`{field}` of its answer is not base64: {error}"))?;
    if bytes.len() > most {
        return Err(format!("`{field}` of its answer has {} bytes, at most {most} are kept", bytes.len()));
    }
    Ok(bytes)
}

pub(super) fn answer_to_start(line: &[u8]) -> Result<(), String> {
    answer(line).map(|_| ())
}

/// Which input it answers is in the answer: one line too many would else be taken for the next one's.
pub(super) fn answer_to_step(line: &[u8], position: u64, most: usize) -> Result<Vec<u8>, String> {
    let answer = answer(line)?;
    if answer.position != Some(position) {
        let other = answer.position.map_or_else(|| "no position".to_owned(), |other| format!("position {other}"));
        return Err(format!("it was asked for input {position} and its answer has {other}"));
    }
    bytes("output", answer.output, most)
}

pub(super) fn answer_to_save(line: &[u8], most: usize) -> Result<Vec<u8>, String> {
    bytes("state", answer(line)?.state, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_documentation_says() {
        let text = |ask: &Ask<'_>| serde_json::to_string(ask).expect("written");
        let properties = BTreeMap::from([("cpu_model_code".to_owned(), 3)]);
        let start = Start { workload: "ins_a", position: 7, state: Some(b"abc"), node_properties: &properties };
        let line =
            r#"{"start":{"workload":"ins_a","position":7,"state":"YWJj","node_properties":{"cpu_model_code":3}}}"#;
        assert_eq!(text(&Ask::Start(start)), line);
        let step = Step { position: 7, now_micros: 5, cpu_milli: 250, mem_mib: 64, input: b"" };
        let line = r#"{"step":{"position":7,"now_micros":5,"cpu_milli":250,"mem_mib":64,"input":""}}"#;
        assert_eq!(text(&Ask::Step(step)), line);
        assert_eq!(text(&Ask::Save {}), r#"{"save":{}}"#);
    }

    #[test]
    fn every_wrong_answer_says_what_is_wrong_with_it() {
        for (line, part) in [
            ("nonsense", "not what a command answers"),
            ("{}", "its answer has no position"),
            (r#"{"position":6,"output":""}"#, "asked for input 7 and its answer has position 6"),
            (r#"{"position":7}"#, "no `output`"),
            (r#"{"position":7,"output":"?"}"#, "not base64"),
            (r#"{"position":7,"output":"YWJjZA=="}"#, "has 4 bytes, at most 3"),
            (r#"{"output":"","error":"no disk"}"#, "it says: no disk"),
            (r#"{"position":7,"output":7}"#, "not what a command answers"),
        ] {
            let said = answer_to_step(line.as_bytes(), 7, 3).expect_err(line);
            assert!(said.contains(part), "{line}: {said}");
        }
        assert_eq!(answer_to_step(br#"{"position":7,"output":"YWJj"}"#, 7, 3), Ok(b"abc".to_vec()));
        assert_eq!(answer_to_save(br#"{"state":""}"#, 3), Ok(Vec::new()));
        assert_eq!(answer_to_start(b"{}"), Ok(()));
        assert_eq!(excerpt("x\n".repeat(300).as_bytes()).chars().count(), 201);
    }
}
