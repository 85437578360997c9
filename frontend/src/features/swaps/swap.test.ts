import { expect, it } from 'vitest';
import { swaps } from '@/mocks/swaps';
import { causeText, moneyText } from './why';
import { detailText, differencesText, distanceText, gotText, pauseText, stateWord } from './swap';

it('a phase says what was sent to the byte, and one place is a place', () => {
  expect(detailText('0 KiB sent, compressed and hash-checked', { bytes: 595 })).toBe('595 B sent, compressed and hash-checked');
  expect(detailText('the shadow run differs from the live run in 1 places', { bytes: 0 })).toBe('the shadow run differs from the live run in 1 place');
  expect(detailText('72 KiB of state at input 924', { bytes: 9 })).toBe('72 KiB of state at input 924');
  expect(detailText('0 KiB of state at input 3', { bytes: 9 })).toBe('under 1 KiB of state at input 3');
  expect(detailText(null, { bytes: 1 })).toBeUndefined();
  expect([1, 2].map(differencesText)).toEqual(['1 difference', '2 differences']);
});

it('a swap under way says its phase, one that is over its end, and a pause of nothing is none', () => {
  const [open, refused, done] = swaps;
  if (!open || !refused || !done) throw new Error('no fixture');
  expect(stateWord({ ...open, state: 'planned' })).toBe('Assess');
  expect([stateWord(open), stateWord(refused), stateWord(done)]).toEqual([undefined, undefined, undefined]);
  expect(stateWord({ ...refused, difference_count: 0, reason: 'deadline' })).toBe('Aborted');
  expect([0, null, 971].map((downtime_micros) => pauseText({ downtime_micros }))).toEqual(['none', 'none', '971 µs']);
});

it('where what it wins comes from is said of what really happened', () => {
  const from = { counterpart: 'operator', distance: 1, quantity: 5 };
  const swap = (state: string, method: string, ended_at: string | null) => ({ state, method, ended_at });
  const said = (s: ReturnType<typeof swap>, quantity = 5) => `${gotText({ quantity }, s)} … ${distanceText(from, s)}`;
  expect(said(swap('shadow', 'live', null))).toBe('gets … on the node it moves to');
  expect(said(swap('done', 'live', 'x'))).toBe('gets … on the node that it moved to');
  expect(said(swap('aborted', 'live', 'x'))).toBe('would have got … on the node that it was to move to');
  expect(said(swap('rejected', 'live', 'x'), -5)).toBe('would have given … on the node that it was to move to');
  expect(said(swap('done', 'resize', 'x'))).toBe('gets … in place');
  expect(said(swap('failed', 'resize', 'x'))).toBe('would have got … in place');
});

it('a row of why says what it was, and what its owner gets or pays for it', () => {
  expect(causeText({ kind: 'won', pool: 'p' })).toBe('has won it');
  expect(causeText({ kind: 'drawn', pool: 'p' })).toBe('taken at once, in the slot itself');
  expect(moneyText({ kind: 'drawn', pays: '0.35', is_paid: '0' })).toBe('at most −0.35');
  expect(causeText({ kind: 'lent', pool: 'p~recallable' })).toBe('lends it, may be taken back');
  expect(causeText({ kind: 'not_rolled', pool: 'p', left_out: 'LETS_GO' })).toContain('its strategy lets go');
  expect(causeText({ kind: 'not_rolled', pool: 'p', left_out: 'OF_A_LATER_VERSION' })).toContain('its slot is over');
  expect(causeText({ kind: 'of_a_later_version', pool: 'p' })).toBe('of a later version');
  expect([['0.35', '0'], ['0', '0.35'], ['1.44', '2.016'], ['0', '0']].map(([pays, is_paid]) => moneyText({ pays: pays ?? '', is_paid: is_paid ?? '' }))).toEqual(['−0.35', '+0.35', '+0.58', '–']);
});
