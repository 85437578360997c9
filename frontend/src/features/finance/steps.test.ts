import { expect, it } from 'vitest';
import type { StatementLine } from '@/lib/api';
import { statement } from '@/mocks/finance';
import { floorOf, stepsOf } from './steps';

const credits = (n: number) => `${n.toFixed(6)}`;
const lines = (...moved: [string, number][]) => moved.map(([kind, amount]) => ({ kind, amount: credits(amount) }) as StatementLine);
const stepsFrom = (opening: number, ...moved: [string, number][]) => stepsOf({ opening: credits(opening), closing: credits(moved.reduce((sum, [, amount]) => sum + amount, opening)), lines: lines(...moved) });
const floor = (opening: number, ...moved: [string, number][]) => Number(floorOf(stepsFrom(opening, ...moved))) / 1e6;

it('one step for each kind, from the opening to the closing balance', () => {
  const steps = stepsFrom(5, ['grant', 100], ['charge', -10], ['proceeds', 3], ['charge', -5], ['a_later_kind', 1]);
  expect(steps.map((x) => [x.label, Number(x.to - x.from) / 1e6])).toEqual([['Opening', 5], ['Granted', 100], ['Capacity bought', -15], ['Capacity lent', 3], ['a later kind', 1], ['Closing', 94]]);
  const all = stepsOf(statement);
  expect(all.at(-2)?.to).toBe(all.at(-1)?.to);
});

it('bars begin at 0 where what moved can be seen from there', () => {
  expect(floor(100, ['charge', -30], ['proceeds', 12])).toBe(0);
  expect(floor(0)).toBe(0);
  expect(floor(0, ['grant', 20_000])).toBe(0);
});

it('beside a balance that is much larger they begin shortly under what moved', () => {
  // A grant out of nothing, one on top of a balance, and none.
  for (const from of [floor(0, ['grant', 20_000], ['charge', -24], ['credit_note', 3]), floor(8_000, ['grant', 12_000], ['charge', -24], ['credit_note', 3]), floor(20_000, ['charge', -24], ['credit_note', 3])]) {
    expect(from).toBeGreaterThan(19_960);
    expect(from).toBeLessThan(19_976);
  }
});

it('a debt is never cut off', () => expect(floor(20_000, ['charge', -20_005], ['proceeds', 1])).toBe(-5));
