import { PageLink, stateName } from '@/components/ui';
import { countOf, type Listed, type Swap } from '@/lib/api';
import { useNow } from '@/lib/time';
import { useParam } from '@/lib/url';
import { failedLately, nameOf, stateWord } from './swap';

/** What came to nothing within the last hour: the table begins with what is done every minute, and would bury it. `of`: the newest that came to nothing. */
export function Lately({ of }: { of: Listed<Swap> }) {
  const now = useNow();
  const [, setShow] = useParam('show', 'all');
  const rows = of.rows.filter((s) => failedLately(s, now)).sort((a, b) => (b.ended_at ?? '').localeCompare(a.ended_at ?? ''));
  const [newest] = rows;
  if (!newest) return null;
  const oldest = of.rows.at(-1);
  const count = countOf({ rows, cut: of.cut && !!oldest && failedLately(oldest, now) });
  const word = stateWord(newest) ?? stateName(newest.state);
  return (
    <>
      In the last hour <button type="button" className="linkish b" onClick={() => setShow('undone')}>{count} {count === '1' ? 'was' : 'were'} refused or failed</button>{rows.length > 1 && ', the newest'}:{' '}
      <PageLink className="b" to="/swaps/$id" params={{ id: newest.id }}>{nameOf(newest)}</PageLink>, {word.replace(/^./, (c) => c.toLowerCase())}.{' '}
    </>
  );
}
