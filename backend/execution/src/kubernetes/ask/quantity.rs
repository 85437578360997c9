//! Quantities such as `1500m`, and durations such as `15.2s`, as Kubernetes writes them.

use std::time::Duration;

/// More digits than this are no quantity of a computer.
const MOST_DIGITS: usize = 20;

/// A quantity in billionths, rounded up. Nothing where the text is none, or is negative.
pub(in crate::kubernetes) fn nanos(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || digits.len() > MOST_DIGITS || part.contains('.') {
        return None;
    }
    let value: u128 = digits.parse().ok()?;
    let (power, factor): (i32, u128) = match suffix {
        "n" => (-9, 1),
        "u" => (-6, 1),
        "m" => (-3, 1),
        "" => (0, 1),
        "k" => (3, 1),
        "M" => (6, 1),
        "G" => (9, 1),
        "T" => (12, 1),
        "P" => (15, 1),
        "E" => (18, 1),
        "Ki" => (0, 1 << 10),
        "Mi" => (0, 1 << 20),
        "Gi" => (0, 1 << 30),
        "Ti" => (0, 1 << 40),
        "Pi" => (0, 1 << 50),
        "Ei" => (0, 1 << 60),
        other => (other.strip_prefix(['e', 'E'])?.parse::<i8>().ok()?.into(), 1),
    };
    let power = power.checked_add(9)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    let scale = 10_u128.checked_pow(power.unsigned_abs())?;
    let value = value.checked_mul(factor)?;
    if power < 0 { Some(value.div_ceil(scale)) } else { value.checked_mul(scale) }
}

/// CPU in thousandths of a core, rounded up as Kubernetes does.
pub(in crate::kubernetes) fn milli(text: &str) -> Option<u64> {
    u64::try_from(nanos(text)?.div_ceil(1_000_000)).ok()
}

/// Memory in KiB, rounded up.
pub(in crate::kubernetes) fn kib(text: &str) -> Option<u64> {
    u64::try_from(nanos(text)?.div_ceil(1_000_000_000).div_ceil(1_024)).ok()
}

/// A duration as Go writes it: `30s`, `1m0s`, `15.034s`, `500ms`.
pub(in crate::kubernetes) fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut all) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let units = [("ms", 1_000_000), ("us", 1_000), ("µs", 1_000), ("ns", 1), ("h", 3_600_000_000_000)];
        let more = [("m", 60_000_000_000), ("s", 1_000_000_000)];
        let (unit, of_one): (&str, u128) = units.into_iter().chain(more).find(|(unit, _)| after.starts_with(unit))?;
        let nanoseconds = nanos(number)?.checked_mul(of_one)? / 1_000_000_000;
        all = all.checked_add(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))?;
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        let all = [
            ("500m", 500),
            ("1", 1_000),
            ("0.5", 500),
            ("1.5", 1_500),
            (".1", 100),
            ("2k", 2_000_000),
            ("1e3", 1_000_000),
            ("1500e-3", 1_500),
            ("0.1m", 1),
            ("250000u", 250),
            ("1234567n", 2),
            ("0", 0),
        ];
        for (text, expected) in all {
            assert_eq!(milli(text), Some(expected), "{text}");
        }
        assert_eq!((kib("128Mi"), kib("1000"), kib("1G")), (Some(131_072), Some(1), Some(976_563)));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "m", "-1", "1x", "1.2.3", "1 ", "1e", "1e99", "99999999999999999999Ei", "1e127", "½"] {
            assert_eq!(milli(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let all = [("30s", 30_000), ("1m0s", 60_000), ("15.034s", 15_034), ("500ms", 500), ("1h2m", 3_720_000)];
        for (text, milliseconds) in all {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "30", "s", "x", "1d", "-1s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
