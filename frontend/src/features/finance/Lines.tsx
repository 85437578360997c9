import { Link } from '@tanstack/react-router';
import { type Column, CopyId, DataTable, Ledger, PageLink, Panel, Said, When } from '@/components/ui';
import type { Statement, StatementLine } from '@/lib/api';
import { formatCount } from '@/lib/money';

const columns: Column<StatementLine>[] = [
  { id: 'at', head: 'Time', cell: (l) => <span className="t3"><When at={l.at} style="day" /></span>, value: (l) => l.at },
  { id: 'kind', head: 'Kind', cell: (l) => l.kind.replaceAll('_', ' '), value: (l) => l.kind },
  { id: 'description', extra: 'phone', head: 'What for', cell: (l) => <Said text={l.description} />, value: (l) => l.description },
  { id: 'round', extra: 'phone', head: 'Round', right: true, cell: (l) => (l.round ? <Link to="/rounds/$number" params={{ number: String(l.round) }}>{formatCount(l.round)}</Link> : ''), value: (l) => l.round },
  { id: 'order', head: 'Order', extra: true, cell: (l) => (l.order ? <PageLink className="id" to="/bids" search={{ order: l.order }}>{l.order.slice(-6)}</PageLink> : ''), value: (l) => l.order },
  { id: 'transfer', head: 'Transfer', extra: true, cell: (l) => <CopyId id={l.transfer} label="transfer" />, value: (l) => l.transfer },
  { id: 'amount', head: 'Amount, cr', right: true, cell: (l) => <span className="m"><Ledger value={l.amount} /></span>, value: (l) => l.amount },
  { id: 'balance', head: 'Balance, cr', right: true, extra: 'phone', cell: (l) => <Ledger value={l.balance} />, value: (l) => l.balance },
];

/** Like a bank account: every line with the balance after it, and its way back to the round. The newest first; those of one moment too. */
export function Lines({ statement }: { statement: Statement }) {
  return (
    <Panel title="Movements" note={statement.truncated ? `the last ${formatCount(statement.lines.length)}; the CSV has all` : 'every amount leads to its round and order'}>
      {statement.lines.length === 0
        ? <p className="pad s12 t3">Nothing moved in this period.</p>
        : <DataTable label="Movements" columns={columns} rows={statement.lines.toReversed()} rowKey={(l) => l.transfer} initialSort={{ id: 'at', desc: true }} csvName="movements" />}
    </Panel>
  );
}
