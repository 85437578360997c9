//! `headroom explain` and `headroom preview`: what a round decided about one order, in prose.
//!
//! Everything is read from the book and its outcome; only the limit that would have won is found by
//! clearing the book again. Exit codes as in `offline`.
use super::offline::{Chosen, REFUSED, clear_book, read_book, read_outcome, read_text, refuse};
use clap::Args;
use headroom_market::clearing::book::{Order, Quantity, Side};
use headroom_market::clearing::outcome::{Award, Bottleneck, Reason, Refusal};
use headroom_market::clearing::rational::format_decimal;
use headroom_market::clearing::{self, Asked, Book, Limits, Mode, Money, Outcome, ProductKey, Winning, winning_limit};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct ExplainArgs {
    /// The book, a headroom.book/1 JSON file.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// Its outcome; cleared now if left out.
    #[arg(long, value_name = "FILE")]
    outcome: Option<PathBuf>,
    /// The order to explain.
    #[arg(long, value_name = "ID")]
    order: String,
    /// Leaves out the limit that would have won, which is found by clearing the book up to some 55 times.
    #[arg(long)]
    quick: bool,
}

#[derive(Args)]
pub struct PreviewArgs {
    /// The book, a headroom.book/1 JSON file.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// The order to try, a JSON file in the form of an entry of the book's `orders`; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    order: PathBuf,
}

pub fn explain(a: &ExplainArgs) -> ExitCode {
    let book = match read_book(&a.book) {
        Ok(book) => book,
        Err(code) => return code,
    };
    let outcome = match &a.outcome {
        Some(path) => read_outcome(path),
        None => clear_book(&book, Mode::Market).map(|c: Chosen| c.outcome),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(code) => return code,
    };
    if let Err(broken) = clearing::verify(&book, outcome.clone(), outcome.mode) {
        crate::cli::complain(format_args!("headroom: this is no outcome of the book; nothing is explained"));
        for b in broken {
            crate::cli::complain(format_args!("{b}"));
        }
        return ExitCode::from(REFUSED);
    }
    let Some(order) = book.orders.iter().find(|o| o.id == a.order) else {
        let near: Vec<&str> = book.orders.iter().map(|o| o.id.as_str()).filter(|id| id.contains(&a.order)).collect();
        let hint = match near.first() {
            Some(id) => format!("did you mean `{id}`?"),
            None => format!("it has {} orders", book.orders.len()),
        };
        crate::cli::complain(format_args!("headroom: there is no order `{}` in the book; {hint}", a.order));
        return ExitCode::FAILURE;
    };
    let story = Story { book: &book, outcome: &outcome };
    let mut text = story.about(order);
    if let Some(refused) = story.refusal(&order.id).filter(|_| !a.quick && outcome.mode == Mode::Market) {
        let found = search(&book, refused);
        text += &story.would_win(order, refused, found);
    }
    crate::cli::say(format_args!("{}", text.trim_end()));
    ExitCode::SUCCESS
}

