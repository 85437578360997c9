import { useState } from 'react';
import { Button, Page, Panel } from '@/components/ui';
import { type Instance, type List, useMay, usePulses, useResource } from '@/lib/api';
import { formatPercent } from '@/lib/money';
import { useParam } from '@/lib/url';
import { AskedWorkload } from './AskedWorkload';
import { Detail } from './Detail';
import { condition, firstShown, isFaulty, riskiest } from './health';
import { InstanceTable } from './InstanceTable';
import { Register } from './Register';

/** Which workload needs a hand? */
export default function WorkloadsPage() {
  const of = useResource<List<Instance>>('/instances', { limit: 500 });
  const [chosen, choose] = useParam('workload', '', 'push');
  const [registering, setRegistering] = useState(false);
  const all = of.data?.data ?? [];
  const pulses = usePulses(all.map((i) => i.id));
  const selected = chosen ? all.find((i) => i.id === chosen) : firstShown(all);
  const mayRegister = useMay('workloads:write');
  const register = mayRegister ? () => setRegistering(true) : undefined;
  const button = mayRegister && <Button kind="primary" icon="plus" onClick={() => setRegistering(true)}>Register a workload</Button>;
  return (
    <>
      <Page title="Workloads" of={of} actions={button} answer={(d) => {
        const running = d.data.filter((i) => condition(i) === 'running').length;
        const failed = d.data.filter(isFaulty);
        const still = d.data.filter((i) => condition(i) === 'suspended').length;
        const [worst, ...others] = riskiest(d.data, pulses);
        return <><b>{running} of {d.data.length}</b> run{still > 0 && <>, {still} {still === 1 ? 'stands' : 'stand'} still</>}. {failed[0] && <><span className="m bad">{failed[0].name}{failed.length > 1 && ` and ${failed.length - 1} more`} failed.</span> </>}
          {worst ? <><b>{worst.instance.name}</b> is the most likely to run short soon, with {formatPercent(worst.risk)} chance{others.length > 0 && <>; {others.length} more {others.length === 1 ? 'is' : 'are'} at risk</>}.</> : 'None is likely to run short soon.'}</>;
      }} empty={(d) => d.data.length === 0 && !chosen && { fact: 'No workload is registered yet.', hint: 'A tenant registers a WebAssembly module with its baseline and floor.', action: button }}>
        {() => (
          <>
            <Panel><InstanceTable rows={all} pulses={pulses} selected={selected?.id} onSelect={(i) => choose(i.id)} /></Panel>
            {!selected && chosen && <AskedWorkload key={chosen} id={chosen} onRegister={register} />}
            {selected && <Detail key={selected.id} instance={selected} onRegister={register} />}
          </>
        )}
      </Page>
      {registering && <Register onClose={() => setRegistering(false)} />}
    </>
  );
}
