import { expect, it } from 'vitest';
import { agoText, spanText } from './ago';

it('says how old something is in words', () => {
  expect([0, 12, 119, 120, 3600, 7200, 100_000].map(agoText)).toEqual(['just now', '12 seconds ago', '119 seconds ago', '2 minutes ago', '60 minutes ago', '2 hours ago', '27 hours ago']);
});
it('says how long something lasts', () => {
  expect([1, 95, 180].map(spanText)).toEqual(['1 second', '95 seconds', '3 minutes']);
});
