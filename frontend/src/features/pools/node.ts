// A new node as it is typed and sent.
import type { Pool, Quantities } from '@/lib/api';
import { formatCount, readQuantity, shown } from '@/lib/money';

export interface Draft { name: string; capacity: Record<string, string> }

const MOST = 1_000_000_000_000;
export function capacityFault(resource: string, text: string): string | undefined {
  const { value, fault } = readQuantity(resource, text);
  return fault ?? (value !== null && value > MOST ? `At most ${formatCount(shown(resource, MOST))}` : undefined);
}
export const nameFault = (name: string, taken: string[]) => (taken.includes(name.trim()) ? 'There is a node of this name already; people tell nodes apart by it' : [...name].length > 100 ? 'At most 100 characters' : undefined);

/** What is sent; null while something is missing or wrong. A resource that it has not got is left out. */
export function bodyOf(pool: Pool, d: Draft, taken: string[]): { name: string; pool: string; capacity: Quantities } | null {
  const entries = pool.resources.map(({ resource }) => [resource, d.capacity[resource] ?? ''] as const).filter(([, text]) => text.trim() !== '');
  if (d.name.trim() === '' || nameFault(d.name, taken) || entries.length === 0 || entries.some(([r, text]) => capacityFault(r, text))) return null;
  return { name: d.name.trim(), pool: pool.slug, capacity: Object.fromEntries(entries.map(([r, text]) => [r, readQuantity(r, text).value ?? 0])) };
}
