import { describe, expect, it } from 'vitest';
import type { ReservePrice } from '@/lib/api';
import { check, coming, draftOf, inForce, say, sentTime, standing, takenBack, timeFault, wireOf, withoutStep, withStep } from './schedule';

const THREE = [{ share: '0.600000', price: '0.000900000' }, { share: '0.300000', price: '0.001260000' }, { share: '0.100000', price: '0.001980000' }];
const schedule = (id: string, effective_at: string, created_at = effective_at): ReservePrice => ({ id, pool: 'p', resource: 'cpu_milli', steps: THREE, effective_at, created_by: null, created_at, state: 'scheduled', decision: null });

describe('a schedule of three steps', () => {
  it('is loaded whole, and saving it unchanged changes nothing', () => {
    expect(draftOf('cpu_milli', THREE)).toEqual([{ share: '60', price: '0.9' }, { share: '30', price: '1.26' }, { share: '10', price: '1.98' }]);
    expect(wireOf('cpu_milli', draftOf('cpu_milli', THREE))).toEqual(THREE);
    const memory = [{ share: '0.333333', price: '0.000060000' }, { share: '0.666667', price: '0.000084001' }];
    expect(wireOf('mem_mib', draftOf('mem_mib', memory))).toEqual(memory);
  });
  it('is said in words', () => expect(say('cpu_milli', THREE)).toBe('60\u2009% at 0.9, 30\u2009% at 1.26, 10\u2009% at 1.98'));
});

describe('the form', () => {
  it('takes plain numbers only, and says how to write one', () => {
    const typed = check([{ share: '80,5', price: '0,9' }, { share: '19.5', price: '1e1' }]);
    expect(typed.ok).toBe(false);
    expect(typed.steps[0]).toEqual({ share: 'Write 80.5 with a point', price: 'Write 0.9 with a point' });
    expect(typed.steps[1]?.price).toBe('Only digits and one point, like 1.5');
  });
  it('asks for shares of 100 % and rising prices', () => {
    expect(check([{ share: '80', price: '1' }, { share: '20', price: '1.5' }]).ok).toBe(true);
    expect(check([{ share: '80', price: '1' }, { share: '10', price: '1.5' }]).total).toContain('90 %');
    expect(check([{ share: '80', price: '1' }, { share: '20', price: '1' }]).steps[1]?.price).toBeTruthy();
    expect(check([{ share: '', price: 'x' }]).steps[0]).toEqual({ share: expect.any(String), price: expect.any(String) });
    expect(check([]).ok).toBe(false);
  });
  it('takes a time to come only', () => {
    const now = Date.parse('2026-11-20T11:00:30Z');
    expect([timeFault('2026-11-20T11:01', now), timeFault('2026-11-20T11:00', now), timeFault('2020-01-01T00:00', now), timeFault('', now)]).toEqual([undefined, expect.stringContaining('past'), expect.stringContaining('past'), 'A day and a time']);
  });
  it('adds and removes steps without losing a share', () => {
    const two = withStep([{ share: '100', price: '0.9' }]);
    expect(two).toEqual([{ share: '50', price: '0.9' }, { share: '50', price: '1.35' }]);
    expect(withoutStep(two, 0)).toEqual([{ share: '100', price: '1.35' }]);
    expect(check(withStep(withStep(two))).ok).toBe(true);
  });
});

it('finds what is in force, and what comes', () => {
  const list = [schedule('old', '2026-11-20T09:00:00Z'), schedule('now', '2026-11-20T10:00:00Z', '2026-11-20T09:50:00Z'), schedule('first', '2026-11-20T10:00:00Z', '2026-11-20T09:40:00Z'), schedule('next', '2026-11-20T12:00:00Z')];
  const at = Date.parse('2026-11-20T11:00:00Z');
  expect(inForce(list, 'cpu_milli', at)?.id).toBe('now');
  expect(coming(list, 'cpu_milli', at).map((s) => s.id)).toEqual(['next']);
  expect(inForce(list, 'mem_mib', at)).toBeUndefined();
  const pending = { ...schedule('asked', '2026-11-20T10:30:00Z'), state: 'pending' };
  expect(inForce([...list, pending], 'cpu_milli', at)?.id).toBe('now');
  const late = { ...schedule('first', '2026-11-20T10:00:00Z', '2026-11-20T09:40:00Z'), decision: { by: 'u', at: '2026-11-20T09:55:00Z', reason: null } };
  expect(inForce([...list.filter((s) => s.id !== 'first'), late], 'cpu_milli', at)?.id).toBe('first');
});

it('says of each schedule what has become of it', () => {
  const at = Date.parse('2026-11-20T11:00:00Z');
  const list = [
    schedule('old', '2026-11-20T09:00:00Z'), schedule('first', '2026-11-20T10:00:00Z', '2026-11-20T09:40:00Z'), schedule('now', '2026-11-20T10:00:00Z', '2026-11-20T09:50:00Z'),
    schedule('next', '2026-11-20T12:00:00Z', '2026-11-20T10:10:00Z'), schedule('overtaken', '2026-11-20T12:00:00Z', '2026-11-20T10:05:00Z'), { ...schedule('asked', '2026-11-20T10:30:00Z'), state: 'pending' },
    { ...schedule('memory', '2026-11-20T08:00:00Z'), resource: 'mem_mib' },
  ];
  const words = (time: number) => Object.fromEntries(list.map((s) => [s.id, standing(list, s, time).word]));
  expect(words(at)).toEqual({ old: 'Replaced', first: 'Replaced', now: 'In force', next: 'Scheduled', overtaken: 'Replaced', asked: 'Waits for approval', memory: 'In force' });
  expect(words(Date.parse('2026-11-20T12:00:00Z'))).toMatchObject({ now: 'Replaced', next: 'In force', overtaken: 'Replaced' });
});

describe('a schedule that has not begun', () => {
  const now = Date.parse('2026-11-20T10:00:00Z');
  const running = schedule('a', '2026-11-01T00:00:00Z');
  const higher = { ...schedule('b', '2026-12-01T00:00:00Z', '2026-11-19T00:00:00Z'), steps: [{ share: '1.000000', price: '0.002000000' }] };
  it('is taken back by what is in force before it, for the same moment', () => {
    const [back] = takenBack([running, higher], 'cpu_milli', now);
    expect([back?.of.id, back?.before.id, back?.from, sentTime(back?.from ?? '')]).toEqual(['b', 'a', '2026-12-01T00:00', '2026-12-01T00:00:00Z']);
  });
  it('is not once that is done, and what was set for it is nothing to take back', () => {
    const old = schedule('c', higher.effective_at, '2026-11-20T09:00:00Z');
    expect(takenBack([running, higher, old], 'cpu_milli', now)).toEqual([]);
    expect(inForce([running, higher, old], 'cpu_milli', Date.parse(higher.effective_at))?.id).toBe('c');
  });
});
