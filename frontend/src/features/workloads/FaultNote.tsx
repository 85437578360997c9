import { Button, Icon, Panel, When } from '@/components/ui';
import { jobOf, podOf } from '@/lib/adopted';
import type { Instance } from '@/lib/api';
import { isFaulty } from './health';
import { Restart } from './Restart';

const HELP = 'Restart begins it anew, at its first input; if its module is at fault, mend that and register the workload again.';
const PROCESS_HELP = 'If its program still runs, limit it again. If the program has ended, an operator adopts the one that takes its place.';
const JOB_HELP = 'If its job still runs, adopt it again. If the job has ended, an operator adopts another one.';
const POD_HELP = 'If its pod still runs, limit it again. If the pod has ended, an operator adopts the one that takes its place.';

const helpOf = (i: Instance) => (jobOf(i) ? JOB_HELP : podOf(i) ? POD_HELP : i.adopted ? PROCESS_HELP : HELP);

/** A guest that failed runs no more: what happened, when, and what helps. */
export function FaultNote({ instance, onRegister }: { instance: Instance; onRegister?: () => void }) {
  if (!isFaulty(instance)) return null;
  return (
    <Panel>
      <div className="pad col g8" role="group" aria-label="What failed">
        <div className="row g8"><span className="bad"><Icon name="warn" /></span><b className="m">{instance.name} has failed and does not run</b><span className="sp" />{instance.fault && <span className="s11 t3"><When at={instance.fault.at} style="day" /></span>}</div>
        <p className="s12 t2" style={{ overflowWrap: 'anywhere' }}>{instance.fault?.detail ?? 'The server gives no reason.'}</p>
        <p className="s12 t2">Its open orders were cancelled; what it had won is paid for, because it was there to be used. {helpOf(instance)}</p>
        {onRegister && <div className="row g8"><Restart instance={instance} />{!instance.adopted && <Button icon="plus" onClick={onRegister}>Register again</Button>}</div>}
      </div>
    </Panel>
  );
}
