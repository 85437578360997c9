// What is set of a pool beside its reserve prices, under one choice of the pool.
import { type Pool, useMay } from '@/lib/api';
import { ApprovalForm } from './ApprovalForm';
import { MovesForm } from './MovesForm';
import { PoolField } from './PoolField';
import { ShortageForm } from './ShortageForm';

export function PoolSettings({ pool, pools, onPool }: { pool: Pool; pools: Pool[]; onPool: (slug: string) => void }) {
  const mayMove = useMay('admin:write');
  return (
    <>
      <div className="row"><PoolField label="Settings of the pool" pool={pool} pools={pools} onChoose={onPool} /></div>
      <div className="beside">
        <ShortageForm key={`shortage ${pool.slug}`} pool={pool} />
        {mayMove && <MovesForm key={`moves ${pool.slug}`} pool={pool} />}
        {mayMove && <ApprovalForm key={`approval ${pool.slug}`} pool={pool} />}
      </div>
    </>
  );
}
