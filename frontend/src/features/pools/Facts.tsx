import { NanoPrice, Price, Strip } from '@/components/ui';
import { bySlot, currentPrice, type Pool, type PricePoint, resourceOf, setterText, tierText } from '@/lib/api';
import { asNano, formatCount, formatPercent, formatPrice, formatRough, unitOf, unitPrice } from '@/lib/money';
import { clock, slotClock, useNow, zone } from '@/lib/time';

/** Where the state of the market has no round any more that traded it, the history still has its last one. */
function lastTrade(traded: { price: string; slot: string; set_by: string } | null, prices: PricePoint[]) {
  if (traded) return traded;
  const newest = bySlot(prices).reduce<PricePoint | undefined>((best, p) => ((p.round ?? 0) >= (best?.round ?? 0) ? p : best), undefined);
  return newest && { price: newest.close ?? newest.price, slot: newest.slot, set_by: newest.set_by };
}

/** Every price names the slot that it is of: the last one that was traded may be long past. While the pool is halted that is what there is. */
export function Facts({ pool, resource, prices }: { pool: Pool; resource: string; prices: PricePoint[] }) {
  const z = zone.use();
  const now = useNow();
  const current = currentPrice(prices, pool.next_slot);
  const r = resourceOf(pool, resource);
  if (!r) return null;
  const unit = unitOf(resource);
  const last = lastTrade(r.price, prices);
  const next = clock(pool.next_slot, z);
  const mean = current && !current.own ? `Price now, mean for ${slotClock(current.slot, now, z)}: ${next} is not traded yet` : `Price now, mean for ${next}`;
  return (
    <Strip facts={[
      { label: `${mean}, cr/${unit.one}·slot`, value: current ? <NanoPrice value={asNano(current.price * BigInt(unit.per))} /> : 'none' },
      { label: last ? `Last round’s price, for ${slotClock(last.slot, now, z)}` : 'Last round’s price', value: last ? <Price value={last.price} resource={resource} /> : 'none', note: last ? `set by ${setterText(last.set_by)}` : undefined },
      pool.recallable_of ? { label: 'Price band, up to', value: formatPrice(unitPrice(resource, r.price_band)), note: 'the operator sells none of it' } : { label: 'Reserve price', value: r.reserve ? <Price value={r.reserve} resource={resource} /> : 'none', note: `price band up to ${formatPrice(unitPrice(resource, r.price_band))}` },
      { label: `Sold for ${next}`, value: formatRough(resource, r.volume) },
      ...(pool.recallable_of ? [] : [{ label: `${pool.pop}, ${tierText(pool.tier)}`, value: formatPercent(r.utilisation), note: `taken for ${next} of ${formatRough(resource, r.capacity)}, ${formatCount(pool.nodes)} ${pool.nodes === 1 ? 'node' : 'nodes'}` }]),
    ]} />
  );
}
