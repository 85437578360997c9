// Phases of a swap on one time axis: done solid, failed ✗, running in accent, planned hatched. The
// first tick is the time of day, the others count from it.
import { clockSeconds, zone } from '@/lib/time';
import { formatDuration } from '@/lib/money';
import { useWidth } from '@/lib/useWidth';
import { offsetText, timeTicks } from './span';

export interface Bar { label: string; start: number | null; end: number | null; detail?: string; kind: 'done' | 'failed' | 'running' | 'planned' }
const FILL = { done: 'var(--text-3)', failed: 'var(--bad)', running: 'var(--accent)', planned: 'none' } as const;
const NARROW = 640;
/** Inter at 11 px, roughly. */
const room = (text: string) => text.length * 5.9;
const fit = (text: string, width: number) => (room(text) <= width ? text : `${text.slice(0, Math.max(1, Math.floor(width / 5.9) - 1))}…`);

export function Gantt({ bars, now }: { bars: Bar[]; now: number }) {
  const [ref, width] = useWidth<HTMLDivElement>(1260);
  const z = zone.use();
  const narrow = width < NARROW;
  const left = narrow ? 8 : 130;
  const times = bars.flatMap((b) => [b.start, b.end]).filter((t): t is number => t !== null);
  const start = Math.min(...times, now);
  const end = Math.max(...times, start + 1, bars.some((b) => b.kind === 'running') ? now : 0);
  const right = narrow ? 34 : Math.min(260, width / 4);
  const x = (t: number) => left + ((t - start) / (end - start)) * (width - left - right);
  const row = narrow ? 34 : 17;
  const height = bars.length * row + 30;
  const marks = timeTicks(start, end, Math.max(2, Math.floor((width - left - right) / 110)));
  return (
    <div ref={ref}><svg width={width} height={height} role="img" aria-label={`Phases: ${bars.map((b) => `${b.label} ${b.kind}`).join(', ')}`}>
      {marks.map((t, i) => <g key={t}><line className="gl" x1={x(t)} x2={x(t)} y1="18" y2={height - 6} /><text className={`ax ${i ? 'm' : ''}`} x={i ? x(t) : Math.max(0, x(t) - 24)} y="12">{i ? offsetText(t - start) : clockSeconds(t, z)}</text></g>)}
      {bars.map((b, i) => {
        const y = 24 + i * row + (narrow ? 16 : 0);
        const from = b.start === null ? null : x(b.start);
        const to = b.start === null ? null : Math.max((from ?? 0) + 3, x(b.end ?? Math.min(now, end)));
        const length = b.start !== null && b.end !== null && b.end > b.start ? formatDuration((b.end - b.start) / 1000) : '';
        const words = [b.kind === 'failed' ? '✗' : '', length, b.detail].filter(Boolean).join(' · ');
        const name = <text className="lb" x="8" y={narrow ? y - 5 : y + 9} style={b.kind === 'running' ? { fontWeight: 600 } : { fill: 'var(--text-2)', fontWeight: 400 }}>{b.label}</text>;
        if (from === null || to === null) return <g key={b.label}>{name}<text className="ax" x={narrow ? room(b.label) + 20 : left + 6} y={narrow ? y - 5 : y + 9} style={{ fill: 'var(--text-3)' }}>{b.kind === 'planned' ? 'not reached' : ''}</text></g>;
        // Right of the bar, left of it, or cut short: never over the edge. The table has all of it.
        const after = width - to - 10;
        const before = from - left - 12;
        const place = narrow ? { at: room(b.label) + 20, anchor: 'start', most: width - room(b.label) - 24, y: y - 5 } : room(words) <= after || after >= before ? { at: to + 6, anchor: 'start', most: after, y: y + 9 } : { at: from - 6, anchor: 'end', most: before, y: y + 9 };
        return (
          <g key={b.label}>
            {name}
            <rect x={from} y={y} width={to - from} height="10" rx="2" fill={FILL[b.kind]} />
            <text className="ax" x={place.at} y={place.y} textAnchor={place.anchor as 'start' | 'end'} style={b.kind === 'failed' ? { fill: 'var(--bad)' } : undefined}><title>{words}</title>{fit(words, place.most)}</text>
          </g>
        );
      })}
    </svg></div>
  );
}
