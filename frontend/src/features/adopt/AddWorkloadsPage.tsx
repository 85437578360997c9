import { Field, Page, PageLink, Panel, Select } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type FullNode, type List, useResource } from '@/lib/api';
import { stateWord } from '@/lib/nodes';
import { keptText } from '@/lib/store';
import { useParam } from '@/lib/url';
import { Candidates } from './Candidates';

/** The node that was looked at last. */
const lastNode = keptText('node');

const nodeText = (n: FullNode) => [n.name, !n.name.startsWith(n.pool) && n.pool, n.state !== 'up' && stateWord(n).toLowerCase()].filter(Boolean).join(', ');

/** What runs already and should become a workload? */
export default function AddWorkloadsPage() {
  const of = useResource<List<FullNode>>('/nodes');
  const [asked, ask] = useParam('node');
  const [text, setText] = useParam('find');
  const last = lastNode.use();
  const all = of.data?.data ?? [];
  const node = asked ? all.find((n) => n.id === asked) : (all.find((n) => n.id === last) ?? all.find((n) => n.state === 'up') ?? all[0]);
  const choose = (id: string) => { lastNode.set(id); ask(id); };
  const bar = all.length > 0 && (
    <div className="row g12 wrap items-start mb-2">
      <Select label="Node" value={node?.id ?? ''} onChange={choose} options={[...(node ? [] : [{ value: '', label: 'Choose one' }]), ...all.map((n) => ({ value: n.id, label: nodeText(n) }))]} />
      <Field label="Filter" type="search" className="w-[280px] max-w-full" placeholder="Part of a name, or a number" value={text} onChange={setText} />
    </div>
  );
  return (
    <Page title="Add workloads" of={of} bar={bar} answer={() => 'A program, a machine, a job or a pod that runs already becomes a workload, without a restart.'}
      empty={() => all.length === 0 && { fact: 'There is no node yet.', hint: <>An admin adds one on the page of a pool. <PageLink className="underline" to="/nodes">How to add one with an agent</PageLink></> }}>
      {() => (node ? <Candidates key={node.id} node={node} text={text} /> : <Panel><Empty fact={`There is no node ${asked}.`} hint="Choose another one." /></Panel>)}
    </Page>
  );
}
