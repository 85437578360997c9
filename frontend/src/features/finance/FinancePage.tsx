import { Icon, Page } from '@/components/ui';
import { type Statement, url, useMay, useResource } from '@/lib/api';
import { micro } from '@/lib/money';
import { useParam } from '@/lib/url';
import { Equation } from './Equation';
import { Lines } from './Lines';
import { Period } from './Period';
import { Platform } from './Platform';

/** Is every micro-credit accounted for? */
export default function FinancePage() {
  const [from] = useParam('from');
  const [participant] = useParam('participant');
  const query = { from: from || undefined, participant: participant || undefined };
  const of = useResource<Statement>('/statements', query);
  const platform = useMay('finance:platform');
  return (
    <Page title="Finance" of={of} answer={(s) => (micro(s.difference) === 0n
      ? <>The statement <b>balances to the last micro-credit</b>: {s.lines.length} movements, nothing unexplained.</>
      : <>The statement <b>does not balance</b>: {s.difference} cr are unexplained.</>)}
      actions={<span className="row g8"><Period /><a className="btn" href={url('/statements.csv', query)} download="statement.csv"><Icon name="export" size={14} />Statement, CSV</a></span>}>
      {(s) => <>
        {platform && <Platform from={from} />}
        <Equation statement={s} />
        <Lines statement={s} />
      </>}
    </Page>
  );
}
