// My fills in this pool, by slot: what my bids bought, less what was sold on.
import { type Award, type List, useMay, useResource } from '@/lib/api';

export interface Fill { slot: string; quantity: number }

export function fillsOf(awards: Award[], pool: string, resource: string): Fill[] {
  const by = new Map<string, number>();
  for (const award of awards.filter((a) => a.kind === 'bought')) {
    for (const l of award.lines) {
      if (l.pool === pool && l.resource === resource) by.set(l.slot, (by.get(l.slot) ?? 0) + l.quantity - l.resold);
    }
  }
  return [...by].filter(([, quantity]) => quantity > 0).map(([slot, quantity]) => ({ slot, quantity }));
}

export function useFills(pool: string, resource: string): Fill[] {
  const mine = useMay('orders:write');
  const awards = useResource<List<Award>>(mine ? '/awards' : null, { limit: 500 }).data?.data;
  return fillsOf(awards ?? [], pool, resource);
}
