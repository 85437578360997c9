import { type Resource, useMay } from '@/lib/api';
import { useLive } from '@/lib/live';
import { clockSeconds, zone } from '@/lib/time';

/** Says how old the page is and what still holds, only while it is old. */
export function StaleNote({ of }: { of: Resource<unknown> }) {
  const { status, ageSeconds } = useLive();
  const z = zone.use();
  const trades = useMay('orders:write');
  if (!of.stale && status !== 'stale') return null;
  return (
    <div className="note warn" role="status">
      <span className="dot stale" />
      <span>
        Prices as of {clockSeconds(of.updatedAt, z)}, {ageSeconds} s old; reconnecting.{trades && <> You can still bid: the round uses live data and <b>you never pay over your limit</b>.</>}
      </span>
    </div>
  );
}
