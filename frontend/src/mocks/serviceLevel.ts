import { pools } from './pools.ts';
import { slotAt } from './clock.ts';
import type { Instance, ServiceLevel } from '../lib/api/objects.ts';

const share = (value: number) => value.toFixed(6);
const price = (value: number) => value.toFixed(9);

/** As the server does it for resources that peak together: then the lowest level is that of all. */
export function serviceLevel(of: Instance): ServiceLevel {
  const bid = of.strategy.auto_bid;
  const prices = pools.find((p) => p.slug === of.pool)?.resources ?? [];
  const resources = Object.entries(bid?.shortage_cost ?? {}).map(([resource, cost]) => {
    const now = prices.find((r) => r.resource === resource)?.price?.price ?? cost;
    return { resource, price: now, price_from: 'trade', shortage_cost: cost, service_level: share(Math.max(0, 1 - Number(now) / Number(cost))) };
  });
  const joint = resources.length ? Math.min(...resources.map((r) => Number(r.service_level))) : null;
  const promised = bid?.promised_service_level ?? null;
  const needed = Object.fromEntries(resources.map((r) => [r.resource, price(Math.max(Number(r.shortage_cost), Number(r.price) / (1 - Number(promised))))]));
  return {
    instance: of.id, slot: slotAt(0), promised_service_level: promised, resources,
    joint: { service_level: joint === null ? null : share(joint), at_least: joint === null ? null : share(joint), outcomes: 288, reason: joint === null ? 'Nothing is bid for automatically: no resource has a shortage cost.' : null },
    warning: joint !== null && promised !== null && joint < Number(promised) ? { code: 'service_level_under_promised', detail: 'Raise the shortage cost, or promise less.', shortage_cost: needed } : null,
  };
}
