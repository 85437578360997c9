import { expect, it } from 'vitest';
import type { Relocation } from '@/lib/api';
import { lastText, pendingText } from './relocation';

const asked: Relocation = {
  pool_from: 'fra1-hp', pool_to: 'fra1-gp', rule: 'score', asked_at: '2026-11-20T10:00:00Z', until: '2026-11-20T11:00:00Z', score_at_home: '-0.180000', score_there: '-0.270000', migration_cost: '0.001000',
  gain: '0.089916', shortage_chance: '0.100000', swap: null,
};

it('says where a workload goes, by which rule and what that gains', () => {
  const waits = pendingText(asked, '11:00');
  expect(waits).toContain('It moves to fra1-gp once it holds nothing that it won or lends, by 11:00 at the latest');
  expect(waits).toMatch(/gains .*0\.0899/);
  const moves = pendingText({ ...asked, swap: 'swp_1', rule: 'risk' }, '11:00');
  expect([moves.includes('11:00'), moves.includes('10'), moves.includes('fra1-hp can give')]).toEqual([false, true, true]);
});

it('says what became of the last one', () => {
  const ended = (end: string) => lastText({ ...asked, ended: { at: asked.until, end } });
  expect([ended('done').endsWith(': done'), ended('failed').includes('stayed'), ended('of_later').endsWith('of_later')]).toEqual([true, true, true]);
});
