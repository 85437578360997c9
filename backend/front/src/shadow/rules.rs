//! What a shadow run may be sent, what counts as the same answer, and when the verdict is due.
//!
//! Absent on purpose: numbers with a fraction. Shares are per cent or parts per million.
use super::allow;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method, Uri};
use serde::{Deserialize, Serialize};

/// Rules of one shadow run. JSON has the same field names; what it leaves out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Methods that are mirrored, in capitals. Default: `GET`, `HEAD`, `OPTIONS`.
    pub methods: Vec<String>,
    /// Paths that are mirrored, with all paths below them. Default: `/`, which is every path.
    pub paths: Vec<String>,
    /// Beginnings of paths that are held back, in any case of letters; they win over `paths`. Default: none.
    pub held_paths: Vec<String>,
    /// Names of headers whose values have to be the same. Default: `content-type`.
    pub headers: Vec<String>,
    /// What counts as the same body. Default: the same bytes.
    pub body: BodyRule,
    /// The copy's 95th percentile may be this many per cent of the original's, plus the allowance. Default: 125.
    pub latency_percent: u32,
    /// Milliseconds that the copy may take beyond `latency_percent`. Default: 250.
    pub latency_allowance_millis: u64,
    /// Milliseconds after which a request to the copy counts as not answered. Default: 10,000.
    pub answer_timeout_millis: u64,
    /// Requests that have to be compared before there is a verdict; 1 or more. Default: 100.
    pub min_compared: u64,
    /// Requests that may be answered differently. Default: 0.
    pub max_differences: u64,
    /// Differences that the report keeps with both values; all are counted. Default: 50.
    pub max_logged: usize,
    /// Paths, with their queries, that the front itself asks for by GET, in turn, once clients have had three seconds to send
    /// `min_compared` requests. The other rules must let them be mirrored. Default: none.
    pub probes: Vec<String>,
}

/// What counts as the same body. In JSON an object with `rule` in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum BodyRule {
    /// The same bytes.
    Exact {},
    /// The same JSON: the order of keys and white space do not count, and 1.0 is 1. Answers with gzip or deflate are read
    /// without it. What is not JSON is compared by bytes.
    Json {
        /// JSON Pointers of values that are not compared, with all below them; `*` stands for every key or index.
        #[serde(default)]
        ignore: Vec<String>,
    },
    /// As `json`, and numbers may differ from the original's by a share of it.
    Tolerance {
        /// The share, in parts per million of the original's number; less than 1,000,000.
        parts_per_million: u32,
        /// As in `json`.
        #[serde(default)]
        ignore: Vec<String>,
    },
    /// Bodies are not compared.
    Ignore {},
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            methods: ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec(),
            paths: vec!["/".to_owned()],
            held_paths: Vec::new(),
            headers: vec!["content-type".to_owned()],
            body: BodyRule::Exact {},
            latency_percent: 125,
            latency_allowance_millis: 250,
            answer_timeout_millis: 10_000,
            min_compared: 100,
            max_differences: 0,
            max_logged: 50,
            probes: Vec::new(),
        }
    }
}

