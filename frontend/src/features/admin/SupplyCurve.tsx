// The operator's supply as it is offered: the share from the left, the price upwards. Dashed: now in force.
import { useWidth } from '@/lib/useWidth';
import type { StepDraft } from './schedule';

const height = 116;
interface Props { steps: StepDraft[]; before: StepDraft[]; unit: string }

export function SupplyCurve({ steps, before, unit }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>(320);
  const number = (text: string) => (Number.isFinite(Number(text)) ? Number(text) : 0);
  const most = Math.max(...[...steps, ...before].map((s) => number(s.price)), 0.000001) * 1.12;
  const left = 46;
  const x = (share: number) => left + (Math.min(share, 100) / 100) * (width - left - 8);
  const y = (price: number) => height - 20 - (price / most) * (height - 30);
  const path = (list: StepDraft[]) => {
    let at = 0;
    return list.map((s, i) => { const from = at; at += number(s.share); return `${i ? 'L' : 'M'}${x(from).toFixed(1)} ${y(number(s.price)).toFixed(1)}H${x(at).toFixed(1)}`; }).join('');
  };
  const say = (list: StepDraft[]) => list.map((s) => `${s.share} % at ${s.price}`).join(', ');
  return (
    <div ref={ref}>
      <svg width={width} height={height} role="img" aria-label={`New: ${say(steps)}. In force: ${say(before) || 'none'}.`}>
        {[0, 25, 50, 75, 100].map((s) => <g key={s}><line className="gl" x1={x(s)} x2={x(s)} y1="8" y2={height - 20} /><text className={`ax ${s === 100 ? 'e' : 'm'}`} x={s === 100 ? x(s) + 6 : x(s)} y={height - 6}>{s} %</text></g>)}
        {[0, most / 1.12].map((p) => <text key={p} className="ax e" x={left - 6} y={y(p) + 4}>{Number(p.toPrecision(3))}</text>)}
        <path d={path(before)} fill="none" stroke="var(--reserve)" strokeWidth="1.5" strokeDasharray="5 3" />
        <path d={path(steps)} fill="none" stroke="var(--supply)" strokeWidth="2" />
      </svg>
      <span className="legend"><span><svg width="18" height="8" aria-hidden="true"><path d="M0 4H18" stroke="var(--supply)" strokeWidth="2" /></svg>New</span><span><svg width="18" height="8" aria-hidden="true"><path d="M0 4H18" stroke="var(--reserve)" strokeWidth="1.5" strokeDasharray="5 3" /></svg>In force</span><span className="t3">cr/{unit}·slot by share of the supply</span></span>
    </div>
  );
}
