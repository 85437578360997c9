import { Button, Note, ResourceView } from '@/components/ui';
import { type Instance, type ServiceLevel as Level, useMay, useResource } from '@/lib/api';
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

/** What the saved strategy covers at today's prices, by resource and together, beside what it promises. */
export function ServiceLevel({ instance, onUse }: { instance: Instance; onUse: (costs: Costs) => void }) {
  const may = useMay('forecasts:read');
  const of = useResource<Level>(may && instance.strategy.auto_bid ? `/instances/${instance.id}/service_level` : null, undefined, 60_000);
  if (!may || !instance.strategy.auto_bid) return null;
  return (
    <ResourceView of={of} rows={3}>
      {(level) => (
        <section aria-label="Service level as saved" className="col g8">
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
          {level.joint.reason && <p className="help">{level.joint.reason}</p>}
          <Warning level={level} onUse={onUse} />
        </section>
      )}
    </ResourceView>
  );
}
