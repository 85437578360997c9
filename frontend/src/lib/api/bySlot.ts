import type { PricePoint } from './objects';

/** One point a slot, oldest first: a slot clears in many rounds and its last price stands. */
export function bySlot(points: PricePoint[]): PricePoint[] {
  const last = new Map<string, PricePoint>();
  for (const p of points) {
    const old = last.get(p.slot);
    if (!old || (old.round ?? 0) < (p.round ?? 0)) last.set(p.slot, p);
  }
  return [...last.values()].sort((a, b) => a.slot.localeCompare(b.slot));
}
