import { Icon, Page } from '@/components/ui';
import { hasRole, type Statement, url, useMe, useResource } from '@/lib/api';
import { micro } from '@/lib/money';
import { useParam } from '@/lib/url';
import { Equation } from './Equation';
import { Lines } from './Lines';
import { Period } from './Period';
import { Platform } from './Platform';

/** Can I close, and is every micro-credit accounted for? */
export default function FinancePage() {
  const me = useMe();
  const [from] = useParam('from');
  const [to] = useParam('to');
  const query = { from: from || undefined, to: to || undefined };
  const of = useResource<Statement>('/statements', query);
  const platform = hasRole(me, ['finance', 'admin']);
  return (
    <Page title="Finance" of={of} answer={(s) => (micro(s.difference) === 0n
      ? <>The statement <b>balances to the last micro-credit</b>: {s.lines.length} movements, nothing unexplained.</>
      : <>The statement <b>does not balance</b>: {s.difference} cr are unexplained.</>)}
      actions={<span className="row g8"><Period /><a className="btn" href={url('/statements.csv', query)} download="statement.csv"><Icon name="export" size={14} />Statement, CSV</a></span>}>
      {(s) => <>
        <Equation statement={s} name={me?.participant.name ?? ''} />
        {platform && <Platform />}
        <Lines statement={s} />
      </>}
    </Page>
  );
}
