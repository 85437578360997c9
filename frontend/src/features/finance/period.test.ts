import { expect, it } from 'vitest';
import { chosenOf, faultsOf, fieldOf, momentOf, periodOf } from './period';

const now = Date.parse('2026-01-15T13:20:00Z');

it('knows the usual periods; a month begins at midnight of the zone that is shown', () => {
  expect(periodOf('24 hours', now, 'UTC')).toEqual({});
  expect(periodOf('Last hour', now, 'UTC')).toEqual({ from: '2026-01-15T12:20:00Z' });
  expect(periodOf('This month', now, 'UTC')).toEqual({ from: '2026-01-01T00:00:00Z' });
  expect(periodOf('Last month', now, 'UTC')).toEqual({ from: '2025-12-01T00:00:00Z', to: '2026-01-01T00:00:00Z' });
  expect(periodOf('Last month', now, 'Local').to).toBe(new Date(2026, 0, 1).toISOString().replace('.000Z', 'Z'));
});
it('shows none of them as chosen where the address has times of its own', () => {
  expect([chosenOf(undefined, {}), chosenOf('7 days', { from: 'x' }), chosenOf(undefined, { from: 'x' }), chosenOf(undefined, { to: 'x' }), chosenOf('a year', {})]).toEqual(['24 hours', '7 days', '', '', '']);
});
it('reads back what it shows, in both zones', () => {
  for (const z of ['UTC', 'Local'] as const) expect(momentOf(fieldOf('2026-01-15T13:20:00Z', z), z)).toBe('2026-01-15T13:20:00Z');
  expect([fieldOf('2026-01-15T13:20:59Z', 'UTC'), fieldOf(undefined, 'UTC'), momentOf('', 'UTC'), momentOf('soon', 'UTC')]).toEqual(['2026-01-15T13:20', '', undefined, undefined]);
});
it('says what can’t be shown at the field that is to be changed', () => {
  const of = (from: string, to: string) => faultsOf(from, to, 'UTC', now);
  expect(of('2026-01-14T00:00', '2026-01-15T00:00')).toEqual({});
  expect(of('2026-01-14T00:00', '')).toEqual({});
  expect(of('2026-01-15T00:00', '2026-01-15T00:00')).toEqual({ to: 'Choose a time after the beginning' });
  expect(of('2026-01-16T00:00', '')).toEqual({ from: 'This is still to come: choose a time that is past' });
  expect([of('', '2026-01-01T00:00'), of('x', ''), of('', 'x')]).toEqual([{ from: 'From when?' }, { from: 'A day and a time' }, { to: 'A day and a time' }]);
});
