import { Badge, type Column, DataTable, Place, Short, State } from '@/components/ui';
import { type Instance, type Pulse, useNodeName, useParticipantNames } from '@/lib/api';
import { formatPercent, shown } from '@/lib/money';
import { condition, RISKY } from './health';

const cpu = (q: Record<string, number>) => shown('cpu_milli', q.cpu_milli ?? 0);
const mem = (q: Record<string, number>) => shown('mem_mib', q.mem_mib ?? 0);
const round = (n: number) => (n >= 100 ? n.toFixed(0) : n.toFixed(2));

export function InstanceTable({ rows, pulses, selected, onSelect }: { rows: Instance[]; pulses: Record<string, Pulse>; selected?: string; onSelect: (i: Instance) => void }) {
  const names = useParticipantNames();
  const nodeName = useNodeName();
  const owner = (i: Instance) => names.get(i.participant) ?? i.participant.slice(-6);
  const usage = (i: Instance) => pulses[i.id]?.sample?.usage;
  const risk = (i: Instance) => condition(i) === 'running' ? (pulses[i.id]?.risk ?? null) : null;
  const columns: Column<Instance>[] = [
    { id: 'name', head: 'Workload', cell: (i) => <button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); onSelect(i); }}>{i.name}</button>, value: (i) => i.name },
    ...(new Set(rows.map((i) => i.participant)).size > 1 ? [{ id: 'who', head: 'Participant', cell: (i: Instance) => <Short text={owner(i)} />, value: owner }] : []),
    { id: 'driver', head: 'Driver', extra: true, cell: (i) => i.driver, value: (i) => i.driver },
    { id: 'pool', head: 'Node', cell: (i) => <Place pool={i.pool} node={i.node} />, value: (i) => `${i.pool} ${i.node && nodeName(i.node)}`.trim() },
    { id: 'state', head: 'State', cell: (i) => <span title={i.fault?.detail}><State of={condition(i)} /></span>, value: (i) => (condition(i) === 'faulty' ? `faulty: ${i.fault?.detail ?? ''}` : condition(i)) },
    { id: 'floor', head: 'Floor, cores', right: true, extra: true, cell: (i) => round(cpu(i.floor)), value: (i) => cpu(i.floor) },
    { id: 'baseline', extra: 'phone', head: 'Baseline', right: true, cell: (i) => round(cpu(i.baseline)), value: (i) => cpu(i.baseline) },
    { id: 'limit', extra: 'phone', head: 'Limit now', right: true, cell: (i) => <span className="m">{round(cpu(i.in_force))}</span>, value: (i) => cpu(i.in_force) },
    { id: 'used', extra: 'phone', head: 'Used', right: true, cell: (i) => { const u = usage(i); return u ? round(cpu(u)) : '–'; }, value: (i) => { const u = usage(i); return u && cpu(u); } },
    { id: 'memory', head: 'Memory, GiB', right: true, extra: true, cell: (i) => { const u = usage(i); return <>{u ? round(mem(u)) : '–'} <span className="t3">of {round(mem(i.in_force))}</span></>; }, value: (i) => { const u = usage(i); return u && mem(u); } },
    { id: 'risk', head: 'Runs short', help: 'Chance that its demand passes what is in force within the horizon.', right: true, cell: (i) => { const r = risk(i); return r === null ? '–' : <span className={r >= RISKY ? 'warn m' : ''}>{formatPercent(r)}</span>; }, value: risk },
    { id: 'auto', extra: 'phone', head: 'Strategy', cell: (i) => <span className="row g4">{i.strategy.auto_bid && <Badge tone="line">▲ auto-bid</Badge>}{i.strategy.auto_offer && <Badge tone="line">▼ auto-offer</Badge>}</span>, value: (i) => `${i.strategy.auto_bid ? 'bid ' : ''}${i.strategy.auto_offer ? 'offer' : ''}` },
  ];
  return <DataTable label="Workloads" columns={columns} rows={rows} rowKey={(i) => i.id} selected={selected} onSelect={onSelect} csvName="workloads" muted={(i) => i.state === 'stopped'} />;
}
