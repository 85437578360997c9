// What is known of a move that a person is asked about, beside the answer.
import { Badge, Panel, When } from '@/components/ui';
import { isAsked, type OneSwap } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { Decision } from './Decision';
import { Left } from './Left';
import { askerText, expectedPause, lastBytes, learnedText, purposeText, shortTime } from './question';
import { comparedText } from './swap';

const latency = (micros: number) => (micros === 0 ? 'under 1 µs' : shortTime(micros));

export function QuestionPanel({ swap }: { swap: OneSwap }) {
  if (!isAsked(swap) || !swap.approval) return null;
  const { evidence: seen, answer_by, asked_at } = swap.approval;
  const { cutover } = swap;
  return (
    <Panel title="May it move?" note={<>asked {asked_at && <When at={asked_at} />}</>} tools={<Left by={answer_by} />}>
      <div className="row wrap items-start">
        <dl className="kv pad basis-[420px] grow max-w-[720px]">
          <dt>Shadow run</dt><dd className="said">{seen ? <><Badge tone="ok" icon="check">Passed</Badge> the same at {comparedText(seen.positions_compared)}; it goes on</> : 'nothing is known of it'}</dd>
          {seen && <>
            <dt>Whole state</dt><dd className="said">{seen.states_compared > 0 ? `the same at ${formatCount(seen.states_compared)} of them` : 'not compared, as its owner wants'}</dd>
            <dt>Copy</dt><dd className="said">{seen.lag === 0 ? 'keeps up' : `${formatCount(seen.lag)} ${seen.lag === 1 ? 'input' : 'inputs'} behind`}; {latency(seen.shadow_latency_micros)} an input, the workload itself {latency(seen.live_latency_micros)}</dd>
            <dt>As of</dt><dd><When at={seen.at} /></dd>
          </>}
          <dt>Expected pause</dt><dd className="said">{expectedPause(cutover)}{cutover && <span className="t3">, {learnedText(cutover)}</span>}</dd>
          {cutover && <><dt>Sent meanwhile</dt><dd>{lastBytes(cutover)}</dd></>}
          <dt>What for</dt><dd className="said">{purposeText(swap)}</dd>
          <dt>Asked for by</dt><dd className="said">{askerText(swap)}</dd>
        </dl>
        <div className="pad col g8 basis-[240px] grow">
          <span className="row g8 wrap"><Decision swap={swap} /></span>
          <span className="s12 t3">An answer helps until <When at={answer_by} />: then the gate of the next slot closes.</span>
        </div>
      </div>
    </Panel>
  );
}
