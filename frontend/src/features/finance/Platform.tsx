import { Icon, Ledger, Panel, ResourceView } from '@/components/ui';
import { type FinanceSummary, url, useResource } from '@/lib/api';
import { formatCount, micro } from '@/lib/money';

function Accounts({ summary }: { summary: FinanceSummary }) {
  const balanced = micro(summary.sum) === 0n;
  return (
    <table className="t mk">
      <thead><tr><th scope="col">Account</th>{['Opening', 'In', 'Out', 'Closing'].map((h) => <th key={h} scope="col" className="r">{h}</th>)}</tr></thead>
      <tbody>{summary.accounts.map((a) => (
        <tr key={a.account}><td>{a.account}</td>{[a.opening, a.in, a.out].map((v, i) => <td key={i} className="r"><Ledger value={v} /></td>)}<td className="r m"><Ledger value={a.closing} /></td></tr>
      ))}</tbody>
      <tfoot><tr><td colSpan={4}>Sum of all accounts</td><td className={`r ${balanced ? 'ok' : 'bad'}`}><span className="row g4 justify-end"><Icon name={balanced ? 'check' : 'cross'} size={12} />{summary.sum}</span></td></tr></tfoot>
    </table>
  );
}

/** All participants: the ledger by account, and what stands between now and a close. */
export function Platform() {
  const of = useResource<FinanceSummary>('/finance/summary');
  return (
    <div className="split">
      <Panel title="Ledger by account, all participants" note="every entry has two legs" tools={<a className="btn sm" href={url('/finance/statement.csv')} download="platform.csv"><Icon name="export" size={12} />CSV</a>}>
        <ResourceView of={of}>{(s) => <div className="scroll" role="region" aria-label="Accounts: rows" tabIndex={0}><Accounts summary={s} /></div>}</ResourceView>
      </Panel>
      <Panel title="Before a close">
        <ResourceView of={of}>
          {(s) => (
            <ul className="pad col g8 s12">
              {s.checks.map((c) => (
                <li key={c.rule} className="row g8"><span className={c.passed ? 'ok' : 'bad'}><Icon name={c.passed ? 'check' : 'cross'} size={13} stroke={1.8} /></span>{c.rule}<span className="sp" />{c.tested !== undefined && <span className="t3">{formatCount(c.tested)}</span>}</li>
              ))}
            </ul>
          )}
        </ResourceView>
      </Panel>
    </div>
  );
}
