import { useLive } from '@/lib/live';

/** Filled dot: live. Hollow: what you see is old. The words say it too. */
export function LiveDot() {
  const { status, ageSeconds } = useLive();
  if (status === 'live') return <span className="row g6 s12 t2"><span className="dot" />Live <span className="t3">{ageSeconds} s</span></span>;
  if (status === 'connecting') return <span className="row g6 s12 t3"><span className="dot stale" />Connecting</span>;
  return <span className="row g6 s12 warn m"><span className="dot stale" />{status === 'stale' ? `Stale, ${ageSeconds} s old` : 'Reconnecting'}</span>;
}
