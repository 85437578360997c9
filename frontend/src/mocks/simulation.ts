// A replay in which a dearer schedule sells a little less for a little more.
import type { Figures, Simulated } from '../lib/api/objects.ts';
import { dec, iso, ROUND, roundNow, START, slotAt } from './clock.ts';

const figures = (volume: number, price: number, share: number): Figures => ({
  operator_revenue: dec(volume * share * price, 6), revenue: dec(volume * price, 6), operator_volume: Math.round(volume * share), volume, price: volume > 0 ? dec(price, 9) : null, bounded_rounds: 0,
});

export function simulated(pool: string, body: unknown): Simulated {
  const { resource, steps, rounds = 60 } = body as Simulated & { rounds?: number };
  const count = Number(rounds);
  const one = (k: number) => [figures(4000 + 300 * (k % 3), 0.00095, 0.7), figures(3600 + 250 * (k % 3), 0.00115, 0.62)] as const;
  const list = Array.from({ length: count }, (_, k) => {
    const [before, after] = one(k);
    return { number: roundNow() - count + k + 1, sealed_at: iso(START - (count - k) * ROUND), reproduced: true, void: null, before, after, prices: [{ slot: slotAt(1), before: before.price, after: after.price }] };
  });
  const [before, after] = [figures(4300 * count, 0.00095, 0.7), figures(3850 * count, 0.00115, 0.62)];
  return {
    pool, resource, steps, complete: true, rounds: list, skipped: [{ number: roundNow() - count, reason: 'it was void: no outcome passed the check' }], before, after,
    band: [{ elasticity: '0.200000', demand: '0.962000', after: figures(3720 * count, 0.00115, 0.61) }, { elasticity: '1.000000', demand: '0.826000', after: figures(3300 * count, 0.00115, 0.58) }],
    priced_out: [{ order: 'bid_01KAB6Q0ZX3F7K2B3R', participant: 'par_01KAB6Q0ZX3F4QGENOM', participant_name: 'Genomics Core', won_before: 12_000, won_after: 0, paid_before: '11.400000', paid_after: '0.000000' }, { order: 'bid_01KAB6Q0ZX3F7K2B4S', participant: 'par_01KAB6Q0ZX3F4QCHECK', participant_name: 'Checkout', won_before: 8000, won_after: 3000, paid_before: '7.600000', paid_after: '3.450000' }],
    priced_out_total: 2, gained_total: 1,
  };
}
