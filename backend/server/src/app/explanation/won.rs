//! What an order has won that ended with a part of what it asked for.
use headroom_market::book::{Order, Side, TimeInForce};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource};
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

/// Of a parent that cost more than its own limit; nothing else may (docs/bidder.md, linked bids).
pub fn beyond_its_limit(order: &Order) -> Option<String> {
    let beyond = order.awarded - order.request.limit;
    (order.side == Side::Bid && beyond > Credits::ZERO).then(|| {
        format!("It cost {beyond} more than its limit, as its children gained at least so much by winning with it.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_that_cost_more_than_its_limit_is_told_so() {
        let order = |awarded: &str| -> Order {
            serde_json::from_value(serde_json::json!({
                "id": "bid_01m7w6c380fh08zv3bjp1wmpmd", "side": "bid", "participant": "par_01m7w6c380fh08zv3bjp1wmpmd",
                "status": "filled", "instance": null,
                "window": { "start_at": "2026-11-20T10:20:00Z", "end_at": "2026-11-20T10:21:00Z" },
                "resources": { "cpu_milli": 400 }, "pools": [{ "pool": "p" }], "limit": "0.108",
                "remaining": {}, "remaining_replicas": 0, "remaining_limit": "0", "hold": "0",
                "awarded": awarded, "awards": [], "origin": "manual", "last_reason": null, "closed_reason": null,
                "replaces": null, "replaced_by": null, "pending_replacement": null,
                "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
            }))
            .expect("an order")
        };
        let told = beyond_its_limit(&order("0.216")).expect("it is told");
        assert!(told.contains("0.108000 more than its limit"), "{told}");
        assert_eq!(beyond_its_limit(&order("0.108")), None);
    }
}
