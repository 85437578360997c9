//! What must hold of every round: no bid and no offer of one participant in it could trade with each other.
use headroom_market::clearing::book::Side;
use headroom_market::clearing::document::{Book, Order};

/// At no price of a product could its owner's bid and offer both win. A bid for several products may pay all of its limit for
/// one of them, and an offer of several may give one for nothing.
pub fn nobody_meets_itself(book: &Book) {
    let of = |side: Side| book.orders.iter().filter(move |o| o.side == side);
    for offer in of(Side::Offer) {
        for bid in of(Side::Bid).filter(|o| o.owner == offer.owner) {
            assert!(!meet(bid, offer), "{} and {} of {}", bid.id, offer.id, offer.owner);
        }
    }
}

fn meet(bid: &Order, offer: &Order) -> bool {
    offer.alternatives.iter().any(|gives| {
        let asks = if gives.quantities.len() > 1 { 0 } else { i128::from(offer.limit.units()) };
        gives.quantities.iter().any(|given| {
            bid.alternatives.iter().any(|takes| {
                let pays = i128::from((bid.limit - takes.adder).units());
                let mut same = takes.quantities.iter().filter(|taken| taken.product == given.product);
                same.any(|taken| pays * i128::from(given.quantity) >= asks * i128::from(taken.quantity))
            })
        })
    })
}
