// Bids (solid) against offers (dashed) of one product in the last cleared round. A click on a bid
// level puts its price into the ticket.
import { useId } from 'react';
import { useWidth } from '@/lib/useWidth';
import { levels, type Level, pathOf, scales, ticks } from './crossing';

const height = 256;
interface Props {
  bids: Level[]; offers: Level[]; price: number; quantity: number; unit: string; capacity?: number;
  onPick?: (price: number) => void;
}

export function Crossing({ bids, offers, price, quantity, unit, capacity, onPick }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>(536);
  const clip = useId();
  const demand = levels(bids, 'down');
  const supply = levels(offers, 'up');
  const s = scales({ demand, supply, price, quantity, capacity, width, height });
  const label = `${price.toFixed(4)} × ${quantity.toLocaleString('en-US', { maximumFractionDigits: 1 })} ${unit}`;
  const mine = demand.filter((l) => l.mine);
  return (
    <div ref={ref}><svg width={width} height={height} role="group" aria-label={`Bids and offers cross at ${label}`}>
      <clipPath id={clip}><rect x={s.left} y={s.top} width={s.right - s.left} height={s.bottom - s.top} /></clipPath>
      {ticks(s.maxPrice, 5).map((v) => <g key={`p${v}`}><line className="gl" x1={s.left} x2={s.right} y1={s.y(v)} y2={s.y(v)} /><text className="ax e" x={s.left - 6} y={s.y(v) + 4}>{v}</text></g>)}
      {ticks(s.maxQuantity, 4).map((v) => <text key={`q${v}`} className="ax m" x={s.x(v)} y={s.bottom + 16}>{v.toLocaleString('en-US')}</text>)}
      <g clipPath={`url(#${clip})`} fill="none" strokeWidth="1.75">
        {capacity !== undefined && <line x1={s.x(capacity)} x2={s.x(capacity)} y1={s.top} y2={s.bottom} stroke="var(--text-2)" strokeWidth="1" strokeDasharray="1 3" />}
        <path d={pathOf(supply, s)} stroke="var(--supply)" strokeDasharray="5 2" />
        <path d={pathOf(demand, s)} stroke="var(--demand)" />
        {mine.map((l) => <path key={l.from} d={`M${s.x(l.from)} ${s.y(l.price)}H${s.x(l.to)}`} stroke="var(--accent)" strokeWidth="5" />)}
        <path d={`M${s.left} ${s.y(price)}H${s.x(quantity)}V${s.bottom}`} stroke="var(--text)" strokeWidth="1" strokeDasharray="3 3" />
      </g>
      <circle cx={s.x(quantity)} cy={s.y(price)} r="4.5" fill="var(--text)" stroke="var(--surface)" strokeWidth="2" />
      <rect x={s.left + 6} y={s.y(price) - 9} width={label.length * 6.2 + 12} height="18" rx="3" fill="var(--text)" />
      <text x={s.left + 12} y={s.y(price) + 4} style={{ font: '600 11px var(--font)' }} fill="var(--surface)">{label}</text>
      {demand[0] && <text className="lb halo" x={s.x(demand[0].to) + 6} y={s.y(demand[0].price) + 4} style={{ fill: 'var(--demand)' }}>Bids</text>}
      {supply[0] && <text className="lb halo" x={s.x(supply[0].to) + 6} y={s.y(supply[0].price) + 12} style={{ fill: 'var(--supply)' }}>Offers</text>}
      {mine[0] && <text className="halo" x={s.x(mine[0].to) + 6} y={s.y(mine[0].price) - 8} style={{ font: '550 11px var(--font)', fill: 'var(--accent)' }}>▲ Yours</text>}
      {onPick && demand.map((l) => (
        <rect key={`hit${l.from}`} x={s.x(l.from)} y={s.y(l.price) - 7} width={Math.max(4, s.x(l.to) - s.x(l.from))} height="14" fill="transparent"
          className="cursor-pointer" onClick={() => onPick(l.price)}><title>{`Use ${l.price.toFixed(4)} as limit`}</title></rect>
      ))}
      <text className="ax m" x={(s.left + s.right) / 2} y={height - 2}>{unit}</text>
    </svg></div>
  );
}
