//! Why orders wait that no round has taken yet: their rows don't say it, a flood of them would be written anew
//! every few seconds. Whoever reads one is told all the same.
use crate::app::App;
use headroom_market::book::Order;
use headroom_market::market::Market;
use headroom_market::record::Table;
use headroom_store::StoreError;
use headroom_store::read::Scope;

/// What tells them apart from others. Taken before orders are read: one that a round takes meanwhile says so itself.
#[derive(Clone, Copy, Debug)]
pub struct HeldBack {
    full_round: u64,
}

impl HeldBack {
    pub async fn now(app: &App) -> Result<HeldBack, StoreError> {
        let market = app.store.get(Table::Market, &Scope::All, "market").await?;
        let market = market.and_then(|document| serde_json::from_str::<Market>(&document).ok());
        Ok(HeldBack { full_round: market.map_or(0, |m| m.full_round) })
    }

    /// The document of an order with its reason.
    pub fn told(self, document: String) -> String {
        // Most have been in a round, or have ended.
        if self.full_round == 0 || !document.contains(r#""last_reason":null"#) {
            return document;
        }
        let Ok(mut order) = serde_json::from_str::<Order>(&document) else { return document };
        let Some(why) = order.why_not_won(self.full_round) else { return document };
        order.last_reason = Some(why);
        serde_json::to_string(&order).unwrap_or(document)
    }

    pub fn add_to(self, order: &mut Order) {
        order.last_reason = order.why_not_won(self.full_round);
    }
}
