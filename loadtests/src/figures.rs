//! Figures, their bounds, and the last line of a run.
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// What a figure must lie between.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    min: Option<f64>,
    max: Option<f64>,
}

/// The figures of a run and what was wrong with them.
#[derive(Debug, Default)]
pub struct Report {
    pub figures: Map<String, Value>,
    pub violations: Vec<String>,
}

impl Report {
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }
    /// A float with three digits: more would be noise.
    pub fn set_rounded(&mut self, name: &str, value: f64) {
        self.set(name, (value * 1000.0).round() / 1000.0);
    }
    /// Compares with the bounds; a figure that has bounds and is not there is a violation.
    pub fn check(&mut self, rangespec: &str) -> anyhow::Result<()> {
        let ranges: BTreeMap<String, Range> = toml::from_str(rangespec)?;
        for (name, range) in ranges {
            let Some(value) = self.figures.get(&name).and_then(Value::as_f64) else {
                // A figure that this run did not measure is null; one that is missing is a fault.
                if !self.figures.contains_key(&name) {
                    self.violations.push(format!("{name} was not measured"));
                }
                continue;
            };
            if range.min.is_some_and(|min| value < min) || range.max.is_some_and(|max| value > max) {
                self.violations.push(format!("{name} is {value}, outside {range:?}"));
            }
        }
        Ok(())
    }
    /// Prints the last line; the exit code says whether all bounds hold.
    pub fn finish(mut self) -> ExitCode {
        for violation in &self.violations {
            eprintln!("OUT OF BOUNDS: {violation}");
        }
        let ok = self.violations.is_empty();
        self.set("ok", ok);
        let violations = std::mem::take(&mut self.violations);
        self.set("violations", violations);
        println!("{}", Value::Object(self.figures));
        if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The quantile of unsorted microseconds, in milliseconds.
pub fn quantile_ms(micros: &mut [u32], quantile: f64) -> f64 {
    if micros.is_empty() {
        return 0.0;
    }
    micros.sort_unstable();
    let index = ((micros.len() - 1) as f64 * quantile).round() as usize;
    f64::from(micros[index]) / 1000.0
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}
