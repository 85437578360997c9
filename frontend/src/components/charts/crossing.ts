// Geometry of the two step curves, apart from React so that it can be tested.
export interface Level { price: number; quantity: number; mine?: boolean }
export interface Step extends Level { from: number; to: number }

/** Sorted and stacked: demand falls, supply rises. */
export function levels(list: Level[], way: 'up' | 'down'): Step[] {
  let at = 0;
  return list.toSorted((a, b) => (way === 'up' ? a.price - b.price : b.price - a.price))
    .map((l) => { const from = at; at += l.quantity; return { ...l, from, to: at }; });
}

export interface Scales { x: (q: number) => number; y: (p: number) => number; left: number; right: number; top: number; bottom: number; maxPrice: number; maxQuantity: number }

/** The crossing stays in view: a far-out limit may not flatten everything near the price. */
export function scales(a: { demand: Step[]; supply: Step[]; price: number; quantity: number; capacity?: number; width: number; height: number }): Scales {
  const top = 10;
  const left = 40;
  const right = a.width - 20;
  const bottom = a.height - 40;
  const highest = Math.max(...a.demand.map((l) => l.price), ...a.supply.map((l) => l.price), a.price, 0.0001);
  const maxPrice = Math.min(highest * 1.06, Math.max(a.price * 2.2, 0.0001));
  const total = Math.max(a.demand.at(-1)?.to ?? 0, a.supply.at(-1)?.to ?? 0, a.quantity, 1);
  const maxQuantity = Math.min(total, Math.max(a.quantity, a.capacity ?? 0, 1) * 1.35);
  return {
    left, right, top, bottom, maxPrice, maxQuantity,
    x: (q) => left + (Math.min(q, maxQuantity * 1.02) / maxQuantity) * (right - left),
    // A limit far above the price runs along the top edge: there, and out of scale.
    y: (p) => bottom - (Math.min(p, maxPrice * 0.99) / maxPrice) * (bottom - top),
  };
}

export function pathOf(steps: Step[], s: Scales): string {
  return steps.map((l, i) => `${i === 0 ? 'M' : 'L'}${s.x(l.from).toFixed(1)} ${s.y(l.price).toFixed(1)}H${s.x(l.to).toFixed(1)}`).join('');
}

/** Round numbers from 0 up, about `count` of them. */
export function ticks(max: number, count: number): number[] {
  const raw = max / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((m) => m * unit >= raw) ?? 10) * unit;
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}
