import { Fragment } from 'react';
import { PageLink, Panel, When } from '@/components/ui';
import type { OneSwap } from '@/lib/api';
import { formatBundle, formatBytes } from '@/lib/money';
import { useNow } from '@/lib/time';
import { forecastText } from './forecast';
import { ended, lateness, METHODS, nameOf, pauseText, reasonHere } from './swap';

const VERDICTS = { approved: 'Approved', rejected: 'Rejected' };

/** Who answered is named to the operator's roles. */
function Approval({ swap }: { swap: OneSwap }) {
  if (!swap.approval) return null;
  const { answer, answer_by, asked_at, withdrawn } = swap.approval;
  return (
    <>
      <dt>Approval</dt>
      <dd className="said">
        {answer
          ? <>{VERDICTS[answer.verdict]} by {swap.answered_by_name ?? 'an operator'}, <When at={answer.at} />{answer.reason && <>: “{answer.reason}”</>}</>
          : withdrawn ? <>not needed any more: {withdrawn.detail}</>
          : swap.ended_at ? (swap.state === 'expired' && asked_at ? <>nobody answered by <When at={answer_by} /></> : <>not answered before it ended</>)
          : asked_at ? <>to be answered by <When at={answer_by} />; without an answer it expires</> : <>asked about once its shadow run has passed, and to be answered by <When at={answer_by} /></>}
      </dd>
    </>
  );
}

export function FactsPanel({ swap }: { swap: OneSwap }) {
  const now = useNow();
  const late = lateness(swap, now);
  return (
    <Panel title="What it does">
      <dl className="kv pad">
        <dt>Workload</dt><dd><PageLink to="/workloads" search={{ workload: swap.instance }}>{nameOf(swap)}</PageLink></dd>
        <dt>Limits before</dt><dd>{formatBundle(swap.limits_from)}</dd>
        <dt>Limits after</dt><dd>{formatBundle(swap.limits_to)}</dd>
        <dt>For the slot</dt><dd><When at={swap.slot} /></dd>
        <dt>Method</dt><dd>{METHODS[swap.method] ?? swap.method}</dd>
        <dt>Bytes moved</dt><dd>{swap.bytes ? formatBytes(swap.bytes) : 'none'}</dd>
        <dt>Pause</dt><dd>{swap.downtime_micros === null && !swap.ended_at ? 'not yet' : pauseText(swap)}</dd>
        {swap.forecast && <><dt>Was expected</dt><dd className="said">{forecastText(swap.forecast)}</dd></>}
        {swap.forecast?.rejected.map((other) => <Fragment key={other.method}><dt>Not by {(METHODS[other.method] ?? other.method).toLowerCase()}</dt><dd className="said">{other.reason}</dd></Fragment>)}
        <dt>Placement epoch</dt><dd>{swap.epoch}</dd>
        <dt>{now < Date.parse(swap.deadline) || ended(swap) ? 'To be there by' : 'Was to be there by'}</dt><dd className="said"><When at={swap.deadline} />, the {swap.deadline === swap.slot ? 'beginning' : 'end'} of its slot{late && <>; {late === 'may come late' ? 'that is over, and it comes late' : 'it was approved after its slot had begun'}</>}</dd>
        <Approval swap={swap} />
        {swap.cancel_requested && <><dt>Asked to stop</dt><dd className="said">{swap.cancel_requested}</dd></>}
        {swap.reason && <><dt>Reason</dt><dd className="said">{reasonHere(swap)}</dd></>}
      </dl>
    </Panel>
  );
}
