import { Link } from '@tanstack/react-router';
import { Panel, When } from '@/components/ui';
import type { OneSwap } from '@/lib/api';
import { formatBundle, formatBytes } from '@/lib/money';
import { METHODS, nameOf, pauseText, reasonText } from './swap';

const VERDICTS = { approved: 'Approved', rejected: 'Rejected' };

/** Who answered is named to the operator's roles. */
function Approval({ swap }: { swap: OneSwap }) {
  if (!swap.approval) return null;
  const { answer, answer_by } = swap.approval;
  return (
    <>
      <dt>Approval</dt>
      <dd className="said">
        {answer
          ? <>{VERDICTS[answer.verdict]} by {swap.answered_by_name ?? 'an operator'}, <When at={answer.at} />{answer.reason && <>: “{answer.reason}”</>}</>
          : swap.ended_at ? <>nobody answered by <When at={answer_by} /></> : <>to be answered by <When at={answer_by} /></>}
      </dd>
    </>
  );
}

export function FactsPanel({ swap }: { swap: OneSwap }) {
  return (
    <Panel title="What it does">
      <dl className="kv pad">
        <dt>Workload</dt><dd><Link to="/workloads" search={{ workload: swap.instance } as never}>{nameOf(swap)}</Link></dd>
        <dt>Limits before</dt><dd>{formatBundle(swap.limits_from)}</dd>
        <dt>Limits after</dt><dd>{formatBundle(swap.limits_to)}</dd>
        <dt>For the slot</dt><dd><When at={swap.slot} /></dd>
        <dt>Method</dt><dd>{METHODS[swap.method] ?? swap.method}</dd>
        <dt>Bytes moved</dt><dd>{swap.bytes ? formatBytes(swap.bytes) : 'none'}</dd>
        <dt>Pause</dt><dd>{swap.downtime_micros === null && !swap.ended_at ? 'not yet' : pauseText(swap)}</dd>
        <dt>Placement epoch</dt><dd>{swap.epoch}</dd>
        <dt>Deadline</dt><dd><When at={swap.deadline} /></dd>
        <Approval swap={swap} />
        {swap.cancel_requested && <><dt>Asked to stop</dt><dd className="said">{swap.cancel_requested}</dd></>}
        {swap.reason && <><dt>Reason</dt><dd className="said">{reasonText(swap)}</dd></>}
      </dl>
    </Panel>
  );
}
