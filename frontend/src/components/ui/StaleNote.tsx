import { useQuery } from '@tanstack/react-query';
import { type Resource, useMay } from '@/lib/api';
import { useLive } from '@/lib/live';
import { clockSeconds, zone } from '@/lib/time';

const LOOK_AGAIN_MS = 5_000;
/** A server that hangs takes the question and never answers it. */
const PATIENCE_MS = 4_000;

/** Whether the server answers at all: without its stream a page does not know. `undefined` until that is known. */
function useAnswers(enabled: boolean): boolean | undefined {
  const looked = useQuery({
    queryKey: ['/healthz'], enabled, retry: false, gcTime: 0, refetchInterval: LOOK_AGAIN_MS,
    queryFn: async () => (await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) })).ok,
  });
  return looked.isError ? false : looked.data;
}

/** Says how old the page is and what still holds, only while it is old. */
export function StaleNote({ of }: { of: Resource<unknown> }) {
  const { status, ageSeconds } = useLive();
  const z = zone.use();
  const trades = useMay('orders:write');
  const old = of.stale || status === 'stale';
  const answers = useAnswers(old && trades);
  if (!old) return null;
  return (
    <div className="note warn" role="status">
      <span className="dot stale" />
      <span>
        {of.updatedAt > 0 ? <>Prices as of {clockSeconds(of.updatedAt, z)}, {ageSeconds} s old; reconnecting.</> : 'Nothing could be read yet; reconnecting.'}
        {trades && answers === true && <> You can still bid: the round uses live data and <b>you never pay over your limit</b>.</>}
        {trades && answers === false && <> The server does not answer: what you send now may not arrive. What it has confirmed stays.</>}
      </span>
    </div>
  );
}
