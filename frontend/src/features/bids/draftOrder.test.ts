import { describe, expect, it } from 'vitest';
import type { Preview } from '@/lib/api';
import { chancesOf, check, type Fields, orderOf, plain, suggested } from './draftOrder';

const market = { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6 };
const fields: Fields = { side: 'bid', cores: '64', gib: '256', start: Date.parse('2026-11-20T10:20:00Z'), slots: '6', limit: '104.00', allOrNone: false, instance: '', proposed: false };

describe('ticket', () => {
  it('sends the limit of the whole order and window', () => {
    const order = orderOf(fields, 'fra1-gp', market, 0);
    expect(order).toMatchObject({ limit: '624.000000', resources: { cpu_milli: 64_000, mem_mib: 262_144 }, min_fill: '0', assurance: 'firm', window: { start_at: '2026-11-20T10:20:00Z', end_at: '2026-11-20T10:50:00Z' } });
  });
  it('sends nothing half-typed', () => {
    for (const bad of [{ limit: '' }, { limit: 'x' }, { limit: '0' }, { slots: '0' }, { slots: '1.5' }, { cores: '', gib: '0' }]) expect(orderOf({ ...fields, ...bad }, 'p', market, 0)).toBeNull();
  });
  it('refuses what is not a plain number at its field, and sends nothing', () => {
    for (const field of ['cores', 'gib', 'slots', 'limit'] as const) {
      for (const text of ['1,5', '1,000', '-3', '1e3', 'abc', '1 5']) {
        const typed = { ...fields, [field]: text };
        expect(check(typed, market, 0)[field], `${field} ${text}`).toBeTruthy();
        expect(orderOf(typed, 'p', market, 0), `${field} ${text}`).toBeNull();
      }
    }
    expect(check({ ...fields, limit: '1,5' }, market, 0).limit).toBe('Write 1.5 with a point');
  });
  it('never drops a resource that was asked for', () => {
    expect(check({ ...fields, cores: '0.0001' }, market, 0).cores).toContain('at least 0.001');
    expect(orderOf({ ...fields, cores: '0.001', gib: '0' }, 'p', market, 0)?.resources).toEqual({ cpu_milli: 1 });
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
  it('of an offer is the least of the same, rounded down', () => {
    expect(suggested('offer', preview('2.000000', [], '3.000000'), 1)).toBe(1_800_000n);
    expect(suggested('offer', preview('2.000000', [[0.8, '1.234567']], '3.000000'), 1)).toBe(1_230_000n);
  });
  it('one limit has one chance, its best', () => {
    const list = chancesOf(preview('1', [[0.5, '3.000000'], [0.8, '2.000000'], [0.95, '2.000000']]), 1);
    expect(list.map((c) => [c.probability, c.limit])).toEqual([[0.5, 3_000_000n], [0.95, 2_000_000n]]);
  });
});
