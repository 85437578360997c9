import { expect, it } from 'vitest';
import { mineOf, sideOf } from './mine';

it('reads won and not won orders and resales of an outcome', () => {
  const rows = mineOf({
    format: 'headroom.outcome/1', awards: [{ order: 'bid_1', alternative: 0, fill: '0.5', money: '1', quantities: [['fra1-gp', 'cpu_milli', 0, 500]] }, { order: 'awd_1', alternative: 0, fill: '1', money: '1', quantities: [['fra1-hp', 'cpu_milli', 0, 500]] }],
    refused: [{ order: 'off_1', reason: 'OUT_OF_MONEY', price: '1', shortfall: '0' }, { order: 'awd_2', reason: 'OUT_OF_MONEY', price: '1', shortfall: '0' }],
  });
  expect(rows.map((r) => [r.id, sideOf(r.id), r.pool, r.word])).toEqual([
    ['bid_1', 'bid', 'fra1-gp', 'Partly filled'], ['awd_1', 'offer', 'fra1-hp', 'Resold'], ['off_1', 'offer', null, 'Not filled'], ['awd_2', 'offer', null, 'Not resold'],
  ]);
});
