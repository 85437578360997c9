// Bids (solid) against offers (dashed) of one product in the last cleared round. A click on a bid
// level puts its price into the ticket.
import { useId } from 'react';
import { useWidth } from '@/lib/useWidth';
import { type Box, crosses, levels, type Level, pathOf, scales, type Scales, settle, type Step, ticks } from './crossing';
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
/** Inter at 11 px, roughly. */
const room = (text: string) => text.length * 6.2 + 4;

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

/** Labels where they are free, near what they name. */
function labels(s: Scales, demand: Step[], supply: Step[], point: { x: number; y: number; text: string } | null) {
  const frame: Box = { x: s.left + 2, y: s.top, width: s.right - s.left - 4, height: s.bottom - s.top };
  // The curves themselves: a label on a line is hard to read.
  const seen = (steps: Step[]) => steps.filter((l) => l.from < s.maxQuantity);
  const flat = (l: Step): Box => ({ x: s.x(l.from), y: s.y(l.price) - 3, width: s.x(l.to) - s.x(l.from), height: 6 });
  const rise = (l: Step, i: number, all: Step[]): Box => { const from = s.y(all[i - 1]?.price ?? l.price); return { x: s.x(l.from) - 2, y: Math.min(from, s.y(l.price)), width: 4, height: Math.abs(from - s.y(l.price)) }; };
  const taken: Box[] = [demand, supply].flatMap((steps) => [...seen(steps).map(flat), ...seen(steps).map(rise)]);
  const around = (x: number, y: number, width: number, h: number): Box[] => [
    { x: x + 10, y: y - h - 8, width, height: h }, { x: x + 10, y: y + 8, width, height: h }, { x: x - width - 10, y: y - h - 8, width, height: h }, { x: x - width - 10, y: y + 8, width, height: h },
    { x: x + 10, y: y - 2 * h - 12, width, height: h }, { x: x + 10, y: y + h + 14, width, height: h }, { x: x - width - 10, y: y - 2 * h - 12, width, height: h },
  ];
  const price = point && settle(around(point.x, point.y, room(point.text) + 8, 18), taken, frame);
  if (point) taken.push({ x: point.x - 6, y: point.y - 6, width: 12, height: 12 });
  const first = demand.find((l) => l.mine);
  const mine = first && settle(around((s.x(first.from) + s.x(first.to)) / 2, s.y(first.price), room('▲ Yours'), 14), taken, frame);
  const end = (steps: Step[], text: string) => {
    const last = steps.findLast((l) => l.from < s.maxQuantity);
    return last && settle(around(s.x(Math.min(last.to, s.maxQuantity)) - room(text) - 10, s.y(last.price), room(text), 14), taken, frame);
  };
  return { price, mine, bids: end(demand, 'Bids'), offers: end(supply, 'Offers') };
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
  const name = (box: Box | undefined, word: string, colour: string) => box && <text className="lb halo" x={box.x + 2} y={box.y + 11} style={{ fill: colour }}>{word}</text>;
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
    </div>
  );
}
