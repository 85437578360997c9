import type { Swap } from '@/lib/api';
import { formatCount, formatDuration, formatMoney, micro, signed } from '@/lib/money';
import { reasonText, refusedByShadow } from './swap';

export function Answer({ swap }: { swap: Swap }) {
  const { difference_count: count, positions_compared: compared } = swap;
  const net = <>, expected gain <b>{signed(formatMoney(micro(swap.expected_gain)))} cr</b></>;
  if (refusedByShadow(swap)) return <>The shadow run <b>refused</b> this move: <b>{formatCount(count)} of {formatCount(compared)}</b> outputs differ. The workload stayed where it was.</>;
  if (swap.state === 'awaiting_approval') {
    if (compared === 0) return <>Waits for a person{net}. The shadow run comes before anything moves.</>;
    return count === 0 ? <>Safe to approve: <b>0 of {formatCount(compared)} outputs differ</b>{net}.</> : <>Look first: <b>{formatCount(count)} of {formatCount(compared)} outputs differ</b>{net}.</>;
  }
  if (swap.state === 'done') return <>Done{swap.downtime_micros !== null && <>, with a pause of <b>{formatDuration(swap.downtime_micros / 1e6)}</b></>}{net}.</>;
  if (swap.ended_at) return <>It did not happen{swap.reason && <>: <b>{reasonText(swap)}</b></>}. The workload stayed where it was.</>;
  return compared > 0 ? <><b>{formatCount(count)} of {formatCount(compared)}</b> outputs differ so far{net}.</> : <>Under way{net}.</>;
}
