//! Which node each lot lies on: bound lots on their own, others by best fit, the most valuable first.

use super::award::Award;
use headroom_market::clearing::book::{Book, Line, Side};

/// Places the lots of some alternatives beside those that lie already; takes away the lots that find no host, and answers
/// whether all found one.
pub fn place(book: &Book, award: &mut Award, is_placed: &dyn Fn(usize) -> bool) -> bool {
    award.hosts.iter_mut().enumerate().filter(|(number, _)| is_placed(*number)).for_each(|(_, hosts)| hosts.clear());
    let mut room = award.room(book);
    let mut free = Vec::new();
    for (order, of) in book.orders.iter().enumerate() {
        for number in of.alternatives.clone().filter(|number| award.lots[*number] > 0 && is_placed(*number)) {
            let alternative = &book.alternatives[number];
            for pool in book.pools_with_nodes(alternative) {
                let mut hosts = book.hosts_in(alternative, pool);
                let (first, second) = (hosts.next(), hosts.next());
                if let (Some(node), None) = (first, second) {
                    let sign = if of.side == Side::Bid { -1 } else { 1 };
                    load(
                        book,
                        &mut room[node],
                        &book.load_in(alternative, pool),
                        sign * i128::from(award.lots[number]),
                        pool,
                    );
                    award.hosts[number].push((node, award.lots[number]));
                } else {
                    free.push((order, number, pool));
                }
            }
        }
    }
    // The most valuable share of a pool's largest part first; equal ones by rank.
    let density = |number: usize, pool: usize| {
        let alternative = &book.alternatives[number];
        let nodes = &book.pools[pool].nodes;
        let loads = book.load_in(alternative, pool);
        let share = loads.iter().map(|line| {
            let all: i128 = nodes.iter().map(|node| i128::from(book.room(*node, line.product))).sum();
            line.quantity as f64 / all.max(1) as f64
        });
        alternative.value_micro as f64 / alternative.lots as f64 / share.fold(1e-12, f64::max)
    };
    let mut keyed: Vec<(f64, usize, usize, usize)> =
        free.iter().map(|(o, n, p)| (density(*n, *p), *o, *n, *p)).collect();
    // Lots of one unit fit everywhere, so they come last.
    let is_unit = |number: usize, pool: usize| matches!(book.load_in(&book.alternatives[number], pool).as_slice(), [line] if line.quantity == 1);
    keyed.sort_by(|a, b| {
        is_unit(a.2, a.3)
            .cmp(&is_unit(b.2, b.3))
            .then(b.0.total_cmp(&a.0))
            .then_with(|| book.orders[a.1].rank.cmp(&book.orders[b.1].rank))
    });
    let mut all_lie = true;
    for (_, _, number, pool) in keyed {
        let alternative = &book.alternatives[number];
        let loads = book.load_in(alternative, pool);
        let mut left = award.lots[number];
        while left > 0 {
            let fits = |node: &usize| {
                let start = book.pools[pool].products.start;
                let most = loads.iter().map(|line| room[*node][line.product - start] / i128::from(line.quantity)).min();
                most.unwrap_or(0).clamp(0, i128::from(left)) as i64
            };
            // The node where least is left among those that take most of it.
            let rest = |node: usize| -> i128 { room[node].iter().sum() };
            let best = book
                .hosts_in(alternative, pool)
                .map(|node| (fits(&node), node))
                .max_by_key(|(fit, node)| (*fit, -rest(*node)));
            let Some((fit, node)) = best.filter(|(fit, _)| *fit > 0) else { break };
            load(book, &mut room[node], &loads, -i128::from(fit), pool);
            award.hosts[number].push((node, fit));
            left -= fit;
        }
        if left > 0 {
            all_lie = false;
            let kept = award.lots[number] - left;
            let kept = if kept >= alternative.least { kept } else { 0 };
            shrink(book, award, &mut room, number, kept);
        }
        award.hosts[number].sort_unstable();
    }
    all_lie
}

/// Cuts an alternative down to so many lots in all of its pools.
fn shrink(book: &Book, award: &mut Award, room: &mut [Vec<i128>], number: usize, kept: i64) {
    let alternative = &book.alternatives[number];
    award.lots[number] = kept;
    let hosts = std::mem::take(&mut award.hosts[number]);
    for pool in book.pools_with_nodes(alternative) {
        let mut open = kept;
        for (node, lots) in hosts.iter().filter(|(node, _)| book.nodes[*node].pool == pool) {
            let stays = open.min(*lots);
            open -= stays;
            load(book, &mut room[*node], &book.load_in(alternative, pool), i128::from(lots - stays), pool);
            if stays > 0 {
                award.hosts[number].push((*node, stays));
            }
        }
    }
}

fn load(book: &Book, room: &mut [i128], loads: &[Line], lots: i128, pool: usize) {
    for line in loads {
        room[line.product - book.pools[pool].products.start] += lots * i128::from(line.quantity);
    }
}
