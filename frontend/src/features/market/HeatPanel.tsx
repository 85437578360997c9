import { Heat } from '@/components/charts/Heat';
import { Panel } from '@/components/ui';
import { type Pool, type PricePoint, resourceOf } from '@/lib/api';
import { clock, useNow, zone } from '@/lib/time';

const SLOTS = 12;

/** Price against reserve: 1.0 says that the operator still had capacity to spare. */
export function HeatPanel({ pools, prices, resource }: { pools: Pool[]; prices: Record<string, PricePoint[]>; resource: string }) {
  const now = (p: Pool) => resourceOf(p, resource)?.reserve ?? '0';
  const z = zone.use();
  const at = useNow();
  const slots = [...new Set(Object.values(prices).flat().map((p) => p.slot))].sort().slice(-SLOTS);
  const rows = pools.map((p) => {
    const by = new Map((prices[p.slug] ?? []).map((x) => [x.slot, x]));
    return { name: p.slug, cells: slots.map((s) => { const x = by.get(s); const floor = Number(x?.reserve ?? now(p)); return x && floor > 0 ? Number(x.price) / floor : null; }) };
  });
  return (
    <Panel title="Price ÷ reserve, by slot" note="1.0 = at the reserve price, capacity to spare; * slot still open, price so far">
      {slots.length === 0
        ? <p className="pad t3 s12">The first cleared round fills this map.</p>
        : <Heat rows={rows} heads={slots.map((s) => `${clock(s, z)}${Date.parse(s) > at ? '*' : ''}`)} caption="Price divided by reserve price, pool by slot" />}
    </Panel>
  );
}
