//! What a price consists of, and what a bid's winning costs others.
use super::words::{money, money_of, trimmed};
use headroom_market::clearing::{Externality, Money, PriceParts};

/// What is in a price beside what its supply asks for; `None` where there is nothing.
pub fn parts(of: &PriceParts) -> Option<String> {
    let beside = [
        (of.transfer, "for the way from another pool"),
        (of.congestion, "as that way is full"),
        (of.scarcity, "as there is no more of it"),
    ];
    let beside: Vec<String> = beside
        .into_iter()
        .filter(|(part, _)| *part > 0)
        .map(|(part, why)| format!("{} {why}", trimmed(part.into(), 9)))
        .collect();
    (!beside.is_empty())
        .then(|| format!("of which {} is what its supply asks, {}", trimmed(of.base.into(), 9), beside.join(", ")))
}

/// What it pays beside what it costs all others that it wins.
pub fn beside_others(of: Externality) -> String {
    let (paid, cost) = (money(Money(of.paid)), money_of(of.cost.into()));
    match of.ratio_thousandths() {
        Some(ratio) => format!(
            "Had it stayed away, all others (the operator with its reserve price among them) would be better off by {cost}: it \
             pays {paid}, {} times that. Near 1 a price is just what the bid takes from them.\n",
            trimmed(ratio.into(), 3)
        ),
        None => format!("Had it stayed away, nobody else would be better off: it pays {paid}.\n"),
    }
}
