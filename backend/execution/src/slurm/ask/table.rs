//! Tables that Slurm prints: fields behind separators that nobody could foresee.
//!
//! Names and comments are what users want them to be, line breaks included. So every table has a separator of its own,
//! made when the command is run. The formats are as old as Slurm; its JSON has another shape in each version, and
//! version 22.05 prints all jobs of the cluster whatever was asked for.

use std::hash::{BuildHasher, RandomState};

use crate::driver::DriverError;

/// A format with the separator of one table.
pub(in crate::slurm) struct Table {
    separator: String,
}

impl Table {
    pub fn new() -> Self {
        // Keys of a `RandomState` are the system's chance. A digit in front would be read as one of a field's width.
        Self { separator: format!("_{:016x}", RandomState::new().hash_one("separator")) }
    }

    /// For `squeue --format` and `sinfo --format`.
    pub fn format(&self, fields: &[&str]) -> String {
        let record = format!("{}<", self.separator);
        record + &fields.join(&format!("{}|", self.separator)) + &self.separator + ">"
    }

    /// For `squeue --Format`: fields with the most characters of each.
    pub fn wide_format(&self, fields: &[(&str, usize)]) -> String {
        let suffix = |at: usize| if at + 1 == fields.len() { '>' } else { '|' };
        let field =
            |(at, (name, width)): (usize, &(&str, usize))| format!("{name}:{width}{}{}", self.separator, suffix(at));
        fields.iter().enumerate().map(field).collect::<Vec<_>>().join(",")
    }

    /// The fields of each record. Errors: a record has another number of fields.
    pub fn records<'a>(
        &self,
        what: &'static str,
        text: &'a str,
        fields: usize,
    ) -> Result<Vec<Vec<&'a str>>, DriverError> {
        let (begin, end, between) =
            (format!("{}<", self.separator), format!("{}>", self.separator), format!("{}|", self.separator));
        let mut records = Vec::new();
        for record in text.split(&end) {
            let record = record.trim_start_matches(['\n', '\r', ' ']);
            if record.is_empty() {
                continue;
            }
            let record = record.strip_prefix(&begin).unwrap_or(record);
            let found: Vec<&str> = record.split(&between).collect();
            if found.len() != fields {
                let detail = format!("{} fields for {fields}: {}", found.len(), super::run::excerpt(record));
                return Err(DriverError::Corrupt { what, detail });
            }
            records.push(found);
        }
        Ok(records)
    }
}

/// A number that Slurm prints.
pub(in crate::slurm) fn number<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, DriverError> {
    let wrong = |_| DriverError::Corrupt { what, detail: format!("no number: {}", super::run::excerpt(text)) };
    text.trim().parse().map_err(wrong)
}

/// A duration as Slurm prints it, `[days-][hours:]minutes:seconds[.parts]`, in microseconds; `None` for words.
pub(in crate::slurm) fn micros(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (days.parse::<u64>().ok()?, clock),
        None => (0, text),
    };
    let (clock, parts) = clock.split_once('.').unwrap_or((clock, ""));
    let mut fields = clock.split(':').map(|field| {
        let is_number = !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| field.parse::<u64>().ok()).flatten()
    });
    let (first, second, third) = (fields.next()??, fields.next()??, fields.next());
    let seconds = match (third, fields.next()) {
        (None, _) => first.checked_mul(60)?.checked_add(second)?,
        (Some(third), None) => first.checked_mul(3_600)?.checked_add(second.checked_mul(60)?)?.checked_add(third?)?,
        _ => return None,
    };
    let of_second = match parts {
        "" => 0,
        _ if parts.len() > 6 || !parts.bytes().all(|b| b.is_ascii_digit()) => return None,
        _ => format!("{parts:0<6}").parse::<u64>().ok()?,
    };
    days.checked_mul(86_400)?.checked_add(seconds)?.checked_mul(1_000_000)?.checked_add(of_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_line_breaks_and_bars_stays_one_field() {
        let table = Table::new();
        let between = format!("{}|", table.separator);
        let line = |name: &str| format!("{}<27{between}RUNNING{between}{name}{}>\n", table.separator, table.separator);
        let hostile = "nl\n99|RUNNING|<27>\u{1b}[31m";
        let text = line(hostile) + &line("plain");
        let records = table.records("squeue", &text, 3).expect("records");
        assert_eq!(records, [["27", "RUNNING", hostile], ["27", "RUNNING", "plain"]]);
        assert!(table.records("squeue", &text, 4).is_err());
        assert!(table.records("squeue", "slurm_load_jobs error", 3).is_err());
        assert!(table.records("squeue", "\n", 3).expect("nothing").is_empty());
    }

    #[test]
    fn two_tables_have_two_separators() {
        assert_ne!(Table::new().separator, Table::new().separator);
    }

    #[test]
    fn durations_are_read_as_slurm_prints_them() {
        for (text, seconds) in [("59:59", 3_599), ("1:00:00", 3_600), ("2-03:04:05", 183_845), ("00:00:15", 15)] {
            assert_eq!(micros(text), Some(seconds * 1_000_000), "{text}");
        }
        assert_eq!(micros("00:01.25"), Some(1_250_000));
        for text in
            ["UNLIMITED", "INVALID", "", "-", "1", ":", "1:2:3:4", "99999999999999999-00:00:00", "00:-1", "1:2.x"]
        {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
