// The answer of a simulation: more or less money, more or less sold, at what prices, and who goes without.
import { ChartFrame } from '@/components/charts/ChartFrame';
import { Button, type Column, CopyId, DataTable, Empty, Money, Note, Panel, Price, When } from '@/components/ui';
import type { PricedOut, Simulated, SimulatedRound } from '@/lib/api';
import { formatPercent, formatRough, unitOf } from '@/lib/money';
import { useNow } from '@/lib/time';
import { BandBars } from './BandBars';
import { caveats, type Measure, measures, sayChange, sayOutcome } from './simulation';
import type { Simulation } from './useSimulation';

/** The server ends a replay by itself after this. */
const LONGEST_SECONDS = 25;

const measureColumns: Column<Measure>[] = [
  { id: 'what', head: 'What', cell: (m) => m.label, value: (m) => m.label },
  { id: 'before', head: 'Before', right: true, cell: (m) => m.say(m.before), value: (m) => m.before },
  { id: 'after', head: 'After', right: true, cell: (m) => m.say(m.after), value: (m) => m.after },
  { id: 'low', head: 'At least', right: true, cell: (m) => m.say(m.low), value: (m) => m.low },
  { id: 'high', head: 'At most', right: true, cell: (m) => m.say(m.high), value: (m) => m.high },
  { id: 'change', head: 'Change', right: true, cell: (m) => sayChange(m.before, m.after), value: (m) => sayChange(m.before, m.after) },
];
const roundColumns = (resource: string): Column<SimulatedRound>[] => {
  const price = (value: string | null) => (value ? <Price value={value} resource={resource} /> : <span className="t3">none</span>);
  return [
    { id: 'round', head: 'Round', cell: (r) => <span className="id">{r.number}</span>, value: (r) => r.number },
    { id: 'at', head: 'Sealed', cell: (r) => <When at={r.sealed_at} />, value: (r) => r.sealed_at, extra: true },
    { id: 'before', head: 'Price before', right: true, cell: (r) => price(r.before.price), value: (r) => r.before.price },
    { id: 'after', head: 'Price after', right: true, cell: (r) => price(r.after.price), value: (r) => r.after.price },
    { id: 'sold', head: 'Operator sold', right: true, cell: (r) => formatRough(resource, r.before.operator_volume), value: (r) => r.before.operator_volume },
    { id: 'sells', head: 'After', name: 'Operator sold, after', right: true, cell: (r) => formatRough(resource, r.after.operator_volume), value: (r) => r.after.operator_volume },
    { id: 'took', head: 'Operator took, cr', right: true, cell: (r) => <Money value={r.before.operator_revenue} />, value: (r) => r.before.operator_revenue, extra: true },
    { id: 'takes', head: 'After', name: 'Operator took, after', right: true, cell: (r) => <Money value={r.after.operator_revenue} />, value: (r) => r.after.operator_revenue, extra: true },
  ];
};
const outColumns = (resource: string): Column<PricedOut>[] => [
  { id: 'who', head: 'Participant', cell: (o) => o.participant_name ?? <CopyId id={o.participant} />, value: (o) => o.participant_name ?? o.participant },
  { id: 'order', head: 'Order', cell: (o) => <CopyId id={o.order} />, value: (o) => o.order },
  { id: 'won', head: 'Won', right: true, cell: (o) => formatRough(resource, o.won_before), value: (o) => o.won_before },
  { id: 'wins', head: 'After', name: 'Won, after', right: true, cell: (o) => (o.won_after === 0 ? <span className="bad">nothing</span> : formatRough(resource, o.won_after)), value: (o) => o.won_after },
  { id: 'paid', head: 'Paid, cr', right: true, cell: (o) => <Money value={o.paid_before} />, value: (o) => o.paid_before, extra: true },
  { id: 'pays', head: 'After', name: 'Paid, after', right: true, cell: (o) => <Money value={o.paid_after} />, value: (o) => o.paid_after, extra: true },
];

function Waiting({ since, onCancel }: { since: number; onCancel: () => void }) {
  const seconds = Math.max(0, Math.round((useNow() - since) / 1000));
  return (
    <div className="pad col g8" role="status">
      <span className="s12 t2">Past rounds are cleared again, before and after, then with demand that follows the price. {seconds} s of at most about {LONGEST_SECONDS} s.</span>
      <span className="bar" aria-hidden="true"><i style={{ width: `${Math.min(100, (seconds / LONGEST_SECONDS) * 100)}%`, background: 'var(--accent)' }} /></span>
      <div className="row g8"><Button onClick={onCancel}>Stop it</Button></div>
    </div>
  );
}

