import type { Listed, Order } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { firstStuck, isCalm, stuckOf, whyText } from './order';
import { waitingText } from './waiting';

interface Props { open: Listed<Order>; filled: Listed<Order>; choose: (id: string) => void }

/** What wants a look; what only waits for a price is said beside it. */
export function Answer({ open: { rows, cut }, filled, choose }: Props) {
  const calm = rows.filter(isCalm);
  const open = rows.filter((o) => !isCalm(o));
  const [stuck, first] = [stuckOf(open), firstStuck(open)];
  const won = filled.rows.length;
  const waits = calm.length > 0 && <>{open.length > 0 && ' Beside them'} {waitingText(calm)}.</>;
  if (rows.length === 0) return <><b>Nothing waits.</b> {filled.cut ? `More than ${formatCount(won)} orders were filled` : won === 1 ? '1 order was filled' : `${formatCount(won)} orders were filled`}.</>;
  if (open.length === 0) return <><b>Nothing wants a look.</b>{waits}</>;
  const all = cut ? `the newest ${formatCount(open.length)}` : formatCount(open.length);
  if (!first) return <><b>{cut ? `More than ${formatCount(open.length)}` : all} open</b>; nothing is known to stand in {cut ? `the way of ${all}` : 'their way'}.{waits}</>;
  return <><b>{formatCount(stuck.length)} of {all}</b> open orders did not win all of it in {stuck.length === 1 ? 'its' : 'their'} last round: <button type="button" className="linkish b" onClick={() => choose(first.id)}>{first.id.slice(-6)}</button>, {whyText(first)}.{waits}</>;
}
