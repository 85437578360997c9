import { describe, expect, it } from 'vitest';
import type { Instance, Pool, Preview } from '@/lib/api';
import { micro } from '@/lib/money';
import { type Bounds, chancesOf, check as checkIn, type Fields, lessThanPrices, mayChange, mayTrade, orderOf as orderIn, plain, slotCount, suggested } from './draftOrder';

const market = { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6 };
const fields: Fields = { side: 'bid', lends: 'cpu_milli', amounts: { cpu_milli: '64', mem_mib: '256' }, start: Date.parse('2026-11-20T10:20:00Z'), slots: '6', limit: '104.00', allOrNone: false, instance: '', project: '', minRun: '', stays: false, homeToo: false, proposed: false };
const pool = { slug: 'fra1-gp', resources: [{ resource: 'cpu_milli', capacity: 100_000 }, { resource: 'mem_mib', capacity: 400_000 }] } as Pool;
const check = (f: Fields, m: typeof market, start: number, bounds: Bounds = { pool }) => checkIn(f, m, start, bounds);
const orderOf = (f: Fields, m: typeof market, start: number) => orderIn(f, { pool }, m, start);

describe('ticket', () => {
  it('sends the limit of the whole order and window', () => {
    const order = orderOf(fields, market, 0);
    expect(order).toMatchObject({ limit: '624.000000', resources: { cpu_milli: 64_000, mem_mib: 262_144 }, min_fill: '0', assurance: 'firm', window: { start_at: '2026-11-20T10:20:00Z', end_at: '2026-11-20T10:50:00Z' } });
  });
  it('takes a run of its window only in a bid, of more than one slot, and no longer one than it', () => {
    const run = (change: Partial<Fields>) => orderOf({ ...fields, minRun: '3', ...change }, market, 0)?.min_run_slots;
    expect([run({}), run({ minRun: '' }), run({ minRun: '6' }), run({ slots: '1' }), run({ side: 'offer', instance: 'ins_1' })]).toEqual([3, 0, 6, 0, 0]);
    expect(run({ minRun: '7' })).toBeUndefined();
    expect(check({ ...fields, minRun: '7' }, market, 0).minRun).toBe('At most the 6 of the window');
    expect(check({ ...fields, minRun: '1.5' }, market, 0).minRun).toBeTruthy();
  });
  it('forbids the move only of a workload, and only in a bid', () => {
    const stays = (change: Partial<Fields>) => orderOf({ ...fields, stays: true, ...change }, market, 0)?.no_displacement;
    expect([stays({ instance: 'ins_1' }), stays({}), stays({ instance: 'ins_1', side: 'offer' })]).toEqual([true, false, false]);
  });
  it('carries a workload of another pool whole, and says whether its own pool will do as well', () => {
    const order = (change: Partial<Fields>, home: string) => orderIn({ ...fields, amounts: { cpu_milli: '1', mem_mib: '1' }, instance: 'ins_1', ...change }, { pool, instance: { pool: home, limit: { cpu_milli: 9_000, mem_mib: 9_000 }, baseline: {}, floor: {} } as unknown as Instance }, market, 0);
    const pools = (o: ReturnType<typeof order>) => o?.pools.map((p) => p.pool);
    const away = order({ stays: true }, 'ams1-gp');
    expect([pools(away), away?.min_fill, away?.no_displacement]).toEqual([['fra1-gp'], '1', false]);
    expect(pools(order({ homeToo: true }, 'ams1-gp'))).toEqual(['ams1-gp', 'fra1-gp']);
    const home = order({ homeToo: true, stays: true }, 'fra1-gp');
    expect([pools(home), home?.min_fill, home?.no_displacement]).toEqual([['fra1-gp'], '0', true]);
  });
  it('asks for what may be taken back where that is traded: no memory, a workload of that pool, and no other', () => {
    const twin = { slug: 'fra1-gp~recallable', recallable_of: 'fra1-gp', resources: [{ resource: 'cpu_milli', capacity: 0 }] } as Pool;
    const of = (home: string) => ({ pool: twin, instance: { pool: home, limit: { cpu_milli: 99_000 }, baseline: {}, floor: {} } as unknown as Instance });
    const order = orderIn({ ...fields, instance: 'ins_1' }, of('fra1-gp'), market, 0);
    expect(order).toMatchObject({ assurance: 'recallable', resources: { cpu_milli: 64_000 }, pools: [{ pool: 'fra1-gp~recallable' }], min_fill: '0' });
    expect(checkIn({ ...fields, instance: 'ins_1' }, market, 0, of('ams1-gp')).instance).toContain('A workload of fra1-gp');
    expect(checkIn(fields, market, 0, { pool: twin }).instance).toContain('Which workload grows?');
  });
  it('reckons a proposal by the slots that the amounts are of', () => {
    const preview = { expected: '10.000000', last_cost: '10.000000', slots: 2, chances: [] } as unknown as Preview;
    expect(suggested('bid', preview, 6)).toBe(5_500_000n);
  });
  it('asks for whatever the pool has, GPUs in whole devices', () => {
    const gpus = { slug: 'zrh1-gp', resources: [{ resource: 'gpu_milli', capacity: 4000 }, { resource: 'storage_gib', capacity: 900 }] } as Pool;
    const of = (amounts: Fields['amounts']) => ({ ...fields, slots: '1', amounts });
    expect(orderIn(of({ gpu_milli: '2', storage_gib: '100', cpu_milli: '3' }), { pool: gpus }, market, 0)?.resources).toEqual({ gpu_milli: 2000, storage_gib: 100 });
    const fills = ([{ gpu_milli: '2' }, { gpu_milli: '', storage_gib: '5' }] as Fields['amounts'][]).map((amounts) => orderIn(of(amounts), { pool: gpus }, market, 0)?.min_fill);
    expect(fills).toEqual(['1', '0']);
    expect(checkIn(of({ gpu_milli: '1.5' }), market, 0, { pool: gpus }).amounts).toEqual({ gpu_milli: 'Whole devices' });
    expect(checkIn(of({ gpu_milli: '5' }), market, 0, { pool: gpus }).amounts.gpu_milli).toContain('At most 4 devices');
    expect(checkIn(of({}), market, 0, { pool: gpus }).amounts.gpu_milli).toBe('Ask for GPU, storage or both');
  });
  it('offers one resource in one slot, any part of it, whatever else was typed for a bid', () => {
    const offer = (change: Partial<Fields>) => orderOf({ ...fields, side: 'offer', instance: 'ins_1', allOrNone: true, minRun: '3', project: 'own', ...change }, market, 0);
    expect(offer({})).toMatchObject({ resources: { cpu_milli: 64_000 }, window: { start_at: '2026-11-20T10:20:00Z', end_at: '2026-11-20T10:25:00Z' }, limit: '104.000000', min_fill: '0', replicas: 1, min_run_slots: 0, project: null });
    expect(offer({ lends: 'mem_mib', slots: 'x' })?.resources).toEqual({ mem_mib: 262_144 });
    // A pool that has nothing of what was chosen in another one.
    expect(offer({ lends: 'gpu_milli' })?.resources).toEqual({ cpu_milli: 64_000 });
    expect(check({ ...fields, side: 'offer', instance: 'ins_1', amounts: { mem_mib: '1' } }, market, 0).amounts).toEqual({ cpu_milli: 'Offer some cores' });
    const gpus = { slug: 'zrh1-gp', resources: [{ resource: 'gpu_milli', capacity: 4000 }] } as Pool;
    expect(orderIn({ ...fields, side: 'offer', lends: 'gpu_milli', instance: 'ins_1', amounts: { gpu_milli: '2' } }, { pool: gpus }, market, 0)).toMatchObject({ resources: { gpu_milli: 2000 }, min_fill: '0' });
  });
  it('sends nothing half-typed', () => {
    for (const bad of [{ limit: '' }, { limit: 'x' }, { limit: '0' }, { slots: '0' }, { slots: '1.5' }, { amounts: { cpu_milli: '', mem_mib: '0' } }]) expect(orderOf({ ...fields, ...bad }, market, 0)).toBeNull();
  });
  it('refuses what is not a plain number at its field, and sends nothing', () => {
    for (const text of ['1,5', '1,000', '-3', '1e3', 'abc', '1 5']) {
      for (const field of ['slots', 'limit'] as const) {
        const typed = { ...fields, [field]: text };
        expect(check(typed, market, 0)[field], `${field} ${text}`).toBeTruthy();
        expect(orderOf(typed, market, 0), `${field} ${text}`).toBeNull();
      }
      for (const resource of ['cpu_milli', 'mem_mib']) {
        const typed = { ...fields, amounts: { ...fields.amounts, [resource]: text } };
        expect(check(typed, market, 0).amounts[resource], `${resource} ${text}`).toBeTruthy();
        expect(orderOf(typed, market, 0), `${resource} ${text}`).toBeNull();
      }
    }
    expect(check({ ...fields, limit: '1,5' }, market, 0).limit).toBe('Write 1.5 with a point');
  });
  it('refuses a 0 at its field, on both sides; an empty field asks for none of it', () => {
    for (const side of ['bid', 'offer'] as const) {
      for (const text of ['0', '0.0', '.0', ' 0 ']) {
        for (const resource of ['cpu_milli', 'mem_mib']) {
          const typed = { ...fields, side, lends: resource, instance: side === 'offer' ? 'ins_1' : '', amounts: { ...fields.amounts, [resource]: text } };
          expect(check(typed, market, 0), `${side} ${resource} ${text}`).toEqual({ amounts: { [resource]: 'More than 0, or empty for none of it' } });
          expect(orderOf(typed, market, 0), `${side} ${resource} ${text}`).toBeNull();
        }
      }
    }
    expect(orderOf({ ...fields, amounts: { cpu_milli: ' ', mem_mib: '256' } }, market, 0)?.resources).toEqual({ mem_mib: 262_144 });
  });
  it('never drops a resource that was asked for', () => {
    expect(check({ ...fields, amounts: { cpu_milli: '0.0001' } }, market, 0).amounts.cpu_milli).toBe('Empty, or at least 0.001 cores');
    expect(orderOf({ ...fields, amounts: { cpu_milli: '0.001', mem_mib: '' } }, market, 0)?.resources).toEqual({ cpu_milli: 1 });
  });
  it('refuses a number of slots that no clock can show', () => {
    const typed = { ...fields, slots: '999999999999' };
    expect(check(typed, market, 0).slots).toBe('Only 6 slots are open');
    expect(slotCount(typed, market)).toBe(1);
    expect([slotCount(fields, market), slotCount({ ...fields, slots: '' }, market)]).toEqual([6, 1]);
  });
  it('refuses more than there can be, in the units of the field', () => {
    const absurd = { ...fields, amounts: { cpu_milli: '999999999999', mem_mib: '391' } };
    expect(check(absurd, market, 0)).toMatchObject({ amounts: { cpu_milli: 'At most 100 cores: the pool has no more', mem_mib: 'At most 390.625 GiB: the pool has no more' } });
    expect(orderOf(absurd, market, 0)).toBeNull();
    expect(check({ ...fields, amounts: { cpu_milli: '100', mem_mib: '390.625' } }, market, 0)).toEqual({ amounts: {} });
    const down = { ...pool, resources: pool.resources.map((r) => ({ ...r, capacity: 0 })) };
    expect(check(fields, market, 0, { pool: down }).amounts.cpu_milli).toBeUndefined();
    expect(check(absurd, market, 0, { pool: down }).amounts.cpu_milli).toContain('At most 166,666,666.666 cores');
    expect(check({ ...fields, limit: '999999999999' }, market, 0).limit).toBe('At most 166,666,666.67 cr a slot');
  });
  it('refuses more than its workload may take, or has to lend', () => {
    const instance = { limit: { cpu_milli: 4000, mem_mib: 2048 }, baseline: { cpu_milli: 1000, mem_mib: 2048 }, floor: { cpu_milli: 500 } } as unknown as Instance;
    const of = (side: Fields['side'], cores: string, gib: string, lends = 'cpu_milli') => check({ ...fields, side, lends, instance: 'ins_1', amounts: { cpu_milli: cores, mem_mib: gib } }, market, 0, { pool, instance });
    expect(of('bid', '3', '')).toEqual({ amounts: {} });
    expect(of('bid', '3.001', '1')).toMatchObject({ amounts: { cpu_milli: 'At most 3 cores: the rest is over the workload’s limit', mem_mib: 'At most 0 GiB: the rest is over the workload’s limit' } });
    expect(of('offer', '0.5', '2')).toEqual({ amounts: {} });
    expect(of('offer', '1', '2.1')).toEqual({ amounts: { cpu_milli: 'At most 0.5 cores: the rest is the workload’s floor' } });
    expect(of('offer', '1', '2.1', 'mem_mib')).toEqual({ amounts: { mem_mib: 'At most 2 GiB: the rest is the workload’s floor' } });
  });
  it('names the end of the horizon and asks an offer for its workload', () => {
    expect(check(fields, market, 1).slots).toContain('6 slots');
    expect(check({ ...fields, side: 'offer' }, market, 0).instance).toBeTruthy();
  });
});

