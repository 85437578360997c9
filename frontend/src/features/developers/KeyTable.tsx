import { type Column, DataTable, Short, When } from '@/components/ui';
import type { ApiKey } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { useNow } from '@/lib/time';
import { KeyBadge, stateWord } from './KeyBadge';
import { onlyReads, stateOf } from './key';

const reach = (k: ApiKey) => (onlyReads(k.scopes) ? `reads only, ${formatCount(k.scopes.length)}` : `reads and changes, ${formatCount(k.scopes.length)}`);

interface Props { rows: ApiKey[]; owner: (k: ApiKey) => string; selected?: string; onSelect: (k: ApiKey) => void }

export function KeyTable({ rows, owner, selected, onSelect }: Props) {
  const now = useNow();
  const several = new Set(rows.map((k) => k.participant)).size > 1;
  const columns: Column<ApiKey>[] = [
    { id: 'name', head: 'Key', cell: (k) => <span className="row"><button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); onSelect(k); }}><Short text={k.name} /></button></span>, value: (k) => k.name },
    ...(several ? [{ id: 'who', head: 'Participant', cell: (k: ApiKey) => <Short text={owner(k)} />, value: owner }] : []),
    { id: 'state', head: 'State', cell: (k) => <KeyBadge state={stateOf(k, now)} />, value: (k) => stateWord(stateOf(k, now)) },
    { id: 'scopes', head: 'Scopes', extra: 'phone', cell: (k) => <span title={k.scopes.join(', ')}>{reach(k)}</span>, value: (k) => k.scopes.join(' ') },
    { id: 'prefix', head: 'Begins with', extra: true, cell: (k) => <span className="id">{k.prefix}</span>, value: (k) => k.prefix },
    { id: 'made', head: 'Made', extra: 'phone', cell: (k) => <When at={k.created_at} style="day" />, value: (k) => k.created_at },
    { id: 'used', head: 'Last used', extra: 'phone', cell: (k) => (k.last_used_at ? <When at={k.last_used_at} style="day" /> : <span className="t3">no use known</span>), value: (k) => k.last_used_at },
    { id: 'ends', head: 'Ends', extra: 'phone', cell: (k) => (k.expires_at ? <When at={k.expires_at} style="day" /> : <span className="t3">never</span>), value: (k) => k.expires_at },
  ];
  return <DataTable label="API keys" columns={columns} rows={rows} rowKey={(k) => k.id} selected={selected} onSelect={onSelect} muted={(k) => stateOf(k, now) !== 'works'} initialSort={{ id: 'made', desc: true }} csvName="api-keys" footer="Last used: to the minute" />;
}
