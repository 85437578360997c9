import { type Column, DataTable, Money, Short } from '@/components/ui';
import { type Project, useParticipantNames } from '@/lib/api';
import { formatCount, formatPercent } from '@/lib/money';
import { isUsedUp, parts } from './project';

/** Spent full, committed lighter, the rest empty; the figures are in the columns beside it. */
function Use({ project }: { project: Project }) {
  const { spent, committed } = parts(project);
  return (
    <span className="row g6">
      <span className="bar" style={{ width: 72 }}>
        <i style={{ width: `${spent}%`, background: 'var(--accent)' }} />
        <i style={{ left: `${spent}%`, width: `${committed}%`, background: 'var(--accent)', opacity: 0.4 }} />
      </span>
      <span className="t3">{formatPercent(spent / 100)}</span>
    </span>
  );
}

const note = (p: Project) => (isUsedUp(p) ? 'nothing left' : '');

export function ProjectTable({ rows, selected, onSelect }: { rows: Project[]; selected?: string; onSelect?: (p: Project) => void }) {
  const names = useParticipantNames();
  const owner = (p: Project) => names.get(p.participant) ?? p.participant.slice(-6);
  const columns: Column<Project>[] = [
    { id: 'name', head: 'Project', cell: (p) => (onSelect ? <button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); onSelect(p); }}>{p.name}</button> : <span className="b">{p.name}</span>), value: (p) => p.name },
    ...(new Set(rows.map((p) => p.participant)).size > 1 ? [{ id: 'who', head: 'Participant', cell: (p: Project) => <Short text={owner(p)} />, value: owner }] : []),
    { id: 'limit', head: 'Limit, cr', right: true, cell: (p) => <Money value={p.limit} />, value: (p) => Number(p.limit) },
    { id: 'use', extra: 'phone', head: 'Spent of it', cell: (p) => <Use project={p} />, value: (p) => parts(p).spent },
    { id: 'spent', head: 'Spent, cr', right: true, cell: (p) => <Money value={p.spent} />, value: (p) => Number(p.spent) },
    { id: 'committed', extra: 'phone', head: 'Committed, cr', right: true, cell: (p) => <Money value={p.committed} />, value: (p) => Number(p.committed) },
    { id: 'left', head: 'Left, cr', right: true, cell: (p) => <Money value={p.left} />, value: (p) => Number(p.left) },
    { id: 'orders', extra: true, head: 'Open bids', right: true, cell: (p) => formatCount(p.open_orders), value: (p) => p.open_orders },
    { id: 'note', extra: true, head: 'Note', cell: (p) => <span className="t3">{note(p)}</span>, value: note },
  ];
  return (
    <DataTable label="Projects" columns={columns} rows={rows} rowKey={(p) => p.id} selected={selected} onSelect={onSelect} initialSort={{ id: 'name', desc: false }} csvName="projects"
      footer="Committed: held for open bids. Left: limit less spent and committed, for new bids" />
  );
}
