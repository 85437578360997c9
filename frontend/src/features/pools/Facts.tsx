import { NanoPrice, Price, Strip } from '@/components/ui';
import { type Pool, priceAhead, type PricePoint, resourceOf, setterText, tierText, useMe } from '@/lib/api';
import { asNano, formatCount, formatPercent, formatPrice, formatRough, unitOf, unitPrice } from '@/lib/money';
import { clock, slotClock, useNow, zone } from '@/lib/time';

/** Every price names the slot that it is of: the last one that was traded may be long past. While the pool is halted that is what there is. */
export function Facts({ pool, resource, prices }: { pool: Pool; resource: string; prices: PricePoint[] }) {
  const z = zone.use();
  const now = useNow();
  const ahead = priceAhead(prices, pool.next_slot, 1, useMe()?.market.slot_seconds ?? 300);
  const r = resourceOf(pool, resource);
  if (!r) return null;
  const unit = unitOf(resource);
  const last = r.price;
  const mean = ahead && !ahead.traded ? `Mean for ${slotClock(ahead.from, now, z)}, the last slot traded` : `Mean for ${clock(pool.next_slot, z)}`;
  return (
    <Strip facts={[
      { label: `${mean}, cr/${unit.one}·slot`, value: ahead ? <NanoPrice value={asNano(ahead.mean * BigInt(unit.per))} /> : 'none' },
      { label: last ? `Last trade, for ${slotClock(last.slot, now, z)}` : 'Last trade', value: last ? <Price value={last.price} resource={resource} /> : 'none', note: last ? `set by ${setterText(last.set_by)}` : undefined },
      pool.recallable_of ? { label: 'Never over', value: formatPrice(unitPrice(resource, r.collar)), note: 'the operator sells none of it' } : { label: 'Reserve price', value: r.reserve ? <Price value={r.reserve} resource={resource} /> : 'none', note: `never over ${formatPrice(unitPrice(resource, r.collar))}` },
      { label: `Sold for ${clock(pool.next_slot, z)}`, value: formatRough(resource, r.volume) },
      ...(pool.recallable_of ? [] : [{ label: `${pool.pop}, ${tierText(pool.tier)}`, value: formatPercent(r.utilisation), note: `used of ${formatRough(resource, r.capacity)}, ${formatCount(pool.nodes)} ${pool.nodes === 1 ? 'node' : 'nodes'}` }]),
    ]} />
  );
}
