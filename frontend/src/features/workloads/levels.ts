// Levels of the tree organisation, place, tier, pool, where a strategy names no single pool: POP/TIER, `*` for all.
import { tierText, type Pool } from '@/lib/api';

export interface Level { name: string; label: string; pools: string[] }

type Place = Pick<Pool, 'slug' | 'pop' | 'tier'>;

export const covers = (level: string, { pop, tier }: Place): boolean => {
  const at = level.lastIndexOf('/');
  return at >= 0 && ['*', pop].includes(level.slice(0, at)) && ['*', tier].includes(level.slice(at + 1));
};

/** Levels worth a choice: each has several of these pools, and no higher one has the same. */
export function levelsOf(places: Place[]): Level[] {
  const of = (name: string, label: string): Level => ({ name, label, pools: places.filter((place) => covers(name, place)).map((place) => place.slug) });
  const unique = (texts: string[]) => [...new Set(texts)].sort();
  const all = [
    of('*/*', 'Any pool'),
    ...unique(places.map((place) => place.pop)).map((pop) => of(`${pop}/*`, `Any pool at ${pop}`)),
    ...unique(places.map((place) => place.tier)).map((tier) => of(`*/${tier}`, `Any pool of the tier ${tierText(tier)}`)),
  ];
  return all.filter(({ pools }, index) => pools.length > 1 && !all.slice(0, index).some((higher) => higher.pools.join() === pools.join()));
}
