import { CopyId, Icon, Panel, Welfare } from '@/components/ui';
import { isPlatform, type Round, url, useMe } from '@/lib/api';

/** What an independent checker has shown, without the solver and in exact arithmetic, before the round was stored. */
const COVERED = [
  'Nobody pays over the limit, or gets under cost', 'No divisible order in the money is left out without its reason', 'No block is accepted at a loss', 'Supply, arcs, floors, thrash limits and every node hold',
  'One price per product', 'Complementary slackness and strong duality', 'Buyers pay what lenders, operator and arcs receive, to the micro-credit', 'The reserve is respected where it is used', 'No arbitrage along arcs',
];

function Files({ round }: { round: Round }) {
  const platform = isPlatform(useMe());
  const of = (name: string) => url(`/rounds/${round.number}/${name}`);
  return (
    <div className="pad row g8 border-t border-border">
      <a className="btn sp" href={of('result')} download={`round-${round.number}-outcome.json`}><Icon name="export" size={14} />Outcome</a>
      {platform
        ? <a className="btn sp" href={of('audit')} download={`round-${round.number}-book.json`}><Icon name="export" size={14} />Sealed book</a>
        : <a className="btn sp" href={of('proof')} download={`round-${round.number}-proof.json`}><Icon name="export" size={14} />Proof that mine were in</a>}
    </div>
  );
}

export function CertificatePanel({ round }: { round: Round }) {
  const proof = round.certificate;
  const ok = proof?.verified ?? false;
  return (
    <Panel title="Certificate" note="checked without the solver, in exact arithmetic">
      <div className="pad row g12 border-b border-border">
        <span className={`av ${ok ? 'ok' : 't3'}`} style={{ width: 44, height: 44, display: 'grid', placeItems: 'center', background: ok ? 'var(--ok-soft)' : undefined }}><Icon name={ok ? 'check' : 'clock'} size={24} /></span>
        <div className="sp"><div className={`text-18 font-semibold ${ok ? 'ok' : ''}`}>{ok ? 'Proved' : round.state === 'void' ? 'Void: nothing was awarded' : 'No certificate yet'}</div>{proof && <div className="s12 t2">{proof.quality}, {proof.cuts} cuts</div>}</div>
        <div className="r"><div className="text-24 font-semibold">{proof?.gap ?? '–'}</div><div className="s11 t3">gap to the best</div></div>
      </div>
      <dl className="kv pad">
        <dt>Welfare</dt><dd>{proof ? <><span title={proof.welfare}><Welfare value={proof.welfare} /></span> cr</> : '–'}</dd>
        <dt>Book root</dt><dd><CopyId id={round.root} label="book root" /></dd>
        <dt>Input hash</dt><dd>{proof ? <CopyId id={proof.input_hash} label="input hash" /> : '–'}</dd>
        <dt>Result hash</dt><dd>{proof ? <CopyId id={proof.result_hash} label="result hash" /> : '–'}</dd>
        <dt>Seed</dt><dd><CopyId id={round.seed} label="seed" /></dd>
      </dl>
      {ok && (
        <div className="pad border-t border-border">
          <h3 className="mb-2">What the check covers</h3>
          <ul className="col g6 s12">{COVERED.map((c) => <li key={c} className="row g8"><span className="ok"><Icon name="check" size={13} stroke={1.8} /></span>{c}</li>)}</ul>
        </div>
      )}
      {proof && <Files round={round} />}
    </Panel>
  );
}