/** The end of the sentence: where nothing is bought there is no price to compare. */
function MeanPrice({ of: { resource, before, after } }: { of: Simulated }) {
  const per = `credits a ${unitOf(resource).one} and slot`;
  if (!before.price) {
    return after.price
      ? <>, at a mean price of <Price value={after.price} resource={resource} /> {per}; before, nothing of it was bought.</>
      : <>. Nothing of it was bought, so it has no mean price, before or after.</>;
  }
  if (!after.price) return <>. Nothing of it would have been bought any more; before, its mean price was <Price value={before.price} resource={resource} /> {per}.</>;
  return <>, at a mean price of <Price value={after.price} resource={resource} /> instead of <Price value={before.price} resource={resource} /> {per}.</>;
}

function Answer({ of }: { of: Simulated }) {
  const unit = unitOf(of.resource);
  const rows = measures(of);
  const [operator, , sold] = rows as [Measure, Measure, Measure, Measure];
  const first = of.rounds[0];
  const last = of.rounds.at(-1);
  if (!first || !last) {
    return <Panel title="Simulation"><Empty fact="There is no past round to replay." hint={of.skipped[0] ? `Round ${of.skipped[0].number}: ${of.skipped[0].reason}` : 'Rounds are held once somebody bids.'} /></Panel>;
  }
  return (
    <>
      <ChartFrame title={`Simulation, ${unit.label} in ${of.pool}`} note={`rounds ${first.number} to ${last.number}`} table={{ name: `${of.pool}-simulation`, columns: measureColumns, rows, rowKey: (m) => m.id }}>
        <p className="pad s12 t2" role="status">
          In {of.rounds.length === 1 ? 'this round' : `these ${of.rounds.length} rounds`} the operator would have sold <b>{sayOutcome(sold.before, sold.after, 'of it')}</b> and taken <b>{sayOutcome(operator.before, operator.after, 'in all')}</b><MeanPrice of={of} />{' '}
          {of.priced_out_total === 0 ? 'Nobody gets less.' : <><b>{of.priced_out_total}</b> {of.priced_out_total === 1 ? 'order gets' : 'orders get'} less{of.gained_total > 0 && <>, {of.gained_total} more</>}.</>}
        </p>
        <BandBars rows={rows} />
        <div className="padx pb-3 col g6">
          {caveats(of).map((c) => <Note key={c} tone="warn">{c}</Note>)}
          {of.skipped.length > 0 && <Note tone="acc">Left out: {of.skipped.slice(0, 3).map((s) => `round ${s.number}, ${s.reason}`).join('; ')}{of.skipped.length > 3 && ` and ${of.skipped.length - 3} more`}.</Note>}
          <p className="help">Bids, offers and cancellations are those that were sent; what wins or fails here carries over to the later rounds. {of.band.length > 0 && <>The whisker lets the bids for {unit.label} follow the schedule’s mean price with an elasticity of {of.band.map((b) => `${Number(b.elasticity)} (${formatPercent(Number(b.demand))} of the demand)`).join(' and ')}: assumptions, not measured here.</>}</p>
        </div>
      </ChartFrame>
      {of.priced_out.length > 0 && (
        <Panel title="Who would have got less" note={of.priced_out_total > of.priced_out.length ? `the first ${of.priced_out.length} of ${of.priced_out_total}` : `${unit.many} × slots`}>
          <DataTable label="Who would have got less" columns={outColumns(of.resource)} rows={of.priced_out} rowKey={(o) => o.order} csvName={`${of.pool}-priced-out`} height={280} dense />
        </Panel>
      )}
      <Panel title="Round by round" note={`prices in cr/${unit.one}·slot, the mean of the round`}>
        <DataTable label="Simulated rounds" columns={roundColumns(of.resource)} rows={of.rounds} rowKey={(r) => String(r.number)} initialSort={{ id: 'round', desc: true }} csvName={`${of.pool}-simulated-rounds`} height={280} dense />
      </Panel>
    </>
  );
}

/** Nothing until one is asked for. */
export function SimulationPanel({ of }: { of: Simulation }) {
  if (of.isPending) return <Panel title="Simulation"><Waiting since={of.submittedAt} onCancel={of.cancel} /></Panel>;
  if (of.error) {
    const body = of.variables;
    return (
      <Panel title="Simulation">
        <div className="pad col g8" role="alert">
          <Note tone="bad">{of.error.said}</Note>
          {body && <div className="row g8"><Button onClick={() => of.mutate(body)}>Try again</Button><Button kind="quiet" onClick={of.cancel}>Dismiss</Button></div>}
        </div>
      </Panel>
    );
  }
  return of.data ? <Answer of={of.data} /> : null;
}