describe('the limit that the ticket proposes', () => {
  const preview = (expected: string, chances: [number, string][], last_cost = '0.000000') => ({ expected, last_cost, chances: chances.map(([probability, limit]) => ({ probability, limit })) }) as Preview;
  it('is what won in 80 % of the latest slots', () => expect(suggested('bid', preview('2.000000', [[0.5, '5.000000'], [0.8, '6.000000'], [0.99, '9.000000']]), 2)).toBe(3_000_000n));
  it('or the last prices, where they are higher', () => expect(suggested('bid', preview('2.000000', [[0.8, '6.000000']], '7.000000'), 1)).toBe(7_000_000n));
  it('or a tenth over what is expected, rounded up', () => {
    expect(plain(suggested('bid', preview('1.000300', [[0.8, '0.500000']]), 1) as never)).toBe('1.11');
    expect(plain(suggested('bid', preview('0.000120', []), 1) as never)).toBe('0.0002');
    expect([1_100_000n, 30_000n, 1_234_560_000n, 7n].map((v) => plain(v as never))).toEqual(['1.10', '0.03', '1234.56', '0.000007']);
    expect(suggested('bid', preview('0.000000', []), 1)).toBeNull();
  });
  it('or what all of it would have cost in the last round', () => {
    const deep = { ...preview('2.000000', [[0.8, '2.000000']], '2.000000'), in_last_round: { round: 7, part: '0.766000', money: '1.500000', whole: '6.000000', reason: 'NO_ROOM' } } as Preview;
    expect([suggested('bid', deep, 2), suggested('offer', deep, 2)]).toEqual([3_000_000n, 900_000n]);
    expect(suggested('bid', { ...deep, in_last_round: { round: 7, part: '0', money: '0', whole: null, reason: null } } as Preview, 2)).toBe(1_100_000n);
  });
  it('is none where the server knows no price of it', () => {
    const known = preview('2.000000', [[0.8, '6.000000']], '2.000000');
    for (const nothing of [null, undefined]) expect([suggested('bid', { ...known, last_cost: nothing }, 1), suggested('offer', { ...known, expected: nothing }, 1)]).toEqual([null, null]);
  });
  it('of an offer is the least of the same, rounded down', () => {
    expect(suggested('offer', preview('2.000000', [], '3.000000'), 1)).toBe(1_800_000n);
    expect(suggested('offer', preview('2.000000', [[0.8, '1.234567']], '3.000000'), 1)).toBe(1_230_000n);
  });
  it('one limit has one chance, its best', () => {
    const list = chancesOf(preview('1', [[0.5, '3.000000'], [0.8, '2.000000'], [0.95, '2.000000']]), 1);
    expect(list.map((c) => [c.probability, c.limit])).toEqual([[0.5, 3_000_000n], [0.95, 2_000_000n]]);
  });
});

