// Finance sees every participant: what each has, the exchange's own accounts, and what moved by kind.
import { Amount, type Column, DataTable, Icon, Ledger, Panel, Short } from '@/components/ui';
import { type FinanceSummary, useParticipantNames } from '@/lib/api';
import { decimal, formatCount, micro, type Micro } from '@/lib/money';
import { kindOf, type Total, totalsOf } from './totals';

type Account = FinanceSummary['accounts'][number];
type Kind = FinanceSummary['kinds'][number];
type Moved = FinanceSummary['participants'][number];
const money = (id: 'available' | 'held' | 'total', head: string, extra = false): Column<Total> => ({
  id, head, right: true, extra, cell: (t) => <Amount value={t[id]} />, value: (t) => decimal(t[id] as Micro, 6),
});

const totalColumns = (open: (id: string) => void): Column<Total>[] => [
  { id: 'name', head: 'Participant', cell: (t) => <span className="row"><button type="button" className="linkish b" onClick={() => open(t.id)}><Short text={t.name} /></button></span>, value: (t) => t.name },
  money('available', 'Available, cr'), money('held', 'Held for orders, cr', true), money('total', 'Total, cr'),
];
const moved = (id: keyof Moved['totals'], head: string, help: string, extra = false): Column<Moved> => ({
  id, head, help, right: true, extra, cell: (m) => <Ledger value={m.totals[id]} />, value: (m) => m.totals[id],
});
const movedColumns = (open: (id: string) => void): Column<Moved>[] => [
  { id: 'name', head: 'Participant', cell: (m) => <span className="row"><button type="button" className="linkish b" onClick={() => open(m.participant)}><Short text={m.participant_name} /></button></span>, value: (m) => m.participant_name },
  moved('charges', 'Charged, cr', 'For awards, before delivery: it lies in escrow until the slot is settled.', true), moved('credit_notes', 'Credited, cr', 'Awarded and not delivered; of what was taken later in a slot, the time before that.', true), moved('net_charges', 'Charged, less credit notes, cr', 'What was paid for deliveries, and what slots that are not settled yet will cost: until then that lies in escrow, and a part of it may come back as a credit note.'), moved('proceeds', 'Earned by lending, cr', 'Lent or resold, and delivered.'),
  moved('reservation_fees', 'Reservation fees, cr', 'Received less paid: a tenth of the price of capacity that was kept for a workload whose own program could not be moved to it.', true),
  moved('compensations', 'Compensations, cr', 'Received less paid: half the price of what was lent and kept by the lender’s own workload.', true),
  moved('dispute_notes', 'Dispute notes, cr', 'Received because disputes were upheld.', true),
];
const accountColumns: Column<Account>[] = [
  { id: 'account', head: 'Account', cell: kindOf, value: (a) => a.account },
  { id: 'balance', head: 'Balance, cr', right: true, cell: (a) => <Ledger value={a.balance} />, value: (a) => a.balance },
];
const kindColumns: Column<Kind>[] = [
  { id: 'kind', head: 'Kind', cell: (k) => k.kind.replaceAll('_', ' '), value: (k) => k.kind },
  { id: 'count', head: 'Transfers', right: true, cell: (k) => formatCount(k.count), value: (k) => k.count },
  { id: 'to', head: 'To members, cr', help: 'What came to members by it. What moves between two of them stands on both sides, what stays with one on neither.', right: true, cell: (k) => <Ledger value={k.to_participants} />, value: (k) => k.to_participants },
  { id: 'from', head: 'From members, cr', help: 'What left members by it: fees, and what was taken back of a grant.', right: true, cell: (k) => <Ledger value={k.from_participants} />, value: (k) => k.from_participants },
  { id: 'amount', head: 'Moved in all, cr', help: 'In whatever direction: the sum of the kind in the ledger’s export.', extra: true, right: true, cell: (k) => <Ledger value={k.amount} />, value: (k) => k.amount },
];

/** `past`: the period has ended, and balances are those of its end. */
export function Platform({ summary, open, past }: { summary: FinanceSummary; open: (id: string) => void; past?: boolean }) {
  const when = past ? 'balances at the end of the period' : 'balances now';
  const names = useParticipantNames();
  const totals = totalsOf(summary.accounts);
  // Who has no account yet has nothing, and is still somebody to look at.
  const none = [...names].filter(([id]) => !totals.some((t) => t.id === id)).map(([id, name]): Total => ({ id, name, available: micro('0'), held: micro('0'), total: micro('0') }));
  const ok = micro(summary.sum) === 0n;
  const sum = <span className={`row g4 ${ok ? 'ok' : 'bad'}`}><Icon name={ok ? 'check' : 'cross'} size={12} />Sum of all accounts, also the participants’: {summary.sum}</span>;
  return (
    <>
      <Panel title="Participants" note={`${when}; a name opens its statement`}><DataTable label="Participants" columns={totalColumns(open)} rows={[...totals, ...none]} rowKey={(t) => t.id} csvName="participants" /></Panel>
      <Panel title="What each paid and earned" note="in the period">
        {summary.participants.length === 0 ? <p className="pad s12 t3">Nobody’s money moved in this period.</p> : <DataTable label="Paid and earned" columns={movedColumns(open)} rows={summary.participants} rowKey={(m) => m.participant} csvName="paid-and-earned" />}
      </Panel>
      <div className="halves">
        <Panel title="Accounts of the exchange" note={when}><DataTable label="Accounts" columns={accountColumns} rows={summary.accounts.filter((a) => a.participant === null)} rowKey={(a) => a.account} csvName="exchange-accounts" footer={sum} /></Panel>
        <Panel title="What moved, by kind" note="in the period, all participants">
          {summary.kinds.length === 0 ? <p className="pad s12 t3">Nothing moved in this period.</p> : <DataTable label="Kinds" columns={kindColumns} rows={summary.kinds} rowKey={(k) => k.kind} csvName="kinds" />}
        </Panel>
      </div>
    </>
  );
}
