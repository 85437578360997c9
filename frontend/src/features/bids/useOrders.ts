// The orders of the page: the open ones all, the ended ones newest first and as far back as somebody asks.
import { combine, type Listed, type Newest, type Order, type Resource, useAll, useNewest } from '@/lib/api';
import { ENDED } from './order';

/** `older`: only where the list goes on and can be read on. */
export interface Group extends Listed<Order> { older?: () => void; busy?: boolean }
export interface Groups { open: Group; filled: Group; closed: Group; all: Group }

/** How far back a list reaches. */
const endOf = (l: Listed<Order>) => Date.parse(l.rows.at(-1)?.created_at ?? '') || 0;

/**
 * Several lists as one, newest first. A list that goes on ends somewhere: what is older than that is
 * left out of the others too, or the rows between would be missing in silence.
 */
export function merged(lists: Listed<Order>[]): Listed<Order> {
  const end = Math.max(0, ...lists.filter((l) => l.cut).map(endOf));
  const rows = new Map<string, Order>();
  // An order that changes its list between two answers is in both: the later word counts.
  for (const o of lists.flatMap((l) => l.rows)) {
    if (Date.parse(o.created_at) >= end && !((rows.get(o.id)?.updated_at ?? '') > o.updated_at)) rows.set(o.id, o);
  }
  return { rows: [...rows.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at)), cut: lists.some((l) => l.cut) };
}

/** Reading on goes where the merged list ends: in the one that reaches back least. */
function group(lists: Newest<Order>[]): Group {
  const known = lists.flatMap((l) => (l.data ? [{ list: l, data: l.data }] : []));
  const next = known.filter((l) => l.data.cut).sort((a, b) => endOf(b.data) - endOf(a.data))[0];
  return { ...merged(known.map((l) => l.data)), older: next?.list.older, busy: lists.some((l) => l.busy) };
}

export function useOrders(): Resource<Groups> {
  const open = { bids: useAll<Order>('/bids', { status: 'open' }), offers: useAll<Order>('/offers', { status: 'open' }) };
  const filled = [useNewest<Order>('/bids', { status: 'filled' }), useNewest<Order>('/offers', { status: 'filled' })] as const;
  const closed = [useNewest<Order>('/bids', { status: ENDED.join() }), useNewest<Order>('/offers', { status: ENDED.join() })] as const;
  const of = combine<Record<string, Listed<Order>>>({ ...open, filledBids: filled[0], filledOffers: filled[1], closedBids: closed[0], closedOffers: closed[1] });
  if (!of.data) return { ...of, data: undefined };
  const waiting = merged([open.bids.data, open.offers.data].filter((l) => l !== undefined));
  const ended = group([...filled, ...closed]);
  // What waits is there however old it is.
  const all = merged([{ ...waiting, cut: false }, { ...ended, cut: false }]);
  return { ...of, data: { open: waiting, filled: group([...filled]), closed: group([...closed]), all: { ...ended, rows: all.rows, cut: ended.cut || waiting.cut } } };
}