it('knows where the preview gives a limit less of a chance than prices alone do', () => {
  const chances = [{ probability: 0.5, limit: micro('1') }, { probability: 0.99, limit: micro('2') }];
  const of = (fill_probability: number | null, limit: string, bid = true) => lessThanPrices({ fill_probability } as Preview, chances, micro(limit), bid);
  expect([of(0, '2'), of(0, '0.5'), of(0.99, '2'), of(0.5, '1'), of(null, '2')]).toEqual([true, false, false, false, false]);
  expect([of(0, '1', false), of(0, '3', false)]).toEqual([true, false]);
  expect(lessThanPrices(undefined, chances, micro('2'), true)).toBe(false);
});

describe('a job of a cluster', () => {
  const of = (part: Partial<Instance>) => ({ id: 'ins_1', pool: 'fra1-gp', limit: { cpu_milli: 64_000 }, baseline: { cpu_milli: 8000 }, floor: { cpu_milli: 4000 }, adopted: { kind: 'slurm_job', cluster: 'c', job: 7, submitted_at: 1, name: 'n', node_cpu_milli: 4000 }, ...part }) as unknown as Instance;
  const job = of({});
  const bid = { ...fields, amounts: { cpu_milli: '8' }, instance: 'ins_1' };
  it('wins whole nodes, all or none', () => {
    expect(orderIn(bid, { pool, instance: job }, market, 0)).toMatchObject({ resources: { cpu_milli: 8000 }, min_fill: '1' });
    expect(check({ ...bid, amounts: { cpu_milli: '6' } }, market, 0, { pool, instance: job }).amounts).toEqual({ cpu_milli: 'Whole nodes: a multiple of 4 cores' });
    expect(orderIn({ ...bid, amounts: { cpu_milli: '6' } }, { pool, instance: job }, market, 0)).toBeNull();
  });
  it('lends nothing', () => {
    expect([mayChange(job, 'offer', 'cpu_milli'), mayChange(job, 'bid', 'cpu_milli'), mayTrade(job, 'offer', pool), mayTrade(job, 'bid', pool)]).toEqual([0, 56_000, false, true]);
    expect(check({ ...bid, side: 'offer' }, market, 0, { pool, instance: job }).instance).toBe('A job of a cluster lends nothing: choose another workload');
  });
  it('stays in its pool, as an adopted process does', () => {
    const process = of({ pool: 'ams1-gp', adopted: { kind: 'process', pid: 7, started_ticks: 1, boot: 'b', command: 'c' } });
    expect([mayTrade(of({ pool: 'ams1-gp' }), 'bid', pool), mayTrade(process, 'bid', pool), mayTrade(of({ pool: 'ams1-gp', adopted: null }), 'bid', pool)]).toEqual([false, false, true]);
  });
});
