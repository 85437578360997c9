import { useState } from 'react';
import { Button, Page, Panel } from '@/components/ui';
import { type Instance, type List, useMay, usePulses, useResource } from '@/lib/api';
import { formatPercent } from '@/lib/money';
import { useParam } from '@/lib/url';
import { Detail } from './Detail';
import { InstanceTable } from './InstanceTable';
import { Register } from './Register';

const RISKY = 0.3;

/** Which workload needs a hand? */
export default function WorkloadsPage() {
  const of = useResource<List<Instance>>('/instances', { limit: 500 });
  const [chosen, choose] = useParam('workload');
  const [registering, setRegistering] = useState(false);
  const all = of.data?.data ?? [];
  const pulses = usePulses(all.map((i) => i.id));
  const selected = all.find((i) => i.id === chosen) ?? all[0];
  const mayRegister = useMay('workloads:write');
  const button = mayRegister && <Button kind="primary" icon="plus" onClick={() => setRegistering(true)}>Register a workload</Button>;
  return (
    <>
      <Page title="Workloads" of={of} actions={button} answer={(d) => {
        const running = d.data.filter((i) => i.state === 'running').length;
        const risky = d.data.filter((i) => (pulses[i.id]?.risk ?? 0) >= RISKY);
        return <><b>{running} of {d.data.length}</b> run. {risky[0] ? <><b>{risky[0].name}</b> runs short within the horizon with {formatPercent(pulses[risky[0].id]?.risk ?? 0)} chance.</> : 'None is likely to run short soon.'}</>;
      }} empty={(d) => d.data.length === 0 && { fact: 'No workload is registered yet.', hint: 'A tenant registers a WebAssembly module with its baseline and floor.', action: button }}>
        {() => (
          <>
            <Panel><InstanceTable rows={all} pulses={pulses} selected={selected?.id} onSelect={(i) => choose(i.id)} /></Panel>
            {selected && <Detail key={selected.id} instance={selected} />}
          </>
        )}
      </Page>
      {registering && <Register onClose={() => setRegistering(false)} />}
    </>
  );
}
