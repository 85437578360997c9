import { When } from '@/components/ui';
import type { Swap } from '@/lib/api';
import { formatMoney, micro, signed } from '@/lib/money';
import { useNow } from '@/lib/time';
import { comparedText, differencesText, LATE_COSTS, lateness, pauseText, reasonHere, refusedByShadow } from './swap';

export function Answer({ swap }: { swap: Swap }) {
  const { difference_count: count, positions_compared: compared } = swap;
  const late = lateness(swap, useNow());
  const net = micro(swap.expected_gain) !== 0n && <>, its owner’s expected gain <b>{signed(formatMoney(micro(swap.expected_gain)))} cr</b></>;
  if (refusedByShadow(swap)) return <>The shadow run <b>refused</b> this move: <b>{differencesText(count)}</b> at {comparedText(compared)}. The workload stayed where it was.</>;
  if (swap.state === 'awaiting_approval') {
    if (swap.approval?.answer) return <>An operator <b>rejected</b> this move: its copy is being dropped.</>;
    if (swap.approval?.withdrawn) return <><b>Nobody needs to answer any more</b>: {swap.approval.withdrawn.detail}. Its copy is being dropped.</>;
    return <>Its shadow run <b>passed</b> at {comparedText(compared)}, and goes on. It waits for an operator’s <b>approval</b>{swap.approval && <>, until <When at={swap.approval.answer_by} /></>}{net}.{late && <> <b>Its slot has begun</b> at <When at={swap.slot} />: approved now it comes late, and {LATE_COSTS}.</>}</>;
  }
  if (swap.state === 'done') return <>Done{swap.downtime_micros ? <>, with a pause of <b>{pauseText(swap)}</b></> : <>, <b>without a pause</b></>}{net}.{late && <> It was <b>approved after its slot had begun</b>: {LATE_COSTS}.</>}</>;
  if (swap.state === 'rejected') return <>An operator <b>rejected</b> this move{swap.approval?.answer?.reason && <>: “{swap.approval.answer.reason}”</>}. The workload stayed where it was.</>;
  if (swap.state === 'expired') return <><b>Nobody approved</b> this move in time. The workload stayed where it was.</>;
  if (swap.ended_at) return <><b>It did not happen.</b> {swap.reason && `${reasonHere(swap)} `}{swap.reason === 'vacated' ? '' : 'The workload stayed where it was.'}</>;
  return compared > 0 ? <><b>{differencesText(count)}</b> at {comparedText(compared)} so far{net}.</> : <>Under way{net}.</>;
}
