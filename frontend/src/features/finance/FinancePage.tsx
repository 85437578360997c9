import { Page, Panel } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type FinanceSummary, type Statement, useMay, useResource } from '@/lib/api';
import { formatCount, micro } from '@/lib/money';
import { serverNow } from '@/lib/time';
import { useParam } from '@/lib/url';
import { Chooser } from './Chooser';
import { CsvFile } from './CsvFile';
import { Deliveries } from './Deliveries';
import { Disputes } from './Disputes';
import { Equation } from './Equation';
import { Lines } from './Lines';
import { PeriodBar, usePeriod } from './PeriodBar';
import { Platform } from './Platform';

/** Is every micro-credit of the market accounted for? */
function Everyone({ choose }: { choose: (id: string | null) => void }) {
  const query = { ...usePeriod() };
  const of = useResource<FinanceSummary>('/finance/summary', query);
  return (
    <Page title="Finance" of={of} answer={(s) => {
      const moved = s.kinds.reduce((n, k) => n + k.count, 0);
      return micro(s.sum) === 0n
        ? <>All accounts together are <b>0.000000</b>: nothing was made or lost. {moved > 0 ? <><b>{formatCount(moved)}</b> {moved === 1 ? 'transfer' : 'transfers'} in the period.</> : 'Nothing moved in the period.'}</>
        : <>All accounts together are <b className="bad">{s.sum} cr</b>, not 0: money was made or lost.</>;
    }} actions={<span className="row g8 max-[1099px]:flex-wrap min-[1100px]:shrink-0"><Chooser value="" onChange={choose} /><CsvFile path="/finance/ledger.csv" query={query} name="ledger" period={of.data} text="All transfers of this period, CSV" /></span>} bar={<PeriodBar shown={of.data} />}>
      {(s) => <><Disputes platform /><Platform summary={s} open={choose} past={query.to !== undefined && Date.parse(query.to) <= serverNow()} /></>}
    </Page>
  );
}

/** Is every micro-credit of one participant accounted for? */
function One({ participant, choose }: { participant: string; choose?: (id: string | null) => void }) {
  const period = usePeriod();
  const query = { ...period, participant: participant || undefined };
  const of = useResource<Statement>('/statements', query);
  const all = choose && <button type="button" className="linkish" onClick={() => choose(null)}>All participants</button>;
  return (
    <Page title="Finance" crumb={all} of={of} answer={(s) => {
      if (micro(s.difference) !== 0n) return <>The statement <b className="bad">does not balance</b>: {s.difference} cr are unexplained.</>;
      return s.lines.length === 0 ? <><b>Nothing moved</b> in this period; the balance is {s.closing} cr.</> : <>The statement <b>balances to the last micro-credit</b>: {formatCount(s.lines.length)} {s.lines.length === 1 ? 'movement' : 'movements'}{s.truncated ? ' shown' : ''}, nothing unexplained.</>;
    }} actions={<span className="row g8 max-[1099px]:flex-wrap min-[1100px]:shrink-0">{choose && <Chooser value={participant} onChange={choose} />}<CsvFile path="/statements.csv" query={query} name="statement" period={of.data} text="Statement, CSV" /></span>} bar={<PeriodBar shown={of.data} />}>
      {(s) => (s.lines.length === 0 && micro(s.opening) === 0n && micro(s.closing) === 0n
        ? <Panel title={`Statement, ${s.participant_name}`}><Empty fact={`${s.participant_name} has no balance and no movements in this period.`} hint={choose ? 'Choose another participant, or a longer period.' : 'Choose a longer period, or look again after the first trade.'} /></Panel>
        : <><Equation statement={s} />{!choose && <Disputes />}{!choose && <Deliveries asked={period} from={s.from} to={s.to} />}<Lines statement={s} /></>)}
    </Page>
  );
}

/** Platform roles begin with everybody; the others see their own. */
export default function FinancePage() {
  const [participant, choose] = useParam('participant');
  const platform = useMay('finance:platform');
  if (platform && !participant) return <Everyone choose={choose} />;
  return <One participant={platform ? participant : ''} choose={platform ? choose : undefined} />;
}
