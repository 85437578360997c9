// Before and after as bars, one scale a measure; the whisker is what demand that follows the price makes of it.
import { useWidth } from '@/lib/useWidth';
import { type Measure, sayChange } from './simulation';

const ROW = 52;
const BAR = 13;

export function BandBars({ rows }: { rows: Measure[] }) {
  const [ref, width] = useWidth<HTMLDivElement>(520);
  const left = 8;
  const room = Math.max(width - left - 128, 60);
  return (
    <div ref={ref} className="pad">
      <svg width={width} height={rows.length * ROW} role="img" aria-label={rows.map((m) => `${m.label}: ${m.say(m.before)} before, ${m.say(m.after)} after, from ${m.say(m.low)} to ${m.say(m.high)} if demand follows the price`).join('. ')}>
        {rows.map((m, i) => {
          const most = Math.max(m.before, m.after, m.high, 1e-9);
          const x = (value: number) => left + (value / most) * room;
          const top = i * ROW + 16;
          const middle = top + BAR + 3 + BAR / 2;
          return (
            <g key={m.id}>
              <text className="lb" x={left} y={top - 5}>{m.label}</text>
              <rect x={left} y={top} width={Math.max(x(m.before) - left, 1)} height={BAR} fill="var(--volume)" />
              <text className="ax" x={x(m.before) + 6} y={top + BAR - 3}>{m.say(m.before)}</text>
              <rect x={left} y={top + BAR + 3} width={Math.max(x(m.after) - left, 1)} height={BAR} fill="var(--supply)" />
              {m.high > m.low && <path d={`M${x(m.low)} ${middle}H${x(m.high)}M${x(m.low)} ${middle - 5}v10M${x(m.high)} ${middle - 5}v10`} className="halo" fill="none" stroke="var(--text)" strokeWidth="1.5" style={{ paintOrder: 'normal', stroke: 'var(--text)' }} />}
              <text className="lb" x={Math.max(x(m.after), x(m.high)) + 6} y={middle + 4}>{m.say(m.after)} <tspan className="ax">{sayChange(m.before, m.after)}</tspan></text>
            </g>
          );
        })}
      </svg>
      <span className="legend wrap"><span><i className="sq" style={{ background: 'var(--volume)' }} />Before</span><span><i className="sq" style={{ background: 'var(--supply)' }} />After, bids as they were</span><span><svg width="18" height="10" aria-hidden="true"><path d="M1 5H17M1 1v8M17 1v8" stroke="var(--text)" strokeWidth="1.5" /></svg>If demand follows the price</span></span>
    </div>
  );
}
