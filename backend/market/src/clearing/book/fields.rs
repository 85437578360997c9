//! Reading of single fields. Each fault names its place by a JSON pointer; reading goes on with a harmless value, so
//! that all faults of a book are found at once.

use crate::clearing::book::tree::Tree;
use serde::Serialize;
use std::borrow::Cow;

/// The greatest quantity, and the greatest amount of money in credits: 10^12.
pub const GREATEST: i64 = 1_000_000_000_000;

/// One thing that is wrong with a book, a JSON pointer and a sentence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    pub pointer: String,
    pub detail: String,
}

/// The faults found so far.
#[derive(Default)]
pub struct Faults(pub Vec<Fault>);

/// The fields of an object whose keys are known, each given once.
pub struct Fields<'t, 'a>(&'t [(Cow<'a, str>, Tree<'a>)]);

impl<'t, 'a> Fields<'t, 'a> {
    pub fn get(&self, key: &str) -> Option<&'t Tree<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl Faults {
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.into(), detail: detail.into() });
    }

    /// The fields of an object: those of `need` have to be there, others than those of `may` have not.
    pub fn object<'t, 'a>(
        &mut self,
        tree: &'t Tree<'a>,
        at: &str,
        need: &[&str],
        may: &[&str],
    ) -> Option<Fields<'t, 'a>> {
        let Tree::Object(fields) = tree else {
            self.add(at, "This is not an object.");
            return None;
        };
        for (index, (key, _)) in fields.iter().enumerate() {
            if fields[..index].iter().any(|(earlier, _)| earlier == key) {
                self.add(format!("{at}/{key}"), "This key is given twice.");
            } else if !need.contains(&&**key) && !may.contains(&&**key) {
                self.add(format!("{at}/{key}"), "This key is unknown.");
            }
        }
        let fields = Fields(fields);
        let missing: Vec<&&str> = need.iter().filter(|key| fields.get(key).is_none()).collect();
        missing.iter().for_each(|key| self.add(format!("{at}/{key}"), "This key is missing."));
        missing.is_empty().then_some(fields)
    }

    pub fn list<'t, 'a>(&mut self, tree: Option<&'t Tree<'a>>, at: &str) -> &'t [Tree<'a>] {
        match tree {
            None => &[],
            Some(Tree::List(items)) => items,
            Some(_) => {
                self.add(at, "This is not a list.");
                &[]
            }
        }
    }

    pub fn text<'t>(&mut self, tree: &'t Tree<'_>, at: &str) -> Option<&'t str> {
        match tree {
            Tree::Text(text) if !text.is_empty() => Some(text),
            _ => {
                self.add(at, "This is not a text.");
                None
            }
        }
    }

    pub fn quantity(&mut self, tree: &Tree<'_>, at: &str, least: i64) -> i64 {
        match tree {
            Tree::Integer(quantity) if (least..=GREATEST).contains(quantity) => *quantity,
            _ => {
                self.add(at, format!("This is not an integer from {least} to {GREATEST}."));
                1
            }
        }
    }

    /// A decimal from 0 to `greatest` as an integer of 10^-digits; `default` where it is left out.
    pub fn decimal(&mut self, tree: Option<&Tree<'_>>, at: &str, digits: u32, greatest: i64, default: i64) -> i128 {
        let scale = 10_i128.pow(digits);
        let Some(tree) = tree else { return i128::from(default) * scale };
        let read = match tree {
            Tree::Integer(whole) => Some(i128::from(*whole) * scale),
            Tree::Number(text) => parse(text, digits),
            Tree::Text(text) => parse(text, digits),
            _ => None,
        };
        match read.filter(|value| (0..=i128::from(greatest) * scale).contains(value)) {
            Some(value) => value,
            None => {
                self.add(at, format!("This is not a decimal from 0 to {greatest} with up to {digits} digits."));
                0
            }
        }
    }
}

/// A decimal text as an integer of 10^-digits; `None` where it is no number or has more digits.
pub fn parse(text: &str, digits: u32) -> Option<i128> {
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = body.split_once('.').map_or((body, None), |(whole, fraction)| (whole, Some(fraction)));
    let fraction_digits = fraction.map_or(0, str::len);
    let is_number = |part: &str| !part.is_empty() && part.len() <= 30 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || fraction.is_some_and(|part| !is_number(part)) || fraction_digits > digits as usize {
        return None;
    }
    let value = whole
        .bytes()
        .chain(fraction.unwrap_or("").bytes())
        .try_fold(0_i128, |value, digit| value.checked_mul(10)?.checked_add(i128::from(digit - b'0')))?;
    let value = value.checked_mul(10_i128.pow(digits - fraction_digits as u32))?;
    Some(if negative { -value } else { value })
}

/// An integer of 10^-digits as a decimal text.
pub fn print(value: i128, digits: u32) -> String {
    let scale = 10_u128.pow(digits);
    let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    format!("{sign}{}.{:0width$}", size / scale, size % scale, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        assert_eq!(parse("12.5", 6), Some(12_500_000));
        assert_eq!(parse("-0.000000001", 9), Some(-1));
        for text in ["", ".5", "5.", "1e3", "+1", " 1", "1.0000001", "--1", "1.2.3"] {
            assert_eq!(parse(text, 6), None, "{text}");
        }
        assert_eq!((print(-1, 9), print(12_500_000, 6)), ("-0.000000001".to_owned(), "12.500000".to_owned()));
    }
}
