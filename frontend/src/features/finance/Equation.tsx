// opening + movements − closing = 0.000000: the one big number of this page.
import { Icon, Ledger, Panel } from '@/components/ui';
import type { Statement } from '@/lib/api';
import { asMicro, decimal, formatCount, formatExact, micro } from '@/lib/money';
import { Bridge } from './Bridge';

function Term({ label, value }: { label: string; value: string }) {
  return <div><div className="s11 t3">{label}</div><div className="text-18 font-semibold nw"><Ledger value={value} /></div></div>;
}

export function Equation({ statement: s }: { statement: Statement }) {
  // Of all lines, shown or not: the server proves the difference over every one of them.
  const movements = decimal(asMicro(micro(s.closing) - micro(s.opening) + micro(s.difference)), 6);
  const ok = micro(s.difference) === 0n;
  return (
    <Panel title={`Statement, ${s.participant_name}`} note={s.currency}>
      <div className="pad row g16 wrap">
        <Term label="Opening" value={s.opening} /><span className="t3 s15">+</span>
        <Term label={s.truncated ? 'Movements' : `Movements, ${formatCount(s.lines.length)} ${s.lines.length === 1 ? 'line' : 'lines'}`} value={movements} /><span className="t3 s15">−</span>
        <Term label="Closing" value={s.closing} /><span className="t3 s15">=</span>
        <div className="rounded-md px-4 py-2" style={{ background: ok ? 'var(--ok-soft)' : 'var(--bad-soft)' }}>
          <div className={`s11 row g4 ${ok ? 'ok' : 'bad'}`}><Icon name={ok ? 'check' : 'cross'} size={12} />Difference</div>
          <div className={`text-32 font-semibold tracking-[-.02em] ${ok ? 'ok' : 'bad'}`}>{formatExact(micro(s.difference))}</div>
        </div>
      </div>
      {!s.truncated && s.lines.length > 0 && <Bridge statement={s} />}
    </Panel>
  );
}
