//! Points in time and delivery slots. The core never reads a clock: `now` is an argument.
//!
//! Calendar arithmetic is the proleptic Gregorian days-from-civil formula (Howard Hinnant,
//! "chrono-Compatible Low-Level Date Algorithms"), valid for every year that fits.
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// UTC microseconds since 1970; RFC 3339 text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The start of a delivery interval, Unix seconds, a multiple of the slot length; RFC 3339 text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Slot(i64);

const MICROS: i64 = 1_000_000;

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * MICROS)
    }
    pub const fn micros(self) -> i64 {
        self.0
    }
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS)
    }
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0 + micros)
    }
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds * MICROS)
    }
}

impl Slot {
    /// A slot named by its start in Unix seconds.
    pub const fn starting_at(seconds: i64) -> Self {
        Self(seconds)
    }
    /// The slot of `slot_seconds` that contains `at`.
    pub const fn containing(at: Timestamp, slot_seconds: i64) -> Self {
        Self(at.seconds().div_euclid(slot_seconds) * slot_seconds)
    }
    pub const fn seconds(self) -> i64 {
        self.0
    }
    pub const fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0)
    }
    pub const fn plus(self, slots: i64, slot_seconds: i64) -> Self {
        Self(self.0 + slots * slot_seconds)
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

fn write_rfc3339(f: &mut fmt::Formatter<'_>, seconds: i64, micros: i64) -> fmt::Result {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let s = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
    if !(0..=9999).contains(&year) {
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        return if micros == 0 { f.write_str("Z") } else { write!(f, ".{micros:06}Z") };
    }
    // Every order has half a dozen of these, and padding by the formatter costs several times as much.
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |from: usize, digits: usize, mut number: i64| {
        for byte in text[from..from + digits].iter_mut().rev() {
            *byte = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    for (from, digits, number) in
        [(0, 4, year), (5, 2, month), (8, 2, day), (11, 2, hour), (14, 2, minute), (17, 2, second), (20, 6, micros)]
    {
        put(from, digits, number);
    }
    if micros == 0 {
        text[19] = b'Z';
    }
    let end = if micros == 0 { 20 } else { text.len() };
    f.write_str(std::str::from_utf8(&text[..end]).map_err(|_| fmt::Error)?)
}

/// RFC 3339 with `Z` or a numeric offset and up to 9 fraction digits (beyond micros cut off).
fn parse_rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, len: usize| -> Option<i64> {
        let part = bytes.get(from..from + len)?;
        part.iter().all(u8::is_ascii_digit).then_some(())?;
        std::str::from_utf8(part).ok()?.parse().ok()
    };
    let separator = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|b| any.contains(b));
    let shape = separator(4, b"-") && separator(7, b"-") && separator(10, b"Tt ");
    if !(shape && separator(13, b":") && separator(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let days = days_from_civil(year, month, day);
    let real_date = (1..=12).contains(&month) && civil_from_days(days) == (year, month, day);
    if !real_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut micros = 0;
    if separator(at, b".") {
        let digits = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        for place in 0..6 {
            let digit = if place < digits { i64::from(bytes[at + 1 + place] - b'0') } else { 0 };
            micros = micros * 10 + digit;
        }
        at += 1 + digits;
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && separator(at + 3, b":") => {
            let (h, m) = (number(at + 1, 2)?, number(at + 4, 2)?);
            if h > 23 || m > 59 {
                return None;
            }
            (h * 3600 + m * 60) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) * MICROS + micros)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rfc3339(f, self.seconds(), self.0.rem_euclid(MICROS))
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rfc3339(f, self.0, 0)
    }
}
impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let micros = parse_rfc3339(text).ok_or("not an RFC 3339 time such as 2026-11-20T10:20:00Z")?;
        Ok(Timestamp(micros))
    }
}

macro_rules! time_text {
    ($name:ident, $from:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                let at: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
                $from(at).ok_or_else(|| serde::de::Error::custom("a slot starts on a whole second"))
            }
        }
        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
                    .examples([serde_json::json!("2026-11-20T10:20:00Z")])
                    .into()
            }
        }
        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    };
}
time_text!(Timestamp, Some);
time_text!(Slot, |at: Timestamp| (at.micros() % MICROS == 0).then(|| Slot(at.seconds())));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_offsets_are_applied() {
        for text in ["2026-11-20T10:20:00Z", "1969-12-31T23:59:59.999999Z", "2000-02-29T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        let shifted: Timestamp = "2026-11-20T12:20:00.5+02:00".parse().unwrap();
        assert_eq!(shifted.to_string(), "2026-11-20T10:20:00.500000Z");
        for text in ["", "2026-02-30T00:00:00Z", "2026-11-20", "2026-11-20T24:00:00Z", "2026-11-20T10:20:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_slot_contains_its_start_and_not_its_end() {
        let slot = Slot::starting_at(600);
        assert_eq!(Slot::containing(slot.start(), 300), slot);
        assert_eq!(Slot::containing(slot.plus(1, 300).start(), 300), Slot::starting_at(900));
    }
}
