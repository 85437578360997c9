import { useState } from 'react';
import { Drains } from '@/components/nodes/Drains';
import { NodeTable } from '@/components/nodes/NodeTable';
import { Button, PageLink, Panel, ResourceView } from '@/components/ui';
import { type Pool, useFullNodes, useMay } from '@/lib/api';
import { NewNode } from './NewNode';
import { agentsOf } from './node';

/** For those who look after machines: operators cordon and drain, admins add as well. */
export function NodesPanel({ pool }: { pool: Pool }) {
  const mayAdd = useMay('admin:write');
  const mayOperate = useMay('operations:write');
  const may = (mayAdd || mayOperate) && !pool.recallable_of;
  const [adding, setAdding] = useState(false);
  const of = useFullNodes(may);
  const all = of.data?.data;
  if (!may) return null;
  const here = (all ?? []).filter((n) => n.pool === pool.slug);
  return (
    <>
      <Drains nodes={here} />
      <Panel title="Nodes" note={<PageLink className="underline" to="/nodes">All nodes</PageLink>} tools={mayAdd && all && <Button size="sm" icon="plus" onClick={() => setAdding(true)}>New node</Button>}>
        <ResourceView of={of} rows={2}>
          {() => <NodeTable nodes={here} empty="The pool has no node yet." />}
        </ResourceView>
        {adding && all && <NewNode pool={pool} names={all.map((n) => n.name)} agents={agentsOf(here)} onClose={() => setAdding(false)} />}
      </Panel>
    </>
  );
}
