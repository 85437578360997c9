// What a workload won and what it lent for a slot are two things; the allocation has their difference alone.
import { expect, it } from 'vitest';
import type { Allocation, Award } from '@/lib/api';
import { partsText } from './parts';

const slot = '2026-11-25T16:00:00Z';
const award = (kind: string, quantity: number, more: Partial<Award> = {}, at = slot) => ({ kind, instance: 'ins_1', lines: [{ resource: 'cpu_milli', slot: at, quantity }, { resource: 'mem_mib', slot: at, quantity: 9 }], ...more }) as Award;
const allocation = (cores: number) => ({ instance: 'ins_1', slot, baseline: { cpu_milli: 1000 }, limits: { cpu_milli: cores } }) as unknown as Allocation;

it('says both', () => {
  const awards = [award('bought', 1000), award('bought', 500), award('lent', 300), award('bought', 7, { instance: 'ins_2' }), award('lent', 7, {}, '2026-11-25T16:05:00Z')];
  expect(partsText(allocation(2200), awards)).toBe('▲ 1.5 won, ▼ 0.3 lent');
  expect(partsText(allocation(2100), [...awards, award('resold', 100)])).toBe('▲ 1.5 won, ▼ 0.3 lent, ▼ 0.1 sold on');
  expect(partsText(allocation(700), [award('lent', 300)])).toBe('▼ 0.3 lent');
});
it('says nothing that does not add up to what it will have', () => {
  expect([partsText(allocation(2200), []), partsText(allocation(2200), [award('bought', 500)]), partsText(allocation(1000), [])]).toEqual([null, null, null]);
});
