import { type Listed, type Order } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { firstStuck, whyText } from './order';

export function Answer({ open: { rows: open, cut }, filled }: { open: Listed<Order>; filled: Listed<Order> }) {
  const stuck = open.filter((o) => o.last_reason);
  const first = firstStuck(open);
  const won = filled.rows.length;
  if (open.length === 0) return <><b>Nothing waits.</b> {filled.cut ? `More than ${formatCount(won)} orders were filled` : won === 1 ? '1 order was filled' : `${formatCount(won)} orders were filled`}.</>;
  const all = cut ? `the newest ${formatCount(open.length)}` : formatCount(open.length);
  if (!first) return <><b>{cut ? `More than ${formatCount(open.length)}` : all} open</b>; nothing is known to stand in {cut ? `the way of ${all}` : 'their way'}.</>;
  return <><b>{formatCount(stuck.length)} of {all}</b> open orders did not win all of it in {stuck.length === 1 ? 'its' : 'their'} last round: <b>{first.id.slice(-6)}</b>, {whyText(first)}.</>;
}
