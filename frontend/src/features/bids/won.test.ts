import { expect, it } from 'vitest';
import type { Order } from '@/lib/api';
import { awards, orders } from '@/mocks/orders';
import { awardsWhile, linesOf } from './won';

it('shows the lines of the order’s own awards, by slot', () => {
  const ids = awards.slice(0, 2).map((a) => a.id);
  const lines = linesOf({ awards: ids.toReversed() }, awards);
  expect(lines.map((l) => l.round)).toEqual(awards.slice(0, 2).map((a) => a.round).toSorted((a, b) => a - b));
  expect(linesOf({ awards: [] }, awards)).toEqual([]);
});
it('asks for the time in which the order lived', () => {
  const order = { ...(orders[0] as Order), created_at: '2026-11-20T10:00:00Z', updated_at: '2026-11-20T10:05:00Z' };
  const asked = awardsWhile(order);
  expect(Date.parse(asked['created[gte]'])).toBeLessThanOrEqual(Date.parse(order.created_at));
  expect(Date.parse(asked['created[lt]'])).toBeGreaterThan(Date.parse(order.updated_at));
});
