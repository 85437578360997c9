import { useState } from 'react';
import { Field, PageLink, Panel, Select } from '@/components/ui';
import { CopyText } from '@/components/ui/CopyText';
import { usePools } from '@/lib/api';
import { agentCommand, keyName, nodeCommand } from './agent';

/** What it takes for another host, or a cluster, to be a node: three steps, the last one there. */
export function AddAgent() {
  const [name, setName] = useState('');
  const [pool, choose] = useState('');
  const pools = (usePools().data?.data ?? []).filter((p) => !p.recallable_of).map((p) => p.slug);
  const asked = { server: window.location.origin, name, pool };
  return (
    <Panel title="Add a node with an agent">
      <div className="pad col g12">
        <p className="s12 t2 prose">An agent limits what runs on a host of its own, or the jobs of a cluster. Put nodes with agents into a pool of their own.</p>
        <div className="row g12 wrap items-start">
          <Field label="Name of the node" className="w-[200px] max-w-full" placeholder="host-1" value={name} onChange={setName} />
          <Select label="Pool" value={pool} onChange={choose} options={[{ value: '', label: pools.length > 0 ? 'Choose one' : 'There is no pool yet' }, ...pools.map((value) => ({ value, label: value }))]} />
        </div>
        <ol className="col g16 s12">
          <li className="col g6"><p><b>1.</b> An admin makes the node: by <b>New node</b> on the page of its pool, or by this request. Give the CPU that the host really has: 8000 are 8 cores.</p><CopyText label="With an admin’s API key" name="the request" rows={3} text={nodeCommand(asked)} /></li>
          <li><p><b>2.</b> An operator makes an API key called <b className="m">{keyName(asked)}</b>, with the scopes <span className="id">market:read</span> and <span className="id">nodes:work</span>: <PageLink className="underline" to="/developers" search={{ new: '1' }}>New API key</PageLink></p></li>
          <li className="col g6"><p><b>3.</b> The host runs the agent with that key, as root.</p><CopyText label="On the host" name="the command" text={agentCommand(asked)} /></li>
        </ol>
      </div>
    </Panel>
  );
}
