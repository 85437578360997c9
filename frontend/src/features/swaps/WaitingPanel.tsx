// The moves that wait for the reader's answer: what each is for, what its shadow run has shown, and how long an answer helps.
import { Badge, PageLink, Panel, Place, ScrollBox, Short } from '@/components/ui';
import { isAsked, type OneSwap, type Swap, useMay, useResource } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { Left } from './Left';
import { expectedPause, purposeText } from './question';
import { comparedText, nameOf } from './swap';

const MOST = 20;

function Waiting({ swap }: { swap: Swap }) {
  const { data } = useResource<OneSwap>(`/swaps/${swap.id}`);
  const { evidence, answer_by } = swap.approval ?? {};
  return (
    <tr>
      <td><PageLink className="b" to="/swaps/$id" params={{ id: swap.id }}><Short text={nameOf(swap)} most="min(240px, 36vw)" /></PageLink></td>
      <td className="r">{answer_by && <Left by={answer_by} />}</td>
      <td className="nw"><Badge tone="ok" icon="check">Passed</Badge>{evidence && <span className="t3"> at {comparedText(evidence.positions_compared)}</span>}</td>
      <td className="r nw">{data ? expectedPause(data.cutover) : '…'}</td>
      <td className="nw">{purposeText(swap)}</td>
      <td className="nw">{data?.participant_name ?? '…'}</td>
      <td><span className="nw"><Place pool={swap.pool_from} node={swap.node_from} /> → <Place pool={swap.pool_to} node={swap.node_to} /></span></td>
      <td className="r"><PageLink className="btn primary" to="/swaps/$id" params={{ id: swap.id }}>Look and answer</PageLink></td>
    </tr>
  );
}

/** For operators and admins; the earliest deadline comes first. */
export function WaitingPanel({ swaps }: { swaps: Swap[] }) {
  const allowed = useMay('swaps:approve');
  if (!allowed) return null;
  const by = (s: Swap) => s.approval?.answer_by ?? '';
  const all = swaps.filter(isAsked).sort((a, b) => by(a).localeCompare(by(b)));
  return (
    <Panel title="Waiting for you" note={all.length > MOST ? `the first ${MOST} of ${formatCount(all.length)}` : undefined}>
      {all.length === 0
        ? <p className="pad s12 t3">No move waits for an answer. One is asked about here as soon as its shadow run has passed, in pools that have moves approved.</p>
        : <ScrollBox label="Waiting for you: rows"><table className="t">
          <thead><tr><th scope="col">Workload</th><th scope="col" className="r">An answer helps</th><th scope="col">Shadow run</th><th scope="col" className="r">Expected pause</th><th scope="col">What for</th><th scope="col">Owner</th><th scope="col">From, to</th><th scope="col" className="r">Answer</th></tr></thead>
          <tbody>{all.slice(0, MOST).map((s) => <Waiting key={s.id} swap={s} />)}</tbody>
        </table></ScrollBox>}
    </Panel>
  );
}
