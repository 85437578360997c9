import { expect, it } from 'vitest';
import { age, clock, nextSlot } from '.';

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
