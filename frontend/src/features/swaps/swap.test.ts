import { expect, it } from 'vitest';
import { detailText, differencesText } from './swap';

it('a phase says what was sent to the byte, and one place is a place', () => {
  expect(detailText('0 KiB sent, compressed and hash-checked', { bytes: 595 })).toBe('595 B sent, compressed and hash-checked');
  expect(detailText('the shadow run differs from the live run in 1 places', { bytes: 0 })).toBe('the shadow run differs from the live run in 1 place');
  expect(detailText('72 KiB of state at input 924', { bytes: 9 })).toBe('72 KiB of state at input 924');
  expect(detailText('0 KiB of state at input 3', { bytes: 9 })).toBe('under 1 KiB of state at input 3');
  expect(detailText(null, { bytes: 1 })).toBeUndefined();
  expect([1, 2].map(differencesText)).toEqual(['1 difference', '2 differences']);
});
