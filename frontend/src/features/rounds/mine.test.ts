import { expect, it } from 'vitest';
import { awardOf, isResale, mineOf, sideOf } from './mine';

it('reads won and not won orders and resales of an outcome', () => {
  const rows = mineOf({
    format: 'headroom.outcome/2', awards: [{ order: 'bid_1', alternative: 0, lots: 500, money: '1', quantities: [['fra1-gp', 'cpu_milli', 0, 500]], limited_by: 'TIE' }, { order: 'awd_1/1', alternative: 0, lots: 500, money: '1', quantities: [['fra1-hp', 'cpu_milli', 0, 500]], nodes: [['nod_1', 500]] }],
    refused: [{ order: 'off_1', reason: 'OUT_OF_MONEY', cost: '1', shortfall: '0' }, { order: 'awd_2', reason: 'OUT_OF_MONEY', cost: '1', shortfall: '0' }],
  });
  expect(rows.map((r) => [r.id, sideOf(r.id), r.pool, r.word, r.money])).toEqual([
    ['bid_1', 'bid', 'fra1-gp', 'Partly filled', '1'], ['awd_1/1', 'offer', 'fra1-hp', 'Resold', '1'], ['off_1', 'offer', null, 'Not filled', '1'], ['awd_2', 'offer', null, 'Not resold', '1'],
  ]);
});
it('knows the award of which one line is offered again', () => {
  expect([awardOf('awd_1/1'), awardOf('awd_2'), isResale('awd_1/1'), isResale('bid_1')]).toEqual(['awd_1', 'awd_2', true, false]);
});
