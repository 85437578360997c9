import { countOf, type Instance, type Listed, type Pulse } from '@/lib/api';
import { formatCount, formatPercent } from '@/lib/money';
import { behindText, condition, counted, isFaulty, notCounted, riskiest, type Starved, starved } from './health';

/** Who has too little now, which no forecast says. */
function Waiting({ of: [first, ...others] }: { of: Starved[] }) {
  if (!first) return null;
  return <><b>{first.instance.name}</b> <span className="m warn">waits for CPU now</span>, {behindText(first.behind)}{others.length > 0 && <>; {formatCount(others.length)} more {others.length === 1 ? 'waits' : 'wait'}</>}.{' '}</>;
}

/** What is said where no forecast is bad: nothing of those that are not known, and of those that wait already that there are no others. */
function safeText(waiting: boolean, missing: boolean, known: number): string | null {
  if ((waiting || missing) && known === 0) return null;
  if (missing) return `Of those that are known ${waiting ? 'no other' : 'none'} is likely to run short soon.`;
  return `${waiting ? 'No other' : 'None'} is likely to run short soon.`;
}

/** How many run, what has failed, which one needs a hand now or soon; and of which that is not known. */
export function Answer({ of, pulses }: { of: Listed<Instance>; pulses: Record<string, Pulse> }) {
  const as = (state: string) => of.rows.filter((i) => condition(i) === state).length;
  const [failed, ...more] = of.rows.filter(isFaulty);
  const waiting = starved(of.rows, pulses);
  const rest = of.rows.filter((i) => !waiting.some((w) => w.instance === i));
  const [worst, ...others] = riskiest(rest, pulses);
  const missing = notCounted(of.rows, pulses);
  return (
    <>
      <b>{formatCount(as('running'))} of {countOf(of)}</b> run{as('suspended') > 0 && <>, {as('suspended')} {as('suspended') === 1 ? 'stands' : 'stand'} still</>}.{' '}
      {failed && <><span className="m bad">{failed.name}{more.length > 0 && ` and ${more.length} more`} failed.</span> </>}
      <Waiting of={waiting} />
      {worst ? <><b>{worst.instance.name}</b> is the most likely to run short soon, with {formatPercent(worst.risk)} chance{others.length > 0 && <>; {others.length} more {others.length === 1 ? 'is' : 'are'} at risk</>}.</> : safeText(waiting.length > 0, missing.length > 0, counted(rest, pulses))}
      {missing.length > 0 && <> Not counted: {missing.join(', ')}.</>}
    </>
  );
}
