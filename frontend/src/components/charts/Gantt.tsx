// Phases of a swap on one time axis: done solid, failed ✗, running in accent, planned hatched. The
// first tick is the time of day, the others count from it.
import { clockSeconds, zone } from '@/lib/time';
import { formatDuration } from '@/lib/money';
import { useWidth } from '@/lib/useWidth';
import { linesOf, offsetText, room, timeTicks } from './span';

export interface Bar { label: string; start: number | null; end: number | null; detail?: string; kind: 'done' | 'failed' | 'running' | 'planned' }
const FILL = { done: 'var(--text-3)', failed: 'var(--bad)', running: 'var(--accent)', planned: 'none' } as const;
const NARROW = 640;
const LINE = 13;

const lengthOf = (b: Bar) => (b.start !== null && b.end !== null && b.end > b.start ? formatDuration((b.end - b.start) / 1000) : '');
const wordsOf = (b: Bar) => (b.start === null ? (b.kind === 'planned' ? 'not reached' : '') : [b.kind === 'failed' ? '✗' : '', lengthOf(b), b.detail].filter(Boolean).join(' · '));

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
  // What is said of the phases stands in one column beside their names, if these leave it half of the width.
  const beside = Math.max(...bars.map((b) => room(b.label)), 0) + 20;
  const column = beside <= width / 2 ? beside : 8;
  const spanOf = (b: Bar) => (b.start === null ? null : { from: x(b.start), to: Math.max(x(b.start) + 3, x(b.end ?? Math.min(now, end))) });
  // Right of the bar or left of it, where there is more room, in as many lines as it takes: never over the edge, and never cut.
  const placeOf = (b: Bar) => {
    const [words, span] = [wordsOf(b), spanOf(b)];
    if (narrow) return { at: column, end: false, lines: linesOf(words, width - column - 4), below: column === 8 };
    if (!span) return { at: left + 6, end: false, lines: [words], below: false };
    const [after, before] = [width - span.to - 10, span.from - left - 12];
    const toTheLeft = room(words) > after && after < before;
    return { at: toTheLeft ? span.from - 6 : span.to + 6, end: toTheLeft, lines: linesOf(words, toTheLeft ? before : after), below: false };
  };
  let height = 24;
  const rows = bars.map((b) => {
    const [top, place] = [height, placeOf(b)];
    const more = Math.max(0, place.lines.length - 1) * LINE + (place.below && place.lines.length > 0 ? LINE : 0);
    height += (narrow ? 34 : 17) + more;
    // On a narrow screen the bar lies under all that is said of it.
    return { bar: b, span: spanOf(b), place, y: top + (narrow ? 16 + more : 0), text: top + (narrow ? 11 : 9) };
  });
  height += 6;
  const marks = timeTicks(start, end, Math.max(2, Math.floor((width - left - right) / 110)));
  return (
    <div ref={ref}><svg width={width} height={height} role="img" aria-label={`Phases: ${bars.map((b) => `${b.label} ${b.kind}`).join(', ')}`}>
      {marks.map((t, i) => <g key={t}><line className="gl" x1={x(t)} x2={x(t)} y1="18" y2={height - 6} /><text className={`ax ${i ? 'm' : ''}`} x={i ? x(t) : Math.max(0, x(t) - 24)} y="12">{i ? offsetText(t - start) : clockSeconds(t, z)}</text></g>)}
      {rows.map(({ bar: b, span, place, y, text }) => (
        <g key={b.label}>
          <text className="lb" x="8" y={text} style={b.kind === 'running' ? { fontWeight: 600 } : { fill: 'var(--text-2)', fontWeight: 400 }}>{b.label}</text>
          {span && <rect x={span.from} y={y} width={span.to - span.from} height="10" rx="2" fill={FILL[b.kind]} />}
          <text className="ax" y={text} textAnchor={place.end ? 'end' : 'start'} style={b.kind === 'failed' ? { fill: 'var(--bad)' } : undefined}>
            {place.lines.map((line, n) => <tspan key={n} x={place.at} y={text + (n + (place.below ? 1 : 0)) * LINE}>{line}</tspan>)}
          </text>
        </g>
      ))}
    </svg></div>
  );
}
