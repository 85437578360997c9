/** Chance by limit through the points that the server computed; the slider below it sets the limit. */
interface Props { falls: boolean; points: { p: number; limit: number }[]; low: number; high: number; limit: number | null; expected: number | null; now: number | null }

export function FillCurve({ falls, points, low, high, limit, expected, now }: Props) {
  const width = 334;
  const height = 56;
  const x = (l: number) => 4 + ((Math.min(high, Math.max(low, l)) - low) / (high - low || 1)) * (width - 8);
  const y = (p: number) => height - 6 - p * (height - 12);
  const ends = falls ? [0.998, 0.02] : [0.02, 0.998];
  const line = [{ p: ends[0] as number, limit: low }, ...points.toSorted((a, b) => a.limit - b.limit), { p: ends[1] as number, limit: high }];
  const path = line.map((c, i) => `${i ? 'L' : 'M'}${x(c.limit).toFixed(1)} ${y(c.p).toFixed(1)}`).join('');
  const at = now ?? 0.5;
  // On the side where the curve is not.
  const late = expected !== null && x(expected) > width - 130;
  return (
    <svg viewBox={`0 0 ${width} ${height}`} className="w-full" aria-hidden="true">
      <path d={path} fill="none" stroke="var(--border-strong)" strokeWidth="1.75" strokeLinejoin="round" />
      {expected !== null && <><line x1={x(expected)} x2={x(expected)} y1="14" y2={height - 6} stroke="var(--forecast)" strokeDasharray="3 2" /><text className={`ax halo ${late ? 'e' : ''}`} x={x(expected) + (late ? -4 : 4)} y={falls ? 16 : height - 8} style={{ fill: 'var(--forecast)' }}>expected price {expected.toFixed(expected < 0.1 ? 4 : 2)}</text></>}
      {limit !== null && <><line x1={x(limit)} x2={x(limit)} y1={y(at)} y2={height} stroke="var(--accent)" strokeWidth="1.5" /><circle cx={x(limit)} cy={y(at)} r="4" fill="var(--accent)" /></>}
    </svg>
  );
}
