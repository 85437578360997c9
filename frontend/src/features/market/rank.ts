// Pools ranked by what *my* need costs there; those without room for it come below a line.
import { type Pool, type PricePoint, priceAhead, resourceOf } from '@/lib/api';
import { asMicro, cost, decimal, type Micro, nano, toBase, toNumber, unitPrice } from '@/lib/money';

/** `null`: the field holds no number; then nothing is costed. */
export interface Need { resource: string; amount: number | null; slots: number | null; slotSeconds: number; /** Not what is typed, but the last that could be costed. */ held?: boolean }
export interface Row {
  /** Mean over the slots of the need, of what each of them cost so far: what the charts show there. */
  pool: Pool; price: number | null; raw: string | null; cost: Micro | null; fits: boolean; used: number; free: number;
  /** Where nothing was traded: the reserve price, from which the operator sells. */
  asked: string | null;
  history: number[]; hour: number | null; p5: number; p50: number; p95: number; volatility: number | null; capacity: number; reserve: number | null;
}

export function quantile(values: number[], q: number): number {
  if (values.length === 0) return 0;
  const s = values.toSorted((a, b) => a - b);
  const at = (s.length - 1) * q;
  const low = s[Math.floor(at)] as number;
  return low + ((s[Math.ceil(at)] as number) - low) * (at % 1);
}

/** Change in per cent of the price that the row shows, against that of a slot at least an hour before the next; null without one. */
export function hourChange(points: PricePoint[], nextSlot: string, price: string | null): number | null {
  if (price === null) return null;
  const then = points.findLast((p) => Date.parse(p.slot) <= Date.parse(nextSlot) - 3_600_000);
  return then && Number(then.price) > 0 ? (Number(price) / Number(then.price) - 1) * 100 : null;
}

/** Standard deviation of the slot-to-slot changes, in per cent. */
export function volatility(values: number[]): number | null {
  const steps = values.slice(1).map((v, i) => (values[i] ? v / (values[i] as number) - 1 : 0));
  if (steps.length < 3) return null;
  const mean = steps.reduce((a, b) => a + b, 0) / steps.length;
  return Math.sqrt(steps.reduce((a, b) => a + (b - mean) ** 2, 0) / (steps.length - 1)) * 100;
}

export function rank(pools: Pool[], prices: Record<string, PricePoint[]>, need: Need): Row[] {
  const base = need.amount === null || need.slots === null ? null : toBase(need.resource, need.amount);
  const show = (p: string) => toNumber(unitPrice(need.resource, p), 9);
  const rows = pools.flatMap((pool): Row[] => {
    const r = resourceOf(pool, need.resource);
    if (!r) return [];
    const points = prices[pool.slug] ?? [];
    // What comes after the next slot is still traded: it is no history.
    const known = points.filter((p) => Date.parse(p.slot) <= Date.parse(pool.next_slot));
    const history = known.map((p) => show(p.price));
    const ahead = pool.halted ? null : priceAhead(points, pool.next_slot, need.slots ?? 1, need.slotSeconds);
    const raw = ahead && decimal(ahead.mean, 9);
    const asked = ahead || pool.halted || !prices[pool.slug] ? null : r.reserve;
    const slots = ahead?.slots ?? (asked === null ? null : Array.from({ length: need.slots ?? 1 }, () => nano(asked)));
    return [{
      pool, raw, asked, price: raw === null ? null : show(raw), cost: slots && base !== null ? asMicro(slots.reduce((sum, p) => sum + cost(p, base), 0n)) : null,
      fits: slots !== null && base !== null && r.free >= base, used: r.utilisation, free: r.free, capacity: r.capacity, reserve: r.reserve === null ? null : show(r.reserve),
      history, hour: hourChange(known, pool.next_slot, raw), p5: quantile(history, 0.05), p50: quantile(history, 0.5), p95: quantile(history, 0.95), volatility: volatility(history),
    }];
  });
  const key = (r: Row) => r.cost ?? (1n << 62n);
  return rows.sort((a, b) => Number(b.fits) - Number(a.fits) || (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.pool.slug.localeCompare(b.pool.slug)));
}
