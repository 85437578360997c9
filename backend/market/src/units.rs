//! Money, prices and quantities as integers, with their decimal text.
//!
//! Invariants: no float ever; a product of a price and a quantity is formed in `i128` and
//! narrowed by a *named* rounding. Absent on purpose: `From<f64>` and silent wrapping.
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Why a decimal text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal number")]
    NotANumber,
    #[error("more than {0} digits after the point")]
    TooManyDigits(usize),
    #[error("too large")]
    Overflow,
}

/// No amount has a longer text.
const LONGEST: usize = 24;

/// Reads a decimal text as an integer of `10^-digits`.
fn parse_decimal(text: &str, digits: usize) -> Result<i64, DecimalError> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_point_without_digits = body.contains('.') && fraction.is_empty();
    if whole.is_empty() || has_point_without_digits || !all_digits(whole) || !all_digits(fraction) {
        return Err(DecimalError::NotANumber);
    }
    if fraction.len() > digits {
        return Err(DecimalError::TooManyDigits(digits));
    }
    if text.len() > LONGEST {
        return Err(DecimalError::Overflow);
    }
    let mut value: i64 = 0;
    let padding = std::iter::repeat_n(b'0', digits - fraction.len());
    for byte in whole.bytes().chain(fraction.bytes()).chain(padding) {
        value =
            value.checked_mul(10).and_then(|v| v.checked_add(i64::from(byte - b'0'))).ok_or(DecimalError::Overflow)?;
    }
    Ok(if negative { -value } else { value })
}

fn write_decimal(f: &mut fmt::Formatter<'_>, value: i64, digits: u32) -> fmt::Result {
    // Orders are full of amounts and times, and padding by the formatter costs several times as much.
    let (mut text, mut at, mut rest, mut left) = ([b'0'; LONGEST], LONGEST, value.unsigned_abs(), digits);
    let mut put = |byte: u8| {
        at -= 1;
        text[at] = byte;
    };
    loop {
        put(b'0' + (rest % 10) as u8);
        rest /= 10;
        if left == 1 {
            put(b'.');
        } else if left == 0 && rest == 0 {
            break;
        }
        left = left.saturating_sub(1);
    }
    if value < 0 {
        put(b'-');
    }
    f.write_str(std::str::from_utf8(&text[at..]).map_err(|_| fmt::Error)?)
}

macro_rules! decimal_type {
    ($(#[$doc:meta])* $name:ident, $digits:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            pub const ZERO: Self = Self(0);
            /// The amount as an integer of its smallest unit.
            pub const fn units(self) -> i64 {
                self.0
            }
            pub const fn from_units(units: i64) -> Self {
                Self(units)
            }
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
        }
        impl std::str::FromStr for $name {
            type Err = DecimalError;
            fn from_str(text: &str) -> Result<Self, DecimalError> {
                parse_decimal(text, $digits).map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_decimal(f, self.0, $digits)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_decimal(f, self.0, $digits)
            }
        }
        // Overflow checks are on in every profile, so these stop the process rather than wrap.
        impl std::ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl std::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl std::ops::Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, |a, b| a + b)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(|e| {
                    serde::de::Error::custom(format!(
                        "a decimal string with at most {} digits, like \"{}\": {e}",
                        $digits, $example
                    ))
                })
            }
        }
        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^-?[0-9]+(\\.[0-9]{1,", $digits, "})?$")))
                    .max_length(Some(LONGEST))
                    .examples([serde_json::json!($example)])
                    .into()
            }
        }
        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    };
}

decimal_type!(
    /// Money in micro-credits; decimal text with 6 digits.
    Credits, 6, "12.500000"
);
decimal_type!(
    /// A share of a whole in millionths; decimal text with 6 digits, "1" is the whole.
    Share, 6, "0.500000"
);
decimal_type!(
    /// Price in nano-credits per base unit and slot; decimal text with 9 digits.
    Price, 9, "0.001248000"
);

impl Credits {
    /// `self × numerator / denominator`, rounded down.
    pub fn share_floor(self, numerator: i64, denominator: i64) -> Credits {
        let value = i128::from(self.0) * i128::from(numerator);
        narrow(value.div_euclid(i128::from(denominator))).map_or(Credits::ZERO, Credits)
    }
    pub fn min(self, other: Credits) -> Credits {
        if other < self { other } else { self }
    }
}

