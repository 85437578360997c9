import { expect, it } from 'vitest';
import { hints, profiles } from '@/mocks/guidance';
import { instances } from '@/mocks/swaps';
import { FIRST, hintOf, inForce, minutesFault, needFault, profilesOf, sourceFault } from './guidance';

const of = { id: 'ins_1', limit: { cpu_milli: 4000, mem_mib: 1024 } };
const now = Date.parse('2026-11-20T10:00:00Z');

it('shows of one workload what counts now or will, the first to begin first', () => {
  const id = instances[0]?.id ?? '';
  expect(inForce(hints, id, Date.now()).map((h) => h.id.slice(-1))).toEqual(['1', '2']);
  expect(inForce(hints, id, Date.now() + 7_200_000)).toEqual([]);
  expect([profilesOf(profiles, id).length, profilesOf(profiles, 'ins_other').length]).toEqual([1, 0]);
});
it('sends what was said, in base units and by the server’s clock, and leaves out the rest', () => {
  expect(hintOf(of, { ...FIRST, needs: { cpu_milli: '1.5', mem_mib: '' } }, now)).toEqual({ instance: 'ins_1', expected_demand: { cpu_milli: 1500 }, avoid_nodes: [], expires_at: '2026-11-20T11:00:00.000Z' });
  expect(hintOf(of, { needs: {}, nodes: ['nod_1'], begins: '30', holds: '90', source: ' calendar ' }, now)).toEqual({ instance: 'ins_1', expected_demand: {}, avoid_nodes: ['nod_1'], starts_at: '2026-11-20T10:30:00.000Z', expires_at: '2026-11-20T12:00:00.000Z', source: 'calendar' });
});
it('sends nothing that says nothing, or that the server would refuse', () => {
  const good = { ...FIRST, needs: { cpu_milli: '1' } };
  expect(hintOf(of, good, now)).not.toBeNull();
  for (const bad of [FIRST, { ...good, needs: { cpu_milli: '5' } }, { ...good, needs: { cpu_milli: '1,5' } }, { ...good, holds: '0' }, { ...good, holds: '' }, { ...good, begins: '1.5' }, { ...good, source: 'x'.repeat(101) }]) expect(hintOf(of, bad, now)).toBeNull();
  expect([needFault(of, 'cpu_milli', '5'), needFault(of, 'cpu_milli', '4'), minutesFault('0', 0), minutesFault('0', 1), minutesFault('50000', 1), sourceFault('me')]).toEqual(['It can use at most 4 cores', undefined, undefined, 'From 1 to 43200 minutes', 'From 1 to 43200 minutes', undefined]);
});
