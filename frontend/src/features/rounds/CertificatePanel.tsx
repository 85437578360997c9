import { Fragment } from 'react';
import { CopyId, Icon, Panel, Welfare } from '@/components/ui';
import { isPlatform, type Round, url, useMe } from '@/lib/api';
import { causesOf, gapText, openSentence, proofOf, rulesOf } from './proof';

function Files({ round }: { round: Round }) {
  const platform = isPlatform(useMe());
  const of = (name: string) => url(`/rounds/${round.number}/${name}`);
  return (
    <div className="pad row g8 wrap border-t border-border">
      <a className="btn sp" href={of('result')} download={`round-${round.number}-outcome.json`}><Icon name="export" size={14} />Outcome</a>
      {platform
        ? <a className="btn sp" href={of('audit')} download={`round-${round.number}-book.json`}><Icon name="export" size={14} />Sealed book</a>
        : <a className="btn sp" href={of('proof')} download={`round-${round.number}-proof.json`}><Icon name="export" size={14} />Proof that mine were in</a>}
    </div>
  );
}

/** Two statements that are easily mixed up: the rules hold, and nothing better exists. */
export function CertificatePanel({ round }: { round: Round }) {
  const given = round.certificate;
  const proof = proofOf(given);
  const word = proof.checked ? (proof.best ? 'Checked, best possible' : 'Checked, not proved best') : round.state === 'void' ? 'Void: nothing was awarded' : 'No certificate yet';
  const tone = proof.best ? 'ok' : proof.checked ? 'warn' : 't3';
  return (
    <Panel title="Certificate" note="checked without the solver, in exact arithmetic">
      <div className="pad row g12 border-b border-border">
        <span className={`av ${tone}`} style={{ width: 44, height: 44, display: 'grid', placeItems: 'center', background: proof.best ? 'var(--ok-soft)' : proof.checked ? 'var(--warn-soft)' : undefined }}><Icon name={proof.best ? 'check' : proof.checked ? 'half' : 'clock'} size={24} /></span>
        <div className="sp"><div className={`text-18 font-semibold ${tone === 't3' ? '' : tone}`}>{word}</div>
          {proof.checked && <div className="s12 t2">{!proof.best ? openSentence(given) : proof.open ? 'No outcome under the rules has more welfare, but for what whole units and printed prices take.' : 'No outcome under the rules has more welfare.'}</div>}</div>
        <div className="r"><div className="text-24 font-semibold nw">{proof.best ? 'Proved' : given ? gapText(proof) : '–'}</div><div className="s11 t3 nw">{!proof.best ? 'not proven' : proof.open ? 'but for rounding' : 'nothing is left open'}</div></div>
      </div>
      <dl className="kv pad">
        <dt>Welfare</dt><dd>{given ? <><span title={given.welfare}><Welfare value={given.welfare} /></span> cr</> : '–'}</dd>
        {given && <><dt>At most possible</dt><dd><span title={given.bound}><Welfare value={given.bound} /></span> cr</dd></>}
        {given && <><dt className="sum">Gap between the two</dt><dd className="sum"><span title={given.gap.total}><Welfare value={given.gap.total} /></span> cr</dd></>}
        {given && causesOf(given).map((c) => <Fragment key={c.id}><dt>Of it: {c.label.toLowerCase()}</dt><dd><span title={c.value}><Welfare value={c.value} /></span> cr</dd></Fragment>)}
        <dt>Book root</dt><dd><CopyId id={round.root} label="book root" /></dd>
        <dt>Input hash</dt><dd>{given ? <CopyId id={given.input_hash} label="input hash" /> : '–'}</dd>
        <dt>Result hash</dt><dd>{given ? <CopyId id={given.result_hash} label="result hash" /> : '–'}</dd>
      </dl>
      {proof.checked && (
        <div className="pad border-t border-border">
          <h3 className="mb-2">What the independent check verified in this round</h3>
          <ul className="col g6 s12">{rulesOf(round).map((c) => <li key={c} className="row g8 items-start"><span className="ok mt-[2px]"><Icon name="check" size={13} stroke={1.8} /></span>{c}</li>)}</ul>
        </div>
      )}
      {given && <Files round={round} />}
    </Panel>
  );
}
