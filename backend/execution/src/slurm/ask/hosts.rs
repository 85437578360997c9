//! Names of nodes as Slurm shortens them: `n[1-3,07],gpu1`.

use crate::driver::DriverError;

/// More nodes than any cluster has.
const MOST_HOSTS: usize = 100_000;

fn damaged(text: &str) -> DriverError {
    DriverError::Corrupt { what: "list of nodes", detail: super::run::excerpt(text) }
}

/// All names, in their order. Errors: brackets that do not close, ranges that are none, too many names.
pub(in crate::slurm) fn expand(text: &str) -> Result<Vec<String>, DriverError> {
    let mut hosts = Vec::new();
    if matches!(text, "" | "(null)" | "None assigned") {
        return Ok(hosts);
    }
    for part in split(text).ok_or_else(|| damaged(text))? {
        let names = names(part, MOST_HOSTS - hosts.len()).ok_or_else(|| damaged(text))?;
        hosts.extend(names);
    }
    Ok(hosts)
}

/// At commas outside brackets.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (depth == 0 && parts.iter().all(|part| !part.is_empty())).then_some(parts)
}

fn names(part: &str, most: usize) -> Option<Vec<String>> {
    let Some((before, rest)) = part.split_once('[') else {
        let is_name = part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        return (is_name && most > 0).then(|| vec![part.to_owned()]);
    };
    let (ranges, after) = rest.split_once(']')?;
    let tails = if after.is_empty() { vec![String::new()] } else { names(after, most)? };
    let mut found = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let is_number = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(first) || !is_number(last) {
            return None;
        }
        let width = first.len();
        for number in first.parse::<u64>().ok()?..=last.parse().ok()? {
            if found.len() + tails.len() > most {
                return None;
            }
            found.extend(tails.iter().map(|tail| format!("{before}{number:0width$}{tail}")));
        }
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_names_expand_as_slurm_expands_them() {
        // Recorded from `scontrol show hostnames`.
        let all = expand("a[1-2]b[3-4],c07,d[008-010],x-1.y").expect("names");
        assert_eq!(all, ["a1b3", "a1b4", "a2b3", "a2b4", "c07", "d008", "d009", "d010", "x-1.y"]);
        assert_eq!(expand("n[1,3]").expect("names"), ["n1", "n3"]);
        assert!(expand("").expect("none").is_empty() && expand("None assigned").expect("none").is_empty());
    }

    #[test]
    fn a_hostile_list_of_nodes_is_an_error() {
        for text in ["n[1", "n1]", "n[]", "n[a-b]", "n[1-999999999]", "n[5-1]", ",", "n1,,n2", "n 1", "n[1-2][", "-[9"]
        {
            assert!(expand(text).is_err(), "{text}");
        }
    }
}
