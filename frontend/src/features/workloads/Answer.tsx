import { countOf, type Instance, type Listed, type Pulse } from '@/lib/api';
import { formatCount, formatPercent } from '@/lib/money';
import { condition, counted, isFaulty, notCounted, riskiest } from './health';

/** How many run, what has failed, and which one needs a hand; and of which that is not known. */
export function Answer({ of, pulses }: { of: Listed<Instance>; pulses: Record<string, Pulse> }) {
  const as = (state: string) => of.rows.filter((i) => condition(i) === state).length;
  const [failed, ...more] = of.rows.filter(isFaulty);
  const [worst, ...others] = riskiest(of.rows, pulses);
  const missing = notCounted(of.rows, pulses);
  const safe = missing.length === 0 ? 'None is likely to run short soon.' : counted(of.rows, pulses) > 0 && 'Of those that are known none is likely to run short soon.';
  return (
    <>
      <b>{formatCount(as('running'))} of {countOf(of)}</b> run{as('suspended') > 0 && <>, {as('suspended')} {as('suspended') === 1 ? 'stands' : 'stand'} still</>}.{' '}
      {failed && <><span className="m bad">{failed.name}{more.length > 0 && ` and ${more.length} more`} failed.</span> </>}
      {worst ? <><b>{worst.instance.name}</b> is the most likely to run short soon, with {formatPercent(worst.risk)} chance{others.length > 0 && <>; {others.length} more {others.length === 1 ? 'is' : 'are'} at risk</>}.</> : safe}
      {missing.length > 0 && <> Not counted: {missing.join(', ')}.</>}
    </>
  );
}
