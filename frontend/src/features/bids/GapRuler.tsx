// An order's limit against the price, drawn to scale: the gap is what is missing.
import { AxisBreak } from '@/components/charts/AxisBreak';
import { formatterFor, type Micro, toNumber } from '@/lib/money';

interface Props { side: 'bid' | 'offer'; /** Whether it is the reader's own. */ mine: boolean; limit: Micro; /** null where nothing was traded: then it is measured to what would have won. */ price: Micro | null; wins: Micro | null; exact: boolean }

export function GapRuler({ side, mine: own, limit, price, wins, exact }: Props) {
  const format = formatterFor([limit, price, wins].filter((v) => v !== null));
  const [l, p, w] = [limit, price ?? wins ?? limit, wins ?? price ?? limit].map((v) => toNumber(v, 6)) as [number, number, number];
  const low = Math.min(l, p) * 0.94;
  const high = Math.max(p, w, l) * 1.03;
  const width = 396;
  const x = (v: number) => 6 + ((v - low) / (high - low || 1)) * (width - 12);
  const bid = side === 'bid';
  const short = bid ? p > l : l > p;
  const winning = wins === null ? '' : exact ? `Wins ${bid ? 'from' : 'up to'} ${format(wins)}` : `${bid ? 'At least' : 'At most'} about ${format(wins)}`;
  const mine = `${bid ? (own ? 'Your limit' : 'Its limit') : own ? 'You ask' : 'It asks'} ${format(limit)}`;
  // Under its end of the bar, but never into the other label of that line.
  const half = mine.length * 3.1;
  const at = Math.max(half + 4, Math.min(x(l), width - half - 6 - (winning ? (winning.length + 2) * 6.2 + 14 : 0)));
  return (
    <svg viewBox={`0 0 ${width} 74`} className="w-full" role="img" aria-label={[`Limit ${format(limit)}`, price !== null && `price ${format(price)}`, winning].filter(Boolean).join(', ')}>
      <defs><pattern id="gap" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V5" stroke="var(--tight)" strokeWidth="2" /></pattern></defs>
      <rect x="6" y="32" width={Math.max(0, (bid ? x(l) : Math.min(x(l), x(p))) - 6)} height="8" rx="2" fill="var(--accent)" />
      {/* It begins near the two, or the gap could not be seen. */}
      {low > 0 && <AxisBreak x={13} y={36} size={8} across />}
      {short && <rect x={Math.min(x(l), x(p))} y="32" width={Math.abs(x(p) - x(l))} height="8" fill="url(#gap)" stroke="var(--tight)" strokeWidth=".75" />}
      {price !== null && <>
        <line x1={x(p)} x2={x(p)} y1="22" y2="48" stroke="var(--text)" strokeWidth="2" />
        <text className="lb m" x={Math.max(50, Math.min(width - 50, x(p)))} y="16">Price {format(price)}</text>
      </>}
      <text x={at} y="62" textAnchor="middle" style={{ font: '550 11px var(--font)', fill: 'var(--accent)' }}>{mine}</text>
      {wins !== null && <>
        <line x1={x(w)} x2={x(w)} y1="28" y2="44" stroke={exact ? 'var(--ok)' : 'var(--text-2)'} strokeWidth="2" />
        <text x={width - 6} y="62" textAnchor="end" style={{ font: '550 11px var(--font)', fill: exact ? 'var(--ok)' : 'var(--text-2)' }}>{exact && '✓ '}{winning}</text>
      </>}
    </svg>
  );
}
