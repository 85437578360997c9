// Bids (solid) against offers (dashed) of one product in the last cleared round. A click on a bid
// level puts its price into the ticket.
import { useId } from 'react';
import { useWidth } from '@/lib/useWidth';
import { type Box, crosses, EDGE, levels, type Level, pathOf, type Scales, scales, type Step, ticks } from './crossing';
import { labels } from './crossingLabels';
import { apart, placesOf } from './plot';

const height = 256;
interface Props {
  bids: Level[]; offers: Level[]; price: number; quantity: number; unit: string; capacity?: number;
  /** Why nobody could trade, where nobody could. */
  closed?: string;
  onPick?: (price: number) => void;
}
const number = (v: number) => v.toLocaleString('en-US', { maximumFractionDigits: v < 0.1 ? 3 : 2 });
const cr = (v: number) => apart(v)[0] as string;

/** What there is to say where no point can be drawn. */
export function noPoint(demand: Step[], supply: Step[], price: number, quantity: number, unit: string, closed?: string): string {
  const [bid, offer] = [demand[0]?.price, supply[0]?.price];
  if (quantity > 0) return `${number(quantity)} ${unit} were traded at ${cr(price)}. That is not where the curves meet: orders for several slots or resources, and the room on each node, decide too.`;
  if (closed) return `Nothing was traded: ${closed}.`;
  if (bid === undefined) return 'Nothing was traded: nobody bid.';
  if (offer === undefined) return 'Nothing was traded: nobody offered.';
  const [low, high] = apart(bid, offer);
  return bid < offer ? `Nothing was traded: the best bid, ${low}, is under the cheapest offer, ${high}.` : 'Nothing was traded, though the curves overlap: these orders need other slots or resources too, or found no room on a node.';
}

/** What runs along an edge of the picture because it lies beyond it. */
export function outsideText(s: Scales, demand: Step[], supply: Step[], unit: string): string {
  const prices = [...demand, ...supply].some((l) => l.price > s.maxPrice * EDGE);
  const quantities = Math.max(demand.at(-1)?.to ?? 0, supply.at(-1)?.to ?? 0) > s.maxQuantity;
  const said = [prices && `prices above ${cr(s.maxPrice)}, drawn along the upper edge`, quantities && `what is beyond ${number(s.maxQuantity)} ${unit}`].filter(Boolean);
  return said.length > 0 ? `Not to scale: ${said.join('; ')}.` : '';
}

export function Crossing({ bids, offers, price, quantity, unit, capacity, closed, onPick }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>(536);
  const clip = useId();
  const demand = levels(bids, 'down');
  const supply = levels(offers, 'up');
  const drawn = crosses(demand, supply, price, quantity);
  // Without a trade the price is only a candidate: what stays in view is where the curves come near.
  const focus = quantity > 0 ? price : Math.max(demand[0]?.price ?? 0, supply[0]?.price ?? 0);
  const s = scales({ demand, supply, price: focus, quantity, capacity, width, height });
  const text = `${cr(price)} × ${number(quantity)} ${unit}`;
  const at = labels(s, demand, supply, drawn ? { x: s.x(quantity), y: s.y(price), text } : null);
  const mine = demand.filter((l) => l.mine);
  const prices = ticks(s.maxPrice, 5);
  const places = placesOf((prices[1] ?? 1) - (prices[0] ?? 0));
  const quantities = ticks(s.maxQuantity, width < 420 ? 3 : 4);
  const why = drawn ? '' : noPoint(demand, supply, price, quantity, unit, closed);
  const outside = outsideText(s, demand, supply, unit);
  // On the colour of the panel: where no place is free, a line would run through the word.
  const name = (box: Box | undefined, word: string, colour: string) => box && <><rect {...box} rx="2" fill="var(--surface)" /><text className="lb" x={box.x + 2} y={box.y + 11} style={{ fill: colour }}>{word}</text></>;
  return (
    <div ref={ref}>
      <svg width={width} height={height} role="group" aria-label={drawn ? `Bids and offers meet at ${text}` : why}>
        <clipPath id={clip}><rect x={s.left} y={s.top} width={s.right - s.left} height={s.bottom - s.top} /></clipPath>
        {prices.map((v) => <g key={`p${v}`}><line className="gl" x1={s.left} x2={s.right} y1={s.y(v)} y2={s.y(v)} /><text className="ax e" x={s.left - 6} y={s.y(v) + 4}>{v.toFixed(places)}</text></g>)}
        {quantities.map((v) => <text key={`q${v}`} className="ax m" x={s.x(v)} y={s.bottom + 16}>{v.toLocaleString('en-US')}</text>)}
        <g clipPath={`url(#${clip})`} fill="none" strokeWidth="1.75">
          {capacity !== undefined && <line x1={s.x(capacity)} x2={s.x(capacity)} y1={s.top} y2={s.bottom} stroke="var(--text-2)" strokeWidth="1" strokeDasharray="1 3" />}
          <path d={pathOf(supply, s)} stroke="var(--supply)" strokeDasharray="5 2" />
          <path d={pathOf(demand, s)} stroke="var(--demand)" />
          {mine.map((l) => <path key={l.from} d={`M${s.x(l.from)} ${s.y(l.price)}H${s.x(l.to)}`} stroke="var(--accent)" strokeWidth="5" />)}
          {drawn && <path d={`M${s.left} ${s.y(price)}H${s.x(quantity)}V${s.bottom}`} stroke="var(--text)" strokeWidth="1" strokeDasharray="3 3" />}
        </g>
        {name(at.bids, 'Bids', 'var(--demand)')}
        {name(at.offers, 'Offers', 'var(--supply)')}
        {name(at.mine, '▲ Yours', 'var(--accent)')}
        {drawn && at.price && <>
          <circle cx={s.x(quantity)} cy={s.y(price)} r="4.5" fill="var(--text)" stroke="var(--surface)" strokeWidth="2" />
          <rect x={at.price.x} y={at.price.y} width={at.price.width} height={at.price.height} rx="3" fill="var(--text)" />
          <text x={at.price.x + at.price.width / 2} y={at.price.y + 13} textAnchor="middle" style={{ font: '600 11px var(--font)' }} fill="var(--surface)">{text}</text>
        </>}
        {onPick && demand.map((l) => (
          <rect key={`hit${l.from}`} x={s.x(l.from)} y={s.y(l.price) - 7} width={Math.max(4, s.x(l.to) - s.x(l.from))} height="14" fill="transparent"
            className="cursor-pointer" onClick={() => onPick(l.price)}><title>{`Use ${cr(l.price)} as limit`}</title></rect>
        ))}
        <text className="ax m" x={(s.left + s.right) / 2} y={height - 2}>{unit}</text>
      </svg>
      {why && <p className="s12 t2 pt-2">{why}</p>}
      {outside && <p className="s11 t3 pt-1">{outside}</p>}
    </div>
  );
}
