import { useIsFetching } from '@tanstack/react-query';
import { useState } from 'react';
import { Button, Note, PageLink, Panel, ResourceView } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { asSaid, type FullNode, type Instance, keyOf, type List, type RunningProcess, useResource } from '@/lib/api';
import { formatBundle } from '@/lib/money';
import { serverNow, useNow } from '@/lib/time';
import { AdoptForm } from './AdoptForm';
import { agoText, matching, MOST_LISTED, whyNot } from './adopt';
import { type Adopted, ProcessTable } from './ProcessTable';

const NONE = 'No process of this host can be adopted.';
/** A moment of this machine, as the server counts. */
const onServer = (at: number) => at + serverNow() - Date.now();

function ReadAgo({ at }: { at: number }) {
  const now = useNow();
  return <>read {agoText(Math.max(0, Math.round((now - onServer(at)) / 1000)))}</>;
}

function Made({ instance: { id, name, baseline } }: { instance: Instance }) {
  return <div className="pad" role="status"><Note tone="ok"><b className="m">{name}</b> is a workload now and always has {formatBundle(baseline)}. <PageLink className="underline" to="/workloads" search={{ workload: id }}>Open the workload</PageLink></Note></div>;
}

/** What runs on the host of one node. Mounted anew for each node, so that it never shows another one's. */
export function Processes({ node, text }: { node: FullNode; text: string }) {
  const path = `/nodes/${node.id}/processes`;
  const of = useResource<List<RunningProcess>>(path);
  const reading = useIsFetching({ queryKey: keyOf(path) }) > 0;
  const [chosen, choose] = useState<RunningProcess | null>(null);
  const [made, setMade] = useState<{ instance: Instance; at: number } | null>(null);
  const refresh = <Button size="sm" busy={reading} onClick={of.retry}>Refresh</Button>;
  // Until the list is read again it does not know what has just been adopted.
  const justMade = (p: RunningProcess) => (made && made.at >= of.updatedAt && made.instance.process?.pid === p.pid ? made.instance.id : undefined);
  const adopted = (p: RunningProcess): Adopted | null => {
    const id = p.workload ?? justMade(p);
    if (!id) return null;
    const name = made?.instance.id === id ? made.instance.name : node.workloads?.find((w) => w.id === id)?.name;
    return { id, name: name ?? `…${id.slice(-6)}` };
  };
  const unable = of.problem?.body.code === 'driver_unavailable' ? of.problem : null;
  return (
    <Panel title={`Processes of ${node.name}`} note={of.data && <ReadAgo at={of.updatedAt} />} tools={of.data && refresh}>
      {made && <Made instance={made.instance} />}
      {of.stale && <div className="pad" role="alert"><Note tone="warn">The list could not be read again: it is old. Refresh it before you adopt a process.</Note></div>}
      {unable ? <Empty fact={NONE} hint={<>{asSaid(whyNot(unable.body.detail))} Change that on the host, then refresh.</>} action={refresh} /> : (
        <ResourceView of={of} rows={8} empty={(d) => d.data.length === 0 && { fact: NONE, hint: 'Start a program on it, then refresh. Headroom’s own processes are left out.', action: refresh }}>
          {(d) => <ProcessTable rows={matching(d.data, text)} readAt={onServer(of.updatedAt)} cut={d.data.length >= MOST_LISTED} adopted={adopted} onAdopt={choose} empty={`No process matches “${text.trim()}”. Type less, or clear the filter.`} />}
        </ResourceView>
      )}
      {chosen && <AdoptForm node={node} process={chosen} onClose={() => choose(null)} onMade={(instance) => { setMade({ instance, at: Date.now() }); choose(null); }} />}
    </Panel>
  );
}
