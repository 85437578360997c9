// A new node as it is typed and sent.
import type { FullNode, Pool, Quantities } from '@/lib/api';
import { formatCount, readQuantity, shown } from '@/lib/money';

export interface Draft { name: string; capacity: Record<string, string>; agent: boolean }

const MOST = 1_000_000_000_000;
export function capacityFault(resource: string, text: string): string | undefined {
  const { value, fault } = readQuantity(resource, text);
  return fault ?? (value !== null && value > MOST ? `At most ${formatCount(shown(resource, MOST))}` : undefined);
}
export const nameFault = (name: string, taken: string[]) => (taken.includes(name.trim()) ? 'There is a node of this name already; people tell nodes apart by it' : [...name].length > 100 ? 'At most 100 characters' : undefined);

/** What is sent; null while something is missing or wrong. A resource that it has not got is left out. */
export function bodyOf(pool: Pool, d: Draft, taken: string[]): { name: string; pool: string; capacity: Quantities; properties?: Record<string, number> } | null {
  const entries = pool.resources.map(({ resource }) => [resource, d.capacity[resource] ?? ''] as const).filter(([, text]) => text.trim() !== '');
  if (d.name.trim() === '' || nameFault(d.name, taken) || entries.length === 0 || entries.some(([r, text]) => capacityFault(r, text))) return null;
  const capacity = Object.fromEntries(entries.map(([r, text]) => [r, readQuantity(r, text).value ?? 0]));
  return { name: d.name.trim(), pool: pool.slug, capacity, ...(d.agent ? { properties: { agent: 1 } } : {}) };
}

/** A pool has nodes with agents, or nodes of the server's own host, not both; undefined while it has none. */
export const agentsOf = (nodes: FullNode[]): boolean | undefined => (nodes[0] ? nodes[0].properties?.['agent'] === 1 : undefined);
