//! `headroom forecast` as a library: a CSV of series in, dated quantiles out.
//!
//! In: `entity,t,metric…`, t the step index, blank = missing, rows in any order, plain or
//! gzip. Out: `entity,metric,t,horizon,q…` at the origins t_first + floor(from·n) + k·every,
//! n = steps from an entity's first to its last t. With a risk level also
//! `entity,metric,t,limit,horizon,probability`.
//!
//! Invariants: a line at origin t uses that entity's samples up to t only; every due line is
//! written, lines whose target is past the end of the series are not; input that cannot be
//! understood is an error with its line and column; a sample that is no demand is left out,
//! counted and named. Absent: the batch models.

mod error;
mod read;

use std::io::{Read, Write};

use crate::HORIZONS;
use crate::forecaster::{Forecaster, Observed, Settings};

pub use error::{Place, StreamError};
pub use read::{Capacities, Series, maybe_gzip, read_capacities, read_series};

/// Without a capacity nothing says what is possible. A sample this many times the highest before
/// it is left out until there is a second one.
const FAR_BEYOND: f64 = 20.0;
/// Samples that have to be there before one can be far beyond them.
const LEAST_BEFORE: u64 = 12;

/// What may be chosen; the defaults are those of the format.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub step_seconds: u32,
    pub horizons: Vec<usize>,
    pub levels: Vec<f64>,
    /// Share of a series before the first origin.
    pub from: f64,
    pub every: usize,
    pub capacities: Capacities,
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
            capacities: Capacities::new(),
            risk: None,
        }
    }
}

/// What was read and written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    pub entities: u64,
    pub series: u64,
    pub samples: u64,
    pub forecasts: u64,
    /// Samples that are no demand, by what is wrong with them.
    pub left_out: Vec<LeftOut>,
    /// How many steps two rows are apart as a rule.
    pub usual_distance: i64,
    /// Capacities of series that the file does not have.
    pub unused_capacities: u64,
}

/// Why a sample is no demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Negative,
    AboveCapacity,
    FarBeyond,
}

/// Samples that were left out for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    pub fault: Fault,
    pub count: u64,
    /// The first of them.
    pub place: Place,
    pub value: f64,
}

impl Summary {
    fn leave_out(&mut self, fault: Fault, value: f64, place: Place) {
        match self.left_out.iter_mut().find(|known| known.fault == fault) {
            Some(known) => known.count += 1,
            None => self.left_out.push(LeftOut { fault, count: 1, place, value }),
        }
    }

    /// What whoever uses the forecasts has to know, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let of_samples = |left: &LeftOut| {
            let LeftOut { fault, count, place, value } = left;
            let (samples, them) = if *count == 1 { ("sample was", "it is") } else { ("samples were", "the first is") };
            let why = match fault {
                Fault::Negative => "negative, which no demand is".to_owned(),
                Fault::AboveCapacity => "above the capacity of its series, which no demand is".to_owned(),
                Fault::FarBeyond => format!("over {FAR_BEYOND} times all before, and the only one so far"),
            };
            format!("{count} {samples} left out: {them} {value} in {place}, {why}")
        };
        let mut warnings: Vec<String> = self.left_out.iter().map(of_samples).collect();
        if self.usual_distance > 1 {
            let distance = self.usual_distance;
            warnings.push(format!("rows are usually {distance} steps apart: t counts steps of --step seconds"));
        }
        if self.unused_capacities > 0 {
            warnings.push(format!("{} capacities are of series that are not in the file", self.unused_capacities));
        }
        warnings
    }
}

/// What was seen of a series without a capacity.
#[derive(Default)]
struct Seen {
    highest: f64,
    samples: u64,
    doubted: bool,
}

impl Seen {
    /// One bad sample must not widen the intervals of a hundred steps; two in a row are no accident.
    fn is_far_beyond(&mut self, value: f64) -> bool {
        let far = self.samples >= LEAST_BEFORE && self.highest > 0.0 && value > FAR_BEYOND * self.highest;
        if far && !self.doubted {
            self.doubted = true;
            return true;
        }
        self.doubted &= far;
        self.highest = self.highest.max(value);
        self.samples += 1;
        false
    }
}

impl Options {
    pub fn check(&self) -> Result<(), StreamError> {
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

/// Reads all series, forecasts each in time order, writes what is due.
pub fn run_csv(
    series: impl Read,
    options: &Options,
    out: impl Write,
    risk_out: Option<&mut dyn Write>,
) -> Result<Summary, StreamError> {
    run(&read_series(series)?, options, out, risk_out)
}

/// Forecasts each series in time order and writes what is due.
pub fn run(
    input: &Series,
    options: &Options,
    out: impl Write,
    risk_out: Option<&mut dyn Write>,
) -> Result<Summary, StreamError> {
    options.check()?;
    let usual_distance = input.usual_distance(options.step_seconds)?;
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

    let entities = input.entities.len() as u64;
    let mut summary = Summary { entities, usual_distance, ..Summary::default() };
    let mut used_capacities = 0;
    for (entity, rows) in &input.entities {
        let (Some((first, _)), Some((last, _))) = (rows.first_key_value(), rows.last_key_value()) else {
            continue;
        };
        let first_origin = first + (options.from * (last - first + 1) as f64).floor() as i64;
        for (index, metric) in input.metrics.iter().enumerate() {
            summary.series += 1;
            let capacity = options.capacities.get(&(entity.clone(), metric.clone())).copied();
            used_capacities += u64::from(capacity.is_some());
            let settings = Settings { slot_seconds: options.step_seconds, capacity };
            let mut forecaster = Forecaster::new(settings);
            let mut seen = Seen::default();
            let mut sorted: Vec<f64> = Vec::new();
            for t in *first..=*last {
                let sample = rows.get(&t).map(|row| (row.values[index], row.line));
                match sample.filter(|(value, _)| value.is_finite()) {
                    Some((value, line)) => {
                        summary.samples += 1;
                        let doubted = capacity.is_none() && seen.is_far_beyond(value);
                        let fault = if doubted {
                            forecaster.skip(t);
                            Some(Fault::FarBeyond)
                        } else {
                            let refused = forecaster.observe(t, value, false) == Observed::NoDemand;
                            refused.then_some(if value < 0.0 { Fault::Negative } else { Fault::AboveCapacity })
                        };
                        if let Some(fault) = fault {
                            summary.leave_out(fault, value, input.place(line, index));
                        } else if risk.is_some() {
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
    summary.unused_capacities = options.capacities.len() as u64 - used_capacities;
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
        assert!(fails("entity,t,cpu\na,1,x\n").starts_with("line 2, column 3 (cpu): \"x\" is not a number"));
        let again = "line 3, column 2 (t): a at t = 1 is in line 2 already; leave one of the two out";
        assert_eq!(fails("entity,t,cpu\na,1,2\na,1,3\n"), again);
        assert!(fails("who,t,cpu\n").starts_with("line 1: the header has to be"));
        let options = Options { horizons: vec![7], ..Options::default() };
        assert!(run_csv("entity,t,cpu\n".as_bytes(), &options, Vec::new(), None).is_err());
    }
}
