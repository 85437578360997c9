// A change in words, with what it was of and what was asked for.
import { expect, it } from 'vitest';
import { changes } from '@/mocks/audit';
import description from '../../../../openapi/openapi.json';
import { actionsOf, brief, called, fields, PARTS, pageOf, said } from './audit';

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

it('tells a grant from its correction, and a participant by its name', () => {
  const granted = { ...of('participant.quota_set'), action: 'participant.granted', details: { amount: '-900.000000', reason: 'a zero too many' } };
  expect([said(granted), said({ ...granted, details: { amount: '1.000000' } })]).toEqual(['Grant corrected', 'Credits granted']);
  expect([called(granted, new Map([[granted.object, 'Genomics Core']])), called(granted)]).toEqual(['Genomics Core', `…${granted.object.slice(-6)}`]);
});

it('shows what was asked for without what was left empty or said already', () => {
  expect(fields(of('pool.halted'))).toContainEqual(['Reason', 'a fan is loud']);
  expect(brief(of('pool.halted'))).toBe('Reason: a fan is loud');
  expect(fields(of('participant.quota_set'))).toContainEqual(['Quota', '{ "cpu_milli": 64000 }']);
  expect(fields(of('participant.quota_set')).map(([name]) => name)).not.toContain('Instance limit');
});
