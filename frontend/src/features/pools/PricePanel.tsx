import { ChartFrame, LegendItem } from '@/components/charts/ChartFrame';
import { OPEN_DASH } from '@/components/charts/plot';
import { TimeChart } from '@/components/charts/TimeChart';
import { Price, Segmented } from '@/components/ui';
import { bySlot, type Pool, pointsOf, currentPrice, type PricePoint, resourceOf, setterText, useMe, usePrediction } from '@/lib/api';
import { formatRough, unitOf } from '@/lib/money';
import { dayClock, useNow, zone } from '@/lib/time';
import { useParam } from '@/lib/url';
import { drawn, pricePanes } from './history';
import { useFills } from './useFills';

const SPANS = ['1 h', '3 h', 'All'] as const;
const HOURS = { '1 h': 1, '3 h': 3, All: Number.POSITIVE_INFINITY };

export function PricePanel({ slug, resource, prices, pool }: { slug: string; resource: string; prices: PricePoint[]; pool: Pool }) {
  const z = zone.use();
  const [span, setSpan] = useParam('span', '3 h');
  const ahead = pointsOf(usePrediction({ pool: slug }, resource).data, resource);
  const fills = useFills(slug, resource);
  const all = bySlot(prices);
  const last = all.at(-1);
  const start = last ? Date.parse(last.slot) - HOURS[span as keyof typeof HOURS] * 3_600_000 : 0;
  const shown = all.filter((p) => Date.parse(p.slot) >= start);
  const now = useNow();
  const { many } = unitOf(resource);
  const panes = pricePanes({ resource, prices: shown, demand: shown.length ? ahead : [], fills, slotSeconds: useMe()?.market.slot_seconds ?? 300, now: Math.floor(now / 10_000) * 10_000, reserve: resourceOf(pool, resource)?.reserve ?? null, current: currentPrice(prices, pool.next_slot) });
  const legend = drawn(panes.price);
  const table = {
    name: `${slug}-prices`, rows: shown.toReversed(), rowKey: (p: PricePoint) => p.slot,
    columns: [
      { id: 'slot', head: 'Slot', cell: (p: PricePoint) => dayClock(p.slot, z), value: (p: PricePoint) => p.slot },
      { id: 'price', head: 'Price', right: true, cell: (p: PricePoint) => <Price value={p.price} resource={resource} />, value: (p: PricePoint) => p.price },
      { id: 'reserve', head: 'Reserve', right: true, cell: (p: PricePoint) => (p.reserve ? <Price value={p.reserve} resource={resource} /> : '–'), value: (p: PricePoint) => p.reserve },
      { id: 'volume', head: 'Volume', right: true, cell: (p: PricePoint) => formatRough(resource, p.volume), value: (p: PricePoint) => p.volume },
      { id: 'set', head: 'Set by', cell: (p: PricePoint) => setterText(p.set_by), value: (p: PricePoint) => p.set_by },
    ],
  };
  return (
    <ChartFrame title="Price and volume" note={panes.price.unit} table={table} tools={<Segmented label="Span" value={span} options={[...SPANS]} onChange={setSpan} />}>
      {shown.length ? <>
        <TimeChart plot={panes.price} height={220} label={`Price and reserve of ${slug}`} />
        <div className="legend under">{fills.length > 0 && <span className="acc">▲ Your fills</span>}<LegendItem colour="price">Price</LegendItem>{legend.open && <LegendItem colour="price" dash={OPEN_DASH.join(' ')}>Slot still open, price so far</LegendItem>}{legend.reserve && <LegendItem colour="reserve" dash="6 3">Reserve</LegendItem>}</div>
        <h3 className="lab px-3">Traded for the slot, {many}</h3>
        <TimeChart plot={panes.volume} height={108} label={`Volume traded in ${slug}, slot by slot`} />
        {panes.demand && <>
          <h3 className="lab px-3">Demand forecast of all workloads here, {many}: median, 80 and 95 %</h3>
          <TimeChart plot={panes.demand} height={128} label={`Demand forecast of ${slug}`} />
        </>}
      </> : <p className="pad t3 s12">The first cleared round starts this chart. History from before the start is not invented.</p>}
    </ChartFrame>
  );
}
