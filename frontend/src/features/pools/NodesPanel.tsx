import { useState } from 'react';
import { Badge, Button, type Column, DataTable, Panel, ResourceView, Short, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type FullNode, type List, type Pool, useMay, useResource, useWrite } from '@/lib/api';
import { formatShort } from '@/lib/money';
import { NewNode } from './NewNode';

const runs = (n: FullNode) => (n.workloads ?? []).map((w) => w.name).join(', ');
const isUp = (n: FullNode) => n.state === 'up';
const CORDON = 'It takes no new awards from the next round on, and the pool has that much less to sell. What runs there stays.';
const BACK = 'It takes awards again from the next round on.';

function NodeState({ node: n }: { node: FullNode }) {
  const look = isUp(n) ? { tone: 'ok', icon: 'check', word: 'Up' } as const : n.state === 'cordoned' ? { tone: 'warn', icon: 'pause', word: 'Cordoned' } as const : { tone: 'bad', icon: 'cross', word: n.state === 'down' ? 'Down' : n.state } as const;
  return <Badge tone={look.tone} icon={look.icon}>{look.word}</Badge>;
}

/** For those who look after machines: operators cordon, admins add as well. */
export function NodesPanel({ pool }: { pool: Pool }) {
  const mayAdd = useMay('admin:write');
  const mayOperate = useMay('operations:write');
  const may = (mayAdd || mayOperate) && !pool.recallable_of;
  const [asking, setAsking] = useState<FullNode | null>(null);
  const [adding, setAdding] = useState(false);
  const of = useResource<List<FullNode>>(may ? '/nodes' : null);
  const all = of.data?.data;
  const write = useWrite<object, FullNode>(['/nodes', '/pools']);
  if (!may) return null;
  const run = () => asking && write.mutate({ path: `/nodes/${asking.id}/${isUp(asking) ? 'cordon' : 'uncordon'}`, body: {} }, {
    onSuccess: (n) => toast({ tone: 'ok', title: isUp(n) ? `${n.name} takes awards again` : `${n.name} is cordoned` }),
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it was done' : 'Not done', detail: p.said }),
    onSettled: () => setAsking(null),
  });
  const columns: Column<FullNode>[] = [
    { id: 'name', head: 'Node', cell: (n) => <span className="b" title={n.id}>{n.name}</span>, value: (n) => n.name },
    { id: 'capacity', head: 'Capacity', cell: (n) => formatShort(n.capacity), value: (n) => n.capacity.cpu_milli ?? 0, csv: (n) => formatShort(n.capacity) },
    { id: 'used', head: 'In force there', extra: 'phone', cell: (n) => (n.in_force && Object.keys(n.in_force).length > 0 ? formatShort(n.in_force) : <span className="t3">nothing</span>), value: (n) => n.in_force?.cpu_milli ?? 0, csv: (n) => formatShort(n.in_force ?? {}) },
    { id: 'runs', head: 'Runs', extra: true, cell: (n) => <Short text={runs(n) || 'nothing'} />, value: (n) => n.workloads?.length ?? 0, csv: runs },
    { id: 'state', head: 'State', cell: (n) => <NodeState node={n} />, value: (n) => n.state },
    { id: 'act', head: '', name: 'Action', right: true, cell: (n) => (n.state === 'down' ? null : <Button size="sm" aria-label={`${isUp(n) ? 'Cordon' : 'Uncordon'} ${n.name}`} onClick={() => setAsking(n)}>{isUp(n) ? 'Cordon…' : 'Uncordon…'}</Button>) },
  ];
  return (
    <Panel title="Nodes" tools={mayAdd && all && <Button size="sm" icon="plus" onClick={() => setAdding(true)}>New node</Button>}>
      <ResourceView of={of} rows={2}>
        {(d) => <DataTable label="Nodes" columns={columns} rows={d.data.filter((n) => n.pool === pool.slug)} rowKey={(n) => n.id} initialSort={{ id: 'name', desc: false }} />}
      </ResourceView>
      {adding && all && <NewNode pool={pool} names={all.map((n) => n.name)} onClose={() => setAdding(false)} />}
      {asking && <Decide open onClose={() => setAsking(null)} title={`${isUp(asking) ? 'Cordon' : 'Uncordon'} ${asking.name}?`} text={isUp(asking) ? CORDON : BACK} action={isUp(asking) ? 'Cordon it' : 'Uncordon it'} keep="Go back" danger={isUp(asking)} busy={write.isPending} onConfirm={run} />}
    </Panel>
  );
}
