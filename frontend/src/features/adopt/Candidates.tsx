import { useIsFetching } from '@tanstack/react-query';
import { useState } from 'react';
import { Button, Note, PageLink, Panel, ResourceView } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { bundleText } from '@/lib/adopted';
import { agoText } from '@/lib/ago';
import { asSaid, type Candidate, type FullNode, type Instance, keyOf, type List, type RunningProcess, useResource } from '@/lib/api';
import { hasAgent } from '@/lib/nodes';
import { serverNow, useNow } from '@/lib/time';
import type { Adopted } from './Act';
import { AdoptForm } from './AdoptForm';
import { isJob, isMadeOf, isPod, isVm, keyOfCandidate, matching, MOST_LISTED, whyNot } from './adopt';
import { JobTable } from './JobTable';
import { PodTable } from './PodTable';
import { ProcessTable } from './ProcessTable';
import { VmTable } from './VmTable';

/** What to call all of them. */
const OF = {
  process: { title: 'Processes', one: 'process', none: 'No process of this host can be adopted.', hint: 'Start a program on it, then refresh. Headroom’s own processes are left out.', mend: 'Change that on the host, then refresh.' },
  job: { title: 'Jobs', one: 'job', none: 'No job of this cluster can be adopted.', hint: 'Start a job on it, then refresh. A job that waits is listed once it runs.', mend: 'Change that, then refresh.' },
  pod: { title: 'Pods', one: 'pod', none: 'No pod of this node can be adopted.', hint: 'Start a pod with a CPU limit on it, then refresh. Only the namespace of its agent is listed.', mend: 'Change that, then refresh.' },
  vm: { title: 'Virtual machines', one: 'virtual machine', none: 'No virtual machine of this host can be adopted.', hint: 'Start one with a QMP socket in the folder of the agent, then refresh.', mend: 'Change that on the host, then refresh.' },
};
/** A moment of this machine, as the server counts. */
const onServer = (at: number) => at + serverNow() - Date.now();

function ReadAgo({ at }: { at: number }) {
  const now = useNow();
  return <>read {agoText(Math.max(0, Math.round((now - onServer(at)) / 1000)))}</>;
}

function Made({ instance }: { instance: Instance }) {
  return <div className="pad" role="status"><Note tone="ok"><b className="m">{instance.name}</b> is a workload now and always has {bundleText(instance, instance.baseline)}. <PageLink className="underline" to="/workloads" search={{ workload: instance.id }}>Open the workload</PageLink></Note></div>;
}

interface TablesProps { all: Candidate[]; text: string; one: string; readAt: number; adopted: (c: Candidate) => Adopted | null; onAdopt: (c: Candidate) => void }

/** One table for each kind that is there. */
function Tables({ all, text, one, ...rest }: TablesProps) {
  const found = matching(all, text);
  const more = { ...rest, cut: all.length >= MOST_LISTED, empty: `No ${one} matches “${text.trim()}”. Type less, or clear the filter.` };
  const isProcess = (c: Candidate): c is RunningProcess => c.kind === 'process';
  return (
    <>
      {all.some(isProcess) && <ProcessTable rows={found.filter(isProcess)} {...more} />}
      {all.some(isJob) && <JobTable rows={found.filter(isJob)} {...more} />}
      {all.some(isVm) && <VmTable rows={found.filter(isVm)} {...more} />}
      {all.some(isPod) && <PodTable rows={found.filter(isPod)} {...more} />}
    </>
  );
}

/** What runs on one node. Mounted anew for each node, so that it never shows another one's. */
export function Candidates({ node, text }: { node: FullNode; text: string }) {
  const path = `/nodes/${node.id}/candidates`;
  const of = useResource<List<Candidate>>(path);
  const reading = useIsFetching({ queryKey: keyOf(path) }) > 0;
  const [chosen, choose] = useState<Candidate | null>(null);
  const [made, setMade] = useState<{ instance: Instance; at: number } | null>(null);
  const refresh = <Button size="sm" busy={reading} onClick={of.retry}>Refresh</Button>;
  const has = (driver: string, is: (c: Candidate) => boolean) => node.agent?.driver === driver || !!of.data?.data.some(is);
  const words = OF[has('slurm', isJob) ? 'job' : has('kubernetes', isPod) ? 'pod' : has('qemu', isVm) ? 'vm' : 'process'];
  // Until the list is read again it does not know what has just been adopted.
  const justMade = (c: Candidate) => (made && made.at >= of.updatedAt && isMadeOf(made.instance, c) ? made.instance.id : undefined);
  const adopted = (c: Candidate): Adopted | null => {
    const id = c.workload ?? justMade(c);
    if (!id) return null;
    const name = made?.instance.id === id ? made.instance.name : node.workloads?.find((w) => w.id === id)?.name;
    return { id, name: name ?? `…${id.slice(-6)}` };
  };
  const unable = of.problem?.body.code === 'driver_unavailable' ? of.problem : null;
  const agent = hasAgent(node) && <> <PageLink className="underline" to="/nodes" search={{ find: node.name }}>Look at its agent</PageLink></>;
  return (
    <Panel title={`${words.title} of ${node.name}`} note={of.data && <ReadAgo at={of.updatedAt} />} tools={of.data && refresh}>
      {made && <Made instance={made.instance} />}
      {of.stale && <div className="pad" role="alert"><Note tone="warn">The list could not be read again: it is old. Refresh it before you adopt a {words.one}.</Note></div>}
      {unable ? <Empty fact={words.none} hint={<>{asSaid(whyNot(unable.body.detail))} {words.mend}{agent}</>} action={refresh} /> : (
        <ResourceView of={of} rows={8} empty={(d) => d.data.length === 0 && { fact: words.none, hint: words.hint, action: refresh }}>
          {(d) => <Tables all={d.data} text={text} one={words.one} readAt={onServer(of.updatedAt)} adopted={adopted} onAdopt={choose} />}
        </ResourceView>
      )}
      {chosen && <AdoptForm key={keyOfCandidate(chosen)} node={node} candidate={chosen} onClose={() => choose(null)} onMade={(instance) => { setMade({ instance, at: Date.now() }); choose(null); }} />}
    </Panel>
  );
}
