import { When } from '@/components/ui';
import type { Swap } from '@/lib/api';
import { formatMoney, micro, signed } from '@/lib/money';
import { comparedText, differencesText, reasonText, pauseText, refusedByShadow } from './swap';

export function Answer({ swap }: { swap: Swap }) {
  const { difference_count: count, positions_compared: compared } = swap;
  const net = micro(swap.expected_gain) !== 0n && <>, its owner’s expected gain <b>{signed(formatMoney(micro(swap.expected_gain)))} cr</b></>;
  if (refusedByShadow(swap)) return <>The shadow run <b>refused</b> this move: <b>{differencesText(count)}</b> at {comparedText(compared)}. The workload stayed where it was.</>;
  if (swap.state === 'awaiting_approval') {
    return <>Waits for an operator’s <b>approval</b>{swap.approval && <>, until <When at={swap.approval.answer_by} /></>}{net}. Nothing is done before that, and the shadow run comes before anything moves.</>;
  }
  if (swap.state === 'done') return <>Done{swap.downtime_micros ? <>, with a pause of <b>{pauseText(swap)}</b></> : <>, <b>without a pause</b></>}{net}.</>;
  if (swap.state === 'rejected') return <>An operator <b>rejected</b> this move{swap.approval?.answer?.reason && <>: “{swap.approval.answer.reason}”</>}. The workload stayed where it was.</>;
  if (swap.state === 'expired') return <><b>Nobody approved</b> this move in time. The workload stayed where it was.</>;
  if (swap.ended_at) return <>It did not happen{swap.reason && <>: <b>{reasonText(swap)}</b></>}. The workload stayed where it was.</>;
  return compared > 0 ? <><b>{differencesText(count)}</b> at {comparedText(compared)} so far{net}.</> : <>Under way{net}.</>;
}
