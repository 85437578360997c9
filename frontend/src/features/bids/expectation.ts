// What an order is expected to cost or to bring, or why that can't be said: the server's figure is what it comes to at the
// expected prices, whether or not the limit lets it win at them.
import type { OrderBody, Preview } from '@/lib/api';
import { micro, type Micro } from '@/lib/money';

/** `out`: why it is not what the order will come to; `price` is then only what would be paid for it. */
export interface Expectation { price: Micro; out: 'limit' | 'chance' | null }

/** null where not all of it has a price yet. */
export function expectationOf(side: 'bid' | 'offer', preview: Preview, order: OrderBody): Expectation | null {
  if (preview.expected == null) return null;
  const price = micro(preview.expected);
  const beyond = side === 'bid' ? price > micro(order.limit) : price < micro(order.limit);
  return { price, out: beyond ? 'limit' : preview.fill_probability === 0 ? 'chance' : null };
}

const OVER = { bid: 'over the limit', offer: 'under what you ask' };
/** Under the dash that stands where the expected amount would. */
export const outText = (side: 'bid' | 'offer', out: 'limit' | 'chance') => (out === 'limit' ? OVER[side] : 'not expected to win');
/** Before the price itself. */
export const priceText = (side: 'bid' | 'offer', out: 'limit' | 'chance') => `Expected price of it${out === 'limit' ? `, ${OVER[side]}` : ''}`;
