import { expect, it } from 'vitest';
import { basisText } from './SafeStateNote';

const price = (of: string, more: object = {}) => ({ resource: 'cpu_milli', price: of, basis: 'hour' as const, slots: 8, ...more });
const bounds = { reserve: '0.000900000', collar: '0.002700000' };

it('calls a price the mean where it is that, and the reserve price or the most that may be asked where it is one of these', () => {
  expect(basisText(price('0.001000000'), bounds)).toBe('the mean of this hour in 28 days (8 slots)');
  expect(basisText(price('0.000900000'), bounds)).toBe('the reserve price, as the mean of this hour in 28 days (8 slots) is not above it');
  expect(basisText(price('0.002700000', { basis: 'slot_before', slots: 1 }), bounds)).toBe('the most that a slot may cost, as the price of the slot before is not under it');
  expect(basisText(price('0.000900000'), { reserve: null, collar: '0.002700000' })).toBe('the mean of this hour in 28 days (8 slots)');
});
