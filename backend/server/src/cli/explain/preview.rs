//! `headroom preview`: a book without and with one more order.
use super::Loaded;
use super::story::Story;
use super::words::trimmed;
use crate::cli::offline::{Done, cleared, read_text, refuse, unreadable};
use clap::Args;
use headroom_market::clearing::book;
use headroom_market::clearing::document::{Award, Outcome};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Orders that are named of each kind of change.
const MOST_NAMED: usize = 5;

#[derive(Args)]
pub struct PreviewArgs {
    /// The book, a headroom.book/2 JSON file.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// The order to try, a JSON file in the form of an entry of the book's `orders`; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    order: PathBuf,
}

pub fn preview(args: &PreviewArgs) -> Done {
    let text = read_text(&args.book)?;
    let without = Loaded::of(&text)?;
    let order: Value = serde_json::from_str(&read_text(&args.order)?)
        .map_err(|error| unreadable(format!("The order is not JSON: {error}.")))?;
    let mut whole: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if let Some(orders) = whole.get_mut("orders").and_then(Value::as_array_mut) {
        orders.push(order);
    }
    let whole = whole.to_string();
    let place = without.names.orders.len();
    // The pointers are those of the order as it was given.
    let position = format!("/orders/{place}");
    if let Err(mut faults) = book::read(whole.as_bytes()) {
        for fault in &mut faults {
            fault.pointer = fault.pointer.strip_prefix(&position).unwrap_or(&fault.pointer).to_owned();
        }
        return Err(refuse(&faults));
    }
    let with = Loaded::of(&whole)?;
    let (before, after) = (cleared(&without.numbers)?, cleared(&with.numbers)?);
    let order = &with.names.orders[place];
    let story = Story::new(&with.numbers, (&after.numbers, &after.names), place, order);
    crate::cli::say(format_args!("{}\n{}", story.about(), changes(&before.names, &after.names, &order.id).trim_end()));
    Ok(())
}

/// What an order changes for others.
fn changes(before: &Outcome, after: &Outcome, id: &str) -> String {
    let mut lines = Vec::new();
    let (was, traded) = (before.prices(), (before.traded(), after.traded()));
    for now in &after.prices {
        let key = now.key();
        let known = was.get(&key).filter(|was| **was != now.price);
        if let Some(was) = known.filter(|_| traded.0.contains(&key) || traded.1.contains(&key)) {
            let (was, now) = (trimmed(was.units().into(), 9), trimmed(now.price.units().into(), 9));
            lines.push(format!("{key} costs {now} instead of {was}"));
        }
    }
    fn by_order(outcome: &Outcome) -> BTreeMap<&str, &Award> {
        outcome.awards.iter().map(|award| (award.order.as_str(), award)).collect()
    }
    let (had, has) = (by_order(before), by_order(after));
    let units =
        |award: Option<&&Award>| -> i64 { award.map_or(0, |award| award.quantities.iter().map(|q| q.quantity).sum()) };
    let mut others: Vec<&str> = had.keys().chain(has.keys()).copied().filter(|other| *other != id).collect();
    others.sort_unstable();
    others.dedup();
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for other in others {
        let (earlier, now) = (had.get(other), has.get(other));
        let kind = match units(now).cmp(&units(earlier)) {
            std::cmp::Ordering::Less => "win less",
            std::cmp::Ordering::Greater => "win more",
            std::cmp::Ordering::Equal if earlier.map(|a| a.alternative) != now.map(|a| a.alternative) => {
                "win another alternative"
            }
            std::cmp::Ordering::Equal if earlier.map(|a| a.money) != now.map(|a| a.money) => {
                "win the same for another price"
            }
            std::cmp::Ordering::Equal => continue,
        };
        let lots = |award: Option<&&Award>| award.map_or(0, |award| award.lots);
        let change = if lots(earlier) == lots(now) {
            other.to_owned()
        } else {
            format!("{other} ({} lots instead of {})", lots(now), lots(earlier))
        };
        kinds.entry(kind).or_default().push(change);
    }
    for (kind, changed) in kinds {
        let mut line = format!("{} {kind}: {}", changed.len(), changed[..changed.len().min(MOST_NAMED)].join(", "));
        if changed.len() > MOST_NAMED {
            let _ = write!(line, " and {} more", changed.len() - MOST_NAMED);
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return "With it in the book nothing changes for anybody else.".to_owned();
    }
    format!("With it in the book:\n  {}", lines.join("\n  "))
}
