import { Panel, ResourceView } from '@/components/ui';
import { isPlatform, type Outcome, type Resource, type Round, useMe } from '@/lib/api';
import { formatCount } from '@/lib/money';

/** Of orders that the round gave nothing. At their limit nothing was to be had: what there was went to equals, or nobody sold for so little. */
const WORDS: Record<string, string> = {
  AWARDED: 'Won', OUT_OF_MONEY: 'Price not met', TIE: 'Nothing to be had at their limit', NO_ROOM: 'Less left than a lot takes', NO_HOST: 'No node with room', BLOCK: 'Minimum or alternatives could not win', INTERRUPTED: 'Price beyond the band',
  FROZEN_HOLD_TIME: 'Its workload can’t be moved now', NO_VACATE_PATH: 'Not shown to give memory back', TOO_MANY_AWARDS: 'Too many unsettled awards', FLOOR_PROTECTED: 'Kept for SLA floors', HALTED: 'Its pool is halted', INELIGIBLE: 'Could not be taken in',
  THRASH_LIMIT: 'Too much change', WORKLOAD_AWAY: 'Its workload is away',
};
/** A code of a later version reads as its own words. */
const wordsOf = (reason: string) => WORDS[reason] ?? reason.toLowerCase().replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase());

/** One reason for each order of the round that one may see: all for platform roles, else one's own. */
export function Reasons({ of, round }: { of: Resource<Outcome>; round: Round }) {
  const all = isPlatform(useMe());
  const count = of.data && of.data.awards.length + of.data.refused.length;
  return (
    <Panel title={all ? 'All orders, one reason each' : 'Your orders, one reason each'}
      footer={all || count === undefined || count === 0 ? undefined : `${formatCount(count)} of the round’s ${formatCount(round.orders)} ${round.orders === 1 ? 'order' : 'orders'}; those of others are not shown.`}>
      <ResourceView of={of} rows={5} missing={{ fact: 'This round has no outcome.' }} empty={(o) => o.awards.length + o.refused.length === 0 && { fact: all ? 'No order was in this round.' : 'None of your orders was in this round.' }}>
        {(o) => {
          const counts = new Map<string, number>([['AWARDED', o.awards.length]]);
          for (const r of o.refused) counts.set(r.reason, (counts.get(r.reason) ?? 0) + 1);
          const rows = [...counts].filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
          const most = Math.max(...rows.map(([, n]) => n), 1);
          return (
            <ul className="pad col g8 s12">
              {rows.map(([reason, n]) => (
                <li key={reason} className="row g8">
                  <span className="w-[210px]">{wordsOf(reason)}</span>
                  <span className="bar sp"><i style={{ width: `${(n / most) * 100}%`, background: reason === 'AWARDED' ? 'var(--ok)' : undefined }} /></span>
                  <span className="m r w-10">{formatCount(n)}</span>
                </li>
              ))}
            </ul>
          );
        }}
      </ResourceView>
    </Panel>
  );
}
