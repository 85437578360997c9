// Reads that more than one feature needs.
import { useQueries } from '@tanstack/react-query';
import { get } from './client';
import type { List, Pool, PoolResource, PricePoint } from './draft';
import { keyOf, useResource } from './resource';

export const usePools = () => useResource<List<Pool>>('/pools');
/** `slot`: one mean price a slot, also of slots that are still open; `round`: the next slot's price in each round. */
export const usePrices = (slug: string, resource: string, interval: 'slot' | 'round', limit: number) =>
  useResource<List<PricePoint>>(`/pools/${slug}/prices`, { resource, interval, limit });

/** Price histories of several pools at once, oldest first; a pool without an answer yet has none. */
export function usePriceMap(slugs: string[], resource: string, limit: number): Record<string, PricePoint[]> {
  return useQueries({
    queries: slugs.map((slug) => ({
      queryKey: keyOf(`/pools/${slug}/prices`, { resource, interval: 'slot', limit }),
      queryFn: () => get<List<PricePoint>>(`/pools/${slug}/prices`, { resource, interval: 'slot', limit }),
    })),
    combine: (results) => Object.fromEntries(results.map((r, i) => [slugs[i] as string, bySlot(r.data?.data ?? [])])),
  });
}

/** One point a slot, oldest first: a slot clears in many rounds and its last price stands. */
export function bySlot(points: PricePoint[]): PricePoint[] {
  const last = new Map<string, PricePoint>();
  for (const p of points) {
    const old = last.get(p.slot);
    if (!old || (old.round ?? 0) < (p.round ?? 0)) last.set(p.slot, p);
  }
  return [...last.values()].sort((a, b) => a.slot.localeCompare(b.slot));
}

export const tierText = (tier: string) => tier.replaceAll('_', ' ');
export const resourceOf = (pool: Pool | undefined, resource: string): PoolResource | undefined => pool?.resources.find((r) => r.resource === resource);
