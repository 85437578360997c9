//! Latencies as counts by size, in microseconds: constant memory, integers only.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sizes from this many microseconds on share a count with others of nearly the same size: at most 1/128 apart.
const EXACT_BELOW: u64 = 128;

/// How often latencies of each size were seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    counts: BTreeMap<u64, u64>,
    total: u64,
    max_micros: u64,
}

/// Percentiles of latencies in microseconds, rounded up by at most 1/128. All are 0 while there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of the requests took at most this long.
    pub p50_micros: u64,
    /// 95 % of the requests took at most this long.
    pub p95_micros: u64,
    /// 99 % of the requests took at most this long.
    pub p99_micros: u64,
    /// The longest; exact.
    pub max_micros: u64,
}

impl Latencies {
    pub(crate) fn add(&mut self, micros: u64) {
        *self.counts.entry(largest_like(micros)).or_default() += 1;
        self.total += 1;
        self.max_micros = self.max_micros.max(micros);
    }

    pub(crate) fn add_all(&mut self, others: &Self) {
        for (size, count) in &others.counts {
            *self.counts.entry(*size).or_default() += count;
        }
        self.total += others.total;
        self.max_micros = self.max_micros.max(others.max_micros);
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many are larger, as far as sizes share a count.
    pub(crate) fn above(&self, micros: u64) -> u64 {
        self.counts.range(largest_like(micros).saturating_add(1)..).map(|(_, count)| count).sum()
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50_micros: self.percentile(50),
            p95_micros: self.percentile(95),
            p99_micros: self.percentile(99),
            max_micros: self.max_micros,
        }
    }

    /// The least size that `percent` of all do not exceed.
    fn percentile(&self, percent: u64) -> u64 {
        let rank = (u128::from(self.total) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (size, count) in &self.counts {
            seen += u128::from(*count);
            if seen >= rank {
                return (*size).min(self.max_micros);
            }
        }
        self.max_micros
    }
}

/// The largest size that shares its count with this one.
fn largest_like(micros: u64) -> u64 {
    let bits = u64::BITS - micros.leading_zeros();
    let shift = bits.saturating_sub(u64::BITS - EXACT_BELOW.leading_zeros());
    micros | ((1 << shift) - 1)
}

/// The most that the copy's 95th percentile may be, in microseconds.
pub(crate) fn most_allowed(original_micros: u64, percent: u32, allowance_millis: u64) -> u64 {
    let share = u128::from(original_micros) * u128::from(percent) / 100;
    let most = share + u128::from(allowance_millis) * 1_000;
    u64::try_from(most).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_are_the_ranks() {
        let mut latencies = Latencies::default();
        for micros in (1..=100).rev() {
            latencies.add(micros);
        }
        let expected = Percentiles { p50_micros: 50, p95_micros: 95, p99_micros: 99, max_micros: 100 };
        assert_eq!(latencies.percentiles(), expected);
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
    }

    #[test]
    fn two_counts_add_up_to_one() {
        let (mut sum, mut other) = (Latencies::default(), Latencies::default());
        [1, 10_000, 20_000].into_iter().for_each(|micros| sum.add(micros));
        [1, 30_000].into_iter().for_each(|micros| other.add(micros));
        sum.add_all(&other);
        assert_eq!((sum.total(), sum.above(0), sum.above(1), sum.above(10_000), sum.above(30_000)), (5, 5, 3, 2, 0));
        assert_eq!(sum.percentiles().max_micros, 30_000);
    }

    #[test]
    fn large_sizes_are_rounded_up_by_a_128th_at_most() {
        for micros in [127, 128, 255, 256, 257, 1_000, 123_456_789, u64::MAX / 3, u64::MAX] {
            let like = largest_like(micros);
            assert!(like >= micros && like - micros <= micros / 128, "{micros} {like}");
        }
        assert_eq!([largest_like(0), largest_like(255), largest_like(256)], [0, 255, 257]);
    }

    #[test]
    fn the_most_allowed_is_the_share_and_the_allowance() {
        assert_eq!(most_allowed(1_000, 125, 2), 3_250);
        assert_eq!(most_allowed(u64::MAX, 200, 0), u64::MAX);
    }
}
