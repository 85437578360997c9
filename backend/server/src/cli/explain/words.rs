//! Numbers and lists as people read them.
use headroom_market::clearing::Money;
use headroom_market::clearing::book::Quantity;
use headroom_market::clearing::outcome::Bottleneck;
use headroom_market::clearing::rational::{Rat, format_decimal};

pub fn bottleneck(b: &Bottleneck) -> String {
    let free = grouped(b.free.into());
    format!("The nearest is node {}, with {free} {} free in slot {}.", b.node, b.resource, b.slot)
}

pub fn list(quantities: &[Quantity]) -> String {
    let one = |q: &Quantity| format!("{} {}", grouped(q.quantity.into()), q.product);
    quantities.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub fn money(m: Money) -> String {
    money_of(m.0.into())
}

pub fn money_of(micro: i128) -> String {
    format!("{} credits", trimmed(micro, 6))
}

/// A decimal without zeros at its end.
pub fn trimmed(n: i128, digits: u32) -> String {
    let text = format_decimal(n, digits);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An integer in groups of three.
pub fn grouped(n: i128) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "-" } else { "" });
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A part as a percentage with one digit, never "0 %" or "100 %" of what is neither.
pub fn percent(part: &Rat) -> String {
    let tenths = (part * &Rat::int(1000)).round().clamp(1, 999);
    format!("{} %", trimmed(tenths, 1))
}

/// A price of a unit in micro-credits, to 9 digits of a credit.
pub fn unit_price(micro: &Rat) -> String {
    trimmed((micro * &Rat::int(1_000)).round(), 9)
}
