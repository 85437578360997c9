// Whether a workload gives memory back: what its last drill saw, another drill, or to have it written to disk or stopped instead.
import { useState } from 'react';
import { Button, Note, Panel, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type AtEnd, type Instance, useWrite } from '@/lib/api';
import { clock, zone } from '@/lib/time';
import { standing } from './vacate';

const WAYS: Record<AtEnd, string> = {
  shrink: 'It lets go and goes on', stop: 'It is stopped if need be', checkpoint: 'It is written to disk and stands still if need be',
};

export function Vacate({ instance, may }: { instance: Instance; may: boolean }) {
  const z = zone.use();
  const [asking, setAsking] = useState(false);
  const write = useWrite<{ at_end: AtEnd }, Instance>(['/instances']);
  const drill = (at_end: AtEnd) => write.mutate({ path: `/instances/${instance.id}/drill`, body: { at_end }, keyed: false }, {
    onSuccess: () => toast({ tone: 'ok', title: at_end === 'stop' ? `${instance.name} will be stopped if it keeps memory` : 'The drill is made as soon as it has something to show' }),
    onError: (p) => toast({ tone: 'bad', title: 'Not done', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  const { tone, title, detail, at } = standing(instance);
  const runs = instance.state === 'running' && !instance.suspended;
  const stands = instance.state === 'running' && !!instance.suspended;
  const other: AtEnd = instance.at_end === 'checkpoint' ? 'shrink' : 'checkpoint';
  const waits = instance.drill?.ended_at === null;
  return (
    <Panel title="Giving memory back" tools={may && runs && <Button size="sm" busy={write.isPending} disabled={waits} onClick={() => drill(instance.at_end === 'checkpoint' ? 'checkpoint' : 'shrink')}>{waits ? 'Waits for its turn' : 'Drill'}</Button>}>
      <div className="pad col g8">
        <dl className="kv"><dt>At the end</dt><dd>{WAYS[instance.at_end]}</dd></dl>
        <Note tone={tone}><b>{title}</b>{at && ` (${clock(at, z)})`}{detail && <>: {detail}</>}</Note>
        {may && (runs || stands) && (
          <div className="row g8">
            {runs && <Button size="sm" disabled={waits} onClick={() => drill(other)}>{other === 'checkpoint' ? 'Write it to disk instead' : 'Let it shrink instead'}</Button>}
            {instance.at_end !== 'stop' && <Button size="sm" onClick={() => setAsking(true)}>Stop it instead…</Button>}
          </div>
        )}
        <p className="help">{instance.at_end === 'stop' ? 'Bids for memory need no drill. ' : 'Bids for memory wait until a drill has shown that it works. '}A drill is made on a copy: the workload notices nothing.</p>
      </div>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Stop ${instance.name} where it keeps memory?`} text="Its bids for memory need no drill then. If it still uses more than it is to have when what it had won ends, it is stopped at once; a restart begins anew. A drill that passes changes this back." action="Have it stopped" danger busy={write.isPending} onConfirm={() => drill('stop')} />
    </Panel>
  );
}
