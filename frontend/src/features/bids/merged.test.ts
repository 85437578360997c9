import { expect, it } from 'vitest';
import type { Order } from '@/lib/api';
import { orders } from '@/mocks/orders';
import openapi from '../../../../openapi/openapi.json';
import { ENDED, OPEN } from './order';
import { merged } from './useOrders';

const order = (id: string, at: string, more: Partial<Order> = {}) => ({ ...(orders[0] as Order), id, created_at: at, updated_at: at, ...more });
const list = (cut: boolean, ...rows: Order[]) => ({ rows, cut });
const ids = (l: { rows: Order[] }) => l.rows.map((o) => o.id);

it('leaves out what is older than the end of a list that goes on: the rows between would be missing', () => {
  const bids = list(true, order('bid_3', '2026-11-20T10:03:00Z'), order('bid_2', '2026-11-20T10:02:00.5Z'));
  const offers = list(false, order('off_4', '2026-11-20T10:04:00Z'), order('off_2', '2026-11-20T10:02:00.500Z'), order('off_1', '2026-11-20T10:01:00Z'));
  expect(merged([bids, offers])).toMatchObject({ cut: true });
  expect(ids(merged([bids, offers]))).toEqual(['off_4', 'bid_3', 'bid_2', 'off_2']);
  expect(ids(merged([{ ...bids, cut: false }, offers]))).toContain('off_1');
});

it('an order that is in two lists is there once, as it was said last', () => {
  const at = '2026-11-20T10:03:00Z';
  const before = order('bid_3', at, { status: 'open' });
  const after = order('bid_3', at, { status: 'filled', updated_at: '2026-11-20T10:05:00Z' });
  for (const both of [[before, after], [after, before]]) expect(merged([list(false, ...both)]).rows.map((o) => o.status)).toEqual(['filled']);
});

it('asks for every status that an order can have', () => {
  expect([...OPEN, 'filled', ...ENDED].sort()).toEqual([...openapi.components.schemas.OrderStatus.enum].sort());
});
