// How often reality fell inside the band, against what was promised: a dot on the line is honest.
import { formatPercent } from '@/lib/money';
import { useWidth } from '@/lib/useWidth';

export interface CoverageRow { label: string; actual80: number; actual95: number }

export function Coverage({ rows }: { rows: CoverageRow[] }) {
  const [ref, width] = useWidth<HTMLDivElement>(460);
  const step = 26;
  const height = rows.length * step + 34;
  // From 50 % on, or from as low as a share is: none is drawn higher than it is.
  const first = Math.min(5, ...rows.map((r) => Math.floor(Math.min(r.actual80, r.actual95) * 10)));
  const low = first / 10;
  const x = (f: number) => 120 + ((f - low) / (1 - low)) * (width - 150);
  return (
    <div ref={ref}><svg width={width} height={height} role="img" aria-label="Coverage of the 80 and 95 % forecast bands">
      {Array.from({ length: 11 - first }, (_, i) => (first + i) / 10).map((f) => <g key={f}><line className="gl" x1={x(f)} x2={x(f)} y1="4" y2={height - 24} /><text className="ax m" x={x(f)} y={height - 8}>{formatPercent(f)}</text></g>)}
      {[0.8, 0.95].map((f) => <line key={f} x1={x(f)} x2={x(f)} y1="4" y2={height - 24} stroke="var(--forecast)" strokeDasharray="4 3" strokeWidth="1.5" />)}
      {rows.map((r, i) => {
        const y = 18 + i * step;
        return (
          <g key={r.label}>
            <text className="lb" x="6" y={y + 4}>{r.label}</text>
            <line x1={x(0.8)} x2={x(r.actual80)} y1={y - 4} y2={y - 4} stroke="var(--forecast)" strokeWidth="2" />
            <circle cx={x(r.actual80)} cy={y - 4} r="4" fill="var(--forecast)"><title>{`80 %: ${formatPercent(r.actual80, 1)}`}</title></circle>
            <line x1={x(0.95)} x2={x(r.actual95)} y1={y + 5} y2={y + 5} stroke="var(--forecast)" strokeWidth="2" />
            <circle cx={x(r.actual95)} cy={y + 5} r="3.5" fill="var(--surface)" stroke="var(--forecast)" strokeWidth="2"><title>{`95 %: ${formatPercent(r.actual95, 1)}`}</title></circle>
          </g>
        );
      })}
    </svg></div>
  );
}
