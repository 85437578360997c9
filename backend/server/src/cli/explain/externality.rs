//! What a bid's winning costs others.
use super::words::{money, money_of, trimmed};
use headroom_market::clearing::{Externality, Money};

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
