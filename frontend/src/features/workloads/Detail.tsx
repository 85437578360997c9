import { memo, useState } from 'react';
import { Button, CopyId, NodeName, Panel, State, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { bundleText, jobOf, podOf } from '@/lib/adopted';
import { type Instance, useMay, useMe, useNodeState, useWrite } from '@/lib/api';
import { clock, zone } from '@/lib/time';
import { Advice } from './Advice';
import { Ahead } from './Ahead';
import { Draw } from './Draw';
import { FaultNote } from './FaultNote';
import { Guidance } from './Guidance';
import { behindText, stateShown } from './health';
import { MadeOf } from './MadeOf';
import { lastText, pendingText } from './relocation';
import { Restart } from './Restart';
import { SetBaseline } from './SetBaseline';
import { StrategyForm } from './StrategyForm';
import { Suspended } from './Suspended';
import { UsageChart } from './UsageChart';
import { Vacate } from './Vacate';

/** What stopping does, and what is said once it is done. */
function stopOf(i: Instance) {
  if (jobOf(i)) return { does: 'Stopping gives the nodes that were bought back to the cluster and lets the job run on.', done: 'is a workload no more; its job runs on, and bought nodes go back to the cluster', limit: 'none: its job runs without one' };
  if (podOf(i)) return { does: 'Stopping gives its container back the CPU that it had when it was adopted, and lets the pod run on.', done: 'is a workload no more; its pod runs on with the CPU that it had', limit: 'what its pod had when it was adopted' };
  if (i.adopted) return { does: 'Stopping lifts its limit and leaves the program running.', done: 'is a workload no more; its program runs on without a limit', limit: 'none: its program runs without one' };
  return { does: 'It writes a checkpoint and ends.', done: 'stops with a checkpoint', limit: 'none: it is stopped' };
}
const OWED = 'Its open orders are cancelled; what it lends is still owed until the slot ends.';

function Stop({ instance }: { instance: Instance }) {
  const [asking, setAsking] = useState(false);
  const write = useWrite<object, Instance>(['/instances']);
  const run = () => write.mutate({ path: `/instances/${instance.id}/stop`, body: {}, keyed: true }, {
    onSuccess: ({ stop_requested: later }) => toast({ tone: 'ok', title: `${instance.name} ${later ? 'stops when the swap that is changing it has ended' : stopOf(instance).done}` }),
    onError: (p) => toast({ tone: 'bad', title: 'Not done', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  return (
    <>
      <Button kind="danger" size="sm" onClick={() => setAsking(true)}>Stop</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Stop ${instance.name}?`} text={`${stopOf(instance).does} ${OWED}`} action="Stop" danger busy={write.isPending} onConfirm={run} />
    </>
  );
}

/** In which slots it is in another pool, and where its place is kept meanwhile. */
function Away({ away, slot }: { away: NonNullable<Instance['away']>; slot: number }) {
  const z = zone.use();
  const until = Date.parse(away.last) + slot * 1000;
  return (
    <>
      <dt>Elsewhere</dt><dd>{clock(Date.parse(away.first), z)} to {clock(until, z)}</dd>
      <dt>Its place is kept on</dt><dd><NodeName id={away.home} /></dd>
    </>
  );
}

function Relocates({ relocation }: { relocation: NonNullable<Instance['relocation']> }) {
  const z = zone.use();
  return <><dt>Goes elsewhere</dt><dd>{pendingText(relocation, clock(Date.parse(relocation.until), z))}</dd></>;
}

/** `behind`: how many inputs wait while it waits for CPU, null where it does not. */
interface Props { instance: Instance; behind: number | null; onRegister?: () => void }

export const Detail = memo(({ instance, behind, onRegister }: Props) => {
  const mayStop = useMay('workloads:write');
  const mayTrade = useMay('orders:write');
  const maySet = useMay('strategies:write');
  const mayAllot = useMay('admin:write');
  const mayKnow = useMay('forecasts:read');
  const slot = useMe()?.market.slot_seconds ?? 300;
  return (
    <div className="split">
      <div className="grid content-start"><FaultNote instance={instance} onRegister={onRegister} /><Suspended instance={instance} /><UsageChart instance={instance} /><Ahead instance={instance} />{mayTrade && <Draw instance={instance} />}{mayKnow && <Guidance instance={instance} />}</div>
      <div className="grid">
        <Panel title={instance.name} tools={<>{mayAllot && <SetBaseline instance={instance} />}{mayStop && (instance.state === 'stopped' || instance.stop_requested ? <Restart instance={instance} size="sm" /> : <Stop instance={instance} />)}</>}>
          <dl className="kv pad">
            <dt>State</dt><dd className="said"><State of={stateShown(instance, behind)} />{instance.stop_requested && <span className="warn nw"> stops when its swap has ended</span>}{behind !== null && <span className="warn nw"> {behindText(behind)}</span>}</dd>
            <dt>Id</dt><dd><CopyId id={instance.id} /></dd>
            <MadeOf instance={instance} />
            <dt>Pool</dt><dd>{instance.pool}</dd>
            {instance.node && <><dt>Node</dt><dd><NodeName id={instance.node} /><TakesNothing instance={instance} /></dd></>}
            {instance.relocation && <Relocates relocation={instance.relocation} />}
            {instance.last_relocation && <><dt>Last moved by a rule</dt><dd>{lastText(instance.last_relocation)}</dd></>}
            {instance.away && <Away away={instance.away} slot={slot} />}
            <dt>Class</dt><dd>{instance.class}</dd>
            <dt>Floor</dt><dd>{bundleText(instance, instance.floor)}</dd>
            <dt>Baseline</dt><dd>{bundleText(instance, instance.baseline)}</dd>
            <dt>Limit now</dt><dd>{instance.state === 'stopped' ? stopOf(instance).limit : bundleText(instance, instance.in_force)}</dd>
            <dt>Never more than</dt><dd>{bundleText(instance, instance.limit)}</dd>
          </dl>
        </Panel>
        {!instance.adopted && <Vacate instance={instance} may={mayStop} />}
        {mayTrade && <Advice instance={instance} />}
        {maySet && <StrategyForm key={instance.id} instance={instance} />}
      </div>
    </div>
  );
});

/** Why a bid that seems good enough finds no room: nothing new comes to a node that is not up. */
function TakesNothing({ instance: { node, adopted } }: { instance: Instance }) {
  const state = useNodeState(node);
  if (state === undefined || state === 'up') return null;
  const which = { cordoned: 'It is cordoned', draining: 'It is draining' }[state] ?? 'It is down';
  if (adopted) return <p className="help">{which}: it takes nothing new, and this workload stays there. Its bids win nothing meanwhile.</p>;
  return <p className="help">{which}: it takes nothing new. {state === 'draining' && 'This workload moves to another node of the pool. '}Bids of this workload win only where it can be moved to another node.</p>;
}
