import { memo, useState } from 'react';
import { Button, CopyId, NodeName, Panel, State, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Instance, useMay, useMe, useNodeState, useWrite } from '@/lib/api';
import { formatBundle } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { Advice } from './Advice';
import { Ahead } from './Ahead';
import { Draw } from './Draw';
import { FaultNote } from './FaultNote';
import { Guidance } from './Guidance';
import { behindText, stateShown } from './health';
import { MadeOf } from './MadeOf';
import { Restart } from './Restart';
import { SetBaseline } from './SetBaseline';
import { StrategyForm } from './StrategyForm';
import { Suspended } from './Suspended';
import { UsageChart } from './UsageChart';
import { Vacate } from './Vacate';

const STOPS = 'It writes a checkpoint and ends.';
const LETS_GO = 'Stopping lifts its limit and leaves the program running.';
const OWED = 'Its open orders are cancelled; what it lends is still owed until the slot ends.';

function Stop({ instance }: { instance: Instance }) {
  const [asking, setAsking] = useState(false);
  const write = useWrite<object, Instance>(['/instances']);
  const run = () => write.mutate({ path: `/instances/${instance.id}/stop`, body: {}, keyed: true }, {
    onSuccess: ({ stop_requested: later }) => toast({ tone: 'ok', title: `${instance.name} ${later ? 'stops when the swap that is changing it has ended' : instance.process ? 'is a workload no more; its program runs on without a limit' : 'stops with a checkpoint'}` }),
    onError: (p) => toast({ tone: 'bad', title: 'Not done', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  return (
    <>
      <Button kind="danger" size="sm" onClick={() => setAsking(true)}>Stop</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Stop ${instance.name}?`} text={`${instance.process ? LETS_GO : STOPS} ${OWED}`} action="Stop" danger busy={write.isPending} onConfirm={run} />
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
            {instance.node && <><dt>Node</dt><dd><NodeName id={instance.node} /><TakesNothing node={instance.node} /></dd></>}
            {instance.away && <Away away={instance.away} slot={slot} />}
            <dt>Class</dt><dd>{instance.class}</dd>
            <dt>Floor</dt><dd>{formatBundle(instance.floor)}</dd>
            <dt>Baseline</dt><dd>{formatBundle(instance.baseline)}</dd>
            <dt>Limit now</dt><dd>{instance.state === 'stopped' ? (instance.process ? 'none: its program runs without one' : 'none: it is stopped') : formatBundle(instance.in_force)}</dd>
            <dt>Never more than</dt><dd>{formatBundle(instance.limit)}</dd>
          </dl>
        </Panel>
        {!instance.process && <Vacate instance={instance} may={mayStop} />}
        {mayTrade && <Advice instance={instance} />}
        {maySet && <StrategyForm key={instance.id} instance={instance} />}
      </div>
    </div>
  );
});

/** Why a bid that seems good enough finds no room: nothing new comes to a cordoned node. */
function TakesNothing({ node }: { node: string }) {
  const state = useNodeState(node);
  if (state === undefined || state === 'up') return null;
  return <p className="help">{state === 'cordoned' ? 'It is cordoned' : 'It is down'}: it takes nothing new. Bids of this workload win only where it can be moved to another node.</p>;
}
