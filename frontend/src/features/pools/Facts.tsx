import { Price, Strip } from '@/components/ui';
import { type Pool, resourceOf, tierText } from '@/lib/api';
import { formatPercent, formatPrice, formatRough, unitOf, unitPrice } from '@/lib/money';

export function Facts({ pool, resource }: { pool: Pool; resource: string }) {
  const r = resourceOf(pool, resource);
  if (!r) return null;
  const unit = unitOf(resource);
  return (
    <Strip facts={[
      { label: `Price, cr/${unit.one}·slot`, value: r.price && !pool.halted ? <Price value={r.price.price} resource={resource} /> : 'none', note: r.price ? `set by ${(r.price.set_by.split(':')[0] ?? '').replace('reserve', 'the reserve')}` : undefined },
      { label: 'Reserve', value: r.reserve ? <Price value={r.reserve} resource={resource} /> : 'none', note: `never over ${formatPrice(unitPrice(resource, r.collar))}` },
      { label: 'Sold for the next slot', value: formatRough(resource, r.volume) },
      { label: 'Used', value: formatPercent(r.utilisation), note: `of ${formatRough(resource, r.capacity)}` },
      { label: pool.pop, value: `${pool.nodes} nodes`, note: tierText(pool.tier) },
    ]} />
  );
}
