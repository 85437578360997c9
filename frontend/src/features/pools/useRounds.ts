// The newest rounds that traded a pool. Where none of the last ones did, those before the last that did: a product remembers it.
import { type List, type PricePoint, type Round, usePrices, useResource } from '@/lib/api';

/** Rounds looked at in one go. */
const LOOKED = 60;

/** `since`: when the first of the last rounds, `looked` of them, was sealed; null where one of them traded here, or where it is not known. */
export interface PoolRounds { rows: PricePoint[]; looked: number; since: string | null; earlier: boolean; loading: boolean }

/** `slots`: the pool's price history, with the last round of each slot. */
export function useRounds(slug: string, resource: string, slots: PricePoint[]): PoolRounds {
  const last = usePrices(slug, resource, 'round', LOOKED);
  const none = last.data?.data.length === 0;
  const ever = useResource<List<Round>>(none ? '/rounds' : null, { limit: 1 }).data?.data;
  const newest = ever?.[0]?.number;
  const first = newest === undefined ? undefined : Math.max(1, newest - LOOKED + 1);
  const since = useResource<Round>(none && first !== undefined ? `/rounds/${first}` : null).data?.sealed_at ?? null;
  const traded = Math.max(0, ...slots.map((p) => p.round ?? 0));
  const before = none && traded > 0 ? traded : null;
  const sealed = useResource<Round>(before === null ? null : `/rounds/${before}`).data?.sealed_at;
  // The time is not in what it asks for: a second more, so that this round is among them.
  const to = sealed && new Date(Date.parse(sealed) + 1000).toISOString();
  const older = useResource<List<PricePoint>>(before !== null && to ? `/pools/${slug}/prices` : null, { resource, interval: 'round', limit: LOOKED, to });
  const found = none ? (before === null ? [] : (older.data?.data ?? [])) : (last.data?.data ?? []);
  return { rows: found.toReversed(), looked: ever ? Math.min(LOOKED, newest ?? 0) : LOOKED, since: none ? since : null, earlier: none && found.length > 0, loading: last.loading || (before !== null && older.data === undefined && older.problem === null) };
}
