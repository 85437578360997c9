import { expect, it } from 'vitest';
import { age, clock, day, dayClock, inOurClock, moment, nextSlot, slotClock } from '.';

const AT = '2026-11-20T10:14:24Z';
const now = Date.parse(AT);

it('tells ages relatively under a day and as a date after', () => {
  expect(age('2026-11-20T10:14:19Z', now, 'UTC')).toBe('5 s');
  expect(age('2026-11-20T10:02:24Z', now, 'UTC')).toBe('12 m');
  expect(age('2026-11-20T08:14:24Z', now, 'UTC')).toBe('2 h');
  expect(age('2026-11-18T08:14:24Z', now, 'UTC')).toBe('18 Nov');
});
it('shows UTC whatever the machine’s zone', () => expect(clock(AT, 'UTC')).toBe('10:14'));
it('offers the first slot whose gate is still open', () => {
  expect(new Date(nextSlot(now, 300, 60)).toISOString()).toBe('2026-11-20T10:20:00.000Z');
  expect(new Date(nextSlot(Date.parse('2026-11-20T10:14:01Z'), 300, 60)).toISOString()).toBe('2026-11-20T10:20:00.000Z');
  expect(new Date(nextSlot(Date.parse('2026-11-20T10:13:59Z'), 300, 60)).toISOString()).toBe('2026-11-20T10:15:00.000Z');
});
it('a day of another year than the present one has its year', () => {
  expect([day(AT, 'UTC', now), dayClock(AT, 'UTC', now), day('2999-01-01T00:00:00Z', 'UTC', now), dayClock('2999-01-01T00:00:00Z', 'UTC', now), dayClock('2025-12-31T23:59:00Z', 'UTC', now)])
    .toEqual(['20 Nov', '20 Nov 10:14', '1 Jan 2999', '1 Jan 2999 00:00', '31 Dec 2025 23:59']);
  expect([slotClock('2999-01-01T00:00:00Z', now, 'UTC'), age('2025-11-18T08:14:24Z', now, 'UTC')]).toEqual(['1 Jan 2999 00:00', '18 Nov 2025']);
});
it('two moments of one minute do not look alike', () => {
  expect(['2026-11-25T16:43:07Z', '2026-11-25T16:43:00Z', '2027-11-25T16:43:07Z'].map((at) => moment(at, 'UTC', now))).toEqual(['25 Nov 16:43:07', '25 Nov 16:43', '25 Nov 2027 16:43:07']);
});

it('shows the moments of a sentence by the clock of whoever reads it, and leaves the rest of it as it is', () => {
  const said = 'It stays where it is until 2026-11-26T20:05:51.126556Z. Its slot begins at 2026-11-26T20:06:00Z, and 2026-11 is no moment.';
  expect(inOurClock(said, 'UTC', now)).toBe('It stays where it is until 26 Nov 20:05:51. Its slot begins at 26 Nov 20:06, and 2026-11 is no moment.');
  expect(inOurClock(said, 'Local', now)).toContain(`until ${moment('2026-11-26T20:05:51Z', 'Local', now)}. Its`);
  expect(inOurClock('From 2027-01-01T02:00:00+02:00 on', 'UTC', now)).toBe('From 1 Jan 2027 00:00 on');
});
