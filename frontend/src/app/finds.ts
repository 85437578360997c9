// What "Search or jump to" finds: pages and pools always, and what somebody's own lists hold once something is typed.
// A whole id leads to its page, whether or not a list holds it.
import type { IconName } from '@/components/ui/Icon';
import { type Instance, may, type Me, type Order, type Participant, type Pool } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { ROUTES } from './routes';

export interface Find { id: string; text: string; icon: IconName; hint?: string; to: string; search?: Record<string, string> }
/** `newest`: the number of the newest round. */
export interface Sources { pools: Pool[]; workloads: Instance[]; orders: Order[]; participants: Participant[]; newest: number | undefined }

const SHOWN = 9;
/** Ids of one prefix share their page. */
const OF_ID: Record<string, { scope: string; name: string; icon: IconName; at: (id: string) => Pick<Find, 'to' | 'search'> }> = {
  bid: { scope: 'orders:read', name: 'Bid', icon: 'orders', at: (id) => ({ to: '/bids', search: { order: id } }) },
  off: { scope: 'orders:read', name: 'Offer', icon: 'orders', at: (id) => ({ to: '/bids', search: { order: id } }) },
  ins: { scope: 'allocations:read', name: 'Workload', icon: 'workloads', at: (id) => ({ to: '/workloads', search: { workload: id } }) },
  swp: { scope: 'swaps:read', name: 'Swap', icon: 'swaps', at: (id) => ({ to: `/swaps/${encodeURIComponent(id)}` }) },
  par: { scope: 'finance:platform', name: 'Participant', icon: 'finance', at: (id) => ({ to: '/finance', search: { participant: id } }) },
};

function ofId(text: string, me: Me | undefined): Find[] {
  const id = /^([a-z]{3})_[0-9a-z]{10,}$/i.exec(text);
  const kind = id && OF_ID[(id[1] as string).toLowerCase()];
  return kind && may(me, kind.scope) ? [{ id: text, text: `${kind.name} …${text.slice(-6)}`, hint: 'by its id', icon: kind.icon, ...kind.at(text) }] : [];
}

function ofNumber(text: string, newest: number | undefined): Find[] {
  const digits = /^(?:round )?#?(\d[\d,]*)$/i.exec(text)?.[1]?.replaceAll(',', '');
  const number = Number(digits);
  return digits && newest !== undefined && number >= 1 && number <= newest ? [{ id: `round ${number}`, text: `Round ${formatCount(number)}`, icon: 'rounds', to: `/rounds/${number}` }] : [];
}

/** Halting is not looked for by whoever types a pool's name: it is offered once the word is typed, what is halted first. */
const halts = (pools: Pool[], words: string[], me: Me | undefined): (Find & { also?: string })[] => {
  const asked = words.some((w) => w.length > 2 && ['halt', 'resume'].some((verb) => verb.startsWith(w)));
  if (!asked || !may(me, 'admin:write')) return [];
  return pools.toSorted((a, b) => Number(b.halted !== null) - Number(a.halted !== null)).map((p) => ({ id: `halt ${p.slug}`, text: `${p.halted ? 'Resume' : 'Halt'} ${p.slug}, ${p.pop}`, hint: 'on its page', icon: 'pause', to: `/pools/${p.slug}`, also: p.halted ? 'halted' : undefined }));
};

const orderFind = (o: Order): Find & { also: string } => ({
  id: o.id, text: `${o.side === 'bid' ? 'Bid' : 'Offer'} …${o.id.slice(-6)}${o.client_bid_id ? `, ${o.client_bid_id}` : ''} in ${o.pools[0]?.pool ?? 'no pool'}`, also: o.id, icon: 'orders', to: '/bids', search: { order: o.id },
});

/** The best of it, as many as are shown. */
export function found(typed: string, sources: Sources, me: Me | undefined): Find[] {
  const text = typed.trim();
  const pages: (Find & { also?: string })[] = ROUTES.filter((r) => r.nav && may(me, r.scope)).map((r) => ({ id: r.path, text: `Go to ${r.title}`, icon: r.nav?.icon ?? 'right', hint: `g ${r.nav?.key}`, to: r.path, also: r.nav?.finds }));
  const pools = sources.pools.map((p): Find => ({ id: p.slug, text: `${may(me, 'orders:write') ? 'Trade in' : 'Look at'} ${p.slug}, ${p.pop}`, icon: 'trade', to: `/pools/${p.slug}` }));
  const help: Find = { id: 'help', text: 'Help, shortcuts', icon: 'info', hint: '?', to: '' };
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (e: Find & { also?: string }) => words.every((w) => `${e.text} ${e.also ?? ''}`.toLowerCase().includes(w));
  if (text === '') return [...pages, ...pools, help].slice(0, SHOWN);
  const things = [
    ...sources.workloads.map((i) => ({ id: i.id, text: `Workload ${i.name}, ${i.pool}`, also: i.id, icon: 'workloads' as const, to: '/workloads', search: { workload: i.id } })),
    ...sources.orders.map(orderFind),
    ...(may(me, 'finance:platform') ? sources.participants.map((p) => ({ id: p.id, text: `Statement of ${p.name}`, also: p.id, icon: 'finance' as const, to: '/finance', search: { participant: p.id } })) : []),
    ...(may(me, 'admin:write') ? sources.participants.map((p) => ({ id: `admin ${p.id}`, text: `Quota, users and credits of ${p.name}`, also: `${p.id} grant`, icon: 'people' as const, to: '/admin/participants', search: { participant: p.id } })) : []),
  ];
  const all = [...ofId(text, me), ...ofNumber(text, sources.newest), ...[...pages, ...halts(sources.pools, words, me), ...pools, ...things, help].filter(has)];
  return all.filter((e, i) => all.findIndex((o) => o.id === e.id) === i).slice(0, SHOWN);
}
