import { Amount, Badge, type Column, DataTable, Short } from '@/components/ui';
import type { FinanceSummary, FullParticipant, UserRecord } from '@/lib/api';
import { decimal, formatCount, formatShort } from '@/lib/money';
import { hasOf } from './money';
import { membersOf } from './user';

interface Props { rows: FullParticipant[]; users: UserRecord[]; accounts: FinanceSummary['accounts'] | undefined; selected?: string; /** Beside a panel there is no room for what the panel says. */ narrow: boolean; onSelect: (p: FullParticipant) => void }

/** A quota of 0 says no more than none. */
const quotaText = (p: FullParticipant) => formatShort(Object.fromEntries(Object.entries(p.quota).filter(([, q]) => q > 0))) || 'none';

const IN_PANEL = ['limit', 'class', 'held'];

export function ParticipantTable({ rows, users, accounts, selected, narrow, onSelect }: Props) {
  const has = (p: FullParticipant) => hasOf(accounts ?? [], p.id);
  const nothing = <span className="t3">–</span>;
  const columns: Column<FullParticipant>[] = [
    { id: 'name', head: 'Participant', cell: (p) => <span className="row g6"><button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); onSelect(p); }}><Short text={p.name} /></button>{p.platform && <Badge tone="line">Operator</Badge>}</span>, value: (p) => p.name },
    { id: 'users', head: 'Users', right: true, cell: (p) => formatCount(membersOf(users, p.id).length), value: (p) => membersOf(users, p.id).length },
    { id: 'quota', head: 'Quota', extra: 'phone', cell: (p) => (p.platform ? nothing : quotaText(p)), value: (p) => p.quota.cpu_milli ?? 0, csv: (p) => quotaText(p) },
    { id: 'limit', head: 'Workloads at most', extra: true, right: true, cell: (p) => (p.platform ? nothing : formatCount(p.instance_limit)), value: (p) => p.instance_limit },
    { id: 'class', head: 'Highest class', extra: true, cell: (p) => (p.platform ? nothing : p.highest_class), value: (p) => p.highest_class },
    { id: 'available', head: 'Available, cr', right: true, cell: (p) => (p.platform || !accounts ? nothing : <Amount value={has(p).available} />), value: (p) => (accounts ? Number(decimal(has(p).available, 6)) : null), csv: (p) => (accounts ? decimal(has(p).available, 6) : null) },
    { id: 'held', head: 'Held, cr', extra: true, right: true, cell: (p) => (p.platform || !accounts ? nothing : <Amount value={has(p).held} />), value: (p) => (accounts ? Number(decimal(has(p).held, 6)) : null), csv: (p) => (accounts ? decimal(has(p).held, 6) : null) },
  ];
  return <DataTable label="Participants" columns={columns.filter((c) => !narrow || !IN_PANEL.includes(c.id))} rows={rows} rowKey={(p) => p.id} selected={selected} onSelect={onSelect} initialSort={{ id: 'name', desc: false }} csvName="participants-and-quotas" />;
}
