//! IEEE 754 doubles as what they are: an integer times a power of two. Exact, without a float.
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, Zero};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How far a number may be off: a decimal of 0 or more, a string in JSON (`"0.005"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bound {
    text: String,
    value: BigRational,
}

/// The text is not a decimal, or it is less than 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a bound is a decimal of 0 or more")]
pub struct NotABound;

/// No bound has a longer text.
const LONGEST_BOUND: usize = 64;

impl Default for Bound {
    fn default() -> Self {
        Self { text: "0".to_owned(), value: BigRational::zero() }
    }
}

impl FromStr for Bound {
    type Err = NotABound;
    fn from_str(text: &str) -> Result<Self, NotABound> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if text.len() > LONGEST_BOUND || !is_number(whole) || !is_number(fraction) {
            return Err(NotABound);
        }
        let digits: BigInt = format!("{whole}{fraction}").parse().map_err(|_| NotABound)?;
        let scale = Pow::pow(BigInt::from(10), fraction.len());
        Ok(Self { text: text.to_owned(), value: BigRational::new(digits, scale) })
    }
}

impl TryFrom<String> for Bound {
    type Error = NotABound;
    fn try_from(text: String) -> Result<Self, NotABound> {
        text.parse()
    }
}

impl From<Bound> for String {
    fn from(bound: Bound) -> String {
        bound.text
    }
}

/// What the 64 bits of a double say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// `mantissa × 2^exponent`, negated if `negative`.
    Finite {
        negative: bool,
        mantissa: u64,
        exponent: i32,
    },
    Infinite {
        negative: bool,
    },
    Undefined,
}

const MANTISSA_BITS: u32 = 52;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT: u64 = 0x7FF;
/// The exponent of a subnormal number's last bit.
const LEAST_EXPONENT: i32 = -1074;

impl Number {
    pub fn from_bits(bits: u64) -> Self {
        let negative = bits >> 63 == 1;
        let exponent = (bits >> MANTISSA_BITS) & EXPONENT;
        let mantissa = bits & MANTISSA;
        match exponent {
            EXPONENT if mantissa == 0 => Self::Infinite { negative },
            EXPONENT => Self::Undefined,
            0 => Self::Finite { negative, mantissa, exponent: LEAST_EXPONENT },
            _ => Self::Finite {
                negative,
                mantissa: mantissa | (1 << MANTISSA_BITS),
                exponent: LEAST_EXPONENT + exponent as i32 - 1,
            },
        }
    }

    /// Whether this differs from `live` by at most `absolute + relative × |live|`.
    ///
    /// An infinity is near the same infinity only, and what is not a number near any other that
    /// is none: the bits of those mean nothing and differ between machines.
    pub fn is_near(&self, live: &Self, absolute: &Bound, relative: &Bound) -> bool {
        let (Self::Finite { exponent: a, .. }, Self::Finite { exponent: b, .. }) = (self, live) else {
            return self == live;
        };
        let least = *a.min(b);
        let (here, there) = (self.units(least), live.units(least));
        let (absolute, relative) = (&absolute.value, &relative.value);
        let (up, down) = (absolute.numer(), absolute.denom());
        let (part, whole) = (relative.numer(), relative.denom());
        // |here − there| · 2^least ≤ up/down + part/whole · |there| · 2^least, without a division
        let apart = (here - &there).abs() * down * whole;
        let share = there.abs() * part * down;
        let fixed = up * whole;
        match u32::try_from(least) {
            Ok(shift) => apart << shift <= fixed + (share << shift),
            Err(_) => apart <= (fixed << least.unsigned_abs()) + share,
        }
    }

    /// The value in units of `2^least`, which must not be more than its exponent.
    fn units(&self, least: i32) -> BigInt {
        match self {
            Self::Finite { negative, mantissa, exponent } => {
                let size = BigInt::from(*mantissa) << exponent.abs_diff(least);
                if *negative { -size } else { size }
            }
            _ => BigInt::zero(),
        }
    }
}

/// The shortest decimal that no other double is nearer to.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, mantissa, exponent) = match *self {
            Self::Undefined => return f.write_str("NaN"),
            Self::Infinite { negative } => return f.write_str(if negative { "-inf" } else { "inf" }),
            Self::Finite { negative, mantissa, exponent } => (negative, mantissa, exponent),
        };
        if negative {
            f.write_str("-")?;
        }
        if mantissa == 0 {
            return f.write_str("0");
        }
        let (digits, power) = shortest(mantissa, exponent);
        let digits = digits.to_string();
        // the digits are in units of 10^power
        match usize::try_from(power) {
            Ok(zeros) => write!(f, "{digits}{:0<zeros$}", ""),
            Err(_) => {
                let after = power.unsigned_abs() as usize;
                let padded = format!("{digits:0>width$}", width = after + 1);
                let (whole, rest) = padded.split_at(padded.len() - after);
                write!(f, "{whole}.{rest}")
            }
        }
    }
}

/// Digits and the power of ten that they count.
fn shortest(mantissa: u64, exponent: i32) -> (BigInt, i32) {
    let two = BigRational::from_integer(2.into());
    let last = Pow::pow(&two, exponent);
    let value = BigRational::from_integer(mantissa.into()) * &last;
    // half way to the next doubles; the one below a power of two is only half as far away
    let near_below = mantissa == 1 << MANTISSA_BITS && exponent > LEAST_EXPONENT;
    let below = &value - &last / if near_below { &two * &two } else { two.clone() };
    let above = &value + &last / &two;
    // half way is read as the double whose mantissa is even
    let even = mantissa.is_multiple_of(2);
    let reads_back = |v: &BigRational| if even { &below <= v && v <= &above } else { &below < v && v < &above };
    let ten = |power: i32| Pow::pow(&BigRational::from_integer(10.into()), power);
    let bits = i64::from(u64::BITS - mantissa.leading_zeros()) + i64::from(exponent);
    let mut power = (bits * 30_103 / 100_000) as i32 + 1; // from just above the first digit
    loop {
        let unit = ten(power);
        let scaled = &value / &unit;
        let (low, high) = (scaled.floor(), scaled.floor() + BigRational::one());
        let order = if &scaled - &low < &high - &scaled { [low, high] } else { [high, low] };
        if let Some(found) = order.into_iter().find(|n| n.is_positive() && reads_back(&(n * &unit))) {
            return (found.to_integer(), power);
        }
        power -= 1;
    }
}
