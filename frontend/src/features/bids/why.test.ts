import { describe, expect, it } from 'vitest';
import type { Explain } from '@/lib/api';
import { orders } from '@/mocks/orders';
import { missText } from './order';
import { aboutText, sentenceOf, surety, winningOf } from './why';

const explain = (more: Partial<Explain>): Explain => ({
  order: 'bid_1', status: 'open', reason: 'OUT_OF_MONEY', sentence: 'Said by the server.', round: 7, limit: '1.000000', price_faced: null, shortfall: null,
  minimum_winning_limit: { value: '2.000000', quality: 'bound' }, maximum_winning_limit: null, changes: [], ...more,
});
const [bid] = orders;
if (!bid) throw new Error('no fixture');

describe('the limit that would have won', () => {
  it('is a bound unless the server says that it is exact', () => {
    for (const given of [explain({}), explain({ minimum_winning_limit: { value: '2.000000', quality: 'another' } })]) {
      const w = winningOf(given, 'bid');
      expect(w).toEqual({ value: '2.000000', exact: false });
      expect(w && aboutText(w, 'bid', '2.00')).toBe('at least about 2.00');
      expect(w && surety(w, 'bid')).toBe('a bound: a higher price may follow');
    }
    const sure = winningOf(explain({ minimum_winning_limit: { value: '2.000000', quality: 'exact' } }), 'bid');
    expect(sure && [aboutText(sure, 'bid', '2.00'), surety(sure, 'bid')]).toEqual(['2.00', 'sure to have won, and the least that was']);
  });
  it('of an offer is the most, and its own field', () => {
    expect(winningOf(explain({}), 'offer')).toBeNull();
    const w = winningOf(explain({ minimum_winning_limit: null, maximum_winning_limit: { value: '0.5', quality: 'bound' } }), 'offer');
    expect(w && [aboutText(w, 'offer', '0.50'), surety(w, 'offer')]).toEqual(['at most about 0.50', 'a bound: a lower price may follow']);
  });
});

describe('at the price exactly', () => {
  const marginal = explain({ reason: 'MARGINAL_PRORATA' });
  it('who got nothing is not told that it was shared with them', () => {
    const none = { ...bid, status: 'open', awarded: '0.000000' };
    expect(missText(none, 'MARGINAL_PRORATA')).toBe('at the price, nothing was left');
    expect(sentenceOf(none, marginal)).toContain('nothing was left');
  });
  it('who got a part is', () => {
    const part = { ...bid, status: 'partially_filled', awarded: '1.000000' };
    expect(missText(part, 'MARGINAL_PRORATA')).toBe('at the price, shared out');
    expect(sentenceOf(part, marginal)).toBe('Said by the server.');
  });
});
