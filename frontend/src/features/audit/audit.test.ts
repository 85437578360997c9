// A change in words, with what it was of and what was asked for.
import { expect, it } from 'vitest';
import { changes } from '@/mocks/audit';
import description from '../../../../openapi/openapi.json';
import { actionsOf, brief, called, fields, ownerOf, PARTS, pageOf, said, whose } from './audit';

const of = (action: string) => changes.find((e) => e.action === action) as (typeof changes)[number];

it('knows every action that the server may tell, in one part each', () => {
  const known = description.components.schemas.AuditAction.enum;
  const parts = PARTS.filter((p) => p !== 'all').flatMap((p) => actionsOf(p).split(','));
  expect(parts.toSorted()).toEqual([...known].toSorted());
  for (const action of known) expect(said({ ...of('pool.halted'), action })).not.toBe(action);
});

it('says what it was of, and leads there where there is a page', () => {
  expect([called(of('pool.halted')), pageOf(of('pool.halted'))]).toEqual(['ams1-lp', { to: '/pools/ams1-lp' }]);
  expect([called(of('api_key.created')), pageOf(of('api_key.created'))]).toEqual(['nightly', null]);
  expect(pageOf(of('instance.stopped'))).toEqual({ to: '/workloads', search: { workload: of('instance.stopped').object } });
  expect(called(of('instance.stopped'))).toMatch(/^….{6}$/);
});

it('calls a workload by its name where that is known, and a reserve price by its product', () => {
  const strategy = { ...of('instance.stopped'), action: 'instance.strategy_set' };
  expect([called(strategy, new Map([[strategy.object, 'web-frontend']])), called(of('reserve_price.scheduled'))]).toEqual(['web-frontend', 'fra1-gp, CPU']);
});

it('says what changed in words and units', () => {
  const said = (action: string, details: unknown) => Object.fromEntries(fields({ ...of('pool.halted'), action, details }));
  const steps = [{ price: '0.001200000', share: '0.600000' }, { price: '0.002000000', share: '0.400000' }];
  expect(said('reserve_price.scheduled', { by: 'usr_1', pool: 'p', resource: 'cpu_milli', steps, effective_at: '2026-11-25T15:47:00Z', expected_version: 2 }))
    .toEqual({ Pool: 'p', Resource: 'CPU', 'Reserve price': '60\u2009% at 1.2, 40\u2009% at 2 cr a core and slot', 'In force from': '2026-11-25T15:47:00Z' });
  expect(said('instance.baseline_set', { instance: 'ins_1', baseline: { cpu_milli: 1500, mem_mib: 2048 }, floor: { cpu_milli: 500 } })).toEqual({ Baseline: '1.5 cores, 2 GiB', Floor: '0.5 cores' });
  expect(said('participant.granted', { participant: 'par_1', amount: '-900.000000', reason: 'a zero too many' })).toEqual({ Credits: '−900.00 cr', Reason: 'a zero too many' });
  expect(said('node.created', { name: 'n-1', pool: 'p', capacity: { cpu_milli: 8000 }, properties: {} })).toEqual({ Name: 'n-1', Pool: 'p', Capacity: '8 cores' });
  expect(said('pool.move_approval_set', { pool: 'p', required: true, expected_version: 0 })).toEqual({ Pool: 'p', Moves: 'an operator approves each' });
  expect(said('instance.strategy_set', { instance: 'ins_1', strategy: { auto_bid: { shortage_cost: { cpu_milli: '0.001440000', mem_mib: '0.000096000' } }, auto_offer: null, draws: { cpu_milli: '0.001440000' }, max_swap: {}, move_fee: '0.000000' } }))
    .toEqual({ 'Bids; a missing unit costs': '1.44 cr a core of CPU, 0.098304 cr a GiB of Memory', 'Takes at once, up to': '1.44 cr a core of CPU', 'Does not': 'lend by itself' });
});

it('says what was before where the entry carries it, and shows what it does not know as it was sent', () => {
  const details = { participant: 'par_1', quota: { cpu_milli: 64_000 }, instance_limit: 8 };
  const before = { quota: { cpu_milli: 32_000 }, instance_limit: 8 };
  expect(fields({ ...of('participant.quota_set'), details, before })).toEqual([['Quota', '32 cores → 64 cores'], ['Workloads at most', '8']]);
  expect(fields({ ...of('participant.quota_set'), details: { steps: 'later', quota: ['x'], colour: { of: 'it' } } })).toEqual([['Quota', '["x"]'], ['Reserve price', 'later'], ['Colour', '{"of":"it"}']]);
});

it('calls a thing by the name that it had then', () => {
  expect(called({ ...of('participant.quota_set'), object_name: 'Genomics Core' }, new Map())).toBe('Genomics Core');
});

it('tells a grant from its correction, and a participant by its name', () => {
  const granted = { ...of('participant.quota_set'), action: 'participant.granted', details: { amount: '-900.000000', reason: 'a zero too many' } };
  expect([said(granted), said({ ...granted, details: { amount: '1.000000' } })]).toEqual(['Grant corrected', 'Credits granted']);
  expect([called(granted, new Map([[granted.object, 'Genomics Core']])), called(granted)]).toEqual(['Genomics Core', `…${granted.object.slice(-6)}`]);
});

it('shows what was asked for without what was left empty or said already', () => {
  expect(fields(of('pool.halted'))).toContainEqual(['Reason', 'a fan is loud']);
  expect(brief(of('pool.halted'))).toBe('Reason: a fan is loud');
  expect(fields(of('participant.quota_set'))).toContainEqual(['Quota', '64 cores']);
  expect(fields(of('participant.quota_set')).map(([name]) => name)).not.toContain('Instance limit');
});

it('says what was done where what was asked for says it', () => {
  const as = (action: string, details: unknown) => said({ ...of('pool.halted'), action, details });
  expect(['approved', 'rejected', 'later'].map((verdict) => as('swap.answered', { verdict }))).toEqual(['Move approved', 'Move rejected', 'Move approved or rejected']);
  expect(['approve', 'reject', 'withdraw'].map((verdict) => as('reserve_price.decided', { verdict }))).toEqual(['Reserve price approved', 'Reserve price rejected', 'Reserve price withdrawn']);
  expect(['cordoned', 'draining', 'up', 'down', undefined].map((state) => as('node.state_set', { state }))).toEqual(['Node cordoned', 'Drain of a node begun', 'Node opened again', 'Node taken as down', 'State of a node set']);
});

it('says whose it is', () => {
  const mine = of('instance.stopped');
  expect([whose(mine, new Map([[mine.participant as string, 'Genomics Core']])), whose(mine, new Map()), whose(of('pool.halted'), new Map()), whose({ ...mine, participant: undefined }, new Map())]).toEqual(['Genomics Core', '…QGENOM', 'the operator', '']);
});
it('what the operator does to a participant is that one’s, also where the server names the operator', () => {
  const granted = { ...of('participant.quota_set'), action: 'participant.granted', participant: null };
  expect([whose(granted, new Map([[granted.object, 'Genomics Core']])), ownerOf(granted), ownerOf(of('pool.halted'))]).toEqual(['Genomics Core', granted.object, null]);
});
