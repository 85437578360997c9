//! Amounts and reasons as people read them.
use headroom_market::clearing::book::{Side, print};
use headroom_market::clearing::outcome::Reason;

pub fn credits(micro: i128) -> String {
    format!("{} credits", trimmed(micro, 6))
}

/// The same of nano-credits.
pub fn credits_of_nano(nano: i128) -> String {
    format!("{} credits", trimmed(nano, 9))
}

/// A decimal without zeros at its end.
pub fn trimmed(value: i128, digits: u32) -> String {
    print(value, digits).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An integer in groups of three.
pub fn grouped(value: i128) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The code of a reason, as outcomes write it.
pub fn code(reason: Reason) -> String {
    serde_json::to_value(reason).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The end of a sentence that ends in "because" (rule book §4).
pub fn because(reason: Reason, side: Side) -> &'static str {
    match reason {
        Reason::Halted => "its pool is halted",
        Reason::WorkloadAway => "its workload is away",
        Reason::NoVacatePath => "what it holds could not be taken back at its end",
        Reason::Interrupted => "a price would have left its band, so that nothing was awarded there in this round",
        Reason::OutOfMoney if side == Side::Bid => "it costs more than its limit",
        Reason::OutOfMoney => "it brings less than its limit",
        Reason::Tie => "the price is its own limit, and others come before it",
        Reason::NoRoom if side == Side::Bid => "it does not fit into what is left unsold at these prices",
        Reason::NoRoom => "no bid takes as little as is left",
        Reason::NoHost => "no node that it may use has room for a whole lot of it",
        Reason::Block => {
            "it is won whole or in one of several ways, and with it no prices were found at which nobody loses"
        }
    }
}
