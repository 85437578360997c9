import type { Swap } from '@/lib/api';
import { formatCount, formatDuration, formatMoney, micro, signed } from '@/lib/money';
import { refusedByShadow } from './swap';

export function Answer({ swap }: { swap: Swap }) {
  const { count, compared } = swap.differences;
  const chosen = swap.alternatives.find((a) => a.chosen);
  const net = chosen && <>, net gain <b>{signed(formatMoney(micro(chosen.net)))} cr</b></>;
  if (refusedByShadow(swap)) return <>The shadow run <b>refused</b> this move: <b>{formatCount(count)} of {formatCount(compared)}</b> outputs differ. The workload stayed where it was.</>;
  if (swap.state === 'awaiting_approval') return count === 0 ? <>Safe to approve: <b>0 of {formatCount(compared)} outputs differ</b>{net}.</> : <>Look first: <b>{formatCount(count)} of {formatCount(compared)} outputs differ</b>{net}.</>;
  if (swap.state === 'done') return <>Done{swap.downtime_micros !== null && <>, with a pause of <b>{formatDuration(swap.downtime_micros / 1e6)}</b></>}{net}.</>;
  return <>{compared > 0 ? <><b>{formatCount(count)} of {formatCount(compared)}</b> outputs differ so far{net}.</> : <>No shadow run{swap.reason ? <>: {swap.reason.replaceAll('_', ' ')}</> : <> yet</>}.</>}</>;
}
