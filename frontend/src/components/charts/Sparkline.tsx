/** The shape of a series, 24 to 48 points. The numbers are in the row beside it. */
export function Sparkline({ values, width = 84, height = 20, label }: { values: number[]; width?: number; height?: number; label: string }) {
  if (values.length < 2) return <span className="t3">no history</span>;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const x = (i: number) => 1 + (i / (values.length - 1)) * (width - 5);
  const y = (v: number) => height - 3 - ((v - low) / span) * (height - 6);
  const last = values.at(-1) as number;
  return (
    <svg width={width} height={height} role="img" aria-label={label}>
      <path d={values.map((v, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join('')} fill="none" stroke="var(--text-2)" strokeWidth="1.25" strokeLinejoin="round" />
      <circle cx={x(values.length - 1)} cy={y(last)} r="2" fill="var(--text-2)" />
    </svg>
  );
}

/** Where the last value stands in the middle 90 % of the others. */
export function RangeMark({ p5, p50, p95, last, width = 84 }: { p5: number; p50: number; p95: number; last: number; width?: number }) {
  const low = Math.min(p5, last);
  const span = Math.max(p95, last) - low || 1;
  const x = (v: number) => 8 + ((v - low) / span) * (width - 16);
  return (
    <svg width={width} height="16" role="img" aria-label={`Usually ${p5.toFixed(4)} to ${p95.toFixed(4)}, in the middle ${p50.toFixed(4)}; mean ahead ${last.toFixed(4)}`}>
      <line x1={x(p5)} x2={x(p95)} y1="8" y2="8" stroke="var(--surface-3)" strokeWidth="6" strokeLinecap="round" />
      <line x1={x(p50)} x2={x(p50)} y1="4" y2="12" stroke="var(--border-strong)" strokeWidth="1.5" />
      <circle cx={x(last)} cy="8" r="3.5" fill="var(--text)" stroke="var(--surface)" strokeWidth="1.5" />
    </svg>
  );
}
