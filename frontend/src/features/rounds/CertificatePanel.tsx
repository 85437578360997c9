import { useState } from 'react';
import { Button, CopyId, Icon, Ledger, Panel } from '@/components/ui';
import type { Round } from '@/lib/api';
import { formatCount } from '@/lib/money';

const FIRST = 13;

/** The proof, checked without the solver and in exact arithmetic. */
export function CertificatePanel({ round }: { round: Round }) {
  const [all, setAll] = useState(false);
  const proof = round.certificate;
  const rules = proof?.rules ?? [];
  const passed = rules.filter((r) => r.passed).length;
  const ok = proof?.verified ?? false;
  return (
    <Panel title="Certificate" note="checked without the solver, in exact arithmetic">
      <div className="pad row g12 border-b border-border">
        <span className={`av ${ok ? 'ok' : 't3'}`} style={{ width: 44, height: 44, display: 'grid', placeItems: 'center', background: ok ? 'var(--ok-soft)' : undefined }}><Icon name={ok ? 'check' : 'clock'} size={24} /></span>
        <div className="sp"><div className={`text-18 font-semibold ${ok ? 'ok' : ''}`}>{ok ? 'Proved' : 'No certificate yet'}</div>{rules.length > 0 && <div className="s12 t2">{passed} of {rules.length} checks passed</div>}</div>
        <div className="r"><div className="text-24 font-semibold">{proof?.gap ?? '–'}</div><div className="s11 t3">gap to the best</div></div>
      </div>
      <dl className="kv pad">
        <dt>Welfare = bound</dt><dd>{proof ? <><Ledger value={proof.welfare} /> cr</> : '–'}</dd>
        <dt>Quality</dt><dd>{proof ? `${proof.quality}, ${proof.cuts} cuts` : '–'}</dd>
        <dt>Book root</dt><dd><CopyId id={round.root} label="book root" /></dd>
        <dt>Input hash</dt><dd>{proof ? <CopyId id={proof.input_hash} label="input hash" /> : '–'}</dd>
        <dt>Result hash</dt><dd>{proof ? <CopyId id={proof.result_hash} label="result hash" /> : '–'}</dd>
        <dt>Seed</dt><dd className="id">{round.seed}</dd>
      </dl>
      {rules.length > 0 && (
        <ul className="pad col g6 border-t border-border s12">
          {(all ? rules : rules.slice(0, FIRST)).map((r) => (
            <li key={r.rule} className="row g8">
              <span className={r.passed ? 'ok' : 'bad'}><Icon name={r.passed ? 'check' : 'cross'} size={13} stroke={1.8} /></span>
              <span>{r.rule}{!r.passed && <span className="bad"> failed: {r.detail}</span>}</span><span className="sp" />
              {r.tested !== undefined && <span className="t3">{formatCount(r.tested)}</span>}
            </li>
          ))}
          {rules.length > FIRST && <li><Button size="sm" kind="quiet" onClick={() => setAll(!all)}>{all ? 'Fewer checks' : `${rules.length - FIRST} more checks`}</Button></li>}
        </ul>
      )}
      <div className="pad border-t border-border">
        <a className="btn w-full" href={`/v1/rounds/${round.number}/result`} download={`round-${round.number}.json`}><Icon name="export" size={14} />Outcome, to verify yourself</a>
      </div>
    </Panel>
  );
}
