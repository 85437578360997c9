//! The operator's supply of a product as steps of a book: what is released of it and not yet sold.
use crate::clearing::document::Step;
use crate::records::pool::ReserveStep;

/// Of `total` base units `released_millis` thousandths may be sold so far; `sold` is what has been,
/// by step. Cheapest step first.
pub fn steps(total: i64, released_millis: i64, schedule: &[ReserveStep], sold: &[i64]) -> Vec<Step> {
    let mut left = (i128::from(total) * i128::from(released_millis) / 1000) as i64;
    left = (left - sold.iter().sum::<i64>()).max(0);
    let mut steps = Vec::new();
    for (index, step) in schedule.iter().enumerate() {
        let quantity = (of_step(total, step) - sold.get(index).copied().unwrap_or(0)).clamp(0, left);
        left -= quantity;
        steps.push(Step { quantity, reserve: step.price });
    }
    steps
}

/// A step's part of all the supply, base units.
pub fn of_step(total: i64, step: &ReserveStep) -> i64 {
    (i128::from(total) * i128::from(step.share.units()) / 1_000_000) as i64
}

/// What of a sold quantity is of which step, where it was sold from the cheapest unit on; what is more than
/// there is of all steps counts to the last.
pub fn filled(total: i64, schedule: &[ReserveStep], sold: i64) -> Vec<i64> {
    let mut left = sold;
    let last = schedule.len().saturating_sub(1);
    let fill = |(n, step): (usize, &ReserveStep)| {
        let quantity = if n == last { left } else { of_step(total, step).min(left) };
        left -= quantity;
        quantity
    };
    schedule.iter().enumerate().map(fill).collect()
}

/// The total under which the steps of a book come out as they stand in it, if there is one: a book
/// says what is left of each step, not of how much.
pub fn total_behind(book: &[Step], released_millis: i64, schedule: &[ReserveStep], sold: &[i64]) -> Option<i64> {
    if released_millis <= 0 {
        return None;
    }
    let released = book.iter().map(|s| s.quantity).sum::<i64>() + sold.iter().sum::<i64>();
    let per = |n: i64| i64::try_from(i128::from(n) * 1000 / i128::from(released_millis)).ok();
    // Rounding down hides less than a unit in the release and in each step.
    let hidden = schedule.len() as i64 + 1;
    let (least, most) = (per(released)?, per(released.checked_add(hidden)?)?.checked_add(1)?);
    let fits = |total: &i64| steps(*total, released_millis, schedule, sold) == book;
    (least..=most.min(least.saturating_add(MOST_TRIED))).find(fits)
}

/// Totals that are tried: with little released, a unit of it stands for many of the total.
const MOST_TRIED: i64 = 2_000;
