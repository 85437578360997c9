import { expect, it } from 'vitest';
import { totalsOf } from './totals';

it('adds up what is a participant’s, and leaves the exchange’s own accounts out', () => {
  const account = (name: string, balance: string, participant: string | null) => ({ account: name, participant, participant_name: participant && `Name of ${participant}`, balance });
  const list = totalsOf([account('exchange/escrow', '5.000000', null), account('b/available', '2.500000', 'b'), account('a/available', '1.000000', 'a'), account('a/held', '0.250000', 'a')]);
  expect(list.map((t) => [t.name, t.available, t.held, t.total])).toEqual([
    ['Name of a', 1_000_000n, 250_000n, 1_250_000n], ['Name of b', 2_500_000n, 0n, 2_500_000n],
  ]);
});
