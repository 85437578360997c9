import { type ReactNode } from 'react';
import { type Column, DataTable, PageLink } from '@/components/ui';
import type { FullNode } from '@/lib/api';
import { formatCount, formatShort } from '@/lib/money';
import { agentLook, hasAgent, stateWord, workloadsOf } from '@/lib/nodes';
import { AgentCell, AgentMark } from './AgentCell';
import { NodeButtons, useNodeActions } from './NodeActions';
import { NodeState } from './NodeState';

/** So many are named in a row. */
const MOST_NAMED = 3;
const names = (n: FullNode) => workloadsOf(n).map((w) => w.name).join(', ');

function Runs({ node }: { node: FullNode }) {
  const all = workloadsOf(node);
  if (all.length === 0) return <span className="t3">nothing</span>;
  const more = all.length - MOST_NAMED;
  return (
    <span className="block whitespace-normal min-w-[120px]" title={names(node)}>
      {all.slice(0, MOST_NAMED).map((w, at) => <span key={w.id}>{at > 0 && ', '}<PageLink className="underline" to="/workloads" search={{ workload: w.id }}>{w.name}</PageLink></span>)}
      {more > 0 && ` and ${formatCount(more)} more`}
    </span>
  );
}

interface Props { nodes: FullNode[]; /** Those of several pools. */ pools?: boolean; csvName?: string; empty?: ReactNode }

/** Nodes with what is done about them, for those who look after machines. */
export function NodeTable({ nodes, pools, csvName, empty }: Props) {
  const { ask, question } = useNodeActions();
  const columns: Column<FullNode>[] = [
    { id: 'name', head: 'Node', cell: (n) => <><span className="b" title={n.id}>{n.name}</span><AgentMark node={n} /></>, value: (n) => n.name },
    ...(pools ? [{ id: 'pool', head: 'Pool', extra: 'phone' as const, cell: (n: FullNode) => <PageLink to="/pools/$slug" params={{ slug: n.pool }}>{n.pool}</PageLink>, value: (n: FullNode) => n.pool }] : []),
    { id: 'state', head: 'State', cell: (n) => <NodeState node={n} />, value: stateWord },
    { id: 'capacity', head: 'Capacity', extra: 'phone', cell: (n) => formatShort(n.capacity), value: (n) => n.capacity.cpu_milli ?? 0, csv: (n) => formatShort(n.capacity) },
    { id: 'used', head: 'In force there', extra: 'phone', cell: (n) => (n.in_force && Object.keys(n.in_force).length > 0 ? formatShort(n.in_force) : <span className="t3">nothing</span>), value: (n) => n.in_force?.cpu_milli ?? 0, csv: (n) => formatShort(n.in_force ?? {}) },
    { id: 'runs', head: 'Runs', extra: true, cell: (n) => <Runs node={n} />, value: (n) => workloadsOf(n).length, csv: names },
    ...(nodes.some(hasAgent) ? [{ id: 'agent', head: 'Agent', extra: 'phone' as const, cell: (n: FullNode) => <AgentCell node={n} />, value: (n: FullNode) => { const look = agentLook(n); return look && [look.word, look.note].filter(Boolean).join('. '); } }] : []),
    { id: 'act', head: '', name: 'Action', right: true, cell: (n) => <NodeButtons node={n} ask={ask} /> },
  ];
  return (
    <>
      <DataTable label="Nodes" columns={columns} rows={nodes} rowKey={(n) => n.id} initialSort={{ id: 'name', desc: false }} csvName={csvName} empty={empty} />
      {question}
    </>
  );
}
