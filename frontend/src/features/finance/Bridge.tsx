// From opening to closing in steps; each step is one kind of movement. Bars start at 0, but where what moved would be
// hairlines beside the balance they start shortly under it, and the picture says so.
import type { Statement } from '@/lib/api';
import { formatMoney, type Micro, asMicro, signed } from '@/lib/money';
import { AxisBreak } from '@/components/charts/AxisBreak';
import { useWidth } from '@/lib/useWidth';
import { floorOf, type Step, stepsOf } from './steps';

/** Pixels that the name of a step needs. */
const ROOM = 104;

export function Bridge({ statement }: { statement: Statement }) {
  const steps = stepsOf(statement);
  const [ref, width] = useWidth<HTMLDivElement>(900);
  const base = 168;
  const floor = floorOf(steps);
  const cut = floor > 0n;
  const [low, high] = [Number(floor), Math.max(...steps.flatMap((x) => [Number(x.from), Number(x.to)]), 1)];
  const scaled = (v: bigint) => (Math.max(Number(v), low) - low) / (high - low);
  const y = (v: bigint) => base - scaled(v) * 130;
  const w = width / steps.length;
  const amount = (x: Step) => (x.total ? formatMoney(asMicro(x.to)) : signed(formatMoney(asMicro(x.to - x.from))));
  const colourOf = (x: Step) => (x.total ? 'var(--text-3)' : x.to >= x.from ? 'var(--s1)' : 'var(--s2)');
  // On a narrow screen the steps run downwards: side by side their names would meet.
  const across = (v: bigint) => scaled(v) * 100;
  const rows = (
    <ul className="col g8 s12 pt-2">
      {steps.map((x) => (
        <li key={x.label} className="col g4">
          <span className="row"><span className="t2">{x.label}</span><span className="sp" /><b className="m">{amount(x)}</b></span>
          <span className="bar"><i style={{ left: `${Math.min(across(x.from), across(x.to))}%`, width: `${Math.max(0.8, Math.abs(across(x.to) - across(x.from)))}%`, background: colourOf(x), opacity: x.total ? 1 : 0.6 }} /></span>
        </li>
      ))}
    </ul>
  );
  return (
    <div className="px-3 pb-2" ref={ref}>
      {w < ROOM ? rows : <svg width={width} height="196" role="img" aria-label={steps.map((x) => `${x.label} ${formatMoney((x.total ? x.to : x.to - x.from) as Micro)}`).join(', ')}>
        <line className="axl" x1="0" x2={width} y1={y(0n)} y2={y(0n)} strokeDasharray={cut ? '4 3' : undefined} />
        {steps.map((x, i) => {
          const top = Math.min(y(x.from), y(x.to));
          const colour = colourOf(x);
          return (
            <g key={x.label}>
              <rect x={i * w + w * 0.14} y={top} width={w * 0.72} height={Math.max(2, Math.abs(y(x.from) - y(x.to)))} fill={colour} opacity={x.total ? 1 : 0.4} />
              {cut && (x.from < floor || x.to < floor) && <AxisBreak x={i * w + w / 2} y={base - 10} size={w * 0.72} />}
              <text className="lb m" x={i * w + w / 2} y={top - 6}>{amount(x)}</text>
              <text className="ax m" x={i * w + w / 2} y="188">{x.label}</text>
            </g>
          );
        })}
      </svg>}
      {cut && <p className="s11 t2 pt-1">The axis is broken: bars begin at {formatMoney(asMicro(floor))} cr, not at 0, so that what moved can be seen beside the balance; what reaches below is cut off there.</p>}
    </div>
  );
}
