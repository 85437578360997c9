//! Comparing a shadow run with the live run: pure functions over recorded positions.
//!
//! Both runs read the same inputs, so what they produced at the same position must be the
//! same unless the target differs in a way that matters. Rules say what counts as the same.
//!
//! Invariants: only positions that both runs have recorded are compared; every difference is
//! counted, the first ones are kept with both values; merging comparisons of consecutive
//! stretches equals comparing the whole; bounds hold exactly, with no rounding between a word
//! and the verdict on it. Absent: running anything, time, I/O, and floating point here too.
mod number;

use crate::records::workload::{Comparison as Wanted, ComparisonRules};
use number::Number;
pub use number::{Bound, NotABound};
use serde::{Deserialize, Serialize};

/// What one run produced at one input position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionRecord {
    pub position: u64,
    pub output: Vec<u8>,
    /// Hash of the state after the position, where it was taken.
    pub state: Option<String>,
    /// From due to done.
    pub latency_micros: u64,
}

/// What counts as the same for an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rules {
    /// Outputs byte by byte and the state by hash, except for the fields to ignore: `state`,
    /// `output.length`, or `output.N` for the N-th 8-byte word.
    Exact {
        #[serde(default)]
        ignore: Vec<String>,
    },
    /// Output words are little-endian IEEE 754 doubles; they may differ by
    /// `absolute + relative × |live|`. What is not finite is the same only as its own kind.
    /// The state is not compared: numbers that differ make its hash differ.
    Tolerance {
        absolute: Bound,
        relative: Bound,
        #[serde(default)]
        ignore: Vec<String>,
    },
    /// Content is free; the shadow's mean latency may exceed the live run's by this much.
    PerformanceOnly { slower_percent: u32, slack_micros: u64 },
}

impl Default for Rules {
    fn default() -> Self {
        Self::Exact { ignore: Vec::new() }
    }
}

impl Rules {
    /// Where the content is free: a quarter slower, and a quarter of a second for what the target's other guests take, is
    /// as fast.
    pub const AS_FAST: Rules = Rules::PerformanceOnly { slower_percent: 25, slack_micros: 250_000 };

    /// What a workload's owner wants compared.
    pub fn of(wanted: &ComparisonRules) -> Rules {
        match wanted.outputs {
            Wanted::PerformanceOnly => Rules::AS_FAST,
            Wanted::Exact if wanted.state_hash => Rules::default(),
            Wanted::Exact => Rules::Exact { ignore: vec!["state".to_owned()] },
        }
    }
}

/// One thing that was not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub position: u64,
    pub field: String,
    pub live: String,
    pub shadow: String,
}

/// The result of comparing; grows as positions come in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    pub positions_compared: u64,
    pub states_compared: u64,
    pub first_position: Option<u64>,
    pub last_position: Option<u64>,
    pub differences: Vec<Difference>,
    pub differences_total: u64,
    pub live_latency_sum_micros: u64,
    pub shadow_latency_sum_micros: u64,
    pub live_latency_max_micros: u64,
    pub shadow_latency_max_micros: u64,
    /// Set under [`Rules::PerformanceOnly`] when the shadow is too slow.
    pub too_slow: bool,
}

/// What to do with the shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not enough compared yet.
    Running,
    Pass,
    Fail,
    /// The deadline came before enough was compared; the policy treats it as a failure.
    Inconclusive,
}

impl Comparison {
    /// The verdict once at least `minimum` positions are compared.
    pub fn verdict(&self, minimum: u64, deadline_passed: bool) -> Verdict {
        if self.differences_total > 0 {
            Verdict::Fail
        } else if self.positions_compared >= minimum.max(1) {
            if self.too_slow { Verdict::Fail } else { Verdict::Pass }
        } else if deadline_passed {
            Verdict::Inconclusive
        } else {
            Verdict::Running
        }
    }

    /// Appends a later stretch of the same run, keeping at most `keep` differences.
    pub fn merge(&mut self, later: Comparison, rules: &Rules, keep: usize) {
        self.positions_compared += later.positions_compared;
        self.states_compared += later.states_compared;
        self.first_position = self.first_position.or(later.first_position);
        self.last_position = later.last_position.or(self.last_position);
        self.differences_total += later.differences_total;
        let room = keep.saturating_sub(self.differences.len());
        self.differences.extend(later.differences.into_iter().take(room));
        self.live_latency_sum_micros += later.live_latency_sum_micros;
        self.shadow_latency_sum_micros += later.shadow_latency_sum_micros;
        self.live_latency_max_micros = self.live_latency_max_micros.max(later.live_latency_max_micros);
        self.shadow_latency_max_micros = self.shadow_latency_max_micros.max(later.shadow_latency_max_micros);
        self.too_slow = too_slow(self, rules);
    }
}

