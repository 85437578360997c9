//! Exact rational numbers: the only arithmetic that decides anything in a clearing.
//!
//! Nearly every number of a real book fits into 128 bits, so that is the fast path; whatever
//! does not fit goes to big integers and comes back as soon as it fits again. A value is always
//! reduced, with a denominator above 0, so equality is equality of the parts.
//!
//! Deliberately absent: any conversion from or to floating point.
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

/// A rational number.
#[derive(Clone, Debug)]
pub struct Rat(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Small(i128, i128),
    Big(Box<BigRational>),
}
use Repr::{Big, Small};

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        if let (Ok(mut x), Ok(mut y)) = (u64::try_from(a), u64::try_from(b)) {
            while y != 0 {
                (x, y) = (y, x % y);
            }
            return u128::from(x);
        }
        (a, b) = (b, a % b);
    }
    a
}

/// The greatest common divisor of two non-negative integers.
pub fn gcd_i128(a: i128, b: i128) -> i128 {
    gcd(a.unsigned_abs(), b.unsigned_abs()) as i128
}

impl Rat {
    pub const ZERO: Rat = Rat(Small(0, 1));
    pub const ONE: Rat = Rat(Small(1, 1));

    pub fn int(n: i128) -> Rat {
        Rat(Small(n, 1))
    }

    /// `n / d`, for any `d` but 0.
    pub fn ratio(n: i128, d: i128) -> Rat {
        assert!(d != 0, "a denominator of 0 is a programming fault");
        if d == i128::MIN || n == i128::MIN {
            return Rat::from_big(BigRational::new(n.into(), d.into()));
        }
        let g = gcd_i128(n, d).max(1);
        let s = if d < 0 { -1 } else { 1 };
        Rat(Small(s * (n / g), s * (d / g)))
    }

    fn from_big(b: BigRational) -> Rat {
        match (b.numer().to_i128(), b.denom().to_i128()) {
            (Some(n), Some(d)) if n != i128::MIN => Rat(Small(n, d)),
            _ => Rat(Big(Box::new(b))),
        }
    }

    pub(crate) fn to_big(&self) -> BigRational {
        match &self.0 {
            Small(n, d) => BigRational::new_raw((*n).into(), (*d).into()),
            Big(b) => (**b).clone(),
        }
    }

    pub fn signum(&self) -> i32 {
        match &self.0 {
            Small(n, _) => n.signum() as i32,
            Big(b) => match b.numer().sign() {
                num_bigint::Sign::Minus => -1,
                num_bigint::Sign::NoSign => 0,
                num_bigint::Sign::Plus => 1,
            },
        }
    }

    pub fn is_zero(&self) -> bool {
        matches!(self.0, Small(0, _))
    }

    /// What an operation with the value costs, about: 1 where 128 bits are enough.
    pub fn weight(&self) -> u64 {
        match &self.0 {
            Small(..) => 1,
            Big(b) => 8 + (b.numer().bits() + b.denom().bits()) / 32,
        }
    }
    pub fn is_pos(&self) -> bool {
        self.signum() > 0
    }
    pub fn is_neg(&self) -> bool {
        self.signum() < 0
    }

    pub fn abs(&self) -> Rat {
        if self.is_neg() { -self } else { self.clone() }
    }

    /// `self / other`, for any `other` but 0.
    pub fn div(&self, other: &Rat) -> Rat {
        match (&self.0, &other.0) {
            (_, Small(1, 1)) => self.clone(),
            (_, Small(n, d)) if *n != 0 => self * &Rat::ratio(*d, *n),
            (_, Small(..)) => panic!("a division by 0 is a programming fault"),
            _ => {
                let (n, d) = other.to_big().into_raw();
                let (n, d) = if n.is_negative() { (-n, -d) } else { (n, d) };
                mul_big(self.to_big(), BigRational::new_raw(d, n))
            }
        }
    }

    /// The greatest integer that is not above the value. Saturates at the end of 128 bits.
    pub fn floor(&self) -> i128 {
        match &self.0 {
            Small(n, d) => n.div_euclid(*d),
            Big(b) => {
                b.floor().to_integer().to_i128().unwrap_or(if b.is_negative() { i128::MIN + 1 } else { i128::MAX })
            }
        }
    }

