import { Link, useParams } from '@tanstack/react-router';
import { Page, State, Strip, When } from '@/components/ui';
import type { EmptyText } from '@/components/ui/states';
import { type List, type Outcome, type Round, type RoundExternality, useResource } from '@/lib/api';
import { formatCount, formatDuration } from '@/lib/money';
import { CertificatePanel } from './CertificatePanel';
import { Interruptions } from './Interruptions';
import { MyOrders } from './MyOrders';
import { PricesPanel } from './PricesPanel';
import { openSentence, proofOf } from './proof';
import { ProofBadge } from './ProofBadge';
import { Reasons } from './Reasons';

function Neighbour({ number, text }: { number: number; text: string }) {
  return <Link className="btn" to="/rounds/$number" params={{ number: String(number) }}>{text}</Link>;
}

function Facts({ round }: { round: Round }) {
  const took = round.awarded_at ? (Date.parse(round.awarded_at) - Date.parse(round.sealed_at)) / 1000 : null;
  return (
    <Strip facts={[
      { label: 'Sealed', value: <When at={round.sealed_at} />, note: 'the book is fixed, its root published' },
      { label: 'Awarded', value: round.awarded_at ? <When at={round.awarded_at} /> : round.state === 'void' ? 'nothing' : 'not yet', note: took === null ? undefined : `${formatDuration(took)} later` },
      { label: 'Orders of all participants', value: formatCount(round.orders) },
      { label: 'Awards of all participants', value: formatCount(round.awards) },
    ]} />
  );
}

function Answer({ round }: { round: Round }) {
  const proof = proofOf(round.certificate);
  if (proof.checked) {
    const rules = round.awards > 0 ? 'Nobody paid over a limit and every price has one setter' : 'Nothing was awarded';
    const held = (round.interruptions ?? []).length;
    const paused = held > 0 && <> <b>{held === 1 ? 'One price' : `${formatCount(held)} prices`}</b> would have been beyond the band: nothing was awarded there.</>;
    return proof.best
      ? <>{rules}; <b>no better outcome exists under the rules</b>.{paused}</>
      : <>{rules}, but this outcome is <b>not proved to be the best</b>. {openSentence(round.certificate)}{paused}</>;
  }
  if (round.state === 'void') return <>This round is <b>void</b>{round.void_reason && <>: {round.void_reason}</>}. Nothing was charged.</>;
  return <>This round is <b>{round.state}</b>; its certificate comes with the awards.</>;
}

/** What to say where there is no such round: not yet, or never. */
function missingText(text: string, newest: number | undefined): EmptyText {
  const number = Number(text);
  const action = newest !== undefined && <Link className="btn p" to="/rounds/$number" params={{ number: String(newest) }}>Newest round, {formatCount(newest)}</Link>;
  const later = Number.isInteger(number) && newest !== undefined && number > newest;
  return {
    fact: later ? `Round ${formatCount(number)} has not taken place yet.` : `There is no round “${text}”.`,
    hint: newest === undefined ? 'No round has closed so far.' : `Rounds are numbered from 1; the newest is ${formatCount(newest)}.`, action: action || undefined,
  };
}

/** Can I trust it? */
export default function RoundPage() {
  const { number: text = '0' } = useParams({ strict: false }) as { number?: string };
  const number = Number(text);
  const real = Number.isInteger(number) && number > 0;
  const of = useResource<Round>(`/rounds/${text}`);
  const outcome = useResource<Outcome>(real ? `/rounds/${text}/result` : null);
  const externality = useResource<RoundExternality>(of.data?.certificate ? `/rounds/${text}/externality` : null).data;
  const newest = useResource<List<Round>>('/rounds', { limit: 1 }).data?.data[0]?.number;
  const known = of.data !== undefined;
  return (
    <Page title={of.problem ? 'No such round' : `Round ${real ? formatCount(number) : text}`} crumb={<Link to="/rounds">Rounds</Link>} of={of} missing={missingText(text, newest)}
      badge={of.data && (of.data.certificate?.verified ? <ProofBadge of={of.data.certificate} /> : <State of={of.data.state} />)}
      answer={(r) => <Answer round={r} />}
      actions={known && <span className="row g4">{number > 1 && <Neighbour number={number - 1} text={`‹ ${formatCount(number - 1)}`} />}{newest !== undefined && number < newest && <Neighbour number={number + 1} text={`${formatCount(number + 1)} ›`} />}</span>}>
      {(r) => <>
        <Facts round={r} />
        <div className="split wide">
          <div className="grid content-start">
            <Interruptions of={r.interruptions ?? []} />
            <PricesPanel prices={r.prices} premiums={r.premiums} externality={externality?.round === r.number ? externality : undefined} />
            <div className="halves"><Reasons of={outcome} round={r} /><MyOrders of={outcome} /></div>
          </div>
          <CertificatePanel round={r} />
        </div>
      </>}
    </Page>
  );
}
