// The next gate. Counted from the last sealed round, so it needs no clock of the server's.
import { type List, type Round, useMe, useResource } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { useNow } from '@/lib/time';

const RADIUS = 9;
const CIRCLE = 2 * Math.PI * RADIUS;

export function RoundClock() {
  const me = useMe();
  const now = useNow();
  const last = useResource<List<Round>>('/rounds', { limit: 1 }).data?.data[0];
  if (!me || !last) return null;
  const period = me.market.round_seconds;
  const due = Date.parse(last.sealed_at) + period * 1000;
  const left = Math.min(period, Math.max(0, (due - now) / 1000));
  // Without an open order no round is held: one that is overdue by another period is not being cleared.
  const idle = now > due + period * 1000;
  return (
    <span className="row g8 px-1 round">
      <svg width="22" height="22" aria-hidden="true">
        <circle cx="11" cy="11" r={RADIUS} fill="none" stroke="var(--surface-3)" strokeWidth="2.5" />
        <circle cx="11" cy="11" r={RADIUS} fill="none" stroke="var(--accent)" strokeWidth="2.5" strokeLinecap="round"
          strokeDasharray={`${(left / period) * CIRCLE} ${CIRCLE}`} transform="rotate(-90 11 11)" />
      </svg>
      <span className="tstat"><b>Round {formatCount(last.number + 1)}</b><span>{left > 0 ? `closes in ${Math.ceil(left)} s` : idle ? 'waits for orders' : 'closing'}</span></span>
    </span>
  );
}
