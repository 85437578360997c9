import { HEIGHT, placeOf, WIDTH } from './fillCurve';

interface Props { points: { p: number; limit: number }[]; low: number; high: number; limit: number | null; expected: number | null; now: number | null }

/** Chance by limit through the points that the server computed; the slider below it sets the limit. */
export function FillCurve({ points, low, high, limit, expected, now }: Props) {
  const x = (l: number) => 4 + ((Math.min(high, Math.max(low, l)) - low) / (high - low || 1)) * (WIDTH - 8);
  const y = (p: number) => HEIGHT - 6 - p * (HEIGHT - 12);
  // Through what is known and no further: of other limits the chance is not known.
  const line = points.toSorted((a, b) => a.limit - b.limit).map((c) => ({ x: x(c.limit), y: y(c.p) }));
  const path = line.map((c, i) => `${i ? 'L' : 'M'}${c.x.toFixed(1)} ${c.y.toFixed(1)}`).join('');
  const text = expected === null ? '' : `expected price ${expected.toFixed(expected < 0.1 ? 4 : 2)}`;
  const place = expected === null ? null : placeOf(line, x(expected), text, limit === null ? null : x(limit));
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="w-full" aria-hidden="true">
      <path d={path} fill="none" stroke="var(--border-strong)" strokeWidth="1.75" strokeLinejoin="round" />
      {expected !== null && place && <><line x1={x(expected)} x2={x(expected)} y1="4" y2={HEIGHT - 6} stroke="var(--forecast)" strokeDasharray="3 2" /><text className={`ax halo ${place.end ? 'e' : ''}`} x={place.x} y={place.y} style={{ fill: 'var(--forecast)' }}>{text}</text></>}
      {limit !== null && <><line x1={x(limit)} x2={x(limit)} y1={now === null ? 4 : y(now)} y2={HEIGHT} stroke="var(--accent)" strokeWidth="1.5" />{now !== null && <circle cx={x(limit)} cy={y(now)} r="4" fill="var(--accent)" />}</>}
    </svg>
  );
}
