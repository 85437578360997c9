// Finance sees every participant: the ledger by account, whose sum is 0, and what moved by kind.
import { type Column, DataTable, Icon, Ledger, Panel, ResourceView } from '@/components/ui';
import { type FinanceSummary, url, useResource } from '@/lib/api';
import { formatCount, micro } from '@/lib/money';
import { useParam } from '@/lib/url';

type Account = FinanceSummary['accounts'][number];
type Kind = FinanceSummary['kinds'][number];
const kindOf = (a: Account) => (a.account.split(/[/:]/).pop() ?? a.account).replaceAll('_', ' ');

const accountColumns = (open: (id: string) => void): Column<Account>[] => [
  { id: 'owner', head: 'Owner', cell: (a) => (a.participant ? <button type="button" className="linkish" onClick={() => open(a.participant ?? '')}>{a.participant_name ?? a.participant}</button> : 'exchange'), value: (a) => a.participant_name ?? 'exchange' },
  { id: 'account', head: 'Account', cell: kindOf, value: (a) => a.account },
  { id: 'balance', head: 'Balance, cr', right: true, cell: (a) => <Ledger value={a.balance} />, value: (a) => a.balance },
];
const kindColumns: Column<Kind>[] = [
  { id: 'kind', head: 'Kind', cell: (k) => k.kind.replaceAll('_', ' '), value: (k) => k.kind },
  { id: 'count', head: 'Transfers', right: true, cell: (k) => formatCount(k.count), value: (k) => k.count },
  { id: 'amount', head: 'Sum, cr', right: true, cell: (k) => <Ledger value={k.amount} />, value: (k) => k.amount },
];

export function Platform({ from }: { from: string }) {
  const of = useResource<FinanceSummary>('/finance/summary', { from: from || undefined });
  const [, open] = useParam('participant');
  const csv = <a className="btn sm" href={url('/finance/ledger.csv', { from })} download="ledger.csv"><Icon name="export" size={12} />Ledger, CSV</a>;
  return (
    <div className="halves">
      <Panel title="Ledger by account, all participants" tools={csv}>
        <ResourceView of={of}>
          {(s) => {
            const ok = micro(s.sum) === 0n;
            const sum = <span className={`row g4 ${ok ? 'ok' : 'bad'}`}><Icon name={ok ? 'check' : 'cross'} size={12} />Sum of all accounts {s.sum}</span>;
            return <DataTable label="Accounts" columns={accountColumns(open)} rows={s.accounts} rowKey={(a) => a.account} csvName="accounts" height={300} footer={sum} />;
          }}
        </ResourceView>
      </Panel>
      <Panel title="What moved, by kind" note="every transfer has two legs">
        <ResourceView of={of} empty={(s) => s.kinds.length === 0 && { fact: 'Nothing moved in this period.' }}>{(s) => <DataTable label="Kinds" columns={kindColumns} rows={s.kinds} rowKey={(k) => k.kind} csvName="kinds" />}</ResourceView>
      </Panel>
    </div>
  );
}
