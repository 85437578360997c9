//! A book cleared: the continuous optimum, whole lots, prices, and repair until the exact check finds nothing.

mod assemble;
mod polish;
mod unsold;

use crate::blocks::award::{Award, is_divisible, joined};
use crate::blocks::{divisible, place, round, tree};
use crate::model::{Model, Row, Source};
use crate::price_choice::{Choice, Prices};
use crate::price_search::optimum;
use headroom_market::clearing::book::{Book, Side};
use headroom_market::clearing::check::{Broken, Rule, check};
use headroom_market::clearing::outcome::{Mode, Outcome, Quality, Reason};
use std::collections::{BTreeMap, BTreeSet};
use unsold::Unsold;

/// The most repairs of one clearing.
const MOST_REPAIRS: usize = 100;
/// Columns looked at by tries with refused blocks, and the most repairs of one.
const PUT_BACK_WORK: usize = 24_000;
const PUT_BACK_REPAIRS: usize = 6;
/// Refused blocks are tried while the gap is more than this part of the welfare.
const PUT_BACK_GAP: i128 = 10_000;
/// The most times that an award is made whole at the same prices.
const MOST_POLISHES: usize = 3;
/// The most times that lots given by rank free others.
const MOST_SERVINGS: usize = 3;

struct Clearing<'b> {
    book: &'b Book,
    mode: Mode,
    model: Model,
    /// By column of the model.
    divisible_columns: Vec<bool>,
    /// By alternative of the book: whether prices can serve it to the unit, and whether they always do.
    form: Vec<bool>,
    divisible: Vec<bool>,
    ties: Vec<Vec<(usize, i64)>>,
    queues: Vec<Vec<usize>>,
    /// Prices of the continuous optimum, by row.
    found: Vec<f64>,
    told: &'b dyn Fn(Step),
}

/// The award of coarse lots under repair.
#[derive(Clone, Default)]
struct Draft {
    /// By alternative; divisible ones are 0.
    coarse: Vec<i64>,
    /// Lots of divisible alternatives of the last time; coarse ones are 0.
    beside: Vec<i64>,
    reasons: BTreeMap<usize, Reason>,
    /// The most lots that an order gets back at once: half of what it lost after the last time.
    step: BTreeMap<usize, i64>,
}

/// An award with its prices, and what the exact check has against them.
struct Tried {
    award: Award,
    prices: Prices,
    outcome: Outcome,
    broken: Vec<Broken>,
}

/// The alternatives that prices serve to the unit in a draft, and prices that do.
struct Open {
    is_open: Vec<bool>,
    from: BTreeMap<Row, f64>,
}

/// What a clearing has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The continuous optimum is found.
    Searched,
    /// Blocks and coarse lots are chosen.
    Chosen,
    /// An award was checked and breaks so many rules.
    Checked { broken: usize },
}

/// Clears a book; `None` if no outcome passes the check, which is a defect.
pub fn clear(book: &Book, mode: Mode) -> Option<Outcome> {
    clear_watched(book, mode, &|_| ())
}

/// The same, with each step told when it is done.
pub fn clear_watched<'b>(book: &'b Book, mode: Mode, told: &'b dyn Fn(Step)) -> Option<Outcome> {
    let model = Model::of(book);
    let point = optimum(&model);
    told(Step::Searched);
    let joined = joined(book);
    let (mut form, mut divisible) = (vec![false; book.alternatives.len()], vec![false; book.alternatives.len()]);
    for order in &book.orders {
        for number in order.alternatives.clone() {
            form[number] = is_divisible(book, &joined, order, &book.alternatives[number]);
            divisible[number] = form[number] && !order.is_block;
        }
    }
    let divisible_columns = model.source.iter().map(|source| match source {
        Source::Alternative(_, at) => divisible[*at],
        _ => true,
    });
    let divisible_columns = divisible_columns.collect();
    let clearing = Clearing {
        book,
        mode,
        divisible_columns,
        form,
        queues: round::queues(book, &divisible),
        divisible,
        ties: round::ties(book),
        found: point.price.clone(),
        told,
        model,
    };
    let coarse = tree::best(book, &clearing.model, &clearing.divisible_columns, &point);
    told(Step::Chosen);
    let mut beside = vec![0; book.alternatives.len()];
    for (column, source) in clearing.model.source.iter().enumerate() {
        if let Source::Alternative(_, at) = source
            && clearing.divisible[*at]
        {
            beside[*at] = round::whole(point.fill[column] * book.alternatives[*at].lots as f64);
        }
    }
    let draft = Draft { coarse, beside, ..Draft::default() };
    // Where no outcome with the blocks holds, the round is cleared without them, and last from nothing.
    let mut without = Draft { reasons: BTreeMap::new(), ..draft.clone() };
    for of in book.orders.iter().filter(|of| of.is_block) {
        of.alternatives.clone().for_each(|number| without.coarse[number] = 0);
    }
    let nothing = Draft { coarse: vec![0; book.alternatives.len()], ..without.clone() };
    let held = [draft, without, nothing].into_iter().find_map(|draft| clearing.repair(draft, MOST_REPAIRS))?;
    let (draft, held, open) = clearing.put_back_blocks(held);
    Some(clearing.finished(&draft, &open, held))
}

