// What was done to the workload of a dispute for its slot: each resize or move with its phases, for whoever decides.
import { PageLink, State, When } from '@/components/ui';
import { type Dispute, type List, type Swap, useResource } from '@/lib/api';
import { formatBundle, formatCount, formatDuration } from '@/lib/money';
import { done, undoneFirst } from './trace';

/** Rows that are shown at once. */
const SHOWN = 12;

export function Trace({ of }: { of: Dispute }) {
  const swaps = useResource<List<Swap>>(of.evidence.swaps.length > 0 ? `/disputes/${of.id}/swaps` : null);
  if (of.evidence.swaps.length === 0) return <p className="s12 t3">Nothing was resized or moved for this slot.</p>;
  if (swaps.problem) return <p className="s12 bad" role="alert">What was done for the slot could not be read: {swaps.problem.said}</p>;
  if (!swaps.data) return <p className="s12 t3" role="status">Reading what was done for the slot…</p>;
  const rows = undoneFirst(swaps.data.data);
  return (
    <section aria-label="What was done for the slot" className="col g6">
      <p className="s12 t2">{done(rows)}</p>
      <ul className="col g4 s12 max-h-[180px] overflow-y-auto" tabIndex={0} aria-label="Swaps of the slot">
        {rows.slice(0, SHOWN).map((s) => (
          <li key={s.id} className="row g8 flex-wrap">
            <State of={s.state} />
            <PageLink className="id" to="/swaps/$id" params={{ id: s.id }}>{s.id.slice(-6)}</PageLink>
            <span>{s.method === 'resize' ? 'Resize' : 'Move'} to {formatBundle(s.limits_to)}</span>
            <span className="t3"><When at={s.created_at} />{s.ended_at && `, took ${formatDuration((Date.parse(s.ended_at) - Date.parse(s.created_at)) / 1000)}`}</span>
            {s.reason && <span className="warn">{s.reason.replaceAll('_', ' ')}</span>}
          </li>
        ))}
      </ul>
      {rows.length > SHOWN && <p className="s12 t3">{formatCount(rows.length - SHOWN)} more that were done; the API has them all, with their phases.</p>}
    </section>
  );
}
