import { expect, it } from 'vitest';
import { bidsNothing, faultOf, flooredPercent, formOf, noticeFault, placesBids, promiseFault, sendable, strategyOf } from './strategy';

const before = { auto_bid: { shortage_cost: { cpu_milli: '0.003840001', mem_mib: '0.000256973' } }, auto_offer: null, move_fee: '0.000000', max_swap: { mem_mib: 1500 } };
const form = formOf(before, ['cpu_milli', 'mem_mib']);

it('saving what was loaded changes nothing, to the last digit', () => {
  expect(form.cost).toEqual({ cpu_milli: '3.840001', mem_mib: '0.263140352' });
  expect(strategyOf(form)).toEqual(before);
});
it('refuses a price that is no plain number, where it would be sent', () => {
  const typed = { ...form, cost: { ...form.cost, cpu_milli: '1,5' } };
  expect(faultOf('1,5')).toBe('Write 1.5 with a point');
  expect([sendable(form), sendable(typed), sendable({ ...typed, bid: false })]).toEqual([true, false, true]);
});
it('leaves out a resource without a price', () => expect(strategyOf({ ...form, cost: { cpu_milli: '', mem_mib: '1' } }).auto_bid?.shortage_cost).toEqual({ mem_mib: '0.000976563' }));

it('keeps how much it may change, and no limit where nothing is written', () => {
  expect(form.most).toEqual({ cpu_milli: '', mem_mib: '1.465' });
  expect(strategyOf({ ...form, most: { cpu_milli: '0.25', mem_mib: '' } }).max_swap).toEqual({ cpu_milli: 250 });
  expect(sendable({ ...form, most: { cpu_milli: '1e3', mem_mib: '' } })).toBe(false);
});
it('keeps what moving costs, without idle zeros', () => {
  const fee = formOf({ ...before, move_fee: '12.500000' }, ['cpu_milli']);
  expect(fee.fee).toBe('12.5');
  expect(strategyOf(fee).move_fee).toBe('12.500000');
  expect(sendable({ ...fee, fee: '1.0000001' })).toBe(false);
});
it('keeps a promise, in percent, and sends none where nothing is written', () => {
  const kept = { ...before, auto_bid: { ...before.auto_bid, promised_service_level: '0.995000' } };
  const promised = formOf(kept, ['cpu_milli', 'mem_mib']);
  expect(promised.promised).toBe('99.5');
  expect(strategyOf(promised)).toEqual(kept);
  expect(strategyOf({ ...promised, promised: '' }).auto_bid).not.toHaveProperty('promised_service_level');
});
it('keeps what is recallable, of CPU alone, and sends nothing of it where nothing is written', () => {
  const both = { ...before, auto_bid: { ...before.auto_bid, assurance: 'recallable' as const }, auto_offer: { minimum_price: { cpu_milli: '0.000600000' }, recallable_price: { cpu_milli: '0.000150000' } } };
  const loaded = formOf(both, ['cpu_milli', 'mem_mib']);
  expect([loaded.recallable, loaded.takesRecallable]).toEqual([{ cpu_milli: '0.15' }, true]);
  expect(strategyOf(loaded)).toEqual(both);
  const none = strategyOf({ ...loaded, recallable: { cpu_milli: '' }, takesRecallable: false });
  expect([none.auto_offer, none.auto_bid?.assurance]).toEqual([{ minimum_price: both.auto_offer.minimum_price }, undefined]);
  expect(sendable({ ...loaded, recallable: { cpu_milli: '1,5' } })).toBe(false);
});
it('keeps at what price it takes at once, of what a limit takes back alone, and sends nothing of it where nothing is written', () => {
  expect([form.draws, strategyOf(form)]).toEqual([{ cpu_milli: '' }, expect.not.objectContaining({ draws: expect.anything() })]);
  const drawing = { ...before, draws: { cpu_milli: '0.000600000', net_mbps: '0.000000001' } };
  const loaded = formOf(drawing, ['cpu_milli', 'mem_mib', 'net_mbps']);
  expect(loaded.draws).toEqual({ cpu_milli: '0.6', net_mbps: '0.000000001' });
  expect(strategyOf(loaded)).toEqual(drawing);
  // It is neither bidding nor lending: it counts while both are off.
  const alone = { ...loaded, bid: false, offer: false, draws: { cpu_milli: '0.75', net_mbps: '' } };
  expect(strategyOf(alone)).toMatchObject({ auto_bid: null, auto_offer: null, draws: { cpu_milli: '0.000750000' } });
  expect(strategyOf({ ...alone, draws: { cpu_milli: '', net_mbps: ' ' } })).not.toHaveProperty('draws');
  expect([sendable(alone), sendable({ ...alone, draws: { cpu_milli: '1,5' } }), sendable({ ...alone, draws: { cpu_milli: '0.0000000001' } })]).toEqual([true, false, false]);
});
it('refuses to promise never, always, or what is no share, where it would be sent', () => {
  expect(['', '0.0001', '99.9999'].map(promiseFault)).toEqual([undefined, undefined, undefined]);
  expect(['0', '100', '250'].map(promiseFault)).toEqual(Array(3).fill('More than 0 and less than 100'));
  expect(promiseFault('99.99999')).toBe('At most 4 digits after the point');
  const always = { ...form, promised: '100' };
  expect([sendable(always), sendable({ ...always, bid: false })]).toEqual([false, true]);
});
it('never rounds a level up to a promise that it misses', () => {
  expect(['0.949999', '0.950000', '0.290000', '0.999999', '0.000000'].map(flooredPercent)).toEqual(['94.9\u2009%', '95\u2009%', '29\u2009%', '99.9\u2009%', '0\u2009%']);
});
it('keeps a notice in whole seconds, and sends none where nothing is written', () => {
  const kept = formOf({ ...before, notice_seconds: 90 }, ['cpu_milli']);
  expect(kept.notice).toBe('90');
  expect(strategyOf(kept).notice_seconds).toBe(90);
  expect(['', '0'].map((notice) => strategyOf({ ...kept, notice }))).toEqual([expect.not.objectContaining({ notice_seconds: 0 }), expect.not.objectContaining({ notice_seconds: 0 })]);
  expect(['', '0', '86400', ' 5 '].map(noticeFault)).toEqual([undefined, undefined, undefined, undefined]);
  expect(['-1', '1.5', '86401', 'soon', '1e3'].map((text) => [noticeFault(text), sendable({ ...kept, notice: text })])).toEqual(Array(5).fill(['Whole seconds, at most 86400', false]));
});
it('says only where it is so that a workload lets go while no rounds are held', () => {
  const goes = formOf(before, ['cpu_milli']);
  expect(goes.goesOn).toBe(true);
  expect(strategyOf(goes)).not.toHaveProperty('lets_go_in_safe_state');
  const stops = strategyOf({ ...goes, goesOn: false });
  expect(stops.lets_go_in_safe_state).toBe(true);
  expect(formOf(stops, ['cpu_milli']).goesOn).toBe(false);
});
it('a strategy that would bid and names no cost places nothing, and is not saved so', () => {
  const empty = { ...form, cost: { cpu_milli: '', mem_mib: '' } };
  expect([empty, { ...empty, cost: { cpu_milli: '0', mem_mib: '' } }, { ...empty, bid: false }, form].map((f) => [bidsNothing(f), sendable(f)])).toEqual([[true, false], [true, false], [false, true], [false, true]]);
  expect([placesBids(before), placesBids({ ...before, auto_bid: { shortage_cost: {} } }), placesBids({ ...before, auto_bid: null })]).toEqual([true, false, false]);
});
it('keeps that nothing is lent for less than the reserve price, and begins so where nothing was lent', () => {
  const lends = { ...before, auto_offer: { minimum_price: { cpu_milli: '0.000000000' }, at_least_reserve_price: true } };
  const loaded = formOf(lends, ['cpu_milli', 'mem_mib']);
  expect([loaded.least, loaded.atReserve]).toEqual([{ cpu_milli: '0', mem_mib: '' }, true]);
  expect(strategyOf(loaded)).toEqual(lends);
  expect(strategyOf({ ...loaded, atReserve: false }).auto_offer).toEqual({ minimum_price: lends.auto_offer.minimum_price });
  expect([form.atReserve, formOf({ ...before, auto_offer: { minimum_price: {} } }, []).atReserve]).toEqual([true, false]);
});

it('keeps the pools that it may move to, and sends none where there are none', () => {
  const moves = { ...before, move_to: ['fra1-gp', 'fra1-hp'] };
  const loaded = formOf(moves, ['cpu_milli']);
  expect([loaded.moveTo, strategyOf(loaded).move_to]).toEqual([moves.move_to, moves.move_to]);
  expect(strategyOf({ ...loaded, moveTo: [] })).not.toHaveProperty('move_to');
});
