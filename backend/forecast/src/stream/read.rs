//! The two files that `headroom forecast` reads, checked: what is ambiguous is refused with its
//! line and column.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use super::error::{Place, StreamError};
use crate::LARGEST;

/// Longest series: ten years of one-minute steps. Beyond it a single wrong t would have us
/// count through the gap.
const MAX_STEPS: i64 = 5_300_000;
/// A step further away than this is no index of anything.
const FARTHEST_STEP: i64 = 1_000_000_000_000_000;
/// Rows this many steps apart are not steps: nine of ten would be missing.
const OTHER_UNIT: i64 = 10;

const NO_NUMBER: &str = "is not a number; leave the cell blank where there is no sample";
const TOO_LARGE: &str = "is more than any resource has; correct it, or leave the cell blank";
const NO_STEP: &str = "is not a whole number of steps";

/// Values of one step; a missing sample is not a number.
pub(super) struct Row {
    pub line: u64,
    pub values: Vec<f64>,
}

/// One entity's rows by step.
pub(super) type Rows = BTreeMap<i64, Row>;

/// All series of a file.
pub struct Series {
    pub(super) metrics: Vec<String>,
    /// In order of first appearance.
    pub(super) entities: Vec<(String, Rows)>,
}

/// Capacity by entity and metric.
pub type Capacities = BTreeMap<(String, String), f64>;

/// Plain text or gzip, told apart by the first bytes.
pub fn maybe_gzip(file: impl Read + 'static) -> Result<Box<dyn Read>, StreamError> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let gzip = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip { Box::new(flate2::bufread::MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

/// Reads `entity,metric,capacity`.
pub fn read_capacities(file: impl Read) -> Result<Capacities, StreamError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers()?.clone();
    if header != ["entity", "metric", "capacity"][..] {
        return Err(StreamError::Header { expected: "entity,metric,capacity", given: joined(&header) });
    }
    let (mut capacities, mut lines) = (Capacities::new(), BTreeMap::new());
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = &record[2];
        let place = || Place { line, column: 3, name: "capacity".into() };
        let wrong = |wrong| StreamError::Value { place: place(), given: text.to_owned(), wrong };
        let capacity = number(text).ok_or_else(|| wrong("is not a number"))?;
        if capacity < 0.0 {
            return Err(wrong("is negative"));
        }
        let key = (record[0].to_owned(), record[1].to_owned());
        if let Some(first) = lines.insert(key.clone(), line) {
            return Err(StreamError::Again { place: place(), what: format!("{} of {}", key.1, key.0), first });
        }
        capacities.insert(key, capacity);
    }
    Ok(capacities)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn joined(header: &csv::StringRecord) -> String {
    header.iter().collect::<Vec<_>>().join(",")
}

/// Names of the metrics, each its own: two columns of one name would be two answers to one question.
fn metrics(header: &csv::StringRecord) -> Result<Vec<String>, StreamError> {
    if header.get(0) != Some("entity") || header.get(1) != Some("t") || header.len() < 3 {
        return Err(StreamError::Header { expected: "entity,t and one metric or more", given: joined(header) });
    }
    let mut columns: BTreeMap<&str, usize> = [("entity", 1), ("t", 2)].into();
    for (column, name) in (1..).zip(header).skip(2) {
        if name.is_empty() {
            return Err(StreamError::NoName { column });
        }
        if let Some(first) = columns.insert(name, column) {
            return Err(StreamError::SameName { column, name: name.to_owned(), first });
        }
    }
    Ok(header.iter().skip(2).map(str::to_owned).collect())
}

/// Reads `entity,t,metric…`.
pub fn read_series(file: impl Read) -> Result<Series, StreamError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let metrics = metrics(reader.headers()?)?;
    let mut entities: Vec<(String, Rows)> = Vec::new();
    let mut index_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let place = |column: usize, name: &str| Place { line, column, name: name.to_owned() };
        let (entity, step) = (&record[0], &record[1]);
        let t = step.parse::<i64>().ok().filter(|t| (-FARTHEST_STEP..=FARTHEST_STEP).contains(t));
        let no_step = || StreamError::Value { place: place(2, "t"), given: step.to_owned(), wrong: NO_STEP };
        let t = t.ok_or_else(no_step)?;
        let mut values = Vec::with_capacity(metrics.len());
        for ((column, metric), text) in (3..).zip(&metrics).zip(record.iter().skip(2)) {
            let wrong = |wrong| Err(StreamError::Value { place: place(column, metric), given: text.to_owned(), wrong });
            values.push(match (text, number(text)) {
                ("", _) => f64::NAN,
                (_, None) => return wrong(NO_NUMBER),
                (_, Some(value)) if value.abs() > LARGEST => return wrong(TOO_LARGE),
                (_, Some(value)) => value,
            });
        }
        let index = *index_of.entry(entity.to_owned()).or_insert_with(|| {
            entities.push((entity.to_owned(), Rows::new()));
            entities.len() - 1
        });
        if let Some(before) = entities[index].1.insert(t, Row { line, values }) {
            let what = format!("{entity} at t = {t}");
            return Err(StreamError::Again { place: place(2, "t"), what, first: before.line });
        }
    }
    Ok(Series { metrics, entities })
}

impl Series {
    pub(super) fn place(&self, line: u64, metric: usize) -> Place {
        Place { line, column: metric + 3, name: self.metrics[metric].clone() }
    }

    /// How many steps two rows of an entity are apart as a rule: 1, unless most are missing.
    /// Refused where t can't be the index of a step.
    pub fn usual_distance(&self, step_seconds: u32) -> Result<i64, StreamError> {
        let place = |row: &Row| Place { line: row.line, column: 2, name: "t".into() };
        let pairs = || self.entities.iter().flat_map(|(_, rows)| rows.iter().zip(rows.iter().skip(1)));
        let mut distances: Vec<i64> = pairs().map(|((one, _), (next, _))| next - one).collect();
        let middle = distances.len() / 2;
        let usual = if distances.is_empty() { 1 } else { *distances.select_nth_unstable(middle).1 };
        if usual >= OTHER_UNIT
            && let Some((_, (_, row))) = pairs().find(|((one, _), (next, _))| *next - *one >= usual)
        {
            return Err(StreamError::TimeUnit { place: place(row), steps: usual, step_seconds });
        }
        for (entity, rows) in &self.entities {
            let ends = rows.first_key_value().zip(rows.last_key_value());
            if let Some(((first, _), (last, row))) = ends.filter(|((first, _), (last, _))| *last - *first >= MAX_STEPS)
            {
                let (entity, steps) = (entity.clone(), last - first + 1);
                return Err(StreamError::TooLong { place: place(row), entity, steps, limit: MAX_STEPS });
            }
        }
        Ok(usual)
    }
}
