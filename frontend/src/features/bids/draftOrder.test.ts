import { describe, expect, it } from 'vitest';
import { check, type Fields, orderOf } from './draftOrder';

const market = { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6 };
const fields: Fields = { side: 'bid', cores: '64', gib: '256', start: Date.parse('2026-11-20T10:20:00Z'), slots: '6', limit: '104.00', allOrNone: false, firm: true, instance: '' };

describe('ticket', () => {
  it('sends the limit of the whole order and window', () => {
    const order = orderOf(fields, 'fra1-gp', market, 0);
    expect(order).toMatchObject({ limit: '624.000000', resources: { cpu_milli: 64_000, mem_mib: 262_144 }, min_fill: '0', assurance: 'firm', window: { start_at: '2026-11-20T10:20:00Z', end_at: '2026-11-20T10:50:00Z' } });
  });
  it('sends nothing half-typed', () => {
    for (const bad of [{ limit: '' }, { limit: 'x' }, { limit: '0' }, { slots: '0' }, { slots: '1.5' }, { cores: '', gib: '0' }]) expect(orderOf({ ...fields, ...bad }, 'p', market, 0)).toBeNull();
  });
  it('names the end of the horizon and asks an offer for its workload', () => {
    expect(check(fields, market, 1).slots).toContain('6 slots');
    expect(check({ ...fields, side: 'offer' }, market, 0).instance).toBeTruthy();
  });
});
