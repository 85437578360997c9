import { expect, it } from 'vitest';
import { faultOf, formOf, sendable, serviceLevel, strategyOf } from './strategy';

const before = { auto_bid: { shortage_cost: { cpu_milli: '0.003840001', mem_mib: '0.000256973' }, other_pools: ['hel1-gp'] }, auto_offer: null, move_fee: '0.000000', max_swap: { mem_mib: 1500 } };
const form = formOf(before, ['cpu_milli', 'mem_mib']);

it('saving what was loaded changes nothing, to the last digit', () => {
  expect(form.cost).toEqual({ cpu_milli: '3.840001', mem_mib: '0.263140352' });
  expect(strategyOf(form, before)).toEqual(before);
});
it('refuses a price that is no plain number, where it would be sent', () => {
  const typed = { ...form, cost: { ...form.cost, cpu_milli: '1,5' } };
  expect(faultOf('1,5')).toBe('Write 1.5 with a point');
  expect([sendable(form), sendable(typed), sendable({ ...typed, bid: false })]).toEqual([true, false, true]);
});
it('leaves out a resource without a price', () => expect(strategyOf({ ...form, cost: { cpu_milli: '', mem_mib: '1' } }, before).auto_bid?.shortage_cost).toEqual({ mem_mib: '0.000976563' }));

it('keeps how much it may change, and no limit where nothing is written', () => {
  expect(form.most).toEqual({ cpu_milli: '', mem_mib: '1.465' });
  expect(strategyOf({ ...form, most: { cpu_milli: '0.25', mem_mib: '' } }, before).max_swap).toEqual({ cpu_milli: 250 });
  expect(sendable({ ...form, most: { cpu_milli: '1e3', mem_mib: '' } })).toBe(false);
});
it('keeps what moving costs, without idle zeros', () => {
  const fee = formOf({ ...before, move_fee: '12.500000' }, ['cpu_milli']);
  expect(fee.fee).toBe('12.5');
  expect(strategyOf(fee, before).move_fee).toBe('12.500000');
  expect(sendable({ ...fee, fee: '1.0000001' })).toBe(false);
});
it('says how well covered a shortage cost leaves a workload at a price', () => {
  expect(serviceLevel('4', 1_000_000_000n)).toBe(0.75);
  expect(serviceLevel('4', 4_000_000_000n)).toBe(0);
  expect(serviceLevel('4', 9_000_000_000n)).toBe(0);
  expect([serviceLevel('', 1n), serviceLevel('0', 1n), serviceLevel('much', 1n), serviceLevel('4', null)]).toEqual([null, null, null, null]);
});
