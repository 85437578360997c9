// Phases of a swap on one time axis: done solid, failed ✗, running in accent, planned hatched.
import { clockSeconds, zone } from '@/lib/time';
import { formatDuration } from '@/lib/money';
import { useWidth } from '@/lib/useWidth';

export interface Bar { label: string; start: number | null; end: number | null; detail?: string; kind: 'done' | 'failed' | 'running' | 'planned' }
const FILL = { done: 'var(--text-3)', failed: 'var(--bad)', running: 'var(--accent)', planned: 'none' } as const;

export function Gantt({ bars, now }: { bars: Bar[]; now: number }) {
  const [ref, width] = useWidth<HTMLDivElement>(1260);
  const z = zone.use();
  const times = bars.flatMap((b) => [b.start, b.end]).filter((t): t is number => t !== null);
  const start = Math.min(...times, now);
  const end = Math.max(...times, start + 1000, bars.some((b) => b.kind === 'running') ? now : 0);
  const x = (t: number) => 130 + ((t - start) / (end - start)) * (width - 130 - Math.min(260, width / 4));
  const row = 17;
  const height = bars.length * row + 30;
  const marks = Array.from({ length: 6 }, (_, i) => start + ((end - start) * i) / 5);
  return (
    <div ref={ref}><svg width={width} height={height} role="img" aria-label={`Phases: ${bars.map((b) => `${b.label} ${b.kind}`).join(', ')}`}>
      {marks.map((t) => <g key={t}><line className="gl" x1={x(t)} x2={x(t)} y1="18" y2={height - 6} /><text className="ax m" x={x(t)} y="12">{clockSeconds(t, z)}</text></g>)}
      {bars.map((b, i) => {
        const y = 24 + i * row;
        const from = b.start === null ? null : x(b.start);
        const to = b.start === null ? null : x(b.end ?? Math.min(now, end));
        const length = b.start !== null && b.end !== null ? formatDuration((b.end - b.start) / 1000) : '';
        const words = [b.kind === 'failed' ? '✗' : '', length, b.detail].filter(Boolean).join(' · ');
        return (
          <g key={b.label}>
            <text className="lb" x="8" y={y + 9} style={b.kind === 'running' ? { fontWeight: 600 } : { fill: 'var(--text-2)', fontWeight: 400 }}>{b.label}</text>
            {from !== null && to !== null
              ? <><rect x={from} y={y} width={Math.max(3, to - from)} height="10" rx="2" fill={FILL[b.kind]} /><text className="ax" x={Math.max(from + 3, to) + 6} y={y + 9} style={b.kind === 'failed' ? { fill: 'var(--bad)' } : undefined}>{words}</text></>
              : <text className="ax" x="136" y={y + 9} style={{ fill: 'var(--text-3)' }}>{b.kind === 'planned' ? 'not reached' : ''}</text>}
          </g>
        );
      })}
    </svg></div>
  );
}
