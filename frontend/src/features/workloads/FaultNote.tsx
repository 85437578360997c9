import { Button, Icon, Panel, When } from '@/components/ui';
import type { Instance } from '@/lib/api';
import { isFaulty } from './health';

/** A guest that failed runs no more: what happened, when, and what helps. */
export function FaultNote({ instance, onRegister }: { instance: Instance; onRegister?: () => void }) {
  if (!isFaulty(instance)) return null;
  return (
    <Panel>
      <div className="pad col g8" role="group" aria-label="What failed">
        <div className="row g8"><span className="bad"><Icon name="warn" /></span><b className="m">{instance.name} has failed and does not run</b><span className="sp" />{instance.fault && <span className="s11 t3"><When at={instance.fault.at} style="day" /></span>}</div>
        <p className="s12 t2" style={{ overflowWrap: 'anywhere' }}>{instance.fault?.detail ?? 'The server gives no reason.'}</p>
        <p className="s12 t2">Mend the module and register the workload again, or restart it.</p>
        {onRegister && <div className="row g8"><Button icon="plus" onClick={onRegister}>Register again</Button></div>}
      </div>
    </Panel>
  );
}
