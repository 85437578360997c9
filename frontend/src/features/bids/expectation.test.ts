import { expect, it } from 'vitest';
import type { OrderBody, Preview } from '@/lib/api';
import { expectationOf, outText, priceText } from './expectation';

const preview = (more: Partial<Preview>) => ({ expected: '0.180000', fill_probability: 0.7, ...more }) as Preview;
const order = (limit: string) => ({ limit }) as OrderBody;

it('what a bid costs at the expected prices is what it is expected to cost, as long as its limit lets it win at them', () => {
  expect(expectationOf('bid', preview({}), order('0.200000'))).toEqual({ price: 180_000n, out: null });
  expect(expectationOf('bid', preview({}), order('0.180000'))?.out).toBeNull();
  expect(expectationOf('bid', preview({}), order('0.179999'))?.out).toBe('limit');
});
it('nothing is expected of a bid that wins at no chance, and no chance that is not known is none', () => {
  expect(expectationOf('bid', preview({ fill_probability: 0 }), order('0.200000'))?.out).toBe('chance');
  expect(expectationOf('bid', preview({ fill_probability: null }), order('0.200000'))?.out).toBeNull();
});
it('an offer that asks for more than the expected price is not expected to bring it', () => {
  expect(expectationOf('offer', preview({}), order('0.180000'))?.out).toBeNull();
  expect(expectationOf('offer', preview({}), order('0.190000'))?.out).toBe('limit');
});
it('says of which side the limit is', () => {
  expect([outText('bid', 'limit'), priceText('offer', 'limit'), priceText('bid', 'chance')]).toEqual(['over the limit', 'Expected price of it, under what you ask', 'Expected price of it']);
});
it('nothing is expected where not all of it has a price yet', () => {
  for (const expected of [null, undefined]) expect(expectationOf('bid', preview({ expected }), order('0.200000'))).toBeNull();
});
