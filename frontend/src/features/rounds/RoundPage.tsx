import { Link, useParams } from '@tanstack/react-router';
import { Badge, Page, State, Strip, When } from '@/components/ui';
import { type Outcome, type Round, useResource } from '@/lib/api';
import { formatCount, formatDuration } from '@/lib/money';
import { CertificatePanel } from './CertificatePanel';
import { MyOrders } from './MyOrders';
import { PricesPanel } from './PricesPanel';
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
      { label: 'Orders', value: formatCount(round.orders) },
      { label: 'Awards', value: formatCount(round.awards) },
    ]} />
  );
}

/** Can I trust it? */
export default function RoundPage() {
  const { number: text = '0' } = useParams({ strict: false }) as { number?: string };
  const number = Number(text);
  const of = useResource<Round>(`/rounds/${text}`);
  const outcome = useResource<Outcome>(`/rounds/${text}/result`);
  const proved = of.data?.certificate?.verified;
  return (
    <Page title={`Round ${formatCount(number)}`} crumb={<Link to="/rounds">Rounds</Link>} of={of}
      badge={of.data && (proved ? <Badge tone="ok" icon="check">Proved</Badge> : <State of={of.data.state} />)}
      answer={(r) => (proved
        ? <>Nobody paid over a limit, every price has one setter, and <b>no better outcome exists under the rules: gap {r.certificate?.gap}</b>.</>
        : r.state === 'void' ? <>This round is <b>void</b>{r.void_reason && <>: {r.void_reason}</>}. Nothing was charged.</> : <>This round is <b>{r.state}</b>; its certificate comes with the awards.</>)}
      actions={<span className="row g4"><Neighbour number={number - 1} text={`‹ ${formatCount(number - 1)}`} /><Neighbour number={number + 1} text={`${formatCount(number + 1)} ›`} /></span>}>
      {(r) => <>
        <Facts round={r} />
        <div className="split wide">
          <div className="grid">
            <PricesPanel prices={r.prices} />
            <div className="halves"><Reasons of={outcome} /><MyOrders of={outcome} /></div>
          </div>
          <CertificatePanel round={r} />
        </div>
      </>}
    </Page>
  );
}
