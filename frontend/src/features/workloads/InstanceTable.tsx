import { Badge, type Column, DataTable, Place, Short, State, stateName } from '@/components/ui';
import { type Instance, type Pulse, useNodeName, useParticipantNames } from '@/lib/api';
import { formatPercent, shown } from '@/lib/money';
import { behind, behindText, condition, driverName, RISKY, stateShown, unknownText } from './health';
import { placesBids } from './strategy';

const cpu = (q: Record<string, number>) => shown('cpu_milli', q.cpu_milli ?? 0);
const mem = (q: Record<string, number>) => shown('mem_mib', q.mem_mib ?? 0);
const round = (n: number) => (n >= 100 ? n.toFixed(0) : n.toFixed(2));

/** What its strategy does; one that would bid and names no cost does not. */
const bids = (i: Instance) => (i.strategy.auto_bid ? (placesBids(i.strategy) ? 'auto-bid' : 'no cost named') : null);
const text = (n: number | null) => (n === null ? '–' : round(n));
/** What it may take at most on its node; where it does not run, nothing is in force for it, whatever was last. */
const limit = (i: Instance, of: (q: Record<string, number>) => number) => (i.state === 'stopped' ? null : of(i.in_force));
/** Of what was adopted memory is measured and not limited. */
const memLimit = (i: Instance) => (i.in_force.mem_mib === undefined ? null : limit(i, mem));

/** A figure that is not there, and why on hover. */
function Missing({ of, what }: { of: Pulse | undefined; what: 'sample' | 'risk' }) {
  const { mark, why } = unknownText(of, what);
  return <span className="t3" title={why}>{mark}<span className="sr-only"> {why}</span></span>;
}

/** `cut`: there are more than these. */
interface Props { rows: Instance[]; pulses: Record<string, Pulse>; selected?: string; onSelect: (i: Instance) => void; cut?: boolean }

export function InstanceTable({ rows, pulses, selected, onSelect, cut = false }: Props) {
  const names = useParticipantNames();
  const nodeName = useNodeName();
  const owner = (i: Instance) => names.get(i.participant) ?? i.participant.slice(-6);
  const usage = (i: Instance) => pulses[i.id]?.sample?.usage;
  const waiting = (i: Instance) => behind(i, pulses[i.id]);
  const state = (i: Instance) => stateShown(i, waiting(i));
  /** What is the matter with it, where something is. */
  const matter = (i: Instance) => { const inputs = waiting(i); return i.fault?.detail ?? (inputs === null ? undefined : behindText(inputs)); };
  const risk = (i: Instance) => condition(i) === 'running' ? (pulses[i.id]?.risk ?? null) : null;
  const memory = (i: Instance) => { const u = usage(i); return u?.mem_mib === undefined ? undefined : mem(u); };
  const columns: Column<Instance>[] = [
    { id: 'name', head: 'Workload', cell: (i) => <span className="row"><button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); onSelect(i); }}><Short text={i.name} most="min(240px, 44vw)" /></button></span>, value: (i) => i.name },
    ...(new Set(rows.map((i) => i.participant)).size > 1 ? [{ id: 'who', head: 'Participant', cell: (i: Instance) => <Short text={owner(i)} />, value: owner }] : []),
    { id: 'driver', head: 'Driver', extra: true, cell: driverName, value: driverName },
    { id: 'pool', head: 'Node', cell: (i) => <Place pool={i.pool} node={i.node} />, value: (i) => `${i.pool} ${i.node && nodeName(i.node)}`.trim() },
    { id: 'state', head: 'State', cell: (i) => <span title={matter(i)}><State of={state(i)} /></span>, value: state, csv: (i) => [stateName(state(i)), matter(i)].filter(Boolean).join(': ') },
    { id: 'floor', head: 'Floor, cores', right: true, extra: true, cell: (i) => round(cpu(i.floor)), value: (i) => cpu(i.floor) },
    { id: 'baseline', extra: 'phone', head: 'Baseline', right: true, cell: (i) => round(cpu(i.baseline)), value: (i) => cpu(i.baseline), csvHead: 'Baseline, cores' },
    { id: 'limit', extra: 'phone', head: 'Limit now', right: true, cell: (i) => <span className="m">{text(limit(i, cpu))}</span>, value: (i) => limit(i, cpu), csvHead: 'Limit now, cores' },
    { id: 'used', extra: 'phone', head: 'Used', right: true, cell: (i) => { const u = usage(i); return u ? round(cpu(u)) : <Missing of={pulses[i.id]} what="sample" />; }, value: (i) => { const u = usage(i); return u && cpu(u); }, csvHead: 'Used, cores' },
    { id: 'memory', head: 'Memory, GiB', right: true, extra: true, cell: (i) => { const used = memory(i); return <>{used !== undefined ? round(used) : <Missing of={pulses[i.id]} what="sample" />} {memLimit(i) !== null && <span className="t3">of {text(memLimit(i))}</span>}</>; }, value: memory, csv: [{ head: 'Memory used, GiB', of: memory }, { head: 'Memory limit, GiB', of: memLimit }] },
    { id: 'risk', head: 'Runs short', help: 'Chance that its demand passes what is in force within the horizon.', right: true, cell: (i) => { const r = risk(i); return r === null ? <Missing of={condition(i) === 'running' ? pulses[i.id] : undefined} what="risk" /> : <span className={r >= RISKY ? 'warn m' : ''}>{formatPercent(r)}</span>; }, value: risk, csvHead: 'Runs short, %', csv: (i) => { const r = risk(i); return r === null ? null : Math.round(r * 100); } },
    { id: 'auto', extra: 'phone', head: 'Strategy', cell: (i) => <span className="row g4">{bids(i) && (placesBids(i.strategy) ? <Badge tone="line">▲ auto-bid</Badge> : <span className="t3" title="It is to bid when its forecast asks for more, and places nothing until its strategy says what a shortage costs">no cost named</span>)}{i.strategy.auto_offer && <Badge tone="line">▼ auto-offer</Badge>}</span>, value: (i) => [bids(i), i.strategy.auto_offer && 'auto-offer'].filter(Boolean).join(', ') },
  ];
  return <DataTable label="Workloads" columns={columns} rows={rows} rowKey={(i) => i.id} selected={selected} onSelect={onSelect} csvName="workloads" more={{ cut }} muted={(i) => i.state === 'stopped'} />;
}
