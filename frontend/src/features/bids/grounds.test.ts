import { expect, it } from 'vitest';
import type { Grounds } from '@/lib/api';
import { orders } from '@/mocks/orders';
import { groundsText } from './grounds';

const forecast = { model: 'online-experts', seen_until: '2026-11-20T10:20:00Z' };
const said = (grounds: Grounds) => groundsText({ grounds })?.replaceAll('\u2009', ' ');

it('an order by hand, or from before it was noted, says nothing', () => {
  expect([groundsText({}), groundsText({ grounds: null })]).toEqual([null, null]);
  expect(orders.map((o) => groundsText(o) !== null)).toEqual(orders.map((o) => o.origin !== 'manual'));
});
it('a bid says what it needs with which chance, what it is to have, and what being short costs', () => {
  const input = { baseline: 1000, needed: 1400, already: 200, price: '0.004000000' };
  const grounds: Grounds = { rule: 'auto_bid', strategy_version: 3, forecast, level: '0.900000', chance: '0.300000', inputs: { cpu_milli: input } };
  expect(said(grounds)).toBe('The strategy of its workload, version 3, bids, as it needs up to 1.4 cores with a chance of 30 % (forecast online-experts of 2026-11-20T10:20:00Z, 90 % level), is to have 1.2 cores, and to be short for a slot costs 4 cr a core.');
  expect(said({ ...grounds, chance: '0.062000', level: '0.975000', each: '0.987500', inputs: { mem_mib: { baseline: 1024, needed: 2048, price: '0.001000000' }, cpu_milli: { ...input, limit: 1300, hinted: 1500 } } }))
    .toBe('The strategy of its workload, version 3, bids, as it needs up to 1.5 cores and 2 GiB with a chance of 6.2 % (forecast online-experts of 2026-11-20T10:20:00Z, 97.5 % level of all together, and a hint), is to have 1.2 cores and 1 GiB, may have 1.3 cores at most, and to be short for a slot costs 4 cr a core and 1.024 cr a GiB.');
});
it('an offer says what is kept and from which price on it lends', () => {
  expect(said({ rule: 'auto_offer', strategy_version: 1, forecast: { ...forecast, model: null }, inputs: { cpu_milli: { baseline: 2000, needed: 1200, floor: 300, already: 100, price: '0.000500000' } } }))
    .toBe('The strategy of its workload, version 1, lends what it will not need: of its 2 cores it needs at most 1.2 cores (forecast of 2026-11-20T10:20:00Z), its floor is 0.3 cores, 0.1 cores of the slot were lent or offered before, and it asks for 0.5 cr a core and slot at least.');
});
it('what is bought back, resumed or taken at once says so, and a rule of a later version is none that is known', () => {
  expect(said({ rule: 'buy_back', strategy_version: 2, forecast, level: '0.500000', proceeds: '0.160000', inputs: { cpu_milli: { baseline: 2000, needed: 1800, already: -400 } } }))
    .toContain('buys back what it has lent: it will rather need 1.8 cores than not (forecast online-experts of 2026-11-20T10:20:00Z, 50 % level), is to have 1.6 cores, and pays no more than its part of the 0.16 cr that lending has brought.');
  expect(said({ rule: 'resume', strategy_version: 2, chance: '1.000000', inputs: { mem_mib: { baseline: 512, needed: 1024, price: '0.001000000' } } })).toContain('bids, as it stands still: it needs 1 GiB to go on, is to have 0.5 GiB,');
  expect(said({ rule: 'draws', strategy_version: 2, inputs: { cpu_milli: { baseline: 500, lacked: 150, price: '0.002000000' } } })).toBe('The strategy of its workload, version 2, takes at once what it lacks: 0.15 cores by what was measured, at 2 cr a core and slot at most.');
  expect(said({ rule: 'of_later', strategy_version: 2, inputs: {} })).toContain('a rule that this page does not know: of later.');
});
