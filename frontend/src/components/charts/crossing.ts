// Geometry of the two step curves, apart from React so that it can be tested.
export interface Level { price: number; quantity: number; mine?: boolean }
export interface Step extends Level { from: number; to: number }

/** Sorted and stacked: demand falls, supply rises. */
export function levels(list: Level[], way: 'up' | 'down'): Step[] {
  let at = 0;
  return list.toSorted((a, b) => (way === 'up' ? a.price - b.price : b.price - a.price))
    .map((l) => { const from = at; at += l.quantity; return { ...l, from, to: at }; });
}

/** What a curve spans at a quantity: one price inside a step, a range where two steps meet, open past its end. */
function span(steps: Step[], quantity: number, past: number): [number, number] {
  const near = quantity * 1e-9 + 1e-9;
  const here = steps.filter((l) => l.from <= quantity + near && l.to >= quantity - near).map((l) => l.price);
  const end = (steps.at(-1)?.to ?? 0) <= quantity + near;
  return [Math.min(...here, ...(end ? [past] : [])), Math.max(...here, ...(end ? [past] : []))];
}
/** Whether price and quantity lie on both curves. Where bundles trade they need not. */
export function crosses(demand: Step[], supply: Step[], price: number, quantity: number): boolean {
  if (quantity <= 0) return false;
  const near = price * 1e-6 + 1e-9;
  const inside = ([low, high]: [number, number]) => price >= low - near && price <= high + near;
  return inside(span(demand, quantity, 0)) && inside(span(supply, quantity, Number.POSITIVE_INFINITY));
}

export interface Scales { x: (q: number) => number; y: (p: number) => number; left: number; right: number; top: number; bottom: number; maxPrice: number; maxQuantity: number }

/** Prices above this part of the highest drawn run along the upper edge. */
export const EDGE = 0.99;

/** The price stays in view: a far-out limit may not flatten everything near it. */
export function scales(a: { demand: Step[]; supply: Step[]; price: number; quantity: number; capacity?: number; width: number; height: number }): Scales {
  const top = 10;
  const left = 44;
  const right = a.width - 20;
  const bottom = a.height - 40;
  const highest = Math.max(...a.demand.map((l) => l.price), ...a.supply.map((l) => l.price), a.price, 0.0001);
  const maxPrice = a.price > 0 ? Math.min(highest * 1.06, Math.max(a.price * 2.2, 0.0001)) : highest * 1.06;
  const total = Math.max(a.demand.at(-1)?.to ?? 0, a.supply.at(-1)?.to ?? 0, a.quantity, 0.001);
  const maxQuantity = Math.min(total, Math.max(a.quantity, a.capacity ?? 0, 1) * 1.35);
  return {
    left, right, top, bottom, maxPrice, maxQuantity,
    x: (q) => left + (Math.min(q, maxQuantity * 1.02) / maxQuantity) * (right - left),
    // A limit far above the price runs along the top edge: there, and out of scale.
    y: (p) => bottom - (Math.min(p, maxPrice * EDGE) / maxPrice) * (bottom - top),
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

export interface Box { x: number; y: number; width: number; height: number }
const meet = (a: Box, b: Box) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
/** The first of the wished places that is inside the frame and free; the first, moved inside, if none is. */
export function settle(wishes: Box[], taken: Box[], frame: Box): Box {
  const inside = wishes.map((b) => ({ ...b, x: Math.min(Math.max(b.x, frame.x), frame.x + frame.width - b.width), y: Math.min(Math.max(b.y, frame.y), frame.y + frame.height - b.height) }));
  const found = inside.find((b) => !taken.some((t) => meet(t, b))) ?? (inside[0] as Box);
  taken.push(found);
  return found;
}