    pub fn ceil(&self) -> i128 {
        -(-self).floor()
    }

    /// The nearest integer, halves upwards.
    pub fn round(&self) -> i128 {
        (self + &Rat::ratio(1, 2)).floor()
    }

    pub fn is_int(&self) -> bool {
        match &self.0 {
            Small(_, d) => *d == 1,
            Big(b) => b.denom().is_one(),
        }
    }

    /// `self - a * b`, the inner step of every elimination.
    pub fn sub_mul(&self, a: &Rat, b: &Rat) -> Rat {
        if a.is_zero() || b.is_zero() {
            return self.clone();
        }
        self - &(a * b)
    }

    pub fn min(self, other: Rat) -> Rat {
        if other < self { other } else { self }
    }
    pub fn max(self, other: Rat) -> Rat {
        if other > self { other } else { self }
    }
}

fn add_small(a: i128, b: i128, c: i128, d: i128, minus: bool) -> Option<Rat> {
    let c = if minus { -c } else { c };
    if b == 1 && d == 1 {
        let n = a.checked_add(c)?;
        return (n != i128::MIN).then_some(Rat(Small(n, 1)));
    }
    if b == d {
        return Some(Rat::ratio(a.checked_add(c)?, b));
    }
    let g = gcd(b as u128, d as u128) as i128;
    let (bg, dg) = (b / g, d / g);
    let n = a.checked_mul(dg)?.checked_add(c.checked_mul(bg)?)?;
    Some(Rat::ratio(n, b.checked_mul(dg)?))
}

fn mul_small(a: i128, b: i128, c: i128, d: i128) -> Option<Rat> {
    if b == 1 && d == 1 {
        let n = a.checked_mul(c)?;
        return (n != i128::MIN).then_some(Rat(Small(n, 1)));
    }
    let g = gcd(a.unsigned_abs(), d as u128).max(1) as i128;
    let h = gcd(c.unsigned_abs(), b as u128).max(1) as i128;
    let n = (a / g).checked_mul(c / h)?;
    let m = (b / h).checked_mul(d / g)?;
    (n != i128::MIN).then_some(Rat(Small(n, m)))
}

/// Reduced operands need smaller divisors taken out than their sum would (Knuth 4.5.1).
fn add_big(a: BigRational, b: BigRational) -> Rat {
    let ((an, ad), (bn, bd)) = (a.into_raw(), b.into_raw());
    if ad.is_one() || bd.is_one() {
        return Rat::from_big(BigRational::new_raw(an * &bd + bn * &ad, ad * bd));
    }
    let g = gcd_big(&ad, &bd);
    if g.is_one() {
        return Rat::from_big(BigRational::new_raw(an * &bd + bn * &ad, ad * bd));
    }
    let rest = &bd / &g;
    let n = an * &rest + bn * (&ad / &g);
    let h = gcd_big(&n, &g);
    if h.is_one() {
        return Rat::from_big(BigRational::new_raw(n, ad * rest));
    }
    Rat::from_big(BigRational::new_raw(n / &h, ad / h * rest))
}

fn mul_big(a: BigRational, b: BigRational) -> Rat {
    let ((an, ad), (bn, bd)) = (a.into_raw(), b.into_raw());
    let (g, h) = (gcd_big(&an, &bd), gcd_big(&bn, &ad));
    Rat::from_big(BigRational::new_raw((an / &g) * (bn / &h), (ad / h) * (bd / g)))
}

/// The greatest common divisor by Lehmer's method: most steps work on leading bits alone.
fn gcd_big(a: &BigInt, b: &BigInt) -> BigInt {
    let (mut a, mut b) = (a.abs(), b.abs());
    if a < b {
        std::mem::swap(&mut a, &mut b);
    }
    loop {
        if let (Some(x), Some(y)) = (a.to_u128(), b.to_u128()) {
            return gcd(x, y).into();
        }
        if b.is_zero() {
            return a;
        }
        let shift = a.bits() - 62;
        let lead = |v: &BigInt| (v >> shift).to_i64().unwrap_or(0);
        let (mut x, mut y) = (lead(&a), lead(&b));
        let (mut p, mut q, mut r, mut s) = (1_i64, 0_i64, 0_i64, 1_i64);
        while y + r != 0 && y + s != 0 {
            let t = (x + p) / (y + r);
            if t != (x + q) / (y + s) || t > i64::from(i32::MAX) {
                break;
            }
            let next = |u: i64, v: i64| v.checked_mul(t).and_then(|m| u.checked_sub(m));
            let (Some(nr), Some(ns)) = (next(p, r), next(q, s)) else {
                break;
            };
            if nr.abs() > i64::from(i32::MAX) || ns.abs() > i64::from(i32::MAX) {
                break;
            }
            (p, q, r, s) = (r, s, nr, ns);
            (x, y) = (y, x - t * y);
        }
        (a, b) = if q == 0 {
            let rest = &a % &b;
            (b, rest)
        } else {
            (&a * p + &b * q, &a * r + &b * s)
        };
        if a < b {
            std::mem::swap(&mut a, &mut b);
        }
    }
}

