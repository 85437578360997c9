import { Badge, type Column, DataTable, type IconName, PageLink, Panel, type Tone, When } from '@/components/ui';
import type { FullNode, LeavingNode, NodeWorkload } from '@/lib/api';
import { formatShort } from '@/lib/money';
import { drainText, isDrained, isDraining, LEAVES, leavingText, workloadsOf } from '@/lib/nodes';
import { NodeState } from './NodeState';

const LOOKS: Record<string, { tone: Tone; icon: IconName }> = { moving: { tone: 'acc', icon: 'swaps' }, waiting: { tone: 'line', icon: 'clock' }, blocked: { tone: 'bad', icon: 'warn' } };
/** What needs somebody comes first. */
const ORDER = ['blocked', 'moving', 'waiting'];
const rank = (w: NodeWorkload) => (w.leaving ? ORDER.indexOf(w.leaving.step) : ORDER.length);

function Step({ of }: { of: LeavingNode }) {
  const look = LOOKS[of.step] ?? { tone: 'line' as const, icon: 'circle' as const };
  return <Badge tone={look.tone} icon={look.icon}>{LEAVES[of.step] ?? of.step}</Badge>;
}

function Why({ of }: { of: LeavingNode }) {
  return (
    <>
      {leavingText(of)}
      {of.until && <> Until <When at={of.until} style="moment" />.</>}
      {of.swap && <> <PageLink className="underline" to="/swaps/$id" params={{ id: of.swap }}>Open the swap</PageLink></>}
    </>
  );
}

const COLUMNS: Column<NodeWorkload>[] = [
  { id: 'workload', head: 'Workload', cell: (w) => <PageLink className="b" to="/workloads" search={{ workload: w.id }}>{w.name}</PageLink>, value: (w) => w.name },
  { id: 'step', head: 'Step', cell: (w) => (w.leaving ? <Step of={w.leaving} /> : <span className="t3">not known yet</span>), value: rank },
  { id: 'why', head: 'Why it is still there', rest: true, wraps: true, cell: (w) => w.leaving && <Why of={w.leaving} />, value: (w) => w.leaving?.reason },
  { id: 'has', head: 'In force', extra: true, right: true, cell: (w) => formatShort(w.in_force), value: (w) => w.in_force.cpu_milli ?? 0 },
];

/** How far a drain is: what is still there, and why. How much there was at its start is not known. */
function Drain({ node }: { node: FullNode }) {
  return (
    <Panel title={`Drain of ${node.name}`} note={node.pool} tools={<NodeState node={node} />}>
      <p className="pad s12 t2" role="status">{drainText(node)}</p>
      {!isDrained(node) && <div className="border-t border-border"><DataTable label={`Still on ${node.name}`} columns={COLUMNS} rows={workloadsOf(node)} rowKey={(w) => w.id} initialSort={{ id: 'step', desc: false }} /></div>}
    </Panel>
  );
}

/** One panel for each node that is draining; nothing where none is. */
export function Drains({ nodes }: { nodes: FullNode[] }) {
  return <>{nodes.filter(isDraining).map((n) => <Drain key={n.id} node={n} />)}</>;
}
