//! `headroom forecast` as a library: a CSV of series in, dated quantiles out.
//!
//! In: `entity,t,metric…`, t the step index, blank = missing, rows in any order, plain or
//! gzip. Out: `entity,metric,t,horizon,q…` at the origins t_first + floor(from·n) + k·every,
//! n = steps from an entity's first to its last t. With a risk level also
//! `entity,metric,t,limit,horizon,probability`.
//!
//! Invariants: a line at origin t uses that entity's samples up to t only; every due line is
//! written, lines whose target is past the end of the series are not; input that cannot be
//! understood is an error with its line, never skipped. Absent: the batch models.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use crate::HORIZONS;
use crate::forecaster::{Forecaster, Settings};

/// What may be chosen; the defaults are those of the format.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub step_seconds: u32,
    pub horizons: Vec<usize>,
    pub levels: Vec<f64>,
    /// Share of a series before the first origin.
    pub from: f64,
    pub every: usize,
    pub capacities: BTreeMap<(String, String), f64>,
    /// Level of the limit in the risk file.
    pub risk: Option<f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            step_seconds: 300,
            horizons: vec![1, 3, 6],
            levels: vec![0.025, 0.1, 0.5, 0.9, 0.975],
            from: 0.6,
            every: 12,
            capacities: BTreeMap::new(),
            risk: None,
        }
    }
}

/// What was read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub entities: u64,
    pub series: u64,
    pub samples: u64,
    pub forecasts: u64,
}

/// Why a file could not be processed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("{option} {given} is not possible: {expected}")]
    Option { option: &'static str, given: String, expected: String },
    #[error("the header has to be entity,t and one metric or more; it is {0:?}")]
    Header(String),
    #[error("line {line}: {what} {given:?} is not a number")]
    Number { line: u64, what: String, given: String },
    #[error("line {line}: {entity} has a second row at t = {t}")]
    Duplicate { line: u64, entity: String, t: i64 },
    #[error("a series of {steps} steps is too long: at most {limit}")]
    TooLong { steps: i64, limit: i64 },
    #[error("csv: {0}")]
    Csv(#[from] csv::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Longest series: ten years of one-minute steps. Beyond it a single wrong t would have us
/// count through the gap.
const MAX_STEPS: i64 = 5_300_000;

impl Options {
    fn check(&self) -> Result<(), StreamError> {
        let wrong = |option: &'static str, given: String, expected: &str| {
            Err(StreamError::Option { option, given, expected: expected.to_owned() })
        };
        if self.step_seconds == 0 {
            return wrong("--step", "0".into(), "at least one second");
        }
        if let Some(h) = self.horizons.iter().find(|h| !(1..=HORIZONS).contains(*h)) {
            return wrong("--horizons", h.to_string(), "1 to 6 steps");
        }
        if let Some(level) = self.levels.iter().find(|l| !(**l > 0.0 && **l < 1.0)) {
            return wrong("--levels", level.to_string(), "between 0 and 1");
        }
        if !self.levels.is_sorted_by(|a, b| a < b) || self.levels.is_empty() {
            return wrong("--levels", format!("{:?}", self.levels), "in rising order, each once");
        }
        if !(0.0..=1.0).contains(&self.from) {
            return wrong("--from", self.from.to_string(), "between 0 and 1");
        }
        if self.every == 0 {
            return wrong("--every", "0".into(), "at least one step");
        }
        match self.risk {
            Some(p) if !(p > 0.0 && p < 1.0) => wrong("--risk", p.to_string(), "between 0 and 1"),
            _ => Ok(()),
        }
    }
}

/// Plain text or gzip, told apart by the first bytes.
pub fn maybe_gzip(file: impl Read + 'static) -> Result<Box<dyn Read>, StreamError> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let gzip = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip { Box::new(flate2::bufread::MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

/// Reads `entity,metric,capacity`.
pub fn read_capacities(file: impl Read) -> Result<BTreeMap<(String, String), f64>, StreamError> {
    let mut reader = csv::Reader::from_reader(file);
    let mut capacities = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |index: usize| record.get(index).unwrap_or_default().trim();
        let capacity = number(field(2)).filter(|value| *value >= 0.0).ok_or_else(|| StreamError::Number {
            line,
            what: "capacity".into(),
            given: field(2).to_owned(),
        })?;
        capacities.insert((field(0).to_owned(), field(1).to_owned()), capacity);
    }
    Ok(capacities)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// One entity's rows by step; a missing sample is not a number.
type Rows = BTreeMap<i64, Vec<f64>>;

struct Input {
    metrics: Vec<String>,
    /// In order of first appearance.
    entities: Vec<(String, Rows)>,
}

fn read(series: impl Read) -> Result<Input, StreamError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(series);
    let header = reader.headers()?.clone();
    if header.get(0) != Some("entity") || header.get(1) != Some("t") || header.len() < 3 {
        return Err(StreamError::Header(header.iter().collect::<Vec<_>>().join(",")));
    }
    let metrics: Vec<String> = header.iter().skip(2).map(str::to_owned).collect();
    let mut entities: Vec<(String, Rows)> = Vec::new();
    let mut index_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let entity = record.get(0).unwrap_or_default();
        let step = record.get(1).unwrap_or_default();
        let t =
            step.parse::<i64>().map_err(|_| StreamError::Number { line, what: "t".into(), given: step.to_owned() })?;
        let mut values = Vec::with_capacity(metrics.len());
        for (metric, text) in metrics.iter().zip(record.iter().skip(2)) {
            values.push(match text {
                "" => f64::NAN,
                text => number(text).ok_or_else(|| StreamError::Number {
                    line,
                    what: metric.clone(),
                    given: text.to_owned(),
                })?,
            });
        }
        let index = match index_of.get(entity) {
            Some(index) => *index,
            None => {
                index_of.insert(entity.to_owned(), entities.len());
                entities.push((entity.to_owned(), Rows::new()));
                entities.len() - 1
            }
        };
        if entities[index].1.insert(t, values).is_some() {
            return Err(StreamError::Duplicate { line, entity: entity.to_owned(), t });
        }
    }
    Ok(Input { metrics, entities })
}