impl Add for &Rat {
    type Output = Rat;
    fn add(self, o: &Rat) -> Rat {
        if let (Small(a, b), Small(c, d)) = (&self.0, &o.0) {
            if *c == 0 {
                return self.clone();
            }
            if *a == 0 {
                return o.clone();
            }
            if let Some(r) = add_small(*a, *b, *c, *d, false) {
                return r;
            }
        }
        add_big(self.to_big(), o.to_big())
    }
}

impl Sub for &Rat {
    type Output = Rat;
    fn sub(self, o: &Rat) -> Rat {
        if let (Small(a, b), Small(c, d)) = (&self.0, &o.0) {
            if *c == 0 {
                return self.clone();
            }
            if let Some(r) = add_small(*a, *b, *c, *d, true) {
                return r;
            }
        }
        add_big(self.to_big(), -o.to_big())
    }
}

impl Mul for &Rat {
    type Output = Rat;
    fn mul(self, o: &Rat) -> Rat {
        if let (Small(a, b), Small(c, d)) = (&self.0, &o.0) {
            if *a == 0 || *c == 0 {
                return Rat::ZERO;
            }
            if let Some(r) = mul_small(*a, *b, *c, *d) {
                return r;
            }
        }
        mul_big(self.to_big(), o.to_big())
    }
}

impl Neg for &Rat {
    type Output = Rat;
    fn neg(self) -> Rat {
        match &self.0 {
            Small(n, d) => Rat(Small(-n, *d)),
            Big(b) => Rat(Big(Box::new(-(**b).clone()))),
        }
    }
}

impl PartialEq for Rat {
    fn eq(&self, o: &Rat) -> bool {
        match (&self.0, &o.0) {
            (Small(a, b), Small(c, d)) => a == c && b == d,
            (Big(a), Big(b)) => a == b,
            _ => false,
        }
    }
}
impl Eq for Rat {}

impl PartialOrd for Rat {
    fn partial_cmp(&self, o: &Rat) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for Rat {
    fn cmp(&self, o: &Rat) -> Ordering {
        if let (Small(a, b), Small(c, d)) = (&self.0, &o.0) {
            if b == d {
                return a.cmp(c);
            }
            if let (Some(l), Some(r)) = (a.checked_mul(*d), c.checked_mul(*b)) {
                return l.cmp(&r);
            }
        }
        self.to_big().cmp(&o.to_big())
    }
}

impl Default for Rat {
    fn default() -> Rat {
        Rat::ZERO
    }
}

impl fmt::Display for Rat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Small(n, 1) => write!(f, "{n}"),
            Small(n, d) => write!(f, "{n}/{d}"),
            Big(b) => write!(f, "{b}"),
        }
    }
}

/// The sum of values: first those of one denominator, then what is left pair by pair, so that
/// few long fractions are added.
pub fn sum(values: impl IntoIterator<Item = Rat>) -> Rat {
    let mut small: BTreeMap<i128, Rat> = BTreeMap::new();
    let mut rest: Vec<Rat> = Vec::new();
    for v in values {
        match &v.0 {
            Small(_, d) => {
                let t = small.entry(*d).or_insert(Rat::ZERO);
                *t = &*t + &v;
            }
            Big(_) => rest.push(v),
        }
    }
    rest.sort_by(|a, b| match (&a.0, &b.0) {
        (Big(a), Big(b)) => a.denom().cmp(b.denom()),
        _ => Ordering::Equal,
    });
    let mut all: Vec<Rat> = small.into_values().chain(rest).collect();
    while all.len() > 1 {
        all = all.chunks(2).map(|c| c.iter().skip(1).fold(c[0].clone(), |a, b| &a + b)).collect();
    }
    all.pop().unwrap_or_default()
}