/// Compares two recordings, both in rising position.
pub fn compare(live: &[PositionRecord], shadow: &[PositionRecord], rules: &Rules, keep: usize) -> Comparison {
    let mut result = Comparison::default();
    let mut shadows = shadow.iter().peekable();
    for l in live {
        while shadows.next_if(|s| s.position < l.position).is_some() {}
        let Some(s) = shadows.next_if(|s| s.position == l.position) else {
            continue;
        };
        result.positions_compared += 1;
        result.first_position.get_or_insert(l.position);
        result.last_position = Some(l.position);
        result.live_latency_sum_micros += l.latency_micros;
        result.shadow_latency_sum_micros += s.latency_micros;
        result.live_latency_max_micros = result.live_latency_max_micros.max(l.latency_micros);
        result.shadow_latency_max_micros = result.shadow_latency_max_micros.max(s.latency_micros);
        compare_position(l, s, rules, keep, &mut result);
    }
    result.too_slow = too_slow(&result, rules);
    result
}

fn too_slow(c: &Comparison, rules: &Rules) -> bool {
    let Rules::PerformanceOnly { slower_percent, slack_micros } = rules else {
        return false;
    };
    let allowed = u128::from(c.live_latency_sum_micros) * (100 + u128::from(*slower_percent)) / 100
        + u128::from(*slack_micros) * u128::from(c.positions_compared);
    u128::from(c.shadow_latency_sum_micros) > allowed
}

/// Adds the differences at one position, and whether the states were compared.
fn compare_position(
    live: &PositionRecord,
    shadow: &PositionRecord,
    rules: &Rules,
    keep: usize,
    result: &mut Comparison,
) {
    let (ignore, tolerance) = match rules {
        Rules::Exact { ignore } => (ignore, None),
        Rules::Tolerance { absolute, relative, ignore } => (ignore, Some((absolute, relative))),
        Rules::PerformanceOnly { .. } => return,
    };
    let ignored = |field: &str| ignore.iter().any(|name| name == field);
    // values are written out only for the differences that are kept
    let mut differ = |field: &str, values: &dyn Fn() -> (String, String)| {
        if ignored(field) {
            return;
        }
        result.differences_total += 1;
        if result.differences.len() < keep {
            let (live_value, shadow_value) = values();
            let field = field.to_owned();
            let difference = Difference { position: live.position, field, live: live_value, shadow: shadow_value };
            result.differences.push(difference);
        }
    };

    if live.output.len() != shadow.output.len() {
        differ("output.length", &|| (live.output.len().to_string(), shadow.output.len().to_string()));
    }
    for (index, (l, s)) in live.output.chunks(8).zip(shadow.output.chunks(8)).enumerate() {
        if l != s && !tolerance.is_some_and(|bounds| close(l, s, bounds)) {
            let numbers = tolerance.is_some();
            differ(&format!("output.{index}"), &|| (show_word(l, numbers), show_word(s, numbers)));
        }
    }
    let (Some(l), Some(s)) = (&live.state, &shadow.state) else {
        return;
    };
    if tolerance.is_some() || ignored("state") {
        return;
    }
    if l != s {
        differ("state", &|| (l.clone(), s.clone()));
    }
    result.states_compared += 1;
}

fn number(word: &[u8]) -> Option<Number> {
    Some(Number::from_bits(u64::from_le_bytes(word.try_into().ok()?)))
}

fn close(live: &[u8], shadow: &[u8], (absolute, relative): (&Bound, &Bound)) -> bool {
    match (number(live), number(shadow)) {
        (Some(l), Some(s)) => s.is_near(&l, absolute, relative),
        _ => false,
    }
}

fn show_word(word: &[u8], as_number: bool) -> String {
    match <[u8; 8]>::try_from(word) {
        Ok(bytes) if as_number => Number::from_bits(u64::from_le_bytes(bytes)).to_string(),
        Ok(bytes) => i64::from_le_bytes(bytes).to_string(),
        Err(_) => word.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
