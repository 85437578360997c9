import { formatMoney, formatPercent, formatQuantity, toBase } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { untradedText } from './need';
import type { Need, Row } from './rank';

export function Answer({ rows, need, tier }: { rows: Row[]; need: Need; tier: string }) {
  const z = zone.use();
  if (rows.length === 0) return <>{untradedText(need.resource, tier)}</>;
  if (need.amount === null || need.slots === null) return <>Your need can’t be costed as it is typed: its fields say why. Then the pools are ranked by what it costs.</>;
  const [best, second] = rows.filter((r) => r.fits);
  if (!best || best.cost === null) {
    const cheapest = rows.find((r) => r.cost !== null);
    return cheapest ? <>No pool has room for your need without outbidding others; <b>{cheapest.pool.slug}</b> is the cheapest to try.</> : <>No product has cleared yet: prices appear with the first round.</>;
  }
  const more = second?.cost ? Number(second.cost) / Number(best.cost) - 1 : null;
  const first = clock(best.pool.next_slot, z);
  const typed = need.held && <>What is typed can’t be costed, so this is still for <b>{formatQuantity(need.resource, toBase(need.resource, need.amount))}</b>: </>;
  const when = need.slots === 1 ? `in the slot at ${first}` : `over the ${need.slots} slots from ${first}`;
  return (
    <>
      {typed}<b>{best.pool.slug}</b> is the cheapest pool with room for your need: <b>{formatMoney(best.cost)} cr</b> {best.asked === null ? `at the mean prices ${when}` : `${when}, at the operator’s reserve price: nothing was traded there`}.
      {second && more !== null && <> {second.pool.slug} costs <b>{formatPercent(more)} more</b>.</>}
    </>
  );
}
