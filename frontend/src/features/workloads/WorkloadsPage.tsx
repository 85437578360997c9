import { useCallback, useState } from 'react';
import { Button, Page, Panel } from '@/components/ui';
import { type Instance, useAll, useMay, usePulses } from '@/lib/api';
import { useParam } from '@/lib/url';
import { Answer } from './Answer';
import { AskedWorkload } from './AskedWorkload';
import { Detail } from './Detail';
import { behind } from './health';
import { InstanceTable } from './InstanceTable';
import { Register } from './Register';
import { useFirstShown } from './useFirstShown';

/** Which workload needs a hand? */
export default function WorkloadsPage() {
  const of = useAll<Instance>('/instances');
  const [chosen, choose] = useParam('workload', '', 'push');
  const [registering, setRegistering] = useState(false);
  const all = of.data?.rows ?? [];
  const pulses = usePulses(all);
  const first = useFirstShown(all, pulses);
  const selected = chosen ? all.find((i) => i.id === chosen) : first;
  const mayRegister = useMay('workloads:write');
  // The same one each time: with every figure that comes the list is drawn anew, the chosen workload is not.
  const open = useCallback(() => setRegistering(true), []);
  const register = mayRegister ? open : undefined;
  const button = mayRegister && <Button kind="primary" icon="plus" onClick={open}>Register a workload</Button>;
  return (
    <>
      <Page title="Workloads" of={of} actions={button} answer={(d) => <Answer of={d} pulses={pulses} />}
        empty={(d) => d.rows.length === 0 && !chosen && { fact: 'No workload is registered yet.', hint: 'A tenant registers a WebAssembly module, or a program that the operator offers, with its baseline and floor.', action: button }}>
        {(d) => (
          <>
            <Panel><InstanceTable rows={all} pulses={pulses} selected={selected?.id} onSelect={(i) => choose(i.id)} cut={d.cut} /></Panel>
            {!selected && chosen && <AskedWorkload key={chosen} id={chosen} onRegister={register} />}
            {selected && <Detail key={selected.id} instance={selected} behind={behind(selected, pulses[selected.id])} onRegister={register} />}
          </>
        )}
      </Page>
      {registering && <Register onClose={() => setRegistering(false)} />}
    </>
  );
}
