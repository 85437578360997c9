import { expect, it } from 'vitest';
import type { Receipt } from '@/lib/api';
import { receipts } from '@/mocks/finance';
import { causeText, deliveriesOf, shortOf, summaryOf } from './deliveries';

const [whole, late] = receipts as [Receipt, Receipt];
const one = (receipt: Receipt) => deliveriesOf([receipt])[0] as ReturnType<typeof deliveriesOf>[number];

it('says why less was there, and nothing where all was', () => {
  expect([shortOf(one(whole)), causeText(one(whole))]).toEqual([false, '']);
  expect([shortOf(one(late)), causeText(one(late))]).toEqual([true, 'it came late, or in part']);
  expect(causeText(one({ ...late, cause: 'of_a_later_version' }))).toBe('of a later version');
});
it('what was taken in the middle of the slot is less than a whole slot, and yet not short', () => {
  const drawn = one({ ...late, cause: 'drawn_in_slot' });
  expect([shortOf(drawn), drawn.what, causeText(drawn)]).toEqual([false, 'Taken at once', 'taken later in the slot: what was before that is not charged']);
  expect(summaryOf([one(whole), drawn])).toBe('all of it was there; 1 taken later in the slot');
  expect(summaryOf([one(whole), one(late), drawn, drawn])).toBe('1 of 4 fell short; 2 taken later in the slot');
  expect(summaryOf([one(whole)])).toBe('all of it was there');
});
it('does not say that the exchange ended a swap which came about, only late', () => {
  expect(causeText(one({ ...late, cause: 'exchange_failed' }))).toBe('by the exchange’s own doing: it ended the swap, or the swap came late because a person answered late');
});
