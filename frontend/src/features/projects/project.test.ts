import { describe, expect, it } from 'vitest';
import type { Project } from '@/lib/api';
import { micro } from '@/lib/money';
import { check, isUsedUp, parts, sendable, used, wireLimit } from './project';

const project = (limit: string, spent: string, committed: string) => ({ limit, spent, committed, left: String(Number(limit) - Number(spent) - Number(committed)) }) as Project;
const nothing = micro('0');

describe('project', () => {
  it('takes a name that fits into an address, and no other', () => {
    for (const name of ['web', 'Q3_2026', 'a.b-c', '7']) expect(check({ name, limit: '1' }, [], nothing).name, name).toBeUndefined();
    for (const name of ['-web', 'a b', 'a/b', 'ä', 'x'.repeat(65)]) expect(check({ name, limit: '1' }, [], nothing).name, name).toBeTruthy();
    expect(check({ name: 'web', limit: '1' }, ['web'], nothing).name).toContain('There is a project');
  });
  it('refuses a limit that can be read in two ways or is under what is used, and sends none of them', () => {
    for (const limit of ['', '1,5', '-3', 'x', '4.99', '1000000000.1']) {
      const draft = { name: 'web', limit };
      expect(sendable(draft, check(draft, [], micro('5'))), limit).toBe(false);
    }
    const draft = { name: 'web', limit: '5' };
    expect(sendable(draft, check(draft, [], micro('5')))).toBe(true);
    expect(wireLimit('5')).toBe('5.000000');
  });
  it('shows parts of the limit that never pass it', () => {
    expect(parts(project('10', '4', '3'))).toEqual({ spent: 40, committed: 30 });
    expect(parts(project('10', '8', '30'))).toEqual({ spent: 80, committed: 20 });
    expect(parts(project('0', '0', '3'))).toEqual({ spent: 0, committed: 0 });
    expect([isUsedUp(project('10', '8', '2')), isUsedUp(project('10', '8', '1')), used(project('10', '8', '1')) === micro('9')]).toEqual([true, false, true]);
  });
});
