import { describe, expect, it } from 'vitest';
import type { Allocation, Instance, Pool } from '@/lib/api';
import type { Fields } from './draftOrder';
import { firstFields, firstFor, firstLimit, hasRoom, refit, roomOf, unpriced, unpricedText, windowOf } from './opening';

const START = Date.parse('2026-11-20T10:20:00Z');
const market = { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6 };
const slot = (n: number) => new Date(START + n * 300_000).toISOString().replace('.000Z', 'Z');
const product = (resource: string, price: string | null, reserve: string | null) => ({ resource, capacity: 100_000, free: 90_000, reference: '0.900000000', price_band: '9.000000000', price: price === null ? null : { price }, reserve });
const poolOf = (cpu: [string | null, string | null], memory: [string | null, string | null]) => ({ slug: 'a', recallable_of: null, resources: [product('cpu_milli', ...cpu), product('mem_mib', ...memory)] }) as unknown as Pool;
const pool = poolOf(['0.001000000', null], [null, '0.000100000']);

describe('the first limit', () => {
  it('comes from last prices, else from reserve prices', () => expect(firstLimit(pool, { cpu_milli: '2', mem_mib: '1' })).toBe('2.23'));
  it('is none while nothing is asked for, and some where that costs nothing', () => expect([firstLimit(pool, { cpu_milli: '', mem_mib: '0' }), firstLimit(poolOf(['0.000000000', null], [null, null]), { cpu_milli: '2' })]).toEqual(['', '0.01']));
  it('is none where anything that is asked for has neither, whatever it would be capped at', () => {
    expect(firstLimit(poolOf([null, null], [null, null]), { cpu_milli: '2', mem_mib: '4' })).toBe('');
    expect(firstFields(poolOf([null, null], [null, null]), START).limit).toBe('');
    const half = poolOf(['0.001000000', null], [null, null]);
    expect([firstLimit(half, { cpu_milli: '2', mem_mib: '4' }), firstLimit(half, { cpu_milli: '2', mem_mib: '0' }), firstLimit(half, { cpu_milli: '2' })]).toEqual(['', '2.12', '2.12']);
  });
  it('says which of it has no price', () => {
    const half = poolOf(['0.001000000', null], [null, null]);
    expect([unpriced(half, {}), unpriced(half, { cpu_milli: '1' }), unpriced(pool, {})]).toEqual([['mem_mib'], [], []]);
    expect(unpricedText(half, { cpu_milli: '1', mem_mib: '1' }, false)).toBe('Memory has no price here yet: name your own limit.');
    expect(unpricedText(half, { mem_mib: '1' }, false)).toBe('Nothing here has a price yet: name your own limit.');
    expect([unpricedText(pool, {}, true), unpricedText(pool, {}, false)]).toEqual(['Not all of it has a price yet: name your own limit.', '']);
  });
});

