// "Trade" without a pool: the one that was open last, else the first.
import { Navigate } from '@tanstack/react-router';
import { Page } from '@/components/ui';
import { usePools } from '@/lib/api';

export const LAST_POOL = 'headroom.pool';

export default function PickPool() {
  const pools = usePools();
  return (
    <Page title="Trade" of={pools} empty={(d) => d.data.length === 0 && { fact: 'There is no pool to trade in yet.' }}>
      {(d) => {
        const last = sessionStorage.getItem(LAST_POOL);
        const pool = d.data.find((p) => p.slug === last) ?? d.data.find((p) => !p.halted) ?? d.data[0];
        return pool ? <Navigate to="/pools/$slug" params={{ slug: pool.slug }} replace /> : null;
      }}
    </Page>
  );
}
