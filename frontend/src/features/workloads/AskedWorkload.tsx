// The workload of a link, whatever the list above it holds. Mounted anew for each id, so that it never shows another one.
import { Panel, ResourceView } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type Instance, usePulses, useResource } from '@/lib/api';
import { Detail } from './Detail';
import { behind } from './health';

export function AskedWorkload({ id, onRegister }: { id: string; onRegister?: () => void }) {
  const path = id.startsWith('ins_') ? `/instances/${encodeURIComponent(id)}` : null;
  const of = useResource<Instance>(path);
  const pulses = usePulses(of.data ? [of.data] : []);
  const missing = { fact: <span className="break-all">There is no workload {id}.</span>, hint: 'It may be another participant’s, or the link is not whole. Choose one in the table.' };
  if (of.data) return <Detail instance={of.data} behind={behind(of.data, pulses[of.data.id])} onRegister={onRegister} />;
  return (
    <Panel title="The workload of this link">
      {path === null ? <Empty {...missing} /> : <ResourceView of={of} rows={6} missing={missing}>{() => null}</ResourceView>}
    </Panel>
  );
}
