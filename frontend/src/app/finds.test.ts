import { expect, it } from 'vitest';
import type { Me, Order } from '@/lib/api';
import { orders } from '@/mocks/orders';
import { pools } from '@/mocks/pools';
import { instances } from '@/mocks/swaps';
import { me, participants, people } from '@/mocks/users';
import { found, type Sources } from './finds';

const as = (role: string) => me(people.find((p) => p.role === role) as (typeof people)[number]) as Me;
const own = { ...(orders[0] as Order), client_bid_id: 'nightly-42' };
const sources: Sources = { pools, workloads: instances, orders: [own, ...orders.slice(1)], participants, newest: 1234 };
const ways = (text: string, role = 'bidder') => found(text, sources, as(role)).map((f) => [f.to, ...Object.values(f.search ?? {})].join(' '));

it('finds a workload by its name, an order by the end of its id or by its owner’s name for it', () => {
  const [workload] = instances;
  expect(ways(workload?.name ?? '')).toContain(`/workloads ${workload?.id}`);
  expect(ways(own.id.slice(-6).toLowerCase())).toEqual([`/bids ${own.id}`]);
  expect(ways('nightly-42')).toEqual([`/bids ${own.id}`]);
});
it('finds a round by its number, and none that has not been', () => {
  for (const text of ['1200', '1,200', 'round 1200']) expect(ways(text)[0], text).toBe('/rounds/1200');
  expect(ways('1235')).not.toContain('/rounds/1235');
});
it('a whole id leads to its page, whether or not a list holds it, once', () => {
  expect(ways('bid_01m88108hwed4vwwcfbwvk4t9a')).toEqual(['/bids bid_01m88108hwed4vwwcfbwvk4t9a']);
  expect(ways('ins_01m880s29ffdrtddhjznmewmz9')).toEqual(['/workloads ins_01m880s29ffdrtddhjznmewmz9']);
  expect(ways(own.id)).toEqual([`/bids ${own.id}`]);
});
it('finds what an admin does by its own words, and offers it to nobody else', () => {
  expect(ways('halt', 'admin')).toContain('/pools/fra1-gp');
  expect(ways('halt', 'admin')).toContain('/pools/par1-gp');
  expect(found('resu', sources, as('admin')).map((f) => f.text)).toContain('Resume par1-gp, Paris');
  for (const text of ['quota', 'grant', 'user']) expect(ways(text, 'admin')[0], text).toBe('/admin/participants');
  expect(ways('quota genomics', 'admin')).toEqual([`/admin/participants ${participants[1]?.id}`]);
  for (const text of ['halt', 'quota', 'grant']) for (const role of ['tenant', 'operator', 'finance']) expect(ways(text, role), `${text} ${role}`).toEqual([]);
});
it('finds the keys under the names that they are called by', () => {
  for (const text of ['api key', 'token', 'developers', 'curl']) for (const role of ['bidder', 'tenant', 'admin', 'finance', 'operator']) expect(ways(text, role)[0], `${text} ${role}`).toBe('/developers');
});
it('finds participants for those who see their statements only', () => {
  expect(ways('genomics', 'admin')).toContain(`/finance ${participants[1]?.id}`);
  expect(ways('genomics', 'bidder').some((w) => w.startsWith('/finance'))).toBe(false);
});