impl Price {
    /// Price × quantity in micro-credits, half to even: the charge of a delivery.
    /// `None` when the amount does not fit.
    pub fn charge_half_even(self, quantity: i64) -> Option<Credits> {
        let nano = i128::from(self.0) * i128::from(quantity);
        let (floor, rest) = (nano.div_euclid(1000), nano.rem_euclid(1000));
        let up = rest > 500 || (rest == 500 && floor.rem_euclid(2) == 1);
        narrow(floor + i128::from(up)).map(Credits)
    }
    /// Price × quantity in micro-credits, rounded up: what a hold has to cover.
    pub fn hold_round_up(self, quantity: i64) -> Option<Credits> {
        let nano = i128::from(self.0) * i128::from(quantity);
        narrow((nano + 999).div_euclid(1000)).map(Credits)
    }
    pub fn times(self, factor: i64) -> Price {
        Price(self.0.saturating_mul(factor))
    }
}

fn narrow(value: i128) -> Option<i64> {
    i64::try_from(value).ok()
}

/// A kind of capacity. The base unit is in the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Resource {
    CpuMilli,
    MemMib,
    GpuMilli,
    StorageGib,
    IoMbps,
    NetMbps,
}

impl Resource {
    pub const ALL: [Resource; 6] = [
        Resource::CpuMilli,
        Resource::MemMib,
        Resource::GpuMilli,
        Resource::StorageGib,
        Resource::IoMbps,
        Resource::NetMbps,
    ];
    pub const fn name(self) -> &'static str {
        match self {
            Resource::CpuMilli => "cpu_milli",
            Resource::MemMib => "mem_mib",
            Resource::GpuMilli => "gpu_milli",
            Resource::StorageGib => "storage_gib",
            Resource::IoMbps => "io_mbps",
            Resource::NetMbps => "net_mbps",
        }
    }
    pub fn parse(text: &str) -> Option<Resource> {
        Resource::ALL.into_iter().find(|r| r.name() == text)
    }
}

/// Read as a text, so that whoever follows the path to a fault in a map sees the resource in it.
impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl serde::de::Visitor<'_> for Name {
            type Value = Resource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a resource")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Resource, E> {
                const NAMES: [&str; 6] = {
                    let mut names = [""; 6];
                    let mut at = 0;
                    while at < names.len() {
                        names[at] = Resource::ALL[at].name();
                        at += 1;
                    }
                    names
                };
                Resource::parse(name).ok_or_else(|| E::unknown_variant(name, &NAMES))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Quantities by resource, in base units. A missing resource is zero.
pub type Amounts = BTreeMap<Resource, i64>;

/// `amounts[resource]`, zero where it is not listed.
pub fn amount(amounts: &Amounts, resource: Resource) -> i64 {
    amounts.get(&resource).copied().unwrap_or(0)
}

/// One device: they come whole.
pub const GPU_LOT_MILLI: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_round_trips_and_refuses_what_it_cannot_hold() {
        for text in ["0.000000", "12.500000", "-0.000001", "9223372036854.775807"] {
            assert_eq!(text.parse::<Credits>().unwrap().to_string(), text);
        }
        assert_eq!("3".parse::<Credits>().unwrap().units(), 3_000_000);
        assert_eq!(Credits::from_units(i64::MIN).to_string(), "-9223372036854.775808");
        assert_eq!(Price::from_units(-1_000_000_001).to_string(), "-1.000000001");
        for (text, error) in [
            ("", DecimalError::NotANumber),
            (".5", DecimalError::NotANumber),
            ("1.", DecimalError::NotANumber),
            ("NaN", DecimalError::NotANumber),
            ("1e3", DecimalError::NotANumber),
            ("+1", DecimalError::NotANumber),
            ("0.0000001", DecimalError::TooManyDigits(6)),
            ("9223372036854.775808", DecimalError::Overflow),
            ("-000000000000000000000000", DecimalError::Overflow),
        ] {
            assert_eq!(text.parse::<Credits>(), Err(error), "{text}");
        }
    }

    #[test]
    fn charges_round_half_to_even_and_holds_round_up() {
        let price = Price::from_units(500);
        assert_eq!(price.charge_half_even(1).unwrap().units(), 0);
        assert_eq!(price.charge_half_even(3).unwrap().units(), 2);
        assert_eq!(price.hold_round_up(1).unwrap().units(), 1);
        assert_eq!(Price::from_units(i64::MAX).charge_half_even(i64::MAX), None);
    }
}
