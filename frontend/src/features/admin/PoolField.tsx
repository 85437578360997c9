import { Select } from '@/components/ui';
import type { Pool } from '@/lib/api';

/** For which pool a form is: said where it is filled in, and chosen there. */
export function PoolField({ label = 'Pool', pool, pools, onChoose }: { label?: string; pool: Pool; pools: Pool[]; onChoose: (slug: string) => void }) {
  return <Select label={label} value={pool.slug} onChange={onChoose} options={pools.map((p) => ({ value: p.slug, label: p.slug }))} />;
}