pub fn preview(a: &PreviewArgs) -> ExitCode {
    let book = match read_book(&a.book) {
        Ok(book) => book,
        Err(code) => return code,
    };
    let order = match read_text(&a.order) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let mut whole = match serde_json::to_value(&book) {
        Ok(whole) => whole,
        Err(e) => {
            crate::cli::complain(format_args!("headroom: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let order: serde_json::Value = match serde_json::from_str(&order) {
        Ok(order) => order,
        Err(e) => {
            let detail = format!("the order is not JSON: {e}");
            return refuse(&[clearing::Fault { pointer: String::new(), code: "invalid_json".into(), detail }]);
        }
    };
    if let Some(orders) = whole.get_mut("orders").and_then(serde_json::Value::as_array_mut) {
        orders.push(order);
    }
    let position = format!("/orders/{}", book.orders.len());
    let with = match clearing::parse(&whole.to_string()) {
        Ok(with) => with,
        Err(mut faults) => {
            // the pointers are those of the order as it was given
            for fault in &mut faults {
                fault.pointer =
                    fault.pointer.strip_prefix(&position).map(str::to_owned).unwrap_or(fault.pointer.clone());
            }
            return refuse(&faults);
        }
    };
    let (before, after) = match (clear_book(&book, Mode::Market), clear_book(&with, Mode::Market)) {
        (Ok(before), Ok(after)) => (before.outcome, after.outcome),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let Some(order) = with.orders.last() else { return ExitCode::FAILURE };
    let story = Story { book: &with, outcome: &after };
    let mut text = story.about(order);
    text += &story.changes(&before, &order.id);
    crate::cli::say(format_args!("{}", text.trim_end()));
    ExitCode::SUCCESS
}

/// The limit that would have won, with progress where somebody watches.
fn search(book: &Book, refused: &Refusal) -> Winning {
    let watched = std::io::stderr().is_terminal();
    let tries = std::cell::Cell::new(0);
    let go_on = || {
        tries.set(tries.get() + 1);
        if watched {
            let _nobody_reads = write!(std::io::stderr(), "\rclearing the book again: {}", tries.get());
        }
        true
    };
    let proposer = headroom_solver::MixedInteger::OFFLINE;
    // A book from outside says what each alternative is worth, and not what follows from what.
    let asked = Asked { order: &refused.order, runs_of: None, guess: refused.winning_limit };
    let found = winning_limit(book, asked, &proposer, &Limits::default(), &go_on);
    if watched {
        let _nobody_reads = write!(std::io::stderr(), "\r\x1b[K");
    }
    found
}

/// A book and its outcome, told.
struct Story<'a> {
    book: &'a Book,
    outcome: &'a Outcome,
}

impl Story<'_> {
    fn refusal(&self, id: &str) -> Option<&Refusal> {
        self.outcome.refused.iter().find(|r| r.order == id)
    }

    fn award(&self, id: &str) -> Option<&Award> {
        self.outcome.awards.iter().find(|a| a.order == id)
    }

    fn about(&self, order: &Order) -> String {
        let mut t = String::new();
        let kind = if order.side == Side::Bid { "a bid" } else { "an offer" };
        let whole = match (order.side, order.least_fill().is_pos()) {
            (_, true) if order.least_fill() == clearing::rational::Rat::ONE => ", all or none",
            (_, true) => ", with a minimum fill",
            _ => "",
        };
        let _ =
            writeln!(t, "{} is {kind} of {}{whole}, with a limit of {}.", order.id, order.owner, money(order.limit));
        match (self.award(&order.id), self.refusal(&order.id)) {
            (Some(award), _) => self.won(order, award, &mut t),
            (None, Some(refused)) => self.lost(order, refused, &mut t),
            (None, None) => {
                let _ = writeln!(t, "The outcome does not mention it.");
            }
        }
        self.faced(order, &mut t);
        t
    }

    fn won(&self, order: &Order, award: &Award, t: &mut String) {
        let (pays, beside) = match order.side {
            Side::Bid => ("pays", "under"),
            Side::Offer => ("is paid", "over"),
        };
        let effective = order.effective_limit(award.alternative);
        let asked = &order.alternatives[award.alternative].quantities;
        let got =
            |q: &Quantity| award.quantities.iter().any(|won| won.product == q.product && won.quantity == q.quantity);
        let full = asked.iter().filter(|q| q.quantity > 0).all(got);
        let part = match (&award.fill, full) {
            (_, true) => "all of it".to_owned(),
            (Some(fill), false) => format!("{} of it", percent(&fill.0)),
            (None, false) => "a part of it".to_owned(),
        };
        let _ = writeln!(t, "It wins {part}: {}; it {pays} {}.", list(&award.quantities), money(award.money));
        if order.alternatives.len() > 1 {
            let _ = writeln!(
                t,
                "Of its {} alternatives it wins number {}.",
                order.alternatives.len(),
                award.alternative + 1
            );
        }
        let gain = (effective - i128::from(award.money.0)) * if order.side == Side::Bid { 1 } else { -1 };
        if full && gain >= 0 {
            let _ = writeln!(t, "That is {} {beside} its limit.", money_of(gain));
        } else if full {
            let _ = writeln!(t, "That is {} beyond its limit: its children carry it.", money_of(-gain));
        }
        if let Some(reason) = award.limited_by {
            let _ = writeln!(t, "It has no more of it because {}.", because(reason, order));
            self.rows(order, reason, t);
        }
        if let Some(b) = &award.binding {
            let _ = writeln!(t, "{}", bottleneck(b));
        }
        let children: Vec<&str> = self.children(order).filter(|id| self.award(id).is_some()).collect();
        if !children.is_empty() {
            let _ = writeln!(t, "With it won: {}.", children.join(", "));
        }
    }

    fn lost(&self, order: &Order, refused: &Refusal, t: &mut String) {
        let _ = writeln!(t, "It wins nothing because {} ({}).", because(refused.reason, order), refused.reason.code());
        let short = refused.shortfall.filter(|s| s.0 > 0);
        if let (Some(price), Some(short)) = (refused.price, short) {
            let (what, way) = match order.side {
                Side::Bid => ("costs", "short"),
                Side::Offer => ("brings", "too high"),
            };
            let _ =
                writeln!(t, "At these prices all of it {what} {}: its limit is {} {way}.", money(price), money(short));
        } else if let Some(price) = refused.price {
            let _ = writeln!(t, "At these prices all of it comes to {}.", money(price));
        }
        if let Some(b) = &refused.binding {
            let _ = writeln!(t, "{}", bottleneck(b));
        }
        self.rows(order, refused.reason, t);
        if let Some(parent) = &order.parent {
            let state = if self.award(parent).is_some() { "has won" } else { "has not won" };
            let _ = writeln!(t, "Its parent {parent} {state}.");
        }
        let children = self.children(order).count();
        if children > 0 {
            let _ = writeln!(t, "{children} order(s) can win only with it.");
        }
    }

    /// The participant's own rows that a reason speaks of, with their numbers.
    fn rows(&self, order: &Order, reason: Reason, t: &mut String) {
        let asked: Vec<&ProductKey> =
            order.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product).collect();
        let listed = |rows: &[Quantity], k: &ProductKey| rows.iter().find(|q| q.product == *k).map(|q| q.quantity);
        let workload = self.book.instances.iter().find(|i| Some(&i.id) == order.instance.as_ref());
        if let (Reason::FloorProtected, Some(i)) = (reason, workload) {
            let mut floors: Vec<&Quantity> = i.floor.iter().filter(|q| asked.contains(&&q.product)).collect();
            floors.dedup();
            for floor in floors {
                let (holds, keeps) = (listed(&i.holding, &floor.product).unwrap_or(0), floor.quantity);
                let (id, product) = (&i.id, &floor.product);
                let _ = writeln!(
                    t,
                    "{id} has {} {product} and keeps {}: it may lend {}.",
                    grouped(holds.into()),
                    grouped(keeps.into()),
                    grouped((holds - keeps).max(0).into())
                );
            }
        }
        if let (Reason::ThrashLimit, Some(i)) = (reason, workload) {
            for most in i.max_swap.iter().filter(|q| asked.contains(&&q.product)) {
                let _ =
                    writeln!(t, "{} may change by {} {} at once.", i.id, grouped(most.quantity.into()), most.product);
            }
        }
        let budget = self.book.budgets.iter().find(|b| Some(&b.id) == order.budget.as_ref());
        if let (Reason::Budget, Some(b)) = (reason, budget) {
            let _ = writeln!(t, "The budget {} is {}.", b.id, money(b.amount));
        }
    }

    fn children<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a str> {
        let mine = |o: &&Order| o.parent.as_deref() == Some(&order.id);
        self.book.orders.iter().filter(mine).map(|o| o.id.as_str())
    }

    /// The prices of everything that it asks for, and who set them.
    fn faced(&self, order: &Order, t: &mut String) {
        for (n, alternative) in order.alternatives.iter().enumerate() {
            let title = match order.alternatives.len() {
                1 => "What it faced:".to_owned(),
                _ => format!("What alternative {} faced:", n + 1),
            };
            let _ = writeln!(t, "\n{title}");
            for q in &alternative.quantities {
                let Some(row) =
                    self.outcome.prices.iter().find(|p| {
                        (&p.pool, &p.resource, p.slot) == (&q.product.pool, &q.product.resource, q.product.slot)
                    })
                else {
                    continue;
                };
                let cost = i128::from(row.price.0) * i128::from(q.quantity);
                let _ = writeln!(
                    t,
                    "  {:>12} x {:<28} at {:>14} = {:>14}   {}",
                    grouped(q.quantity.into()),
                    q.product.to_string(),
                    trimmed(row.price.0.into(), 9),
                    trimmed(cost, 9),
                    self.set_by(&q.product, &row.set_by)
                );
            }
        }
    }

    fn set_by(&self, product: &ProductKey, set_by: &str) -> String {
        let (kind, name) = set_by.split_once(':').unwrap_or((set_by, ""));
        match kind {
            "bid" => format!("set by the bid {name}"),
            "offer" => format!("set by the offer {name}"),
            "reserve" => format!("the operator's reserve price, step {name}"),
            "arc" => format!("what it costs by arc {name}"),
            "cap" => "at its collar: there is less than is asked for".into(),
            _ => {
                let used = self.outcome.awards.iter().flat_map(|a| &a.quantities).any(|q| q.product == *product);
                if used { "nobody is at the margin".into() } else { "nobody trades it".into() }
            }
        }
    }

    fn would_win(&self, order: &Order, refused: &Refusal, found: Winning) -> String {
        let mut t = String::from("\n");
        let worse = if order.side == Side::Bid { "less" } else { "more" };
        let _ = match found {
            Winning::Limit(limit) => writeln!(
                t,
                "With a limit of {} it would have won, and with a micro-credit {worse} it would not: the book was cleared \
                 again with both, all else as it was.",
                money(limit)
            ),
            Winning::NoneTried if order.side == Side::Offer && order.limit == Money(0) => {
                writeln!(t, "It asks for nothing already: no other limit would have helped.")
            }
            Winning::NoneTried => {
                let (way, extreme) = match order.side {
                    Side::Bid => ("higher", "one that nobody outbids"),
                    Side::Offer => ("lower", "none at all"),
                };
                writeln!(t, "None of the {way} limits that were tried would have helped, up to {extreme}.")
            }
            Winning::Unknown => match refused.winning_limit {
                Some(limit) => writeln!(t, "At these prices it would take a limit of at least about {}.", money(limit)),
                None => writeln!(t, "What limit would have won was not found."),
            },
        };
        t
    }

    /// What the order changes for others.
    fn changes(&self, before: &Outcome, id: &str) -> String {
        let mut t = String::from("\nWith it in the book:\n");
        let mut any = false;
        for now in &self.outcome.prices {
            let was =
                before.prices.iter().find(|p| (&p.pool, &p.resource, p.slot) == (&now.pool, &now.resource, now.slot));
            let Some(was) = was.filter(|was| was.price != now.price) else { continue };
            any = true;
            let product = ProductKey { pool: now.pool.clone(), resource: now.resource.clone(), slot: now.slot };
            let (was, now) = (trimmed(was.price.0.into(), 9), trimmed(now.price.0.into(), 9));
            let _ = writeln!(t, "  {product} costs {now} instead of {was}");
        }
        let got = |o: &Outcome, id: &str| -> i128 {
            let award = o.awards.iter().find(|a| a.order == id);
            award.map_or(0, |a| a.quantities.iter().map(|q| i128::from(q.quantity)).sum())
        };
        let others = || self.book.orders.iter().map(|o| o.id.as_str()).filter(|other| *other != id);
        for (what, way) in [("win less", std::cmp::Ordering::Less), ("win more", std::cmp::Ordering::Greater)] {
            let changed: Vec<&str> = others().filter(|o| got(self.outcome, o).cmp(&got(before, o)) == way).collect();
            if !changed.is_empty() {
                any = true;
                let shown = changed.iter().take(5).copied().collect::<Vec<_>>().join(", ");
                let more = changed.len().saturating_sub(5);
                let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
                let _ = writeln!(t, "  {} {what}: {shown}{rest}", changed.len());
            }
        }
        if !any {
            t += "  nothing changes for anybody else\n";
        }
        t
    }
}

/// The reason, as the end of a sentence that ends in "because".
fn because(reason: Reason, order: &Order) -> &'static str {
    let bid = order.side == Side::Bid;
    match reason {
        Reason::OutOfMoney if bid => "it costs more than its limit",
        Reason::OutOfMoney => "it brings less than its limit",
        Reason::MarginalProrata => {
            "the price is its own limit: what there was went to orders like it, or to others first"
        }
        Reason::TieLost => "the price is its own limit, and the tie went to another",
        Reason::NoHostFits => "no node has room for more of it",
        Reason::MinFillUnreachable => "all that there is does not come to its minimum fill",
        Reason::ParentRejected => "its parent has not won",
        Reason::Paradoxical => "all of it would have moved prices so that it, or somebody who won, would lose by them",
        Reason::Budget => "its budget has no more",
        Reason::FloorProtected => "lending more would leave the workload less than its floor",
        Reason::ThrashLimit => "more would change the workload by more than may be changed at once",
        Reason::ForecastHeadroom => "a product is at its collar, and there was nothing left to share",
        Reason::SolverFallback => "the search ended before it found an outcome with it that prices support",
        Reason::Halted => "its pool is halted",
        Reason::Expired => "it has expired",
        Reason::Ineligible => "it may not take part",
        Reason::NoVacatePath => "what it holds could not be taken back at its end",
        Reason::InsufficientHold => "the credits held for it do not suffice",
        Reason::FrozenHoldTime => "its workload may not be moved yet",
    }
}

fn bottleneck(b: &Bottleneck) -> String {
    let free = grouped(b.free.into());
    format!("The nearest is node {}, with {free} {} free in slot {}.", b.node, b.resource, b.slot)
}

fn list(quantities: &[Quantity]) -> String {
    let one = |q: &Quantity| format!("{} {}", grouped(q.quantity.into()), q.product);
    quantities.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn money(m: Money) -> String {
    money_of(m.0.into())
}

fn money_of(micro: i128) -> String {
    format!("{} credits", trimmed(micro, 6))
}

/// A decimal without zeros at its end.
fn trimmed(n: i128, digits: u32) -> String {
    let text = format_decimal(n, digits);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An integer in groups of three.
fn grouped(n: i128) -> String {
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
fn percent(part: &clearing::rational::Rat) -> String {
    let tenths = (part * &clearing::rational::Rat::int(1000)).round().clamp(1, 999);
    format!("{} %", trimmed(tenths, 1))
}