impl Clearing<'_> {
    /// What a draft comes to, at the first prices that may hold: the best ones are for awards that are kept.
    fn tried(&self, draft: &Draft) -> (Tried, Open) {
        let book = self.book;
        let mut award = self.placed(draft);
        let open: Vec<bool> =
            (0..self.divisible.len()).map(|n| self.divisible[n] || (self.form[n] && award.lots[n] > 0)).collect();
        let is_open = |number: usize| open[number];
        let mut support = self.found.clone();
        for _ in 0..MOST_SERVINGS {
            support = divisible::fill(book, &self.model, &self.queues, &is_open, &mut award, &support);
            place::place(book, &mut award, &is_open);
            let prices = self.rounded(&support);
            polish::settle(book, &mut award, &prices, &is_open);
            let coarse = |award: &Award| {
                award.lots.iter().zip(&self.divisible).filter(|(_, f)| !**f).map(|(l, _)| *l).collect::<Vec<i64>>()
            };
            let before = coarse(&award);
            polish::serve_by_rank(book, &mut award, &prices, &self.ties);
            if coarse(&award) == before {
                break;
            }
        }
        let from: BTreeMap<Row, f64> = self
            .model
            .rows
            .iter()
            .zip(support.iter().zip(&self.model.scale))
            .map(|(row, (p, s))| (*row, p * s))
            .collect();
        let open = Open { is_open: open, from };
        let prices = self.choice(&open, &award).any();
        let mut tried = self.judged(draft, award, prices);
        for _ in 0..MOST_POLISHES {
            if tried.broken.is_empty() {
                break;
            }
            let short = tried.broken.iter().filter(|b| b.rule == Rule::V5).filter_map(|b| b.order).collect();
            let award = polish::polish(book, &tried.award, &tried.prices, &short);
            let next = self.judged(draft, award, tried.prices.clone());
            if next.broken.len() >= tried.broken.len() {
                break;
            }
            tried = next;
        }
        (tried, open)
    }

    /// An award at prices, checked.
    fn judged(&self, draft: &Draft, award: Award, prices: Prices) -> Tried {
        let outcome = assemble::outcome(self.book, self.mode, &award, &prices, &draft.reasons);
        let broken = check(self.book, &outcome, Vec::new());
        Tried { award, prices, outcome, broken }
    }

    fn choice<'a>(&'a self, open: &Open, award: &'a Award) -> Choice<'a> {
        let exempt = |order: usize| self.mode == Mode::Welfare && self.book.orders[order].is_block;
        Choice::of(self.book, award, &|number| open.is_open[number], &open.from, &exempt)
    }

    /// The best prices of an award that holds, and the lots that bids win which bid just these.
    fn finished(&self, draft: &Draft, open: &Open, mut held: Tried) -> Outcome {
        let best = self.judged(draft, held.award.clone(), self.choice(open, &held.award).best());
        if best.broken.is_empty() {
            held = best;
        }
        if let Some(served) = polish::serve_margin(self.book, &held.award, &held.prices) {
            let served = self.judged(draft, served, held.prices.clone());
            if served.broken.is_empty() {
                held = served;
            }
        }
        held.outcome
    }

    /// Prices of the model's rows, in nano-credits.
    fn rounded(&self, support: &[f64]) -> Prices {
        let mut prices = Prices { of_product: vec![0; self.book.products.len()], premium: BTreeMap::new() };
        let nano = |row: usize| (support[row] * self.model.scale[row] * 1_000.0).round() as i128;
        for (row, of) in self.model.rows.iter().enumerate().filter(|(row, _)| nano(*row) > 0) {
            match *of {
                Row::Product(product) => prices.of_product[product] += nano(row),
                Row::NodeRoom(node, product) => *prices.premium.entry((node, product)).or_default() += nano(row),
                Row::PoolRoom(product) => {
                    for node in &self.book.pools[self.book.products[product].pool].nodes {
                        *prices.premium.entry((*node, product)).or_default() += nano(row);
                    }
                }
            }
        }
        prices
    }

    /// The coarse lots on their nodes, beside the divisible ones of the last time if they find room there.
    fn placed(&self, draft: &Draft) -> Award {
        let book = self.book;
        let is_coarse = |number: usize| !self.divisible[number];
        let with = |divisible: &[i64]| {
            let mut award = Award::none(book);
            award.lots = draft.coarse.iter().zip(divisible).map(|(coarse, divisible)| coarse + divisible).collect();
            let is_short = !place::place(book, &mut award, &|_| true);
            (award, is_short)
        };
        let (beside, is_short) = with(&draft.beside);
        let mut award = if is_short { with(&vec![0; draft.beside.len()]).0 } else { beside };
        for number in (0..award.lots.len()).filter(|number| !is_coarse(*number)) {
            award.lots[number] = 0;
            award.hosts[number].clear();
        }
        award
    }

    /// Repairs a draft until the check finds nothing.
    fn repair(&self, mut draft: Draft, most: usize) -> Option<(Draft, Tried, Open)> {
        for _ in 0..most {
            let (tried, open) = self.tried(&draft);
            (self.told)(Step::Checked { broken: tried.broken.len() });
            if tried.broken.is_empty() {
                return Some((draft, tried, open));
            }
            let Tried { award, prices, broken, .. } = tried;
            for (number, lots) in award.lots.iter().enumerate() {
                let of = if self.divisible[number] { &mut draft.beside } else { &mut draft.coarse };
                of[number] = *lots;
            }
            if !self.mend(&mut draft, &award, &prices, &broken) {
                return None;
            }
        }
        None
    }

    /// Tries the refused blocks that would gain, the greatest gain first, and keeps those with which more is gained.
    fn put_back_blocks(&self, mut best: (Draft, Tried, Open)) -> (Draft, Tried, Open) {
        let book = self.book;
        let mut tries = (PUT_BACK_WORK / self.model.columns().max(1)).clamp(2, 24);
        let (draft, held, _) = &best;
        let mut refused: Vec<(i128, usize)> = Vec::new();
        for of in book.orders.iter().filter(|of| of.is_block && of.alternatives.clone().all(|n| draft.coarse[n] == 0)) {
            let gain = |n| (assemble::best_gain(book, &held.prices, n, of.side), n);
            refused.extend(of.alternatives.clone().map(gain).max().filter(|(gain, _)| *gain > 0));
        }
        refused.sort_unstable_by(|a, b| b.cmp(a));
        for (_, number) in refused {
            let known = &best.1.outcome;
            let gap = known.bound_nano - known.welfare_nano;
            if tries == 0 || known.quality == Quality::Optimal || gap <= known.welfare_nano / PUT_BACK_GAP {
                break;
            }
            tries -= 1;
            let mut with = best.0.clone();
            with.coarse[number] = book.alternatives[number].lots;
            if let Some(better) = self.repair(with, PUT_BACK_REPAIRS)
                && better.1.outcome.welfare_nano > known.welfare_nano
            {
                best = better;
            }
        }
        best
    }

    /// One change of the draft against what is broken; false if there is none to make.
    fn mend(&self, draft: &mut Draft, award: &Award, prices: &Prices, broken: &[Broken]) -> bool {
        // A reason that does not hold: the other one does, or the bid is short without any, which is told apart.
        let mut changed = false;
        for order in broken.iter().filter(|b| b.what == "the reason does not hold").filter_map(|b| b.order) {
            let known = draft.reasons.get(&order);
            let other = match known {
                _ if self.book.orders[order].is_block => Reason::Block,
                Some(Reason::NoHost) => Reason::NoRoom,
                _ => Reason::NoHost,
            };
            draft.reasons.insert(order, other);
            changed = true;
        }
        if changed && broken.iter().all(|b| b.what == "the reason does not hold") {
            return true;
        }
        let losers = self.losers(draft, award, prices, broken, false);
        if !losers.is_empty() {
            losers.into_iter().for_each(|number| self.cut(draft, number));
            return true;
        }
        changed = false;
        let mut unsold = Unsold::of(self.book, award, prices);
        for order in broken.iter().filter(|b| b.rule == Rule::V5).filter_map(|b| b.order) {
            changed |= self.put_back(draft, award, prices, &mut unsold, order, changed);
        }
        if !changed {
            let losers = self.losers(draft, award, prices, broken, true);
            changed = !losers.is_empty();
            losers.into_iter().for_each(|number| self.cut(draft, number));
        }
        changed
    }

    /// Takes half of its lots from a winner, and all of them from a block.
    fn cut(&self, draft: &mut Draft, number: usize) {
        let book = self.book;
        let order = book.orders.iter().position(|o| o.alternatives.contains(&number)).unwrap_or(0);
        let kept = if book.orders[order].is_block { 0 } else { draft.coarse[number] / 2 };
        let kept = if kept >= book.alternatives[number].least { kept } else { 0 };
        draft.step.insert(order, ((draft.coarse[number] - kept) / 2).max(1));
        draft.coarse[number] = kept;
    }

    /// The next cuts: of the coarse winners that lose, those that lose most, half of those that share a product. If none
    /// loses, the one that gains least of those that share a product with what is broken.
    fn losers(&self, draft: &Draft, award: &Award, prices: &Prices, broken: &[Broken], any: bool) -> Vec<usize> {
        let book = self.book;
        let touched: BTreeSet<usize> = broken
            .iter()
            .filter(|b| matches!(b.rule, Rule::V1 | Rule::V3 | Rule::V5 | Rule::V7))
            .filter(|b| b.rule != Rule::V5 || b.order.is_some_and(|o| self.form[book.orders[o].alternatives.start]))
            .filter_map(|b| b.order)
            .flat_map(|order| {
                book.alternatives_of(&book.orders[order]).iter().flat_map(|a| book.lines_of(a)).map(|line| line.product)
            })
            .collect();
        let is_arc = broken.iter().any(|b| b.rule == Rule::V7 || (b.rule == Rule::V1 && b.order.is_none()));
        let mut winners: Vec<(bool, f64, usize)> = Vec::new();
        for of in &book.orders {
            for number in of.alternatives.clone().filter(|number| draft.coarse[*number] > 0) {
                let alternative = &book.alternatives[number];
                let shares = book.lines_of(alternative).iter().any(|line| touched.contains(&line.product));
                if !shares && !is_arc && !any {
                    continue;
                }
                let gain = assemble::gain(book, award, prices, number);
                let part = gain / (book.alternatives[number].value_micro as f64 * 1e3 + 1.0);
                winners.push((of.is_block, part, number));
            }
        }
        // Blocks go before others, and those that lose before those that gain.
        winners.sort_by(|(a_block, a, _), (b_block, b, _)| {
            (*b < 0.0).cmp(&(*a < 0.0)).then(b_block.cmp(a_block)).then(a.total_cmp(b))
        });
        // Of those that lose and share a product half go at once: the others may gain without them.
        let products = |number: usize| book.lines_of(&book.alternatives[number]).iter().map(|line| line.product);
        let mut open: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, _, number) in winners.iter().filter(|(_, part, _)| *part < 0.0) {
            products(*number).for_each(|product| *open.entry(product).or_default() += 1);
        }
        open.values_mut().for_each(|losing| *losing = losing.div_ceil(2));
        let mut losers = Vec::new();
        for (_, part, number) in winners {
            if part >= 0.0 && !losers.is_empty() {
                break;
            }
            if products(number).all(|product| open.get(&product).is_none_or(|left| *left > 0)) {
                products(number).for_each(|product| {
                    open.entry(product).and_modify(|left| *left -= 1).or_insert(0);
                });
                losers.push(number);
            }
        }
        losers
    }

    /// Gives an order that gains more lots, as many as are unsold. The first has one at least, since the check says that it
    /// fits; others only what it leaves.
    fn put_back(
        &self,
        draft: &mut Draft,
        award: &Award,
        prices: &Prices,
        unsold: &mut Unsold,
        order: usize,
        is_later: bool,
    ) -> bool {
        let book = self.book;
        let of = &book.orders[order];
        if of.side == Side::Offer {
            return false;
        }
        let won = of.alternatives.clone().find(|number| award.lots[*number] > 0);
        let gain = |number: &usize| assemble::best_gain(book, prices, *number, of.side);
        let Some(number) = won.or_else(|| of.alternatives.clone().max_by_key(gain)) else { return false };
        if self.divisible[number] {
            return false;
        }
        let alternative = &book.alternatives[number];
        let open = i128::from((alternative.lots - award.lots[number]).max(1));
        let most = draft.step.get(&order).map_or(open, |step| open.min(i128::from(*step)));
        let more = unsold.lots(book, number).max(i128::from(!is_later)).min(most);
        if more == 0 {
            return false;
        }
        draft.step.entry(order).and_modify(|step| *step = step.saturating_mul(2));
        unsold.take(book, number, more);
        for (at, lots) in unsold.lenders(book, number) {
            draft.beside[at] = lots;
        }
        let wanted = (award.lots[number] + more as i64).max(alternative.least).min(alternative.lots);
        std::mem::replace(&mut draft.coarse[number], wanted) != wanted
    }
}
