// Of what a workload has more or less than its baseline: what it won, lent and sold on. The allocation has the sum alone.
import { type Allocation, type Award, isPlatform, useAll, useMe } from '@/lib/api';
import { formatCount, shown } from '@/lib/money';
import { useNow } from '@/lib/time';

/** Awards for slots to come were made while those were open. Of everybody's there may be very many: platform roles are told the sum. */
export function useAwardsAhead(): Award[] {
  const me = useMe();
  const slot = (me?.market.slot_seconds ?? 300) * 1000;
  const from = (Math.floor(useNow() / slot) - (me?.market.horizon_slots ?? 6) - 1) * slot;
  const list = useAll<Award>(me && !isPlatform(me) ? '/awards' : null, { 'created[gte]': new Date(from).toISOString() }).data;
  return list && !list.cut ? list.rows : [];
}

const CPU = 'cpu_milli';
/** "▲ 1.5 won, ▼ 0.3 lent"; null where the awards that are known do not add up to what it will have, or there is none. */
export function partsText(a: Allocation, awards: Award[]): string | null {
  const of = (kind: string) => awards.filter((w) => w.instance === a.instance && w.kind === kind).flatMap((w) => w.lines)
    .filter((l) => l.resource === CPU && l.slot === a.slot).reduce((sum, l) => sum + l.quantity, 0);
  const [won, lent, sold] = [of('bought'), of('lent'), of('resold')];
  if (won + lent + sold === 0 || (a.baseline[CPU] ?? 0) + won - lent - sold !== (a.limits[CPU] ?? 0)) return null;
  const said = (base: number, sign: string, word: string) => (base > 0 ? `${sign} ${formatCount(shown(CPU, base))} ${word}` : null);
  return [said(won, '▲', 'won'), said(lent, '▼', 'lent'), said(sold, '▼', 'sold on')].filter(Boolean).join(', ');
}