describe('what a ticket proposes of a workload', () => {
  const workload = (id: string) => ({ id, pool: 'a', state: 'running', baseline: { cpu_milli: 1000, mem_mib: 1024 }, floor: { cpu_milli: 500, mem_mib: 512 }, limit: { cpu_milli: 3000, mem_mib: 3072 } }) as unknown as Instance;
  const has = (instance: string, n: number, cpu: number, memory: number, missed = {}) => ({ instance, slot: slot(n), limits: { cpu_milli: cpu, mem_mib: memory }, missed, baseline: {}, recallable: {} }) as unknown as Allocation;
  const fields: Fields = { ...firstFields(pool, START), amounts: { cpu_milli: '2', mem_mib: '4' } };
  const [one, two] = [workload('one'), workload('two')];
  const coming = (allocations: Allocation[]) => ({ allocations, market });
  const full = (id: string) => [0, 1, 2, 3, 4, 5].map((n) => has(id, n, 3000, 3072));

  it('counts what it has won or lent in every slot of the window, and what it has won and will not have', () => {
    const ahead = coming([has('one', 0, 1000, 1024), has('one', 1, 2500, 1024, { mem_mib: 48 }), has('two', 1, 3000, 3072), has('one', 2, 700, 1024)]);
    const of = (side: Fields['side'], slots: string, start = START) => ['cpu_milli', 'mem_mib'].map((r) => roomOf(one, { side, start, slots }, r, ahead));
    expect([of('bid', '1'), of('bid', '2'), of('offer', '1'), of('offer', '1', START + 2 * 300_000), of('bid', '1', START + 3 * 300_000)]).toEqual([[2000, 2048], [500, 2000], [500, 512], [200, 512], [2000, 2048]]);
    // An offer is of one slot, whatever a bid was to be of.
    expect(of('offer', '3')).toEqual([500, 512]);
  });
  it('is half of the room that there is', () => {
    expect(refit(fields, pool, [one, two], new Set(), coming([]))).toMatchObject({ instance: 'one', amounts: { cpu_milli: '1', mem_mib: '1' } });
    expect(refit(fields, pool, [one, two], new Set(), coming([has('one', 0, 2600, 3072)]))).toMatchObject({ instance: 'one', amounts: { cpu_milli: '0.2', mem_mib: '' } });
  });
  it('is of an offer the one resource that it lends', () => {
    const offer = { ...fields, side: 'offer' as const, lends: 'mem_mib' };
    expect(refit(offer, pool, [one, two], new Set(), coming([]))).toMatchObject({ instance: 'one', amounts: { mem_mib: '0.25' } });
    expect(Object.keys(refit(offer, pool, [one, two], new Set(), coming([]))?.amounts ?? {})).toEqual(['mem_mib']);
    expect(refit({ ...offer, instance: 'one', amounts: { cpu_milli: '99', mem_mib: '0.25' } }, pool, [one, two], new Set(), coming([]))).toBeNull();
  });
  it('is another workload where the first has won all that its limit allows', () => {
    expect(refit(fields, pool, [one, two], new Set(), coming(full('one')))).toMatchObject({ instance: 'two', amounts: { cpu_milli: '1', mem_mib: '1' } });
    // Also where that comes about after the ticket was opened.
    const before = { ...fields, ...refit(fields, pool, [one, two], new Set(), coming([])) };
    expect(before.instance).toBe('one');
    expect(refit(before, pool, [one, two], new Set(), coming([]))).toBeNull();
    expect(refit(before, pool, [one, two], new Set(), coming(full('one')))).toMatchObject({ instance: 'two' });
  });
  it('is nothing, with no more to change, where none of them has any room', () => {
    const none = coming([...full('one'), ...full('two')]);
    const change = refit(fields, pool, [one, two], new Set(), none);
    expect(change).toMatchObject({ instance: 'one', amounts: { cpu_milli: '', mem_mib: '' } });
    const after = { ...fields, ...change };
    expect([refit(after, pool, [one, two], new Set(), none), hasRoom(one, pool, after, none)]).toEqual([null, false]);
    // As soon as there is some it is proposed.
    expect(refit({ ...after, start: START + 6 * 300_000 }, pool, [one, two], new Set(), none)).toMatchObject({ amounts: { cpu_milli: '1', mem_mib: '1' } });
  });
  it('is another workload, or a later slot, where a preview gives the first no chance', () => {
    const opened = { ...fields, ...refit(fields, pool, [one, two], new Set(), coming([])) };
    const lastStart = START + 5 * 300_000;
    const judged = (...windows: [string, number][]) => ({ hopeless: new Set(windows.map(([id, n]) => windowOf(id, START + n * 300_000))), lastStart });
    const next = (f: Fields, ...windows: [string, number][]) => refit(f, pool, [one, two], new Set(), coming([]), judged(...windows));
    expect(next(opened)).toBeNull();
    expect(next(opened, ['one', 0])).toMatchObject({ instance: 'two', start: START });
    expect(next({ ...opened, instance: 'two' }, ['one', 0], ['two', 0])).toMatchObject({ instance: 'one', start: START + 300_000 });
    // What somebody has chosen stays, and so does the last one where none has a chance.
    expect(refit(opened, pool, [one, two], new Set(['instance']), coming([]), judged(['one', 0]))).toBeNull();
    const all = [0, 1, 2, 3, 4, 5].flatMap((n): [string, number][] => [['one', n], ['two', n]]);
    expect(next({ ...opened, start: lastStart }, ...all)).toBeNull();
  });
  it('leaves alone what somebody has typed or chosen', () => {
    const typed = { ...fields, amounts: { cpu_milli: '2.9', mem_mib: '' } };
    expect(refit(typed, pool, [one, two], new Set(['amounts']), coming([]))).toEqual({ instance: 'one' });
    expect(refit({ ...typed, instance: 'two' }, pool, [one, two], new Set(['amounts']), coming(full('two')))).toBeNull();
    expect(refit(fields, pool, [one, two], new Set(['instance']), coming([]))).toBeNull();
    expect(refit({ ...fields, instance: 'one' }, pool, [one, two], new Set(['instance']), coming(full('one')))).toMatchObject({ instance: 'one', amounts: { cpu_milli: '', mem_mib: '' } });
  });
});

describe('of a job', () => {
  const job = { id: 'ins_1', pool: 'a', state: 'running', baseline: { cpu_milli: 8000 }, floor: { cpu_milli: 8000 }, adopted: { kind: 'slurm_job', cluster: 'c', job: 7, submitted_at: 1, name: 'n', node_cpu_milli: 4000 } };
  const upTo = (cpu_milli: number) => ({ ...job, limit: { cpu_milli } }) as unknown as Instance;
  const asked = (cpu_milli: string): Fields => ({ ...firstFields(pool, START), amounts: { cpu_milli }, instance: 'ins_1' });
  const coming = { allocations: [], market };
  it('whole nodes are proposed, one at least', () => {
    const first = (most: number) => firstFor(upTo(most), pool, asked('2'), coming).amounts?.cpu_milli;
    expect([first(32_000), first(12_000), first(14_000), first(11_000)]).toEqual(['12', '4', '4', '']);
  });
  it('a part of a node is replaced, and whole ones stay', () => {
    const next = (text: string) => refit(asked(text), pool, [upTo(32_000)], new Set(), coming)?.amounts?.cpu_milli;
    expect([next('2'), next('8')]).toEqual(['12', undefined]);
  });
});
