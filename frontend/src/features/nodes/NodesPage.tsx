import { Drains } from '@/components/nodes/Drains';
import { NodeTable } from '@/components/nodes/NodeTable';
import { Field, Page, Panel, Segmented } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type FullNode, useFullNodes } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { isDraining, matchingNodes, needsHand } from '@/lib/nodes';
import { useParam } from '@/lib/url';
import { AddAgent } from './AddAgent';

const FILTERS = [
  { value: 'all', label: 'All', is: () => true },
  { value: 'up', label: 'Take awards', is: (n: FullNode) => n.state === 'up' },
  { value: 'closed', label: 'Take none', is: (n: FullNode) => n.state !== 'up' },
  { value: 'agents', label: 'Agent needs a hand', is: needsHand },
];

const are = (n: number) => (n === 1 ? 'is' : 'are');
function Answer({ nodes }: { nodes: FullNode[] }) {
  const count = (is: (n: FullNode) => boolean) => nodes.filter(is).length;
  const [up, draining, cordoned, down, silent] = [count((n) => n.state === 'up'), count(isDraining), count((n) => n.state === 'cordoned'), count((n) => n.state === 'down'), nodes.filter((n) => n.agent?.is_silent)];
  const others = [draining > 0 && `${formatCount(draining)} ${are(draining)} draining`, cordoned > 0 && `${formatCount(cordoned)} ${are(cordoned)} cordoned`, down > 0 && `${formatCount(down)} ${are(down)} down`].filter(Boolean).join(', ');
  return (
    <>
      <b>{formatCount(up)} of {formatCount(nodes.length)}</b> {nodes.length === 1 ? 'node takes' : 'nodes take'} awards{others && `; ${others}`}.
      {silent.length > 0 && <> <b>{silent.length === 1 ? `The agent of ${silent[0]?.name} is silent` : `${formatCount(silent.length)} agents are silent`}</b>.</>}
    </>
  );
}

/** Which machines are there, do they work, and are they becoming empty? */
export default function NodesPage() {
  const of = useFullNodes(true);
  const [show, setShow] = useParam('show', 'all');
  const [text, setText] = useParam('find');
  const filter = FILTERS.find((f) => f.value === show) ?? FILTERS[0];
  const fitting = (all: FullNode[]) => matchingNodes(all.filter((n) => filter?.is(n)), text);
  return (
    <Page title="Nodes" of={of} answer={(d) => d.data.length > 0 && <Answer nodes={d.data} />}>
      {({ data: all }) => (
        <div className="grid">
          <Drains nodes={all} />
          <Panel title="All nodes">
            {all.length === 0 ? <Empty fact="There is no node yet." hint="An admin adds one on the page of a pool, or with an agent as the steps on this page say." /> : (
              <>
                <div className="px-3 py-2 border-b border-border row g12 wrap items-center [&>.seg]:flex-wrap [&>.seg]:h-auto">
                  <Field label="Filter" hideLabel type="search" className="w-[240px] max-w-full" placeholder="Node, pool, state or workload" value={text} onChange={setText} />
                  <Segmented label="Which nodes" value={filter?.value ?? 'all'} options={FILTERS} onChange={setShow} />
                </div>
                <NodeTable pools nodes={fitting(all)} csvName={show === 'all' ? 'nodes' : `nodes-${show}`} empty="No node fits. Type less, or choose All." />
              </>
            )}
          </Panel>
          <AddAgent />
        </div>
      )}
    </Page>
  );
}