/// Reads a plain decimal (`-?digits[.digits]`) with at most `digits` after the point, as an
/// integer in units of `10^-digits`.
pub fn parse_decimal(text: &str, digits: u32) -> Option<i128> {
    let (neg, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = body.split_once('.').unwrap_or((body, ""));
    if whole.is_empty() || part.len() > digits as usize || (body.contains('.') && part.is_empty()) {
        return None;
    }
    if !whole.bytes().chain(part.bytes()).all(|c| c.is_ascii_digit()) || whole.len() > 24 {
        return None;
    }
    let mut n: i128 = whole.parse().ok()?;
    n = n.checked_mul(10_i128.checked_pow(digits)?)?;
    if !part.is_empty() {
        let p: i128 = part.parse().ok()?;
        n = n.checked_add(p.checked_mul(10_i128.pow(digits - part.len() as u32))?)?;
    }
    Some(if neg { -n } else { n })
}

/// Reads a decimal with any number of digits, or a fraction `p/q`, exactly.
pub fn parse_exact(text: &str) -> Option<Rat> {
    if let Some((p, q)) = text.split_once('/') {
        let (p, q) = (p.parse::<BigInt>().ok()?, q.parse::<BigInt>().ok()?);
        return (!q.is_zero()).then(|| Rat::from_big(BigRational::new(p, q)));
    }
    let digits = text.split_once('.').map_or(0, |(_, p)| p.len());
    if digits > 30 {
        return None;
    }
    let n = parse_decimal(text, digits as u32)?;
    Some(Rat::ratio(n, 10_i128.checked_pow(digits as u32)?))
}

/// Prints an integer in units of `10^-digits` with all its digits.
pub fn format_decimal(n: i128, digits: u32) -> String {
    let unit = 10_u128.pow(digits);
    let a = n.unsigned_abs();
    let sign = if n < 0 { "-" } else { "" };
    if digits == 0 {
        return format!("{sign}{a}");
    }
    format!("{sign}{}.{:0width$}", a / unit, a % unit, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_goes_to_big_and_comes_back() {
        let a = Rat::ratio(i128::MAX, 3);
        let b = &a * &a;
        assert!(matches!(b.0, Big(_)));
        assert_eq!(b.div(&a), a);
        assert_eq!(&(&a + &a) - &a, a);
    }

    #[test]
    fn long_fractions_stay_reduced() {
        let mut x = Rat::ratio(1, 3);
        let mut terms = Vec::new();
        for n in 1..60_i128 {
            x = &(&x * &Rat::ratio(1_000_003 + n, 999_983 - 7 * n)) + &Rat::ratio(n, 7919 + n);
            terms.push(x.clone());
            let Big(b) = &x.0 else { continue };
            assert_eq!(**b, BigRational::new(b.numer().clone(), b.denom().clone()));
            assert_eq!(x.div(&x), Rat::ONE);
        }
        let plain = terms.iter().fold(Rat::ZERO, |a, b| &a + b);
        assert_eq!(sum(terms.clone()), plain);
        assert_eq!(&plain - &plain, Rat::ZERO);
        assert_eq!(sum(terms.iter().map(|t| -t).chain([plain])), Rat::ZERO);
    }

    #[test]
    fn floor_ceil_round_and_decimals() {
        assert_eq!(Rat::ratio(-7, 2).floor(), -4);
        assert_eq!(Rat::ratio(-7, 2).ceil(), -3);
        assert_eq!(Rat::ratio(7, 2).round(), 4);
        assert_eq!(parse_decimal("-1.5", 6), Some(-1_500_000));
        assert_eq!(parse_decimal("1.", 6), None);
        assert_eq!(parse_decimal("1e3", 6), None);
        assert_eq!(parse_decimal("0.0000001", 6), None);
        assert_eq!(format_decimal(-1_500_000, 6), "-1.500000");
        assert_eq!(parse_exact("241/2"), Some(Rat::ratio(241, 2)));
    }
}
