// From opening to closing in steps; each step is one kind of movement. Bars start at 0, but where all that moved would
// be hairlines beside the balance they start shortly under it, and the picture says so.
import type { Statement } from '@/lib/api';
import { formatMoney, micro, type Micro, asMicro, signed, toNumber } from '@/lib/money';
import { useWidth } from '@/lib/useWidth';

const NAMES: Record<string, string> = { grant: 'Granted', charge: 'Capacity bought', credit_note: 'Credit notes', proceeds: 'Capacity lent', reservation_fee: 'Reservation fees', move_fee: 'Moves for others', imbalance: 'Imbalances', overstay: 'Overstays', arrears: 'Arrears', operator_income: 'Operator income', platform_risk: 'Platform risk', rounding: 'Rounding' };

/** The part of the balance under which what moved would not be seen. */
const SMALL = 0.25;

/** Pixels that the name of a step needs. */
const ROOM = 104;

export function Bridge({ statement: s }: { statement: Statement }) {
  const kinds = new Map<string, bigint>();
  for (const l of s.lines) kinds.set(l.kind, (kinds.get(l.kind) ?? 0n) + micro(l.amount));
  let at = micro(s.opening) as bigint;
  const steps: { label: string; from: bigint; to: bigint; total?: boolean }[] = [{ label: 'Opening', from: 0n, to: at, total: true }];
  for (const [kind, sum] of kinds) { steps.push({ label: NAMES[kind] ?? kind, from: at, to: at + sum }); at += sum; }
  steps.push({ label: 'Closing', from: 0n, to: micro(s.closing), total: true });
  const [ref, width] = useWidth<HTMLDivElement>(900);
  const base = 168;
  const ends = steps.flatMap((x) => [toNumber(x.from, 6), toNumber(x.to, 6)]);
  const high = Math.max(...ends, 1);
  const levels = ends.filter((v) => v !== 0);
  const moved = Math.max(...levels, 0) - Math.min(...levels);
  const cut = levels.length > 1 && Math.min(...levels) > 0 && moved > 0 && moved < high * SMALL;
  const low = cut ? Math.min(...levels) - moved / 4 : Math.min(...ends, 0);
  const scaled = (v: bigint) => (Math.max(toNumber(v, 6), low) - low) / (high - low);
  const y = (v: bigint) => base - scaled(v) * 130;
  const w = width / steps.length;
  const amount = (x: (typeof steps)[number]) => (x.total ? formatMoney(asMicro(x.to)) : signed(formatMoney(asMicro(x.to - x.from))));
  const colourOf = (x: (typeof steps)[number]) => (x.total ? 'var(--text-3)' : x.to >= x.from ? 'var(--s1)' : 'var(--s2)');
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
        <line className="axl" x1="0" x2={width} y1={y(0n)} y2={y(0n)} />
        {steps.map((x, i) => {
          const top = Math.min(y(x.from), y(x.to));
          const colour = colourOf(x);
          return (
            <g key={x.label}>
              <rect x={i * w + w * 0.14} y={top} width={w * 0.72} height={Math.max(2, Math.abs(y(x.from) - y(x.to)))} fill={colour} opacity={x.total ? 1 : 0.4} />
              <text className="lb m" x={i * w + w / 2} y={top - 6}>{amount(x)}</text>
              <text className="ax m" x={i * w + w / 2} y="188">{x.label}</text>
            </g>
          );
        })}
      </svg>}
      {cut && <p className="s11 t3 pt-1">Bars begin at {formatMoney(asMicro(BigInt(Math.round(low * 1_000_000))))} cr, not at 0: what moved is small beside the balance.</p>}
    </div>
  );
}
