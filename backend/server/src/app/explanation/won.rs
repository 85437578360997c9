//! What an order has won that ended with a part of what it asked for.
use headroom_market::book::{Order, TimeInForce};
use headroom_market::time::Slot;
use headroom_market::units::Resource;
use std::collections::{BTreeMap, BTreeSet};

/// In words, of a filled order and what each line of all its awards brought; `None` where it has all that it asked for.
pub fn in_part(order: &Order, lines: impl Iterator<Item = (Resource, Slot, i64)>, slot_seconds: i64) -> Option<String> {
    let mut won: BTreeMap<(Resource, Slot), i64> = BTreeMap::new();
    for (resource, slot, quantity) in lines {
        *won.entry((resource, slot)).or_default() += quantity;
    }
    if won.is_empty() {
        return None;
    }
    let slots = won.keys().map(|(_, slot)| *slot).collect::<BTreeSet<Slot>>().len();
    let window = usize::try_from(order.request.window_slots(slot_seconds)).ok()?;
    let replicas = i64::from(order.request.replicas.max(1));
    let mut parts = Vec::new();
    for (resource, each) in &order.request.resources {
        let asked = each * replicas;
        // a unit more or less is rounding
        // of what was rounded to nothing there is no line
        let least = won.iter().filter(|((r, _), _)| r == resource).map(|(_, quantity)| *quantity).min().unwrap_or(0);
        if least + 1 < asked || replicas > 1 && least < asked {
            parts.push(format!("{least} {resource} of {asked} {resource}"));
        }
    }
    let mut what = Vec::new();
    if !parts.is_empty() {
        what.push(format!("{} a slot", parts.join(" and ")));
    }
    if slots < window {
        what.push(format!("{slots} of its {window} slots"));
    }
    if what.is_empty() {
        return None;
    }
    let why = match order.request.time_in_force {
        TimeInForce::Ioc | TimeInForce::Fok => "it takes what one round brings (`ioc`)",
        _ if order.request.stays_open_after_award(slot_seconds) => "what is left is too little to ask for",
        _ => "with a least part, several pools or a choice of runs or starts it asks for no more once it has won",
    };
    Some(format!("It won a part of what it asked for, {}, and ended with that: {why}.", what.join(", in ")))
}