/// Reads all series, forecasts each in time order, writes what is due.
pub fn run_csv(
    series: impl Read,
    options: &Options,
    out: impl Write,
    risk_out: Option<&mut dyn Write>,
) -> Result<Summary, StreamError> {
    options.check()?;
    let input = read(series)?;
    let mut out = csv::Writer::from_writer(out);
    let mut header: Vec<String> = ["entity", "metric", "t", "horizon"].map(str::to_owned).into_iter().collect();
    header.extend(options.levels.iter().map(|level| format!("q{level}")));
    out.write_record(&header)?;
    let mut risk = match (risk_out, options.risk) {
        (Some(writer), Some(level)) => {
            let mut writer = csv::Writer::from_writer(writer);
            writer.write_record(["entity", "metric", "t", "limit", "horizon", "probability"])?;
            Some((writer, level))
        }
        _ => None,
    };

    let mut summary = Summary { entities: input.entities.len() as u64, ..Summary::default() };
    for (entity, rows) in &input.entities {
        let (Some((first, _)), Some((last, _))) = (rows.first_key_value(), rows.last_key_value()) else {
            continue;
        };
        let steps = last.saturating_sub(*first).saturating_add(1);
        if steps > MAX_STEPS {
            return Err(StreamError::TooLong { steps, limit: MAX_STEPS });
        }
        let first_origin = first + (options.from * steps as f64).floor() as i64;
        for (index, metric) in input.metrics.iter().enumerate() {
            summary.series += 1;
            let capacity = options.capacities.get(&(entity.clone(), metric.clone())).copied();
            let settings = Settings { slot_seconds: options.step_seconds, capacity };
            let mut forecaster = Forecaster::new(settings);
            let mut sorted: Vec<f64> = Vec::new();
            for t in *first..=*last {
                let value = rows.get(&t).and_then(|row| row.get(index)).copied();
                match value.filter(|value| value.is_finite()) {
                    Some(value) => {
                        summary.samples += 1;
                        forecaster.observe(t, value, false);
                        if risk.is_some() {
                            sorted.insert(sorted.partition_point(|v| *v < value), value);
                        }
                    }
                    None => forecaster.skip(t),
                }
                if t < first_origin || (t - first_origin) % options.every as i64 != 0 {
                    continue;
                }
                let names = (entity.as_str(), metric.as_str(), t, *last);
                summary.forecasts += write_quantiles(&mut out, options, names, &forecaster)?;
                if let Some((writer, level)) = &mut risk {
                    write_risk(writer, options, *level, names, &forecaster, &sorted)?;
                }
            }
        }
    }
    out.flush()?;
    if let Some((mut writer, _)) = risk {
        writer.flush()?;
    }
    Ok(summary)
}

