//! Two sides of a comparison that may have a million rows: what the journal says should be in a table, and what is.
//!
//! Each side is read once, in whatever order its rows come, and adds a hash of every row to one of few sums, by the row's id.
//! Where a sum is not the other side's, both are read once more and the rows of that sum alone are kept, so that the
//! one that differs can be named. Memory does not grow with the rows.
use headroom_market::record::Table;
use headroom_store::write::table_name;
use std::collections::BTreeMap;

/// Rows of a kind share so many sums: of a million each sum has some 250.
const SUMS: usize = 4096;
/// What a message shows of a row, and what of it before the difference.
const SHOWN: usize = 600;
const ALIKE: usize = 150;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Rows(Table),
    Transfers,
    Stream,
}

impl Kind {
    pub fn table(self) -> &'static str {
        match self {
            Kind::Rows(table) => table_name(table),
            Kind::Transfers => "transfers",
            Kind::Stream => "outbox",
        }
    }
}

/// The sum that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub kind: Kind,
    sum: usize,
}

#[derive(Debug, Default)]
pub struct Side {
    sums: BTreeMap<Kind, Vec<u128>>,
    counts: BTreeMap<Kind, u64>,
    only: Option<Place>,
    kept: BTreeMap<String, String>,
}

impl Side {
    /// One that keeps the rows of a sum.
    pub fn of(place: Place) -> Side {
        Side { only: Some(place), ..Side::default() }
    }

    /// Whether rows of a kind are wanted at all.
    pub fn wants(&self, kind: Kind) -> bool {
        self.only.is_none_or(|place| place.kind == kind)
    }

    pub fn add(&mut self, kind: Kind, id: &str, text: impl FnOnce() -> String) {
        let sum = sum_of(id);
        if let Some(place) = self.only {
            if place == (Place { kind, sum }) {
                self.kept.insert(id.to_owned(), text());
            }
            return;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(id.as_bytes()).update(b"\0").update(text().as_bytes());
        let mut hash = [0u8; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        let sums = self.sums.entry(kind).or_insert_with(|| vec![0; SUMS]);
        sums[sum] = sums[sum].wrapping_add(u128::from_le_bytes(hash));
        *self.counts.entry(kind).or_default() += 1;
    }

    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// Where it is not the other side.
    pub fn differs_from(&self, other: &Side) -> Vec<Place> {
        let none = vec![0; SUMS];
        // Money first: what differs there explains what differs elsewhere.
        let kinds = [Kind::Transfers].into_iter().chain(Table::ALL.map(Kind::Rows)).chain([Kind::Stream]);
        let places = kinds.flat_map(|kind| {
            let of = |side: &Side| side.sums.get(&kind).unwrap_or(&none).clone();
            let sums = of(self).into_iter().zip(of(other)).enumerate();
            sums.filter(|(_, (a, b))| a != b).map(|(sum, _)| Place { kind, sum }).collect::<Vec<_>>()
        });
        places.collect()
    }

    /// What differs between the rows that the journal gives and those that are `stored`, of the sum that both have kept;
    /// nothing where each row is as the journal gave it last.
    pub fn named(&self, stored: &Side, place: Place) -> Option<String> {
        let table = place.kind.table();
        for (id, expected) in &self.kept {
            match stored.kept.get(id) {
                None => {
                    return Some(format!(
                        "{table}: row {id} is not in the table; the journal gives {}",
                        shown(expected)
                    ));
                }
                Some(row) if row != expected => {
                    let (row, expected) = from_the_difference(row, expected);
                    let (row, expected) = (shown(&row), shown(&expected));
                    return Some(format!("{table}: row {id} is {row}, the journal gives {expected}"));
                }
                Some(_) => {}
            }
        }
        let unknown = stored.kept.iter().find(|(id, _)| !self.kept.contains_key(*id));
        unknown.map(|(id, row)| format!("{table}: row {id} is in the table and not in the journal: {}", shown(row)))
    }
}

/// FNV-1a: any function of the id would do.
fn sum_of(id: &str) -> usize {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash >> 32) as usize % SUMS
}

/// Both without what they begin with alike, if that is long: what differs is to be seen.
fn from_the_difference(one: &str, other: &str) -> (String, String) {
    let alike = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b).map_or(0, |((at, _), _)| at);
    let start = (0..=alike.saturating_sub(ALIKE)).rev().find(|at| one.is_char_boundary(*at)).unwrap_or(0);
    if start == 0 {
        return (one.to_owned(), other.to_owned());
    }
    (format!("…{}", &one[start..]), format!("…{}", &other[start..]))
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(rows: &[(&str, &str)], place: Option<Place>) -> Side {
        let mut side = place.map_or_else(Side::default, Side::of);
        rows.iter().for_each(|(id, text)| side.add(Kind::Transfers, id, || (*text).to_owned()));
        side
    }

    #[test]
    fn what_differs_is_shown() {
        let long = "é".repeat(500);
        let (one, other) = from_the_difference(&format!("{long}a"), &format!("{long}b"));
        assert!(one.starts_with("…é") && one.ends_with('a') && one.len() < 200, "{one}");
        assert_eq!(one.replace('a', "b"), other);
        assert_eq!(from_the_difference("xa", "xb"), ("xa".to_owned(), "xb".to_owned()));
    }

    #[test]
    fn rows_are_compared_in_any_order_and_the_one_that_differs_is_named() {
        let journal = [("a", "1"), ("b", "2"), ("c", "3")];
        let same = [("c", "3"), ("a", "1"), ("b", "2")];
        assert_eq!(side(&journal, None).differs_from(&side(&same, None)), []);
        for (stored, words) in [
            (&[("a", "1"), ("b", "9"), ("c", "3")][..], "transfers: row b is 9, the journal gives 2"),
            (&[("a", "1"), ("b", "2")][..], "transfers: row c is not in the table"),
            (&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")][..], "transfers: row d is in the table and not"),
            (&[("a", "2"), ("b", "1"), ("c", "3")][..], "transfers: row a is 2, the journal gives 1"),
        ] {
            let places = side(&journal, None).differs_from(&side(stored, None));
            assert!(!places.is_empty(), "they differ");
            // Which of several sums is first is chance; what is said of a row is not.
            let said: Vec<String> = ["a", "b", "c", "d"]
                .map(|id| Place { kind: Kind::Transfers, sum: sum_of(id) })
                .into_iter()
                .chain(places)
                .filter_map(|place| side(&journal, Some(place)).named(&side(stored, Some(place)), place))
                .collect();
            assert!(said.iter().any(|said| said.starts_with(words)), "{said:?}");
        }
    }
}
