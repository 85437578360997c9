//! V8: the printed gap is D(π) − W. By weak duality D(π) bounds the welfare of every allocation.

use crate::clearing::book::Side;
use crate::clearing::check::rules::{Broken, Check, Rule, value};
use crate::clearing::outcome::parts::Quality;

impl Check<'_> {
    pub(super) fn gap(&mut self) {
        let outcome = self.outcome;
        let (welfare, (bound, allowance)) = (self.welfare(), self.bound());
        let printed = [
            ("the printed welfare is another", outcome.welfare_nano, welfare),
            ("the printed bound is another", outcome.bound_nano, bound),
            ("the printed gap is another", outcome.gap.total_nano(), bound - welfare),
        ];
        let most = 1_000 * (outcome.awards.len() as i128 + 1);
        for (what, printed, is) in printed {
            if (printed - is).abs() > most {
                self.broken.push(Broken::new(Rule::V8, what).nano("printed", printed).nano("is", is));
            }
        }
        let parts = [outcome.gap.blocks_nano, outcome.gap.hosts_nano, outcome.gap.rounding_nano];
        if parts.iter().any(|part| *part < -most) {
            self.broken.push(Broken::new(Rule::V8, "a part of the gap is negative"));
        }
        let gap = bound - welfare;
        let wrong = match outcome.quality {
            Quality::Optimal => gap > allowance,
            Quality::Bounded => gap <= 0,
        };
        if wrong {
            let broken = Broken::new(Rule::V8, "the quality does not hold").nano("gap", gap);
            self.broken.push(broken.nano("allowance", allowance).text("quality", format!("{:?}", outcome.quality)));
        }
    }

    fn welfare(&self) -> i128 {
        let (book, outcome) = (self.book, self.outcome);
        let worth = outcome.awards.iter().map(|award| {
            let alternative = self.alternative(award);
            let worth = (value(alternative) * i128::from(award.lots)).div_euclid(i128::from(alternative.lots));
            if book.orders[award.order].side == Side::Bid { worth } else { -worth }
        });
        let supply =
            outcome.used.iter().zip(&book.products).flat_map(|(steps, product)| steps.iter().zip(&product.supply));
        let supply = supply.map(|(used, step)| i128::from(*used) * step.reserve_nano);
        let arcs = outcome.flows.iter().zip(&book.arcs).map(|(flow, arc)| i128::from(*flow) * arc.cost_nano);
        worth.sum::<i128>() - supply.sum::<i128>() - arcs.sum::<i128>()
    }

    /// D(π), and the rounding allowance: the worth of a lot of each order at the margin, and a nano-credit a base unit.
    fn bound(&self) -> (i128, i128) {
        let (book, outcome) = (self.book, self.outcome);
        let (mut bound, mut allowance) = (0, 0);
        for order in &book.orders {
            let (mut best, mut lot, mut units) = (0, 0, 0);
            for alternative in book.alternatives_of(order) {
                let gain = self.gain(order, alternative);
                best = best.max(gain);
                units = units.max(self.tolerance(alternative, alternative.lots));
                if self.is_marginal(alternative, gain) {
                    lot = lot.max(-(-value(alternative)).div_euclid(i128::from(alternative.lots)));
                }
            }
            bound += best;
            allowance += lot + units;
        }
        for (product, price) in book.products.iter().zip(&outcome.prices_nano) {
            for step in &product.supply {
                bound += (price - step.reserve_nano).max(0) * i128::from(step.quantity);
                allowance += i128::from(step.quantity);
            }
        }
        for ((node, product), premium) in &outcome.premiums_nano {
            bound += premium * i128::from(book.room(*node, *product));
            allowance += i128::from(book.room(*node, *product));
        }
        for (arc, flow) in book.arcs.iter().zip(&outcome.flows) {
            let profit = outcome.prices_nano[arc.to] - outcome.prices_nano[arc.from] - arc.cost_nano;
            bound += profit.max(0) * i128::from(arc.limit.unwrap_or(*flow));
            allowance += i128::from(arc.limit.unwrap_or(0));
        }
        (bound, allowance)
    }
}