fn write_quantiles(
    out: &mut csv::Writer<impl Write>,
    options: &Options,
    (entity, metric, t, last): (&str, &str, i64, i64),
    forecaster: &Forecaster,
) -> Result<u64, StreamError> {
    let forecast = forecaster.forecast(&options.levels, HORIZONS);
    let mut lines = 0;
    for horizon in options.horizons.iter().filter(|horizon| t + **horizon as i64 <= last) {
        let mut record = vec![entity.to_owned(), metric.to_owned(), t.to_string(), horizon.to_string()];
        match forecast.get(horizon - 1) {
            Some(quantiles) => record.extend(quantiles.values.iter().map(f64::to_string)),
            // Nothing was ever seen of this series; the line is due all the same.
            None => record.extend(options.levels.iter().map(|_| "0".to_owned())),
        }
        out.write_record(&record)?;
        lines += 1;
    }
    Ok(lines)
}

fn write_risk(
    out: &mut csv::Writer<&mut dyn Write>,
    options: &Options,
    level: f64,
    (entity, metric, t, last): (&str, &str, i64, i64),
    forecaster: &Forecaster,
    sorted: &[f64],
) -> Result<(), StreamError> {
    if sorted.is_empty() {
        return Ok(());
    }
    let rank = ((sorted.len() - 1) as f64 * level).round() as usize;
    let limit = sorted[rank.min(sorted.len() - 1)];
    for horizon in options.horizons.iter().filter(|horizon| t + **horizon as i64 <= last) {
        let probability = forecaster.probability_above(limit, *horizon).unwrap_or(0.0);
        let numbers = [t.to_string(), limit.to_string(), horizon.to_string()];
        let [t, limit, horizon] = &numbers;
        let probability = probability.to_string();
        out.write_record([entity, metric, t, limit, horizon, &probability])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> String {
        let mut text = "entity,t,cpu,mem\n".to_owned();
        for t in 0..50 {
            let cpu = if t % 9 == 0 { String::new() } else { (t % 7).to_string() };
            text += &format!("a,{t},{cpu},5\n");
        }
        text + "b,3,1,\nb,9,2,\n"
    }

    #[test]
    fn every_due_line_is_there_with_the_columns_of_the_format() {
        let mut out = Vec::new();
        let mut risk: Vec<u8> = Vec::new();
        let options = Options { risk: Some(0.9), ..Options::default() };
        let summary = run_csv(series().as_bytes(), &options, &mut out, Some(&mut risk)).expect("runs");
        let text = String::from_utf8(out).expect("text");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("entity,metric,t,horizon,q0.025,q0.1,q0.5,q0.9,q0.975"));
        // a: origins 30 and 42, three horizons, two metrics; b: origin 3 + 4, only one step left
        // of horizon 1.
        let keys: Vec<String> = lines.map(|line| line.split(',').take(4).collect::<Vec<_>>().join(",")).collect();
        assert_eq!(keys.len(), 14);
        assert!(keys.contains(&"a,mem,42,6".to_owned()) && keys.contains(&"b,cpu,7,1".to_owned()));
        assert!(keys.contains(&"b,mem,7,1".to_owned()), "also where nothing was ever seen");
        assert_eq!((summary.entities, summary.series, summary.forecasts), (2, 4, 14));
        let risk = String::from_utf8(risk).expect("text");
        assert!(risk.starts_with("entity,metric,t,limit,horizon,probability\na,cpu,30,"));
    }

    #[test]
    fn what_comes_after_an_origin_does_not_change_it() {
        let run = |text: &str| {
            let mut out = Vec::new();
            run_csv(text.as_bytes(), &Options::default(), &mut out, None).expect("runs");
            let text = String::from_utf8(out).expect("text");
            text.lines().filter(|line| line.contains(",30,")).map(str::to_owned).collect::<Vec<_>>()
        };
        let spoilt = series().replace("a,31,3,5", "a,31,900,900");
        assert_ne!(spoilt, series());
        assert_eq!(run(&series()), run(&spoilt));
    }

    #[test]
    fn gzip_is_read_and_nonsense_is_refused_with_its_line() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(series().as_bytes()).expect("in memory");
        let packed = std::io::Cursor::new(encoder.finish().expect("in memory"));
        let mut out = Vec::new();
        let reader = maybe_gzip(packed).expect("reads");
        assert_eq!(run_csv(reader, &Options::default(), &mut out, None).expect("runs").series, 4);

        let fails = |text: &str| {
            run_csv(text.as_bytes(), &Options::default(), Vec::new(), None).expect_err("nonsense").to_string()
        };
        assert_eq!(fails("entity,t,cpu\na,1,x\n"), "line 2: cpu \"x\" is not a number");
        assert_eq!(fails("entity,t,cpu\na,1,2\na,1,3\n"), "line 3: a has a second row at t = 1");
        assert!(fails("who,t,cpu\n").starts_with("the header has to be"));
        let options = Options { horizons: vec![7], ..Options::default() };
        assert!(run_csv("entity,t,cpu\n".as_bytes(), &options, Vec::new(), None).is_err());
    }
}
