import { expect, it } from 'vitest';
import { basisText } from './SafeStateNote';

it('calls a price the mean where it is that, and the reserve price or the top of the price band where it was raised or lowered to it', () => {
  expect(basisText({ basis: 'hour', slots: 8 })).toBe('the mean of this hour in 28 days (8 slots)');
  expect(basisText({ basis: 'hour', slots: 8, bound: 'reserve' })).toBe('the reserve price, as the mean of this hour in 28 days (8 slots) is under it');
  expect(basisText({ basis: 'slot_before', slots: 1, bound: 'price_band' })).toBe('the top of the price band, as the price of the slot before is above it');
});
