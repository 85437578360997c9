import { Button, Note } from '@/components/ui';
import { asProblem, type Instance, type ServiceLevel as Level, type Strategy, useMay, usePreview } from '@/lib/api';
import { exactPrice, formatPrice, unitOf, unitPrice } from '@/lib/money';
import { flooredPercent } from './strategy';

type Costs = Record<string, string>;

function Warning({ level, onUse }: { level: Level; onUse: (costs: Costs) => void }) {
  const { warning } = level;
  if (!warning) return null;
  const costs = Object.fromEntries(Object.entries(warning.shortage_cost).map(([r, cost]) => [r, exactPrice(r, cost)]));
  const asked = Object.entries(costs).map(([r, cost]) => `${cost} cr a ${unitOf(r).one}`).join(' and ');
  return (
    <div role="status" aria-label="Service level warning" className="col g8">
      <Note tone="warn">
        <b>Under the promised service level.</b>{' '}
        {warning.code === 'service_level_out_of_reach'
          ? <>No shortage cost up to the price cap carries it at today’s prices: promise less.</>
          : <>At today’s prices it takes shortage costs of {asked}, or a lower promise.</>}
      </Note>
      {warning.code !== 'service_level_out_of_reach' && <Button size="sm" onClick={() => onUse(costs)}>Fill in these costs</Button>}
    </div>
  );
}

const AGAIN_MS = 60_000;

/** What the strategy covers at today's prices as it is typed, by resource and together, beside what it promises. */
export function ServiceLevel({ instance, typed, saved, onUse }: { instance: Instance; typed: Pick<Strategy, 'auto_bid'> | null; saved: boolean; onUse: (costs: Costs) => void }) {
  const may = useMay('forecasts:read');
  const of = usePreview<Level>(`/instances/${instance.id}/service_level`, may ? typed : null, AGAIN_MS);
  if (!may || !typed) return null;
  if (of.error) return <Note tone="warn">{asProblem(of.error).said}</Note>;
  const level = of.data;
  if (!level) return <p className="help">Reckoning what it covers…</p>;
  const title = saved ? 'Service level as saved' : 'Service level as typed, not saved';
  return (
    <section aria-label={title} className={`col g8 ${of.fresh ? '' : 'stale-data'}`}>
      <h3 className="lab">{title}</h3>
      <dl className="kv">
        {level.resources.map((r) => [
          <dt key={`${r.resource}-name`}>{unitOf(r.resource).label} covered</dt>,
          <dd key={r.resource} style={{ whiteSpace: 'normal' }}>up to <b>{flooredPercent(r.service_level)}</b> <span className="t2">at {formatPrice(unitPrice(r.resource, r.price))} cr a {unitOf(r.resource).one}{r.price_from === 'reference' ? ', not traded yet' : ''}</span></dd>,
        ])}
        <dt>None of them short</dt>
        <dd>{level.joint.service_level !== null
          ? <b>{flooredPercent(level.joint.service_level)}</b>
          : <>not known yet{level.joint.at_least !== null && <>; at least <b>{flooredPercent(level.joint.at_least)}</b></>}</>}
        </dd>
        <dt>Promised</dt>
        <dd>{level.promised_service_level ? <b>{flooredPercent(level.promised_service_level)}</b> : 'nothing'}</dd>
      </dl>
      {level.resources.filter((r) => Number(r.service_level) === 0).map(({ resource, price }) => {
        const { label, one } = unitOf(resource);
        return <Note key={resource} tone="warn">{label}: at {formatPrice(unitPrice(resource, price))} cr a {one} cover costs no less than the shortage it saves: nothing is bid that high. A dearer shortage buys more.</Note>;
      })}
      {level.joint.reason && <p className="help">{level.joint.reason}</p>}
      <Warning level={level} onUse={onUse} />
    </section>
  );
}
