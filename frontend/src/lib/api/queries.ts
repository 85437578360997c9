// Reads that more than one feature needs.
import { useQueries } from '@tanstack/react-query';
import { bySlot } from './bySlot';
import { get } from './client';
import type { FullNode, List, Market, Node, Participant, Pool, PoolResource, PredictedPoint, Prediction, PricePoint } from './objects';
import { isPlatform, useMay, useMe } from './me';
import { keyOf, type Resource, useResource } from './resource';

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
    // Without an answer nothing is known of a pool, which is not the same as that nothing was traded there.
    combine: (results) => Object.fromEntries(results.flatMap((r, i) => (r.data ? [[slugs[i] as string, bySlot(r.data.data)] as const] : []))),
  });
}

/** Every open slot ahead, as the minutes that the route wants. */
export function useHorizons(): string | undefined {
  const market = useMe()?.market;
  if (!market) return undefined;
  const slots = Math.min(market.horizon_slots, 6);
  return Array.from({ length: slots }, (_, i) => ((i + 1) * market.slot_seconds) / 60).join(',');
}

/** Demand ahead of one workload or a whole pool. */
export function usePrediction(of: { instance_id: string } | { pool: string } | null, resource: string): Resource<Prediction> {
  const horizons = useHorizons();
  const allowed = useMay('forecasts:read');
  return useResource<Prediction>(of && horizons && allowed ? '/prediction' : null, { ...of, resource, horizons });
}
export const pointsOf = (p: Prediction | undefined, resource: string): PredictedPoint[] => p?.series.find((s) => s.resource === resource)?.points ?? [];

/** When rounds are held, as the market has it. */
export const roundsText = (market: Market | undefined): string => `A round is held ${market ? `every ${market.round_seconds === 1 ? 'second' : `${market.round_seconds} seconds`}` : 'every few seconds'} while there is an open bid or offer`;

/** Of workloads and orders, the highest first. */
export const CLASSES = ['critical', 'standard', 'opportunistic'];
export const tierText = (tier: string) => tier.replaceAll('_', ' ');
export const resourceOf = (pool: Pool | undefined, resource: string): PoolResource | undefined => pool?.resources.find((r) => r.resource === resource);

/** Names of participants by id, for those who see more than their own; empty for the others. */
export function useParticipantNames(): Map<string, string> {
  const list = useResource<List<Participant>>(isPlatform(useMe()) ? '/participants' : null).data?.data;
  return new Map((list ?? []).map((p) => [p.id, p.name]));
}

/** No event tells of an agent that has gone silent, nor how far a drain is. */
const NODES_MILLIS = 5_000;
/** Nodes with what runs there, read again every few seconds. */
export const useFullNodes = (asks: boolean): Resource<List<FullNode>> => useResource<List<FullNode>>(asks ? '/nodes' : null, undefined, NODES_MILLIS);

/** Whether a node takes something new: one that is cordoned, draining or down does not. */
export function useNodeState(id: string | null): FullNode['state'] | undefined {
  const list = useResource<List<FullNode>>(useMay('market:read') ? '/nodes' : null).data?.data;
  return (list ?? []).find((n) => n.id === id)?.state;
}

/** What to call a node: its name; the tail of its id where it has none, is gone, or one may not ask. */
export function useNodeName(): (id: string) => string {
  const list = useResource<List<Node>>(useMay('market:read') ? '/nodes' : null).data?.data;
  const names = new Map((list ?? []).map((n) => [n.id, n.name]));
  return (id) => names.get(id) || (id.startsWith('nod_') ? `…${id.slice(-5)}` : id);
}
