import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Order } from '@/lib/api';
import { orders } from '@/mocks/orders';
import { Answer } from './Answer';

afterEach(cleanup);
const missed = orders.find((o) => o.status === 'open' && o.last_reason) as Order;
const said = (rows: Order[]) => render(<Answer open={{ rows, cut: false }} filled={{ rows: [], cut: false }} choose={() => {}} />).container.textContent;

it('speaks of the last round that each order was in: that is seldom the newest one of the market', () => {
  expect(said([missed, { ...missed, id: 'bid_other' }])).toContain('2 of 2 open orders did not win all of it in their last round: ');
  cleanup();
  expect(said([missed, { ...missed, id: 'bid_other', last_reason: null }])).toContain('1 of 2 open orders did not win all of it in its last round: ');
});
