//! Settings that come from the environment, and those that look like one and are none.
use clap::Command;
use std::ffi::OsString;
use tracing_subscriber::EnvFilter;

/// What all names of ours begin with.
const OURS: &str = "HEADROOM_";
pub const LOG: &str = "HEADROOM_LOG";
/// Read by something else than a flag: the log, and programs that build, test or load this one.
const ALSO: [&str; 5] = [LOG, "HEADROOM_BIN", "HEADROOM_URL", "HEADROOM_RANDOM_BOOKS", "HEADROOM_TEST_DISK"];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What is logged without a wish, and with one that can't be read.
const USUAL: &str = "warn";
/// So many letters may be wrong in what is proposed.
const MOST_WRONG: usize = 3;

/// The filter that a text asks for, or the usual one, and why it is not what was asked for.
pub fn log_filter(wish: Option<&str>) -> (EnvFilter, Option<String>) {
    let usual = || EnvFilter::new(USUAL);
    let Some(wish) = wish.map(str::trim).filter(|wish| !wish.is_empty()) else { return (usual(), None) };
    let example = format!("as in `info`, `debug` or `headroom=debug,sqlx=warn`; it is `{USUAL}` now");
    // A word that is no level would be taken for the name of a module of which all is logged.
    let misspelt = wish.split(',').map(str::trim).find_map(|word| {
        let level = word.rsplit('=').next().unwrap_or(word).to_ascii_lowercase();
        let near = nearest(&level, LEVELS.into_iter())?;
        (near != level && level.parse::<usize>().is_err()).then_some((word, near))
    });
    if let Some((word, near)) = misspelt {
        return (usual(), Some(format!("{LOG}: `{word}` is no level (did you mean `{near}`?), {example}")));
    }
    match EnvFilter::try_new(wish) {
        Ok(filter) => (filter, None),
        Err(error) => (usual(), Some(format!("{LOG}: `{wish}` cannot be read: {error}. Write levels {example}"))),
    }
}

/// A line for each variable that begins as ours do and that nothing reads.
pub fn unknown(command: &Command, names: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut known = known(command);
    known.extend(ALSO.map(str::to_owned));
    let strange = names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with(OURS));
    let mut strange: Vec<String> = strange.filter(|name| !known.contains(name)).collect();
    strange.sort();
    let told = strange.into_iter().map(|name| match nearest(&name, known.iter().map(String::as_str)) {
        Some(near) => format!("{name} is set and is no setting: it changes nothing. Did you mean {near}?"),
        None => format!("{name} is set and is no setting: it changes nothing. `headroom up --help` names them all"),
    });
    told.collect()
}

/// The variables of all flags of all commands.
fn known(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(known)).collect()
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(name, known), known)).min()?;
    // Of a short word two thirds must be right.
    (near.0 <= MOST_WRONG.min(near.1.len() / 3)).then_some(near.1)
}

/// Letters to add, drop, replace, or swap with the next, until one is the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (rows[i][j] + usize::from(a != b)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_told_with_the_nearest_name() {
        let flag = |name: &'static str, variable: &'static str| clap::Arg::new(name).long(name).env(variable);
        let up = Command::new("up").arg(flag("rate", "HEADROOM_RATE_LIMIT")).arg(flag("data", "HEADROOM_DATA"));
        let command = Command::new("headroom").subcommand(up);
        let told = |name: &str| unknown(&command, [OsString::from(name)].into_iter());
        for silent in ["HEADROOM_RATE_LIMIT", "HEADROOM_LOG", "HEADROOM_BIN", "PATH", "RATE_LIMTI"] {
            assert_eq!(told(silent), Vec::<String>::new(), "{silent}");
        }
        for (name, near) in [("HEADROOM_RATE_LIMTI", "HEADROOM_RATE_LIMIT"), ("HEADROOM_DAT", "HEADROOM_DATA")] {
            assert!(
                told(name)[0].contains(name) && told(name)[0].contains(&format!("mean {near}?")),
                "{:?}",
                told(name)
            );
        }
        assert!(told("HEADROOM_SOMETHING_ELSE")[0].contains("--help"));
    }

    #[test]
    fn a_level_that_is_none_is_told() {
        for good in ["", "info", "INFO", "headroom=debug,sqlx=warn", "headroom", "headroom::workers=trace", "2"] {
            assert_eq!(log_filter(Some(good)).1, None, "{good}");
        }
        assert_eq!(log_filter(None).1, None);
        for (bad, words) in [("infoo", "`info`"), ("headroom=debgu", "`debug`"), ("a=b=c", "cannot be read")] {
            let (_, why) = log_filter(Some(bad));
            assert!(why.as_ref().is_some_and(|why| why.contains(words) && why.contains(LOG)), "{bad}: {why:?}");
        }
    }
}