/// A rule that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// `methods` has something that is no method in capitals.
    #[error("methods: {0:?} is no method; write it in capitals, such as GET")]
    Method(String),
    /// `paths` or `held_paths` has something that does not begin with a slash.
    #[error("{field}: {path:?} is no path; begin it with a slash")]
    Path {
        /// The field that has it.
        field: &'static str,
        /// What it has.
        path: String,
    },
    /// `probes` has something that is no path, or that the other rules hold back.
    #[error("probes: {0:?} is no path that the rules let through by GET")]
    Probe(String),
    /// `headers` has something that is no name of a header.
    #[error("headers: {0:?} is no name of a header")]
    Header(String),
    /// `ignore` has something that is no JSON Pointer.
    #[error("body: {0:?} is no JSON Pointer; begin it with a slash")]
    Pointer(String),
    /// A tolerance of everything or more.
    #[error("body: {0} parts per million is not less than 1,000,000")]
    Tolerance(u32),
    /// A number that has to be at least 1 is 0.
    #[error("{0}: 0 is too little; take 1 or more")]
    Zero(&'static str),
    /// A number is too large.
    #[error("{0}: take {1} or less")]
    Most(&'static str, u64),
}

impl Rules {
    /// Looks for rules that mean nothing.
    ///
    /// # Errors
    /// The first fault, in the order of the fields.
    pub fn check(&self) -> Result<(), RuleFault> {
        if let Some(method) = self.methods.iter().find(|m| !is_method(m)) {
            return Err(RuleFault::Method(method.clone()));
        }
        for (field, paths) in [("paths", &self.paths), ("held_paths", &self.held_paths)] {
            if let Some(path) = paths.iter().find(|p| !p.starts_with('/')) {
                return Err(RuleFault::Path { field, path: path.clone() });
            }
        }
        if let Some(name) = self.headers.iter().find(|h| HeaderName::from_bytes(h.as_bytes()).is_err()) {
            return Err(RuleFault::Header(name.clone()));
        }
        if let Some(pointer) = self.body.ignored().iter().find(|p| !p.is_empty() && !p.starts_with('/')) {
            return Err(RuleFault::Pointer(pointer.clone()));
        }
        if let Some(probe) = self.probes.iter().find(|probe| !self.lets_through(probe)) {
            return Err(RuleFault::Probe(probe.clone()));
        }
        match self.body {
            BodyRule::Tolerance { parts_per_million: share @ 1_000_000.., .. } => Err(RuleFault::Tolerance(share)),
            _ if self.latency_percent == 0 => Err(RuleFault::Zero("latency_percent")),
            _ if self.answer_timeout_millis == 0 => Err(RuleFault::Zero("answer_timeout_millis")),
            _ if self.min_compared == 0 => Err(RuleFault::Zero("min_compared")),
            _ => Ok(()),
        }
    }

    /// Whether a GET of this path, with its query, is mirrored.
    #[must_use]
    pub fn lets_through(&self, path: &str) -> bool {
        let is_allowed = |uri: Uri| {
            let allowed = allow::may_be_mirrored(self, &Method::GET, uri.path(), uri.query(), &HeaderMap::new());
            uri.scheme().is_none() && allowed.is_ok()
        };
        path.starts_with('/') && path.parse().is_ok_and(is_allowed)
    }
}

impl BodyRule {
    /// Pointers of what is not compared.
    pub(crate) fn ignored(&self) -> &[String] {
        match self {
            Self::Json { ignore } | Self::Tolerance { ignore, .. } => ignore,
            Self::Exact {} | Self::Ignore {} => &[],
        }
    }

    /// Whether bodies are read as JSON.
    pub(crate) fn reads_json(&self) -> bool {
        matches!(self, Self::Json { .. } | Self::Tolerance { .. })
    }
}

fn is_method(text: &str) -> bool {
    Method::from_bytes(text.as_bytes()).is_ok() && !text.bytes().any(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_with_an_unknown_field_are_refused() {
        assert!(serde_json::from_str::<Rules>(r#"{"min_compared": 5}"#).is_ok());
        assert!(serde_json::from_str::<Rules>(r#"{"min_compares": 5}"#).is_err());
        assert!(serde_json::from_str::<Rules>(r#"{"body": {"rule": "exact"}}"#).is_ok());
        assert!(serde_json::from_str::<Rules>(r#"{"body": {"rule": "exact", "ignore": []}}"#).is_err());
        assert!(serde_json::from_str::<Rules>(r#"{"body": {"rule": "tolerance", "parts_per_million": 0.5}}"#).is_err());
    }

    #[test]
    fn rules_written_and_read_again_are_the_same() -> anyhow::Result<()> {
        let body = BodyRule::Tolerance { parts_per_million: 10, ignore: vec!["/time".to_owned()] };
        let rules = Rules { body, held_paths: vec!["/logout".to_owned()], ..Rules::default() };
        assert_eq!(serde_json::from_str::<Rules>(&serde_json::to_string(&rules)?)?, rules);
        Ok(())
    }

    #[test]
    fn rules_that_mean_nothing_are_named() {
        let fault = |change: fn(&mut Rules)| {
            let mut rules = Rules::default();
            change(&mut rules);
            rules.check().err()
        };
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|r| r.methods.push("get".into())), Some(RuleFault::Method("get".into())));
        let path = RuleFault::Path { field: "held_paths", path: "logout".into() };
        assert_eq!(fault(|r| r.held_paths.push("logout".into())), Some(path));
        assert_eq!(fault(|r| r.headers.push("a b".into())), Some(RuleFault::Header("a b".into())));
        let pointer = |r: &mut Rules| r.body = BodyRule::Json { ignore: vec!["time".into()] };
        assert_eq!(fault(pointer), Some(RuleFault::Pointer("time".into())));
        let all = |r: &mut Rules| r.body = BodyRule::Tolerance { parts_per_million: 1_000_000, ignore: vec![] };
        assert_eq!(fault(all), Some(RuleFault::Tolerance(1_000_000)));
        assert_eq!(fault(|r| r.min_compared = 0), Some(RuleFault::Zero("min_compared")));
        assert_eq!(fault(|r| r.probes.push("/a?b=1".into())), None);
        for probe in ["", "a", "/a b", "http://a/b", "/a?_method=PUT"] {
            let mut rules = Rules::default();
            rules.probes.push(probe.into());
            assert_eq!(rules.check().err(), Some(RuleFault::Probe(probe.into())), "{probe}");
        }
        let held = |r: &mut Rules| (r.held_paths, r.probes) = (vec!["/a".into()], vec!["/ab".into()]);
        assert_eq!(fault(held), Some(RuleFault::Probe("/ab".into())));
        let by_post = |r: &mut Rules| (r.methods, r.probes) = (vec!["POST".into()], vec!["/a".into()]);
        assert_eq!(fault(by_post), Some(RuleFault::Probe("/a".into())));
    }
}
