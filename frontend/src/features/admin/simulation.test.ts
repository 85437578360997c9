import { expect, it } from 'vitest';
import { simulated } from '@/mocks/simulation';
import { caveats, changeOf, measures, sayChange, sayOutcome } from './simulation';

const base = simulated('fra1-gp', { resource: 'cpu_milli', steps: [], rounds: 2 });

it('a band goes from the least to the most of what may come of it', () => {
  const sold = measures(base).find((m) => m.id === 'volume');
  expect(sold).toMatchObject({ before: 8600, after: 7700, low: 6600, high: 7700 });
  expect(sold?.say(8600)).toBe('8.6 cores');
  const money = measures(base)[0];
  expect(money?.before).toBeCloseTo(5.719, 3);
  expect(money?.say(5.719)).toBe('5.72 cr');
});

it('says changes as people do', () => {
  expect(sayChange(100, 88)).toBe('12\u2009% less');
  expect(sayChange(100, 103.04)).toBe('3\u2009% more');
  expect(sayChange(0, 0)).toBe('as much');
  expect(changeOf(0, 5)).toBeNull();
  expect(sayChange(0, 5)).toBe('something instead of nothing');
});

it('says a change from or to nothing within a sentence without a percentage', () => {
  expect([sayOutcome(100, 88, 'of it'), sayOutcome(5, 5, 'in all')]).toEqual(['12\u2009% less of it', 'as much in all']);
  expect([sayOutcome(0, 0, 'of it'), sayOutcome(0, 5, 'of it'), sayOutcome(5, 0, 'in all')]).toEqual(['nothing of it either way', 'something of it instead of nothing', 'nothing in all any more']);
});

it('what a reader must know is said, and nothing else', () => {
  expect(caveats(base)).toEqual([]);
  const short = { ...base, complete: false, band: [], rounds: base.rounds.map((r) => ({ ...r, reproduced: false, void: 'x' })) };
  expect(caveats(short)).toHaveLength(4);
  expect(caveats({ ...base, rounds: [], band: [] })).toEqual([]);
  expect(caveats({ ...base, after: { ...base.after, bounded_rounds: 2 } })[0]).toContain('In 2 of the rounds the search');
});
